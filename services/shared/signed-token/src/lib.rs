//! Opaque signed tokens that callers carry for us: page tokens and change tokens.
//!
//! A token is signed, not encrypted: put nothing into it that its caller may not read. To add a kind,
//! write a file like `change.rs`: a purpose of its own, an `encode`, and a `decode` whose error names
//! the field that the token came in.

mod change;
mod page;
mod signer;

pub use change::{ChangeToken, ServiceName};
pub use page::{PageToken, binding};
pub use signer::{KeyError, MIN_KEY_BYTES, Signer};

use tandem_fault::{Fault, Reason, Violation};

/// The answer to a token that is not ours, is damaged, or belongs to another call: the three look alike.
fn refuse(reason: Reason, field: &str, description: &str) -> Fault {
    let mut fault = Fault::new(reason, "the request carries an invalid token");
    fault.violations.push(Violation { field: field.to_owned(), description: description.to_owned() });
    fault
}
