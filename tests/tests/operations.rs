//! Many conversations that change their holder while everybody goes on working.

use std::collections::BTreeMap;

use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::operation_service_client::OperationServiceClient;
use tandem_proto::assignment::v1::transfer_all_request::To;
use tandem_proto::assignment::v1::{
    Agent, CreateAgentRequest, DeactivateAgentRequest, GetOperationRequest, Operation, OperationState,
    TakeOverRequest, TransferAllRequest,
};
use tandem_proto::r#type::v1::{ErrorReason, HolderChangeCause, HolderKind};
use tandem_tests::{Kind, Parts, Suite, eventually, whatsapp};
use uuid::Uuid;

fn operations(suite: &Suite) -> OperationServiceClient<InternalChannel> {
    let lead = suite.spec("lead", Role::Supervisor);
    OperationServiceClient::new(suite.channel(Kind::Assignment, 0, &lead))
}

async fn ended(suite: &Suite, operation: &Operation) -> Operation {
    eventually("the operation ends", async || {
        let request = GetOperationRequest { operation_id: operation.id.clone() };
        let found = operations(suite).get_operation(request).await.unwrap().into_inner().operation.unwrap();
        (found.state() == OperationState::Done).then_some(found)
    })
    .await
}

/// Conversations that agent 0 holds, known to assignment.
async fn held(suite: &Suite, agent: Uuid, count: usize) -> (Uuid, Vec<String>) {
    let channel = suite.create_channel().await;
    let ids = suite.begin(channel, "a", count).await;
    for id in &ids {
        suite.take_over(0, id).await.unwrap();
    }
    let wanted = i32::try_from(count).unwrap();
    eventually("assignment knows what is held", async || {
        (suite.agent(agent).await.held == wanted).then_some(())
    })
    .await;
    (channel, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_holds_nothing_in_the_end_whatever_others_do_meanwhile() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(3).await;
    let (channel, ids) = held(&suite, agents[0], 30).await;
    // Customers write, and colleagues take some, while it goes on.
    let writing = async {
        for (number, _) in ids.iter().enumerate() {
            let who = [whatsapp(&format!("US.{number}"))];
            suite.write(channel, &format!("again{number}"), &who, "are you there?").await;
        }
    };
    let taking = async {
        let mut lead = suite.assignments("agent-1", Role::Supervisor);
        for id in ids.iter().step_by(5) {
            let request = TakeOverRequest {
                request_id: suite.request_id(),
                conversation_id: id.clone(),
                force: true,
                ..TakeOverRequest::default()
            };
            lead.take_over(request).await.unwrap();
        }
    };
    let request = DeactivateAgentRequest { request_id: suite.request_id(), agent_id: agents[0].to_string() };
    let leaving = async {
        let mut directory = suite.directory();
        let first = directory.deactivate_agent(request.clone()).await.unwrap().into_inner();
        assert_eq!(directory.deactivate_agent(request.clone()).await.unwrap().into_inner(), first);
        first.operation.unwrap()
    };
    let (begun, (), ()) = futures::join!(leaving, taking, writing);
    let done = ended(&suite, &begun).await;
    assert_eq!((done.failed, done.remaining), (0, 0));
    assert!(done.moved + done.skipped <= 30 && done.moved >= 24, "{done:?}");
    let mut holders = BTreeMap::<(HolderKind, String), usize>::new();
    for id in &ids {
        let conversation = suite.get(id).await;
        let holder = conversation.holder.unwrap();
        *holders.entry((holder.kind(), holder.id)).or_default() += 1;
        let returned = suite
            .holder_changes(id)
            .await
            .iter()
            .filter(|(_, change)| change.cause() == HolderChangeCause::Assign)
            .count();
        assert!(returned <= 1, "moved once at most");
    }
    let colleague = (HolderKind::Agent, agents[1].to_string());
    assert_eq!(holders.get(&colleague), Some(&6), "{holders:?}");
    assert_eq!(holders.values().sum::<usize>(), 30);
    assert_eq!(holders.get(&(HolderKind::Team, team.to_string())), Some(&24));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_given_to_a_colleague_within_capacity() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(1).await;
    let (_, ids) = held(&suite, agents[0], 5).await;
    let small = Agent {
        subject: "small".to_owned(),
        display_name: "Small".to_owned(),
        capacity: 2,
        ..Agent::default()
    };
    let request = CreateAgentRequest { request_id: suite.request_id(), agent: Some(small) };
    let small = suite.directory().create_agent(request).await.unwrap().into_inner().agent.unwrap().id;
    let request = TransferAllRequest {
        request_id: suite.request_id(),
        from_agent_id: agents[0].to_string(),
        to: Some(To::AgentId(small.clone())),
        note: "I am off".to_owned(),
        force: false,
    };
    let mut own = suite.assignments("agent-0", Role::Agent);
    let begun = own.transfer_all(request.clone()).await.unwrap().into_inner().operation.unwrap();
    let done = ended(&suite, &begun).await;
    assert_eq!((done.moved, done.failed, done.failed_reason()), (2, 3, ErrorReason::CapacityFull));
    let mut given = 0;
    for id in &ids {
        let holder = suite.get(id).await.holder.unwrap();
        assert!([&small, &agents[0].to_string()].contains(&&holder.id));
        if holder.id == small {
            given += 1;
            assert_eq!(suite.holder_changes(id).await.last().unwrap().1.note, "I am off");
        }
    }
    assert_eq!(given, 2);
    let mut lead = suite.assignments("lead", Role::Supervisor);
    let to_team = TransferAllRequest {
        request_id: suite.request_id(),
        to: Some(To::TeamId(team.to_string())),
        ..request.clone()
    };
    let begun = lead.transfer_all(to_team).await.unwrap().into_inner().operation.unwrap();
    assert_eq!(ended(&suite, &begun).await.failed, 0);
    for id in &ids {
        assert_ne!(suite.get(id).await.holder.unwrap().id, agents[0].to_string());
    }
}
