use std::time::Duration;

use chrono::TimeDelta;
use tandem_bootstrap::InternalChannel;
use tandem_database::{Pool, Result, begin};
use tandem_fault::Fault;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{SnapshotRequest, SnapshotResponse};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::comparison::{Comparison, Found};
use super::following::Following;
use super::source::Source;
use crate::engine::Engine;
use crate::store;
use crate::store::verification::Verification;

/// A process that walks and says nothing for this long is given up.
const CLAIM: TimeDelta = TimeDelta::seconds(60);
/// How long a page waits until the index has followed to it; then it is read anew.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at how far the index is.
const LOOK: Duration = Duration::from_millis(20);
/// A page is read so often, at most, until what is wrong on it did not change meanwhile.
const READINGS: usize = 5;
/// Examples that are kept.
const EXAMPLES: usize = 10;

/// Compares an index with the database of its entities, when who operates asks for it.
///
/// It walks over the feed's snapshot. What a page shows must be in the index as soon as the feed was followed to where it was
/// when the page was read, unless it changed since; so what seems wrong is believed only when the page, read again, shows the
/// same. What is in the index and not on any page is counted, tenant by tenant: by as much as changes came meanwhile a count may
/// differ. Nothing is written to the index here: it has one writer, which can be asked to build it anew.
pub struct Verifier {
    pub source: Source,
    pub following: Following,
    pub pool: Pool,
    pub engine: Engine,
    pub channel: InternalChannel,
    /// The part of the time that it takes, 0.01 to 1.
    pub share: f64,
    pub me: Uuid,
}

