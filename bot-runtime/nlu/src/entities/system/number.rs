//! Numbers in digits and in words. The value is a JSON number.

use serde_json::{Number, Value};

use super::tokens::{Kind, Token};
use super::{Reader, Reading, lookup};

/// Larger numbers are codes.
const LARGEST: f64 = 1e15;

/// A number and how it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantity {
    pub value: f64,
    /// The token after its last.
    pub next: usize,
    /// Whether it was written in digits.
    pub digits: bool,
}

impl Reader<'_> {
    /// A number that stands for itself.
    pub(super) fn plain_number(&self, at: usize) -> Reading {
        let minus = matches!(self.word(at), "-" | "−" | "minus") && !self.touches(at) && {
            let signed = self.word(at) == "minus";
            signed || self.touches(at + 1)
        };
        let quantity = self.quantity(if minus { at + 1 } else { at })?;
        let value = if minus { -quantity.value } else { quantity.value };
        Some((quantity.next, json(value)?))
    }

    /// A number in digits or words, with `million` and its like.
    pub(super) fn quantity(&self, at: usize) -> Option<Quantity> {
        let token = self.tokens.get(at)?;
        match token.kind {
            Kind::Number => {
                let mut value = digits(token.text, self.words.decimal_point)?;
                let mut next = at + 1;
                if let Some(times) = lookup(self.words.large, self.word(next)).filter(|_| !self.touches(next))
                {
                    value *= wide(times);
                    next += 1;
                } else if self.touches(next) && matches!(self.word(next), "k" | "m") {
                    value *= if self.word(next) == "k" { 1e3 } else { 1e6 };
                    next += 1;
                }
                (value <= LARGEST).then_some(Quantity { value, next, digits: true })
            }
            Kind::Word => self.in_words(at),
            Kind::Sign => None,
        }
    }

    /// `two hundred and five`, `twenty-one`, `vingt et un`, `treinta y dos`, `zweihundertfünf`.
    fn in_words(&self, at: usize) -> Option<Quantity> {
        let mut total = 0_u64;
        let mut group = 0_u64;
        let mut any = false;
        let mut next = at;
        // 1000 after 1000 would start a new number: what multiplies must fall.
        let mut ceiling = u64::MAX;
        // The size of the last small number: 20 may be followed by 1, not by 30.
        let mut room = 100_u64;
        loop {
            let mut here = next;
            if any
                && (self.words.and.contains(&self.word(here))
                    || (self.word(here) == "-" && self.touches(here)))
            {
                here += 1;
            }
            let word = self.word(here);
            let compound =
                if lookup(self.words.small, word).is_none() && lookup(self.words.large, word).is_none() {
                    german_compound(self, word)
                } else {
                    None
                };
            let alone = !any && compound.is_none();
            if let Some(small) = lookup(self.words.small, word).map(u64::from).or(compound) {
                let french = matches!((group % 100, small), (60, 10..=19) | (80, 1..=19)) && self.is_french();
                let four_twenty = group % 100 == 4 && small == 20 && self.is_french();
                if four_twenty {
                    group += 76;
                    room = 20;
                } else if small < room
                    || french
                    || (group.is_multiple_of(100) && small < 100 && any && room > 100)
                {
                    group += small;
                    let tens = small >= 20 || (small == 10 && self.is_french());
                    room = if tens && small.is_multiple_of(10) { 10 } else { 0 };
                } else if compound.is_some() && !any {
                    group += small;
                    room = 0;
                } else {
                    break;
                }
            } else if let Some(large) = lookup(self.words.large, word) {
                // `hundred` alone is no number in English; `mil`, `cien`, `hundert` are.
                if alone && (large < 100 || (self.words.month_first && !self.article_before(at))) {
                    break;
                }
                if large < 1_000 {
                    let fits = if large == 100 || large == 12 { group < 100 } else { group == 0 };
                    if !fits {
                        break;
                    }
                    group = if large > 100 { large } else { group.max(1) * large };
                    room = 100;
                } else if large < ceiling {
                    total += group.max(1).checked_mul(large)?;
                    group = 0;
                    ceiling = large;
                    room = 1_000;
                } else {
                    break;
                }
            } else if any && self.words.articles.contains(&word) && self.is_french() && room == 10 {
                // vingt et un
                group += 1;
                room = 0;
            } else {
                break;
            }
            any = true;
            next = here + 1;
        }
        any.then(|| Quantity { value: wide(total + group), next, digits: false })
    }

    fn is_french(&self) -> bool {
        self.words.half.contains(&"demi")
    }

    fn article_before(&self, at: usize) -> bool {
        at > 0 && self.words.articles.contains(&self.word(at - 1))
    }
}

