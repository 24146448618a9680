//! Domain to wire.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use tandem_proto::conversation::v1 as proto;
use tandem_proto::r#type::v1 as shared;
use uuid::Uuid;

use super::content;
use crate::domain::kinds::{ActorKind, Attention, HandOffReason, Priority};
use crate::domain::model::{
    Actor, Channel, Contact, Conversation, Entry, Event, Holder, Identity, Message, Row, Tenant,
};
use crate::domain::typing::Signal;
use crate::store::label::Label;

pub fn time(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos().cast_signed() }
}

fn duration(time: TimeDelta) -> prost_types::Duration {
    prost_types::Duration { seconds: time.num_seconds(), nanos: 0 }
}

fn text(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

fn number<T>(value: Option<T>, of: fn(T) -> i16) -> i32 {
    value.map_or(0, |value| i32::from(of(value)))
}

pub fn holder(holder: Holder, name: String) -> shared::Holder {
    shared::Holder { kind: holder.kind.number().into(), id: text(holder.id), name }
}

fn actor(actor: Actor, name: String) -> shared::Actor {
    shared::Actor { kind: actor.kind.number().into(), id: text(actor.id), name }
}

pub fn identity(identity: &Identity) -> shared::Identity {
    shared::Identity {
        kind: identity.kind.number().into(),
        value: identity.value.clone(),
        verified: identity.verified,
    }
}

pub fn typing(signal: &Signal) -> proto::TypingSignal {
    proto::TypingSignal {
        conversation_id: signal.conversation_id.to_string(),
        author: Some(actor(signal.author, signal.author_name.clone())),
        typing: signal.typing,
        private: signal.private,
        expire_time: signal.typing.then(|| time(signal.expires_at)),
    }
}

pub fn tenant(tenant: Tenant) -> proto::Tenant {
    proto::Tenant {
        id: tenant.id.to_string(),
        name: tenant.name,
        state: tenant.state.number().into(),
        create_time: Some(time(tenant.created_at)),
    }
}

pub fn channel(channel: Channel) -> proto::Channel {
    proto::Channel {
        id: channel.id.to_string(),
        kind: channel.kind.number().into(),
        display_name: channel.display_name,
        state: channel.state.number().into(),
        capabilities: Some(proto::ChannelCapabilities {
            max_text_length: channel.max_text_length,
            reply_window: channel.reply_window.map(duration),
            templates: channel.templates,
            receipts: channel.receipts,
            edits: channel.edits,
        }),
        policy: Some(proto::ChannelPolicy {
            ai_enabled: channel.ai_enabled,
            ai_answer_time: channel.ai_answer_time.map(duration),
            reopen: channel.reopen.number().into(),
            reopen_window: (channel.reopen_window > TimeDelta::zero())
                .then(|| duration(channel.reopen_window)),
            close_after_silence: channel.close_after_silence.map(duration),
            close_message: channel.close_message,
            default_team_id: text(channel.default_team_id),
        }),
        create_time: Some(time(channel.created_at)),
        etag: channel.version.to_string(),
        last_seen_time: channel.last_seen_at.map(time),
        version: channel.version,
    }
}

pub fn contact(contact: Contact) -> proto::Contact {
    proto::Contact {
        id: contact.id.to_string(),
        channel_id: contact.channel_id.to_string(),
        canonical_id: text(contact.canonical_id),
        customer_id: contact.customer_id.to_string(),
        identities: contact.identities.iter().map(identity).collect(),
        display_name: contact.display_name,
        create_time: Some(time(contact.created_at)),
        version: contact.version,
    }
}

/// A conversation by itself, as the feed carries it: names stand in projections.
pub fn conversation(from: Conversation) -> proto::Conversation {
    proto::Conversation {
        id: from.id.to_string(),
        channel_id: from.channel_id.to_string(),
        contact_id: from.contact_id.to_string(),
        customer_id: String::new(),
        status: from.status.number().into(),
        holder: Some(holder(from.holder, String::new())),
        epoch: from.epoch,
        holder_since: Some(time(from.holder_since)),
        last_position: from.last_position,
        last_customer_position: from.last_customer_position,
        answered_position: from.answered_position,
        priority: i32::from(Priority::number(from.priority)),
        label_ids: texts(&from.label_ids),
        needs_attention: number(from.needs_attention, Attention::number),
        hand_off_reason: number(from.hand_off_reason, HandOffReason::number),
        hand_off_summary: from.hand_off_summary,
        waiting_since: from.waiting_since.map(time),
        last_activity_time: Some(time(from.last_activity_at)),
        create_time: Some(time(from.created_at)),
        close_time: from.closed_at.map(time),
        snoozed_until: from.snoozed_until.map(time),
        due_time: from.due_at.map(time),
        predecessor_id: text(from.predecessor_id),
        successor_id: text(from.successor_id),
        preview: from.preview,
        preview_author: number(from.preview_author, ActorKind::number),
        answered_by: number(from.answered_by, ActorKind::number),
        version: from.version,
        reopen_count: from.reopen_count,
        erase_time: from.erased_at.map(time),
    }
}

/// A conversation with what projections know.
pub fn full(row: Row) -> proto::Conversation {
    let named = holder(row.conversation.holder, row.holder_name);
    let customer_id = row.customer_id.to_string();
    proto::Conversation { holder: Some(named), customer_id, ..conversation(row.conversation) }
}

pub fn label(label: Label) -> proto::Label {
    proto::Label {
        id: label.id.to_string(),
        name: label.name,
        conversation_count: label.conversations,
        count_exact: label.exact,
        etag: label.version.to_string(),
    }
}

pub fn row(row: Row) -> proto::ConversationRow {
    proto::ConversationRow {
        customer_name: row.customer_name.clone(),
        customer_tag_ids: texts(&row.customer_tag_ids),
        unread: row.unread_count > 0,
        unread_count: i32::try_from(row.unread_count).unwrap_or(i32::MAX),
        channel_kind: row.channel_kind.number().into(),
        channel_name: row.channel_name.clone(),
        conversation: Some(full(row)),
    }
}

pub fn message(from: Message) -> proto::Message {
    let mut reactions = from.reactions;
    reactions.sort_by(|one, two| (one.at, &one.by).cmp(&(two.at, &two.by)));
    proto::Message {
        id: from.id.to_string(),
        conversation_id: from.conversation_id.to_string(),
        position: from.position,
        author: Some(actor(from.author, from.author_name)),
        content: from.content.map(content::to_proto),
        private: from.private,
        source_time: Some(time(from.source_at)),
        receive_time: Some(time(from.received_at)),
        store_time: Some(time(from.stored_at)),
        reply_to_position: from.reply_to_position,
        reply_to_external_id: from.reply_to_external_id,
        forwarded: from.forwarded,
        epoch: from.epoch,
        answers_position: from.answers_position,
        delivery: from.delivery.map_or(0, |state| i32::from(state.number())),
        edit_time: from.edited_at.map(time),
        delete_time: from.deleted_at.map(time),
        external_id: from.external_id,
        version: from.version,
        channel_id: from.channel_id.to_string(),
        contact_id: from.contact_id.to_string(),
        delivery_failure: from.delivery_failure,
        referral: from.referral.map(content::referral_to_proto),
        mention_agent_ids: texts(&from.mention_agent_ids),
        waited_since: from.waited_since.map(time),
        first_response: from.first_response,
        reactions: reactions
            .into_iter()
            .filter(|reaction| !reaction.emoji.is_empty())
            .map(|reaction| proto::Reaction {
                author: Some(actor(reaction.author, String::new())),
                emoji: reaction.emoji,
            })
            .collect(),
    }
}

pub fn messages(messages: Vec<Message>) -> Vec<proto::Message> {
    messages.into_iter().map(message).collect()
}

/// An entry with the names that projections know.
pub fn named_entry(from: Entry, names: &HashMap<Uuid, String>) -> proto::TimelineEntry {
    let name = |id: &str| Uuid::parse_str(id).ok().and_then(|id| names.get(&id).cloned()).unwrap_or_default();
    let mut entry = entry(from);
    if let Some(actor) = &mut entry.actor {
        actor.name = name(&actor.id);
    }
    if let Some(proto::timeline_entry::Event::HolderChanged(change)) = &mut entry.event {
        for holder in [&mut change.from, &mut change.to].into_iter().flatten() {
            holder.name = name(&holder.id);
        }
    }
    entry
}

/// An entry by itself, as the feed carries it.
pub fn entry(from: Entry) -> proto::TimelineEntry {
    use proto::timeline_entry::Event as Wire;
    let event = match from.event {
        Event::HolderChanged {
            cause,
            from,
            to,
            epoch,
            note,
            hand_off_reason,
            hand_off_summary,
            hand_off_skill,
            hand_off_language,
            request_id,
        } => Wire::HolderChanged(proto::HolderChanged {
            cause: cause.number().into(),
            from: from.map(|from| holder(from, String::new())),
            to: Some(holder(to, String::new())),
            epoch,
            note,
            hand_off_reason: number(hand_off_reason, HandOffReason::number),
            hand_off_summary,
            request_id: text(request_id),
            hand_off_skill,
            hand_off_language,
        }),
        Event::StatusChanged { from, to, reason, snoozed_until, note, epoch } => {
            Wire::StatusChanged(proto::StatusChanged {
                from: from.number().into(),
                to: to.number().into(),
                reason,
                snoozed_until: snoozed_until.map(time),
                note,
                epoch,
            })
        }
        Event::PriorityChanged { from, to } => Wire::PriorityChanged(proto::PriorityChanged {
            from: from.number().into(),
            to: to.number().into(),
        }),
        Event::LabelsChanged { added, removed } => {
            Wire::LabelsChanged(proto::LabelsChanged { added: texts(&added), removed: texts(&removed) })
        }
        Event::AttentionRaised { reason, phrase } => {
            Wire::AttentionRaised(proto::AttentionRaised { reason: reason.number().into(), phrase })
        }
    };
    proto::TimelineEntry {
        id: from.id.to_string(),
        conversation_id: from.conversation_id.to_string(),
        at_position: from.at_position,
        time: Some(time(from.at)),
        actor: Some(actor(from.actor, String::new())),
        event: Some(event),
        channel_id: from.channel_id.to_string(),
        contact_id: from.contact_id.to_string(),
    }
}