impl Verifier {
    /// Looks again and again whether there is something to do, until `stop`.
    pub async fn run(self, every: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                done = self.walk() => if let Err(error) = done {
                    tracing::warn!(index = self.source.index, ?error, "verifying the index failed, will try again");
                }
            }
        }
        if let Ok(mut connection) = self.pool.acquire().await {
            let _ = store::verification::release(&mut connection, self.source.index, self.me).await;
        }
    }

    /// Walks until the end of what was asked for, if anything was.
    async fn walk(&self) -> Result<()> {
        loop {
            let now = self.following.now();
            let claim = (now, now + CLAIM);
            let mut connection = self.pool.acquire().await?;
            let walk = store::verification::claim(&mut connection, self.source.index, self.me, claim).await?;
            drop(connection);
            let Some(walk) = walk else { return Ok(()) };
            let started = Instant::now();
            if !self.turn(walk).await? {
                return Ok(());
            }
            let rest = started.elapsed().mul_f64(1.0 / self.share.clamp(0.01, 1.0) - 1.0);
            tokio::time::sleep(rest.min(PATIENCE)).await;
        }
    }

    /// Compares one page, and notes what it found. False when another process goes on.
    async fn turn(&self, mut walk: Verification) -> Result<bool> {
        let (page, found) = self.compare(&walk.page).await?;
        let head = page.head.unwrap_or_default().seq;
        if walk.begun_seq.is_none() {
            let documents_of = self.count("tenant_id EXISTS").await?;
            walk = Verification {
                repair: walk.repair,
                begun_seq: Some(head),
                documents_of,
                ..Verification::default()
            };
        }
        walk.documents += found.documents;
        walk.missing += found.missing;
        walk.different += found.different;
        walk.surplus += found.surplus;
        walk.set_aside += found.set_aside;
        walk.unsettled += found.unsettled;
        walk.examples.extend(found.examples);
        walk.examples.truncate(EXAMPLES);
        for (tenant, there) in found.there {
            if walk.tenant_id != Some(tenant) {
                self.count_tenant(&mut walk).await?;
                (walk.tenant_id, walk.tenant_seq, walk.tenant_documents) = (Some(tenant), head, 0);
            }
            walk.tenant_documents += there;
        }
        walk.ended = page.next_page_token.is_empty();
        walk.page = page.next_page_token;
        if walk.ended {
            self.count_tenant(&mut walk).await?;
            walk.tenant_id = None;
            self.count_all(&mut walk).await?;
        }
        let mut tx = begin(&self.pool).await?;
        if !store::verification::save(&mut tx, self.source.index, self.me, &walk).await? {
            return Ok(false);
        }
        if walk.ended {
            let wrong = walk.wrong();
            tracing::info!(
                index = self.source.index,
                documents = walk.documents,
                wrong,
                "the index was verified"
            );
            if walk.repair && wrong > 0 {
                store::index::want_rebuild(&mut tx, self.source.index).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Compares a page of the snapshot with the index, until what is wrong did not change meanwhile.
    async fn compare(&self, page_token: &str) -> Result<(SnapshotResponse, Found)> {
        let mut page = self.read(page_token, 0).await?;
        let mut expected = Comparison::new(&self.source, &page.changes);
        let mut readings = 1;
        loop {
            let uid = self.followed(page.head.unwrap_or_default().seq).await?;
            let there = self.engine.documents(&uid, &expected.ids()).await?;
            let there = there.into_iter().map(|(id, document)| (id, (self.source.told)(document))).collect();
            let wrong = expected.wrong(&there);
            let (mut settled, mut changing) = (wrong, Vec::new());
            if !settled.is_empty() {
                let again = self.read(page_token, 0).await?;
                let now = Comparison::new(&self.source, &again.changes);
                (settled, changing) = settled.into_iter().partition(|id| now.same(&expected, id));
                if !changing.is_empty() && readings < READINGS {
                    (page, expected, readings) = (again, now, readings + 1);
                    continue;
                }
            }
            let (tenants, ids) = expected.whose(&settled);
            let mut connection = self.pool.acquire().await?;
            let set_aside = store::poison::among(&mut connection, self.source.index, &tenants, &ids).await?;
            return Ok((page, expected.found(&there, &settled, &changing, &set_aside)));
        }
    }

    async fn read(&self, page_token: &str, page_size: i32) -> Result<SnapshotResponse> {
        let mut client =
            ChangeFeedServiceClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        let kinds = self.source.kinds.iter().map(|kind| i32::from(*kind)).collect();
        let request = SnapshotRequest { kinds, page_token: page_token.to_owned(), page_size };
        Ok(client.snapshot(request).await.map_err(Fault::unavailable)?.into_inner())
    }

    /// Waits until the index has followed the feed to a place; the engine's name of the live one.
    async fn followed(&self, seq: i64) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut connection = self.pool.acquire().await?;
            let applied = store::feed::applied(&mut connection, self.following.feed).await?;
            // While one is rebuilt that lost its place, its number means nothing.
            if applied.seq >= seq && !applied.rebuilding {
                let uid = store::index::live_uid(&mut connection, self.source.index).await?;
                return uid.ok_or_else(|| Fault::unavailable("there is no index yet").into());
            }
            drop(connection);
            if Instant::now() >= until {
                return Err(Fault::unavailable("the index is behind, or is rebuilt").into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends the walk through a tenant: counts what the index has of it beyond what was on the pages.
    async fn count_tenant(&self, walk: &mut Verification) -> Result<()> {
        let Some(tenant) = walk.tenant_id else { return Ok(()) };
        let count = self.count(&format!("tenant_id = \"{tenant}\"")).await?;
        let changes = self.head().await? - walk.tenant_seq;
        note_surplus(walk, count - walk.tenant_documents - changes.max(0), &format!("of tenant {tenant}"));
        Ok(())
    }

    /// At the end: tenants that the database does not know at all.
    async fn count_all(&self, walk: &mut Verification) -> Result<()> {
        let count = self.count("tenant_id EXISTS").await?;
        let changes = self.head().await? - walk.begun_seq.unwrap_or_default();
        let known = walk.documents - walk.missing - walk.set_aside + walk.surplus;
        note_surplus(walk, count - known - changes.max(0), "of tenants that are not known");
        Ok(())
    }

    async fn count(&self, filter: &str) -> Result<i64> {
        let mut connection = self.pool.acquire().await?;
        let uid = store::index::live_uid(&mut connection, self.source.index).await?;
        drop(connection);
        Ok(self.engine.count(&uid.unwrap_or_default(), filter).await?)
    }

    async fn head(&self) -> Result<i64> {
        Ok(self.read("", 1).await?.head.unwrap_or_default().seq)
    }
}

fn note_surplus(walk: &mut Verification, surplus: i64, whose: &str) {
    if surplus > 0 {
        walk.surplus += surplus;
        if walk.examples.len() < EXAMPLES {
            walk.examples.push(format!("{surplus} too many {whose}"));
        }
    }
}
