use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tandem_access::Caller;
use tandem_change_feed::{Batch, Body, Change, Follower, Step};
use tandem_fault::{Fault, Reason};
use tandem_proto::conversation::v1::watch_conversations_response::Event;
use tandem_proto::conversation::v1::{
    SnapshotEnd, SnapshotStart, WatchConversationsResponse as Sent, WatchHeartbeat,
};
use tandem_signed_token::PageToken;
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tonic::Status;
use uuid::Uuid;

use super::question::{Place, Question, seen_as};
use super::typing;
use crate::domain::Domain;
use crate::domain::conversation::messages::Window;
use crate::domain::label::Meaning;
use crate::domain::typing::Signal;
use crate::domain::viewer::Viewer;
use crate::feed::hydrate::Hydrator;
use crate::rpc::{conversations, convert};

const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between looks at the clock: what falls due, days that begin, tokens that expire.
const CLOCK: Duration = Duration::from_millis(500);
/// Between looks at who the caller is: teams and their channels.
const VIEWER: Duration = Duration::from_secs(2);
/// Ids that a list remembers to be outside.
const REMEMBERED: usize = 10_000;
/// Messages in one read of a thread.
const MESSAGES: i64 = 500;

type Sender = mpsc::Sender<Result<Sent, Status>>;

/// One open stream.
pub(super) struct Live {
    domain: Domain,
    caller: Caller,
    viewer: Viewer,
    question: Question,
    follower: Follower<Hydrator>,
    sender: Sender,
    /// Up to when what changes without a write was told.
    told: DateTime<Utc>,
    looked: Instant,
    /// What belongs together is collected, and its last part carries the resume token.
    pending: Vec<Sent>,
    fresh: Fresh,
    typing: Receiver<Arc<Signal>>,
}

/// How a stream begins.
#[derive(PartialEq, Eq)]
enum Fresh {
    Snapshots,
    Resumed,
    Reset,
}

impl Live {
    /// Follows from before anything is read, so that nothing falls between a snapshot and what comes after it.
    pub async fn open(
        domain: Domain,
        caller: Caller,
        viewer: Viewer,
        question: Question,
        sender: Sender,
    ) -> Result<Self, Fault> {
        let resume = question.resume;
        let (follower, fresh) = match domain.follow(resume.map(|place| place.cursor())).await {
            Ok(follower) => match resume {
                None => (follower, Fresh::Snapshots),
                Some(place) if place.seen_as == seen_as(&viewer) => (follower, Fresh::Resumed),
                // The caller's teams changed while nobody listened.
                Some(_) => (follower, Fresh::Reset),
            },
            Err(fault) if fault.reason == Reason::CursorGone => (domain.follow(None).await?, Fresh::Reset),
            Err(fault) => return Err(fault),
        };
        for thread in &question.threads {
            domain.get(&viewer, thread.conversation_id).await?;
        }
        let told = match resume {
            Some(place) if fresh == Fresh::Resumed => place.told,
            _ => domain.ambient.now(),
        };
        let (looked, pending) = (Instant::now(), Vec::new());
        let typing = domain.typing.subscribe(viewer.tenant_id);
        Ok(Self { domain, caller, viewer, question, follower, sender, told, looked, pending, fresh, typing })
    }

    pub async fn run(mut self) {
        let (stop, sender) = (self.domain.stop.clone(), self.sender.clone());
        let ended = tokio::select! {
            () = stop.cancelled() => tandem_bootstrap::shutting_down(),
            () = sender.closed() => return,
            ended = self.follow() => match ended { Ok(()) => return, Err(fault) => fault.into() },
        };
        let _ = sender.send(Err(ended)).await;
    }

