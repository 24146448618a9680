//! What Tandem itself says in a conversation about what came in.

use super::Item;
use crate::domain::content::Content;
use crate::domain::kinds::IdentityKind;
use crate::domain::model::{Actor, Identity};
use crate::domain::work::Draft;

/// That an address of the customer was replaced: shown in its place, and nothing else. It reopens nothing, is no activity,
/// and makes nothing unread.
pub fn of_identity_change(item: &Item, new: &Identity, text: &str) -> Draft {
    let code = match new.kind {
        IdentityKind::Phone => "number_changed",
        _ => "identity_changed",
    };
    let content = Content::System { code: code.to_owned(), text: text.to_owned() };
    Draft {
        source_at: item.source_at,
        received_at: item.received_at,
        external_id: item.external_id.clone(),
        quiet: true,
        ..Draft::now(Actor::SYSTEM, content, item.received_at)
    }
}
