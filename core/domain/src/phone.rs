//! Telephone numbers as networks and people spell them.
//!
//! In three countries one number has several spellings: networks add or leave out a digit as they like, so a number that
//! was typed is not the number that answers. One of them is the *canonical* one, under which contacts are kept, so that one
//! number is one contact. Networks take each spelling where something is sent.

/// Fewest and most digits of a number with its country.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The digits of a number that somebody typed with its country: `+49 (0) 151 1234-567` is `491511234567`, as is `0049…`.
/// None for what is no such number.
pub fn digits(typed: &str) -> Option<String> {
    let typed = typed.trim().replace("(0)", "");
    let rest = typed.strip_prefix('+').or_else(|| typed.strip_prefix("00")).unwrap_or(&typed);
    let is_filling = |sign: char| sign.is_whitespace() || matches!(sign, '-' | '.' | '/' | '(' | ')');
    let digits: String = rest.chars().filter(|sign| !is_filling(*sign)).collect();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    (is_number && DIGITS.contains(&digits.len())).then_some(digits)
}

/// The spelling by which the spellings of one number are compared. `digits` are those of the whole number with its country
/// and nothing else; anything else comes back as it is.
pub fn canonical(digits: &str) -> String {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits.to_owned();
    }
    let known = |country: &str| digits.strip_prefix(country);
    if let Some(number) = known("52").filter(|number| number.len() == 10) {
        // Mexico: networks write a 1 before mobile numbers, nobody dials it any more.
        return format!("521{number}");
    }
    if let Some(number) = known("54").filter(|number| !number.starts_with('9')) {
        // Argentina: a 9 before the area of mobile numbers from abroad, a 15 behind it at home.
        return match number.len() {
            10 => format!("549{number}"),
            12 => without_15(number).map_or_else(|| digits.to_owned(), |number| format!("549{number}")),
            _ => digits.to_owned(),
        };
    }
    if let Some((area, number)) =
        known("55").filter(|number| number.len() == 10).and_then(|n| n.split_at_checked(2))
        && number.starts_with(['6', '7', '8', '9'])
    {
        // Brazil: mobile numbers got a ninth digit.
        return format!("55{area}9{number}");
    }
    digits.to_owned()
}

/// The other spellings of a number that networks and people use, the canonical one first; none where it has one spelling.
pub fn other_spellings(digits: &str) -> Vec<String> {
    let canonical = canonical(digits);
    let is_long = canonical.len() == 13;
    let others = if let Some(number) = canonical.strip_prefix("521").filter(|_| is_long) {
        vec![format!("52{number}")]
    } else if let Some(number) = canonical.strip_prefix("549").filter(|_| is_long) {
        let with_15 = |length: usize| {
            let (area, rest) = number.split_at_checked(length)?;
            Some(format!("54{area}15{rest}"))
        };
        let lengths = if number.starts_with("11") { 2..=2 } else { 3..=4 };
        std::iter::once(format!("54{number}")).chain(lengths.filter_map(with_15)).collect()
    } else if let Some((area, number)) =
        canonical.strip_prefix("55").filter(|_| is_long).and_then(|number| number.split_at_checked(2))
        && let Some(number) =
            number.strip_prefix('9').filter(|number| number.starts_with(['6', '7', '8', '9']))
    {
        vec![format!("55{area}{number}")]
    } else {
        Vec::new()
    };
    let is_other = |spelling: &String| spelling != digits && self::canonical(spelling) == canonical;
    std::iter::once(canonical.clone()).chain(others).filter(is_other).collect()
}

/// An Argentine number without the 15 behind its area, which has two to four digits; the one of two is Buenos Aires.
fn without_15(number: &str) -> Option<String> {
    let lengths = if number.starts_with("11") { 2..=2 } else { 3..=4 };
    lengths.into_iter().find_map(|length| {
        let (area, rest) = number.split_at_checked(length)?;
        Some(format!("{area}{}", rest.strip_prefix("15")?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_digits_however_it_is_typed() {
        for (typed, expected) in [
            ("15550783881", Some("15550783881")),
            ("+15550783881", Some("15550783881")),
            ("+1 (555) 078-3881", Some("15550783881")),
            (" +1.555.078.3881 ", Some("15550783881")),
            ("0049 151 1234567", Some("491511234567")),
            ("+49 (0) 151 / 1234567", Some("491511234567")),
            ("+49\u{a0}151\u{a0}1234567", Some("491511234567")),
            // Without its country a number is nobody's.
            ("0151 1234567", None),
            ("US.13491208655302741918", None),
            ("Y2FwaV9ncm91cA==", None),
            ("+1 555 CALL NOW", None),
            ("++15550783881", None),
            ("-1001234567890123", None),
            ("123456", None),
            ("1234567890123456", None),
            ("", None),
        ] {
            assert_eq!(digits(typed).as_deref(), expected, "{typed:?}");
        }
    }

    #[test]
    fn all_spellings_of_a_number_have_one_canonical_one() {
        for (expected, spellings) in [
            ("5215512345678", &["525512345678", "5215512345678"][..]),
            ("5491123456789", &["541123456789", "5491123456789", "54111523456789"]),
            ("5492211234567", &["542211234567", "5492211234567", "54221151234567"]),
            ("5493327412345", &["543327412345", "5493327412345", "54332715412345"]),
            ("5551987654321", &["555187654321", "5551987654321"]),
            ("5511987654321", &["551187654321", "5511987654321"]),
            // Brazil's landlines have eight digits and begin with 2 to 5.
            ("551132654321", &["551132654321"]),
            // Elsewhere, and what is no number: as it is.
            ("15550783881", &["15550783881"]),
            ("4915112345678", &["4915112345678"]),
            ("52551234567", &["52551234567"]),
            ("54", &["54"]),
            ("US.13491208655302741918", &["US.13491208655302741918"]),
            ("", &[""]),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling), expected, "{spelling}");
                assert_eq!(canonical(&canonical(spelling)), expected, "{spelling}, twice");
                let others = other_spellings(spelling);
                for other in spellings.iter().filter(|other| *other != spelling) {
                    assert!(others.iter().any(|known| known == other), "{other} of {spelling}: {others:?}");
                }
                assert!(!others.iter().any(|other| other == spelling), "{others:?}");
            }
        }
    }

    proptest::proptest! {
        /// Whichever spelling a contact stands under, each of the others leads there and to nobody else.
        #[test]
        fn other_spellings_are_of_the_same_number(country in "52|54|55|1|49", number in "[0-9]{8,12}") {
            let digits = format!("{country}{number}");
            for other in other_spellings(&digits) {
                proptest::prop_assert_eq!(canonical(&other), canonical(&digits), "{} of {}", other, digits);
            }
        }
    }
}
