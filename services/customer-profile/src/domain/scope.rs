use tandem_fault::Fault;
use uuid::Uuid;

/// The channels that a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of the tenant's.
    All,
    /// These.
    Channels(Vec<Uuid>),
}

impl Scope {
    /// Whether a customer with contacts on these channels is found: with one in the scope, or with none at all.
    pub fn finds(&self, channels: &[Uuid]) -> bool {
        match self {
            Self::All => true,
            Self::Channels(own) => {
                channels.is_empty() || channels.iter().any(|channel| own.contains(channel))
            }
        }
    }

    /// # Errors
    /// `NOT_FOUND`, as for a customer that does not exist.
    pub fn admit(&self, channels: &[Uuid]) -> Result<(), Fault> {
        if self.finds(channels) { Ok(()) } else { Err(Fault::not_found("customer")) }
    }

    /// `None` for all.
    pub fn channels(&self) -> Option<&[Uuid]> {
        match self {
            Self::All => None,
            Self::Channels(own) => Some(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_found_with_a_contact_in_scope_or_with_none() {
        let [one, two] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let narrow = Scope::Channels(vec![one]);
        assert!(narrow.finds(&[]) && narrow.finds(&[two, one]) && !narrow.finds(&[two]));
        assert!(Scope::All.finds(&[two]) && Scope::Channels(vec![]).finds(&[]));
        assert!(!Scope::Channels(vec![]).finds(&[one]));
    }
}
