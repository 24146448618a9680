//! All SQL of the service: one file an aggregate, set-wise statements, row structs private.

pub mod agent;
pub mod channel;
pub mod conflict;
pub mod conversation;
pub mod customer;
pub mod due;
pub mod erasure;
pub mod figure;
pub mod holder_change;
pub mod load;
pub mod notification;
pub mod operation;
pub mod person;
pub mod preference;
pub mod presence;
pub mod queue;
pub mod reservation;
pub mod routing_rule;
pub mod tag;
pub mod team;
pub mod tenant;
pub mod wake;
mod words;

use tandem_database::Result;
use tandem_fault::Fault;

/// Every targeted write checks that it met its rows.
fn all_written(written: u64, wanted: usize) -> Result<()> {
    if usize::try_from(written) == Ok(wanted) {
        Ok(())
    } else {
        Err(Fault::internal(format!("{written} rows written of {wanted}")).into())
    }
}
