//! The rules of the service: a folder a noun, a file a verb.

pub mod access;
pub mod agent;
pub mod check;
pub mod erasure;
pub mod figure;
pub mod history;
pub mod kinds;
pub mod list;
pub mod load;
pub mod model;
pub mod notification;
pub mod operation;
pub mod presence;
pub mod routing;
pub mod team;
pub mod tenant;
pub mod transfer;

use tandem_ambient::Ambient;
use tandem_change_feed::{Freshness, Sequencer, Written};
use tandem_database::Pool;

use crate::peer::Conversations;

/// What every operation stands on. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub pool: Pool,
    pub ambient: Ambient,
    pub sequencer: Sequencer,
    pub freshness: Freshness,
    pub conversations: Conversations,
}

/// The answer of a write, with the token that reads elsewhere can wait for.
#[derive(Debug)]
pub struct Changed<T> {
    pub entity: T,
    pub change_token: String,
}

impl App {
    /// After the commit: wakes the sequencer and names the write.
    pub fn changed<T>(&self, entity: T, written: Option<Written>) -> Changed<T> {
        self.sequencer.wake();
        Changed { entity, change_token: self.freshness.token(written) }
    }
}

/// A written mark as it stands in a recorded answer, so that a repeated answer has the same change token.
fn kept(written: Option<Written>) -> Option<(i64, i64)> {
    written.map(|written| (written.outbox_id, written.mark))
}

fn repeated(kept: Option<(i64, i64)>) -> Option<Written> {
    kept.map(|(outbox_id, mark)| Written { outbox_id, mark })
}
