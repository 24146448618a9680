use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tonic::Code;
use uuid::Uuid;

use super::fake::Mishap;
use super::sandbox::{Sandbox, TENANT, agent, supervisor};
use crate::domain::kinds::HolderKind;

/// A conversation that waits in a team's queue, known here.
async fn queued(sandbox: &Sandbox, team: Uuid) -> Uuid {
    let id = sandbox.conversation().await;
    give(sandbox, id, Assignee::TeamId(team.to_string())).await;
    sandbox.catch_up().await;
    id
}

async fn give(sandbox: &Sandbox, id: Uuid, assignee: Assignee) {
    let assign = proto::AssignRequest {
        request_id: sandbox.id(),
        conversation_id: id.to_string(),
        assignee: Some(assignee),
        force: true,
        ..proto::AssignRequest::default()
    };
    sandbox.assignment.assign(supervisor("lead", assign)).await.unwrap();
}

fn holder(sandbox: &Sandbox, id: Uuid) -> (i32, i64) {
    let state = sandbox.fake.state();
    let conversation = &state.conversations[&(TENANT, id)];
    (conversation.holder.as_ref().unwrap().kind, conversation.epoch)
}

#[tokio::test]
async fn a_claim_whose_call_was_lost_takes_nothing_that_moved_on_meanwhile() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 5).await;
    let team = sandbox.team("first", &[ada]).await;
    let other = sandbox.team("other", &[]).await;
    let id = queued(&sandbox, team).await;
    let claim = proto::ClaimNextRequest { request_id: sandbox.id(), team_id: String::new() };
    sandbox.fake.mishap(Mishap::LoseRequest);
    let lost = sandbox.assignment.claim_next(agent("ada", claim.clone())).await.unwrap_err();
    assert_eq!(lost.code(), Code::Unavailable);
    // It moves on before the claim is repeated: the queue that the agent is no member of keeps it.
    give(&sandbox, id, Assignee::TeamId(other.to_string())).await;
    sandbox.catch_up().await;
    let again = sandbox.assignment.claim_next(agent("ada", claim.clone())).await.unwrap().into_inner();
    assert_eq!(again.conversation, None);
    assert_eq!(holder(&sandbox, id), (HolderKind::Team.number().into(), 3));
    assert_eq!(sandbox.held(ada).await, 0);
    // The same request may still find something later.
    let next = queued(&sandbox, team).await;
    let claimed = sandbox.assignment.claim_next(agent("ada", claim)).await.unwrap().into_inner();
    assert_eq!(claimed.conversation.unwrap().id, next.to_string());
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_answers_what_it_took() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 1).await;
    let team = sandbox.team("first", &[ada]).await;
    let (first, _) = (queued(&sandbox, team).await, queued(&sandbox, team).await);
    let claim = proto::ClaimNextRequest { request_id: sandbox.id(), team_id: String::new() };
    sandbox.fake.mishap(Mishap::LoseAnswer);
    sandbox.assignment.claim_next(agent("ada", claim.clone())).await.unwrap_err();
    for _ in 0..2 {
        let claimed = sandbox.assignment.claim_next(agent("ada", claim.clone())).await.unwrap().into_inner();
        assert_eq!(claimed.conversation.unwrap().id, first.to_string());
    }
    assert_eq!(holder(&sandbox, first), (HolderKind::Agent.number().into(), 3));
    // The queue of which the feed has told nothing yet is not taken from twice, and the agent is full.
    let other = proto::ClaimNextRequest { request_id: sandbox.id(), team_id: String::new() };
    let full = sandbox.assignment.claim_next(agent("ada", other)).await.unwrap_err();
    assert_eq!(tandem_fault::reason_of(&full).as_deref(), Some("CAPACITY_FULL"));
}
