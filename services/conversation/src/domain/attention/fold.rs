//! What phrases and texts are compared as.

use unicode_normalization::UnicodeNormalization;

/// Lower case, without accents, vowel points and invisible characters, in compatibility form; white space of any kind and
/// length as one space, apostrophes alike.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let letters =
        text.chars().filter(|letter| !is_invisible(*letter)).nfkd().filter(|letter| !is_accent(*letter));
    // Lower case may bring accents of its own, such as the dot of the Turkish capital.
    for letter in letters.flat_map(char::to_lowercase).filter(|letter| !is_accent(*letter)) {
        match letter {
            '\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{ff07}' => folded.push('\''),
            letter if letter.is_whitespace() => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            letter => folded.push(letter),
        }
    }
    let trimmed = folded.trim().len();
    if trimmed == folded.len() { folded } else { folded.trim().to_owned() }
}

/// Marks that leave a word the same word: accents, Hebrew points and cantillation, Arabic vowels. In other scripts marks
/// are letters: a Thai vowel, a voiced kana.
fn is_accent(letter: char) -> bool {
    matches!(letter,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}'
        | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Characters that show nothing: joiners, directions, soft hyphens.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
