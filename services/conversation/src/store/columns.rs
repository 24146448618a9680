//! Conversations as columns: what set-wise statements bind.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::kinds::{ActorKind, Attention, HandOffReason};
use crate::domain::model::Conversation;

/// Columns of `insert` and `save`, row by row turned into arrays.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) id: Vec<Uuid>,
    pub(super) channel_id: Vec<Uuid>,
    pub(super) contact_id: Vec<Uuid>,
    pub(super) status: Vec<i16>,
    pub(super) holder_kind: Vec<i16>,
    pub(super) holder_id: Vec<Option<Uuid>>,
    pub(super) epoch: Vec<i64>,
    pub(super) holder_since: Vec<DateTime<Utc>>,
    pub(super) last_position: Vec<i64>,
    pub(super) last_customer_position: Vec<i64>,
    pub(super) answered_position: Vec<i64>,
    pub(super) activity_number: Vec<i64>,
    pub(super) last_customer_at: Vec<Option<DateTime<Utc>>>,
    pub(super) last_reply_source_at: Vec<Option<DateTime<Utc>>>,
    pub(super) priority: Vec<i16>,
    pub(super) needs_attention: Vec<i16>,
    pub(super) hand_off_reason: Vec<i16>,
    pub(super) hand_off_summary: Vec<String>,
    pub(super) answered_by: Vec<i16>,
    pub(super) waiting_since: Vec<Option<DateTime<Utc>>>,
    pub(super) last_activity_at: Vec<DateTime<Utc>>,
    pub(super) created_at: Vec<DateTime<Utc>>,
    pub(super) closed_at: Vec<Option<DateTime<Utc>>>,
    pub(super) predecessor_id: Vec<Option<Uuid>>,
    pub(super) successor_id: Vec<Option<Uuid>>,
    pub(super) reopen_count: Vec<i32>,
    pub(super) preview: Vec<String>,
    pub(super) preview_author: Vec<i16>,
    pub(super) version: Vec<i64>,
    pub(super) snoozed_until: Vec<Option<DateTime<Utc>>>,
    pub(super) due_at: Vec<Option<DateTime<Utc>>>,
    pub(super) answer_due_at: Vec<Option<DateTime<Utc>>>,
    pub(super) update_since: Vec<Option<DateTime<Utc>>>,
}

impl Columns {
    pub(super) fn of<'a>(conversations: impl IntoIterator<Item = &'a Conversation>) -> Self {
        let mut columns = Self::default();
        for conversation in conversations {
            columns.push(conversation);
        }
        columns
    }

    fn push(&mut self, row: &Conversation) {
        self.id.push(row.id);
        self.channel_id.push(row.channel_id);
        self.contact_id.push(row.contact_id);
        self.status.push(row.status.number());
        self.holder_kind.push(row.holder.kind.number());
        self.holder_id.push(row.holder.id);
        self.epoch.push(row.epoch);
        self.holder_since.push(row.holder_since);
        self.last_position.push(row.last_position);
        self.last_customer_position.push(row.last_customer_position);
        self.answered_position.push(row.answered_position);
        self.activity_number.push(row.activity_number);
        self.last_customer_at.push(row.last_customer_at);
        self.last_reply_source_at.push(row.last_reply_source_at);
        self.priority.push(row.priority.number());
        self.needs_attention.push(row.needs_attention.map_or(0, Attention::number));
        self.hand_off_reason.push(row.hand_off_reason.map_or(0, HandOffReason::number));
        self.hand_off_summary.push(row.hand_off_summary.clone());
        self.answered_by.push(row.answered_by.map_or(0, ActorKind::number));
        self.waiting_since.push(row.waiting_since);
        self.last_activity_at.push(row.last_activity_at);
        self.created_at.push(row.created_at);
        self.closed_at.push(row.closed_at);
        self.predecessor_id.push(row.predecessor_id);
        self.successor_id.push(row.successor_id);
        self.reopen_count.push(row.reopen_count);
        self.preview.push(row.preview.clone());
        self.preview_author.push(row.preview_author.map_or(0, ActorKind::number));
        self.version.push(row.version);
        self.snoozed_until.push(row.snoozed_until);
        self.due_at.push(row.due_at);
        self.answer_due_at.push(row.answer_due_at);
        self.update_since.push(row.update_since);
    }
}
