//! Phone numbers: shown in E.164, compared by a key that is the same for all writings of one number.
//!
//! Numbering plans come from Google's libphonenumber (crate `phonenumber`). Three plans have numbers that are in use in two
//! forms; the crate takes each form as it is, so these rules stand before it:
//!
//! - **Brazil** put a 9 before every mobile number of eight digits, area by area, from 2012 to November 2016 (Anatel,
//!   resolution 553/2010). Accounts of messengers that are older keep the eight digits. Mobile numbers began with 6 to 9,
//!   landlines with 2 to 5: so the missing digit can be put back.
//! - **Mexico** took the 1 off that stood between country code and mobile numbers, in August 2019 (IFT, national numbering
//!   plan of 2018). `WhatsApp` goes on with 521.
//! - **Argentina** has a 9 between country code and mobile numbers when called from abroad, and none at home: both are
//!   seen. The ten digits that follow are unique without it, so they are compared without. It stays in what is shown: it
//!   cannot be told from the rest whether a number is a mobile one.

use std::sync::LazyLock;

use moka::sync::Cache;
use phonenumber::{Mode, country};

/// Longest text that is looked at.
const MOST_CHARACTERS: usize = 40;
/// E.164: country code and number.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Numbers by their digits: plans are long lists of patterns, and whoever is listed is listed again.
static KNOWN: LazyLock<Cache<String, Option<String>>> = LazyLock::new(|| Cache::new(50_000));

/// The number in E.164, as it is dialled from abroad today. `None` for one of no country. A number that its country's plan
/// does not have keeps its digits: plans change sooner than copies of them, and a channel vouches for it.
pub fn e164(sent: &str) -> Option<String> {
    let digits = modern(digits(sent)?);
    KNOWN.get_with_by_ref(&digits, || plan(&digits))
}

fn plan(digits: &str) -> Option<String> {
    let number = phonenumber::parse(None, format!("+{digits}")).ok()?;
    Some(if number.is_valid() { number.format().mode(Mode::E164).to_string() } else { format!("+{digits}") })
}

/// A country, by its ISO 3166 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region(country::Id);

impl Region {
    /// `None` for what is no country that has numbers.
    pub fn parse(code: &str) -> Option<Self> {
        code.parse().ok().map(Self)
    }
}

/// The number of a record in E.164. Unlike a channel's, digits without a plus are a country's own: read where the region
/// is told, else of nobody, since they could be of several countries.
pub fn imported(sent: &str, region: Option<Region>) -> Option<String> {
    let text: String = sent.chars().filter(|c| !direction(*c)).collect();
    let text = text.trim();
    let international = text.starts_with(['+', '＋']) || text.starts_with("00");
    if international {
        return e164(text);
    }
    let short = text.chars().count() <= MOST_CHARACTERS;
    let number = phonenumber::parse(Some(region.filter(|_| short)?.0), text).ok()?;
    if number.extension().is_some() {
        return None;
    }
    e164(&number.format().mode(Mode::E164).to_string())
}

/// What the number is compared by.
pub fn key(sent: &str) -> Option<String> {
    let number = e164(sent)?;
    Some(match number.strip_prefix("+549") {
        Some(rest) if rest.len() == 10 => format!("+54{rest}"),
        _ => number,
    })
}

/// The digits from the country code on. Channels send them with a plus, with 00, or as they are.
fn digits(sent: &str) -> Option<String> {
    // Marks of writing direction come with numbers copied from right-to-left text.
    let text: String = sent.chars().filter(|c| !direction(*c)).collect();
    let text = text.trim();
    if text.chars().count() > MOST_CHARACTERS {
        return None;
    }
    let text = ["whatsapp:", "tel:"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    let (plus, rest) = match text.strip_prefix(['+', '＋']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut digits = String::new();
    for c in rest.chars() {
        match c {
            ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2010}'..='\u{2013}' | '.' | '(' | ')' | '/' => {}
            _ => digits.push(char::from_digit(digit(c)?, 10)?),
        }
    }
    if !plus {
        digits = digits.strip_prefix("00").map(str::to_owned).unwrap_or(digits);
    }
    // No country code begins with 0: a national number, of whichever country.
    (DIGITS.contains(&digits.len()) && !digits.starts_with('0')).then_some(digits)
}

fn direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Digits in the scripts whose keyboards write their own.
fn digit(c: char) -> Option<u32> {
    let zeros = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];
    zeros.into_iter().map(|zero| u32::from(c).wrapping_sub(u32::from(zero))).find(|value| *value <= 9)
}

