//! Scripts whose words do not stand between spaces, or carry endings (Korean): Han, Kana, Hangul, Thai, Lao, Khmer, Myanmar.
//!
//! The engine's own segmentation needs dictionaries that a server may lack, and guesses a text's language, so that a short
//! query can be cut differently from the text. So stretches of these scripts (runs) are indexed as pairs of neighbouring
//! characters, and a run of the query is sought as a phrase of its pairs: it is found wherever it stands in a text. A pair
//! is written as a word of Latin letters and digits (`寿司` is `x5bffx53f8`), which every engine leaves in one piece.

use std::fmt::Write;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A stretch of text in such a script, in one normal form (NFKC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub letters: Vec<Letter>,
}

/// One character of a run and the code points of the original text that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    pub char: char,
    pub start: usize,
    pub end: usize,
}

/// A piece of a text: a run, or what stands between runs, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Other(String),
    Run(Run),
}

impl Run {
    pub fn chars(&self) -> Vec<char> {
        self.letters.iter().map(|letter| letter.char).collect()
    }
}

/// Cuts a text into runs and the rest.
pub fn pieces(text: &str) -> Vec<Piece> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let mut end = at + 1;
        while end < chars.len() && extends(chars[end]) {
            end += 1;
        }
        let cluster = &chars[at..end];
        if unspaced(chars[at]) {
            let normal = cluster.iter().copied().nfkc().map(|char| Letter { char, start: at, end });
            match pieces.last_mut() {
                Some(Piece::Run(run)) => run.letters.extend(normal),
                _ => pieces.push(Piece::Run(Run { letters: normal.collect() })),
            }
        } else {
            match pieces.last_mut() {
                Some(Piece::Other(text)) => text.extend(cluster),
                _ => pieces.push(Piece::Other(cluster.iter().collect())),
            }
        }
        at = end;
    }
    pieces
}

/// The runs of a text.
pub fn runs(text: &str) -> impl Iterator<Item = Run> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Run(run) => Some(run),
        Piece::Other(_) => None,
    })
}

/// What is indexed for a text's runs: all their pairs in order, and each single character once. Empty without runs.
pub fn indexed(text: &str) -> Vec<String> {
    let (mut all, mut singles) = (String::new(), std::collections::BTreeSet::new());
    for run in runs(text) {
        let chars = run.chars();
        singles.extend(chars.iter().copied());
        if chars.len() > 1 {
            if !all.is_empty() {
                // A hard separator: a phrase does not reach from one run into the next.
                all.push_str(". ");
            }
            all.push_str(&pairs(&chars));
        }
    }
    let singles: Vec<String> = singles.into_iter().map(single).collect();
    [all, singles.join(" ")].into_iter().filter(|part| !part.is_empty()).collect()
}

/// The words that a run of a query is sought by, in order.
pub fn pairs(chars: &[char]) -> String {
    match chars {
        [char] => single(*char),
        _ => chars.windows(2).map(pair).collect::<Vec<_>>().join(" "),
    }
}

/// The word of one pair.
pub fn pair(pair: &[char]) -> String {
    pair.iter().fold(String::new(), |mut word, char| {
        let _ = write!(word, "x{:x}", u32::from(*char));
        word
    })
}

fn single(char: char) -> String {
    pair(&[char])
}

/// Belongs to the character before it: marks, the half-width marks of kana, and the later parts of a Hangul syllable.
fn extends(char: char) -> bool {
    is_combining_mark(char) || matches!(char, '\u{ff9e}' | '\u{ff9f}' | '\u{1160}'..='\u{11ff}')
}

fn unspaced(char: char) -> bool {
    matches!(char,
        '\u{0e01}'..='\u{0e3e}' | '\u{0e40}'..='\u{0e4e}' | '\u{0e50}'..='\u{0e59}' // Thai
        | '\u{0e80}'..='\u{0eff}' // Lao
        | '\u{1000}'..='\u{1049}' | '\u{1050}'..='\u{109f}' | '\u{aa60}'..='\u{aa7f}' // Myanmar
        | '\u{1780}'..='\u{17d3}' | '\u{17d7}' | '\u{17dc}'..='\u{17e9}' // Khmer
        | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{ffa0}'..='\u{ffdc}' // Hangul
        | '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{1b000}'..='\u{1b16f}' // Kana
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3105}'..='\u{312f}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' // Han
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        runs(text).map(|run| run.chars().into_iter().collect()).collect()
    }

    #[test]
    fn runs_end_at_other_scripts_spaces_and_punctuation() {
        assert_eq!(texts("新しいiPhoneを買う。はい"), ["新しい", "を買う", "はい"]);
        assert_eq!(texts("주문을 취소"), ["주문을", "취소"]);
        assert_eq!(texts("ฉันต้องการ 200 ฿"), ["ฉันต้องการ"]);
        assert!(texts("Málaga, отменить, لبطل, रद्द").is_empty());
    }

    #[test]
    fn half_width_kana_and_loose_jamo_take_one_form_and_remember_where_they_stood() {
        let run = runs("a ｷｬﾝｾﾙ ﾊﾞｽ").next().unwrap();
        assert_eq!(run.letters[0], Letter { char: 'キ', start: 2, end: 3 });
        let bus = runs("ﾊﾞｽ").next().unwrap();
        assert_eq!(bus.letters[0], Letter { char: 'バ', start: 0, end: 2 });
        assert_eq!(texts("\u{1112}\u{1161}\u{11ab}국"), ["한국"]);
    }

    #[test]
    fn pairs_are_plain_words() {
        assert_eq!(pairs(&['寿', '司', 'を']), "x5bffx53f8 x53f8x3092");
        assert_eq!(pairs(&['寿']), "x5bff");
        assert_eq!(indexed("寿司を"), ["x5bffx53f8 x53f8x3092", "x3092 x53f8 x5bff"]);
        assert!(indexed("only Latin").is_empty());
    }

    proptest! {
        #[test]
        fn every_part_of_a_run_is_a_phrase_of_what_is_indexed(run in "[一-龥ぁ-んァ-ヶ가-힣ก-ฮ]{2,40}", from in 0usize..40, length in 2usize..8) {
            let chars: Vec<char> = texts(&run).concat().chars().collect();
            let from = from.min(chars.len() - 2);
            let to = (from + length).min(chars.len());
            let haystack = indexed(&run).remove(0);
            prop_assert!(haystack.contains(&pairs(&chars[from..to])), "{run}");
        }

        #[test]
        fn pieces_lose_nothing(text in "\\PC{0,60}") {
            let kept: usize = pieces(&text).iter().map(|piece| match piece {
                Piece::Other(text) => text.chars().count(),
                Piece::Run(run) => run.letters.iter().map(|letter| (letter.start, letter.end)).collect::<std::collections::BTreeSet<_>>()
                    .into_iter().map(|(start, end)| end - start).sum(),
            }).sum();
            prop_assert_eq!(kept, text.chars().count());
        }
    }
}
