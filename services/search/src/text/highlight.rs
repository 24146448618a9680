//! Where the words of a query stand in a text, in Unicode code points.

use crate::text::runs::runs;

/// A stretch of a text in code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub start: usize,
    pub length: usize,
}

/// Puts together what the engine marked (start and length in bytes of the text) and the places of the query's runs, which
/// the engine saw as pairs only. In order; what touches is one mark.
pub fn marks(text: &str, in_bytes: &[(usize, usize)], needles: &[Vec<char>]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = in_bytes.iter().filter_map(|bytes| in_code_points(text, *bytes)).collect();
    marks.extend(needle_marks(text, needles));
    let mut marks = merge(marks);
    marks.retain(|mark| !is_lone_article(text, *mark));
    marks
}

/// The engine cuts the Arabic article from its word and marks it in every word: without the word it says nothing.
fn is_lone_article(text: &str, mark: Mark) -> bool {
    let mut chars = text.chars().skip(mark.start);
    mark.length == 2
        && matches!(chars.next(), Some('ا' | 'أ' | 'إ' | 'آ' | 'ٱ'))
        && chars.next() == Some('ل')
        && chars.next().is_some_and(char::is_alphabetic)
}

/// None for a stretch outside the text. One that cuts a character takes all of it.
fn in_code_points(text: &str, (start, length): (usize, usize)) -> Option<Mark> {
    let end = start.checked_add(length)?;
    if length == 0 || end > text.len() {
        return None;
    }
    let mut first = None;
    let mut last = 0;
    for (index, (at, char)) in text.char_indices().enumerate() {
        if at >= end {
            break;
        }
        if at + char.len_utf8() > start {
            first.get_or_insert(index);
            last = index;
        }
    }
    first.map(|first| Mark { start: first, length: last + 1 - first })
}

fn needle_marks(text: &str, needles: &[Vec<char>]) -> Vec<Mark> {
    if needles.is_empty() {
        return Vec::new();
    }
    let mut marks = Vec::new();
    for run in runs(text) {
        let chars = run.chars();
        for needle in needles.iter().filter(|needle| !needle.is_empty()) {
            for (at, window) in chars.windows(needle.len()).enumerate() {
                if window == needle {
                    let start = run.letters[at].start;
                    let end = run.letters[at + needle.len() - 1].end;
                    marks.push(Mark { start, length: end - start });
                }
            }
        }
    }
    marks
}

fn merge(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_unstable();
    let mut merged: Vec<Mark> = Vec::with_capacity(marks.len());
    for mark in marks {
        match merged.last_mut() {
            Some(last) if mark.start <= last.start + last.length => {
                last.length = last.length.max(mark.start + mark.length - last.start);
            }
            _ => merged.push(mark),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(text: &str, part: &str) -> (usize, usize) {
        (text.find(part).unwrap(), part.len())
    }

    fn shown(text: &str, marks: &[Mark]) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        marks.iter().map(|mark| chars[mark.start..mark.start + mark.length].iter().collect()).collect()
    }

    #[test]
    fn bytes_become_code_points_behind_emoji_and_in_right_to_left_texts() {
        for (text, part) in
            [("👩‍👩‍👧 my órder 😀 late", "órder"), ("אני רוצה לבטל 😡 את", "לבטל"), ("مرحبا 👋 أريد", "أريد")]
        {
            let found = marks(text, &[bytes_of(text, part)], &[]);
            assert_eq!(shown(text, &found), [part]);
        }
    }

    #[test]
    fn runs_are_marked_wherever_they_stand() {
        let text = "😀寿司と寿司、ｷｬﾝｾﾙ";
        let needles = [vec!['寿', '司'], "キャンセル".chars().collect()];
        assert_eq!(shown(text, &marks(text, &[], &needles)), ["寿司", "寿司", "ｷｬﾝｾﾙ"]);
    }

    #[test]
    fn what_touches_is_one_mark() {
        let pairs = [vec!['あ', 'い'], vec!['い', 'う']];
        assert_eq!(
            marks("x あいうx", &[(0, 1)], &pairs),
            [Mark { start: 0, length: 1 }, Mark { start: 2, length: 3 }]
        );
    }

    #[test]
    fn an_arabic_article_is_marked_with_its_word_alone() {
        let text = "إلغاء الطلب لأن البطاقة";
        let at = text.find("البطاقة").unwrap();
        let engine = [(0, 4), (text.find("الطلب").unwrap(), 4), (at, 4), (at + 4, "بطاقة".len())];
        assert_eq!(shown(text, &marks(text, &engine, &[])), ["البطاقة"]);
    }

    proptest! {
        #[test]
        fn any_range_gives_marks_inside_the_text(text in "\\PC{0,30}", start in 0usize..200, length in 0usize..200) {
            let count = text.chars().count();
            for mark in marks(&text, &[(start, length), (usize::MAX, 2)], &[vec!['あ']]) {
                prop_assert!(mark.length > 0 && mark.start + mark.length <= count);
            }
        }

        #[test]
        fn a_range_on_boundaries_is_exact(head in "\\PC{0,10}", part in "\\PC{1,10}", tail in "\\PC{0,10}") {
            let text = format!("{head}{part}{tail}");
            let found = marks(&text, &[(head.len(), part.len())], &[]);
            prop_assert_eq!(shown(&text, &found), vec![part]);
        }
    }
}
