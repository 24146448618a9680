//! Limits of texts, and how names are compared.

/// What is compared where case does not count. Upper first: it folds more (`ß`, a final `ς`) than lower alone.
pub fn folded(text: &str) -> String {
    text.trim().to_uppercase().to_lowercase()
}

/// A text that people see: not blank, no control characters.
pub fn is_name(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

/// A text of several lines; may be empty. PostgreSQL stores no NUL.
pub fn is_text(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.contains('\0')
}

/// Roughly an e-mail address, or empty. Whether it exists only a mail can tell.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return text.is_empty() };
    text.chars().count() <= 254
        && !local.is_empty()
        && domain.split('.').all(|label| !label.is_empty())
        && !text.chars().any(|char| char.is_whitespace() || char.is_control())
}

/// A BCP 47 tag by its shape.
pub fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    tag.len() <= 35
        && (2..=8).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// An IANA time zone by its shape, or empty.
pub fn is_time_zone(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    name.len() <= 64 && (name.is_empty() || name.split('/').all(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_regard_to_case() {
        assert_eq!(folded(" Straße "), folded("STRASSE"));
        assert_eq!(folded("ΟΔΟΣ"), folded("οδος"));
        assert_ne!(folded("a"), folded("b"));
    }

    #[test]
    fn shapes() {
        for good in ["", "a@b", "a.b+c@d.example", "ü@例え.jp"] {
            assert!(is_email(good), "{good}");
        }
        for wrong in ["a", "@b", "a@", "a b@c", "a@b..c", &format!("{}@b", "a".repeat(254))] {
            assert!(!is_email(wrong), "{wrong}");
        }
        assert!(["de", "pt-BR", "zh-Hant-TW"].into_iter().all(is_language));
        assert!(!["", "d", "de-", "de_DE", "-", "de--x"].into_iter().any(is_language));
        assert!(
            ["", "UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+2"]
                .into_iter()
                .all(is_time_zone)
        );
        assert!(!["/", "Europe/", "Europe Berlin", "1/2"].into_iter().any(is_time_zone));
        assert!(!is_name("  ", 9) && !is_name("a\nb", 9) && !is_name("abc", 2) && is_name("ab", 2));
    }
}
