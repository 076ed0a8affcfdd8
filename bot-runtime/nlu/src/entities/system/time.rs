//! Times of day: `7:30 pm`, `19 Uhr`, `half past seven`, `noon`. The value has `time` as `HH:MM`, and `also`
//! where the same words are usual for the other half of the day.

use serde_json::{Value, json};

use super::number::whole;
use super::tokens::Kind;
use super::{Reader, Reading, lookup};

const HALF_DAY: u32 = 720;

impl Reader<'_> {
    pub(super) fn time(&self, at: usize) -> Reading {
        let first = self.skip(at, self.words.at);
        let announced = first > at;
        if let Some(minutes) = lookup(self.words.hours, self.word(first)) {
            return Some((first + 1, value(minutes, false)));
        }
        if let Some(reading) = self.spoken(first) {
            return Some(reading);
        }
        let (hour, mut next, in_digits) = self.hour(first)?;
        let minutes = self.minutes(next);
        let mut minute = 0;
        if let Some((found, after)) = minutes {
            minute = found;
            next = after;
        }
        if let Some((afternoon, after)) = self.half_of_day(next) {
            if !(1..=12).contains(&hour) {
                return None;
            }
            let hour = hour % 12 + if afternoon { 12 } else { 0 };
            return Some((after, value(hour * 60 + minute, false)));
        }
        let mut clock = false;
        let touching_h = self.word(next) == "h" && minutes.is_none();
        if self.words.oclock.contains(&self.word(next)) && (minutes.is_none() || !touching_h) {
            // `deux heures` alone is how long; `à deux heures` is when
            clock = announced || matches!(self.word(next), "uhr" | "oclock");
            next += 1;
            // `19 Uhr 30`, `19h30`
            let more = self.tokens.get(next).and_then(|token| whole(token, 2)).filter(|more| *more < 60);
            if let Some(more) = more.filter(|_| minutes.is_none()) {
                minute = more;
                next += 1;
            }
        } else if self.word(next) == "o" && self.word(next + 2) == "clock" {
            clock = true;
            next += 3;
        }
        let evening =
            self.half_of_day(next).filter(|_| (1..=12).contains(&hour) && (clock || minutes.is_none()));
        if let Some((afternoon, after)) = evening {
            let hour = hour % 12 + if afternoon { 12 } else { 0 };
            return Some((after, value(hour * 60 + minute, false)));
        }
        let sure = minutes.is_some() || clock || (announced && in_digits && self.nothing_counted(next));
        if !sure || hour > 23 {
            return None;
        }
        let ambiguous = self.words.twelve_hours && (1..=12).contains(&hour) && !self.leading_zero(first);
        Some((next, value(hour * 60 + minute, ambiguous)))
    }

    fn hour(&self, at: usize) -> Option<(u32, usize, bool)> {
        let token = self.tokens.get(at)?;
        if token.kind == Kind::Number {
            // `7.30 pm`, `19.30 Uhr` are read as one token
            let (hour, minute) = token.text.split_once('.').unwrap_or((token.text, ""));
            if !minute.is_empty() {
                return None;
            }
            return hour
                .parse()
                .ok()
                .filter(|hour| *hour <= 24 && token.text.len() <= 2)
                .map(|hour: u32| (hour % 24, at + 1, true));
        }
        // `seven o'clock`, `seven pm`
        let hour = lookup(self.words.small, self.word(at)).filter(|hour| (1..=12).contains(hour))?;
        Some((hour, at + 1, false))
    }

    /// `:30`
    fn minutes(&self, at: usize) -> Option<(u32, usize)> {
        let colon = self.word(at) == ":" && self.touches(at) && self.touches(at + 1);
        let token = self.tokens.get(at + 1).filter(|_| colon)?;
        let minute = whole(token, 2).filter(|minute| *minute < 60 && token.text.len() == 2)?;
        Some((minute, at + 2))
    }

    /// `pm`, `a.m.`, and the parts of the day in other languages.
    fn half_of_day(&self, at: usize) -> Option<(bool, usize)> {
        let afternoon = match self.word(at) {
            "am" if self.words.month_first => false,
            "pm" => true,
            "a" | "p" if self.word(at + 1) == "." && self.word(at + 2) == "m" => {
                let end = if self.word(at + 3) == "." { at + 4 } else { at + 3 };
                return Some((self.word(at) == "p", end));
            }
            "de" if self.word(at + 1) == "la" => match self.word(at + 2) {
                "manana" => return Some((false, at + 3)),
                "tarde" | "noche" => return Some((true, at + 3)),
                _ => return None,
            },
            "du" if self.word(at + 1) == "matin" => return Some((false, at + 2)),
            "du" if self.word(at + 1) == "soir" => return Some((true, at + 2)),
            "in" if self.word(at + 1) == "the" => match self.word(at + 2) {
                "morning" => return Some((false, at + 3)),
                "afternoon" | "evening" => return Some((true, at + 3)),
                _ => return None,
            },
            _ => return None,
        };
        Some((afternoon, at + 1))
    }

    /// `half past seven`, `quarter to eight`, `halb acht`.
    fn spoken(&self, at: usize) -> Reading {
        let ambiguous = true;
        if self.words.month_first {
            let at = self.skip(at, &["a"]);
            let minutes = match self.word(at) {
                "half" => 30,
                "quarter" => 15,
                _ => return None,
            };
            let hour = self.spoken_hour(at + 2)?;
            let total = match self.word(at + 1) {
                "past" => hour * 60 + minutes,
                "to" if minutes == 15 => (hour * 60 + HALF_DAY - 15) % HALF_DAY,
                _ => return None,
            };
            let next = at + 3;
            if let Some((afternoon, after)) = self.half_of_day(next) {
                return Some((after, value(total % HALF_DAY + if afternoon { HALF_DAY } else { 0 }, false)));
            }
            return Some((next, value(total, ambiguous)));
        }
        if self.words.oclock.contains(&"uhr") {
            let hour = |offset: usize| self.spoken_hour(at + offset);
            return match self.word(at) {
                "halb" => Some((at + 2, value((hour(1)? * 60 + HALF_DAY - 30) % HALF_DAY, ambiguous))),
                "viertel" if self.word(at + 1) == "nach" => {
                    Some((at + 3, value(hour(2)? * 60 + 15, ambiguous)))
                }
                "viertel" if self.word(at + 1) == "vor" => {
                    Some((at + 3, value((hour(2)? * 60 + HALF_DAY - 15) % HALF_DAY, ambiguous)))
                }
                _ => None,
            };
        }
        None
    }

    fn spoken_hour(&self, at: usize) -> Option<u32> {
        let token = self.tokens.get(at)?;
        whole(token, 2)
            .or_else(|| lookup(self.words.small, self.word(at)))
            .filter(|hour| (1..=12).contains(hour))
    }

    /// `at 7` is a time, `at 7 stores` is not.
    fn nothing_counted(&self, next: usize) -> bool {
        let day = |word: &str| {
            lookup(self.words.weekdays, word).is_some()
                || lookup(self.words.days, word).is_some()
                || self.words.this.contains(&word)
        };
        let word = self.word(next);
        self.tokens.get(next).is_none_or(|token| {
            token.kind == Kind::Sign && !matches!(token.text, "%" | "°" | "/" | "€" | "$")
        }) || self.words.and.contains(&word)
            || matches!(word, "for" | "please" | "fur" | "bitte" | "para" | "pour" | "por" | "s")
            || day(word)
    }

    fn leading_zero(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text.len() == 2 && token.text.starts_with('0'))
    }
}

fn value(minutes: u32, ambiguous: bool) -> Value {
    let text = |minutes: u32| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    if ambiguous {
        return json!({ "time": text(minutes), "also": text(minutes + HALF_DAY) });
    }
    json!({ "time": text(minutes) })
}
