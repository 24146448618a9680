//! Adapters: a method unpacks its message, calls the domain, converts the answer.

mod assignment;
mod command;
pub mod convert;
mod directory;
mod list;
mod notification;
mod operation;
mod overview;
mod page;
mod parse;
mod presence;
mod routing;
mod routing_convert;

pub use assignment::Assignment;
pub use directory::Directory;
pub use notification::Notifications;
pub use operation::Operations;
pub use overview::Overview;
pub use presence::Presences;
pub use routing::Routing;

use tonic::Status;

use crate::domain::transfer::Error;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Own(error) => error.into(),
            Error::Refused(refused) => refused.into(),
        }
    }
}
