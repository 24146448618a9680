//! The enums of the design, with the numbers that stand in the database and on the wire.

use serde::{Deserialize, Serialize};

macro_rules! numbered {
    ($($(#[$meta:meta])* $name:ident { $($variant:ident = $number:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($variant = $number,)* }

        impl $name {
            pub const fn number(self) -> i16 {
                self as i16
            }

            /// `None` for a number that is not one of these, zero included.
            pub const fn from_number(number: i16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

// Enums with the same two conversions: a macro keeps numbers and names in one place.
numbered! {
    HolderKind { Ai = 1, Agent = 2, Team = 3, Nobody = 4, }
    ActorKind { Customer = 1, Ai = 2, Agent = 3, System = 4, Business = 5, }
    HandOffReason {
        CustomerAsked = 1, Frustrated = 2, NotUnderstood = 3, Complex = 4, Sensitive = 5, AiSilent = 6,
        AiDisabled = 7,
    }
    /// What changed a holder.
    Cause {
        Started = 1, TakeOver = 2, Assign = 3, HandOff = 4, Release = 5, Unassign = 6, Close = 7, Reopen = 8,
        Echo = 9, Merge = 10, Route = 11,
    }
    LabelFigureKind { Label = 1, CustomerTag = 2, }
    Priority { Low = 1, Normal = 2, High = 3, Urgent = 4, }
    Status { New = 1, Open = 2, Snoozed = 3, Closed = 4, }
    Attention { Frustrated = 1, Repeated = 2, Complaint = 3, AskedForPerson = 4, }
    ChannelKind { WhatsApp = 1, WebChat = 2, }
    ChannelState { Enabled = 1, Disabled = 2, Deleted = 3, }
    TenantState { Active = 1, Suspended = 2, }
    /// Named ranges of time.
    NamedRange { Today = 1, Yesterday = 2, ThisWeek = 3, Last7Days = 4, Last30Days = 5, LastNight = 6, }
    ViewScope { Personal = 1, Team = 2, Tenant = 3, }
    StandardView {
        New = 1, Unread = 2, AssignedToMe = 3, Unassigned = 4, NewAndUnassigned = 5, NeedsAttention = 6,
        WaitingLongest = 7, Overdue = 8, HandledByTheAiLastNight = 9, SnoozedUntilToday = 10,
        ClosedThisWeek = 11,
    }
    ViewColumn {
        Customer = 1, Channel = 2, Preview = 3, LastActivity = 4, Status = 5, Unread = 6, Holder = 7,
        Priority = 8, Labels = 9, CustomerTags = 10, WaitingSince = 11, Due = 12,
    }
    ReopenPolicy { Always = 1, WithinWindow = 2, Never = 3, }
    /// Strongest first.
    IdentityKind { ExternalId = 1, WhatsAppUserId = 2, Phone = 3, VisitorId = 4, Email = 5, }
    DeliveryState {
        Queued = 1, Leased = 2, Sending = 3, Sent = 4, Delivered = 5, Read = 6, Failed = 7, Unknown = 8,
        Withdrawn = 9,
    }
}

/// A number read from a column that has a check on it.
pub fn checked<T>(value: Option<T>) -> T {
    value.expect("the column's check admits known numbers only")
}
