//! Many conversations that change their holder, whatever ends in the middle.

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_change_feed::{Body, Change, ChangeKind};
use tandem_fault::{Fault, Reason};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::OperationState::{Done, Running};
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::assignment::v1::directory_service_server::DirectoryService;
use tandem_proto::assignment::v1::operation_service_server::OperationService;
use tandem_proto::assignment::v1::transfer_all_request::To;
use tandem_proto::conversation::v1::{Channel, ChannelPolicy, TransferHolderRequest};
use tandem_proto::r#type::v1::{Actor, ActorKind, ErrorReason, Holder, HolderChangeCause, HolderKind};
use uuid::Uuid;

use super::fake::Mishap;
use super::sandbox::{OTHER_CHANNEL, OTHER_TENANT, Sandbox, TENANT, admin, agent, call, supervisor};
use super::transfer::give;
use super::{fields, guarded, reason};
use crate::domain::operation::carry_on;

async fn deactivate(sandbox: &Sandbox, agent_id: Uuid) -> proto::DeactivateAgentResponse {
    let message = proto::DeactivateAgentRequest { request_id: sandbox.id(), agent_id: agent_id.to_string() };
    sandbox.directory.deactivate_agent(admin(message)).await.unwrap().into_inner()
}

fn transfer_all(sandbox: &Sandbox, from: Uuid, to: To) -> proto::TransferAllRequest {
    proto::TransferAllRequest {
        request_id: sandbox.id(),
        from_agent_id: from.to_string(),
        to: Some(to),
        ..Default::default()
    }
}

async fn far(sandbox: &Sandbox, operation: &proto::Operation) -> proto::Operation {
    let message = proto::GetOperationRequest { operation_id: operation.id.clone() };
    sandbox.operations.get_operation(admin(message)).await.unwrap().into_inner().operation.unwrap()
}

fn counts(operation: &proto::Operation) -> (i32, i32, i32, i32) {
    (operation.moved, operation.skipped, operation.failed, operation.remaining)
}

#[tokio::test]
async fn a_deactivation_returns_each_conversation_to_its_teams_queue() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let second = sandbox.team("B second", &[ada]).await;
    let first = sandbox.team("A first", &[ada]).await;
    let other = sandbox.team("Other", &[]).await;
    // Held by a team before, whoever held it in between.
    let had_team = sandbox.conversation().await;
    sandbox.assign(had_team, Assignee::TeamId(other.to_string())).await;
    sandbox.assign(had_team, Assignee::AgentId(sandbox.agent("bob", 0).await.to_string())).await;
    sandbox.assign(had_team, Assignee::AgentId(ada.to_string())).await;
    let plain = sandbox.given(ada, 1).await[0];
    let elsewhere = sandbox.fake.conversation(TENANT, OTHER_CHANNEL, true);
    let unseen = sandbox.fake.conversation(TENANT, Uuid::from_u128(0xc3), true);
    sandbox.catch_up().await;
    for id in [elsewhere, unseen] {
        sandbox.assign(id, Assignee::AgentId(ada.to_string())).await;
    }
    let policy = ChannelPolicy { default_team_id: second.to_string(), ..Default::default() };
    let channel = Channel { policy: Some(policy), version: 1, ..Default::default() };
    let change = Change {
        seq: 0,
        tenant_id: TENANT.to_string(),
        entity_id: OTHER_CHANNEL.to_string(),
        kind: ChangeKind::Channel.into(),
        body: Some(Body::Channel(channel)),
    };
    sandbox.apply(1, &[change]).await;

    let answer = deactivate(&sandbox, ada).await;
    let left = answer.agent.unwrap();
    assert_eq!((left.state(), left.version), (proto::AgentState::Deactivated, 2));
    assert_eq!(left.team_ids.len(), 2, "memberships stay");
    let begun = answer.operation.unwrap();
    assert_eq!((begun.state(), counts(&begun), begun.to.is_none()), (Running, (0, 0, 0, 4), true));
    // Nothing is assigned any more.
    let refused = sandbox.assignment.assign(admin(give(&sandbox, sandbox.conversation().await, ada))).await;
    assert_eq!(reason(refused), "AGENT_INACTIVE");
    carry_on(&sandbox.app).await.unwrap();
    assert_eq!(far(&sandbox, &begun).await.state(), Running, "until it is seen");
    sandbox.settle().await;
    let done = far(&sandbox, &begun).await;
    assert_eq!((done.state(), counts(&done), done.end_time.is_some()), (Done, (4, 0, 0, 0), true));
    let queue = |team: Uuid, epoch: i64| (3, team.to_string(), epoch);
    assert_eq!(sandbox.holder(had_team), queue(other, 5));
    assert_eq!(sandbox.holder(plain), queue(first, 3));
    assert_eq!(sandbox.holder(elsewhere), queue(second, 3));
    assert_eq!(sandbox.holder(unseen), (4, String::new(), 3));
    assert_eq!(sandbox.held(ada).await, 0);

    // Who is deactivated twice is asked anew; who comes back is there with everything.
    let again = deactivate(&sandbox, ada).await;
    assert_eq!((again.agent.unwrap().version, again.operation.unwrap().remaining), (2, 0));
    let back = proto::ReactivateAgentRequest { request_id: sandbox.id(), agent_id: ada.to_string() };
    let first_answer = sandbox.directory.reactivate_agent(admin(back.clone())).await.unwrap().into_inner();
    assert_eq!(sandbox.directory.reactivate_agent(admin(back)).await.unwrap().into_inner(), first_answer);
    let agent = first_answer.agent.unwrap();
    assert_eq!((agent.state(), agent.version, agent.team_ids.len()), (proto::AgentState::Active, 3, 2));
    sandbox.assign(plain, Assignee::AgentId(ada.to_string())).await;
    sandbox.settle().await;
    assert_eq!(sandbox.holder(plain), (2, ada.to_string(), 4), "no old operation takes it");
}

