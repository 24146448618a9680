use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_change_feed::Cursor;
use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_signed_token::{PageToken, binding};
use tonic::Status;
use uuid::Uuid;

use crate::domain::filter::Filter;
use crate::domain::label::Meaning;
use crate::domain::viewer::Viewer;
use crate::rpc::question::{Meant, Question as ListQuestion};
use crate::rpc::{Rpc, parse};

/// Lists, and threads, of one stream.
const MOST: usize = 20;

/// What a stream shows.
pub(super) struct Question {
    pub lists: Vec<List>,
    pub threads: Vec<Thread>,
    /// What resume tokens belong to.
    pub bound: [u8; 16],
    pub resume: Option<Place>,
}

/// Where a stream stood: what a resume token carries.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Place {
    seq: i64,
    mark: i64,
    /// Up to when what changes without a write was told.
    pub told: DateTime<Utc>,
    /// Who the caller was: [`seen_as`].
    pub seen_as: [u8; 16],
}

impl Place {
    pub fn new(cursor: Cursor, told: DateTime<Utc>, viewer: &Viewer) -> Self {
        Self { seq: cursor.seq, mark: cursor.mark, told, seen_as: seen_as(viewer) }
    }

    pub fn cursor(&self) -> Cursor {
        Cursor { seq: self.seq, mark: self.mark }
    }
}

/// What of a viewer decides what lists show: the agent, the teams, the scope.
pub(super) fn seen_as(viewer: &Viewer) -> [u8; 16] {
    let scope = format!("{:?} {:?} {:?}", viewer.agent_id, viewer.team_ids, viewer.scope);
    binding(&[scope.as_bytes()])
}

pub(super) struct List {
    pub key: String,
    /// As it came: its relative parts are told anew as time goes on.
    pub meant: Meant,
    pub snapshot_size: usize,
    pub filter: Filter,
    /// What its labels and tags meant in its last snapshot; `None` before one.
    pub meaning: Option<Meaning>,
    /// Changed conversations that were found outside it: they need not be said to be outside again.
    pub outside: HashSet<Uuid>,
}

pub(super) struct Thread {
    pub key: String,
    pub conversation_id: Uuid,
    pub after_position: i64,
}

impl List {
    /// The filter at another instant, and whether a named range of time means other instants than before: a day began.
    pub fn at(&mut self, now: DateTime<Utc>) -> bool {
        let filter = self.meant.at(now);
        let moved = filter.ranges() != self.filter.ranges();
        self.filter = filter;
        moved
    }
}

impl Question {
    pub async fn parse(
        rpc: &Rpc,
        viewer: &Viewer,
        request: proto::WatchConversationsRequest,
    ) -> Result<Self, Status> {
        let mut v = Violations::new();
        let mut keys = HashSet::new();
        let mut parts = vec![viewer.tenant_id.as_bytes().to_vec(), viewer.subject.clone().into_bytes()];
        v.check(request.lists.len() <= MOST, "lists", "must be at most 20");
        v.check(request.threads.len() <= MOST, "threads", "must be at most 20");
        v.check(
            !request.lists.is_empty() || !request.threads.is_empty(),
            "lists",
            "must name something to watch",
        );
        let mut asked = Vec::new();
        for (number, list) in request.lists.into_iter().take(MOST).enumerate() {
            let mut wrong = Violations::new();
            parse::text(&mut wrong, "key", &list.key, 1..=64);
            wrong.check(keys.insert(list.key.clone()), "key", "must not be there twice");
            let zone = &request.time_zone;
            let question = ListQuestion::read(&mut wrong, &list.filter, &list.view_id, list.order, zone);
            wrong.check((0..=200).contains(&list.snapshot_size), "snapshot_size", "must be 0 to 200");
            v.nest(&format!("lists[{number}]"), wrong);
            asked.push((list.key, list.snapshot_size, question));
        }
        let mut threads = Vec::new();
        for (number, thread) in request.threads.into_iter().take(MOST).enumerate() {
            parts.push([thread.key.as_bytes(), &[0], thread.conversation_id.as_bytes()].concat());
            let mut wrong = Violations::new();
            parse::text(&mut wrong, "key", &thread.key, 1..=64);
            wrong.check(keys.insert(thread.key.clone()), "key", "must not be there twice");
            let conversation_id = parse::id(&mut wrong, "conversation_id", &thread.conversation_id);
            wrong.check(thread.after_position >= 0, "after_position", "must not be negative");
            v.nest(&format!("threads[{number}]"), wrong);
            threads.push(Thread { key: thread.key, conversation_id, after_position: thread.after_position });
        }
        v.finish()?;
        let now = rpc.domain.ambient.now();
        let mut lists = Vec::new();
        for (key, snapshot_size, question) in asked {
            let meant = rpc.meant(viewer, question).await?;
            parts.push([key.as_bytes(), &[0], &meant.named].concat());
            lists.push(List {
                key,
                snapshot_size: usize::try_from(snapshot_size).unwrap_or_default(),
                filter: meant.at(now),
                meant,
                meaning: None,
                outside: HashSet::new(),
            });
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let bound = binding(&parts);
        let resume: Option<Place> = PageToken::resume(&rpc.domain.signer, &bound, &request.resume_token)?;
        if let Some(place) = resume {
            // As it was told: a day that began since is noticed as one that begins now.
            for list in &mut lists {
                list.at(place.told);
            }
        }
        Ok(Self { lists, threads, bound, resume })
    }
}
