use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::Definition;

/// Characters of a text or a link.
const MOST_CHARACTERS: usize = 1_000;
/// Digits of a number on each side of its point.
const MOST_DIGITS: usize = 15;

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Text,
    Number,
    Boolean,
    Date,
    OneOf,
    Link,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Text, Self::Number, Self::Boolean, Self::Date, Self::OneOf, Self::Link];

    /// Its number in the database and in the API.
    pub fn number(self) -> i16 {
        match self {
            Self::Text => 1,
            Self::Number => 2,
            Self::Boolean => 3,
            Self::Date => 4,
            Self::OneOf => 5,
            Self::Link => 6,
        }
    }

    pub fn of_number(number: impl Into<i32>) -> Option<Self> {
        let number = number.into();
        Self::ALL.into_iter().find(|kind| i32::from(kind.number()) == number)
    }
}

impl Definition {
    /// A value in the one form that its type has: values that mean the same are equal.
    ///
    /// # Errors
    /// What a value of the type must be.
    pub fn read(&self, text: &str) -> Result<String, &'static str> {
        let text = text.trim();
        match self.kind {
            Kind::Text => words(text),
            Kind::Number => {
                number(text).ok_or("must be a decimal number of at most 15 digits on each side of its point")
            }
            Kind::Boolean if ["true", "false"].contains(&text) => Ok(text.to_owned()),
            Kind::Boolean => Err("must be true or false"),
            Kind::Date => date(text).ok_or("must be a day such as 2026-11-23"),
            Kind::OneOf => {
                let text: String = text.nfc().collect();
                if self.options.contains(&text) { Ok(text) } else { Err("must be one of the options") }
            }
            Kind::Link => link(text)
                .ok_or("must be a link of at most 1,000 characters that begins with https:// or http://"),
        }
    }
}

fn words(text: &str) -> Result<String, &'static str> {
    let text: String = text.nfc().collect();
    if !(1..=MOST_CHARACTERS).contains(&text.chars().count()) {
        return Err("must have 1 to 1,000 characters");
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("must have no control characters");
    }
    Ok(text)
}

fn number(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let whole_part = whole.trim_start_matches('0');
    let fraction_part = fraction.trim_end_matches('0');
    if !are_digits(whole) || !are_digits(fraction) || whole_part.len().max(fraction_part.len()) > MOST_DIGITS
    {
        return None;
    }
    let whole = if whole_part.is_empty() { "0" } else { whole_part };
    Some(match (whole, fraction_part) {
        ("0", "") => "0".to_owned(),
        (whole, "") => format!("{sign}{whole}"),
        (whole, fraction) => format!("{sign}{whole}.{fraction}"),
    })
}

fn date(text: &str) -> Option<String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (text.len() == 10).then(|| day.to_string())
}

/// No other scheme: a link is clicked, and `javascript:` would run.
fn link(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty());
    let good = !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'));
    (host.is_some() && good && text.chars().count() <= MOST_CHARACTERS).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn read(kind: Kind, text: &str) -> Option<String> {
        let definition = Definition {
            id: Uuid::nil(),
            key: "key".to_owned(),
            title: "title".to_owned(),
            kind,
            options: vec!["Gold".to_owned(), "Émeraude".to_owned()],
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
        };
        definition.read(text).ok()
    }

    #[test]
    fn values_have_one_form_each() {
        for (kind, text, form) in [
            (Kind::Text, " caf\u{65}\u{301} ", "café"),
            (Kind::Text, "two\nlines", "two\nlines"),
            (Kind::Number, "-012.50", "-12.5"),
            (Kind::Number, "-0.0", "0"),
            (Kind::Number, "999999999999999", "999999999999999"),
            (Kind::Boolean, "true", "true"),
            (Kind::Date, "2024-02-29", "2024-02-29"),
            (Kind::OneOf, "E\u{301}meraude", "Émeraude"),
            (Kind::Link, "https://example.com/a?b=c", "https://example.com/a?b=c"),
        ] {
            assert_eq!(read(kind, text).as_deref(), Some(form), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_value_of_the_type_is_refused() {
        let long = "x".repeat(1_001);
        for (kind, text) in [
            (Kind::Text, "a\0b"),
            (Kind::Text, &long),
            (Kind::Number, "1e3"),
            (Kind::Number, "1."),
            (Kind::Number, ".5"),
            (Kind::Number, "1,5"),
            (Kind::Number, "٣"),
            (Kind::Number, "1234567890123456"),
            (Kind::Number, "NaN"),
            (Kind::Boolean, "yes"),
            (Kind::Date, "2023-02-29"),
            (Kind::Date, "23.11.2026"),
            (Kind::Date, "+2026-11-23"),
            (Kind::OneOf, "gold"),
            (Kind::Link, "javascript:alert(1)"),
            (Kind::Link, "https://"),
            (Kind::Link, "https://a b"),
        ] {
            assert_eq!(read(kind, text), None, "{text:?}");
        }
    }
}
