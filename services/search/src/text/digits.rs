//! Phone numbers in any notation.

/// The digits of a text, of whatever script, as ASCII.
pub fn digits(text: &str) -> String {
    text.chars().filter_map(digit).collect()
}

/// The shortest run of digits that finds a number.
pub const SHORTEST: usize = 4;
/// Digits of numbers in texts: shorter ones are words of their own, the longest phone numbers have fifteen (E.164).
const SHORTEST_IN_TEXT: usize = 7;
const LONGEST: usize = 15;

/// Every end of a number that has at least four digits: since the engine completes a query's last word, any run of four
/// digits or more finds the number.
pub fn ends(number: &str) -> Vec<String> {
    let digits = digits(number);
    let last = digits.len().saturating_sub(SHORTEST);
    if digits.len() < SHORTEST { Vec::new() } else { (0..=last).map(|at| digits[at..].to_owned()).collect() }
}

/// The ends of what may be phone, order or account numbers in a text: seven to fifteen digits with nothing but signs between
/// them. Each once.
pub fn ends_in(text: &str) -> Vec<String> {
    let mut all = std::collections::BTreeSet::new();
    for stretch in text.split(|char: char| digit(char).is_none() && !"-–./() \u{a0}".contains(char)) {
        // A space between two numbers joins them as well; one that is too long for a number is cut there.
        let joined = digits(stretch);
        let parts: Vec<&str> =
            if joined.len() <= LONGEST { vec![stretch] } else { stretch.split_whitespace().collect() };
        for part in parts {
            if (SHORTEST_IN_TEXT..=LONGEST).contains(&digits(part).len()) {
                all.extend(ends(part));
            }
        }
    }
    all.into_iter().collect()
}

/// A query that is a phone number or a part of one: at least four digits, and nothing that belongs to a name or an
/// address. The first is as it was typed; the others do without what differs from notation to notation at the front.
pub fn phone_queries(query: &str) -> Vec<String> {
    let sign =
        |char: char| char.is_whitespace() || "+-–—‑./()[]#*\u{200e}\u{200f}\u{202a}\u{202c}".contains(char);
    if !query.chars().all(|char| digit(char).is_some() || sign(char)) {
        return Vec::new();
    }
    let typed = digits(query);
    if typed.len() < SHORTEST {
        return Vec::new();
    }
    let mut queries = vec![typed.clone()];
    // A trunk or international prefix: 0171…, 0049…, 8 916….
    let national = typed.trim_start_matches('0').to_owned();
    let end = typed[typed.len().saturating_sub(8)..].to_owned();
    for other in [national, end] {
        if other.len() >= 7 && !queries.contains(&other) {
            queries.push(other);
        }
    }
    queries
}

fn digit(char: char) -> Option<char> {
    let zero = match char {
        '0'..='9' => return Some(char),
        '\u{0660}'..='\u{0669}' => '\u{0660}', // Arabic-Indic
        '\u{06f0}'..='\u{06f9}' => '\u{06f0}', // Persian, Urdu
        '\u{0966}'..='\u{096f}' => '\u{0966}', // Devanagari
        '\u{09e6}'..='\u{09ef}' => '\u{09e6}', // Bengali
        '\u{0e50}'..='\u{0e59}' => '\u{0e50}', // Thai
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}', // full-width
        _ => return None,
    };
    char::from_digit(u32::from(char) - u32::from(zero), 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_notation_gives_the_same_digits() {
        for text in
            ["+7 (916) 555-01-23", "7.916.555.0123", "٧٩١٦٥٥٥٠١٢٣", "７９１６５５５０１２３", "७९१६५५५०१२३"]
        {
            assert_eq!(digits(text), "79165550123", "{text}");
        }
    }

    #[test]
    fn queries_are_numbers_only_when_nothing_else_stands_in_them() {
        assert_eq!(phone_queries("555-01"), ["55501"]);
        assert_eq!(phone_queries("0171 2345678"), ["01712345678", "1712345678", "12345678"]);
        assert_eq!(phone_queries("+49 171 2345678"), ["491712345678", "12345678"]);
        for other in ["123", "Anna 5550", "a1234", "", "+-()", "1234 😀"] {
            assert!(phone_queries(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn numbers_in_texts_are_found_by_their_ends() {
        let found = ends_in("电话是01062991888。Call +49 171-234 5678, order 12345, at 10:30");
        assert!(found.contains(&"62991888".to_owned()) && found.contains(&"1712345678".to_owned()));
        assert!(!found.iter().any(|end| end.contains("12345") && end.len() == 5));
        assert!(ends_in("on 24.12. at 10").is_empty());
    }

    proptest! {
        #[test]
        fn any_run_of_four_digits_is_the_beginning_of_an_end(number in "[0-9]{4,15}", at in 0usize..15, length in 4usize..15) {
            let at = at.min(number.len() - 4);
            let run = &number[at..(at + length).min(number.len())];
            prop_assert!(ends(&number).iter().any(|end| end.starts_with(run)));
        }
    }
}
