//! Heartbeats, and the work of those who are not there.

use chrono::TimeDelta;
use prost_types::FieldMask;
use tandem_access::Role;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::Presence::{self, Away, Busy, Offline, Online};
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::directory_service_server::DirectoryService;
use tandem_proto::assignment::v1::operation_service_server::OperationService;
use tandem_proto::assignment::v1::presence_service_server::PresenceService;
use uuid::Uuid;

use super::sandbox::{OTHER_TENANT, Sandbox, admin, agent, call, time};
use super::{fields, reason};

/// Seconds after the sandbox's start.
fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(crate::rpc::convert::timestamp(time() + TimeDelta::seconds(seconds)))
}

async fn beat(sandbox: &Sandbox, who: &str, status: Presence, ttl_s: Option<i32>) -> proto::AgentPresence {
    let message = proto::SetPresenceRequest { status: status.into(), ttl_s };
    let answer = sandbox.presences.set_presence(agent(who, message)).await.unwrap();
    answer.into_inner().presence.unwrap()
}

fn pass(sandbox: &Sandbox, seconds: i64) {
    sandbox.app.ambient.clock().advance(TimeDelta::seconds(seconds));
}

async fn of(sandbox: &Sandbox, agent_id: Uuid) -> proto::AgentPresence {
    let message = proto::ListPresencesRequest { agent_ids: vec![agent_id.to_string()], ..Default::default() };
    let mut listed = sandbox.presences.list_presences(admin(message)).await.unwrap().into_inner().presences;
    let listed = listed.pop().unwrap();
    let get = proto::GetAgentRequest { agent_id: agent_id.to_string() };
    let got = sandbox.directory.get_agent(admin(get)).await.unwrap().into_inner().agent.unwrap();
    assert_eq!(got.presence(), listed.presence());
    listed
}

#[tokio::test]
async fn a_heartbeat_counts_until_it_expires() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let (never, expected) = (of(&sandbox, ada).await, proto::AgentPresence::default());
    assert_eq!(
        never,
        proto::AgentPresence { agent_id: ada.to_string(), presence: Offline.into(), ..expected }
    );
    let first = beat(&sandbox, "ada", Online, None).await;
    assert_eq!((first.presence(), first.since, first.expire_time), (Online, at(0), at(60)));
    pass(&sandbox, 50);
    let again = beat(&sandbox, "ada", Online, Some(300)).await;
    assert_eq!((again.since, again.expire_time), (at(0), at(350)), "without a gap");
    assert_eq!(of(&sandbox, ada).await, again);
    let busy = beat(&sandbox, "ada", Busy, Some(10)).await;
    assert_eq!((busy.presence(), busy.since, busy.expire_time), (Busy, at(50), at(60)));
    pass(&sandbox, 10);
    let gone = of(&sandbox, ada).await;
    assert_eq!((gone.presence(), gone.since, gone.expire_time), (Offline, at(60), None));
    // To say so changes nothing; to come back begins anew, also as the same.
    pass(&sandbox, 5);
    assert_eq!(beat(&sandbox, "ada", Offline, None).await.since, at(60));
    assert_eq!(beat(&sandbox, "ada", Busy, None).await.since, at(65));
    pass(&sandbox, 5);
    let left = beat(&sandbox, "ada", Offline, None).await;
    assert_eq!((left.presence(), left.since, left.expire_time), (Offline, at(70), None));
    assert_eq!(of(&sandbox, ada).await, left, "at once");
    // No version, and nothing for the feed.
    let get = proto::GetAgentRequest { agent_id: ada.to_string() };
    let got = sandbox.directory.get_agent(admin(get)).await.unwrap().into_inner().agent.unwrap();
    assert_eq!(got.version, 1);
    let mut connection = sandbox.app.pool.acquire().await.unwrap();
    let told: i64 = sqlx::query_scalar("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM feed)")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(told, 1, "the agent's creation alone");
}

