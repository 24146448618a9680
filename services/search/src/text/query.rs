//! What the engine is asked for a query: first strictly, then, when that finds nothing, loosely.

use crate::text::digits::phone_queries;
use crate::text::fold::fold;
use crate::text::runs::{Piece, Run, pair, pairs, pieces};

/// The engine ignores words beyond this number.
const MOST_WORDS: usize = 10;
/// A run of so many characters is one word when a query is taken apart; a longer one is several.
const ONE_WORD: usize = 3;

/// One way of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// In the engine's syntax: `"phrase"`, `-without`.
    pub words: String,
    /// Every word must match; else the last ones may be missing.
    pub all: bool,
    /// Some of the words are pairs of runs.
    pub pairs: bool,
    /// What of the query's runs is marked in a text.
    pub needles: Vec<Vec<char>>,
}

/// Which of a query's words must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// All; when nothing has all, as many as match.
    #[default]
    AllElseMost,
    All,
    /// As many as match.
    Most,
}

/// The ways of asking, strictest first. Empty for a query without a letter or a digit, which nothing matches.
pub fn stages(query: &str, matching: Matching) -> Vec<Stage> {
    if !query.chars().any(char::is_alphanumeric) {
        return Vec::new();
    }
    let pieces = pieces(&fold(query));
    let runs = runs_of(&pieces);
    let strict = Stage {
        words: strict_words(&pieces),
        all: true,
        pairs: !runs.is_empty(),
        needles: runs.iter().map(|run| run.chars()).collect(),
    };
    // Who writes quotation marks means exactly that.
    if query.contains('"') {
        return vec![strict];
    }
    let mut stages = vec![strict];
    let numbers = phone_queries(query);
    if !numbers.is_empty() {
        // A part of a number, perhaps in another notation: all of it or nothing.
        let others = numbers.into_iter().filter(|digits| *digits != stages[0].words).collect::<Vec<_>>();
        stages.extend(others.into_iter().map(plain));
        return stages;
    }
    if matching != Matching::All
        && let Some(loose) = loose(&pieces, &runs)
    {
        if matching == Matching::Most {
            return vec![loose];
        }
        stages.push(loose);
    }
    stages
}

/// The words of a query, each to be sought alone: for a conversation whose messages have them all, though none has all of them.
/// Empty for a single word, for a query that is a number, and for one whose syntax says more.
pub fn words_alone(query: &str) -> Vec<Stage> {
    let pieces = pieces(&fold(query));
    let syntax = query.contains('"') || query.split_whitespace().any(|word| word.starts_with('-'));
    if syntax || !phone_queries(query).is_empty() {
        return Vec::new();
    }
    let mut words: Vec<Stage> = Vec::new();
    for piece in &pieces {
        match piece {
            Piece::Other(text) => {
                let some = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
                // What follows a word keeps the engine from completing it: only the last is still being typed.
                words.extend(some.map(|word| plain(format!("{word} "))));
            }
            Piece::Run(run) => {
                let chars = run.chars();
                let parts =
                    if chars.len() <= ONE_WORD { vec![&chars[..]] } else { chars.windows(2).collect() };
                words.extend(parts.into_iter().map(|part| Stage {
                    words: format!("\"{}\"", pairs(part)),
                    all: true,
                    pairs: true,
                    needles: vec![part.to_vec()],
                }));
            }
        }
    }
    if let (Some(last), Some(Piece::Other(text))) = (words.last_mut(), pieces.last())
        && !text.ends_with(char::is_whitespace)
    {
        last.words.truncate(last.words.trim_end().len());
    }
    words.truncate(MOST_WORDS);
    if words.len() > 1 { words } else { Vec::new() }
}

fn plain(words: String) -> Stage {
    Stage { words, all: true, pairs: false, needles: Vec::new() }
}

fn runs_of(pieces: &[Piece]) -> Vec<&Run> {
    pieces.iter().filter_map(|piece| if let Piece::Run(run) = piece { Some(run) } else { None }).collect()
}

/// Each run becomes a phrase of its pairs; a phrase of the query that holds a run is cut there, since words and pairs stand
/// in different fields.
fn strict_words(pieces: &[Piece]) -> String {
    let mut words = String::new();
    let mut quoted = false;
    for piece in pieces {
        match piece {
            Piece::Other(text) => {
                quoted ^= text.matches('"').count() % 2 == 1;
                words.push_str(text);
            }
            Piece::Run(run) => {
                if quoted {
                    words.push('"');
                }
                if !words.is_empty() && !excludes(&words) {
                    words.push(' ');
                }
                words.push_str(&format!("\"{}\" ", pairs(&run.chars())));
                if quoted {
                    words.push('"');
                }
            }
        }
    }
    words.trim_end().to_owned()
}

