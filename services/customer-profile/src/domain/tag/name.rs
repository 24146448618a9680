use unicase::UniCase;
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

/// What names are compared by: Unicode's compatibility caseless match. It folds case in every script, by full folding (`ß` is
/// `ss`, both small sigmas are one), and forms that differ in width or style alone. No language's own rule: in Turkish too `I`
/// is `i`, and `ı` is neither.
pub fn key(name: &str) -> String {
    let fold = |text: String| UniCase::unicode(text).to_folded_case();
    // Twice, as Unicode asks: what is compatible may have case of its own.
    let once: String = fold(name.nfd().collect()).nfkd().collect();
    fold(once).nfkc().collect()
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
            ("οδοσ", "οδος"),
            ("ΆΙΔΗΣ", "άιδης"),
            ("İstanbul", "i\u{307}stanbul"),
            ("STRASSE", "straße"),
            ("GROẞ", "groß"),
            ("ﬁrst", "FIRST"),
            ("ᏣᎳᎩ", "ꮳꮃꭹ"),
            ("ᲗᲑᲘᲚᲘᲡᲘ", "თბილისი"),
            ("ՀԱՅ", "հայ"),
            ("𐐔𐐇𐐝", "𐐼𐐯𐑅"),
            ("ＶＩＰ", "vip"),
            ("ŉ", "ʼN"),
            ("ǅ", "ǆ"),
            ("ΐ", "Ϊ́"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [("kısa", "kisa"), ("resume", "résumé"), ("ガ", "カ"), ("а", "a")] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
        assert!(key("ΟΔΟΣΤΡΩΜΑ").starts_with(&key("ΟΔΟΣ")));
        assert!(key("Straßenbahn").starts_with(&key("STRASS")));
        assert_eq!(key("客户"), "客户");
    }

    #[test]
    fn a_key_is_its_own_key() {
        for name in ["ẞtraße ŉ ǅ İ ΐ ﬃ ㎒ ᏣᎳᎩ", "\u{345}a\u{345}\u{301}", "①ⅣⓂ"] {
            assert_eq!(key(&key(name)), key(name), "{name}");
        }
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
