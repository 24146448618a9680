//! Writes, one after another: a bounded queue, kept on disk, and the one thread that empties it.

mod run;
mod store;
mod task;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use time::OffsetDateTime;

pub use self::store::sync_dir;
use self::store::{HISTORY, Header, Opened, Store};
pub use self::task::{Kind, Method, Status, Task, Work};
use crate::error::{ApiError, Result};

pub struct Queue {
    store: Store,
    capacity: usize,
    state: Mutex<State>,
    /// Signalled when a task is enqueued and when the queue is to stop.
    wake: Condvar,
    /// The next uid. Held while a task is written to disk, so that the order of uids is the order of the queue,
    /// and readers of `state` never wait for the disk.
    next_uid: Mutex<u32>,
    stopping: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    running: Vec<Task>,
    finished: BTreeMap<u32, Task>,
}

/// What the thread must know of a task before it reads its file.
struct Waiting {
    task: Task,
    /// Bytes of its file.
    size: u64,
    shares: Shares,
}

/// Which neighbours may share a task's transaction.
#[derive(Clone, PartialEq, Eq)]
enum Shares {
    Nobody,
    /// Additions with this primary key, and deletions by id, of the same index.
    Documents(Option<String>),
}

/// Which tasks a list wants; an empty list of a kind means all.
#[derive(Default)]
pub struct Filter {
    pub uids: Vec<u32>,
    pub statuses: Vec<Status>,
    pub kinds: Vec<Kind>,
    pub index_uids: Vec<String>,
}

impl Queue {
    /// Opens the queue in `dir`; tasks that were acknowledged and not run wait again. New ones have uids beyond
    /// `last_applied`, also when the folder was lost.
    pub fn open(
        dir: &Path,
        capacity: usize,
        last_applied: Option<u32>,
        stopping: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let Opened { store, unfinished, finished } = Store::open(dir)?;
        let last = last_applied.max(finished.last().map(|task| task.uid));
        let last = last.max(unfinished.last().map(|(header, _)| header.task.uid));
        let waiting = unfinished.into_iter().map(|(header, size)| Waiting::new(header, size)).collect();
        let finished = finished.into_iter().map(|task| (task.uid, task)).collect();
        Ok(Self {
            store,
            capacity,
            state: Mutex::new(State { waiting, running: Vec::new(), finished }),
            wake: Condvar::new(),
            next_uid: Mutex::new(last.map_or(0, |last| last + 1)),
            stopping,
        })
    }

    /// Accepts a write: when this returns, it survives a kill. Blocks for the disk.
    ///
    /// # Errors
    /// `too_many_enqueued_tasks` when the queue is full, and what the disk says.
    pub fn enqueue(
        &self,
        index_uid: Option<String>,
        work: Work,
        details: Value,
        documents: &[u8],
    ) -> Result<Task> {
        let mut next_uid = self.next_uid.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let state = self.state();
            if state.waiting.len() + state.running.len() >= self.capacity {
                let message = format!("{} tasks are waiting; try again later.", self.capacity);
                return Err(ApiError::new("too_many_enqueued_tasks", message));
            }
        }
        let task = Task {
            uid: *next_uid,
            batch_uid: None,
            index_uid,
            status: Status::Enqueued,
            kind: work.kind(),
            canceled_by: None,
            details,
            error: None,
            duration: None,
            enqueued_at: OffsetDateTime::now_utc(),
            started_at: None,
            finished_at: None,
        };
        let header = Header { task: task.clone(), work };
        let size = self.store.add(&header, documents)?;
        *next_uid += 1;
        self.state().waiting.push_back(Waiting::new(header, size));
        self.wake.notify_all();
        Ok(task)
    }

    pub fn get(&self, uid: u32) -> Option<Task> {
        let state = self.state();
        let waiting = || state.waiting.iter().map(|waiting| &waiting.task).find(|task| task.uid == uid);
        let running = || state.running.iter().find(|task| task.uid == uid);
        state.finished.get(&uid).or_else(running).or_else(waiting).cloned()
    }

    /// Tasks from `from` downwards, newest first: at most `limit`, the uid that the next page starts from, and how
    /// many match in all.
    pub fn list(&self, filter: &Filter, from: Option<u32>, limit: usize) -> (Vec<Task>, Option<u32>, usize) {
        let state = self.state();
        let newest_first = (state.waiting.iter().rev().map(|waiting| &waiting.task))
            .chain(state.running.iter().rev())
            .chain(state.finished.values().rev())
            .filter(|task| filter.matches(task));
        let total = newest_first.clone().count();
        let mut page = newest_first.filter(|task| from.is_none_or(|from| task.uid <= from));
        let tasks = page.by_ref().take(limit).cloned().collect();
        (tasks, page.next().map(|task| task.uid), total)
    }

    /// Whether the running transaction writes this index.
    pub fn is_indexing(&self, index_uid: &str) -> bool {
        self.state().running.iter().any(|task| task.index_uid.as_deref() == Some(index_uid))
    }

    /// Ends the thread: the running transaction is given up, and runs again at the next start.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Taken so that the thread cannot miss the signal between its look at the flag and its wait.
        drop(self.state());
        self.wake.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep_finished(&mut self, task: Task) {
        self.finished.insert(task.uid, task);
        if self.finished.len() > HISTORY {
            self.finished.pop_first();
        }
    }
}

impl Waiting {
    fn new(header: Header, size: u64) -> Self {
        let shares = match header.work {
            Work::AddDocuments { primary_key, .. } => Shares::Documents(primary_key),
            Work::DeleteDocuments { .. } => Shares::Documents(None),
            _ => Shares::Nobody,
        };
        Self { task: header.task, size, shares }
    }

    fn may_join(&self, first: &Self) -> bool {
        self.shares != Shares::Nobody
            && self.shares == first.shares
            && self.task.index_uid == first.task.index_uid
    }
}

impl Filter {
    fn matches(&self, task: &Task) -> bool {
        let index = || task.index_uid.as_ref().is_some_and(|uid| self.index_uids.contains(uid));
        (self.uids.is_empty() || self.uids.contains(&task.uid))
            && (self.statuses.is_empty() || self.statuses.contains(&task.status))
            && (self.kinds.is_empty() || self.kinds.contains(&task.kind))
            && (self.index_uids.is_empty() || index())
    }
}
