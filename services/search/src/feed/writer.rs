//! The one who writes to an index: which index, and after whom.
//!
//! Meilisearch compares no versions, so a late write of a process that was killed or lost its lease could overwrite a newer
//! document. Every write therefore notes beforehand until when it may still reach the engine; a process that finds another
//! one's note waits until then, then until the index has no task left, and only then sends its own. The range of that
//! write is sent again, since its cursor never moved, and states are read when they are sent.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use meilisearch_sdk::settings::Settings;
use tandem_ambient::Ambient;
use tandem_database::{Connection, Pool, Result};
use tandem_fault::{Fault, Reason};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use crate::engine::{Document, Engine, EngineError};
use crate::store;
use crate::store::index::IndexRow;

/// After this long nobody searches an index that was replaced.
const RETIREMENT: TimeDelta = TimeDelta::minutes(2);

/// Writes one index for the process that follows its feed.
pub struct Writer {
    name: &'static str,
    shape: i32,
    settings: Settings,
    /// The settings as text, to see whether the index has them.
    settings_json: String,
    me: Uuid,
    pool: Pool,
    engine: Engine,
    ambient: Ambient,
    /// The generation that the last batch was for: an empty batch of the same one asks nothing.
    last: Mutex<Option<i64>>,
}

/// A document that the engine will never take.
struct Refusal {
    id: String,
    /// The engine's error code.
    reason: String,
}

/// What changes in an index.
#[derive(Debug, Default)]
pub struct Edits {
    pub puts: Vec<Document>,
    /// The ids of documents that are no more.
    pub removals: Vec<String>,
    /// Whose the documents are, by id.
    pub tenants: HashMap<String, Uuid>,
}

impl Writer {
    pub fn new(
        name: &'static str,
        shape: i32,
        settings: Settings,
        pool: Pool,
        engine: Engine,
        ambient: Ambient,
    ) -> Self {
        let settings_json = serde_json::to_string(&settings).unwrap_or_default();
        let me = ambient.id();
        Self { name, shape, settings, settings_json, me, pool, engine, ambient, last: Mutex::new(None) }
    }

    /// Makes sure that the index of a generation is there, as this release wants it.
    ///
    /// Errors: `CURSOR_GONE` for one of an older shape.
    pub async fn look(&self, generation: i64) -> Result<()> {
        *self.last.lock().await = None;
        self.write(generation, Edits::default()).await
    }

    /// Brings edits into the index of a generation and waits until they are found.
    pub async fn write(&self, generation: i64, edits: Edits) -> Result<()> {
        self.bring(generation, edits, false).await
    }

    /// Brings edits into the live index first, and into the one that a rebuild of this generation fills.
    pub async fn write_both(&self, generation: i64, edits: Edits) -> Result<()> {
        self.bring(generation, edits, true).await
    }

    async fn bring(&self, generation: i64, edits: Edits, both: bool) -> Result<()> {
        let mut last = self.last.lock().await;
        if edits.puts.is_empty() && edits.removals.is_empty() && *last == Some(generation) {
            return Ok(());
        }
        let (live, target) = self.pick_up(generation).await?;
        *last = Some(generation);
        let (ids, tenants): (Vec<String>, Vec<Uuid>) =
            edits.tenants.iter().map(|(id, tenant)| (id.clone(), *tenant)).unzip();
        if !ids.is_empty() {
            store::poison::forget(&mut *self.pool.acquire().await?, self.name, &tenants, &ids).await?;
        }
        let mut refused = Vec::new();
        for uid in Some(&live).filter(|live| both && **live != target).into_iter().chain([&target]) {
            refused = self.put(uid, &edits.puts).await?;
            let gone: Vec<String> =
                edits.removals.iter().chain(refused.iter().map(|refusal| &refusal.id)).cloned().collect();
            if !gone.is_empty() {
                let until = self.note(&mut *self.pool.acquire().await?).await?;
                self.engine.remove(uid, &gone, until).await?;
            }
        }
        self.set_aside(&edits.tenants, refused).await
    }

