//! What agents should know: made once from the timeline, listed, streamed, marked as read.

mod hub;
mod list;
mod mark_read;
mod tell;
mod watch;

pub use hub::Hub;
pub use list::list;
pub use mark_read::mark_read;
pub use tell::{forget, tell};
pub use watch::watch;

/// How far unread notifications are counted.
const MOST_UNREAD: i64 = 100;
