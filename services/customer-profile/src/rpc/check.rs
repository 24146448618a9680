//! Fields that several methods have.

use prost::Message;
use tandem_fault::Violations;
use tandem_request_log::Request;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// What a page may hold.
const MOST_ON_PAGE: i32 = 200;
/// What a page holds when nothing is asked.
const PAGE: i32 = 50;

pub fn id(violations: &mut Violations, field: &str, text: &str) -> Uuid {
    let parsed = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
    violations.check(parsed.is_some(), field, "must be a UUID");
    parsed.unwrap_or_default()
}

pub fn page_size(violations: &mut Violations, size: i32) -> i64 {
    violations.check((0..=MOST_ON_PAGE).contains(&size), "page_size", "must be 0 to 200");
    i64::from(if size == 0 { PAGE } else { size })
}

/// One line of text: trimmed, without control characters, in the form NFC, which may be longer than what was sent.
pub fn line(violations: &mut Violations, field: &str, text: &str, most: usize) -> String {
    let text: String = text.trim().nfc().collect();
    violations.check(text.chars().count() <= most, field, &format!("must have at most {most} characters"));
    violations.check(!text.chars().any(char::is_control), field, "must have no control characters");
    text
}

/// The request by its id; `body` is what counts as its body.
pub fn request(
    violations: &mut Violations,
    tenant: Uuid,
    scope: &'static str,
    request_id: &str,
    body: &impl Message,
) -> Request {
    Request::new(tenant, scope, id(violations, "request_id", request_id), &body.encode_to_vec())
}

/// A BCP 47 tag by its form: a language of letters, then subtags.
pub fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts
        .next()
        .is_some_and(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
    language
        && text.len() <= 35
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// An IANA time zone by its form, such as `Asia/Jerusalem`: which zones there are changes every year.
pub fn is_time_zone(text: &str) -> bool {
    let of_zone = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+');
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.split('/').count() <= 3
        && text.split('/').all(|part| (1..=32).contains(&part.len()) && part.bytes().all(of_zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_and_time_zones_are_known_by_their_form() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "de-CH-1996", "yue"] {
            assert!(is_language(good), "{good}");
        }
        for wrong in ["", "e", "en_US", "en-", "-en", "12", "en-toolongpart", "english language"] {
            assert!(!is_language(wrong), "{wrong}");
        }
        for good in ["UTC", "Asia/Jerusalem", "America/Argentina/Buenos_Aires", "Etc/GMT+3"] {
            assert!(is_time_zone(good), "{good}");
        }
        for wrong in ["", "/", "Asia/", "+03:00", "Asia Jerusalem", "a/b/c/d"] {
            assert!(!is_time_zone(wrong), "{wrong}");
        }
    }
}
