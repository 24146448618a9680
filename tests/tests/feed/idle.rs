//! A silence: how heartbeats come to be sent, and how a restored database is noticed that nobody writes to.

use std::sync::Arc;
use std::time::Duration;

use tandem_change_feed::{ChangeKind, Follower, Hydrate, Sequencer, SnapshotRow, Step, Tail};
use tandem_database::{Connection, Result};
use tandem_tests::{Parts, Suite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::pool;

/// Changes without bodies.
struct Bare;

impl Hydrate for Bare {
    async fn read(&self, _: &mut Connection, _: ChangeKind, _: &[(Uuid, Uuid)]) -> Result<Vec<SnapshotRow>> {
        Ok(Vec::new())
    }

    async fn page(
        &self,
        _: &mut Connection,
        _: ChangeKind,
        _: (Uuid, Uuid),
        _: i64,
    ) -> Result<Vec<SnapshotRow>> {
        Ok(Vec::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_told_also_to_who_looks_at_something_else_meanwhile() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let (database, stop) = (pool(&suite.conversation_url), CancellationToken::new());
    let sequencer = Sequencer::spawn(database.clone(), suite.ambient.clone(), stop.clone());
    let tail = Tail::spawn(database.clone(), Arc::new(Bare), &sequencer, stop.clone());
    let mut follower = Follower::open(database, Arc::new(Bare), tail, None).await.unwrap();
    let idle = Duration::from_millis(800);
    // What the suite itself wrote, to the end of the table.
    while matches!(follower.next(idle).await.unwrap(), Step::Changes { .. }) {}
    // As a live stream does, which looks at the clock twice a second.
    let told = async {
        loop {
            let asked = timeout(Duration::from_millis(400), follower.next(idle)).await;
            if matches!(asked, Ok(Ok(Step::Idle))) {
                break;
            }
        }
    };
    timeout(Duration::from_secs(60), told).await.expect("no word of the silence");
    stop.cancel();
}
