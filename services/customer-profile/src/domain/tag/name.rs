use unicode_normalization::UnicodeNormalization;

/// Characters of a tag's name.
pub const MOST_CHARACTERS: usize = 64;

/// A tag's name as it was typed, and what it is compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagName {
    pub name: String,
    pub key: String,
}

impl TagName {
    /// Trims the ends.
    ///
    /// # Errors
    /// What a name must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let name: String = text.trim().nfc().collect();
        if name.is_empty() || name.chars().count() > MOST_CHARACTERS {
            return Err("must have 1 to 64 characters");
        }
        if name.chars().any(char::is_control) {
            return Err("must have no control characters");
        }
        let key = key(&name);
        Ok(Self { name, key })
    }
}

/// What names are compared by: small letters, composed. In Greek the small sigma has two forms, by its place in the
/// word; they are one letter here, so that a prefix finds its word.
pub fn key(name: &str) -> String {
    let composed: String = name.nfc().collect();
    composed.to_lowercase().replace('ς', "σ").nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_in_every_script() {
        for (one, other) in [
            ("VIP", "vip"),
            ("ÉCLAIR", "e\u{301}clair"),
            ("ВАЖНЫЙ", "важный"),
            ("ΟΔΟΣ", "οδος"),
            ("İstanbul", "i\u{307}stanbul"),
        ] {
            assert_eq!(key(one), key(other));
        }
        assert_ne!(key("kısa"), key("kisa"));
        assert!(key("ΟΔΟΣΤΡΩΜΑ").starts_with(&key("ΟΔΟΣ")));
        assert_eq!(key("客户"), "客户");
    }

    #[test]
    fn names_keep_their_case_and_lose_their_margins() {
        assert_eq!(TagName::parse("  Big Spender ").unwrap().name, "Big Spender");
        for wrong in ["", "   ", "a\nb", "a\0", &"x".repeat(65)] {
            assert!(TagName::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(TagName::parse(&"é".repeat(64)).is_ok());
    }
}
