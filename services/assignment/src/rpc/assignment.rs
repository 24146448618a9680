use prost::Message;
use tandem_access::caller;
use tandem_fault::{Fault, Violations, reason_of};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::assignment::v1::bulk_assign_result::Outcome;
use tandem_proto::conversation::v1::TransferHolderResponse;
use tandem_proto::r#type::v1::ErrorReason;
use tonic::{Request, Response, Status};

use super::command::{assign, bulk_assign, claim_next, hand_off, release, take_over, unassign};
use super::{convert, parse};
use crate::domain::{App, history, transfer};

pub struct Assignment {
    pub app: App,
}

#[tonic::async_trait]
impl AssignmentService for Assignment {
    async fn take_over(
        &self,
        request: Request<proto::TakeOverRequest>,
    ) -> Result<Response<proto::TakeOverResponse>, Status> {
        let caller = caller(&request)?;
        let answer = transfer::take_over(&self.app, caller, take_over(caller, request.get_ref())?).await?;
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::TakeOverResponse { conversation, change_token }))
    }

    async fn assign(
        &self,
        request: Request<proto::AssignRequest>,
    ) -> Result<Response<proto::AssignResponse>, Status> {
        let caller = caller(&request)?;
        let answer = transfer::assign(&self.app, caller, assign(caller, request.get_ref())?).await?;
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::AssignResponse { conversation, change_token }))
    }

    async fn hand_off(
        &self,
        request: Request<proto::HandOffRequest>,
    ) -> Result<Response<proto::HandOffResponse>, Status> {
        let command = hand_off(caller(&request)?, request.get_ref())?;
        let answer = transfer::hand_off(&self.app, command).await?;
        let TransferHolderResponse { conversation, messages, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::HandOffResponse { conversation, messages, change_token }))
    }

    async fn release(
        &self,
        request: Request<proto::ReleaseRequest>,
    ) -> Result<Response<proto::ReleaseResponse>, Status> {
        let caller = caller(&request)?;
        let answer = transfer::release(&self.app, caller, release(caller, request.get_ref())?).await?;
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::ReleaseResponse { conversation, change_token }))
    }

    async fn unassign(
        &self,
        request: Request<proto::UnassignRequest>,
    ) -> Result<Response<proto::UnassignResponse>, Status> {
        let caller = caller(&request)?;
        let answer = transfer::unassign(&self.app, caller, unassign(caller, request.get_ref())?).await?;
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::UnassignResponse { conversation, change_token }))
    }

    async fn bulk_assign(
        &self,
        request: Request<proto::BulkAssignRequest>,
    ) -> Result<Response<proto::BulkAssignResponse>, Status> {
        let caller = caller(&request)?;
        let each = bulk_assign(caller, request.get_ref())?;
        let answers = transfer::assign_each(&self.app, caller, each).await;
        let ids = request.get_ref().conversation_ids.iter().cloned();
        let results =
            ids.zip(answers).map(|(id, answer)| bulk_result(id, answer)).collect::<Result<_, _>>()?;
        Ok(Response::new(proto::BulkAssignResponse { results }))
    }

    async fn claim_next(
        &self,
        request: Request<proto::ClaimNextRequest>,
    ) -> Result<Response<proto::ClaimNextResponse>, Status> {
        let caller = caller(&request)?;
        let claimed = transfer::claim_next(&self.app, caller, claim_next(caller, request.get_ref())?).await?;
        let Some(answer) = claimed else { return Ok(Response::new(proto::ClaimNextResponse::default())) };
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::ClaimNextResponse { conversation, change_token }))
    }

    async fn list_holder_history(
        &self,
        request: Request<proto::ListHolderHistoryRequest>,
    ) -> Result<Response<proto::ListHolderHistoryResponse>, Status> {
        let mut violations = Violations::new();
        let message = request.get_ref();
        let id = parse::id(&mut violations, "conversation_id", &message.conversation_id);
        violations.finish()?;
        let history = history::list(&self.app, caller(&request)?, id, &message.at_least_as_fresh).await?;
        Ok(Response::new(proto::ListHolderHistoryResponse { entries: convert::history(history) }))
    }
}

fn bulk_result(
    conversation_id: String,
    answer: transfer::Result<Vec<u8>>,
) -> Result<proto::BulkAssignResult, Fault> {
    let outcome = match answer {
        Ok(answer) => {
            let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
            Outcome::Assigned(proto::AssignResponse { conversation, change_token })
        }
        Err(error) => {
            let status = Status::from(error);
            let reason = ErrorReason::named(&reason_of(&status).unwrap_or_default());
            let message = status.message().to_owned();
            Outcome::Refused(proto::BulkAssignRefused { reason: reason.into(), message })
        }
    };
    Ok(proto::BulkAssignResult { conversation_id, outcome: Some(outcome) })
}

fn decode(answer: &[u8]) -> Result<TransferHolderResponse, Fault> {
    TransferHolderResponse::decode(answer).map_err(Fault::internal)
}
