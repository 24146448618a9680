//! A rebuild from snapshots: when a cursor is gone, because its database was restored or pruned.
//!
//! It serves on meanwhile. Rows take the new generation as the pages come, so an older state of the lost history never
//! wins; what no page held is swept at the end; then the feed is followed from where the first page began.

use tandem_database::{Connection, Result, begin};
use tandem_fault::Fault;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{SnapshotRequest, SnapshotResponse};

use crate::Cursor;
use crate::consumer::{Apply, Consumer};
use crate::lease::{Held, lost};

impl<A: Apply> Consumer<A> {
    /// Rebuilds, or goes on with a rebuild that a crash cut off. Afterwards `held` follows the new history.
    pub(crate) async fn rebuild(&self, held: &mut Held) -> Result<()> {
        if self.apply.rebuilds_beside() && !held.anew && self.rebuild_beside(held).await? {
            return Ok(());
        }
        if held.rebuild.is_none() {
            held.generation += 1;
        }
        loop {
            let page = self.page(held).await?;
            let follow_from = match held.rebuild {
                Some((_, follow_from)) => follow_from,
                None => Cursor::from(page.head.unwrap_or_default()),
            };
            self.apply.before(held.generation, &page.changes).await?;
            if self.put_page(held, &page, follow_from).await? {
                return Ok(());
            }
        }
    }

    /// The next page of the snapshot.
    pub(crate) async fn page(&self, held: &Held) -> Result<SnapshotResponse> {
        let mut client =
            ChangeFeedServiceClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        let kinds = self.apply.kinds().iter().map(|kind| i32::from(*kind)).collect();
        let page_token = held.rebuild.as_ref().map(|(page, _)| page.clone()).unwrap_or_default();
        let request = SnapshotRequest { kinds, page_token, page_size: 0 };
        Ok(client.snapshot(request).await.map_err(Fault::unavailable)?.into_inner())
    }

    /// Writes a page, and notes where the next one begins; after the last one the feed is followed from `follow_from`. Answers
    /// whether it was the last.
    pub(crate) async fn put_page(
        &self,
        held: &mut Held,
        page: &SnapshotResponse,
        follow_from: Cursor,
    ) -> Result<bool> {
        let mut tx = begin(&self.pool).await?;
        if !self.fence(&mut tx, held).await? {
            return Err(lost());
        }
        self.apply.snapshot(&mut tx, held.generation, &page.changes).await?;
        let last = page.next_page_token.is_empty();
        if last {
            self.apply.sweep(&mut tx, held.generation).await?;
            (held.cursor, held.rebuild, held.anew) = (follow_from, None, false);
        } else {
            held.rebuild = Some((page.next_page_token.clone(), follow_from));
        }
        self.note(&mut tx, held).await?;
        tx.commit().await?;
        self.apply.committed();
        Ok(last)
    }

    /// Notes our place, and that of a rebuild.
    pub(crate) async fn note(&self, connection: &mut Connection, held: &Held) -> Result<()> {
        let (page, from) = held.rebuild.clone().unzip();
        sqlx::query!(
            "UPDATE feed_cursor SET seq = $2, mark = $3, generation = $4,
                    rebuild_page = $5, rebuild_seq = $6, rebuild_mark = $7
             WHERE feed = $1",
            self.key,
            held.cursor.seq,
            held.cursor.mark,
            held.generation,
            page,
            from.map(|from| from.seq),
            from.map(|from| from.mark),
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}
