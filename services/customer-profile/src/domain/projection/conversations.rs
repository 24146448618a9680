use std::collections::{BTreeMap, BTreeSet};

use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::States;
use crate::domain::model::{Conversation, Key};
use crate::store;
use crate::store::conversation::{Difference, Known};

/// Takes in states of conversations and private notes, and counts.
pub async fn apply(connection: &mut Connection, generation: i64, states: &States) -> Result<()> {
    // Most batches are messages that customers see, of which nothing is kept.
    if states.conversations.is_empty() && states.private_notes.is_empty() {
        return Ok(());
    }
    let added = store::conversation::add_notes(connection, generation, &states.private_notes).await?;
    let keys = states.conversations.keys().chain(added.keys()).copied().collect();
    let mut changes = Changes::read(connection, keys).await?;
    for (key, state) in &states.conversations {
        match state {
            Some(state) => changes.change(*key, |row| take(row, generation, state)),
            None => changes.remove(*key),
        }
    }
    for (key, notes) in added {
        changes.change(key, |row| row.note_count += notes);
    }
    changes.write(connection).await
}

/// Removes conversations and notes that a rebuild did not see.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    let unseen = store::conversation::older_than(connection, generation).await?;
    let removed = store::conversation::remove_notes_older_than(connection, generation).await?;
    let keys = unseen.iter().chain(removed.keys()).copied().collect();
    let mut changes = Changes::read(connection, keys).await?;
    for (key, notes) in removed {
        changes.change(key, |row| row.note_count -= notes);
    }
    for key in unseen {
        // The notes that are left are of the new history; its conversation's state is still to come.
        changes.change(key, |row| *row = Known { note_count: row.note_count, ..Known::default() });
        changes.remove_if_empty(key);
    }
    changes.write(connection).await
}

fn take(row: &mut Known, generation: i64, state: &Conversation) {
    if (row.generation, row.version) >= (generation, state.version) {
        return;
    }
    *row = Known {
        contact_id: Some(state.contact_id),
        created_at: Some(state.created_at),
        last_activity_at: Some(state.last_activity_at),
        last_position: state.last_position,
        note_count: row.note_count,
        generation,
        version: state.version,
    };
}

/// Rows as they were and as they become.
struct Changes {
    before: BTreeMap<Key, Known>,
    after: BTreeMap<Key, Known>,
    removed: BTreeSet<Key>,
}

impl Changes {
    async fn read(connection: &mut Connection, keys: BTreeSet<Key>) -> Result<Self> {
        let before = store::conversation::lock(connection, &keys).await?;
        Ok(Self { after: before.clone(), before, removed: BTreeSet::new() })
    }

    fn change(&mut self, key: Key, change: impl FnOnce(&mut Known)) {
        change(self.after.entry(key).or_default());
    }

    fn remove(&mut self, key: Key) {
        self.after.remove(&key);
        self.removed.insert(key);
    }

    fn remove_if_empty(&mut self, key: Key) {
        if self.after.get(&key).is_none_or(|row| *row == Known::default()) {
            self.remove(key);
        }
    }

    async fn write(self, connection: &mut Connection) -> Result<()> {
        let mut differences: BTreeMap<Key, Difference> = BTreeMap::new();
        let mut changed: Vec<(Key, Known)> = Vec::new();
        for (key, after) in &self.after {
            if self.before.get(key) == Some(after) {
                continue;
            }
            changed.push((*key, after.clone()));
            add(&mut differences, key.0, self.before.get(key), -1);
            add(&mut differences, key.0, Some(after), 1);
        }
        for key in &self.removed {
            add(&mut differences, key.0, self.before.get(key), -1);
        }
        if !self.removed.is_empty() {
            store::conversation::remove(connection, &self.removed).await?;
        }
        if changed.is_empty() && differences.is_empty() {
            return Ok(());
        }
        store::conversation::write(connection, &changed).await?;
        store::conversation::count(connection, &differences).await?;
        store::customer::count_again(connection, &differences.into_keys().collect()).await
    }
}

/// What a row counts for its contact: one conversation, and its positions less its private notes.
fn add(differences: &mut BTreeMap<Key, Difference>, tenant: Uuid, row: Option<&Known>, sign: i64) {
    let Some((row, contact)) = row.and_then(|row| Some((row, row.contact_id?))) else { return };
    let difference = differences.entry((tenant, contact)).or_default();
    difference.conversations += sign;
    difference.messages += sign * (row.last_position - row.note_count);
}
