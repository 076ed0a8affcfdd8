//! Lengths of time: `two and a half hours`, `1 h 30`, `drei Tage`. The value is an ISO 8601 duration.

use serde_json::Value;

use super::vocabulary::Unit;
use super::{Reader, Reading, lookup};

/// A length of time: months, and seconds beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub months: u32,
    pub seconds: u64,
    /// The smallest unit named.
    pub unit: Unit,
}

impl Reader<'_> {
    pub(super) fn duration(&self, at: usize) -> Reading {
        let (next, length) = self.length(at)?;
        Some((next, Value::from(iso(&length))))
    }

    /// A length of time and the token after it.
    pub(super) fn length(&self, at: usize) -> Option<(usize, Length)> {
        let (mut next, mut length) = self.one_length(at)?;
        // `1 hour and 30 minutes`, `1h30`
        loop {
            let here = self.skip(next, self.words.and);
            if let Some((after, more)) =
                self.one_length(here).filter(|(_, more)| smaller(more.unit, length.unit))
            {
                length.months += more.months;
                length.seconds += more.seconds;
                length.unit = more.unit;
                next = after;
                continue;
            }
            let minutes =
                self.tokens.get(next).and_then(|token| super::number::whole(token, 2)).filter(|m| *m < 60);
            if let Some(minutes) = minutes.filter(|_| length.unit == Unit::Hour && self.touches(next)) {
                length.seconds += u64::from(minutes) * 60;
                length.unit = Unit::Minute;
                next += 1;
            }
            return Some((next, length));
        }
    }

    fn one_length(&self, at: usize) -> Option<(usize, Length)> {
        // `half an hour`, `eine halbe Stunde`, `media hora`
        let article = self.words.articles;
        let bare = self.skip(at, article);
        if self.words.half.contains(&self.word(bare)) {
            let after = self.skip(bare + 1, article);
            let after = if self.word(after) == "-" { after + 1 } else { after };
            let unit = lookup(self.words.units, self.word(after))?;
            return Some((after + 1, of(0.5, unit)?));
        }
        let (mut count, mut next) = match self.quantity(at) {
            Some(quantity) => (quantity.value, quantity.next),
            None if article.contains(&self.word(at)) => (1.0, at + 1),
            None => return None,
        };
        // `two and a half hours`
        let and = self.skip(next, self.words.and);
        let half = self.skip(and, article);
        if and > next && self.words.half.contains(&self.word(half)) {
            count += 0.5;
            next = half + 1;
        }
        let unit = lookup(self.words.units, self.word(next))?;
        next += 1;
        // `an hour and a half`, `una hora y media`, `une heure et demie`
        let and = self.skip(next, self.words.and);
        let half = self.skip(and, article);
        if and > next
            && self.words.half.contains(&self.word(half))
            && lookup(self.words.units, self.word(half + 1)).is_none()
        {
            count += 0.5;
            next = half + 1;
        }
        Some((next, of(count, unit)?))
    }
}

fn smaller(unit: Unit, than: Unit) -> bool {
    seconds(unit) < seconds(than)
}

fn seconds(unit: Unit) -> u64 {
    match unit {
        Unit::Second => 1,
        Unit::Minute => 60,
        Unit::Hour => 3_600,
        Unit::Day => 86_400,
        Unit::Week => 604_800,
        Unit::Month => 2_592_000,
        Unit::Year => 31_536_000,
    }
}

/// So many units; none if that is more than a thousand years or no whole number of months.
fn of(count: f64, unit: Unit) -> Option<Length> {
    if !(0.0..=1e6).contains(&count) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1e6 times a unit"
    )]
    let whole = |value: f64| (value.fract() == 0.0 && value <= 4e10).then_some(value as u64);
    let months = match unit {
        Unit::Month => whole(count)?,
        Unit::Year => whole(count * 12.0)?,
        _ => 0,
    };
    #[expect(clippy::cast_precision_loss, reason = "below 1e6")]
    let length = if months > 0 { 0 } else { whole((count * seconds(unit) as f64).round())? };
    Some(Length { months: u32::try_from(months).ok().filter(|m| *m <= 12_000)?, seconds: length, unit })
}

fn iso(length: &Length) -> String {
    use std::fmt::Write;
    let mut out = "P".to_owned();
    let mut part = |value: u64, letter: &str| {
        if value > 0 {
            let _ = write!(out, "{value}{letter}");
        }
    };
    part(u64::from(length.months / 12), "Y");
    part(u64::from(length.months % 12), "M");
    part(length.seconds / 86_400, "D");
    let rest = length.seconds % 86_400;
    if rest > 0 {
        out.push('T');
    }
    let mut part = |value: u64, letter: &str| {
        if value > 0 {
            let _ = write!(out, "{value}{letter}");
        }
    };
    part(rest / 3_600, "H");
    part(rest % 3_600 / 60, "M");
    part(rest % 60, "S");
    if out == "P" { "PT0S".to_owned() } else { out }
}