#[tokio::test]
async fn whatever_ends_in_the_middle_each_is_moved_once() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let team = sandbox.team("Team", &[ada]).await;
    let held = sandbox.given(ada, 60).await;
    let begun = deactivate(&sandbox, ada).await.operation.unwrap();
    let before = sandbox.fake.state().asked.len();
    // A process ends after a few transfers, whose answers nobody reads; others as well.
    for killed_after in [3, 20, 45] {
        let reached = async {
            while sandbox.fake.state().asked.len() < before + killed_after {
                tokio::task::yield_now().await;
            }
        };
        guarded(async {
            tokio::select! {
                biased;
                () = reached => {}
                done = carry_on(&sandbox.app) => panic!("not yet: {done:?}"),
            }
        })
        .await;
        carry_on(&sandbox.app).await.unwrap();
        assert!(far(&sandbox, &begun).await.moved < 60, "the lease of the one that ended counts");
        sandbox.app.ambient.clock().advance(TimeDelta::seconds(61));
    }
    sandbox.fake.mishap(Mishap::LoseAnswer);
    sandbox.settle().await;
    sandbox.app.ambient.clock().advance(TimeDelta::seconds(61));
    sandbox.settle().await;
    let done = far(&sandbox, &begun).await;
    assert_eq!((done.state(), counts(&done)), (Done, (60, 0, 0, 0)));
    for id in held {
        assert_eq!(sandbox.holder(id), (3, team.to_string(), 3), "moved once");
    }
}

#[tokio::test]
async fn two_replicas_move_each_once() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let team = sandbox.team("Team", &[ada]).await;
    let held = sandbox.given(ada, 20).await;
    let begun = deactivate(&sandbox, ada).await.operation.unwrap();
    let answers = guarded(futures::future::join_all((0..4).map(|_| carry_on(&sandbox.app)))).await;
    assert!(answers.iter().all(Result::is_ok));
    sandbox.settle().await;
    assert_eq!(counts(&far(&sandbox, &begun).await), (20, 0, 0, 0));
    for id in held {
        assert_eq!(sandbox.holder(id), (3, team.to_string(), 3));
    }
}