/// German writes numbers below a million in one word.
fn german_compound(reader: &Reader<'_>, word: &str) -> Option<u64> {
    if !reader.words.and.contains(&"und") || word.len() > 60 {
        return None;
    }
    let unit = |part: &str| match part {
        "" => None,
        "ein" => Some(1),
        part => lookup(reader.words.small, part).map(u64::from),
    };
    let below_hundred = |part: &str| -> Option<u64> {
        if let Some(plain) = unit(part) {
            return Some(plain);
        }
        let (ones, tens) = part.split_once("und")?;
        let (ones, tens) = (unit(ones)?, unit(tens)?);
        (ones < 10 && tens >= 20).then_some(ones + tens)
    };
    let below_thousand = |part: &str| -> Option<u64> {
        let Some((hundreds, rest)) = part.split_once("hundert") else { return below_hundred(part) };
        let hundreds = if hundreds.is_empty() { 1 } else { unit(hundreds)? };
        let rest = rest.strip_prefix("und").unwrap_or(rest);
        Some(hundreds * 100 + if rest.is_empty() { 0 } else { below_hundred(rest)? })
    };
    // A single word from the tables is not a compound, and the article is none either.
    if word == "ein" {
        return None;
    }
    let Some((thousands, rest)) = word.split_once("tausend") else { return below_thousand(word) };
    let thousands = if thousands.is_empty() { 1 } else { below_thousand(thousands)? };
    let rest = rest.strip_prefix("und").unwrap_or(rest);
    Some(thousands * 1_000 + if rest.is_empty() { 0 } else { below_thousand(rest)? })
}

/// Digits with separators, by the habits of a language: `1,500.5`, `1.500,5`, `1'500.5`.
pub(super) fn digits(text: &str, decimal_point: bool) -> Option<f64> {
    plain_digits(text, decimal_point)?.parse().ok()
}

/// The same with nothing but digits and at most one point; none for codes such as `1.2.3`.
pub(super) fn plain_digits(text: &str, decimal_point: bool) -> Option<String> {
    let separators: Vec<(usize, char)> =
        text.char_indices().filter(|(_, letter)| !letter.is_ascii_digit()).collect();
    let thousands = |from: usize| {
        let groups = text[from..].split(['.', ',', '\'']).skip(1);
        let mut groups = groups.peekable();
        groups.peek().is_some() && groups.all(|group| group.len() == 3)
    };
    let decimal = match separators.as_slice() {
        [] => None,
        [(at, sign)] => {
            let usual = (*sign == '.') == decimal_point;
            let grouped = *at <= 3 && *at > 0 && thousands(0) && !text.starts_with('0');
            (*sign != '\'' && (usual || !grouped)).then_some(*at)
        }
        [many @ .., (last, sign)] => {
            let same = many.iter().all(|(_, other)| other == sign);
            let first = many.first().map(|(_, sign)| *sign);
            if same {
                if !thousands(0) {
                    return None;
                }
                None
            } else {
                let whole = &text[..*last];
                let regular = many.iter().all(|(_, other)| Some(*other) == first)
                    && whole.split(['.', ',', '\'']).skip(1).all(|group| group.len() == 3);
                if !regular {
                    return None;
                }
                Some(*last)
            }
        }
    };
    let only_digits = |part: &str| part.chars().filter(char::is_ascii_digit).collect::<String>();
    let plain = match decimal {
        None => only_digits(text),
        Some(at) => format!("{}.{}", only_digits(&text[..at]), only_digits(&text[at..])),
    };
    (plain.len() <= 18).then_some(plain)
}

/// Whole numbers without a point.
pub(super) fn json(value: f64) -> Option<Value> {
    if !value.is_finite() || value.abs() > LARGEST {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and at most 1e15")]
    let number =
        if value.fract() == 0.0 { Some(Number::from(value as i64)) } else { Number::from_f64(value) };
    number.map(Value::Number)
}

/// The whole number a token is, if it is one of at most so many digits.
pub(super) fn whole(token: &Token<'_>, most: usize) -> Option<u32> {
    (token.kind == Kind::Number && token.text.len() <= most).then(|| token.text.parse().ok()).flatten()
}

#[expect(clippy::cast_precision_loss, reason = "numbers in words are far below 2^53")]
fn wide(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_by_habit() {
        for (text, point, wanted) in [
            ("1,500.5", true, Some(1500.5)),
            ("1.500,5", false, Some(1500.5)),
            ("1'500.5", true, Some(1500.5)),
            ("1,5", true, Some(1.5)),
            ("1,500", true, Some(1500.0)),
            ("1.500", false, Some(1500.0)),
            ("1.500", true, Some(1.5)),
            ("0,125", true, Some(0.125)),
            ("1.234.567", false, Some(1_234_567.0)),
            ("1.2.3", true, None),
            ("12345678901234567890", true, None),
        ] {
            assert_eq!(digits(text, point), wanted, "{text}");
        }
    }
}
