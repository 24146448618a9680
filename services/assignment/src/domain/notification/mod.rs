//! What agents should know: made once from the timeline, from notes and from the clock; listed, streamed, marked as read.

mod due;
mod hub;
mod list;
mod mark_read;
mod mention;
mod preference;
mod tell;
mod watch;
mod woken;

pub use due::{soon, tell_due};
pub use hub::Hub;
pub use list::list;
pub use mark_read::mark_read;
pub use mention::{of_customer_notes, of_mentions};
pub use preference::{mute, muted};
pub use tell::{forget, of_changes, tell};
pub use watch::watch;
pub use woken::of_wakes;

/// How far unread notifications are counted.
const MOST_UNREAD: i64 = 100;
