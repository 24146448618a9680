use unicode_normalization::UnicodeNormalization;

/// What an e-mail address is compared by: without case and surrounding space, accents in one form. Nothing else is taken
/// off: what `+` and dots mean is each provider's own business. `None` for what is no address.
pub fn key(sent: &str) -> Option<String> {
    let text: String = sent.trim().nfc().collect::<String>().to_lowercase();
    let (name, host) = text.rsplit_once('@')?;
    let fits = text.chars().count() <= 256 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    (fits && !name.is_empty() && !host.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_count() {
        assert_eq!(key(" Ann@EXAMPLE.com ").as_deref(), Some("ann@example.com"));
        assert_eq!(key("Jose\u{301}@x.es"), key("JOSÉ@x.es"));
        assert_ne!(key("a.b@x.com"), key("ab@x.com"));
        assert_ne!(key("ann+1@x.com"), key("ann@x.com"));
        for nothing in ["", "@", "a@", "@b", "a b@c", "ann"] {
            assert_eq!(key(nothing), None, "{nothing}");
        }
    }
}
