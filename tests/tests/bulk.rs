//! One change to many conversations: each is changed or refused alone, and a repetition answers the same.

use std::sync::Arc;

use chrono::TimeDelta;
use tandem_proto::conversation::v1::bulk_result::Outcome;
use tandem_proto::conversation::v1::bulk_update_conversations_request::Change;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    BulkClose, BulkLabels, BulkMarkRead, BulkSnooze, BulkUpdateConversationsRequest,
    BulkUpdateConversationsResponse, Conversation, ListConversationsRequest, ListLabelsRequest,
};
use tandem_proto::r#type::v1::{ConversationFilter, ConversationStatus, ErrorReason, HolderKind, Priority};
use tandem_tests::{Parts, Suite, refused, time, wrong};
use tonic::Code;

fn request(suite: &Suite, ids: &[String], change: Change) -> BulkUpdateConversationsRequest {
    BulkUpdateConversationsRequest {
        request_id: suite.request_id(),
        conversation_ids: ids.to_vec(),
        change: Some(change),
    }
}

fn close() -> Change {
    Change::Close(BulkClose { reason: "done".to_owned() })
}

fn labels(add: &[&str], remove: &[&str]) -> Change {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Change::Labels(BulkLabels { add: names(add), remove: names(remove) })
}

/// What became of each: the conversation, or why not.
fn outcomes(answer: BulkUpdateConversationsResponse) -> Vec<Result<Conversation, ErrorReason>> {
    answer
        .results
        .into_iter()
        .map(|result| match result.outcome.unwrap() {
            Outcome::Updated(conversation) => {
                assert_eq!(conversation.id, result.conversation_id);
                Ok(conversation)
            }
            Outcome::Refused(refused) => {
                assert!(!refused.message.is_empty());
                Err(refused.reason())
            }
        })
        .collect()
}

