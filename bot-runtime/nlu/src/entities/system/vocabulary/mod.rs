//! The words of values in each language, folded: lower case, without accents.

mod english;
mod french;
mod german;
mod spanish;

use crate::text::Language;

/// Words for values.
pub(crate) struct Vocabulary {
    /// Whether a point separates decimals (`1.5`), not thousands (`1.500`).
    pub decimal_point: bool,
    /// Whether the month comes first in `5/3/2026`, for want of knowing better.
    pub month_first: bool,
    /// Whether clocks go to twelve, so that `7` may be in the evening.
    pub twelve_hours: bool,
    /// Numbers below a hundred.
    pub small: &'static [(&'static str, u32)],
    /// Words that make what precedes them so many times more.
    pub large: &'static [(&'static str, u64)],
    /// Between the parts of a number.
    pub and: &'static [&'static str],
    /// One, where it could be an article; counts only before a unit.
    pub articles: &'static [&'static str],
    pub half: &'static [&'static str],
    pub months: &'static [(&'static str, u32)],
    /// Monday is 0.
    pub weekdays: &'static [(&'static str, u32)],
    /// Phrases of up to four words and the days from today.
    pub days: &'static [(&'static str, i64)],
    pub next: &'static [&'static str],
    pub last: &'static [&'static str],
    pub this: &'static [&'static str],
    /// Before a length of time that lies ahead: `in three days`.
    pub ahead: &'static [&'static str],
    /// After a length of time that is over: `three days ago`.
    pub ago: &'static [&'static str],
    /// Before it: `hace tres días`.
    pub ago_before: &'static [&'static str],
    /// Between day and month, month and year.
    pub of: &'static [&'static str],
    pub ordinals: &'static [&'static str],
    pub units: &'static [(&'static str, Unit)],
    /// Before a bare hour.
    pub at: &'static [&'static str],
    /// After an hour: `19 Uhr`.
    pub oclock: &'static [&'static str],
    /// Phrases of up to three words and the minutes since midnight.
    pub hours: &'static [(&'static str, u32)],
    pub currencies: &'static [(&'static str, &'static str)],
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// The words of a language; of English where there are none, since digits and codes are common to all.
pub(crate) fn vocabulary(language: &Language) -> &'static Vocabulary {
    match language.as_str() {
        "de" => &german::VOCABULARY,
        "es" => &spanish::VOCABULARY,
        "fr" => &french::VOCABULARY,
        "en" => &english::VOCABULARY,
        "it" | "pt" | "nl" | "da" | "sv" | "nb" | "pl" | "cs" | "ru" | "uk" | "tr" | "fi" | "ro" | "el"
        | "id" => &POINTLESS,
        _ => &WORDLESS,
    }
}

/// Languages without words here that write decimals with a comma.
const POINTLESS: Vocabulary = Vocabulary { decimal_point: false, ..WORDLESS };

/// Any other language.
const WORDLESS: Vocabulary = Vocabulary {
    decimal_point: true,
    month_first: false,
    twelve_hours: false,
    small: &[],
    large: &[],
    and: &[],
    articles: &[],
    half: &[],
    months: &[],
    weekdays: &[],
    days: &[],
    next: &[],
    last: &[],
    this: &[],
    ahead: &[],
    ago: &[],
    ago_before: &[],
    of: &[],
    ordinals: &[],
    units: &[("h", Unit::Hour), ("min", Unit::Minute)],
    at: &[],
    oclock: &[],
    hours: &[],
    currencies: &[("euro", "EUR"), ("dollar", "USD")],
};