/// A number in an old form as it is dialled today.
fn modern(digits: String) -> String {
    if digits.len() == 13 && digits.starts_with("521") {
        return format!("52{}", &digits[3..]);
    }
    if digits.len() == 12 && digits.starts_with("55") && matches!(digits.as_bytes()[4], b'6'..=b'9') {
        return format!("{}9{}", &digits[..4], &digits[4..]);
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As sent, and in E.164.
    const NUMBERS: &[(&str, &str)] = &[
        // Brazil: São Paulo mobile with and without the ninth digit, an area whose messengers keep eight, a landline.
        ("5511987654321", "+5511987654321"),
        ("+55 11 8765-4321", "+5511987654321"),
        ("+555191234567", "+5551991234567"),
        ("553199887766", "+5531999887766"),
        ("+55 (11) 3071-2345", "+551130712345"),
        // Mexico: mobile with and without the 1, Mexico City, Monterrey, Guadalajara.
        ("5215512345678", "+525512345678"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+52 1 81 1234 5678", "+528112345678"),
        ("523312345678", "+523312345678"),
        // Argentina: mobile as WhatsApp has it.
        ("5491123456789", "+5491123456789"),
        // The rest of the world.
        ("+972 50-123-4567", "+972501234567"),
        ("972501234567", "+972501234567"),
        ("+44 7911 123456", "+447911123456"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("0044 20 7946 0958", "+442079460958"),
        ("+1 (415) 555-2671", "+14155552671"),
        ("14155552671", "+14155552671"),
        ("+1 876 322 1234", "+18763221234"),
        ("+1 787 234 5678", "+17872345678"),
        ("+39 06 698 83145", "+390669883145"),
        ("+39 312 345 6789", "+393123456789"),
        ("+49 1512 3456789", "+4915123456789"),
        ("+49 30 901820", "+4930901820"),
        ("+33 6 12 34 56 78", "+33612345678"),
        ("+34 612 34 56 78", "+34612345678"),
        ("+351 912 345 678", "+351912345678"),
        ("+31 6 12345678", "+31612345678"),
        ("+48 512 345 678", "+48512345678"),
        ("+7 912 345-67-89", "+79123456789"),
        ("+7 701 234 5678", "+77012345678"),
        ("+90 501 234 56 78", "+905012345678"),
        ("+20 100 123 4567", "+201001234567"),
        ("+966 51 234 5678", "+966512345678"),
        ("+971 50 123 4567", "+971501234567"),
        (
            "\u{200e}+\u{0669}\u{0667}\u{0661} \u{0665}\u{0660} \u{0661}\u{0662}\u{0663} \u{0664}\u{0665}\u{0666}\u{0667}",
            "+971501234567",
        ),
        ("+91 81234 56789", "+918123456789"),
        ("+92 301 2345678", "+923012345678"),
        ("+880 1812-345678", "+8801812345678"),
        ("+62 812-345-678", "+62812345678"),
        ("+60 12-345 6789", "+60123456789"),
        ("+65 8123 4567", "+6581234567"),
        ("+66 81 234 5678", "+66812345678"),
        ("+84 91 234 56 78", "+84912345678"),
        ("+86 131 2345 6789", "+8613123456789"),
        ("+852 5123 4567", "+85251234567"),
        ("+81 90-1234-5678", "+819012345678"),
        ("＋８１９０１２３４５６７８", "+819012345678"),
        ("+82 10-2000-0000", "+821020000000"),
        ("+61 412 345 678", "+61412345678"),
        ("+64 21 123 4567", "+64211234567"),
        ("+27 71 123 4567", "+27711234567"),
        ("+234 802 123 4567", "+2348021234567"),
        ("+254 712 123456", "+254712123456"),
        ("+225 01 23 45 6789", "+2250123456789"),
        ("+56 9 6123 4567", "+56961234567"),
        ("+57 321 1234567", "+573211234567"),
        ("whatsapp:+51912345678", "+51912345678"),
    ];

    #[test]
    fn numbers_of_many_countries_in_e164() {
        let wrong: Vec<_> = NUMBERS
            .iter()
            .filter(|(sent, expected)| e164(sent).as_deref() != Some(*expected))
            .map(|(sent, expected)| (*sent, *expected, e164(sent)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn both_forms_of_one_number_have_one_key() {
        for (one, other) in [
            ("+55 11 98765-4321", "551187654321"),
            ("+52 1 55 1234 5678", "525512345678"),
            ("+54 9 11 2345 6789", "+541123456789"),
            ("+44 (0)20 7946 0958", "442079460958"),
            ("+15550100", "15550100"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
            assert!(key(one).is_some(), "{one}");
        }
        for (one, other) in [
            ("+5511987654321", "+5521987654321"),
            ("+551130712345", "+5511930712345"),
            ("+525512345678", "+528112345678"),
            ("+14155552671", "+4414155552671"),
        ] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn national_numbers_are_read_where_their_country_is_told() {
        let read = |sent: &str, region: &str| imported(sent, Region::parse(region));
        for (sent, region, expected) in [
            ("050-123-4567", "IL", Some("+972501234567")),
            ("(415) 555-2671", "US", Some("+14155552671")),
            ("020 7946 0958", "GB", Some("+442079460958")),
            ("06 12 34 56 78", "FR", Some("+33612345678")),
            ("11 8765-4321", "BR", Some("+5511987654321")),
            ("11 98765-4321", "BR", Some("+5511987654321")),
            ("55 1234 5678", "MX", Some("+525512345678")),
            ("+972 50 123 4567", "US", Some("+972501234567")),
            ("0044 20 7946 0958", "", Some("+442079460958")),
            ("+55 11 8765-4321", "", Some("+5511987654321")),
            ("4155552671", "", None),
            ("14155552671", "", None),
            ("123", "US", None),
            ("hello", "US", None),
        ] {
            assert_eq!(read(sent, region).as_deref(), expected, "{sent} {region}");
        }
        assert_eq!((Region::parse("XX"), Region::parse("il"), Region::parse("")), (None, None, None));
    }

    #[test]
    fn what_is_no_number_has_no_key_and_what_no_plan_has_keeps_its_digits() {
        for nothing in ["", "+", "hello", "050-123-4567", "12", "+1234567890123456", "+1 415 555 2671 ext 3"]
        {
            assert_eq!(key(nothing), None, "{nothing}");
        }
        assert_eq!(e164("1 555 0100").as_deref(), Some("+15550100"));
    }
}
