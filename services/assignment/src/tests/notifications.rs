use chrono::TimeDelta;
use futures::{Stream, StreamExt};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::assignment::v1::notification_service_server::NotificationService;
use tonic::Status;
use uuid::Uuid;

use super::sandbox::{Sandbox, agent, supervisor};
use super::{fields, guarded, reason};
use crate::ticker::tick;

/// The supervisor gives the agent a conversation.
async fn give(sandbox: &Sandbox, agent: Uuid, note: &str) -> Uuid {
    let conversation = sandbox.conversation().await;
    let message = proto::AssignRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        assignee: Some(proto::assign_request::Assignee::AgentId(agent.to_string())),
        note: note.to_owned(),
        ..proto::AssignRequest::default()
    };
    sandbox.assignment.assign(supervisor("lead", message)).await.unwrap();
    sandbox.catch_up().await;
    conversation
}

fn list(size: i32, token: &str) -> proto::ListNotificationsRequest {
    proto::ListNotificationsRequest {
        page_size: size,
        page_token: token.to_owned(),
        at_least_as_fresh: Vec::new(),
    }
}

async fn next(
    stream: &mut (impl Stream<Item = Result<proto::WatchNotificationsResponse, Status>> + Unpin),
) -> proto::WatchNotificationsResponse {
    guarded(stream.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn notifications_are_listed_newest_first_and_marked_read_by_their_agent_alone() {
    let sandbox = Sandbox::start().await;
    let (ada, lead) = (sandbox.agent("ada", 0).await, sandbox.agent("lead", 0).await);
    for number in 0..5 {
        give(&sandbox, ada, &format!("note {number}")).await;
    }
    let service = &sandbox.notifications;
    let (mut notes, mut ids, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = service.list_notifications(agent("ada", list(2, &token))).await.unwrap().into_inner();
        assert_eq!(page.unread, 5);
        for notification in page.notifications {
            assert_eq!(notification.kind(), proto::NotificationKind::Assigned);
            assert_eq!((notification.agent_id, notification.actor_id), (ada.to_string(), lead.to_string()));
            notes.push(notification.note);
            ids.push(notification.id);
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(notes, ["note 4", "note 3", "note 2", "note 1", "note 0"]);
    let mark = proto::MarkNotificationsReadRequest { notification_ids: ids[..2].to_vec() };
    let others = service.mark_notifications_read(agent("lead", mark.clone())).await.unwrap();
    assert_eq!(others.into_inner().unread, 0);
    for _ in 0..2 {
        let marked = service.mark_notifications_read(agent("ada", mark.clone())).await.unwrap();
        assert_eq!(marked.into_inner().unread, 3);
    }
    let page = service.list_notifications(agent("ada", list(0, ""))).await.unwrap().into_inner();
    let read: Vec<bool> = page.notifications.iter().map(|one| one.read_time.is_some()).collect();
    assert_eq!(read, [true, true, false, false, false]);
    assert_eq!(reason(service.list_notifications(agent("nobody", list(0, ""))).await), "AGENT_INACTIVE");
    let none = proto::MarkNotificationsReadRequest::default();
    assert_eq!(fields(service.mark_notifications_read(agent("ada", none)).await), ["notification_ids"]);
    // Kept for thirty days.
    sandbox.app.ambient.clock().advance(TimeDelta::days(31));
    tick(&sandbox.app).await.unwrap();
    let page = service.list_notifications(agent("ada", list(0, ""))).await.unwrap().into_inner();
    assert_eq!((page.notifications.len(), page.unread), (0, 0));
    let changes = sandbox.fake.state().changes.clone();
    sandbox.apply(2, &changes).await;
    let page = service.list_notifications(agent("ada", list(0, ""))).await.unwrap().into_inner();
    assert_eq!(page.notifications.len(), 0, "a rebuild does not bring them back");
}

#[tokio::test]
async fn a_stream_misses_nothing_and_goes_on_where_it_ended() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    sandbox.agent("lead", 0).await;
    give(&sandbox, ada, "before").await;
    let service = &sandbox.notifications;
    let begin = agent("ada", proto::WatchNotificationsRequest::default());
    let mut stream = service.watch_notifications(begin).await.unwrap().into_inner();
    let heartbeat = next(&mut stream).await;
    assert!(heartbeat.notification.is_none() && !heartbeat.resume_token.is_empty());
    give(&sandbox, ada, "one").await;
    let one = next(&mut stream).await;
    assert_eq!(one.notification.unwrap().note, "one");
    give(&sandbox, ada, "two").await;
    assert_eq!(next(&mut stream).await.notification.unwrap().note, "two");
    drop(stream);
    give(&sandbox, ada, "three").await;
    let message = proto::WatchNotificationsRequest { resume_token: one.resume_token };
    let mut stream = service.watch_notifications(agent("ada", message.clone())).await.unwrap().into_inner();
    assert!(next(&mut stream).await.notification.is_none());
    for note in ["two", "three"] {
        assert_eq!(next(&mut stream).await.notification.unwrap().note, note);
    }
    let stolen = service.watch_notifications(agent("lead", message)).await.map(|_| tonic::Response::new(()));
    assert_eq!(fields(stolen), ["resume_token"]);
}
