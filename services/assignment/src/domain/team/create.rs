use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_request_log::Request;

use super::{Field, Values};
use crate::domain::model::{ReturnRule, Team};
use crate::domain::{App, Changed, kept, repeated};
use crate::store;

pub struct Create {
    pub request: Request,
    pub values: Values,
}

/// Adds a team.
///
/// Errors: `INVALID_FIELDS` for unknown members, `ALREADY_EXISTS` for a name that is taken, `REQUEST_ID_REUSED`.
pub async fn create(app: &App, command: Create) -> Result<Changed<Team>> {
    let Create { request, values } = command;
    let tenant_id = request.tenant_id;
    let mut tx = begin(&app.pool).await?;
    let now = app.ambient.now();
    if let Some((team, written)) = tandem_request_log::claim(&mut tx, &request, now).await? {
        return Ok(app.changed(team, repeated(written)));
    }
    let mut team = Team {
        id: app.ambient.id(),
        display_name: String::new(),
        agent_ids: Vec::new(),
        lead_agent_id: None,
        all_channels: false,
        channel_ids: Vec::new(),
        fallback_team_id: None,
        created_at: now,
        version: 1,
        return_rule: ReturnRule::default(),
        working_hours: Vec::new(),
        time_zone: String::new(),
    };
    values.check_known(&mut tx, tenant_id, team.id, &Field::ALL).await?;
    values.put(&Field::ALL, &mut team);
    store::team::insert(&mut tx, tenant_id, &team).await?;
    store::team::set_members(&mut tx, tenant_id, &team).await?;
    let row = Row { tenant_id, kind: ChangeKind::Team, entity_id: team.id, version: 1 };
    let written = outbox::write(&mut tx, &app.ambient, &[row]).await?;
    tandem_request_log::record(&mut tx, &request, &(&team, kept(written))).await?;
    tx.commit().await?;
    Ok(app.changed(team, written))
}
