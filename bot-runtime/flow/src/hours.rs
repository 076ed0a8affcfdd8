//! Working hours and holidays: `business_hours` in the settings of an organization, or of a bot.
//!
//! ```json
//! {"time_zone": "Europe/Berlin",
//!  "weekly": {"monday": [["09:00", "12:30"], ["13:30", "18:00"]], "friday": [["22:00", "02:00"]]},
//!  "holidays": [{"date": "12-25"}, {"date": "2026-12-24", "name": "Christmas Eve", "hours": [["09:00", "12:00"]]}]}
//! ```
//!
//! A weekday that is not there is closed. Hours that end before they begin go on past midnight; `24:00` is the end of
//! the day. A holiday without a year comes every year; its own hours stand in for those of its weekday.

use chrono::{
    DateTime, Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _, Utc,
};
use serde::{Deserialize, Serialize};

use crate::clock::{Zone, parse_day};

/// How many days ahead an opening is looked for.
const DAYS_AHEAD: u64 = 366;
const DAY_MINUTES: u32 = 24 * 60;

/// When somebody works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusinessHours {
    /// The clock of the hours; UTC where it is not given.
    pub time_zone: Zone,
    /// The hours of each weekday.
    pub weekly: Week,
    /// Days with hours of their own.
    pub holidays: Vec<Holiday>,
}

/// The hours of each weekday.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the days of the week")]
pub struct Week {
    pub monday: Vec<Span>,
    pub tuesday: Vec<Span>,
    pub wednesday: Vec<Span>,
    pub thursday: Vec<Span>,
    pub friday: Vec<Span>,
    pub saturday: Vec<Span>,
    pub sunday: Vec<Span>,
}

/// A day with hours of its own; closed where it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// `2026-12-25`, or `12-25` for every year.
    pub date: HolidayDate,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// When it is open all the same.
    #[serde(default)]
    pub hours: Vec<Span>,
}

/// The day of a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HolidayDate {
    /// One day.
    Once(NaiveDate),
    /// The day of this month, every year.
    Yearly {
        /// From 1.
        month: u32,
        /// From 1.
        day: u32,
    },
}

/// From a minute of the day to another; past midnight where the second is not after the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[String; 2]", into = "[String; 2]")]
pub struct Span {
    from: u32,
    to: u32,
}

impl BusinessHours {
    /// Whether somebody works at that instant.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        self.closing(at).is_some()
    }

    /// The holiday of the day on which the instant falls.
    pub fn holiday(&self, at: DateTime<Utc>) -> Option<&Holiday> {
        self.holiday_of(self.time_zone.local(at).date())
    }

    /// When the hours end that the instant falls into; none where it falls into none.
    pub fn closing(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = self.time_zone.local(at);
        let days = [local.date().pred_opt(), Some(local.date())];
        let spans = days.into_iter().flatten().flat_map(|day| self.spans(day));
        spans
            .filter(|(from, to)| *from <= local && local < *to)
            .map(|(_, to)| to)
            .max()
            .and_then(|to| self.time_zone.instant(to))
    }

    /// The first instant from `at` on at which somebody works: `at` itself where it is open. None within a year.
    pub fn next_opening(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.is_open(at) {
            return Some(at);
        }
        let local = self.time_zone.local(at);
        (0..=DAYS_AHEAD).find_map(|ahead| {
            let day = local.date().checked_add_days(Days::new(ahead))?;
            let begin = self.spans(day).map(|(from, _)| from).filter(|from| *from > local).min()?;
            self.time_zone.instant(begin)
        })
    }

    /// The hours that begin on a day.
    fn spans(&self, day: NaiveDate) -> impl Iterator<Item = (NaiveDateTime, NaiveDateTime)> + '_ {
        let hours = self.holiday_of(day).map_or_else(|| self.weekly.of(day), |holiday| &holiday.hours);
        hours.iter().filter_map(move |span| {
            let end = if span.to > span.from { span.to } else { span.to + DAY_MINUTES };
            let midnight = day.and_time(NaiveTime::MIN);
            let at = |minute: u32| midnight.checked_add_signed(TimeDelta::minutes(minute.into()));
            Some((at(span.from)?, at(end)?))
        })
    }

    fn holiday_of(&self, date: NaiveDate) -> Option<&Holiday> {
        let falls_on = |holiday: &&Holiday| match holiday.date {
            HolidayDate::Once(day) => day == date,
            HolidayDate::Yearly { month, day } => (month, day) == (date.month(), date.day()),
        };
        // A holiday of one year knows more than one of every year.
        let once = |holiday: &&Holiday| matches!(holiday.date, HolidayDate::Once(_));
        let mut found = self.holidays.iter().filter(falls_on);
        found.clone().find(once).or_else(|| found.next())
    }
}