    async fn follow(&mut self) -> Result<(), Fault> {
        if self.fresh != Fresh::Resumed {
            self.restart(self.fresh == Fresh::Reset).await?;
        }
        let mut clock = interval(CLOCK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.sender.is_closed() {
            let (threads, ambient) = (&self.question.threads, &self.domain.ambient);
            tokio::select! {
                step = self.follower.next(HEARTBEAT) => match step {
                    Ok(Step::Changes { batch, already }) => self.changed(&batch, already).await?,
                    Ok(Step::Idle) => {
                        let time = Some(convert::time(self.domain.ambient.now()));
                        self.say("", Event::Heartbeat(WatchHeartbeat { time }));
                    }
                    Err(fault) if fault.reason == Reason::CursorGone => {
                        self.follower = self.domain.follow(None).await?;
                        self.restart(true).await?;
                    }
                    Err(fault) => return Err(fault),
                },
                (key, signal) = typing::next(&mut self.typing, &self.viewer, threads, ambient) => {
                    self.say(&key, Event::Typing(signal));
                }
                _ = clock.tick() => self.time_went_on().await?,
            }
            self.flush().await;
        }
        Ok(())
    }

    fn say(&mut self, key: &str, event: Event) {
        self.pending.push(Sent { key: key.to_owned(), event: Some(event), ..Sent::default() });
    }

    /// Sends what belongs together; a closed stream is noticed by `run`.
    async fn flush(&mut self) {
        let place = Place::new(self.follower.cursor(), self.told, &self.viewer);
        if let Some(last) = self.pending.last_mut() {
            last.resume_token = PageToken::encode(&self.domain.signer, &self.question.bound, &place);
        }
        for sent in std::mem::take(&mut self.pending) {
            let _ = self.sender.send(Ok(sent)).await;
        }
    }

    /// Snapshots of everything, after a word that what was sent before no longer holds.
    async fn restart(&mut self, reset: bool) -> Result<(), Fault> {
        for list in 0..self.question.lists.len() {
            self.snapshot(list, reset).await?;
        }
        for thread in 0..self.question.threads.len() {
            self.thread_snapshot(thread, reset).await?;
        }
        self.flush().await;
        Ok(())
    }

    async fn snapshot(&mut self, number: usize, reset: bool) -> Result<(), Fault> {
        let now = self.domain.ambient.now();
        let list = &mut self.question.lists[number];
        list.at(now);
        list.outside.clear();
        // Read before the rows: a merge in between is told again, and none is missed.
        list.meaning = Some(self.domain.meaning(&self.viewer, &list.filter).await?);
        let list = &self.question.lists[number];
        let key = list.key.clone();
        let mut said = Vec::new();
        if reset {
            said.push(Event::Reset(SnapshotStart {}));
        }
        if list.snapshot_size > 0 {
            let page =
                self.domain.list(&self.viewer, &list.filter, list.meant.order, None, list.snapshot_size);
            let (rows, next) = page.await?;
            said.extend(rows.into_iter().map(|row| Event::Row(convert::row(row))));
            let bound = conversations::list_bound(&self.viewer, &list.meant.named);
            let next = next.map(|place| PageToken::encode(&self.domain.signer, &bound, &place));
            said.push(Event::SnapshotEnd(SnapshotEnd { next_page_token: next.unwrap_or_default() }));
        }
        for event in said {
            self.say(&key, event);
        }
        Ok(())
    }

    async fn thread_snapshot(&mut self, number: usize, reset: bool) -> Result<(), Fault> {
        let thread = &self.question.threads[number];
        let (key, id, mut after) = (thread.key.clone(), thread.conversation_id, thread.after_position);
        if reset {
            self.say(&key, Event::Reset(SnapshotStart {}));
        }
        let row = match self.domain.get(&self.viewer, id).await.map_err(Fault::from) {
            Ok((row, _)) => row,
            // The caller's scope shrank.
            Err(fault) if fault.reason == Reason::NotFound => {
                self.say(&key, Event::RemovedConversationId(id.to_string()));
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        self.say(&key, Event::Row(convert::row(row)));
        loop {
            let page = self.domain.messages(&self.viewer, id, Window::After(after), MESSAGES).await?;
            after = page.messages.last().map_or(after, |last| last.position);
            for message in convert::messages(page.messages) {
                self.say(&key, Event::Message(message));
            }
            if !page.more {
                break;
            }
        }
        self.say(&key, Event::SnapshotEnd(SnapshotEnd::default()));
        Ok(())
    }

    async fn changed(&mut self, batch: &Batch, already: i64) -> Result<(), Fault> {
        let tenant = self.viewer.tenant_id.to_string();
        // Conversations that changed and may be seen.
        let (mut changed, mut merged) = (BTreeSet::new(), false);
        for change in batch.changes.iter().filter(|change| change.seq > already && change.tenant_id == tenant)
        {
            self.thread_changed(change);
            merged |= matches!(change.body, Some(Body::Tenant(_)));
            if let Some(Body::Conversation(conversation)) = &change.body {
                let channel = conversation.channel_id.parse().unwrap_or_default();
                if let (true, Ok(id)) = (self.viewer.scope.covers(channel), change.entity_id.parse()) {
                    changed.insert(id);
                }
            }
        }
        if merged {
            self.meaning_changed().await?;
        }
        let ids: Vec<Uuid> = changed.into_iter().collect();
        self.evaluate(&ids, |_| true).await
    }

    /// Sends lists afresh whose labels or tags have other ids to stand for them: a merge touches no conversation that would be
    /// told of. Who goes on after a merge that was not told has no snapshot to compare with, and gets one.
    async fn meaning_changed(&mut self) -> Result<(), Fault> {
        for number in 0..self.question.lists.len() {
            let list = &self.question.lists[number];
            let meaning = self.domain.meaning(&self.viewer, &list.filter).await?;
            if list.meaning.as_ref() != Some(&meaning) && meaning != Meaning::default() {
                self.snapshot(number, true).await?;
            }
        }
        Ok(())
    }

    fn thread_changed(&mut self, change: &Change) {
        let (conversation, event) = match &change.body {
            Some(Body::Message(message)) => (&message.conversation_id, Event::Message(message.clone())),
            Some(Body::TimelineEntry(entry)) => (&entry.conversation_id, Event::Entry(entry.clone())),
            _ => return,
        };
        let id: Uuid = conversation.parse().unwrap_or_default();
        let mut threads = self.question.threads.iter().filter(|thread| thread.conversation_id == id);
        if let Some(key) = threads.next().map(|thread| thread.key.clone()) {
            self.say(&key, event);
        }
    }

    /// Tells each list that is `meant`, and the threads, how some conversations stand now.
    async fn evaluate(&mut self, ids: &[Uuid], meant: impl Fn(usize) -> bool) -> Result<(), Fault> {
        if ids.is_empty() {
            return Ok(());
        }
        let now = self.domain.ambient.now();
        let rows = self.domain.rows(&self.viewer, ids).await?;
        let rows: HashMap<Uuid, _> =
            rows.into_iter().map(|row| (row.conversation.id, convert::row(row))).collect();
        for number in (0..self.question.lists.len()).filter(|number| meant(*number)) {
            let list = &mut self.question.lists[number];
            if list.at(now) {
                // A day began before the clock was looked at.
                self.snapshot(number, true).await?;
                continue;
            }
            let inside = self.domain.matching(&self.viewer, &list.filter, ids).await?;
            let mut said = Vec::new();
            for id in ids {
                if inside.contains(id) {
                    list.outside.remove(id);
                    said.extend(rows.get(id).cloned().map(Event::Row));
                } else {
                    if list.outside.len() >= REMEMBERED {
                        list.outside.clear();
                    }
                    if list.outside.insert(*id) {
                        said.push(Event::RemovedConversationId(id.to_string()));
                    }
                }
            }
            let key = list.key.clone();
            for event in said {
                self.say(&key, event);
            }
        }
        let said: Vec<(String, Event)> = self
            .question
            .threads
            .iter()
            .filter_map(|thread| {
                Some((thread.key.clone(), Event::Row(rows.get(&thread.conversation_id)?.clone())))
            })
            .collect();
        for (key, event) in said {
            self.say(&key, event);
        }
        Ok(())
    }

    /// What changes without a write.
    async fn time_went_on(&mut self) -> Result<(), Fault> {
        let now = self.domain.ambient.now();
        if now.timestamp() >= self.caller.expires {
            return Err(Fault::new(Reason::TokenExpired, "the token has expired"));
        }
        if self.looked.elapsed() >= VIEWER {
            self.looked = Instant::now();
            let viewer = self.domain.viewer(&self.caller).await?;
            if viewer != self.viewer {
                self.viewer = viewer;
                self.restart(true).await?;
            }
        }
        for number in 0..self.question.lists.len() {
            if self.question.lists[number].at(now) {
                self.snapshot(number, true).await?;
            }
        }
        let overdue: Vec<bool> =
            self.question.lists.iter().map(|list| list.filter.overdue.is_some()).collect();
        let (ids, told) = match overdue.contains(&true) && now > self.told {
            true => self.domain.fell_due(&self.viewer, self.told, now).await?,
            false => (Vec::new(), now),
        };
        self.evaluate(&ids, |number| overdue[number]).await?;
        self.told = told;
        Ok(())
    }
}
