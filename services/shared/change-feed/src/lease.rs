//! Who follows a feed: the lease on its cursor, and what the cursors of other shapes mean for it.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Error, Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use crate::Cursor;
use crate::consumer::{Apply, Consumer};

/// The stored place, read when the lease is had.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub cursor: Cursor,
    pub generation: i64,
    pub rebuild: Option<(String, Cursor)>,
    /// Another shape wrote over what we had.
    pub anew: bool,
}

/// What a process is told that held the feed too long without a word.
pub(crate) fn lost() -> Error {
    Fault::new(Reason::LeaseLost, "another replica follows the feed").into()
}

struct Row {
    feed: String,
    seq: i64,
    mark: i64,
    generation: i64,
    rebuild_page: Option<String>,
    rebuild_seq: Option<i64>,
    rebuild_mark: Option<i64>,
    lease: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
}

impl Row {
    fn shape(&self) -> u16 {
        self.feed.rsplit_once('.').and_then(|(_, shape)| shape.parse().ok()).unwrap_or(0)
    }

    fn is_held(&self, now: DateTime<Utc>) -> bool {
        self.lease.is_some() && self.lease_until.is_some_and(|until| until >= now)
    }
}

impl<A: Apply> Consumer<A> {
    /// Takes the lease unless another replica has it.
    pub(crate) async fn acquire(&self) -> Result<Option<Held>> {
        let now = self.ambient.now();
        if !self.is_free(now).await? {
            return Ok(None);
        }
        let mut tx = begin(&self.pool).await?;
        let mut rows = self.lock(&mut tx).await?;
        let Some(own) = rows.iter().position(|row| row.feed == self.key) else { return Ok(None) };
        let own = rows.swap_remove(own);
        if own.is_held(now) && own.lease != Some(self.lease) {
            return Ok(None);
        }
        let newer_is_held = rows.iter().any(|row| row.shape() > self.config.shape && row.is_held(now));
        let highest = rows.iter().map(|row| row.generation).max().unwrap_or(0);
        let anew = highest >= own.generation && !newer_is_held;
        let ended: Vec<String> = rows
            .into_iter()
            .filter(|row| anew && row.shape() > self.config.shape)
            .map(|row| row.feed)
            .collect();
        // A newer release that was only frozen must notice that it was given up, and build anew in its turn.
        sqlx::query!(
            "UPDATE feed_cursor SET lease = CASE feed WHEN $1 THEN $2::uuid END,
                    lease_until = CASE feed WHEN $1 THEN $3::timestamptz END,
                    rebuild_page = CASE WHEN $5 AND feed = $1 THEN NULL ELSE rebuild_page END
             WHERE feed = $1 OR feed = ANY ($4)",
            self.key,
            self.lease,
            now + self.config.lease,
            &ended,
            anew,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let rebuild = own.rebuild_page.map(|page| {
            let from = Cursor { seq: own.rebuild_seq.unwrap_or(0), mark: own.rebuild_mark.unwrap_or(0) };
            (page, from)
        });
        Ok(Some(Held {
            cursor: Cursor { seq: own.seq, mark: own.mark },
            generation: if anew { highest } else { own.generation },
            rebuild: rebuild.filter(|_| !anew),
            anew,
        }))
    }

    /// Whether there is a lease to be had, without a lock; makes the cursor where there is none yet.
    async fn is_free(&self, now: DateTime<Utc>) -> Result<bool> {
        let free = sqlx::query_scalar!(
            r#"SELECT lease IS NULL OR lease = $2 OR lease_until IS NULL OR lease_until < $3 AS "free!"
               FROM feed_cursor WHERE feed = $1"#,
            self.key,
            self.lease,
            now,
        )
        .fetch_optional(&self.pool)
        .await?;
        if let Some(free) = free {
            return Ok(free);
        }
        // Where an earlier shape has come, with a mark that nobody knows: it is built anew. Else from the feed's beginning.
        sqlx::query!(
            "INSERT INTO feed_cursor (feed, generation, seq, mark)
             SELECT $1, $2, coalesce(max(seq), 0), coalesce((array_agg(~mark ORDER BY seq DESC))[1], 0)
             FROM feed_cursor WHERE seq > 0 AND (feed = $3 OR feed LIKE $3 || '.%')
             ON CONFLICT DO NOTHING",
            self.key,
            self.config.first_generation(),
            self.config.feed,
        )
        .execute(&self.pool)
        .await?;
        Ok(true)
    }

    /// The cursors of all shapes of the feed, locked.
    async fn lock(&self, connection: &mut Connection) -> Result<Vec<Row>> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT feed, seq, mark, generation, rebuild_page, rebuild_seq, rebuild_mark, lease, lease_until
             FROM feed_cursor WHERE feed = $1 OR feed LIKE $1 || '.%' ORDER BY feed FOR UPDATE",
            self.config.feed,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    /// Locks the feed's cursors and prolongs our lease: releases that keep different shapes of one feed apply one batch at a
    /// time, so that each sees what the other wrote. False when another replica has taken over: a process that was frozen
    /// past its lease writes nothing. False also when the stored place is not the one that we go on from: this database was
    /// restored under us, with our lease in it, and what we applied since the dump is gone.
    pub(crate) async fn fence(&self, connection: &mut Connection, held: &Held) -> Result<bool> {
        let fenced = sqlx::query!(
            "WITH locked AS MATERIALIZED (
                 SELECT feed FROM feed_cursor WHERE feed = $7 OR feed LIKE $7 || '.%' ORDER BY feed FOR UPDATE)
             UPDATE feed_cursor c SET lease_until = $3
             FROM locked
             WHERE c.feed = $1 AND c.feed = locked.feed AND c.lease = $2 AND c.seq = $4 AND c.mark = $5
               AND c.rebuild_page IS NOT DISTINCT FROM $6",
            self.key,
            self.lease,
            self.ambient.now() + self.config.lease,
            held.cursor.seq,
            held.cursor.mark,
            held.rebuild.as_ref().map(|(page, _)| page),
            self.config.feed,
        )
        .execute(connection)
        .await?;
        Ok(fenced.rows_affected() == 1)
    }

    pub(crate) async fn renew(&self, held: &Held) -> Result<bool> {
        let mut connection = self.pool.acquire().await.map_err(Error::from)?;
        self.fence(&mut connection, held).await
    }

    pub(crate) async fn release(&self) -> Result<()> {
        sqlx::query!(
            "UPDATE feed_cursor SET lease = NULL, lease_until = NULL WHERE feed = $1 AND lease = $2",
            self.key,
            self.lease,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
