//! Requests with every field wrong, and the fields that must be named.

mod assignment;
mod channels;
mod conversations;
mod customer;
mod views;

use tandem_access::Role;

/// Method, role, body, wrong fields in any order.
pub type Row = (&'static str, Role, &'static str, &'static str);

/// Service by service.
pub const WRONG: &[&[Row]] =
    &[conversations::WRONG, views::WRONG, channels::WRONG, assignment::WRONG, customer::WRONG];
