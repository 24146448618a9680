use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_fault::Fault;
use tandem_request_log::Request;
use uuid::Uuid;

use crate::domain::kinds::{AgentState, OperationKind};
use crate::domain::model::Agent;
use crate::domain::{App, Changed, kept, repeated};
use crate::store;

/// An agent works again, in the same teams. What is left of a deactivation ends: it must not take what the agent gets now.
///
/// Errors: `NOT_FOUND`, `REQUEST_ID_REUSED`.
pub async fn reactivate(app: &App, request: Request, agent_id: Uuid) -> Result<Changed<Agent>> {
    let tenant_id = request.tenant_id;
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    if let Some((agent, written)) = tandem_request_log::claim(&mut tx, &request, now).await? {
        return Ok(app.changed(agent, repeated(written)));
    }
    store::agent::lock(&mut tx, tenant_id, agent_id).await?.ok_or_else(|| Fault::not_found("agent"))?;
    let mut agent = super::get::read(app, &mut tx, tenant_id, agent_id).await?;
    let mut written = None;
    if agent.state == AgentState::Deactivated {
        agent.state = AgentState::Active;
        agent.version += 1;
        store::agent::update(&mut tx, tenant_id, &agent).await?;
        let kind = OperationKind::Deactivate;
        store::operation::end_all(&mut tx, tenant_id, agent_id, kind, now).await?;
        let row = Row { tenant_id, kind: ChangeKind::Agent, entity_id: agent_id, version: agent.version };
        written = outbox::write(&mut tx, &app.ambient, &[row]).await?;
    }
    tandem_request_log::record(&mut tx, &request, &(&agent, kept(written))).await?;
    tx.commit().await?;
    Ok(app.changed(agent, written))
}
