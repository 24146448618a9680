use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::Request;
use uuid::Uuid;

use super::{Field, Values};
use crate::domain::model::Agent;
use crate::domain::{App, Changed, kept, repeated};
use crate::store;

pub struct Update {
    pub request: Request,
    pub agent_id: Uuid,
    /// The version that the change was decided on.
    pub version: i64,
    pub fields: Vec<Field>,
    pub values: Values,
}

/// Changes an agent.
///
/// Errors: `NOT_FOUND`, `ETAG_MISMATCH`, `ALREADY_EXISTS` for an e-mail address that is taken, `REQUEST_ID_REUSED`.
pub async fn update(app: &App, command: Update) -> Result<Changed<Agent>> {
    let Update { request, agent_id, version, fields, values } = command;
    let tenant_id = request.tenant_id;
    let mut tx = begin(&app.pool).await?;
    if let Some((agent, written)) = tandem_request_log::claim(&mut tx, &request, app.ambient.now()).await? {
        return Ok(app.changed(agent, repeated(written)));
    }
    store::agent::lock(&mut tx, tenant_id, agent_id).await?.ok_or_else(|| Fault::not_found("agent"))?;
    let mut agent = super::get::read(app, &mut tx, tenant_id, agent_id).await?;
    if agent.version != version {
        return Err(Fault::new(Reason::EtagMismatch, "the agent changed since it was read").into());
    }
    values.put(&fields, &mut agent);
    agent.version += 1;
    store::agent::update(&mut tx, tenant_id, &agent).await?;
    let row = Row { tenant_id, kind: ChangeKind::Agent, entity_id: agent.id, version: agent.version };
    let written = outbox::write(&mut tx, &app.ambient, &[row]).await?;
    tandem_request_log::record(&mut tx, &request, &(&agent, kept(written))).await?;
    tx.commit().await?;
    Ok(app.changed(agent, written))
}
