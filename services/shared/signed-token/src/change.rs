use tandem_fault::{Fault, Reason};

use crate::{Signer, refuse};

const PURPOSE: &str = "change";

/// The service whose outbox a change token points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceName {
    Conversation,
    Assignment,
    CustomerProfile,
    Search,
}

/// One committed write: a read that sends it back as `at_least_as_fresh` sees that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeToken {
    pub service: ServiceName,
    /// The outbox row's identity.
    pub outbox_id: i64,
    /// The outbox row's random mark, which tells it from a row of the same number after a restore.
    pub mark: i64,
}

impl ServiceName {
    /// Every service.
    pub const ALL: [Self; 4] = [Self::Conversation, Self::Assignment, Self::CustomerProfile, Self::Search];

    /// The service's name in configuration, logs and figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Assignment => "assignment",
            Self::CustomerProfile => "customer-profile",
            Self::Search => "search",
        }
    }

    /// The number inside tokens: never reused, since tokens outlive a deployment.
    const fn number(self) -> u8 {
        match self {
            Self::Conversation => 1,
            Self::Assignment => 2,
            Self::CustomerProfile => 3,
            Self::Search => 4,
        }
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ChangeToken {
    /// The opaque text of a `change_token`.
    pub fn encode(&self, signer: &Signer) -> String {
        let mut payload = [0; 17];
        payload[0] = self.service.number();
        payload[1..9].copy_from_slice(&self.outbox_id.to_be_bytes());
        payload[9..].copy_from_slice(&self.mark.to_be_bytes());
        signer.sign(PURPOSE, &payload)
    }

    /// # Errors
    /// `CHANGE_TOKEN_INVALID` on `at_least_as_fresh` for a token that is damaged or made up, the empty
    /// one too: whether a call must be fresh at all is asked before.
    pub fn decode(signer: &Signer, token: &str) -> Result<Self, Fault> {
        signer.open(PURPOSE, token).and_then(|payload| Self::read(&payload)).ok_or_else(|| {
            let description = "must be the change_token of an earlier write";
            refuse(Reason::ChangeTokenInvalid, "at_least_as_fresh", description)
        })
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let (number, rest) = payload.split_first()?;
        let (outbox_id, mark) = rest.split_at_checked(8)?;
        Some(Self {
            service: ServiceName::ALL.into_iter().find(|service| service.number() == *number)?,
            outbox_id: i64::from_be_bytes(outbox_id.try_into().ok()?),
            mark: i64::from_be_bytes(mark.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> Signer {
        Signer::new(&[vec![seed; 32]]).unwrap()
    }

    #[test]
    fn every_service_and_every_number_comes_back() {
        for service in ServiceName::ALL {
            for (outbox_id, mark) in [(0, 0), (1, -1), (i64::MAX, i64::MIN)] {
                let token = ChangeToken { service, outbox_id, mark };
                assert_eq!(ChangeToken::decode(&signer(1), &token.encode(&signer(1))), Ok(token));
            }
        }
    }

    #[test]
    fn anything_else_is_a_wrong_field() {
        let token = ChangeToken { service: ServiceName::Search, outbox_id: 5, mark: 6 };
        let text = token.encode(&signer(1));
        let other_purpose = signer(1).sign("page", &[1; 17]);
        let other_shape = signer(1).sign(PURPOSE, &[1; 18]);
        let unknown_service = signer(1).sign(PURPOSE, &[9; 17]);
        let other_key = token.encode(&signer(2));
        for wrong in ["", "x", &text[1..], &other_purpose, &other_shape, &unknown_service, &other_key] {
            let fault = ChangeToken::decode(&signer(1), wrong).unwrap_err();
            assert_eq!(fault.reason, Reason::ChangeTokenInvalid);
            assert_eq!(fault.violations[0].field, "at_least_as_fresh");
        }
    }

    #[test]
    fn every_changed_character_is_refused() {
        let text =
            ChangeToken { service: ServiceName::Conversation, outbox_id: 5, mark: 6 }.encode(&signer(1));
        for index in 0..text.len() {
            let other = if text.as_bytes()[index] == b'A' { "B" } else { "A" };
            let changed = format!("{}{other}{}", &text[..index], &text[index + 1..]);
            assert!(ChangeToken::decode(&signer(1), &changed).is_err(), "character {index}");
        }
    }
}