    /// Sends documents, bounded by bytes. Answers those that the engine refused; the rest is in.
    async fn put(&self, uid: &str, documents: &[Document]) -> Result<Vec<Refusal>> {
        let mut refused = Vec::new();
        // A stack instead of recursion: halves of a refused part, down to the single document that is to blame.
        let mut parts = self.engine.parts(documents);
        parts.reverse();
        while let Some(part) = parts.pop() {
            let until = self.note(&mut *self.pool.acquire().await?).await?;
            match (self.engine.put(uid, part, until).await, part) {
                (Ok(()), _) => {}
                (Err(EngineError::Refused(reason)), [one]) => {
                    refused.push(Refusal { id: one.id.clone(), reason });
                }
                (Err(EngineError::Refused(_)), part) => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.extend([right, left]);
                }
                (Err(error), _) => return Err(error.into()),
            }
        }
        Ok(refused)
    }

    /// Notes that we write, and answers until when a write may be sent under this note.
    async fn note(&self, connection: &mut Connection) -> Result<Instant> {
        let until = Instant::now() + self.engine.write_timeout;
        let timeout = TimeDelta::from_std(self.engine.write_timeout).unwrap_or(TimeDelta::minutes(1));
        store::index::begin_writing(connection, self.name, self.me, Some(self.ambient.now() + timeout))
            .await?;
        Ok(until)
    }

    /// In the transaction that moves the cursor: nothing of ours is on its way any more.
    pub async fn put_down(&self, connection: &mut Connection) -> Result<()> {
        store::index::end_writing(connection, self.name, self.me).await
    }

    /// In the transaction that turns a page of a rebuild.
    pub async fn built(&self, connection: &mut Connection, documents: usize) -> Result<()> {
        self.put_down(connection).await?;
        let documents = i64::try_from(documents).unwrap_or(i64::MAX);
        store::index::add_rebuilt(connection, self.name, documents).await
    }

    /// In the transaction that ends a rebuild: the index that it built becomes the live one.
    pub async fn swap(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        let now = self.ambient.now();
        let row = store::index::find(connection, self.name).await?;
        let building = row.and_then(|row| row.building).map(|building| building.0);
        // One that another release began holds documents of its shape as well: it is built anew after this.
        let whole = building.is_some_and(|uid| self.is_ours(&uid, generation));
        let shape = if whole { self.shape } else { 0 };
        let swapped =
            store::index::swap(connection, self.name, generation, shape, &self.settings_json, now).await?;
        if swapped {
            tracing::info!(index = self.name, generation, "a rebuilt index took over");
        }
        Ok(())
    }

    /// Whether an index was begun by a release with our shape.
    fn is_ours(&self, uid: &str, generation: i64) -> bool {
        uid == self.engine.uid(self.name, self.shape, generation)
    }

    /// Makes sure that we are the one who writes, and answers the engine's names of the live index and of that of the generation.
    async fn pick_up(&self, generation: i64) -> Result<(String, String)> {
        let mut connection = self.pool.acquire().await?;
        let row = match store::index::find(&mut connection, self.name).await? {
            Some(row) => row,
            None => self.first(&mut connection, generation).await?,
        };
        if row.writer != Some(self.me) {
            self.wait_out(&row).await?;
            store::index::begin_writing(&mut connection, self.name, self.me, None).await?;
        }
        self.tidy(&mut connection, &row).await?;
        let target = self.target(&mut connection, &row, generation).await?;
        Ok((row.uid, target))
    }

    async fn first(&self, connection: &mut Connection, generation: i64) -> Result<IndexRow> {
        let uid = self.engine.uid(self.name, self.shape, generation);
        self.engine.ensure(&uid, &self.settings).await?;
        let (shape, settings) = (self.shape, &self.settings_json);
        store::index::insert(connection, self.name, &uid, shape, settings, generation).await?;
        let row = store::index::find(connection, self.name).await?;
        row.ok_or_else(|| Fault::internal("the row of an index vanished").into())
    }

    /// The index of a generation: the live one, or the one that a rebuild fills beside it.
    async fn target(&self, connection: &mut Connection, row: &IndexRow, generation: i64) -> Result<String> {
        if generation > row.generation {
            if let Some((uid, building)) = &row.building
                && *building == generation
            {
                if !self.is_ours(uid, generation) {
                    // Once it is the live one, it is asked what this release asks.
                    self.engine.ensure(uid, &self.settings).await?;
                }
                return Ok(uid.clone());
            }
            if let Some((abandoned, _)) = &row.building {
                self.engine.delete_index(abandoned).await?;
            }
            let uid = self.engine.uid(self.name, self.shape, generation);
            // Left over from a rebuild that never ended, under a number that came again.
            self.engine.delete_index(&uid).await?;
            self.engine.ensure(&uid, &self.settings).await?;
            let of = self.engine.count(&row.uid, "tenant_id EXISTS").await?;
            store::index::set_building(connection, self.name, &uid, generation, of).await?;
            return Ok(uid);
        }
        if generation < row.generation || row.shape > self.shape {
            return Err(Fault::new(Reason::LeaseLost, "a newer process writes the index").into());
        }
        // Also of an older shape: what is asked by now must not fail while it is rebuilt.
        if row.settings != self.settings_json {
            self.engine.ensure(&row.uid, &self.settings).await?;
            store::index::set_settings(connection, self.name, &self.settings_json).await?;
        }
        if row.shape < self.shape || row.rebuild_wanted {
            // For the consumer the same as a lost place: it rebuilds.
            return Err(Fault::new(Reason::CursorGone, "the index is to be built anew").into());
        }
        Ok(row.uid.clone())
    }

    /// Waits until nothing of the predecessor can reach the index any more.
    async fn wait_out(&self, row: &IndexRow) -> Result<()> {
        if let Some(until) = row.writing_until {
            let left = (until - self.ambient.now()).to_std().unwrap_or(Duration::ZERO);
            let left = left.min(self.engine.write_timeout);
            tracing::info!(index = self.name, ?left, "waiting out the last writer of the index");
            tokio::time::sleep(left).await;
        }
        for uid in std::iter::once(&row.uid).chain(row.building.as_ref().map(|building| &building.0)) {
            self.engine.settle(uid).await?;
        }
        Ok(())
    }

    async fn tidy(&self, connection: &mut Connection, row: &IndexRow) -> Result<()> {
        if let Some((uid, at)) = &row.retired
            && *at + RETIREMENT <= self.ambient.now()
        {
            self.engine.delete_index(uid).await?;
            store::index::forget_retired(connection, self.name, uid).await?;
        }
        Ok(())
    }

    async fn set_aside(&self, tenants: &HashMap<String, Uuid>, refused: Vec<Refusal>) -> Result<()> {
        let (mut whose, mut ids, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
        for refusal in refused {
            let Some(tenant) = tenants.get(&refusal.id) else { continue };
            tracing::error!(
                index = self.name,
                id = refusal.id,
                reason = refusal.reason,
                "a document was set aside"
            );
            whose.push(*tenant);
            ids.push(refusal.id);
            reasons.push(refusal.reason);
        }
        if ids.is_empty() {
            return Ok(());
        }
        let now = self.ambient.now();
        let refused = (&whose[..], &ids[..], &reasons[..]);
        store::poison::set_aside(&mut *self.pool.acquire().await?, self.name, refused, now).await
    }
}
