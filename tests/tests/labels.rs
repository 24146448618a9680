//! Labels: counted as they are put on and taken off, renamed in one row, merged without touching a conversation.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Row};
use tandem_proto::conversation::v1::{
    Label, ListConversationsRequest, ListLabelsRequest, MergeLabelsRequest, RenameLabelRequest,
    UpdateLabelsResponse,
};
use tandem_proto::r#type::v1::{ConversationFilter, TagFilter};
use tandem_tests::{Parts, Suite, refused};
use tonic::{Code, Status};

async fn label(
    suite: &Suite,
    replica: usize,
    id: &str,
    add: &[&str],
    remove: &[&str],
) -> UpdateLabelsResponse {
    suite.label(replica, id, add, remove).await.unwrap()
}

async fn all(suite: &Suite) -> Vec<Label> {
    suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels
}

/// Names and counts.
async fn counts(suite: &Suite) -> Vec<(String, i64)> {
    all(suite).await.into_iter().map(|label| (label.name, label.conversation_count)).collect()
}

async fn named(suite: &Suite, name: &str) -> Label {
    all(suite).await.into_iter().find(|label| label.name == name).unwrap()
}

fn rename(suite: &Suite, label: &Label, name: &str) -> RenameLabelRequest {
    RenameLabelRequest {
        request_id: suite.request_id(),
        label_id: label.id.clone(),
        name: name.to_owned(),
        etag: label.etag.clone(),
    }
}

fn merge(suite: &Suite, going: &Label, staying: &Label) -> MergeLabelsRequest {
    MergeLabelsRequest {
        request_id: suite.request_id(),
        label_id: going.id.clone(),
        into_label_id: staying.id.clone(),
    }
}

async fn found(suite: &Suite, labels: TagFilter) -> BTreeSet<String> {
    let filter = ConversationFilter { labels: Some(labels), ..ConversationFilter::default() };
    let request = ListConversationsRequest { filter: Some(filter), page_size: 200, ..Default::default() };
    let rows = suite.as_admin().list_conversations(request).await.unwrap().into_inner().rows;
    rows.into_iter().map(|row| row.conversation.unwrap().id).collect()
}

