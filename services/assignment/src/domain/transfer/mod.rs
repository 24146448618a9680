//! Changes of holder: who decides, whose capacity it takes, and what became of it.
//!
//! A change walks three steps. `reserve` takes the agent's capacity under the request id, in a transaction; conversation
//! makes the change under the same id, by one compare-and-set; `settle` stores its first answer. A crash between any two
//! leaves a pending reservation, which a retry carries on, the feed's timeline entry settles, or `tick` resolves.
//!
//! To add a verb: a file that decides the [`Transfer`] and ends in [`carry_out::carry_out`].

mod assign;
mod carry_out;
mod claim_next;
mod command;
mod decide;
mod hand_off;
mod put_down;
mod reserve;
mod route;
mod settle;
mod take_over;

pub use assign::{Assign, Assignee, assign, assign_each};
pub use command::{Command, Transfer};
pub use claim_next::{ClaimNext, claim_next};
pub use hand_off::{HandOff, hand_off};
pub use put_down::{PutDown, release, unassign};
pub use route::{Routed, route};
pub use settle::{follow, forget, resolve_orphans};
pub use take_over::{TakeOver, take_over};

use tandem_fault::Fault;

use crate::peer::Refused;

/// Why a change of holder did not happen.
#[derive(Debug)]
pub enum Error {
    Own(tandem_database::Error),
    /// Conversation's own answer, forwarded as it is.
    Refused(Refused),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<tandem_database::Error> for Error {
    fn from(error: tandem_database::Error) -> Self {
        Self::Own(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Own(fault.into())
    }
}