/// The text ends in a `-` that excludes what follows.
fn excludes(words: &str) -> bool {
    words.strip_suffix('-').is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace))
}

/// The words one by one, of which the last may be missing. None when that is nothing new: one word alone.
fn loose(pieces: &[Piece], runs: &[&Run]) -> Option<Stage> {
    let mut words: Vec<String> = Vec::new();
    for piece in pieces {
        if let Piece::Other(text) = piece {
            words.extend(text.split_whitespace().map(str::to_owned));
        }
    }
    // Excluded words stay so; a `-` before a run stands at the end of its word.
    if words.iter().any(|word| word.starts_with('-')) {
        return None;
    }
    words.retain(|word| word.chars().any(char::is_alphanumeric));
    let mut needles = Vec::new();
    let mut odd = Vec::new();
    for run in runs {
        let chars = run.chars();
        if chars.len() == 1 {
            words.push(pairs(&chars));
            needles.push(chars);
            continue;
        }
        for (at, two) in chars.windows(2).enumerate() {
            // Most words of two characters begin at an even place of what people type, and those in between are
            // accidents: they come last, where they may be missing.
            if at % 2 == 0 {
                words.push(pair(two));
            } else {
                odd.push(pair(two));
            }
            needles.push(two.to_vec());
        }
    }
    words.extend(odd);
    words.truncate(MOST_WORDS);
    (words.len() > 1).then(|| Stage { words: words.join(" "), all: false, pairs: !runs.is_empty(), needles })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(query: &str) -> Vec<String> {
        stages(query, Matching::default()).into_iter().map(|stage| stage.words).collect()
    }

    #[test]
    fn words_between_spaces_go_as_they_are() {
        assert_eq!(words("refund"), ["refund"]);
        let both = stages("refund  headphones", Matching::default());
        assert_eq!((both[0].all, both[1].all), (true, false));
        assert_eq!(both[1].words, "refund headphones");
        assert_eq!(words("\"broken headphones\""), ["\"broken headphones\""]);
        assert_eq!(words("headphones -broken"), ["headphones -broken"]);
    }

    #[test]
    fn who_asks_says_which_words_must_be_there() {
        let all = |matching| {
            stages("refund headphones", matching).iter().map(|stage| stage.all).collect::<Vec<_>>()
        };
        assert_eq!(all(Matching::AllElseMost), [true, false]);
        assert_eq!(all(Matching::All), [true]);
        assert_eq!(all(Matching::Most), [false]);
    }

    #[test]
    fn runs_become_phrases_of_pairs() {
        assert_eq!(words("寿司"), ["\"x5bffx53f8\""]);
        assert_eq!(words("寿"), ["\"x5bff\""]);
        assert_eq!(words("refund 寿司を")[0], "refund  \"x5bffx53f8 x53f8x3092\"");
        assert_eq!(words("-寿司"), ["-\"x5bffx53f8\""]);
        assert_eq!(words("\"late 寿司\""), ["\"late \" \"x5bffx53f8\" \"\""]);
        assert_eq!(words("取消订单")[1], "x53d6x6d88 x8ba2x5355 x6d88x8ba2");
    }

    #[test]
    fn words_stand_alone_and_the_last_one_is_completed() {
        let alone = |query: &str| words_alone(query).into_iter().map(|stage| stage.words).collect::<Vec<_>>();
        assert_eq!(alone("late  refund hea"), ["late ", "refund ", "hea"]);
        assert_eq!(alone("late refund "), ["late ", "refund "]);
        assert_eq!(alone("大人4人"), ["\"x5927x4eba\"", "4 ", "\"x4eba\""]);
        assert_eq!(alone("订单取消").len(), 3);
        for query in ["refund", "refund -late", "\"late refund\"", "0171 234 5678", "- !"] {
            assert!(alone(query).is_empty(), "{query}");
        }
    }

    #[test]
    fn a_number_is_sought_in_other_notations_too() {
        assert_eq!(words("010-6299 1888"), ["010-6299 1888", "01062991888", "1062991888", "62991888"]);
        assert_eq!(words("62991888"), ["62991888"]);
    }

    #[test]
    fn nothing_to_find_asks_nothing() {
        for query in ["", "   ", "!?", "-\"", "😀"] {
            assert!(stages(query, Matching::default()).is_empty(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn every_query_makes_few_stages(query in "\\PC{0,80}") {
            prop_assert!(stages(&query, Matching::default()).len() <= 5);
            prop_assert!(words_alone(&query).len() != 1);
            prop_assert!(stages(&query, Matching::Most).len() <= 1);
        }
    }
}
