//! Changes of conversation become what this service keeps. What a newer release writes and this one cannot read is passed
//! over, with a word in the log: it must not stop the feed.

use std::collections::HashSet;
use std::hash::Hash;

use chrono::{DateTime, Utc};
use tandem_change_feed::{Body, Change, ChangeKind};
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::r#type::v1 as types;
use uuid::Uuid;

use crate::domain::kinds::{ActorKind, Cause, HandOffReason, HolderKind, Priority, Status};
use crate::domain::model::{Actor, Conversation, Holder, HolderChange, Mention, Response, StatusChange};
use crate::domain::notification::soon;
use crate::store::channel::Channel;

/// A batch of changes, by what is done with them.
#[derive(Default)]
pub struct Changes {
    /// Tenants, and whether they are suspended.
    pub tenants: Vec<(Uuid, bool)>,
    pub channels: Vec<Channel>,
    pub conversations: Vec<Conversation>,
    /// Those that were erased.
    pub erased: Vec<(Uuid, Uuid)>,
    /// Conversations that no longer exist.
    pub gone: Vec<(Uuid, Uuid)>,
    pub holder_changes: Vec<HolderChange>,
    pub mentions: Vec<Mention>,
    pub status_changes: Vec<StatusChange>,
    /// Replies for which customers had waited.
    pub responses: Vec<Response>,
}

impl Changes {
    pub fn read(changes: &[Change]) -> Self {
        let mut read = Self::default();
        for change in changes {
            if read.add(change).is_none() {
                tracing::warn!(
                    kind = change.kind,
                    entity_id = change.entity_id,
                    "a change can't be read, passed over"
                );
            }
        }
        // The feed coalesces, but need not: a statement takes each row once, so the newest state of each stays.
        read.tenants = newest(read.tenants, |tenant| tenant.0);
        read.channels = newest(read.channels, |channel| (channel.tenant_id, channel.id));
        read.conversations =
            newest(read.conversations, |conversation| (conversation.tenant_id, conversation.id));
        read.mentions = newest(read.mentions, |mention| (mention.tenant_id, mention.message_id));
        read.holder_changes = newest(read.holder_changes, |change| (change.tenant_id, change.entry_id));
        read.status_changes = newest(read.status_changes, |change| (change.tenant_id, change.entry_id));
        read.responses = newest(read.responses, |response| (response.tenant_id, response.message_id));
        read
    }

    fn add(&mut self, change: &Change) -> Option<()> {
        let tenant_id: Uuid = change.tenant_id.parse().ok()?;
        let id: Uuid = change.entity_id.parse().ok()?;
        match &change.body {
            Some(Body::Tenant(tenant)) => {
                self.tenants.push((id, tenant.state() == proto::TenantState::Suspended));
            }
            Some(Body::Channel(channel)) => self.channels.push(Channel {
                tenant_id,
                id,
                default_team_id: channel
                    .policy
                    .as_ref()
                    .and_then(|policy| policy.default_team_id.parse().ok()),
                version: channel.version,
            }),
            Some(Body::Conversation(conversation)) => {
                if conversation.erase_time.is_some() {
                    self.erased.push((tenant_id, id));
                }
                self.conversations.push(read_conversation(tenant_id, id, conversation)?);
            }
            Some(Body::TimelineEntry(entry)) => self.add_entry(tenant_id, id, entry)?,
            Some(Body::Message(message)) => {
                if !message.mention_agent_ids.is_empty() && message.delete_time.is_none() {
                    self.mentions.push(mention(tenant_id, id, message)?);
                }
                if let Some(since) = message.waited_since {
                    self.responses.push(response(tenant_id, id, message, since)?);
                }
            }
            None if change.kind() == ChangeKind::Conversation => self.gone.push((tenant_id, id)),
            _ => {}
        }
        Some(())
    }

    fn add_entry(&mut self, tenant_id: Uuid, id: Uuid, entry: &proto::TimelineEntry) -> Option<()> {
        match &entry.event {
            Some(Event::HolderChanged(changed)) => {
                self.holder_changes.push(holder_change(tenant_id, id, entry, changed)?);
            }
            Some(Event::StatusChanged(changed)) => {
                self.status_changes.push(status_change(tenant_id, id, entry, changed)?);
            }
            _ => {}
        }
        Some(())
    }
}

/// The last of each key, in the feed's order.
fn newest<T, K: Hash + Eq>(mut items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::new();
    items.reverse();
    items.retain(|item| seen.insert(key(item)));
    items.reverse();
    items
}

