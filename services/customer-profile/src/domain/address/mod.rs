//! Addresses by which the same person may be recognised: kept as sent, compared without what differs between writings.

mod email;
mod phone;

use std::collections::BTreeMap;

use crate::domain::model::Identity;

pub use phone::{Region, e164};

/// The numbers of the identity kinds that are compared.
pub const EXTERNAL_ID: i16 = 1;
pub const PHONE: i16 = 3;
pub const EMAIL: i16 = 5;

/// An address of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub kind: i16,
    /// The same for every writing of one address.
    pub key: String,
    /// As the channel sent it.
    pub sent: String,
    pub verified: bool,
}

/// The addresses among identities, each key once: a verified one stands before a claimed one.
pub fn of(identities: &[Identity]) -> Vec<Address> {
    let mut by_key: BTreeMap<(i16, String), Address> = BTreeMap::new();
    for identity in identities {
        let Ok(kind) = i16::try_from(identity.kind) else { continue };
        let key = match kind {
            PHONE => phone::key(&identity.value),
            EMAIL => email::key(&identity.value),
            _ => None,
        };
        let Some(key) = key else { continue };
        let address =
            Address { kind, key: key.clone(), sent: identity.value.clone(), verified: identity.verified };
        let known = by_key.entry((kind, key)).or_insert_with(|| address.clone());
        if address.verified && !known.verified {
            *known = address;
        }
    }
    by_key.into_values().collect()
}

/// A phone number as a record of another system has it; national ones are those of the region.
///
/// # Errors
/// What it must be.
pub fn imported_phone(sent: &str, region: Option<Region>) -> Result<Address, &'static str> {
    let number = phone::imported(sent, region).ok_or(match region {
        Some(_) => "must be a phone number of the region, or begin with + and its country code",
        None => "must be a phone number that begins with + and its country code",
    })?;
    let key = phone::key(&number).ok_or("must be a phone number")?;
    // In E.164: what is of a country's own says nothing without it.
    Ok(Address { kind: PHONE, key, sent: number, verified: false })
}

/// An e-mail address as a record of another system has it.
///
/// # Errors
/// What it must be.
pub fn imported_email(sent: &str) -> Result<Address, &'static str> {
    let key = email::key(sent).ok_or("must be an e-mail address")?;
    Ok(Address { kind: EMAIL, key, sent: sent.trim().to_owned(), verified: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(kind: i16, value: &str, verified: bool) -> Identity {
        Identity { kind: kind.into(), value: value.to_owned(), verified }
    }

    #[test]
    fn each_key_once_and_what_the_channel_vouches_for_first() {
        let identities = [
            identity(PHONE, "+52 1 55 1234 5678", false),
            identity(PHONE, "525512345678", true),
            identity(EMAIL, "Ann@Example.com", false),
            identity(1, "ann@example.com", true),
            identity(EMAIL, "nobody", true),
        ];
        let found = of(&identities);
        let seen: Vec<_> =
            found.iter().map(|a| (a.kind, a.key.as_str(), a.sent.as_str(), a.verified)).collect();
        assert_eq!(
            seen,
            [
                (PHONE, "+525512345678", "525512345678", true),
                (EMAIL, "ann@example.com", "Ann@Example.com", false)
            ]
        );
    }
}
