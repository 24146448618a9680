pub mod delete;
pub mod health;

use serde::{Deserialize, Serialize};
use tandem_change_feed::{ChangeKind, Row, Written, outbox};
use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::Domain;
use super::kinds::ChannelState;
use super::model::Channel;
use super::viewer::Viewer;
use crate::store;

/// Channels that a tenant may have.
const MOST_CHANNELS: usize = 1_000;

/// Which parts of a channel an update changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelMask {
    pub display_name: bool,
    pub state: bool,
    pub capabilities: bool,
    pub policy: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    channel_id: Uuid,
    written: Option<(i64, i64)>,
}

impl Domain {
    pub async fn create_channel(
        &self,
        viewer: &Viewer,
        request: Request,
        channel: Channel,
    ) -> Result<(Channel, String)> {
        let mut tx = begin(&self.pool).await?;
        let recorded = match request_log::claim(&mut tx, &request, self.ambient.now()).await? {
            Some(first) => first,
            None => {
                if store::tenant::find(&mut tx, &[viewer.tenant_id]).await?.is_empty() {
                    return Err(Fault::not_found("tenant").into());
                }
                let present =
                    store::channel::page_ids(&mut tx, (viewer.tenant_id, Uuid::nil()), 1_001).await?;
                if present.iter().filter(|(tenant, _)| *tenant == viewer.tenant_id).count() >= MOST_CHANNELS {
                    return Err(Fault::new(Reason::LimitReached, "at most 1000 channels")
                        .with("limit", 1_000)
                        .into());
                }
                fits(&channel)?;
                store::channel::insert(&mut tx, viewer.tenant_id, &channel).await?;
                self.record_channel(&mut tx, viewer, &request, &channel).await?
            }
        };
        tx.commit().await?;
        self.sequencer.wake();
        self.channel_answer(viewer, recorded).await
    }

    /// Changes the masked parts of a channel whose etag (its version) is still the caller's.
    pub async fn update_channel(
        &self,
        viewer: &Viewer,
        request: Request,
        new: Channel,
        etag: i64,
        mask: ChannelMask,
    ) -> Result<(Channel, String)> {
        let mut tx = begin(&self.pool).await?;
        let recorded = match request_log::claim(&mut tx, &request, self.ambient.now()).await? {
            Some(first) => first,
            None => {
                let channel = store::channel::lock(&mut tx, viewer.tenant_id, new.id).await?;
                let mut channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
                if channel.state == ChannelState::Deleted {
                    return Err(Fault::new(Reason::ChannelDisabled, "the channel is deleted").into());
                }
                if channel.version != etag {
                    return Err(
                        Fault::new(Reason::EtagMismatch, "the channel changed since it was read").into()
                    );
                }
                merge(&mut channel, new, mask);
                fits(&channel)?;
                channel.version += 1;
                store::channel::save(&mut tx, viewer.tenant_id, &channel).await?;
                self.record_channel(&mut tx, viewer, &request, &channel).await?
            }
        };
        tx.commit().await?;
        self.sequencer.wake();
        self.channel_answer(viewer, recorded).await
    }

    async fn record_channel(
        &self,
        connection: &mut Connection,
        viewer: &Viewer,
        request: &Request,
        channel: &Channel,
    ) -> Result<Recorded> {
        let row = Row {
            tenant_id: viewer.tenant_id,
            kind: ChangeKind::Channel,
            entity_id: channel.id,
            version: channel.version,
        };
        let written = outbox::write(connection, &self.ambient, &[row]).await?;
        let written = written.map(|written| (written.outbox_id, written.mark));
        let recorded = Recorded { channel_id: channel.id, written };
        request_log::record(connection, request, &recorded).await?;
        Ok(recorded)
    }

    async fn channel_answer(&self, viewer: &Viewer, recorded: Recorded) -> Result<(Channel, String)> {
        let channel = self.channel(viewer, recorded.channel_id).await?;
        let written = recorded.written.map(|(outbox_id, mark)| Written { outbox_id, mark });
        Ok((channel, self.freshness.token(written)))
    }

    pub async fn channel(&self, viewer: &Viewer, id: Uuid) -> Result<Channel> {
        let mut connection = self.pool.acquire().await?;
        let channel = store::channel::find_one(&mut connection, viewer.tenant_id, id).await?;
        Ok(channel
            .filter(|channel| viewer.scope.covers(channel.id))
            .ok_or_else(|| Fault::not_found("channel"))?)
    }

    /// The channels in the caller's scope.
    pub async fn channels(&self, viewer: &Viewer) -> Result<Vec<Channel>> {
        let mut connection = self.pool.acquire().await?;
        let ids = store::channel::page_ids(&mut connection, (viewer.tenant_id, Uuid::nil()), 1_000).await?;
        let ids: Vec<Uuid> = ids
            .into_iter()
            .filter(|(tenant, id)| *tenant == viewer.tenant_id && viewer.scope.covers(*id))
            .map(|(_, id)| id)
            .collect();
        let mut channels = store::channel::find(&mut connection, viewer.tenant_id, &ids).await?;
        channels.sort_by_key(|channel| channel.id);
        Ok(channels)
    }
}

fn merge(channel: &mut Channel, new: Channel, mask: ChannelMask) {
    if mask.display_name {
        channel.display_name = new.display_name;
    }
    if mask.state {
        channel.state = new.state;
    }
    if mask.capabilities {
        channel.max_text_length = new.max_text_length;
        channel.reply_window = new.reply_window;
        channel.templates = new.templates;
        channel.receipts = new.receipts;
        channel.edits = new.edits;
    }
    if mask.policy {
        channel.ai_enabled = new.ai_enabled;
        channel.ai_answer_time = new.ai_answer_time;
        channel.reopen = new.reopen;
        channel.reopen_window = new.reopen_window;
        channel.close_after_silence = new.close_after_silence;
        channel.close_message = new.close_message;
        channel.default_team_id = new.default_team_id;
    }
}

/// The channel can carry what it is to send by itself.
fn fits(channel: &Channel) -> Result<(), Fault> {
    let longest = usize::try_from(channel.max_text_length).unwrap_or(usize::MAX);
    if channel.close_message.chars().count() > longest {
        let problem = format!("must be at most {longest} characters on this channel");
        return Err(Fault::invalid("channel.policy.close_message", problem));
    }
    Ok(())
}
