use std::sync::Arc;

use aho_corasick::AhoCorasick;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::folded;
use crate::domain::Domain;
use crate::domain::content::Content;
use crate::store;

/// A tenant's phrases, ready to be looked for all at once.
#[derive(Debug)]
pub struct Phrases {
    version: i64,
    phrases: Vec<String>,
    automaton: Option<AhoCorasick>,
}

impl Phrases {
    pub fn new(phrases: Vec<String>, version: i64) -> Result<Self, Fault> {
        let automaton = match phrases.is_empty() {
            true => None,
            false => {
                let patterns = phrases.iter().map(|phrase| folded(phrase));
                Some(AhoCorasick::new(patterns).map_err(Fault::internal)?)
            }
        };
        Ok(Self { version, phrases, automaton })
    }

    /// A phrase that a customer's words hold.
    pub fn find(&self, content: &Content) -> Option<&str> {
        let automaton = self.automaton.as_ref()?;
        let words = folded(match content {
            Content::Text { text } => text,
            // A tapped button says its title.
            Content::Choice { title, .. } => title,
            _ => return None,
        });
        // Overlapping: a phrase inside a longer word must not hide one that stands there in whole words.
        let found =
            automaton.find_overlapping_iter(&words).find(|found| stands_alone(&words, found.range()))?;
        self.phrases.get(found.pattern().as_usize()).map(String::as_str)
    }
}

/// Whether a match begins and ends where words do.
fn stands_alone(words: &str, range: std::ops::Range<usize>) -> bool {
    let found = &words[range.clone()];
    let parted = |one: Option<char>, other: Option<char>| match (one, other) {
        (Some(one), Some(other)) => {
            !(one.is_alphanumeric() && other.is_alphanumeric()) || is_unspaced(one) || is_unspaced(other)
        }
        _ => true,
    };
    parted(words[..range.start].chars().next_back(), found.chars().next())
        && parted(found.chars().next_back(), words[range.end..].chars().next())
}

/// Scripts that put no spaces between words: there any place may be a word's end.
fn is_unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

impl Domain {
    /// The tenant's phrases as they are in this transaction. What a process remembers counts while its version does.
    pub(in crate::domain) async fn phrases(
        &self,
        connection: &mut Connection,
        tenant_id: Uuid,
    ) -> Result<Arc<Phrases>> {
        let version = store::attention::version(connection, tenant_id).await?;
        if let Some(known) = self.phrases.get(&tenant_id).filter(|known| known.version == version) {
            return Ok(known);
        }
        let (phrases, version) = store::attention::find(connection, tenant_id).await?;
        let phrases = Arc::new(Phrases::new(phrases, version)?);
        self.phrases.insert(tenant_id, Arc::clone(&phrases));
        Ok(phrases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &str) -> Option<String> {
        let phrases = [
            "speak to a person",
            "human",
            "hablar con una persona",
            "parler à quelqu'un",
            "לדבר עם נציג",
            "أريد شخصا",
            "人工客服",
            "คุยกับเจ้าหน้าที่",
            "оператор",
            "İnsan",
        ];
        let phrases = Phrases::new(phrases.map(str::to_owned).to_vec(), 1).unwrap();
        phrases.find(&Content::Text { text: words.to_owned() }).map(str::to_owned)
    }

    #[test]
    fn phrases_are_found_without_regard_to_case_accents_and_spaces() {
        for (words, phrase) in [
            ("Can I SPEAK  to\na Person?", "speak to a person"),
            ("human", "human"),
            ("a HUMÁN!!", "human"),
            ("quiero hablar con una persona", "hablar con una persona"),
            ("PARLER A QUELQU’UN svp", "parler à quelqu'un"),
            ("אפשר לדבר עם נציג?", "לדבר עם נציג"),
            ("לְדַבֵּר עִם נָצִיג", "לדבר עם נציג"),
            ("أُرِيدُ شَخْصًا", "أريد شخصا"),
            ("我要转人工客服谢谢", "人工客服"),
            ("ขอคุยกับเจ้าหน้าที่ครับ", "คุยกับเจ้าหน้าที่"),
            ("Оператор", "оператор"),
            ("insan ile", "İnsan"),
            ("superhuman but human", "human"),
        ] {
            assert_eq!(found(words).as_deref(), Some(phrase), "{words}");
        }
    }

    #[test]
    fn parts_of_words_are_not_found() {
        for words in
            ["inhuman", "humans", "speak to a personal trainer", "операторы", "", "humanité", "x2human"]
        {
            assert_eq!(found(words), None, "{words}");
        }
        assert_eq!(found("hum-an"), None);
        assert_eq!(found("non-human").as_deref(), Some("human"), "a hyphen parts words");
    }
}
