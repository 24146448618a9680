//! A rebuild of what is a copy of its own until it is whole, such as an index: the feed is followed on meanwhile, into what is
//! kept and into the copy, so that nothing that is fresh waits for the old.
//!
//! Pages and batches are written one after the other. A batch may be older than a page that was written before it; the change
//! that made the difference then comes on the feed as well, and the copy is not used before the feed was followed to where it
//! was when the last page was read.

use std::time::Duration;

use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason, reason_of};
use tandem_proto::feed::v1::SubscribeResponse;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, Interval, timeout_at};
use tonic::Status;

use crate::consumer::{Apply, Consumer, read_ahead};
use crate::lease::{Held, lost};

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
                    self.follow_beside(held, batches.recv().await, &mut batches, &mut renew).await?;
                }
            }
            if self.put_page(held, &page, held.cursor).await? {
                return Ok(true);
            }
            // What is fresh comes first, and the engine has other things to do as well.
            let rest = started.elapsed().mul_f64(1.0 / self.apply.share().clamp(0.01, 1.0) - 1.0);
            let until = Instant::now() + rest.min(Duration::from_secs(60));
            while let Ok(batch) = timeout_at(until, batches.recv()).await {
                self.follow_beside(held, batch, &mut batches, &mut renew).await?;
                // A feed that never ends must not keep the rebuild from its end either.
                if Instant::now() >= until {
                    break;
                }
            }
        }
    }

    /// Notes that a rebuild of the next generation runs, from its first page on.
    async fn begin_beside(&self, held: &mut Held) -> Result<()> {
        let mut tx = begin(&self.pool).await?;
        if !self.fence(&mut tx, held).await? {
            return Err(lost());
        }
        held.generation += 1;
        held.rebuild = Some((String::new(), held.cursor));
        self.note(&mut tx, held).await?;
        Ok(tx.commit().await?)
    }

    /// Applies a batch, and those that wait behind it, to what is kept and to the copy.
    async fn follow_beside(
        &self,
        held: &mut Held,
        batch: Option<Result<SubscribeResponse, Status>>,
        batches: &mut Receiver<Result<SubscribeResponse, Status>>,
        renew: &mut Interval,
    ) -> Result<()> {
        let batch = batch.ok_or_else(|| Fault::unavailable("the feed ended"))?;
        let (batch, end) = self.with_those_that_wait(batch.map_err(Fault::unavailable)?, batches);
        if !self.apply_batch(held, batch, renew).await? {
            return Err(lost());
        }
        Ok(end.map_err(Fault::unavailable)?)
    }
}
