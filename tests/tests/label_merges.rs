//! What follows a merge of labels although no conversation is touched: live lists on every process, views, counts and pages
//! that were begun before.

use std::collections::BTreeSet;

use tandem_access::Role;
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{
    CountConversationsRequest, CreateViewRequest, GetViewRequest, Label, ListConversationsRequest,
    ListLabelsRequest, MergeLabelsRequest, View, ViewScope, WatchConversationsRequest, WatchedList,
};
use tandem_proto::r#type::v1::{ConversationFilter, TagFilter};
use tandem_tests::{Parts, Screen, Suite, item_at, stored, watched_list, whatsapp};

/// Conversations, each with one label of its own, named by its number.
async fn labelled(suite: &Suite, count: usize) -> (Vec<String>, Vec<Label>) {
    let channel = suite.create_channel().await;
    let who = |n: usize| vec![whatsapp(&format!("US.{n}"))];
    let now = suite.ambient.now();
    let items = (0..count).map(|n| item_at(format!("m{n}"), who(n), "hello", now)).collect();
    let results = suite.ingest(0, channel, items).await.results;
    let ids: Vec<String> = results.into_iter().map(|result| stored(result).conversation_id).collect();
    for (number, id) in ids.iter().enumerate() {
        suite.label(0, id, &[number.to_string().as_str()], &[]).await.unwrap();
    }
    let labels = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    (ids, labels)
}

async fn merge(suite: &Suite, going: &Label, staying: &Label) {
    let request = MergeLabelsRequest {
        request_id: suite.request_id(),
        label_id: going.id.clone(),
        into_label_id: staying.id.clone(),
    };
    suite.as_admin().merge_labels(request).await.unwrap();
}

fn any(label: &Label) -> ConversationFilter {
    let labels = TagFilter { any: vec![label.id.clone()], ..TagFilter::default() };
    ConversationFilter { labels: Some(labels), ..ConversationFilter::default() }
}

fn none(label: &Label) -> ConversationFilter {
    let labels = TagFilter { none: vec![label.id.clone()], ..TagFilter::default() };
    ConversationFilter { labels: Some(labels), ..ConversationFilter::default() }
}

/// The lead's stream of one list.
async fn open(suite: &Suite, replica: usize, request: WatchConversationsRequest) -> Screen {
    Screen::open(suite.as_role(replica, "lead", Role::Supervisor), request).await
}

fn set(ids: &[String], numbers: &[usize]) -> BTreeSet<String> {
    numbers.iter().map(|number| ids[*number].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn live_lists_follow_a_merge_on_every_process() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let (ids, labels) = labelled(&suite, 4).await;
    // Lists by the label that stays, by the one that goes, without it, by another one and by none.
    let cases = [
        (any(&labels[1]), &[1][..], &[0, 1][..]),
        (any(&labels[0]), &[0], &[0, 1]),
        (none(&labels[1]), &[0, 2, 3], &[2, 3]),
        (any(&labels[2]), &[2], &[2]),
        (ConversationFilter::default(), &[0, 1, 2, 3], &[0, 1, 2, 3]),
    ];
    let mut streams = Vec::new();
    for replica in 0..2 {
        for (filter, before, after) in &cases {
            let mut live = open(&suite, replica, watched_list(filter.clone())).await;
            live.until("the snapshot", |live| live.snapshots == 1).await;
            assert_eq!(live.ids(), set(&ids, before));
            streams.push((live, set(&ids, after), before != after));
        }
    }
    merge(&suite, &labels[0], &labels[1]).await;
    for (live, after, told) in &mut streams {
        if *told {
            live.until("the merge is told", |live| live.resets == 1 && live.ids() == *after).await;
        }
    }
    // Whatever is not concerned is left alone: the next thing that these hear of is a message.
    suite.as_ai(1).send_message(suite.answer(&ids[2], 1, 1, &["hi"])).await.unwrap();
    for (live, after, told) in streams.iter_mut().filter(|(_, after, _)| after.contains(&ids[2])) {
        live.rows.remove(&ids[2]);
        live.until("the row comes again", |live| live.rows.contains_key(&ids[2])).await;
        assert_eq!((live.resets, live.ids()), (usize::from(*told), after.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_after_a_merge_is_told_of_it() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let (ids, labels) = labelled(&suite, 2).await;
    let mut live = open(&suite, 0, watched_list(any(&labels[1]))).await;
    live.until("the snapshot", |live| live.snapshots == 1).await;
    let resume_token = live.resume_token.clone();
    drop(live);
    merge(&suite, &labels[0], &labels[1]).await;
    let resumed = WatchConversationsRequest { resume_token, ..watched_list(any(&labels[1])) };
    let mut live = open(&suite, 1, resumed).await;
    live.until("the merge is told", |live| live.ids() == set(&ids, &[0, 1])).await;
    assert_eq!(live.resets, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_counts_and_pages_follow_a_merged_label() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (ids, labels) = labelled(&suite, 3).await;
    let mut views = ViewServiceClient::new(suite.as_role(0, "lead", Role::Supervisor));
    let view = View {
        name: "by a label".to_owned(),
        scope: ViewScope::Tenant.into(),
        filter: Some(any(&labels[0])),
        ..View::default()
    };
    let request = CreateViewRequest { request_id: suite.request_id(), view: Some(view) };
    let view = views.create_view(request).await.unwrap().into_inner().view.unwrap();
    merge(&suite, &labels[1], &labels[0]).await;
    // A page that was begun before another merge goes on after it.
    let by_view = ListConversationsRequest { view_id: view.id.clone(), page_size: 1, ..Default::default() };
    let mut lead = suite.conversations(1, "lead", Role::Supervisor);
    let first = lead.list_conversations(by_view.clone()).await.unwrap().into_inner();
    merge(&suite, &labels[0], &labels[2]).await;
    let (mut shown, mut page_token) = (first.rows, first.next_page_token);
    while !page_token.is_empty() {
        let next = ListConversationsRequest { page_token, ..by_view.clone() };
        let page = lead.list_conversations(next).await.unwrap().into_inner();
        shown.extend(page.rows);
        page_token = page.next_page_token;
    }
    let of_pages: BTreeSet<String> = shown.into_iter().map(|row| row.conversation.unwrap().id).collect();
    assert!(of_pages.len() >= 2, "{of_pages:?}");
    // From the beginning: whatever became one label, by the id of one that went.
    let whole = ListConversationsRequest { page_size: 200, ..by_view };
    let rows = lead.list_conversations(whole).await.unwrap().into_inner().rows;
    let listed: BTreeSet<String> = rows.into_iter().map(|row| row.conversation.unwrap().id).collect();
    assert_eq!(listed, set(&ids, &[0, 1, 2]));
    let request = CountConversationsRequest { filters: vec![any(&labels[0])], ..Default::default() };
    assert_eq!(lead.count_conversations(request).await.unwrap().into_inner().counts[0].count, 3);
    let mut watched = watched_list(ConversationFilter::default());
    watched.lists[0] = WatchedList { view_id: view.id.clone(), filter: None, ..watched.lists[0].clone() };
    let mut live = open(&suite, 1, watched).await;
    live.until("the snapshot", |live| live.snapshots == 1).await;
    assert_eq!(live.ids(), set(&ids, &[0, 1, 2]));
    let request = GetViewRequest { view_id: view.id, at_least_as_fresh: Vec::new() };
    let view = views.get_view(request).await.unwrap().into_inner().view.unwrap();
    assert_eq!(view.problems, [], "nothing that it names is gone");
}