impl Week {
    fn of(&self, day: NaiveDate) -> &[Span] {
        use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
        match day.weekday() {
            Mon => &self.monday,
            Tue => &self.tuesday,
            Wed => &self.wednesday,
            Thu => &self.thursday,
            Fri => &self.friday,
            Sat => &self.saturday,
            Sun => &self.sunday,
        }
    }
}

impl TryFrom<[String; 2]> for Span {
    type Error = String;

    fn try_from([from, to]: [String; 2]) -> Result<Self, String> {
        let minute = |text: &str| match text {
            "24:00" => Ok(DAY_MINUTES),
            _ => NaiveTime::parse_from_str(text, "%H:%M")
                .map(|time| time.num_seconds_from_midnight() / 60)
                .map_err(|_| format!("`{text}` is not a time of day")),
        };
        let span = Self { from: minute(&from)?, to: minute(&to)? };
        if span.from < DAY_MINUTES { Ok(span) } else { Err("hours cannot begin at 24:00".to_owned()) }
    }
}

impl From<Span> for [String; 2] {
    fn from(span: Span) -> Self {
        [span.from, span.to].map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60))
    }
}

impl TryFrom<String> for HolidayDate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(day) = parse_day(&text) {
            return Ok(Self::Once(day));
        }
        // A leap year, so that the 29th of February can be one.
        parse_day(&format!("2024-{text}"))
            .map(|day| Self::Yearly { month: day.month(), day: day.day() })
            .ok_or_else(|| format!("`{text}` is neither a day nor a day of every year"))
    }
}

impl From<HolidayDate> for String {
    fn from(date: HolidayDate) -> Self {
        match date {
            HolidayDate::Once(day) => day.format("%Y-%m-%d").to_string(),
            HolidayDate::Yearly { month, day } => format!("{month:02}-{day:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hours() -> BusinessHours {
        serde_json::from_value(json!({
            "time_zone": "Europe/Berlin",
            "weekly": {
                "monday": [["09:00", "12:30"], ["13:30", "18:00"]],
                "friday": [["22:00", "02:00"]],
                "sunday": [["00:00", "24:00"]],
            },
            "holidays": [
                { "date": "05-01", "name": "Labour Day" },
                { "date": "2026-12-28", "name": "Inventory", "hours": [["15:00", "16:00"]] },
            ],
        }))
        .unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        crate::clock::parse_instant(text, hours().time_zone).unwrap()
    }

    #[test]
    fn it_is_open_within_hours_and_past_midnight() {
        for (text, open) in [
            ("2026-03-02 08:59", false),
            ("2026-03-02 09:00", true),
            ("2026-03-02 12:30", false),
            ("2026-03-02 17:59", true),
            ("2026-03-03 10:00", false),
            ("2026-03-06 23:00", true),
            ("2026-03-07 01:59", true),
            ("2026-03-07 02:00", false),
            ("2026-03-08 23:59", true),
        ] {
            assert_eq!(hours().is_open(at(text)), open, "{text}");
        }
    }

    #[test]
    fn holidays_stand_in_for_the_weekday() {
        // The first of May 2026 is a Friday, the 28th of December a Monday.
        assert!(!hours().is_open(at("2026-05-01 23:00")));
        assert_eq!(hours().holiday(at("2026-05-01 23:00")).unwrap().name, "Labour Day");
        assert!(!hours().is_open(at("2026-12-28 10:00")));
        assert!(hours().is_open(at("2026-12-28 15:30")));
        assert_eq!(hours().holiday(at("2026-05-02 00:00")), None);
    }

    #[test]
    fn openings_and_closings_are_found() {
        assert_eq!(hours().next_opening(at("2026-03-02 12:45")), Some(at("2026-03-02 13:30")));
        assert_eq!(hours().next_opening(at("2026-03-02 10:00")), Some(at("2026-03-02 10:00")));
        assert_eq!(hours().next_opening(at("2026-03-03 10:00")), Some(at("2026-03-06 22:00")));
        assert_eq!(hours().closing(at("2026-03-06 23:00")), Some(at("2026-03-07 02:00")));
        assert_eq!(hours().closing(at("2026-03-03 10:00")), None);
        assert_eq!(BusinessHours::default().next_opening(at("2026-03-03 10:00")), None);
    }

    #[test]
    fn what_cannot_be_hours_is_refused_and_the_rest_survives_json() {
        for wrong in [
            json!({ "weekly": { "monday": [["9", "12"]] } }),
            json!({ "weekly": { "monday": [["24:00", "12:00"]] } }),
            json!({ "weekly": { "someday": [] } }),
            json!({ "time_zone": "Mars/Base" }),
            json!({ "holidays": [{ "date": "13-01" }] }),
        ] {
            assert!(serde_json::from_value::<BusinessHours>(wrong.clone()).is_err(), "{wrong}");
        }
        let written = serde_json::to_value(hours()).unwrap();
        assert_eq!(serde_json::from_value::<BusinessHours>(written).unwrap(), hours());
    }
}