#[tokio::test]
async fn what_others_took_or_conversation_refuses_does_not_block() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 0).await);
    let team = sandbox.team("Team", &[ada, bob]).await;
    let held = sandbox.given(ada, 4).await;
    let begun = deactivate(&sandbox, ada).await.operation.unwrap();
    // A colleague takes one before it is moved; of another there is no answer.
    let taken = proto::TakeOverRequest {
        request_id: sandbox.id(),
        conversation_id: held[0].to_string(),
        force: true,
        ..Default::default()
    };
    sandbox.assignment.take_over(supervisor("bob", taken)).await.unwrap();
    sandbox.fake.mishap(Mishap::LoseRequest);
    carry_on(&sandbox.app).await.unwrap();
    sandbox.settle().await;
    let done = far(&sandbox, &begun).await;
    assert_eq!((done.state(), counts(&done)), (Done, (3, 1, 0, 0)));
    assert_eq!(sandbox.holder(held[0]), (2, bob.to_string(), 3));
    assert!(held[1..].iter().all(|id| sandbox.holder(*id) == (3, team.to_string(), 3)));
    // What is refused for a reason of its own is counted, and the operation ends.
    let stuck = sandbox.given(bob, 1).await;
    let begun = deactivate(&sandbox, bob).await.operation.unwrap();
    assert_eq!(begun.remaining, 2);
    sandbox.fake.mishap(Mishap::Refuse(Fault::new(Reason::LimitReached, "full")));
    sandbox.settle().await;
    let done = far(&sandbox, &begun).await;
    assert_eq!((done.state(), counts(&done)), (Done, (1, 0, 1, 0)));
    assert_eq!(done.failed_reason(), ErrorReason::LimitReached);
    let still = [held[0], stuck[0]].into_iter().filter(|id| sandbox.holder(*id).0 == 2).count();
    assert_eq!(still, 1);
}

#[tokio::test]
async fn a_transfer_that_was_on_its_way_to_the_agent_is_returned_too() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let team = sandbox.team("Team", &[ada]).await;
    let conversation = sandbox.conversation().await;
    // Landed, and nobody heard of it before the deactivation.
    sandbox.fake.mishap(Mishap::LoseAnswer);
    sandbox.assignment.assign(admin(give(&sandbox, conversation, ada))).await.unwrap_err();
    let begun = deactivate(&sandbox, ada).await.operation.unwrap();
    assert_eq!(begun.remaining, 0);
    carry_on(&sandbox.app).await.unwrap();
    assert_eq!(far(&sandbox, &begun).await.state(), Running, "it may still land");
    sandbox.settle().await;
    assert_eq!(sandbox.holder(conversation), (3, team.to_string(), 3));
    let done = far(&sandbox, &begun).await;
    assert_eq!((done.state(), counts(&done)), (Done, (1, 0, 0, 0)));
    // A reactivation ends what is left.
    let back =
        |id: Uuid| proto::ReactivateAgentRequest { request_id: sandbox.id(), agent_id: id.to_string() };
    sandbox.directory.reactivate_agent(admin(back(ada))).await.unwrap();
    let held = sandbox.given(ada, 2).await;
    let begun = deactivate(&sandbox, ada).await.operation.unwrap();
    sandbox.directory.reactivate_agent(admin(back(ada))).await.unwrap();
    sandbox.settle().await;
    let ended = far(&sandbox, &begun).await;
    assert_eq!((ended.state(), counts(&ended)), (Done, (0, 2, 0, 0)));
    assert!(held.iter().all(|id| sandbox.holder(*id).1 == ada.to_string()));
}

#[tokio::test]
async fn what_conversation_gave_before_it_knew_is_returned_when_it_is_shown() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let team = sandbox.team("Team", &[ada]).await;
    let late = sandbox.conversation().await;
    let begun = deactivate(&sandbox, ada).await.operation.unwrap();
    sandbox.settle().await;
    assert_eq!(far(&sandbox, &begun).await.state(), Done);
    // A reply that took the conversation over, by a screen that did not know yet: not through this service.
    let to = Holder { kind: HolderKind::Agent.into(), id: ada.to_string(), ..Holder::default() };
    let taken = TransferHolderRequest {
        request_id: sandbox.id(),
        conversation_id: late.to_string(),
        to: Some(to),
        cause: HolderChangeCause::TakeOver.into(),
        actor: Some(Actor { kind: ActorKind::Agent.into(), id: ada.to_string(), ..Actor::default() }),
        ..TransferHolderRequest::default()
    };
    sandbox.fake.state().transfer(TENANT, &taken).unwrap();
    sandbox.catch_up().await;
    sandbox.settle().await;
    assert_eq!(sandbox.holder(late), (3, team.to_string(), 3));
    let list = proto::ListOperationsRequest { agent_id: ada.to_string(), ..Default::default() };
    let listed = sandbox.operations.list_operations(admin(list)).await.unwrap().into_inner().operations;
    let seen: Vec<_> = listed.iter().map(|one| (one.state(), one.moved, one.actor_id.as_str())).collect();
    assert_eq!(seen, [(Done, 1, "system"), (Done, 0, "business")]);
}

