use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest key that is accepted, in bytes: the strength of HMAC-SHA256 itself.
pub const MIN_KEY_BYTES: usize = 32;

/// The first byte of every token. A change of layout takes the next number.
const VERSION: u8 = 1;

/// Half of HMAC-SHA256: 128 bits can't be guessed online, and tokens stay short.
const TAG_BYTES: usize = 16;

/// The longest token that is looked at, in characters: ours are far shorter, and nothing needs hashing beyond.
const MAX_TOKEN_CHARS: usize = 8192;

/// Signs small payloads and opens what it signed. Cheap to clone.
#[derive(Clone)]
pub struct Signer {
    /// The first signs, all open.
    keys: Arc<[Hmac<Sha256>]>,
}

/// Why a list of signing keys is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("at least one signing key is needed")]
    None,
    #[error("signing key {index} has {length} bytes: at least {MIN_KEY_BYTES} are needed")]
    TooShort { index: usize, length: usize },
}

impl Signer {
    /// The first key signs, all of them open. To rotate, put the new key last everywhere, then first
    /// everywhere, and drop the old one when the tokens that it signed no longer matter.
    ///
    /// # Errors
    /// No key at all, or one shorter than [`MIN_KEY_BYTES`].
    pub fn new(keys: &[Vec<u8>]) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::None);
        }
        let keyed = keys.iter().enumerate().map(|(index, key)| {
            let too_short = KeyError::TooShort { index, length: key.len() };
            if key.len() < MIN_KEY_BYTES {
                return Err(too_short);
            }
            Hmac::new_from_slice(key).map_err(|_| too_short)
        });
        Ok(Self { keys: keyed.collect::<Result<_, _>>()? })
    }

    /// A token of letters, digits, `-` and `_` that [`Signer::open`] takes back under the same purpose only.
    pub fn sign(&self, purpose: &str, payload: &[u8]) -> String {
        self.sign_bound(purpose, b"", payload)
    }

    /// The payload of a token that one of the keys signed for this purpose; `None` for anything else.
    /// Tags are compared in constant time.
    pub fn open(&self, purpose: &str, token: &str) -> Option<Vec<u8>> {
        self.open_bound(purpose, b"", token)
    }

    /// As [`Signer::sign`], valid only together with `bound`, which the token does not carry.
    pub(crate) fn sign_bound(&self, purpose: &str, bound: &[u8], payload: &[u8]) -> String {
        let tag = fed(&self.keys[0], purpose, bound, payload).finalize().into_bytes();
        let mut bytes = Vec::with_capacity(1 + payload.len() + TAG_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn open_bound(&self, purpose: &str, bound: &[u8], token: &str) -> Option<Vec<u8>> {
        if token.len() > MAX_TOKEN_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (payload, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_BYTES)?)?;
        let signed = |key| fed(key, purpose, bound, payload).verify_truncated_left(tag).is_ok();
        (version == VERSION && self.keys.iter().any(signed)).then(|| payload.to_vec())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// The keyed hash over everything that a tag covers. Lengths come first, so that no byte can move from
/// one part to the next.
fn fed(key: &Hmac<Sha256>, purpose: &str, bound: &[u8], payload: &[u8]) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(&[VERSION]);
    for part in [purpose.as_bytes(), bound, payload] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seeds: &[u8]) -> Signer {
        let keys: Vec<_> = seeds.iter().map(|seed| vec![*seed; MIN_KEY_BYTES]).collect();
        Signer::new(&keys).unwrap()
    }

    #[test]
    fn what_was_signed_opens_under_its_purpose_only() {
        let signer = signer(&[1]);
        for payload in [&b""[..], b"x", &[0; 300]] {
            let token = signer.sign("page", payload);
            assert_eq!(signer.open("page", &token).as_deref(), Some(payload));
            assert_eq!(signer.open("change", &token), None);
            assert_eq!(signer.open("", &token), None);
            assert_eq!(signer.open_bound("page", b"elsewhere", &token), None);
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }
    }

    #[test]
    fn no_byte_moves_between_the_parts_that_the_tag_covers() {
        let signer = signer(&[1]);
        let token = signer.sign_bound("page", b"ab", b"payload");
        assert_eq!(signer.open_bound("pagea", b"b", &token), None);
        assert_eq!(signer.open_bound("pag", b"eab", &token), None);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let signer = signer(&[1]);
        let bytes = URL_SAFE_NO_PAD.decode(signer.sign("page", b"payload")).unwrap();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[index] ^= 1 << bit;
                assert_eq!(signer.open("page", &URL_SAFE_NO_PAD.encode(bytes)), None, "byte {index}");
            }
        }
    }

    #[test]
    fn every_changed_cut_or_added_character_is_noticed() {
        let signer = signer(&[1]);
        // 8 bytes make the last character carry padding bits, which must not be free to change.
        for payload in [&b"payload"[..], b"payloads", b"payload!!"] {
            let token = signer.sign("page", payload);
            for index in 0..token.len() {
                for other in "ABQgw_-9=. é".chars() {
                    let mut changed: Vec<char> = token.chars().collect();
                    if changed[index] != other {
                        changed[index] = other;
                        let changed: String = changed.into_iter().collect();
                        assert_eq!(signer.open("page", &changed), None, "character {index}");
                    }
                }
                assert_eq!(signer.open("page", &token[..index]), None, "cut at {index}");
            }
            assert_eq!(signer.open("page", &format!("{token}A")), None);
            assert_eq!(signer.open("page", &format!("{token}=")), None);
        }
        assert_eq!(signer.open("page", &"A".repeat(MAX_TOKEN_CHARS + 1)), None);
    }

    #[test]
    fn keys_rotate() {
        let (old, both, new) = (signer(&[1]), signer(&[2, 1]), signer(&[2]));
        let (from_old, from_both) = (old.sign("page", b"1"), both.sign("page", b"2"));
        assert_eq!(both.open("page", &from_old).as_deref(), Some(&b"1"[..]));
        assert_eq!(new.open("page", &from_both).as_deref(), Some(&b"2"[..]));
        assert_eq!(new.open("page", &from_old), None);
        assert_eq!(old.open("page", &from_both), None);
    }

    #[test]
    fn weak_keys_are_refused_and_named() {
        assert_eq!(Signer::new(&[]).unwrap_err(), KeyError::None);
        let error = Signer::new(&[vec![1; 32], vec![1; 31]]).unwrap_err();
        assert_eq!(error, KeyError::TooShort { index: 1, length: 31 });
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(format!("{:?}", signer(&[7, 8])), "Signer { keys: 2, .. }");
    }
}
