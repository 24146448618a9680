//! All SQL of the service: one file an aggregate, set-wise statements, row structs private.

pub mod ai;
pub mod attention;
pub mod channel;
mod columns;
pub mod contact;
pub mod conversation;
pub mod count;
pub mod customer_tag;
pub mod dedup;
pub mod due;
pub mod early;
pub mod erasure;
pub mod filter;
pub mod goals;
pub mod identity_change;
pub mod label;
pub mod label_figure;
pub mod list;
pub mod message;
pub mod outbound;
pub mod projection;
pub mod reading;
pub mod receipt;
pub mod retention;
pub mod row;
pub mod tenant;
pub mod timeline;
pub mod timer;
pub mod typing;
pub mod view;

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
