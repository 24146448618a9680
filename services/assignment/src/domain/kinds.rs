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
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

// A dozen enums with the same conversions: a macro keeps numbers and names in one place.
numbered! {
    AgentState { Active = 1, Deactivated = 2, }
    HolderKind { Ai = 1, Agent = 2, Team = 3, Nobody = 4, }
    ActorKind { Customer = 1, Ai = 2, Agent = 3, System = 4, Business = 5, }
    /// Why the AI gives a conversation up; the reasons that Tandem itself gives come after them.
    HandOffReason {
        CustomerAsked = 1, Frustrated = 2, NotUnderstood = 3,
        Complex = 4, Sensitive = 5, AiSilent = 6, AiDisabled = 7,
    }
    /// What changed a holder.
    Cause {
        Started = 1, TakeOver = 2, Assign = 3, HandOff = 4,
        Release = 5, Unassign = 6, Close = 7, Reopen = 8, Echo = 9,
        Merge = 10, Route = 11,
    }
    Priority { Low = 1, Normal = 2, High = 3, Urgent = 4, }
    Status { New = 1, Open = 2, Snoozed = 3, Closed = 4, }
    NotificationKind {
        Assigned = 1, Transferred = 2, Mentioned = 3, TeamQueue = 4,
        TakenAway = 5, DueSoon = 6, Overdue = 7, Woken = 8,
    }
    Presence { Online = 1, Busy = 2, Away = 3, Offline = 4, }
    OperationKind { Deactivate = 1, TransferAll = 2, ReturnWork = 3, }
    OperationState { Running = 1, Done = 2, }
}

impl ActorKind {
    /// The name where no id is known.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Ai => "ai",
            Self::Agent => "agent",
            Self::System => "system",
            Self::Business => "business",
        }
    }
}

/// A number read from a column that has a check on it.
pub fn checked<T>(value: Option<T>) -> T {
    value.expect("the column's check admits known numbers only")
}

#[cfg(test)]
mod tests {
    use tandem_proto::assignment::v1 as assignment;
    use tandem_proto::r#type::v1 as types;

    use super::*;

    #[test]
    fn numbers_are_those_of_the_protos() {
        for number in -1..20 {
            let known = |proto: bool| proto && number != 0;
            for (ours, proto) in [
                (AgentState::from_number(number).is_some(), assignment::AgentState::try_from(number).is_ok()),
                (
                    NotificationKind::from_number(number).is_some(),
                    assignment::NotificationKind::try_from(number).is_ok(),
                ),
                (HolderKind::from_number(number).is_some(), types::HolderKind::try_from(number).is_ok()),
                (ActorKind::from_number(number).is_some(), types::ActorKind::try_from(number).is_ok()),
                (
                    HandOffReason::from_number(number).is_some(),
                    types::HandOffReason::try_from(number).is_ok(),
                ),
                (Cause::from_number(number).is_some(), types::HolderChangeCause::try_from(number).is_ok()),
                (Priority::from_number(number).is_some(), types::Priority::try_from(number).is_ok()),
                (Status::from_number(number).is_some(), types::ConversationStatus::try_from(number).is_ok()),
                (Presence::from_number(number).is_some(), assignment::Presence::try_from(number).is_ok()),
                (
                    OperationKind::from_number(number).is_some(),
                    assignment::OperationKind::try_from(number).is_ok(),
                ),
                (
                    OperationState::from_number(number).is_some(),
                    assignment::OperationState::try_from(number).is_ok(),
                ),
            ] {
                assert_eq!(ours, known(proto), "{number}");
            }
        }
        let same = |ours: i16, proto: i32| assert_eq!(i32::from(ours), proto);
        same(HolderKind::Nobody.number(), types::HolderKind::Nobody.into());
        same(ActorKind::Business.number(), types::ActorKind::Business.into());
        same(Cause::Unassign.number(), types::HolderChangeCause::Unassign.into());
        same(HandOffReason::Sensitive.number(), types::HandOffReason::Sensitive.into());
        same(NotificationKind::TakenAway.number(), assignment::NotificationKind::TakenAway.into());
        same(Status::Closed.number(), types::ConversationStatus::Closed.into());
        same(Presence::Away.number(), assignment::Presence::Away.into());
        same(OperationKind::ReturnWork.number(), assignment::OperationKind::ReturnWork.into());
        same(OperationState::Done.number(), assignment::OperationState::Done.into());
    }
}
