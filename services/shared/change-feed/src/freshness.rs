use std::time::Duration;

use tandem_bootstrap::InternalChannel;
use tandem_database::{Pool, Result};
use tandem_fault::{Fault, Reason, reason_of};
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{LocateRequest, LocateResponse};
use tandem_signed_token::{ChangeToken, ServiceName, Signer};
use tokio::sync::watch;

use crate::{Cursor, Progress, Written};

/// How often the stored cursor is looked at: another replica may be the one that applies the feed.
const POLL: Duration = Duration::from_millis(10);
/// Tokens that one read may name.
const MOST_TOKENS: usize = 10;

/// The feeds that a service follows: whose, the cursor's key, over which channel, and how far this process is.
pub type Feeds = Vec<(ServiceName, String, InternalChannel, watch::Receiver<Progress>)>;

/// Makes change tokens of this service's writes, and lets reads wait for those of others.
#[derive(Clone)]
pub struct Freshness {
    own: ServiceName,
    signer: Signer,
    pool: Pool,
    feeds: Feeds,
}

impl Freshness {
    pub fn new(own: ServiceName, signer: Signer, pool: Pool, feeds: Feeds) -> Self {
        Self { own, signer, pool, feeds }
    }

    /// The token of a write of this service; empty when nothing changed.
    pub fn token(&self, written: Option<Written>) -> String {
        written.map_or_else(String::new, |written| {
            ChangeToken { service: self.own, outbox_id: written.outbox_id, mark: written.mark }
                .encode(&self.signer)
        })
    }

    /// Waits, within the caller's deadline, until everything that the tokens name has been applied here.
    /// Empty tokens (of writes that changed nothing) ask nothing.
    ///
    /// Errors: `CHANGE_TOKEN_INVALID`, `INVALID_FIELDS` for more than ten, `CURSOR_GONE` when the write is unknown.
    pub async fn wait(&self, tokens: &[String]) -> Result<(), Fault> {
        if tokens.len() > MOST_TOKENS {
            return Err(Fault::invalid("at_least_as_fresh", "must be at most 10 tokens"));
        }
        for token in tokens.iter().filter(|token| !token.is_empty()) {
            let token = ChangeToken::decode(&self.signer, token)?;
            // What this service wrote itself it reads from the same tables; a feed that it does not follow cannot
            // change its answer.
            if let Some((_, feed, channel, progress)) = self.feeds.iter().find(|feed| feed.0 == token.service)
            {
                self.passed(feed, channel, progress.clone(), token).await?;
            }
        }
        Ok(())
    }

    /// Waits until this service has applied one write.
    async fn passed(
        &self,
        feed: &str,
        channel: &InternalChannel,
        mut progress: watch::Receiver<Progress>,
        token: ChangeToken,
    ) -> Result<(), Fault> {
        let mut applied = self.applied(feed).await?;
        loop {
            let located = self.locate(channel, token, applied).await?;
            // A place of another history says nothing, however high its number: wait for the rebuild, then ask again.
            let passed = |place: Cursor| {
                if located.applied_gone { place != applied } else { place.seq >= located.seq }
            };
            let mut place = applied;
            while !passed(place) {
                tokio::select! {
                    _ = progress.changed() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
                place = self.applied(feed).await?;
            }
            if !located.applied_gone {
                return Ok(());
            }
            applied = place;
        }
    }

    async fn locate(
        &self,
        channel: &InternalChannel,
        token: ChangeToken,
        applied: Cursor,
    ) -> Result<LocateResponse, Fault> {
        let request = LocateRequest {
            outbox_id: token.outbox_id,
            mark: token.mark.cast_unsigned(),
            applied: Some(applied.into()),
        };
        let located = ChangeFeedServiceClient::new(channel.clone()).locate(request).await;
        located.map(tonic::Response::into_inner).map_err(|status| {
            if reason_of(&status).as_deref() == Some(Reason::CursorGone.as_str()) {
                Fault::new(Reason::CursorGone, "the write behind the change token is not known")
            } else {
                Fault::unavailable(status)
            }
        })
    }

    /// The stored place: the truth for every replica, whichever holds the feed, and after a restore of this database.
    async fn applied(&self, feed: &str) -> Result<Cursor, Fault> {
        let row = sqlx::query!("SELECT seq, mark FROM feed_cursor WHERE feed = $1", feed)
            .fetch_optional(&self.pool)
            .await
            .map_err(tandem_database::Error::from)?;
        Ok(row.map(|row| Cursor { seq: row.seq, mark: row.mark }).unwrap_or_default())
    }
}
