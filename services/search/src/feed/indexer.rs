use tandem_change_feed::{Apply, Change, ChangeKind};
use tandem_database::{Connection, Result};

use super::following::Following;
use super::source::Source;
use super::writer::Writer;

/// Batches of the feed in one write: the engine takes hardly longer for many changes than for few.
const TOGETHER: usize = 20;

/// Follows one kind of entity into one index.
///
/// `before` brings a batch into the engine and waits until it is found there; only then the cursor moves. States are
/// idempotent: whatever is sent again is as new as the entity was when it was sent.
pub struct Indexer {
    pub source: Source,
    pub writer: Writer,
    pub following: Following,
    /// The part of the time that a rebuild takes.
    pub share: f64,
}

impl Indexer {
    fn reached(&self, changes: &[Change]) {
        if let Some(newest) = changes.iter().map(|change| change.seq).max() {
            self.following.reached(newest);
        }
    }
}

impl Apply for Indexer {
    fn kinds(&self) -> &'static [ChangeKind] {
        self.source.kinds
    }

    async fn held(&self, generation: i64) -> Result<()> {
        // An index of an older shape or with other settings is not left so until something changes.
        self.writer.look(generation).await
    }

    fn together(&self) -> usize {
        TOGETHER
    }

    async fn before(&self, generation: i64, changes: &[Change]) -> Result<()> {
        self.reached(changes);
        self.writer.write(generation, (self.source.edits)(changes)).await
    }

    fn rebuilds_beside(&self) -> bool {
        true
    }

    fn share(&self) -> f64 {
        self.share
    }

    async fn meanwhile(&self, generation: i64, changes: &[Change]) -> Result<()> {
        self.reached(changes);
        self.writer.write_both(generation, (self.source.edits)(changes)).await
    }

    async fn snapshot(
        &self,
        connection: &mut Connection,
        _generation: i64,
        changes: &[Change],
    ) -> Result<()> {
        self.writer.built(connection, changes.len()).await
    }

    async fn apply(&self, connection: &mut Connection, _generation: i64, _changes: &[Change]) -> Result<()> {
        self.writer.put_down(connection).await
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        // What the snapshot did not see is not in the fresh index.
        self.following.restarted();
        self.writer.swap(connection, generation).await
    }
}