async fn bulk(suite: &Suite, ids: &[String], change: Change) -> Vec<Result<Conversation, ErrorReason>> {
    let mut agent = suite.as_agent(1, 0);
    outcomes(agent.bulk_update_conversations(request(suite, ids, change)).await.unwrap().into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_conversations_take_each_change() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let ids = suite.begin(suite.create_channel().await, "a", 100).await;
    let done = bulk(&suite, &ids, Change::Priority(Priority::Urgent.into())).await;
    assert!(done.iter().all(|done| done.as_ref().unwrap().priority() == Priority::Urgent));
    let order: Vec<&String> = done.iter().map(|done| &done.as_ref().unwrap().id).collect();
    assert_eq!(order, ids.iter().collect::<Vec<_>>(), "in the order of the request");

    let done = bulk(&suite, &ids, labels(&["refund", "VIP"], &["unheard of"])).await;
    assert!(done.iter().all(|done| done.as_ref().unwrap().label_ids.len() == 2));
    bulk(&suite, &ids[..30], labels(&[], &["vip"])).await;
    let known = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    let counts: Vec<_> = known.iter().map(|label| (label.name.as_str(), label.conversation_count)).collect();
    assert_eq!(counts, [("refund", 100), ("VIP", 70)]);

    let unread = || async {
        let filter = ConversationFilter { unread: Some(true), ..ConversationFilter::default() };
        let list = ListConversationsRequest { filter: Some(filter), page_size: 200, ..Default::default() };
        suite.as_agent(0, 0).list_conversations(list).await.unwrap().into_inner().rows.len()
    };
    assert_eq!(unread().await, 100);
    bulk(&suite, &ids[..60], Change::MarkRead(BulkMarkRead {})).await;
    assert_eq!(unread().await, 40);

    let until = suite.ambient.now() + TimeDelta::hours(1);
    let snooze = || BulkSnooze { until: Some(time(until)), note: "tomorrow".to_owned() };
    let done = bulk(&suite, &ids, Change::Snooze(snooze())).await;
    assert!(done.iter().all(|done| done.as_ref().unwrap().snoozed_until == Some(time(until))));

    let done = bulk(&suite, &ids, close()).await;
    for done in done {
        let closed = done.unwrap();
        assert_eq!((closed.status(), closed.epoch), (ConversationStatus::Closed, 2));
        assert_eq!(closed.holder.unwrap().kind(), HolderKind::Nobody);
    }
    let entries = suite.timeline(&ids[99]).await;
    let reasons: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Some(Event::StatusChanged(change)) => {
                Some((change.to(), change.reason.as_str(), change.note.as_str()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons,
        [(ConversationStatus::Snoozed, "", "tomorrow"), (ConversationStatus::Closed, "done", "")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stands_or_fails_alone_and_a_replay_answers_the_same() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let mut ids = suite.begin(suite.create_channel().await, "a", 4).await;
    suite.take_over(1, &ids[1]).await.unwrap();
    bulk(&suite, &ids[2..3], close()).await.remove(0).unwrap();
    ids.insert(3, suite.request_id());
    let until = suite.ambient.now() + TimeDelta::hours(1);
    let snooze = Change::Snooze(BulkSnooze { until: Some(time(until)), note: String::new() });
    let asked = request(&suite, &ids, snooze);
    let first = suite.as_agent(0, 0).bulk_update_conversations(asked.clone()).await.unwrap().into_inner();
    let kinds: Vec<_> = outcomes(first.clone()).into_iter().map(Result::err).collect();
    assert_eq!(
        kinds,
        [
            None,
            Some(ErrorReason::HeldByOther),
            Some(ErrorReason::ConversationClosed),
            Some(ErrorReason::NotFound),
            None
        ]
    );
    let before = suite.get(&ids[0]).await.version;
    // Also when their states would answer otherwise by now, and by the other process.
    suite.release(1, &ids[1]).await;
    let again = suite.as_agent(1, 0).bulk_update_conversations(asked.clone()).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(suite.get(&ids[0]).await.version, before, "done once");
    let other = BulkUpdateConversationsRequest { change: Some(close()), ..asked };
    let other = suite.as_agent(1, 0).bulk_update_conversations(other).await;
    refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
    // Labels: the one that is full is refused, the others are not.
    let many: Vec<String> = (0..20).map(|n| format!("label {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    bulk(&suite, &ids[..1], labels(&many, &[])).await.remove(0).unwrap();
    let done = bulk(&suite, &ids[..2], labels(&["one more"], &[])).await;
    assert_eq!(done[0], Err(ErrorReason::LimitReached));
    assert_eq!(done[1].as_ref().unwrap().label_ids.len(), 1);
    // A call that meets nothing makes no labels.
    let nothing = bulk(&suite, &[suite.request_id()], labels(&["stray"], &[])).await;
    assert_eq!(nothing, [Err(ErrorReason::NotFound)]);
    let known = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    assert!(known.iter().all(|label| label.name != "stray"));
}

#[tokio::test(flavor = "multi_thread")]
async fn crossing_calls_neither_hang_nor_lose_a_change() {
    let suite = Arc::new(Suite::start(Parts::WITH_ASSIGNMENT).await);
    suite.agents(2).await;
    let ids = suite.begin(suite.create_channel().await, "a", 60).await;
    let tasks: Vec<_> = (0..12_usize)
        .map(|number| {
            let suite = suite.clone();
            let mut ids = ids.clone();
            if number % 2 == 1 {
                ids.reverse();
            }
            tokio::spawn(async move {
                let name = format!("label {number}");
                let asked = request(&suite, &ids, labels(&[&name, "shared"], &[]));
                let mut agent = suite.as_agent(number, number % 2);
                outcomes(agent.bulk_update_conversations(asked).await.unwrap().into_inner())
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().iter().all(Result::is_ok));
    }
    let known = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    assert_eq!(known.len(), 13);
    for label in known {
        assert_eq!(label.conversation_count, 60, "{}", label.name);
    }
    assert_eq!(suite.get(&ids[0]).await.label_ids.len(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_change_nothing() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let ids = suite.begin(suite.create_channel().await, "a", 2).await;
    let mut agent = suite.as_agent(0, 0);
    let twice = vec![ids[0].clone(), ids[1].clone(), ids[0].clone()];
    wrong(agent.bulk_update_conversations(request(&suite, &twice, close())).await, &["conversation_ids[2]"]);
    let many: Vec<String> = (0..101).map(|_| suite.request_id()).collect();
    wrong(agent.bulk_update_conversations(request(&suite, &many, close())).await, &["conversation_ids"]);
    let past = Change::Snooze(BulkSnooze { until: Some(time(suite.ambient.now())), note: String::new() });
    wrong(agent.bulk_update_conversations(request(&suite, &ids, past)).await, &["snooze.until"]);
    let read = request(&suite, &ids, Change::MarkRead(BulkMarkRead {}));
    let nobody = suite.as_admin().bulk_update_conversations(read).await;
    refused(nobody, Code::FailedPrecondition, "AGENT_INACTIVE");
    for id in &ids {
        assert_eq!(suite.get(id).await.version, 1);
    }
}
