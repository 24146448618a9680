//! Codes of languages, in two letters or three.

use milli_core::tokenizer::Language;

/// ISO 639-1 codes and the ISO 639-3 codes that charabia knows the languages by.
const TWO_LETTERS: [(&str, &str); 61] = [
    ("af", "afr"),
    ("ak", "aka"),
    ("am", "amh"),
    ("ar", "ara"),
    ("az", "aze"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "est"),
    ("fa", "pes"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("gu", "guj"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("hy", "hye"),
    ("id", "ind"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "kat"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("la", "lat"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("mk", "mkd"),
    ("ml", "mal"),
    ("mr", "mar"),
    ("nb", "nob"),
    ("nl", "nld"),
    ("pa", "pan"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("si", "sin"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("ta", "tam"),
    ("te", "tel"),
    ("th", "tha"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("vi", "vie"),
    ("zh", "zho"),
    ("zu", "zul"),
];

pub fn unknown(code: &str) -> String {
    format!("`{code}` is not the code of a language that is served")
}

/// The language of a code.
pub fn language(code: &str) -> Option<Language> {
    let long = TWO_LETTERS.iter().find(|(short, _)| *short == code).map_or(code, |(_, long)| long);
    Language::from_code(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_a_language() {
        for (short, long) in TWO_LETTERS {
            assert_eq!(language(short), language(long), "{short}");
            assert!(language(long).is_some(), "{long}");
        }
        assert_eq!(language("xx"), None);
    }
}
