//! The thread that runs the tasks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use memmap2::Mmap;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Method, Queue, Status, Task, Waiting, Work};
use crate::engine::{Change, Engine};
use crate::error::{ApiError, Result};

/// Tasks, and bytes of their files, that may share one transaction.
const MAX_BATCH_TASKS: usize = 200;
const MAX_BATCH_BYTES: u64 = 64 * 1024 * 1024;

impl Queue {
    /// Runs tasks until the queue is stopped.
    pub fn run(&self, engine: &Engine) {
        while let Some(mut batch) = self.next_batch() {
            let outcome = catch_unwind(AssertUnwindSafe(|| self.execute(engine, &batch)));
            let outcomes = outcome.unwrap_or_else(|_| Err(ApiError::internal("the indexer panicked")));
            if self.stopping.load(Ordering::Relaxed) && outcomes.is_err() {
                return; // given up half-way: nothing was committed, and the files remain
            }
            let outcomes = outcomes.unwrap_or_else(|error| vec![Err(error); batch.len()]);
            let now = OffsetDateTime::now_utc();
            for (task, outcome) in batch.iter_mut().zip(outcomes) {
                task.finish(outcome, now);
                if let Some(error) = &task.error {
                    tracing::warn!(uid = task.uid, index = task.index_uid, %error, "task failed");
                }
                if let Err(error) = self.store.finish(task) {
                    tracing::error!(uid = task.uid, %error, "cannot record the end of a task; it will run again");
                }
            }
            tracing::debug!(tasks = batch.len(), first = batch[0].uid, took = ?batch[0].duration, "batch done");
            let mut state = self.state();
            state.running.clear();
            for task in batch {
                state.keep_finished(task);
            }
        }
    }

    /// Waits for work; `None` when the queue is stopped.
    fn next_batch(&self) -> Option<Vec<Task>> {
        let mut state = self.state();
        let first = loop {
            if self.stopping.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(first) = state.waiting.pop_front() {
                break first;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let mut bytes = first.size;
        let mut tasks = vec![first.task.clone()];
        while let Some(next) = state.waiting.front()
            && next.may_join(&first)
            && tasks.len() < MAX_BATCH_TASKS
            && bytes + next.size <= MAX_BATCH_BYTES
        {
            bytes += next.size;
            tasks.extend(state.waiting.pop_front().map(|Waiting { task, .. }| task));
        }
        let now = OffsetDateTime::now_utc();
        for task in &mut tasks {
            debug_assert_eq!(task.status, Status::Enqueued);
            task.start(first.task.uid, now);
        }
        state.running.clone_from(&tasks);
        Some(tasks)
    }

    /// One outcome a task, or one error for all.
    fn execute(&self, engine: &Engine, batch: &[Task]) -> Result<Vec<Result<Value>>> {
        let works: Vec<(Work, Mmap)> =
            batch.iter().map(|task| self.store.load(task.uid)).collect::<Result<_, _>>()?;
        let (task, (work, _)) = (&batch[0], &works[0]);
        let index = task.index_uid.as_deref().unwrap_or_default();
        let done = match work {
            Work::CreateIndex { primary_key } => {
                engine.create_index(task.uid, index, primary_key.as_deref()).map(|()| json!({}))
            }
            Work::UpdateIndex { primary_key } => {
                engine.update_index(index, primary_key.as_deref()).map(|()| json!({}))
            }
            Work::DeleteIndex => {
                engine.delete_index(task.uid, index).map(|count| json!({ "deletedDocuments": count }))
            }
            Work::SwapIndexes { swaps } => engine.swap_indexes(task.uid, swaps).map(|()| json!({})),
            Work::UpdateSettings { settings } => engine.update_settings(index, settings).map(|()| json!({})),
            Work::DeleteByFilter { filter } => {
                engine.delete_by_filter(index, filter).map(|count| json!({ "deletedDocuments": count }))
            }
            Work::ClearDocuments => {
                engine.clear_documents(index).map(|count| json!({ "deletedDocuments": count }))
            }
            Work::AddDocuments { .. } | Work::DeleteDocuments { .. } => {
                return change_documents(engine, index, &works);
            }
        };
        // Wrapped, not returned as the error of all, so that a stop never loses a verdict.
        Ok(vec![done])
    }
}

fn change_documents(engine: &Engine, index: &str, works: &[(Work, Mmap)]) -> Result<Vec<Result<Value>>> {
    let mut primary_key = None;
    let mut changes = Vec::with_capacity(works.len());
    for (work, documents) in works {
        match work {
            Work::AddDocuments { method, primary_key: key, .. } => {
                primary_key = key.as_deref();
                changes.push(match method {
                    Method::Replace => Change::Replace(documents),
                    Method::Update => Change::Update(documents),
                });
            }
            Work::DeleteDocuments { ids } => {
                changes.push(Change::Delete(ids.iter().map(String::as_str).collect()));
            }
            _ => return Err(ApiError::internal("only changes of documents share a transaction")),
        }
    }
    let counts = engine.change_documents(index, primary_key, &changes)?;
    let detail = |change: &Change<'_>| match change {
        Change::Delete(_) => "deletedDocuments",
        Change::Replace(_) | Change::Update(_) => "indexedDocuments",
    };
    Ok(changes.iter().zip(counts).map(|(change, count)| Ok(json!({ detail(change): count? }))).collect())
}
