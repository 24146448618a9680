//! Timers are due times on the rows that they concern: any replica's tick reads candidates unlocked, locks the
//! conversations in the order of their ids, checks again, and acts. Nothing here is remembered in memory, so a restart
//! loses none, and two replicas act once.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use tandem_change_feed::{ChangeKind, Row, outbox, prune};
use tandem_database::{Result, begin};
use tandem_fault::Reason;
use uuid::Uuid;

use super::Domain;
use super::content::Content;
use super::conversation::close::end;
use super::conversation::send::may_leave;
use super::kinds::{Cause, DeliveryState, HandOffReason, HolderKind, Status};
use super::model::{Actor, Channel, Conversation, Holder};
use super::outbound::UNKNOWN_TIME;
use super::work::{Draft, HolderChange, Work};
use crate::store;

/// Rows that one step of a tick acts on.
const BATCH: i64 = 200;
/// Batches of waking conversations in one tick.
const WAKING_BATCHES: usize = 20;
/// How long the feed is kept, whoever is behind.
const FEED_KEPT: TimeDelta = TimeDelta::days(7);

/// How long an event waits for its target, and late messages by a former address are known: providers retry for days.
const EARLY_KEPT: TimeDelta = TimeDelta::days(7);

impl Domain {
    /// Everything that is due at `now`.
    pub async fn tick(&self, now: DateTime<Utc>) -> Result<()> {
        self.lapse_sends(now).await?;
        self.wake_due(now).await?;
        self.tell_anew(now).await?;
        self.fold_figures().await?;
        self.retain(now).await?;
        let mut connection = self.pool.acquire().await?;
        let mut due = store::ai::held_without_ai(&mut connection, BATCH).await?;
        due.extend(store::ai::silent(&mut connection, now, BATCH).await?);
        due.extend(store::timer::silent(&mut connection, now, BATCH).await?);
        drop(connection);
        self.act_on(due, now).await?;
        let mut connection = self.pool.acquire().await?;
        tandem_request_log::prune(&mut connection, now, 1_000).await?;
        store::early::prune(&mut connection, now - EARLY_KEPT, 1_000).await?;
        store::identity_change::prune(&mut connection, now - EARLY_KEPT, 1_000).await?;
        prune(&mut connection, now - FEED_KEPT, 5_000).await?;
        drop(connection);
        let mut tx = begin(&self.pool).await?;
        store::reading::raise_floor(&mut tx).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(())
    }

    /// A send that ended without a word is unknown, and one unknown for too long no longer blocks its conversation.
    async fn lapse_sends(&self, now: DateTime<Utc>) -> Result<()> {
        let mut tx = begin(&self.pool).await?;
        let mut items = store::outbound::lapsed(&mut tx, now, BATCH).await?;
        for item in &mut items {
            if item.state == DeliveryState::Sending {
                item.state = DeliveryState::Unknown;
                item.lease_until = Some(now + UNKNOWN_TIME);
            } else {
                item.blocks = false;
            }
            item.version += 1;
        }
        store::outbound::save(&mut tx, &items.iter().collect::<Vec<_>>()).await?;
        let rows: Vec<Row> = items
            .iter()
            .map(|item| Row {
                tenant_id: item.tenant_id,
                kind: ChangeKind::Message,
                entity_id: item.message_id,
                version: item.version,
            })
            .collect();
        outbox::write(&mut tx, &self.ambient, &rows).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Wakes what is snoozed no longer. Many wake at the same hour: batch after batch, as long as they are full.
    async fn wake_due(&self, now: DateTime<Utc>) -> Result<()> {
        for _ in 0..WAKING_BATCHES {
            let mut connection = self.pool.acquire().await?;
            let due = store::timer::waking(&mut connection, now, BATCH).await?;
            drop(connection);
            let full = i64::try_from(due.len()) == Ok(BATCH);
            self.act_on(due, now).await?;
            if !full {
                break;
            }
        }
        Ok(())
    }

    async fn act_on(&self, due: Vec<(Uuid, Uuid)>, now: DateTime<Utc>) -> Result<()> {
        let mut by_tenant: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for (tenant_id, id) in due {
            by_tenant.entry(tenant_id).or_default().push(id);
        }
        for (tenant_id, ids) in by_tenant {
            self.act(tenant_id, &ids, now).await?;
        }
        Ok(())
    }

    async fn act(&self, tenant_id: Uuid, ids: &[Uuid], now: DateTime<Utc>) -> Result<()> {
        let mut tx = begin(&self.pool).await?;
        let mut locked = store::conversation::lock(&mut tx, tenant_id, ids).await?;
        let channel_ids: Vec<Uuid> = locked.iter().map(|conversation| conversation.channel_id).collect();
        let channels = store::channel::find(&mut tx, tenant_id, &channel_ids).await?;
        let mut work = Work::new(&self.ambient, tenant_id, now);
        locked.retain_mut(|conversation| {
            let channel = channels.iter().find(|channel| channel.id == conversation.channel_id);
            channel.is_some_and(|channel| step(&mut work, conversation, channel, now))
        });
        work.write(&mut tx, &[], &mut locked).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What is due on one locked conversation; false when nothing is any more.
fn step(work: &mut Work, conversation: &mut Conversation, channel: &Channel, now: DateTime<Utc>) -> bool {
    if conversation.status == Status::Closed {
        return false;
    }
    let snoozed = conversation.status == Status::Snoozed;
    if snoozed && conversation.snoozed_until.is_none_or(|until| until <= now) {
        work.wake(conversation, Actor::SYSTEM, "its time has come");
        return true;
    }
    if !snoozed
        && channel.close_after_silence.is_some_and(|silence| conversation.last_activity_at + silence < now)
    {
        let reason = say_goodbye(work, conversation, channel);
        end(work, conversation, Actor::SYSTEM, reason);
        return true;
    }
    if conversation.holder.kind != HolderKind::Ai {
        return false;
    }
    let late = |time| conversation.waiting_since.is_some_and(|since| since + time < now);
    let reason = if !channel.ai_enabled {
        HandOffReason::AiDisabled
    } else if !snoozed && channel.ai_answer_time.is_some_and(late) {
        HandOffReason::AiSilent
    } else {
        return false;
    };
    conversation.hand_off_reason = Some(reason);
    let to = Holder::team_or_nobody(channel.default_team_id);
    let change = HolderChange {
        hand_off_reason: Some(reason),
        ..HolderChange::new(to, Cause::HandOff, Actor::SYSTEM)
    };
    work.change_holder(conversation, change);
    true
}

/// The policy's last message to a customer whose silence closes the conversation, where it may leave. Answers why it closes,
/// for the timeline.
fn say_goodbye(work: &mut Work, conversation: &mut Conversation, channel: &Channel) -> &'static str {
    if channel.close_message.is_empty() {
        return "silence";
    }
    let content = Content::Text { text: channel.close_message.clone() };
    match may_leave(channel, conversation, std::slice::from_ref(&content), work.now) {
        Ok(()) => {
            // It answers nothing, and what the customer sent before it and comes late reopens as if it had not been said.
            let before = (conversation.answered_by, conversation.last_reply_source_at);
            work.reply(conversation, Draft::now(Actor::SYSTEM, content, work.now), false);
            (conversation.answered_by, conversation.last_reply_source_at) = before;
            "silence"
        }
        Err(fault) if fault.reason == Reason::ReplyWindowClosed => {
            "silence, without a last message: the reply window is over"
        }
        Err(_) => "silence, without a last message: the channel does not carry it",
    }
}
