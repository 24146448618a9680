//! A rebuild from snapshots: when a cursor is gone, because its database was restored or pruned.
//!
//! It serves on meanwhile. Rows take the new generation as the pages come, so an older state of the lost history never
//! wins; what no page held is swept at the end; then the feed is followed from where the first page began.

use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_proto::feed::v1::SnapshotRequest;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;

use crate::Cursor;
use crate::consumer::{Apply, Consumer};
use crate::lease::Held;

impl<A: Apply> Consumer<A> {
    /// Rebuilds, or goes on with a rebuild that a crash cut off. Afterwards `held` follows the new history.
    pub(crate) async fn rebuild(&self, held: &mut Held) -> Result<()> {
        if self.apply.rebuilds_beside() && !held.anew && self.rebuild_beside(held).await? {
            return Ok(());
        }
        if held.rebuild.is_none() {
            held.generation += 1;
        }
        let mut client =
            ChangeFeedServiceClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        let kinds: Vec<i32> = self.apply.kinds().iter().map(|kind| i32::from(*kind)).collect();
        loop {
            let (page_token, follow_from) = held.rebuild.clone().unwrap_or_default();
            let request = SnapshotRequest { kinds: kinds.clone(), page_token, page_size: 0 };
            let page = client.snapshot(request).await.map_err(Fault::unavailable)?.into_inner();
            let follow_from = match held.rebuild {
                Some(_) => follow_from,
                None => Cursor::from(page.head.unwrap_or_default()),
            };
            self.apply.before(held.generation, &page.changes).await?;
            let mut tx = begin(&self.pool).await?;
            if !self.fence(&mut tx, held).await? {
                return Err(Fault::new(Reason::LeaseLost, "another replica follows the feed").into());
            }
            self.apply.snapshot(&mut tx, held.generation, &page.changes).await?;
            let done = page.next_page_token.is_empty();
            if done {
                self.apply.sweep(&mut tx, held.generation).await?;
                sqlx::query!(
                    "UPDATE feed_cursor SET seq = $2, mark = $3, generation = $4,
                            rebuild_page = NULL, rebuild_seq = NULL, rebuild_mark = NULL
                     WHERE feed = $1",
                    self.key,
                    follow_from.seq,
                    follow_from.mark,
                    held.generation,
                )
                .execute(&mut *tx)
                .await?;
            } else {
                sqlx::query!(
                    "UPDATE feed_cursor SET generation = $2, rebuild_page = $3, rebuild_seq = $4, rebuild_mark = $5
                     WHERE feed = $1",
                    self.key,
                    held.generation,
                    page.next_page_token,
                    follow_from.seq,
                    follow_from.mark,
                )
                .execute(&mut *tx)
                .await?;
            }
            tx.commit().await?;
            self.apply.committed();
            if done {
                (held.cursor, held.rebuild, held.anew) = (follow_from, None, false);
                return Ok(());
            }
            held.rebuild = Some((page.next_page_token, follow_from));
        }
    }
}
