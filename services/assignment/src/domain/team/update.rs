use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::Request;
use uuid::Uuid;

use super::{Field, Values};
use crate::domain::model::Team;
use crate::domain::{App, Changed, kept, repeated};
use crate::store;

pub struct Update {
    pub request: Request,
    pub team_id: Uuid,
    /// The version that the change was decided on.
    pub version: i64,
    pub fields: Vec<Field>,
    pub values: Values,
}

/// Changes a team.
///
/// Errors: `INVALID_FIELDS` for unknown members, `NOT_FOUND`, `ETAG_MISMATCH`, `ALREADY_EXISTS`, `REQUEST_ID_REUSED`.
pub async fn update(app: &App, command: Update) -> Result<Changed<Team>> {
    let Update { request, team_id, version, fields, values } = command;
    let tenant_id = request.tenant_id;
    let mut tx = begin(&app.pool).await?;
    if let Some((team, written)) = tandem_request_log::claim(&mut tx, &request, app.ambient.now()).await? {
        return Ok(app.changed(team, repeated(written)));
    }
    if !store::team::lock(&mut tx, tenant_id, team_id).await? {
        return Err(Fault::not_found("team").into());
    }
    let mut found = store::team::read(&mut tx, &[(tenant_id, team_id)]).await?;
    let (_, mut team) = found.pop().ok_or_else(|| Fault::not_found("team"))?;
    if team.version != version {
        return Err(Fault::new(Reason::EtagMismatch, "the team changed since it was read").into());
    }
    values.check_known(&mut tx, tenant_id, team_id, &fields).await?;
    values.put(&fields, &mut team);
    team.version += 1;
    store::team::update(&mut tx, tenant_id, &team).await?;
    if fields.contains(&Field::AgentIds) {
        store::team::set_members(&mut tx, tenant_id, &team).await?;
    }
    let row = Row { tenant_id, kind: ChangeKind::Team, entity_id: team.id, version: team.version };
    let written = outbox::write(&mut tx, &app.ambient, &[row]).await?;
    tandem_request_log::record(&mut tx, &request, &(&team, kept(written))).await?;
    tx.commit().await?;
    Ok(app.changed(team, written))
}
