use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tandem_change_feed::Cursor;
use tandem_fault::{Fault, Violations};
use tandem_proto::conversation::v1 as proto;
use tandem_signed_token::{PageToken, binding};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::filter::Filter;
use crate::domain::order::Order;
use crate::domain::viewer::Viewer;
use crate::rpc::{filter, parse};

/// Lists, and threads, of one stream.
const MOST: usize = 20;

/// What a stream shows.
pub(super) struct Question {
    pub lists: Vec<List>,
    pub threads: Vec<Thread>,
    /// What resume tokens belong to.
    pub bound: [u8; 16],
    pub resume: Option<Cursor>,
}

pub(super) struct List {
    pub key: String,
    /// As it came: its relative parts are told anew as time goes on.
    pub wanted: Option<tandem_proto::r#type::v1::ConversationFilter>,
    pub order: Order,
    pub order_number: i32,
    pub snapshot_size: usize,
    pub filter: Filter,
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
        // It was found right when the stream was opened.
        let filter = filter::parse(&mut Violations::new(), self.wanted.clone(), now);
        let moved = filter.ranges() != self.filter.ranges();
        self.filter = filter;
        moved
    }
}

impl Question {
    pub fn parse(
        domain: &Domain,
        viewer: &Viewer,
        request: proto::WatchConversationsRequest,
    ) -> Result<Self, Fault> {
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
        let now = domain.ambient.now();
        let mut lists = Vec::new();
        for (number, list) in request.lists.into_iter().take(MOST).enumerate() {
            parts.push(identity(&list.key, &list.filter, list.order));
            let mut wrong = Violations::new();
            parse::text(&mut wrong, "key", &list.key, 1..=64);
            wrong.check(keys.insert(list.key.clone()), "key", "must not be there twice");
            let filter = filter::parse(&mut wrong, list.filter.clone(), now);
            let order = Order::from_number(list.order).ok_or("must be one of the known values");
            let order = wrong.take("order", order).unwrap_or_default();
            wrong.check((0..=200).contains(&list.snapshot_size), "snapshot_size", "must be 0 to 200");
            v.nest(&format!("lists[{number}]"), wrong);
            lists.push(List {
                key: list.key,
                wanted: list.filter,
                order,
                order_number: list.order,
                snapshot_size: usize::try_from(list.snapshot_size).unwrap_or_default(),
                filter,
                outside: HashSet::new(),
            });
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
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let bound = binding(&parts);
        let resume: Option<(i64, i64)> = PageToken::resume(&domain.signer, &bound, &request.resume_token)?;
        let resume = resume.map(|(seq, mark)| Cursor { seq, mark });
        Ok(Self { lists, threads, bound, resume })
    }
}

/// What makes a list the same list for a resume token.
fn identity(key: &str, filter: &Option<tandem_proto::r#type::v1::ConversationFilter>, order: i32) -> Vec<u8> {
    let mut identity = key.as_bytes().to_vec();
    identity.push(0);
    identity.extend(filter.as_ref().map(prost::Message::encode_to_vec).unwrap_or_default());
    identity.extend(order.to_be_bytes());
    identity
}