/// Which row versions the table of conversations holds: a write of any makes another.
async fn row_versions(suite: &Suite) -> Vec<(String, String)> {
    let mut connection =
        PgConnectOptions::from_str(&suite.conversation_url).unwrap().connect().await.unwrap();
    let rows = sqlx::query("SELECT id::text, xmin::text || ctid::text FROM conversation ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    rows.into_iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_counted_and_renamed() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let ids = suite.begin(suite.create_channel().await, "a", 3).await;
    label(&suite, 0, &ids[0], &["Refund", "VIP"], &[]).await;
    label(&suite, 1, &ids[1], &["refund"], &[]).await;
    label(&suite, 1, &ids[1], &["REFUND"], &[]).await;
    label(&suite, 0, &ids[2], &["Refund"], &[]).await;
    assert_eq!(counts(&suite).await, pairs(&[("Refund", 3), ("VIP", 1)]));
    label(&suite, 1, &ids[2], &["spare"], &["refund", "vip"]).await;
    assert_eq!(counts(&suite).await, pairs(&[("Refund", 2), ("spare", 1), ("VIP", 1)]));

    let refund = named(&suite, "Refund").await;
    let before = row_versions(&suite).await;
    let request = rename(&suite, &refund, " Money back ");
    let renamed = suite.as_admin().rename_label(request.clone()).await.unwrap().into_inner();
    let money = renamed.label.clone().unwrap();
    assert_eq!((money.id.as_str(), money.name.as_str()), (refund.id.as_str(), "Money back"));
    assert_eq!(money.conversation_count, 2);
    assert_eq!(suite.as_admin().rename_label(request).await.unwrap().into_inner(), renamed, "the same again");
    assert_eq!(row_versions(&suite).await, before, "no conversation was touched");
    let stale = suite.as_admin().rename_label(rename(&suite, &refund, "x")).await;
    refused(stale, Code::Aborted, "ETAG_MISMATCH");
    let taken = suite.as_admin().rename_label(rename(&suite, &money, "vip")).await;
    refused(taken, Code::AlreadyExists, "ALREADY_EXISTS");
    let case = suite.as_admin().rename_label(rename(&suite, &money, "MONEY BACK")).await.unwrap();
    assert_eq!(case.into_inner().label.unwrap().name, "MONEY BACK", "in another case it is still its own");
    let nothing = Label { id: suite.request_id(), ..money };
    refused(suite.as_admin().rename_label(rename(&suite, &nothing, "x")).await, Code::NotFound, "NOT_FOUND");
    // The old name is free.
    label(&suite, 0, &ids[2], &["refund"], &[]).await;
    assert_ne!(named(&suite, "refund").await.id, refund.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_touches_no_conversation() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let ids = suite.begin(suite.create_channel().await, "a", 6).await;
    // 0: a, 1: b, 2: a and b, 3: c, 4: b and c, 5: d
    for (id, names) in ids.iter().zip([&["a"][..], &["b"], &["a", "b"], &["c"], &["b", "c"], &["d"]]) {
        label(&suite, 1, id, names, &[]).await;
    }
    let (a, b, c, d) = (
        named(&suite, "a").await,
        named(&suite, "b").await,
        named(&suite, "c").await,
        named(&suite, "d").await,
    );
    let before = row_versions(&suite).await;
    let request = merge(&suite, &a, &b);
    let merged = suite.as_admin().merge_labels(request.clone()).await.unwrap().into_inner();
    let stays = merged.label.clone().unwrap();
    assert_eq!((stays.name.as_str(), stays.conversation_count, stays.count_exact), ("b", 4, true));
    assert_eq!(suite.as_admin().merge_labels(request).await.unwrap().into_inner(), merged, "the same again");
    assert_eq!(counts(&suite).await, pairs(&[("b", 4), ("c", 2), ("d", 1)]));
    // Reads follow the pointer, each label once.
    for id in &ids[..3] {
        assert_eq!(suite.get(id).await.label_ids, vec![b.id.clone()]);
    }
    // Filters by either id find both.
    let set = |numbers: &[usize]| -> BTreeSet<String> { numbers.iter().map(|n| ids[*n].clone()).collect() };
    for id in [&a.id, &b.id] {
        let any = TagFilter { any: vec![id.clone()], ..TagFilter::default() };
        assert_eq!(found(&suite, any).await, set(&[0, 1, 2, 4]));
        let every = TagFilter { all: vec![id.clone(), c.id.clone()], ..TagFilter::default() };
        assert_eq!(found(&suite, every).await, set(&[4]));
        let none = TagFilter { none: vec![id.clone()], ..TagFilter::default() };
        assert_eq!(found(&suite, none).await, set(&[3, 5]));
    }
    let both = TagFilter { all: vec![a.id.clone(), b.id.clone()], ..TagFilter::default() };
    assert_eq!(found(&suite, both).await, set(&[0, 1, 2, 4]));
    // No chain: what became b becomes c with it; by the id of one that went, too.
    let merged = suite.as_admin().merge_labels(merge(&suite, &a, &c)).await.unwrap().into_inner();
    assert_eq!(merged.label.unwrap().conversation_count, 5);
    assert_eq!(suite.as_admin().merge_labels(merge(&suite, &b, &c)).await.unwrap().into_inner().label, {
        Some(named(&suite, "c").await)
    });
    for id in [&a.id, &b.id, &c.id] {
        let any = TagFilter { any: vec![id.clone()], ..TagFilter::default() };
        assert_eq!(found(&suite, any).await, set(&[0, 1, 2, 3, 4]));
    }
    assert_eq!(suite.get(&ids[4]).await.label_ids, vec![c.id.clone()]);
    assert_eq!(row_versions(&suite).await, before, "no conversation was touched");
    // Old names mean the label that stayed, to put on and to take off.
    let on = label(&suite, 0, &ids[5], &["A"], &[]).await;
    assert_eq!(on.conversation.unwrap().label_ids, [d.id.clone(), c.id.clone()]);
    let off = label(&suite, 1, &ids[2], &[], &["b"]).await;
    assert!(off.labels.is_empty() && off.conversation.unwrap().label_ids.is_empty());
    assert_eq!(counts(&suite).await, pairs(&[("c", 5), ("d", 1)]));
    let taken = suite.as_admin().rename_label(rename(&suite, &d, "a")).await;
    refused(taken, Code::AlreadyExists, "ALREADY_EXISTS");
    let missing = Label { id: suite.request_id(), ..d.clone() };
    let unknown: Result<_, Status> = suite.as_admin().merge_labels(merge(&suite, &missing, &d)).await;
    refused(unknown, Code::NotFound, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_true_while_labels_are_merged_and_changed() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let ids = Arc::new(suite.begin(suite.create_channel().await, "a", 40).await);
    let names = ["one", "two", "three", "four", "five"];
    label(&suite, 0, &ids[0], &names, &[]).await;
    let labels: Vec<Label> = all(&suite).await;
    let writers: Vec<_> = (0..8_usize)
        .map(|writer| {
            let (suite, ids) = (suite.clone(), ids.clone());
            tokio::spawn(async move {
                for round in 0..20 {
                    let id = &ids[(writer * 7 + round * 3) % ids.len()];
                    let (add, remove) =
                        (names[(writer + round) % 5], names[(writer * 2 + round * 3 + 1) % 5]);
                    if add != remove {
                        label(&suite, writer + round, id, &[add], &[remove]).await;
                    }
                }
            })
        })
        .collect();
    for going in 0..3 {
        let request = merge(&suite, &labels[going], &labels[4]);
        suite.as_admin().merge_labels(request).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let left = all(&suite).await;
    assert_eq!(left.len(), 2);
    for label in left {
        let carrying = found(&suite, TagFilter { any: vec![label.id.clone()], ..TagFilter::default() }).await;
        assert_eq!(label.conversation_count, i64::try_from(carrying.len()).unwrap(), "{}", label.name);
        assert!(label.count_exact);
    }
}
