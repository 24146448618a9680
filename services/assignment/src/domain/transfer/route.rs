use chrono::{DateTime, Utc};
use tandem_database::begin;
use tandem_request_log::Request;
use uuid::Uuid;

use super::carry_out::carry_out;
use super::reserve::{Taken, reserve_in};
use super::{Command, Error, Result, Transfer};
use crate::domain::App;
use crate::domain::kinds::Cause;
use crate::domain::model::{Actor, Holder};
use crate::store;

/// What routing does with a conversation that waits in a team's queue.
#[derive(Debug, Clone, Copy)]
pub struct Routed {
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
    /// In whose queue it is, and at which epoch it came there.
    pub team_id: Uuid,
    pub epoch: i64,
    pub to: Holder,
    /// The agent's turn in the team.
    pub turn: DateTime<Utc>,
}

/// Gives a queued conversation, if it is still in the queue and, where it goes to an agent, the agent is still online, a
/// member of the team, and has room. Answers whether it did.
///
/// Many replicas may try at once: the lock on the conversation lets one go on, and who comes later sees its reservation.
pub async fn route(app: &App, routed: Routed) -> Result<bool> {
    let Routed { tenant_id, conversation_id, team_id, epoch, to, turn } = routed;
    let request = Request::new(tenant_id, "Route", app.ambient.id(), conversation_id.as_bytes());
    let command = Command { request, conversation_id, expected_epoch: epoch, force: false };
    let transfer = Transfer { from_queue: true, ..Transfer::new(&command, to, Cause::Route, Actor::SYSTEM) };
    let mut tx = begin(&app.pool).await?;
    if !store::queue::lock(&mut tx, tenant_id, conversation_id, team_id, epoch).await? {
        return Ok(false);
    }
    let taken = to.agent_id().map_or(Taken::Nothing, Taken::Within);
    let begun = reserve_in(app, &mut tx, &command, &transfer, taken).await?;
    if let Some(agent_id) = to.agent_id() {
        let now = app.ambient.now();
        if !store::person::hold_online(&mut tx, tenant_id, team_id, agent_id, now).await? {
            return Ok(false);
        }
        store::person::turn(&mut tx, tenant_id, team_id, agent_id, turn).await?;
    }
    tx.commit().await.map_err(tandem_database::Error::from)?;
    match carry_out(app, begun).await {
        Ok(_) => Ok(true),
        // It was taken, snoozed, closed or moved meanwhile: the feed tells.
        Err(Error::Refused(refused)) if refused.is_stale() => {
            if refused.is_over() {
                // What lags must not stand at the head of the queue and take the room of what waits behind it.
                let mut connection = app.pool.acquire().await.map_err(tandem_database::Error::from)?;
                store::queue::over(&mut connection, tenant_id, conversation_id, epoch).await?;
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
