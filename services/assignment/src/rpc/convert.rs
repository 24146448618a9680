//! Domain types become messages.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::operation::To;
use tandem_proto::conversation::v1::{HolderChanged, OpeningHours, TimelineEntry, timeline_entry::Event};
use tandem_proto::r#type::v1 as types;
use uuid::Uuid;

use crate::domain::history::History;
use crate::domain::kinds::{HandOffReason, HolderKind, NotificationKind};
use crate::domain::model::{Actor, Agent, Holder, HolderChange, Listed, Operation, ReturnRule, Team, There};

pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos().cast_signed() }
}

pub fn text(id: Option<Uuid>) -> String {
    id.map_or_else(String::new, |id| id.to_string())
}

pub fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

pub fn agent(agent: Agent) -> proto::Agent {
    proto::Agent {
        id: agent.id.to_string(),
        subject: agent.subject,
        display_name: agent.display_name,
        email: agent.email,
        state: agent.state.number().into(),
        capacity: agent.capacity,
        languages: agent.languages,
        skills: agent
            .skills
            .into_iter()
            .map(|skill| proto::Skill { name: skill.name, level: skill.level })
            .collect(),
        time_zone: agent.time_zone,
        team_ids: texts(&agent.team_ids),
        create_time: Some(timestamp(agent.created_at)),
        etag: agent.version.to_string(),
        version: agent.version,
        presence: agent.presence.number().into(),
        held: agent.held,
    }
}

/// A team as it is at `now`.
pub fn team(team: Team, now: DateTime<Utc>) -> proto::Team {
    let minutes = |minutes: u32| i32::try_from(minutes).unwrap_or_default();
    let working_hours = team.working_hours.iter().map(|hours| OpeningHours {
        weekday: minutes(hours.weekday),
        opens_minute: minutes(hours.opens),
        closes_minute: minutes(hours.closes),
    });
    let ReturnRule { away_after_s, offline_after_s } = team.return_rule;
    let any = away_after_s.or(offline_after_s).is_some();
    proto::Team {
        return_rule: any.then_some(proto::ReturnRule { away_after_s, offline_after_s }),
        working_hours: working_hours.collect(),
        open: team.is_open(now),
        time_zone: team.time_zone,
        id: team.id.to_string(),
        display_name: team.display_name,
        agent_ids: texts(&team.agent_ids),
        lead_agent_id: text(team.lead_agent_id),
        all_channels: team.all_channels,
        channel_ids: texts(&team.channel_ids),
        fallback_team_id: text(team.fallback_team_id),
        create_time: Some(timestamp(team.created_at)),
        etag: team.version.to_string(),
        version: team.version,
    }
}

pub fn there(there: There) -> proto::AgentPresence {
    proto::AgentPresence {
        agent_id: there.agent_id.to_string(),
        presence: there.presence.number().into(),
        since: there.since.map(timestamp),
        expire_time: there.expires_at.map(timestamp),
    }
}

pub fn operation(operation: Operation) -> proto::Operation {
    let to = operation.to.and_then(|to| Some((to.kind, to.id?.to_string())));
    proto::Operation {
        id: operation.id.to_string(),
        kind: operation.kind.number().into(),
        agent_id: operation.agent_id.to_string(),
        to: to.map(|(kind, id)| match kind {
            HolderKind::Team => To::ToTeamId(id),
            _ => To::ToAgentId(id),
        }),
        state: operation.state.number().into(),
        moved: operation.moved,
        skipped: operation.skipped,
        failed: operation.failed,
        remaining: operation.total - operation.moved - operation.skipped - operation.failed,
        failed_reason: types::ErrorReason::named(&operation.failed_reason).into(),
        actor_id: actor_id(operation.actor),
        note: operation.note,
        create_time: Some(timestamp(operation.created_at)),
        update_time: Some(timestamp(operation.updated_at)),
        end_time: operation.ended_at.map(timestamp),
    }
}

/// An id where one is known, else the kind's name.
fn actor_id(actor: Actor) -> String {
    actor.id.map_or_else(|| actor.kind.as_str().to_owned(), |id| id.to_string())
}

pub fn notification(listed: Listed) -> proto::Notification {
    let notification = listed.notification;
    proto::Notification {
        id: notification.id.to_string(),
        agent_id: notification.agent_id.to_string(),
        kind: notification.kind.number().into(),
        conversation_id: Some(notification.conversation_id)
            .filter(|_| notification.customer_id.is_none())
            .map(|id| id.to_string())
            .unwrap_or_default(),
        customer_id: notification.customer_id.map(|id| id.to_string()).unwrap_or_default(),
        note_id: notification.customer_id.map(|_| notification.entry_id.to_string()).unwrap_or_default(),
        note: notification.note,
        actor_id: actor_id(notification.actor),
        time: Some(timestamp(notification.at)),
        read_time: listed.read_at.map(timestamp),
        epoch: notification.epoch,
    }
}

pub fn preferences(muted: &[NotificationKind]) -> proto::NotificationPreferences {
    let muted_kinds = muted.iter().map(|kind| kind.number().into()).collect();
    proto::NotificationPreferences { muted_kinds }
}

pub fn history(history: History) -> Vec<TimelineEntry> {
    let names = &history.names;
    history.changes.into_iter().map(|change| entry(change, names)).collect()
}

fn entry(change: HolderChange, names: &HashMap<Uuid, String>) -> TimelineEntry {
    TimelineEntry {
        id: change.entry_id.to_string(),
        conversation_id: change.conversation_id.to_string(),
        at_position: change.at_position,
        time: Some(timestamp(change.at)),
        actor: Some(actor(change.actor, names)),
        channel_id: change.channel_id.to_string(),
        contact_id: change.contact_id.to_string(),
        event: Some(Event::HolderChanged(HolderChanged {
            cause: change.cause.number().into(),
            from: change.from.map(|from| holder(from, names)),
            to: Some(holder(change.to, names)),
            epoch: change.epoch,
            note: change.note,
            hand_off_reason: change.hand_off_reason.map_or(0, HandOffReason::number).into(),
            hand_off_summary: change.hand_off_summary,
            request_id: text(change.request_id),
            hand_off_skill: change.hand_off_skill,
            hand_off_language: change.hand_off_language,
        })),
    }
}

fn holder(holder: Holder, names: &HashMap<Uuid, String>) -> types::Holder {
    types::Holder { kind: holder.kind.number().into(), id: text(holder.id), name: name(holder.id, names) }
}

fn actor(actor: Actor, names: &HashMap<Uuid, String>) -> types::Actor {
    types::Actor { kind: actor.kind.number().into(), id: text(actor.id), name: name(actor.id, names) }
}

fn name(id: Option<Uuid>, names: &HashMap<Uuid, String>) -> String {
    id.and_then(|id| names.get(&id)).cloned().unwrap_or_default()
}
