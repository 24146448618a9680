use tandem_fault::Violations;
use tandem_proto::conversation::v1::tenant_service_server::TenantService;
use tandem_proto::conversation::v1::{
    CreateTenantRequest, CreateTenantResponse, ListTenantsRequest, ListTenantsResponse, ResumeTenantRequest,
    ResumeTenantResponse, SuspendTenantRequest, SuspendTenantResponse,
};
use tandem_signed_token::{PageToken, binding};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Rpc, convert, parse};
use crate::domain::kinds::TenantState;

#[tonic::async_trait]
impl TenantService for Rpc {
    async fn create_tenant(
        &self,
        request: Request<CreateTenantRequest>,
    ) -> Result<Response<CreateTenantResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "tenant_id", &request.tenant_id);
        parse::text(&mut violations, "name", &request.name, 1..=200);
        violations.finish()?;
        let tenant = self.domain.create_tenant(id, request.name).await?;
        Ok(Response::new(CreateTenantResponse { tenant: Some(convert::tenant(tenant)) }))
    }

    async fn suspend_tenant(
        &self,
        request: Request<SuspendTenantRequest>,
    ) -> Result<Response<SuspendTenantResponse>, Status> {
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "tenant_id", &request.into_inner().tenant_id);
        violations.finish()?;
        let tenant = self.domain.set_tenant_state(id, TenantState::Suspended).await?;
        Ok(Response::new(SuspendTenantResponse { tenant: Some(convert::tenant(tenant)) }))
    }

    async fn resume_tenant(
        &self,
        request: Request<ResumeTenantRequest>,
    ) -> Result<Response<ResumeTenantResponse>, Status> {
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "tenant_id", &request.into_inner().tenant_id);
        violations.finish()?;
        let tenant = self.domain.set_tenant_state(id, TenantState::Active).await?;
        Ok(Response::new(ResumeTenantResponse { tenant: Some(convert::tenant(tenant)) }))
    }

    async fn list_tenants(
        &self,
        request: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::new();
        let size = parse::size(&mut violations, "page_size", request.page_size, 50, 200);
        violations.finish()?;
        let bound = binding(&[b"ListTenants"]);
        let after: Option<Uuid> = PageToken::resume(&self.domain.signer, &bound, &request.page_token)?;
        let tenants = self.domain.tenants(after.unwrap_or_default(), size).await?;
        let full = i64::try_from(tenants.len()).is_ok_and(|count| count == size);
        let last = tenants.last().filter(|_| full);
        let next_page_token = last.map(|last| PageToken::encode(&self.domain.signer, &bound, &last.id));
        Ok(Response::new(ListTenantsResponse {
            next_page_token: next_page_token.unwrap_or_default(),
            tenants: tenants.into_iter().map(convert::tenant).collect(),
        }))
    }
}
