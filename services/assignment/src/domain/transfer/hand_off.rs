use tandem_fault::Fault;
use uuid::Uuid;

use super::carry_out::{begin_again, carry_out};
use super::reserve::{Taken, reserve};
use super::{Command, Result, Transfer};
use crate::domain::App;
use crate::domain::kinds::{Cause, HandOffReason};
use crate::domain::model::{Actor, Holder};
use crate::store;

pub struct HandOff {
    pub command: Command,
    pub reason: HandOffReason,
    pub summary: String,
    /// `None`: the channel's default team, or nobody.
    pub team_id: Option<Uuid>,
    pub last_contents: Vec<Vec<u8>>,
    pub answers_position: i64,
    /// What the person who takes it should be good at, and speak; empty where the AI says nothing.
    pub skill: String,
    pub language: String,
}

/// The AI gives a conversation to people. Answers conversation's first answer, encoded.
///
/// Errors: `NOT_FOUND` (conversation, team), and conversation's.
pub async fn hand_off(app: &App, hand_off: HandOff) -> Result<Vec<u8>> {
    let HandOff { command, reason, summary, team_id, last_contents, answers_position, skill, language } =
        hand_off;
    if let Some(begun) = begin_again(app, &command).await? {
        return carry_out(app, begun).await;
    }
    let to = match team_id {
        Some(id) => Holder::team(named_team(app, &command, id).await?),
        None => Holder::team_or_nobody(default_team(app, &command).await?),
    };
    let transfer = Transfer {
        hand_off_reason: Some(reason),
        hand_off_summary: summary,
        last_contents,
        answers_position,
        hand_off_skill: skill,
        hand_off_language: language,
        ..Transfer::new(&command, to, Cause::HandOff, Actor::AI)
    };
    let begun = reserve(app, &command, &transfer, Taken::Nothing).await?;
    carry_out(app, begun).await
}

async fn named_team(app: &App, command: &Command, id: Uuid) -> tandem_database::Result<Uuid> {
    let mut connection = app.pool.acquire().await?;
    if store::team::exists(&mut connection, command.request.tenant_id, id).await? {
        Ok(id)
    } else {
        Err(Fault::not_found("team").into())
    }
}

/// The default team of the conversation's channel, if it has one that exists. What the projections don't know yet is asked
/// of conversation: a customer must not end in nobody's hands because a feed lags.
async fn default_team(app: &App, command: &Command) -> tandem_database::Result<Option<Uuid>> {
    let tenant_id = command.request.tenant_id;
    let projected = {
        let mut connection = app.pool.acquire().await?;
        match store::conversation::find(&mut connection, tenant_id, command.conversation_id).await? {
            Some(conversation) => {
                let team =
                    store::channel::default_team(&mut connection, tenant_id, conversation.channel_id).await?;
                Some((conversation.channel_id, team))
            }
            None => None,
        }
    };
    let team_id = match projected {
        Some((_, Some(team_id))) => team_id,
        Some((channel_id, None)) => app.conversations.default_team(tenant_id, channel_id).await?,
        None => {
            let channel_id = app.conversations.channel_of(tenant_id, command.conversation_id).await?;
            let channel_id = channel_id.ok_or_else(|| Fault::not_found("conversation"))?;
            app.conversations.default_team(tenant_id, channel_id).await?
        }
    };
    let Some(team_id) = team_id else { return Ok(None) };
    let mut connection = app.pool.acquire().await?;
    Ok(store::team::exists(&mut connection, tenant_id, team_id).await?.then_some(team_id))
}
