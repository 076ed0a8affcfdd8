//! Days: `tomorrow`, `next Friday`, `3 May`, `5/3/2026`, `in two weeks`. The value has `date` as `YYYY-MM-DD`,
//! and `also` where day and month could be meant the other way round. A day without a year is the next one.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use serde_json::{Value, json};

use super::number::whole;
use super::tokens::Kind;
use super::vocabulary::Unit;
use super::{Reader, Reading, lookup};

impl Reader<'_> {
    pub(super) fn date(&self, at: usize) -> Reading {
        self.named_day(at)
            .or_else(|| self.weekday(at))
            .or_else(|| self.in_figures(at))
            .or_else(|| self.day_and_month(at))
            .or_else(|| self.month_and_day(at))
            .or_else(|| self.relative(at))
    }

    fn today(&self) -> NaiveDate {
        self.now.date()
    }

    /// A phrase of the table at a token: its number and the token after it.
    fn phrase<T: Copy>(&self, table: &[(&str, T)], at: usize) -> Option<(T, usize)> {
        let matches =
            table.iter().filter_map(|(phrase, value)| Some((self.after_phrase(phrase, at)?, *value)));
        matches.max_by_key(|(next, _)| *next).map(|(next, value)| (value, next))
    }

    fn after_phrase(&self, phrase: &str, at: usize) -> Option<usize> {
        let mut next = at;
        for word in phrase.split(' ') {
            if self.word(next) != word {
                return None;
            }
            next += 1;
        }
        Some(next)
    }

    fn named_day(&self, at: usize) -> Reading {
        let (days, next) = self.phrase(self.words.days, at)?;
        // `mañana` after `de la`/`por la`, `Morgen` after `guten`, are the morning
        let morning = at > 0 && matches!(self.word(at - 1), "la" | "guten" | "schonen" | "am" | "jeden");
        if morning && matches!(self.word(at), "manana" | "morgen") {
            return None;
        }
        Some((next, date(shifted(self.today(), days)?)))
    }

    /// `Friday`, `next Friday`, `el viernes próximo`, `vendredi dernier`.
    fn weekday(&self, at: usize) -> Reading {
        let (next, last, this) = (self.words.next, self.words.last, self.words.this);
        let mut back = last.contains(&self.word(at));
        let ahead = next.contains(&self.word(at));
        let first = if back || ahead || this.contains(&self.word(at)) { at + 1 } else { at };
        let number = lookup(self.words.weekdays, self.word(first))?;
        let mut after = first + 1;
        if next.contains(&self.word(after)) && !self.words.month_first {
            after += 1;
        } else if last.contains(&self.word(after)) && !self.words.month_first {
            back = true;
            after += 1;
        }
        let day = Weekday::try_from(u8::try_from(number).ok()?).ok()?;
        let today = self.today().weekday();
        let distance = if back {
            -(today.days_since(day).max(1).cast_signed())
        } else {
            day.days_since(today).cast_signed()
        };
        // On a Friday, `Friday` is in a week.
        let distance = match distance {
            0 => 7,
            -1 if back && today == day => -7,
            other => other,
        };
        // `Friday, 3 May`: the date says it
        let comma = self.skip(after, &[",", "the", "der", "den", "el", "le"]);
        if let Some(reading) = self.day_and_month(comma).or_else(|| self.month_and_day(comma)) {
            return Some(reading);
        }
        Some((after, date(shifted(self.today(), i64::from(distance))?)))
    }

    /// `2026-05-03`, `03.05.2026`, `5/3/2026`, `3.5.`
    fn in_figures(&self, at: usize) -> Reading {
        let token = self.tokens.get(at).filter(|token| token.kind == Kind::Number)?;
        let mut parts: Vec<&str> = token.text.split('.').collect();
        let mut next = at + 1;
        if parts.len() == 1 {
            let sign = self.word(next);
            if !matches!(sign, "-" | "/") {
                return None;
            }
            while parts.len() < 3 && self.word(next) == sign && self.touches(next) && self.touches(next + 1) {
                let Some(token) = self.tokens.get(next + 1).filter(|token| token.kind == Kind::Number) else {
                    break;
                };
                parts.push(token.text);
                next += 2;
            }
        }
        if parts.iter().any(|part| part.len() > 4 || !part.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
        let dotted = token.text.contains('.');
        match (numbers.as_slice(), parts.as_slice()) {
            ([year, month, day], [first, ..]) if first.len() == 4 => {
                Some((next, date(NaiveDate::from_ymd_opt(year.cast_signed(), *month, *day)?)))
            }
            ([first, second, year], [_, _, last]) if matches!(last.len(), 2 | 4) => {
                let year = if last.len() == 2 { 2_000 + year } else { *year }.cast_signed();
                self.either_way(
                    *first,
                    *second,
                    dotted,
                    |month, day| NaiveDate::from_ymd_opt(year, month, day),
                    next,
                )
            }
            // `3.5.` is a date in German; `3.5` and `1/2` are numbers
            ([first, second], _)
                if dotted && self.word(next) == "." && self.touches(next) && !self.words.decimal_point =>
            {
                self.either_way(*first, *second, true, |month, day| self.coming(month, day), next + 1)
            }
            _ => None,
        }
    }

    fn either_way(
        &self,
        first: u32,
        second: u32,
        dotted: bool,
        make: impl Fn(u32, u32) -> Option<NaiveDate>,
        next: usize,
    ) -> Reading {
        let day_first = make(second, first);
        if dotted || !self.words.month_first {
            return Some((next, date(day_first?)));
        }
        let value = match (make(first, second), day_first) {
            (Some(month_first), Some(day_first)) if month_first != day_first => {
                json!({ "date": month_first.to_string(), "also": day_first.to_string() })
            }
            (Some(only), _) | (None, Some(only)) => date(only),
            (None, None) => return None,
        };
        Some((next, value))
    }

    /// `3 May 2026`, `the 3rd of May`, `3. Mai`, `3 de mayo de 2026`, `1er mai`.
    fn day_and_month(&self, at: usize) -> Reading {
        let at = self.skip(at, &["the"]);
        let token = self.tokens.get(at)?;
        let text = token.text.trim_end_matches('.');
        let day: u32 =
            if token.kind == Kind::Number && text.len() <= 2 { text.parse().ok()? } else { return None };
        let mut next = at + 1;
        if (self.words.ordinals.contains(&self.word(next)) || self.word(next) == ".") && self.touches(next) {
            next += 1;
        }
        next = self.skip(next, self.words.of);
        let month = lookup(self.words.months, self.word(next))?;
        let next = self.skip(next + 1, &["."]);
        self.with_year(month, day, next)
    }

    /// `May 3rd, 2026`
    fn month_and_day(&self, at: usize) -> Reading {
        if !self.words.month_first {
            return None;
        }
        let month = lookup(self.words.months, self.word(at))?;
        let first = self.skip(at + 1, &["."]);
        let first = self.skip(first, &["the"]);
        let day = whole(self.tokens.get(first)?, 2)?;
        let mut next = first + 1;
        if self.words.ordinals.contains(&self.word(next)) && self.touches(next) {
            next += 1;
        }
        self.with_year(month, day, next)
    }

    fn with_year(&self, month: u32, day: u32, next: usize) -> Reading {
        let after = self.skip(self.skip(next, self.words.of), &[","]);
        let year =
            self.tokens.get(after).filter(|token| token.text.len() == 4).and_then(|token| whole(token, 4));
        if let Some(year) = year.filter(|year| (1_900..=2_200).contains(year)) {
            return Some((after + 1, date(NaiveDate::from_ymd_opt(year.cast_signed(), month, day)?)));
        }
        Some((next, date(self.coming(month, day)?)))
    }

    /// The next such day, today included. 29 February may be some years away.
    fn coming(&self, month: u32, day: u32) -> Option<NaiveDate> {
        let year = self.today().year();
        let years = (year..=year + 8).filter_map(|year| NaiveDate::from_ymd_opt(year, month, day));
        years.into_iter().find(|date| *date >= self.today())
    }

    /// `in three days`, `three days ago`, `hace dos semanas`, `next week`.
    fn relative(&self, at: usize) -> Reading {
        let announce = |phrases: &[&str]| phrases.iter().find_map(|phrase| self.after_phrase(phrase, at));
        if let Some(first) = announce(self.words.ahead) {
            return self.moved(first, 1);
        }
        if let Some(first) = announce(self.words.ago_before) {
            return self.moved(first, -1);
        }
        let (forward, back) =
            (self.words.next.contains(&self.word(at)), self.words.last.contains(&self.word(at)));
        if forward || back {
            let unit = lookup(self.words.units, self.word(at + 1))?;
            return self.by_unit(unit, if forward { 1 } else { -1 }, at + 2);
        }
        let (next, _) = self.length(at)?;
        if self.words.ago.contains(&self.word(next)) {
            return self.moved(at, -1).map(|(next, value)| (next + 1, value));
        }
        None
    }

    fn by_unit(&self, unit: Unit, sign: i64, next: usize) -> Reading {
        let today = self.today();
        let day = match unit {
            Unit::Week => shifted(today, 7 * sign)?,
            Unit::Month => months(today, sign)?,
            Unit::Year => months(today, 12 * sign)?,
            Unit::Day | Unit::Hour | Unit::Minute | Unit::Second => return None,
        };
        let grain = match unit {
            Unit::Week => "week",
            Unit::Month => "month",
            _ => "year",
        };
        Some((next, json!({ "date": day.to_string(), "grain": grain })))
    }

    /// A length of days or more from today.
    fn moved(&self, at: usize, sign: i64) -> Reading {
        let (next, length) = self.length(at)?;
        if !matches!(length.unit, Unit::Day | Unit::Week | Unit::Month | Unit::Year) {
            return None;
        }
        let moved = months(self.today(), sign * i64::from(length.months))?;
        let days = i64::try_from(length.seconds / 86_400).ok()?;
        Some((next, date(shifted(moved, sign * days)?)))
    }
}

fn shifted(from: NaiveDate, days: i64) -> Option<NaiveDate> {
    let by = Days::new(days.unsigned_abs());
    if days >= 0 { from.checked_add_days(by) } else { from.checked_sub_days(by) }
}

fn months(from: NaiveDate, count: i64) -> Option<NaiveDate> {
    let by = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
    if count >= 0 { from.checked_add_months(by) } else { from.checked_sub_months(by) }
}

fn date(day: NaiveDate) -> Value {
    json!({ "date": day.to_string() })
}