#[tokio::test]
async fn who_may_be_there_and_who_is_shown() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 0).await);
    let team = sandbox.team("Team", &[ada, bob]).await;
    beat(&sandbox, "ada", Away, None).await;
    let list = proto::ListPresencesRequest { team_id: team.to_string(), ..Default::default() };
    let listed =
        sandbox.presences.list_presences(agent("bob", list.clone())).await.unwrap().into_inner().presences;
    let mut expected = [(ada.to_string(), Away), (bob.to_string(), Offline)];
    expected.sort();
    let shown: Vec<_> = listed.iter().map(|one| (one.agent_id.clone(), one.presence())).collect();
    assert_eq!(shown, expected);
    let foreign = call(OTHER_TENANT, "admin", Role::Admin, list.clone());
    assert_eq!(reason(sandbox.presences.list_presences(foreign).await), "NOT_FOUND");
    let theirs = proto::ListPresencesRequest { team_id: String::new(), agent_ids: vec![ada.to_string()] };
    let foreign = call(OTHER_TENANT, "admin", Role::Admin, theirs.clone());
    assert!(sandbox.presences.list_presences(foreign).await.unwrap().into_inner().presences.is_empty());
    let both = proto::ListPresencesRequest { team_id: team.to_string(), ..theirs };
    let none = proto::ListPresencesRequest::default();
    let many = proto::ListPresencesRequest { agent_ids: vec![ada.to_string(); 201], ..none.clone() };
    for wrong in [both, none, many] {
        assert_eq!(fields(sandbox.presences.list_presences(admin(wrong)).await), ["agent_ids"]);
    }
    for (status, ttl_s, expected) in
        [(0, None, &["status"][..]), (9, Some(9), &["status", "ttl_s"]), (1, Some(301), &["ttl_s"])]
    {
        let message = proto::SetPresenceRequest { status, ttl_s };
        assert_eq!(fields(sandbox.presences.set_presence(agent("ada", message)).await), expected);
    }
    let online = proto::SetPresenceRequest { status: Online.into(), ttl_s: None };
    assert_eq!(reason(sandbox.presences.set_presence(agent("nobody", online)).await), "AGENT_INACTIVE");
    let message = proto::DeactivateAgentRequest { request_id: sandbox.id(), agent_id: ada.to_string() };
    let deactivated = sandbox.directory.deactivate_agent(admin(message)).await.unwrap().into_inner();
    assert_eq!(deactivated.agent.unwrap().presence(), Offline);
    assert_eq!(reason(sandbox.presences.set_presence(agent("ada", online)).await), "AGENT_INACTIVE");
    let shown = of(&sandbox, ada).await;
    assert_eq!((shown.presence(), shown.since), (Offline, None));
}

/// `ada` in two teams with rules of their own, and what ada holds.
async fn ruled(sandbox: &Sandbox, rules: [(Option<i32>, Option<i32>); 2]) -> (Uuid, Vec<Uuid>, String) {
    let ada = sandbox.agent("ada", 0).await;
    let mut queue = String::new();
    for (number, (away_after_s, offline_after_s)) in rules.into_iter().enumerate() {
        let id = sandbox.team(&format!("Team {number}"), &[ada]).await.to_string();
        let get = proto::GetTeamRequest { team_id: id.clone() };
        let team = sandbox.directory.get_team(admin(get)).await.unwrap().into_inner().team.unwrap();
        let rule = proto::ReturnRule { away_after_s, offline_after_s };
        let message = proto::UpdateTeamRequest {
            request_id: sandbox.id(),
            team: Some(proto::Team { return_rule: Some(rule), ..team }),
            update_mask: Some(FieldMask { paths: vec!["return_rule".to_owned()] }),
        };
        sandbox.directory.update_team(admin(message)).await.unwrap();
        if number == 0 {
            queue = id;
        }
    }
    (ada, sandbox.given(ada, 2).await, queue)
}

async fn operations(sandbox: &Sandbox, agent_id: Uuid) -> Vec<proto::Operation> {
    let message = proto::ListOperationsRequest { agent_id: agent_id.to_string(), ..Default::default() };
    sandbox.operations.list_operations(admin(message)).await.unwrap().into_inner().operations
}

