//! Promise 4 where people pull: what waits in a queue is claimed once, by somebody who has room for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tandem_access::Role;
use tandem_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use tandem_proto::assignment::v1::{Agent, ClaimNextRequest, CreateTeamRequest, Team};
use tandem_proto::conversation::v1::CloseConversationRequest;
use tandem_proto::r#type::v1::{HolderChangeCause, HolderKind};
use tandem_tests::{Kind, Parts, Suite, eventually, reason, refused, whatsapp};
use tonic::Code;

const AGENTS: usize = 50;
const PER_AGENT: usize = 20;
const CONVERSATIONS: usize = AGENTS * PER_AGENT;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_agents_claim_a_thousand_conversations_each_once() {
    let suite = Arc::new(Suite::start(Parts::TWO_ASSIGNMENTS).await);
    let capacity = i32::try_from(PER_AGENT).unwrap();
    let crew = vec![Agent { capacity, ..Agent::default() }; AGENTS];
    let (agents, team, token) = suite.create_crew(crew).await;
    suite.conversation_knows(&token).await;
    let channel = suite.queued_line(team).await;
    let mut waiting = BTreeSet::new();
    for batch in 0..CONVERSATIONS / 100 {
        waiting.extend(suite.begin(channel, &batch.to_string(), 100).await);
    }
    assert_eq!(waiting.len(), CONVERSATIONS);
    // Everybody claims until they are full, through both processes, while these still learn of the queue.
    let claims = (0..AGENTS).map(|number| {
        let suite = Arc::clone(&suite);
        tokio::spawn(async move {
            let mut mine = Vec::new();
            let claim = || async {
                match suite.claim(number % 2, number).await {
                    Ok(claimed) => claimed,
                    Err(status) => {
                        assert_eq!(reason(&status), "REQUEST_IN_PROGRESS", "others were faster");
                        None
                    }
                }
            };
            while mine.len() < PER_AGENT {
                mine.push(eventually("there is something to claim", claim).await);
            }
            mine
        })
    });
    let claims: Vec<_> = claims.collect();
    let mut claimed = BTreeMap::new();
    for (claim, agent) in claims.into_iter().zip(&agents) {
        for conversation in claim.await.unwrap() {
            let holder = conversation.holder.clone().unwrap();
            assert_eq!(
                (holder.kind(), holder.id, conversation.epoch),
                (HolderKind::Agent, agent.to_string(), 2)
            );
            assert_eq!(claimed.insert(conversation.id, *agent), None, "claimed twice");
        }
    }
    assert!(claimed.keys().eq(&waiting), "all are gone");
    // Everybody is full: one more stays where it is.
    suite.write(channel, "one more", &[whatsapp("US.more")], "hello").await;
    for number in 0..AGENTS {
        let full = || async { suite.claim(number % 2, number).await.err() };
        let status = eventually("one more waits", full).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "CAPACITY_FULL"));
    }
    // The records say the same: one change of holder each, and each agent is shown to hold what they claimed.
    for (id, agent) in claimed.iter().step_by(25) {
        let changes = suite.holder_changes(id).await;
        let last = &changes.last().unwrap().1;
        assert_eq!((changes.len(), last.cause()), (2, HolderChangeCause::TakeOver));
        assert_eq!(last.to.as_ref().unwrap().id, agent.to_string());
    }
    for agent in agents {
        let shown = || async { (suite.agent(agent).await.held == capacity).then_some(()) };
        eventually("the agent is shown to hold what they claimed", shown).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_next_is_the_most_urgent_of_ones_own_teams() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(2).await;
    let second = Team {
        display_name: "second".to_owned(),
        agent_ids: vec![agents[0].to_string()],
        all_channels: true,
        ..Team::default()
    };
    let request = CreateTeamRequest { request_id: suite.request_id(), team: Some(second) };
    let created = suite.directory().create_team(request).await.unwrap().into_inner();
    suite.conversation_knows(&created.change_token).await;
    let second = created.team.unwrap().id;
    let channel = suite.queued_line(team).await;
    let ids = suite.begin(channel, "a", 4).await;
    // The third is urgent; the fourth waits elsewhere.
    let mut lead = suite.assignments("lead", Role::Supervisor);
    for (id, team_id, priority) in [(&ids[2], team.to_string(), 4), (&ids[3], second.clone(), 0)] {
        let request = tandem_proto::assignment::v1::AssignRequest {
            request_id: suite.request_id(),
            conversation_id: id.clone(),
            priority,
            assignee: Some(tandem_proto::assignment::v1::assign_request::Assignee::TeamId(team_id)),
            ..Default::default()
        };
        lead.assign(request).await.unwrap();
    }
    // Waits until the queue shows all of it.
    let queue = || async {
        let mut lead = suite.routing("lead", Role::Supervisor);
        for id in &ids {
            let request = tandem_proto::assignment::v1::ExplainRoutingRequest {
                conversation_id: id.clone(),
                ..Default::default()
            };
            let explained = lead.explain_routing(request).await.ok()?.into_inner();
            let known = explained.outcome() == tandem_proto::assignment::v1::RoutingOutcome::NoRule;
            known.then_some(())?;
        }
        let held = suite.get(&ids[2]).await.epoch;
        (held >= 2).then_some(())
    };
    eventually("the queue is known", queue).await;
    let claim = |number: usize, team_id: &str, request_id: &str| {
        let spec = suite.spec(&format!("agent-{number}"), Role::Agent);
        let mut client = AssignmentServiceClient::new(suite.channel(Kind::Assignment, 0, &spec));
        let request = ClaimNextRequest { request_id: request_id.to_owned(), team_id: team_id.to_owned() };
        async move { client.claim_next(request).await.map(tonic::Response::into_inner) }
    };
    // Of one team alone; a team that one is no member of does not exist for one.
    let id = suite.request_id();
    let first = claim(0, &second, &id).await.unwrap();
    assert_eq!(first.conversation.as_ref().unwrap().id, ids[3]);
    assert_eq!(claim(0, &second, &id).await.unwrap(), first, "repeated, the same again");
    refused(claim(1, &second, &suite.request_id()).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(claim(0, &second, &suite.request_id()).await.unwrap().conversation, None, "nothing waits");
    // The urgent one, then by age; what closes meanwhile is passed over.
    let urgent = suite.claim(0, 1).await.unwrap().unwrap();
    assert_eq!(urgent.id, ids[2]);
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: ids[0].clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();
    assert_eq!(suite.claim(0, 1).await.unwrap().unwrap().id, ids[1]);
    assert_eq!(suite.claim(0, 1).await.unwrap(), None);
}
