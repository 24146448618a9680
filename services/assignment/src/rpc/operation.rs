use tandem_access::caller;
use tandem_fault::Violations;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::operation_service_server::OperationService;
use tandem_signed_token::Signer;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::page::Page;
use super::{convert, parse};
use crate::domain::{App, operation};

pub struct Operations {
    pub app: App,
    pub signer: Signer,
}

#[tonic::async_trait]
impl OperationService for Operations {
    async fn get_operation(
        &self,
        request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::GetOperationResponse>, Status> {
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "operation_id", &request.get_ref().operation_id);
        violations.finish()?;
        let operation = operation::get(&self.app, caller(&request)?, id).await?;
        Ok(Response::new(proto::GetOperationResponse { operation: Some(convert::operation(operation)) }))
    }

    async fn list_operations(
        &self,
        request: Request<proto::ListOperationsRequest>,
    ) -> Result<Response<proto::ListOperationsResponse>, Status> {
        let (caller, message) = (caller(&request)?, request.get_ref());
        let mut violations = Violations::new();
        let agent_id = parse::id(&mut violations, "agent_id", &message.agent_id);
        let filter =
            proto::ListOperationsRequest { agent_id: message.agent_id.clone(), ..Default::default() };
        let size = (message.page_size, &message.page_token[..]);
        let page = Page::<Uuid>::read(&self.signer, caller, violations, ("ListOperations", &filter), size)?;
        let found = operation::list(&self.app, caller, agent_id, page.after, page.limit).await?;
        let full = i64::try_from(found.len()) == Ok(page.limit);
        let last = found.last().filter(|_| full).map(|last| last.id);
        let next_page_token = page.next(&self.signer, last.as_ref());
        let operations = found.into_iter().map(convert::operation).collect();
        Ok(Response::new(proto::ListOperationsResponse { operations, next_page_token }))
    }
}
