//! Who is there, and what happens to the work of those who are not.

use chrono::TimeDelta;
use prost_types::FieldMask;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::operation_service_client::OperationServiceClient;
use tandem_proto::assignment::v1::presence_service_client::PresenceServiceClient;
use tandem_proto::assignment::v1::{
    AgentPresence, GetTeamRequest, ListAgentsRequest, ListOperationsRequest, ListPresencesRequest,
    OperationKind, OperationState, Presence, ReturnRule, SetPresenceRequest, Team, UpdateTeamRequest,
};
use tandem_proto::r#type::v1::HolderKind;
use tandem_tests::{Kind, Parts, Suite, eventually, whatsapp};
use uuid::Uuid;

fn presences(suite: &Suite, number: usize) -> PresenceServiceClient<InternalChannel> {
    let spec = suite.spec(&format!("agent-{number}"), Role::Agent);
    PresenceServiceClient::new(suite.channel(Kind::Assignment, 0, &spec))
}

async fn beat(suite: &Suite, number: usize, status: Presence, ttl_s: i32) -> AgentPresence {
    let request = SetPresenceRequest { status: status.into(), ttl_s: Some(ttl_s) };
    presences(suite, number).set_presence(request).await.unwrap().into_inner().presence.unwrap()
}

async fn rule(suite: &Suite, team: Uuid, rule: ReturnRule) {
    let get = GetTeamRequest { team_id: team.to_string() };
    let team = suite.directory().get_team(get).await.unwrap().into_inner().team.unwrap();
    let request = UpdateTeamRequest {
        request_id: suite.request_id(),
        team: Some(Team { return_rule: Some(rule), ..team }),
        update_mask: Some(FieldMask { paths: vec!["return_rule".to_owned()] }),
    };
    suite.directory().update_team(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_is_seen_by_colleagues_until_it_expires() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(3).await;
    beat(&suite, 0, Presence::Online, 60).await;
    beat(&suite, 1, Presence::Away, 300).await;
    let list = async || {
        let request = ListPresencesRequest { team_id: team.to_string(), ..ListPresencesRequest::default() };
        let listed = presences(&suite, 2).list_presences(request).await.unwrap().into_inner().presences;
        agents
            .iter()
            .map(|id| listed.iter().find(|one| one.agent_id == id.to_string()).unwrap().presence())
            .collect::<Vec<_>>()
    };
    assert_eq!(list().await, [Presence::Online, Presence::Away, Presence::Offline]);
    let online = ListAgentsRequest { presences: vec![Presence::Online.into()], ..Default::default() };
    let listed = suite.directory().list_agents(online.clone()).await.unwrap().into_inner().agents;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, listed[0].presence()), (&agents[0].to_string(), Presence::Online));
    suite.ambient.clock().advance(TimeDelta::seconds(61));
    assert_eq!(list().await, [Presence::Offline, Presence::Away, Presence::Offline]);
    assert!(suite.directory().list_agents(online).await.unwrap().into_inner().agents.is_empty());
    beat(&suite, 1, Presence::Offline, 60).await;
    assert_eq!(list().await, [Presence::Offline; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_absent_agent_holds_goes_back_to_the_queue_and_does_not_bounce() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(2).await;
    rule(&suite, team, ReturnRule { away_after_s: None, offline_after_s: Some(120) }).await;
    let channel = suite.create_channel().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        let who = [whatsapp(&format!("US.{number}"))];
        ids.push(suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id);
    }
    beat(&suite, 0, Presence::Online, 60).await;
    beat(&suite, 1, Presence::Online, 300).await;
    for id in &ids[..3] {
        suite.take_over(0, id).await.unwrap();
    }
    suite.take_over(1, &ids[3]).await.unwrap();
    let held = async |number: usize| {
        let find = ListAgentsRequest { query: format!("agent {number}"), ..ListAgentsRequest::default() };
        suite.directory().list_agents(find).await.unwrap().into_inner().agents[0].held
    };
    eventually("assignment knows what is held", async || (held(0).await == 3).then_some(())).await;
    suite.ambient.clock().advance(TimeDelta::seconds(181));
    let lead = suite.channel(Kind::Assignment, 0, &suite.spec("lead", Role::Supervisor));
    let done = eventually("the work returns", async || {
        let request = ListOperationsRequest { agent_id: agents[0].to_string(), ..Default::default() };
        let mut operations = OperationServiceClient::new(lead.clone());
        let listed = operations.list_operations(request).await.unwrap().into_inner().operations;
        listed.into_iter().find(|operation| operation.state() == OperationState::Done)
    })
    .await;
    assert_eq!((done.kind(), done.moved, done.failed), (OperationKind::ReturnWork, 3, 0));
    for id in &ids[..3] {
        let holder = suite.get(id).await.holder.unwrap();
        assert_eq!((holder.kind(), holder.id), (HolderKind::Team, team.to_string()));
    }
    assert_eq!(suite.get(&ids[3]).await.holder.unwrap().id, agents[1].to_string(), "who is there keeps it");
    // Taken by somebody who is offline: it stays, and no second operation begins.
    suite.take_over(0, &ids[0]).await.unwrap();
    eventually("assignment knows what is held", async || (held(0).await == 1).then_some(())).await;
    suite.ambient.clock().advance(TimeDelta::hours(1));
    // Another's work returns meanwhile: so the ticks have been there.
    eventually("the other's work returns", async || {
        (suite.get(&ids[3]).await.holder.unwrap().kind() == HolderKind::Team).then_some(())
    })
    .await;
    assert_eq!(suite.get(&ids[0]).await.holder.unwrap().id, agents[0].to_string());
}