fn read_conversation(tenant_id: Uuid, id: Uuid, conversation: &proto::Conversation) -> Option<Conversation> {
    let due_at = conversation.due_time.and_then(|due| time(Some(due)));
    let waiting_since = conversation.waiting_since.and_then(|since| time(Some(since)));
    Some(Conversation {
        tenant_id,
        id,
        channel_id: conversation.channel_id.parse().ok()?,
        contact_id: conversation.contact_id.parse().ok()?,
        status: Status::from_number(conversation.status)?,
        holder: holder(conversation.holder.as_ref()?)?,
        epoch: conversation.epoch,
        due_at,
        soon_at: due_at.map(|due_at| soon(waiting_since, due_at)),
        priority: Priority::from_number(conversation.priority).unwrap_or(Priority::Normal),
        waiting_since,
        holder_since: conversation.holder_since.and_then(|since| time(Some(since))),
        hand_off_reason: HandOffReason::from_number(conversation.hand_off_reason),
        version: conversation.version,
    })
}

fn mention(tenant_id: Uuid, message_id: Uuid, message: &proto::Message) -> Option<Mention> {
    let author = message.author.as_ref()?;
    let text = match message.content.as_ref().and_then(|content| content.kind.as_ref()) {
        Some(Kind::Text(text)) => text.text.clone(),
        _ => String::new(),
    };
    Some(Mention {
        tenant_id,
        message_id,
        conversation_id: message.conversation_id.parse().ok()?,
        actor: actor(author)?,
        agent_ids: message.mention_agent_ids.iter().filter_map(|id| id.parse().ok()).collect(),
        text,
        epoch: message.epoch,
        at: time(message.store_time)?,
    })
}

fn status_change(
    tenant_id: Uuid,
    entry_id: Uuid,
    entry: &proto::TimelineEntry,
    changed: &proto::StatusChanged,
) -> Option<StatusChange> {
    Some(StatusChange {
        tenant_id,
        entry_id,
        conversation_id: entry.conversation_id.parse().ok()?,
        channel_id: entry.channel_id.parse().ok()?,
        actor: actor(entry.actor.as_ref()?)?,
        from: Status::from_number(changed.from)?,
        to: Status::from_number(changed.to)?,
        epoch: changed.epoch,
        at: time(entry.time)?,
    })
}

fn response(
    tenant_id: Uuid,
    message_id: Uuid,
    message: &proto::Message,
    waited_since: prost_types::Timestamp,
) -> Option<Response> {
    Some(Response {
        tenant_id,
        message_id,
        conversation_id: message.conversation_id.parse().ok()?,
        channel_id: message.channel_id.parse().ok()?,
        actor: actor(message.author.as_ref()?)?,
        waited_since: time(Some(waited_since))?,
        first: message.first_response,
        epoch: message.epoch,
        at: time(message.store_time)?,
    })
}

fn holder_change(
    tenant_id: Uuid,
    entry_id: Uuid,
    entry: &proto::TimelineEntry,
    changed: &proto::HolderChanged,
) -> Option<HolderChange> {
    Some(HolderChange {
        tenant_id,
        entry_id,
        conversation_id: entry.conversation_id.parse().ok()?,
        channel_id: entry.channel_id.parse().ok()?,
        contact_id: entry.contact_id.parse().ok()?,
        at_position: entry.at_position,
        at: time(entry.time)?,
        actor: actor(entry.actor.as_ref()?)?,
        cause: Cause::from_number(changed.cause)?,
        from: changed.from.as_ref().and_then(holder),
        to: holder(changed.to.as_ref()?)?,
        epoch: changed.epoch,
        note: changed.note.clone(),
        hand_off_reason: HandOffReason::from_number(changed.hand_off_reason),
        hand_off_summary: changed.hand_off_summary.clone(),
        request_id: changed.request_id.parse().ok(),
        hand_off_skill: changed.hand_off_skill.clone(),
        hand_off_language: changed.hand_off_language.clone(),
    })
}

fn actor(actor: &types::Actor) -> Option<Actor> {
    Some(Actor { kind: ActorKind::from_number(actor.kind)?, id: actor.id.parse().ok() })
}

fn holder(holder: &types::Holder) -> Option<Holder> {
    Some(Holder { kind: HolderKind::from_number(holder.kind)?, id: holder.id.parse().ok() })
}

fn time(time: Option<prost_types::Timestamp>) -> Option<DateTime<Utc>> {
    let time = time.unwrap_or_default();
    DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)
}
