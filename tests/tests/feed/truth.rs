//! What the conversation database holds in the end, and comparisons with it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tandem_database::Pool;
use tandem_tests::{Recorder, eventually};
use uuid::Uuid;

/// The kind of an event.
const ENTRY: i16 = 6;

/// Everything that a follower of the feed must know, and nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct Truth {
    pub events: BTreeSet<Uuid>,
    /// Versions by kind and entity; a tenant has none on the feed.
    pub versions: BTreeMap<(i16, Uuid), i64>,
}

impl Truth {
    pub async fn read(conversation: &Pool) -> Self {
        let events = sqlx::query_scalar("SELECT id FROM timeline").fetch_all(conversation).await.unwrap();
        let versions: Vec<(i16, Uuid, i64)> = sqlx::query_as(
            "SELECT kind::smallint, id, version FROM (
                 SELECT 1 AS kind, id, 0::bigint AS version FROM tenant
                 UNION ALL SELECT 2, id, version FROM channel UNION ALL SELECT 3, id, version FROM contact
                 UNION ALL SELECT 4, id, version FROM conversation UNION ALL SELECT 5, id, version FROM message
             ) AS entity",
        )
        .fetch_all(conversation)
        .await
        .unwrap();
        let versions = versions.into_iter().map(|(kind, id, version)| ((kind, id), version)).collect();
        Self { events: events.into_iter().collect(), versions }
    }

    /// What a recorder's projection comes to.
    pub async fn projected(record: &Pool) -> Self {
        let rows: Vec<(i16, Uuid, i64)> = sqlx::query_as("SELECT kind, entity_id, version FROM projection")
            .fetch_all(record)
            .await
            .unwrap();
        let mut truth = Self { events: BTreeSet::new(), versions: BTreeMap::new() };
        for (kind, id, version) in rows {
            if kind == ENTRY {
                truth.events.insert(id);
            } else {
                truth.versions.insert((kind, id), version);
            }
        }
        truth
    }

    /// A recorder that never had to rebuild applied every event once, each entity's states in order up to the last, and
    /// its numbers only grew.
    pub async fn assert_recorded(&self, record: &Pool) {
        let rows: Vec<(i64, i64, i16, Uuid, i64)> =
            sqlx::query_as("SELECT generation, seq, kind, entity_id, version FROM applied ORDER BY n")
                .fetch_all(record)
                .await
                .unwrap();
        let (mut events, mut versions, mut last) = (HashSet::new(), HashMap::new(), 0);
        for (generation, seq, kind, id, version) in rows {
            assert_eq!(generation, 1, "nothing made it rebuild");
            assert!(seq > last, "{seq} was applied after {last}");
            last = seq;
            if kind == ENTRY {
                assert!(events.insert(id), "an event was applied twice");
            } else {
                let before = versions.insert((kind, id), version);
                assert!(before.is_none_or(|before| before <= version), "an older state after a newer one");
            }
        }
        self.assert_seen(&events, &versions);
        assert_eq!(&Self::projected(record).await, self);
    }

    /// A subscriber saw all of it.
    pub fn assert_seen(&self, events: &HashSet<Uuid>, versions: &HashMap<(i16, Uuid), i64>) {
        assert_eq!(&events.iter().copied().collect::<BTreeSet<_>>(), &self.events, "every event, none twice");
        let versions: BTreeMap<_, _> = versions.iter().map(|(key, version)| (*key, *version)).collect();
        assert_eq!(versions, self.versions, "every entity's last state");
    }
}

/// The feed's head.
pub async fn head(conversation: &Pool) -> i64 {
    sqlx::query_scalar("SELECT seq FROM feed_head").fetch_one(conversation).await.unwrap()
}

/// Waits until everything that was committed has a number. Answers the head.
pub async fn settled(conversation: &Pool) -> i64 {
    eventually("an empty outbox", || async {
        let waiting: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox)").fetch_one(conversation).await.unwrap();
        (!waiting).then_some(())
    })
    .await;
    head(conversation).await
}

/// Waits until a recorder stands at a place.
pub async fn recorded(record: &Pool, seq: i64) {
    eventually("the recorder at the head", || async {
        let stored: Option<i64> =
            sqlx::query_scalar("SELECT seq FROM feed_cursor WHERE feed = $1 AND rebuild_page IS NULL")
                .bind(Recorder::FEED)
                .fetch_optional(record)
                .await
                .unwrap();
        (stored == Some(seq)).then_some(())
    })
    .await;
}

/// The feed after all faults: no number is missing or taken twice, every event is there once, every entity's versions
/// follow the numbers up to the one that it has now.
pub async fn assert_feed_is_whole(conversation: &Pool) {
    let head = settled(conversation).await;
    let rows: Vec<(i64, i64, i16, Uuid, i64)> =
        sqlx::query_as("SELECT seq, mark, kind, entity_id, version FROM feed ORDER BY seq")
            .fetch_all(conversation)
            .await
            .unwrap();
    let (mut marks, mut events, mut versions) = (HashSet::new(), HashSet::new(), HashMap::new());
    for (expected, (seq, mark, kind, id, version)) in (1..).zip(rows) {
        assert_eq!(seq, expected, "the numbers are dense");
        assert!(marks.insert(mark));
        if kind == ENTRY {
            assert!(events.insert(id), "an event has two numbers");
        } else if kind == 1 {
            versions.insert((kind, id), 0);
        } else {
            let before = versions.insert((kind, id), version);
            assert!(before.is_none_or(|before| before <= version), "an older version after a newer one");
        }
    }
    assert_eq!(marks.len(), usize::try_from(head).unwrap());
    Truth::read(conversation).await.assert_seen(&events, &versions);
}
