use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_request_log::Request;

use super::{Field, Values};
use crate::domain::kinds::{AgentState, Presence};
use crate::domain::model::Agent;
use crate::domain::{App, Changed, kept, repeated};
use crate::store;

pub struct Create {
    pub request: Request,
    pub subject: String,
    pub values: Values,
}

/// Adds an agent.
///
/// Errors: `ALREADY_EXISTS` for a subject or an e-mail address that is taken, `REQUEST_ID_REUSED`.
pub async fn create(app: &App, command: Create) -> Result<Changed<Agent>> {
    let Create { request, subject, values } = command;
    let mut tx = begin(&app.pool).await?;
    let now = app.ambient.now();
    if let Some((agent, written)) = tandem_request_log::claim(&mut tx, &request, now).await? {
        return Ok(app.changed(agent, repeated(written)));
    }
    let mut agent = Agent {
        id: app.ambient.id(),
        subject,
        display_name: String::new(),
        email: String::new(),
        state: AgentState::Active,
        capacity: 0,
        languages: Vec::new(),
        skills: Vec::new(),
        time_zone: String::new(),
        created_at: now,
        version: 1,
        team_ids: Vec::new(),
        held: 0,
        presence: Presence::Offline,
    };
    values.put(&Field::ALL, &mut agent);
    store::agent::insert(&mut tx, request.tenant_id, &agent).await?;
    let row = Row { tenant_id: request.tenant_id, kind: ChangeKind::Agent, entity_id: agent.id, version: 1 };
    let written = outbox::write(&mut tx, &app.ambient, &[row]).await?;
    tandem_request_log::record(&mut tx, &request, &(&agent, kept(written))).await?;
    tx.commit().await?;
    Ok(app.changed(agent, written))
}
