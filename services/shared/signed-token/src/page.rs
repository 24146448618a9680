use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tandem_fault::{Fault, Reason};

use crate::{Signer, refuse};

const PURPOSE: &str = "page";

/// Where the next page of a list begins. The token is valid for one binding only: the caller and the
/// query that got it, see [`binding`].
#[derive(Debug)]
pub struct PageToken;

impl PageToken {
    /// The token for a `next_page_token`. `cursor` is the sort key of the page's last row and what else
    /// the next statement needs; its caller can read it.
    ///
    /// # Panics
    /// When `cursor` has no JSON form (a map whose keys are not texts): a mistake in our own type.
    pub fn encode(signer: &Signer, binding: &[u8], cursor: &impl Serialize) -> String {
        let payload = serde_json::to_vec(cursor).expect("a cursor is a struct that has a JSON form");
        signer.sign_bound(PURPOSE, binding, &payload)
    }

    /// # Errors
    /// `PAGE_TOKEN_INVALID` on `page_token` for a token that is damaged, made up, or of another caller,
    /// method or filter, and for one whose cursor an older release wrote and this one can't read.
    pub fn decode<T: DeserializeOwned>(signer: &Signer, binding: &[u8], token: &str) -> Result<T, Fault> {
        signer
            .open_bound(PURPOSE, binding, token)
            .and_then(|payload| serde_json::from_slice(&payload).ok())
            .ok_or_else(|| {
                let description = "must be the next_page_token of the same call with the same filter";
                refuse(Reason::PageTokenInvalid, "page_token", description)
            })
    }

    /// As [`PageToken::decode`], where the empty token asks for the first page.
    ///
    /// # Errors
    /// As [`PageToken::decode`].
    pub fn resume<T: DeserializeOwned>(
        signer: &Signer,
        binding: &[u8],
        token: &str,
    ) -> Result<Option<T>, Fault> {
        if token.is_empty() { Ok(None) } else { Self::decode(signer, binding, token).map(Some) }
    }
}

/// What a page token is bound to, such as tenant, subject, method and filter: a hash in which no byte can
/// move from one part to the next.
pub fn binding(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    std::array::from_fn(|index| hash[index])
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Cursor {
        at: i64,
        id: String,
    }

    fn signer() -> Signer {
        Signer::new(&[vec![1; 32]]).unwrap()
    }

    fn cursor() -> Cursor {
        Cursor { at: -7, id: "é".to_owned() }
    }

    #[test]
    fn a_token_resumes_the_list_that_it_came_from() {
        let bound = binding(&[b"tenant", b"subject", b"method", b"filter"]);
        let token = PageToken::encode(&signer(), &bound, &cursor());
        assert_eq!(PageToken::decode::<Cursor>(&signer(), &bound, &token).unwrap(), cursor());
        assert_eq!(PageToken::resume::<Cursor>(&signer(), &bound, &token).unwrap(), Some(cursor()));
        assert_eq!(PageToken::resume::<Cursor>(&signer(), &bound, "").unwrap(), None);
    }

    #[test]
    fn a_token_of_another_list_is_a_wrong_field() {
        let bound = binding(&[b"tenant", b"subject", b"method", b"filter"]);
        let token = PageToken::encode(&signer(), &bound, &cursor());
        let other = binding(&[b"other tenant", b"subject", b"method", b"filter"]);
        for (bound, token) in [(&other, &token[..]), (&bound, "nonsense"), (&bound, "")] {
            let fault = PageToken::decode::<Cursor>(&signer(), bound, token).unwrap_err();
            assert_eq!(fault.reason, Reason::PageTokenInvalid);
            assert_eq!(fault.violations[0].field, "page_token");
        }
    }

    #[test]
    fn every_changed_character_is_refused() {
        let bound = binding(&[b"tenant"]);
        let token = PageToken::encode(&signer(), &bound, &cursor());
        for index in 0..token.len() {
            let other = if token.as_bytes()[index] == b'A' { "B" } else { "A" };
            let changed = format!("{}{other}{}", &token[..index], &token[index + 1..]);
            assert!(PageToken::decode::<Cursor>(&signer(), &bound, &changed).is_err(), "character {index}");
        }
    }

    #[test]
    fn a_cursor_of_another_shape_is_refused() {
        let token = PageToken::encode(&signer(), b"", &"only a text");
        assert!(PageToken::decode::<Cursor>(&signer(), b"", &token).is_err());
    }

    #[test]
    fn parts_of_a_binding_do_not_run_together() {
        assert_ne!(binding(&[b"ab", b"c"]), binding(&[b"a", b"bc"]));
        assert_ne!(binding(&[b"ab"]), binding(&[b"ab", b""]));
        assert_ne!(binding(&[]), binding(&[b""]));
    }
}
