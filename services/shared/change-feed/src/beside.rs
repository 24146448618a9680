//! A rebuild of what is a copy of its own until it is whole, such as an index: the feed is followed on meanwhile, into what is
//! kept and into the copy, so that nothing that is fresh waits for the old.
//!
//! Pages and batches are written one after the other. A batch may be older than a page that was written before it; the change
//! that made the difference then comes on the feed as well, and the copy is not used before the feed was followed to where it
//! was when the last page was read.

use std::time::Duration;

use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason, reason_of};
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{SnapshotRequest, SnapshotResponse, SubscribeResponse};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, Interval, timeout_at};
use tonic::Status;

use crate::Cursor;
use crate::consumer::{Apply, Consumer, read_ahead};
use crate::lease::Held;

impl<A: Apply> Consumer<A> {
    /// Rebuilds, or goes on with a rebuild that a crash cut off. False when the feed does not know our place any more: then
    /// there is nothing to follow on with.
    pub(crate) async fn rebuild_beside(&self, held: &mut Held) -> Result<bool> {
        let stream = match self.subscribe(held).await {
            Ok(stream) => stream,
            Err(status) if reason_of(&status).as_deref() == Some(Reason::CursorGone.as_str()) => {
                return Ok(false);
            }
            Err(status) => return Err(Fault::unavailable(status).into()),
        };
        let (mut batches, _reading) = read_ahead(stream, self.apply.together());
        let mut renew = self.renewals();
        if held.rebuild.is_none() {
            self.begin_beside(held).await?;
        }
        loop {
            let started = Instant::now();
            let page = self.page(held).await?;
            self.while_renewing(held, &mut renew, self.apply.before(held.generation, &page.changes)).await?;
            if page.next_page_token.is_empty() {
                let head = page.head.unwrap_or_default().seq;
                while held.cursor.seq < head {
                    let batch = batches.recv().await.ok_or_else(|| Fault::unavailable("the feed ended"))?;
                    self.follow_beside(held, batch, &mut batches, &mut renew).await?;
                }
                return self.end_beside(held, &page).await.map(|()| true);
            }
            self.turn_page(held, &page).await?;
            // What is fresh comes first, and the engine has other things to do as well.
            let rest = started.elapsed().mul_f64(1.0 / self.apply.share().clamp(0.01, 1.0) - 1.0);
            let until = Instant::now() + rest.min(Duration::from_secs(60));
            while let Ok(batch) = timeout_at(until, batches.recv()).await {
                let batch = batch.ok_or_else(|| Fault::unavailable("the feed ended"))?;
                self.follow_beside(held, batch, &mut batches, &mut renew).await?;
                // A feed that never ends must not keep the rebuild from its end either.
                if Instant::now() >= until {
                    break;
                }
            }
        }
    }

    async fn page(&self, held: &Held) -> Result<SnapshotResponse> {
        let mut client =
            ChangeFeedServiceClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        let kinds = self.apply.kinds().iter().map(|kind| i32::from(*kind)).collect();
        let page_token = held.rebuild.as_ref().map(|(page, _)| page.clone()).unwrap_or_default();
        let request = SnapshotRequest { kinds, page_token, page_size: 0 };
        Ok(client.snapshot(request).await.map_err(Fault::unavailable)?.into_inner())
    }

    /// Notes that a rebuild of the next generation runs, from its first page on.
    async fn begin_beside(&self, held: &mut Held) -> Result<()> {
        let mut tx = begin(&self.pool).await?;
        if !self.fence(&mut tx, held).await? {
            return Err(lost());
        }
        held.generation += 1;
        held.rebuild = Some((String::new(), held.cursor));
        self.note_rebuild(&mut tx, held).await?;
        Ok(tx.commit().await?)
    }

    async fn turn_page(&self, held: &mut Held, page: &SnapshotResponse) -> Result<()> {
        let mut tx = begin(&self.pool).await?;
        if !self.fence(&mut tx, held).await? {
            return Err(lost());
        }
        self.apply.snapshot(&mut tx, held.generation, &page.changes).await?;
        held.rebuild = Some((page.next_page_token.clone(), held.cursor));
        self.note_rebuild(&mut tx, held).await?;
        tx.commit().await?;
        self.apply.committed();
        Ok(())
    }

    async fn end_beside(&self, held: &mut Held, page: &SnapshotResponse) -> Result<()> {
        let mut tx = begin(&self.pool).await?;
        if !self.fence(&mut tx, held).await? {
            return Err(lost());
        }
        self.apply.snapshot(&mut tx, held.generation, &page.changes).await?;
        self.apply.sweep(&mut tx, held.generation).await?;
        (held.rebuild, held.anew) = (None, false);
        self.note_rebuild(&mut tx, held).await?;
        tx.commit().await?;
        self.apply.committed();
        Ok(())
    }

    async fn note_rebuild(&self, connection: &mut tandem_database::Connection, held: &Held) -> Result<()> {
        let (page, from) = held.rebuild.clone().unzip();
        sqlx::query!(
            "UPDATE feed_cursor SET generation = $2, rebuild_page = $3, rebuild_seq = $4, rebuild_mark = $5
             WHERE feed = $1",
            self.key,
            held.generation,
            page,
            from.map(|from| from.seq),
            from.map(|from| from.mark),
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Applies a batch, and those that wait behind it, to what is kept and to the copy.
    async fn follow_beside(
        &self,
        held: &mut Held,
        batch: Result<SubscribeResponse, Status>,
        batches: &mut Receiver<Result<SubscribeResponse, Status>>,
        renew: &mut Interval,
    ) -> Result<()> {
        let (batch, end) = self.with_those_that_wait(batch.map_err(Fault::unavailable)?, batches);
        let next = Cursor::from(batch.cursor.unwrap_or_default());
        if next.seq > held.cursor.seq {
            self.while_renewing(held, renew, self.apply.meanwhile(held.generation, &batch.changes)).await?;
            if !self.settle(held, &batch, next).await? {
                return Err(lost());
            }
        }
        self.tell(held, batch.head_seq);
        Ok(end.map_err(Fault::unavailable)?)
    }
}

fn lost() -> tandem_database::Error {
    Fault::new(Reason::LeaseLost, "another replica follows the feed").into()
}
