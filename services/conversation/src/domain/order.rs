//! The orders of lists.

/// Equal ones by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    NewestActivity,
    /// Those that do not wait at the end.
    LongestWaiting,
    /// Urgent first, inside a priority who has waited longest.
    HighestPriority,
    NewestFirstContact,
    /// Those without a name at the end.
    CustomerName,
}

impl Order {
    /// The number of the wire's enum; 0 is the default.
    pub fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 | 1 => Self::NewestActivity,
            2 => Self::LongestWaiting,
            3 => Self::HighestPriority,
            4 => Self::NewestFirstContact,
            5 => Self::CustomerName,
            _ => return None,
        })
    }

    /// The number of the wire's enum, which `from_number` reads.
    pub const fn number(self) -> i16 {
        match self {
            Self::NewestActivity => 1,
            Self::LongestWaiting => 2,
            Self::HighestPriority => 3,
            Self::NewestFirstContact => 4,
            Self::CustomerName => 5,
        }
    }
}
