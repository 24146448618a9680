//! All SQL of the service, one file an aggregate. Set-wise: keys go in as arrays of tenants and ids.

pub mod address;
pub mod agent;
pub mod attribute;
pub mod browse;
pub mod carried;
pub mod contact;
pub mod conversation;
pub mod customer;
pub mod erasure;
pub mod import;
pub mod merge;
pub mod note;
pub mod privacy;
pub mod profile;
pub mod standing;
pub mod suggestion;
pub mod tag;

use uuid::Uuid;

use crate::domain::model::Key;

/// Keys as the two arrays that statements unnest.
fn split<'a>(keys: impl IntoIterator<Item = &'a Key>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.into_iter().copied().unzip()
}
