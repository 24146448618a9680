//! Names by their beginnings.

/// The longest beginning that is indexed, in characters: a longer query is found as a word, or as its beginning.
const LONGEST: usize = 16;

/// Every beginning of every word of some names. The engine completes a query's last word alone: these let all the words of
/// a query be beginnings, in any order.
pub fn beginnings<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut all = std::collections::BTreeSet::new();
    for word in
        names.into_iter().flat_map(|name| name.split(|char: char| !char.is_alphanumeric() && !is_mark(char)))
    {
        let mut beginning = String::new();
        for char in word.chars().take(LONGEST) {
            beginning.push(char);
            all.insert(beginning.to_lowercase());
        }
    }
    all.into_iter().collect()
}

fn is_mark(char: char) -> bool {
    unicode_normalization::char::is_combining_mark(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_gives_its_beginnings() {
        assert_eq!(beginnings(["Ana Li", "Li"]), ["a", "an", "ana", "l", "li"]);
        assert!(beginnings(["", " - "]).is_empty());
        assert!(beginnings([&"x".repeat(40)[..]]).len() == LONGEST);
    }
}