#[tokio::test]
async fn what_an_agent_holds_who_is_away_returns_once() {
    let sandbox = Sandbox::start().await;
    let (ada, held, queue) = ruled(&sandbox, [(Some(900), None), (Some(120), None)]).await;
    beat(&sandbox, "ada", Online, Some(300)).await;
    pass(&sandbox, 200);
    sandbox.settle().await;
    beat(&sandbox, "ada", Away, Some(100)).await;
    pass(&sandbox, 90);
    beat(&sandbox, "ada", Away, Some(100)).await;
    sandbox.settle().await;
    assert!(held.iter().all(|id| sandbox.holder(*id).1 == ada.to_string()), "not yet");
    // The shorter of the teams' rules, from when it began.
    pass(&sandbox, 30);
    beat(&sandbox, "ada", Away, Some(100)).await;
    sandbox.settle().await;
    for id in &held {
        assert_eq!(sandbox.holder(*id), (3, queue.clone(), 3));
    }
    let begun = operations(&sandbox, ada).await;
    assert_eq!(begun.len(), 1);
    assert_eq!(
        (begun[0].kind(), begun[0].state()),
        (proto::OperationKind::ReturnWork, proto::OperationState::Done)
    );
    assert_eq!((begun[0].moved, begun[0].remaining, begun[0].actor_id.as_str()), (2, 0, "system"));
    // What is given to whoever is still away stays there, also after many heartbeats.
    sandbox.assign(held[0], Assignee::AgentId(ada.to_string())).await;
    for _ in 0..5 {
        pass(&sandbox, 60);
        beat(&sandbox, "ada", Away, Some(100)).await;
        sandbox.settle().await;
    }
    pass(&sandbox, 10_000);
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]), (2, ada.to_string(), 4));
    // The next absence returns it.
    beat(&sandbox, "ada", Online, None).await;
    beat(&sandbox, "ada", Away, None).await;
    pass(&sandbox, 120);
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]), (3, queue, 5));
}

#[tokio::test]
async fn what_an_agent_holds_who_is_offline_returns_once() {
    let sandbox = Sandbox::start().await;
    let (ada, held, queue) = ruled(&sandbox, [(None, Some(600)), (None, Some(30))]).await;
    // Who never was there keeps it.
    pass(&sandbox, 10_000);
    sandbox.settle().await;
    beat(&sandbox, "ada", Online, Some(60)).await;
    pass(&sandbox, 89);
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]).1, ada.to_string());
    // A heartbeat in time; then none.
    beat(&sandbox, "ada", Online, Some(60)).await;
    pass(&sandbox, 89);
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]).1, ada.to_string());
    pass(&sandbox, 1);
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[1]), (3, queue.clone(), 3));
    sandbox.assign(held[0], Assignee::AgentId(ada.to_string())).await;
    beat(&sandbox, "ada", Offline, None).await;
    pass(&sandbox, 10_000);
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]), (2, ada.to_string(), 4), "assigned to who is offline, it stays");
    // To leave by one's own word counts from then on.
    beat(&sandbox, "ada", Online, Some(300)).await;
    beat(&sandbox, "ada", Offline, None).await;
    pass(&sandbox, 29);
    beat(&sandbox, "ada", Offline, None).await;
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]).1, ada.to_string());
    pass(&sandbox, 1);
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]), (3, queue, 5));
    assert_eq!(operations(&sandbox, ada).await.len(), 2, "none over nothing");
}

#[tokio::test]
async fn a_rule_of_no_time_returns_at_once_and_without_rules_nothing_returns() {
    let sandbox = Sandbox::start().await;
    let (_, held, queue) = ruled(&sandbox, [(Some(0), Some(0)), (None, None)]).await;
    beat(&sandbox, "ada", Away, None).await;
    beat(&sandbox, "ada", Away, None).await;
    sandbox.settle().await;
    assert_eq!(sandbox.holder(held[0]), (3, queue, 3));
    let bob = sandbox.agent("bob", 0).await;
    sandbox.team("Calm", &[bob]).await;
    let calm = sandbox.given(bob, 1).await;
    for status in [Online, Away, Offline] {
        beat(&sandbox, "bob", status, None).await;
        pass(&sandbox, 100_000);
        sandbox.settle().await;
    }
    assert_eq!(sandbox.holder(calm[0]), (2, bob.to_string(), 2));
}
