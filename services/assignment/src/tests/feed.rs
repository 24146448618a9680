use tandem_change_feed::{Apply, Change, ChangeKind, Hydrate};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::assignment::v1::notification_service_server::NotificationService;
use tandem_proto::feed::v1::change::Body;
use uuid::Uuid;

use super::sandbox::{Sandbox, TENANT, admin, agent, ai};
use crate::feed::Directory;

async fn queued(sandbox: &Sandbox, team: Uuid) -> Uuid {
    let conversation = sandbox.conversation().await;
    let message = proto::HandOffRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        expected_epoch: 1,
        reason: 1,
        team_id: team.to_string(),
        ..proto::HandOffRequest::default()
    };
    sandbox.assignment.hand_off(ai(message)).await.unwrap();
    conversation
}

async fn notified(sandbox: &Sandbox, subject: &str) -> Vec<proto::Notification> {
    let listed = sandbox.notifications.list_notifications(agent(subject, Default::default())).await.unwrap();
    listed.into_inner().notifications
}

async fn history(sandbox: &Sandbox, conversation: Uuid) -> usize {
    let message = proto::ListHolderHistoryRequest {
        conversation_id: conversation.to_string(),
        ..proto::ListHolderHistoryRequest::default()
    };
    match sandbox.assignment.list_holder_history(admin(message)).await {
        Ok(history) => history.into_inner().entries.len(),
        Err(_) => usize::MAX,
    }
}

#[tokio::test]
async fn notifications_are_made_once_however_often_the_feed_replays() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 0).await);
    let team = sandbox.team("Team", &[ada]).await;
    let conversation = queued(&sandbox, team).await;
    sandbox.catch_up().await;
    let first = notified(&sandbox, "ada").await;
    assert_eq!((first.len(), first[0].kind()), (1, proto::NotificationKind::TeamQueue));
    assert_eq!((first[0].conversation_id.as_str(), first[0].epoch), (conversation.to_string().as_str(), 2));
    assert_eq!(first[0].actor_id, "ai");
    // Bob comes later: what was before is not told to him, neither by a replay nor by a rebuild.
    sandbox.team("Late", &[bob]).await;
    let joined = proto::UpdateTeamRequest {
        request_id: sandbox.id(),
        team: Some(proto::Team {
            id: team.to_string(),
            etag: "1".to_owned(),
            agent_ids: vec![ada.to_string(), bob.to_string()],
            ..proto::Team::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["agent_ids".to_owned()] }),
    };
    use tandem_proto::assignment::v1::directory_service_server::DirectoryService;
    sandbox.directory.update_team(admin(joined)).await.unwrap();
    let changes = sandbox.fake.state().changes.clone();
    for generation in [1, 1, 2] {
        sandbox.apply(generation, &changes).await;
    }
    assert_eq!(notified(&sandbox, "ada").await, first);
    assert_eq!(notified(&sandbox, "bob").await, []);
    assert_eq!(history(&sandbox, conversation).await, 1);
}

#[tokio::test]
async fn older_states_never_win_and_a_rebuild_sweeps_what_is_gone() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let (kept, lost) = (sandbox.conversation().await, sandbox.conversation().await);
    for conversation in [kept, lost] {
        let message = proto::AssignRequest {
            request_id: sandbox.id(),
            conversation_id: conversation.to_string(),
            assignee: Some(proto::assign_request::Assignee::AgentId(ada.to_string())),
            ..proto::AssignRequest::default()
        };
        sandbox.assignment.assign(admin(message)).await.unwrap();
    }
    sandbox.catch_up().await;
    assert_eq!(sandbox.held(ada).await, 2);
    let changes = sandbox.fake.state().changes.clone();
    // The first two are the states before the assignments.
    sandbox.apply(1, &changes[..2]).await;
    assert_eq!(sandbox.held(ada).await, 2);
    // Another history: the same version of one conversation, and nothing of the other.
    let of = |id: Uuid| {
        move |change: &&Change| match change.body.as_ref().unwrap() {
            Body::Conversation(conversation) => conversation.id == id.to_string(),
            Body::TimelineEntry(entry) => entry.conversation_id == id.to_string(),
            _ => false,
        }
    };
    let snapshot: Vec<Change> = changes.iter().filter(of(kept)).skip(1).cloned().collect();
    sandbox.apply(2, &snapshot).await;
    let mut tx = tandem_database::begin(&sandbox.app.pool).await.unwrap();
    sandbox.feed.sweep(&mut tx, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((history(&sandbox, kept).await, history(&sandbox, lost).await), (1, usize::MAX));
    assert_eq!(sandbox.held(ada).await, 1);
    // A conversation that no longer exists is forgotten.
    let gone = Change {
        tenant_id: TENANT.to_string(),
        entity_id: kept.to_string(),
        kind: ChangeKind::Conversation.into(),
        ..Change::default()
    };
    sandbox.apply(2, &[gone]).await;
    assert_eq!(sandbox.held(ada).await, 0);
}

#[tokio::test]
async fn what_cannot_be_read_does_not_stop_the_feed() {
    let sandbox = Sandbox::start().await;
    let conversation = sandbox.conversation().await;
    let mut changes = sandbox.fake.state().changes.clone();
    let Some(Body::Conversation(state)) = &mut changes[0].body else { panic!("a state") };
    (state.status, state.version) = (99, 2);
    let mut closed = changes[0].clone();
    let Some(Body::Conversation(state)) = &mut closed.body else { panic!("a state") };
    (state.status, state.version) = (4, 3);
    let nonsense = Change { tenant_id: "x".to_owned(), ..changes[0].clone() };
    changes.extend([nonsense, closed]);
    sandbox.apply(1, &changes).await;
    assert_eq!(history(&sandbox, conversation).await, 0);
}

#[tokio::test]
async fn agents_and_teams_are_told_to_others() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 2).await, sandbox.agent("bob", 0).await);
    let team = sandbox.team("Team", &[ada]).await;
    let directory = Directory { ambient: sandbox.app.ambient.clone() };
    let mut connection = sandbox.app.pool.acquire().await.unwrap();
    let unknown = Uuid::from_u128(1);
    let ids = [(TENANT, ada), (TENANT, unknown)];
    let read = directory.read(&mut connection, ChangeKind::Agent, &ids).await.unwrap();
    assert_eq!(read.len(), 1);
    let Body::Agent(body) = &read[0].body else { panic!("an agent") };
    assert_eq!((body.subject.as_str(), body.version), ("ada", 1));
    let mut agents = [ada, bob];
    agents.sort();
    let page =
        directory.page(&mut connection, ChangeKind::Agent, (Uuid::nil(), Uuid::nil()), 1).await.unwrap();
    assert_eq!(page.iter().map(|row| row.entity_id).collect::<Vec<_>>(), agents[..1]);
    let page = directory.page(&mut connection, ChangeKind::Agent, (TENANT, agents[0]), 9).await.unwrap();
    assert_eq!(page.iter().map(|row| row.entity_id).collect::<Vec<_>>(), agents[1..]);
    let page =
        directory.page(&mut connection, ChangeKind::Team, (Uuid::nil(), Uuid::nil()), 9).await.unwrap();
    assert_eq!((page.len(), page[0].entity_id), (1, team));
}