#[tokio::test]
async fn what_a_restore_of_conversations_database_undid_does_not_keep_an_operation_running() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let held = sandbox.given(ada, 2).await;
    let begun = deactivate(&sandbox, ada).await.operation.unwrap();
    sandbox.fake.state().conversations.remove(&(TENANT, held[0]));
    let gone = sqlx::query("DELETE FROM conversation WHERE id = $1").bind(held[0]);
    gone.execute(&sandbox.app.pool).await.unwrap();
    sandbox.settle().await;
    let ended = far(&sandbox, &begun).await;
    assert_eq!((ended.state(), counts(&ended)), (Done, (1, 1, 0, 0)));
}

#[tokio::test]
async fn what_is_shown_while_an_agent_comes_back_stays_with_the_agent() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    sandbox.team("Team", &[ada]).await;
    let late = sandbox.conversation().await;
    deactivate(&sandbox, ada).await;
    sandbox.settle().await;
    let to = Holder { kind: HolderKind::Agent.into(), id: ada.to_string(), ..Holder::default() };
    let taken = TransferHolderRequest {
        request_id: sandbox.id(),
        conversation_id: late.to_string(),
        to: Some(to),
        cause: HolderChangeCause::TakeOver.into(),
        actor: Some(Actor { kind: ActorKind::Agent.into(), id: ada.to_string(), ..Actor::default() }),
        ..TransferHolderRequest::default()
    };
    sandbox.fake.state().transfer(TENANT, &taken).unwrap();
    // The reactivation is about to commit when the feed shows what the agent holds.
    let mut reactivation = tandem_database::begin(&sandbox.app.pool).await.unwrap();
    let update = sqlx::query("UPDATE agent SET state = 1 WHERE id = $1").bind(ada);
    update.execute(&mut *reactivation).await.unwrap();
    let shown = async {
        sandbox.catch_up().await;
    };
    let commit = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&sandbox.app.pool).await.unwrap() == 0 {}
        reactivation.commit().await.unwrap();
    };
    guarded(async { tokio::join!(shown, commit) }).await;
    sandbox.settle().await;
    assert_eq!(sandbox.holder(late), (HolderKind::Agent.into(), ada.to_string(), 2));
}

#[tokio::test]
async fn everything_is_given_away_within_capacity_and_beyond_by_who_leads() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 2).await);
    let team = sandbox.team("Team", &[ada, bob]).await;
    let held = sandbox.given(ada, 5).await;
    let message = transfer_all(&sandbox, ada, To::AgentId(bob.to_string()));
    let message = proto::TransferAllRequest { note: "take care".to_owned(), ..message };
    let first = sandbox.assignment.transfer_all(agent("ada", message.clone())).await.unwrap().into_inner();
    let again = sandbox.assignment.transfer_all(agent("ada", message.clone())).await.unwrap().into_inner();
    assert_eq!(first, again);
    let begun = first.operation.unwrap();
    assert_eq!((begun.kind(), begun.remaining), (proto::OperationKind::TransferAll, 5));
    // What comes later is not part of it.
    let later = sandbox.given(ada, 1).await[0];
    sandbox.settle().await;
    let done = far(&sandbox, &begun).await;
    assert_eq!((done.state(), counts(&done)), (Done, (2, 0, 3, 0)));
    assert_eq!((done.failed_reason(), done.actor_id), (ErrorReason::CapacityFull, ada.to_string()));
    assert_eq!((sandbox.held(bob).await, sandbox.held(ada).await), (2, 4));
    assert!(sandbox.fake.state().asked.iter().any(|asked| asked.note == "take care"));
    let forced = proto::TransferAllRequest {
        force: true,
        ..transfer_all(&sandbox, ada, To::AgentId(bob.to_string()))
    };
    assert_eq!(fields(sandbox.assignment.transfer_all(agent("ada", forced.clone())).await), ["force"]);
    sandbox.assignment.transfer_all(supervisor("lead", forced)).await.unwrap();
    sandbox.settle().await;
    assert_eq!((sandbox.held(bob).await, sandbox.held(ada).await), (6, 0));
    assert_eq!(sandbox.holder(later), (2, bob.to_string(), 3));
    let to_team = transfer_all(&sandbox, bob, To::TeamId(team.to_string()));
    assert_eq!(
        fields(sandbox.assignment.transfer_all(agent("ada", to_team.clone())).await),
        ["from_agent_id"]
    );
    let begun =
        sandbox.assignment.transfer_all(admin(to_team)).await.unwrap().into_inner().operation.unwrap();
    sandbox.settle().await;
    assert_eq!(counts(&far(&sandbox, &begun).await), (6, 0, 0, 0));
    assert!(held.iter().all(|id| sandbox.holder(*id).1 == team.to_string()));
}

