//! Methods that take ids.

mod assignment;
mod channels;
mod conversations;
mod customer;
mod views;

use tandem_access::Role;

/// Method, the role that calls it, body: `$name` is an id of that kind, `$new` a fresh one.
pub type Row = (&'static str, Role, &'static str);

/// Every method that takes an id, service by service.
pub const METHODS: &[&[Row]] =
    &[conversations::METHODS, views::METHODS, channels::METHODS, assignment::METHODS, customer::METHODS];
