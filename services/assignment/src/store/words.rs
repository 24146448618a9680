//! Names and addresses by the beginnings of their words.

use crate::domain::check::folded;

/// What stands between words, besides white space. `translate` takes one character for each.
pub const APART: &str = "-._+@'’,/()\t";

/// One pattern of LIKE for each word: a word of the text begins with it. No pattern at all matches everything.
pub fn patterns(query: &str) -> Vec<String> {
    let apart = |char: char| char.is_whitespace() || APART.contains(char);
    let words = folded(query);
    words.split(apart).filter(|word| !word.is_empty()).map(pattern).collect()
}

fn pattern(word: &str) -> String {
    let mut pattern = "% ".to_owned();
    for char in word.chars() {
        if matches!(char, '%' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::patterns;

    #[test]
    fn a_word_is_a_beginning_and_nothing_else() {
        assert_eq!(patterns("  Ann-Marie  O’B "), ["% ann%", "% marie%", "% o%", "% b%"]);
        assert_eq!(patterns("100% a\\b a_b"), ["% 100\\%%", "% a\\\\b%", "% a%", "% b%"]);
        assert!(patterns(" - ").is_empty());
    }
}