#[tokio::test]
async fn who_may_ask_for_operations_and_see_them() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 0).await);
    let unknown: Uuid = sandbox.id().parse().unwrap();
    let to_bob = || To::AgentId(bob.to_string());
    let ask = async |message| reason(sandbox.assignment.transfer_all(admin(message)).await);
    assert_eq!(ask(transfer_all(&sandbox, unknown, to_bob())).await, "NOT_FOUND");
    assert_eq!(ask(transfer_all(&sandbox, ada, To::AgentId(unknown.to_string()))).await, "NOT_FOUND");
    assert_eq!(ask(transfer_all(&sandbox, ada, To::TeamId(unknown.to_string()))).await, "NOT_FOUND");
    let itself = transfer_all(&sandbox, bob, to_bob());
    assert_eq!(fields(sandbox.assignment.transfer_all(admin(itself)).await), ["agent_id"]);
    let message = proto::DeactivateAgentRequest { request_id: sandbox.id(), agent_id: unknown.to_string() };
    assert_eq!(reason(sandbox.directory.deactivate_agent(admin(message)).await), "NOT_FOUND");
    let message = proto::ReactivateAgentRequest { request_id: sandbox.id(), agent_id: unknown.to_string() };
    assert_eq!(reason(sandbox.directory.reactivate_agent(admin(message)).await), "NOT_FOUND");

    let mut made = Vec::new();
    for _ in 0..3 {
        let message = transfer_all(&sandbox, ada, to_bob());
        let begun = sandbox.assignment.transfer_all(admin(message)).await.unwrap().into_inner();
        made.insert(0, begun.operation.unwrap().id);
        sandbox.app.ambient.clock().advance(TimeDelta::seconds(1));
    }
    let list = proto::ListOperationsRequest { agent_id: ada.to_string(), page_size: 2, ..Default::default() };
    let page = sandbox.operations.list_operations(agent("ada", list.clone())).await.unwrap().into_inner();
    let next = proto::ListOperationsRequest { page_token: page.next_page_token, ..list.clone() };
    let rest = sandbox.operations.list_operations(agent("ada", next)).await.unwrap().into_inner();
    assert_eq!(rest.next_page_token, "");
    let all: Vec<_> = page.operations.into_iter().chain(rest.operations).map(|one| one.id).collect();
    assert_eq!(all, made, "newest first");
    let get = proto::GetOperationRequest { operation_id: made[0].clone() };
    sandbox.operations.get_operation(agent("ada", get.clone())).await.unwrap();
    for other in [agent("bob", get.clone()), call(OTHER_TENANT, "admin", Role::Admin, get)] {
        assert_eq!(reason(sandbox.operations.get_operation(other).await), "NOT_FOUND");
    }
    for other in [agent("bob", list.clone()), call(OTHER_TENANT, "admin", Role::Admin, list)] {
        assert!(sandbox.operations.list_operations(other).await.unwrap().into_inner().operations.is_empty());
    }
    // They are forgotten a month after their end.
    sandbox.settle().await;
    sandbox.app.ambient.clock().advance(TimeDelta::days(31));
    sandbox.settle().await;
    let list = proto::ListOperationsRequest { agent_id: ada.to_string(), ..Default::default() };
    assert!(
        sandbox.operations.list_operations(admin(list)).await.unwrap().into_inner().operations.is_empty()
    );
}
