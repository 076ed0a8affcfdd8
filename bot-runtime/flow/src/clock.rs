//! Time zones, and days and instants in texts.

use chrono::{
    DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeDelta, TimeZone as _, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Zone {
    /// So far ahead of UTC, all year.
    Fixed(FixedOffset),
    /// By its name in the time zone database, with summer time.
    Named(Tz),
}

impl Default for Zone {
    fn default() -> Self {
        Self::Named(Tz::UTC)
    }
}

impl Zone {
    /// The zone of that name, as `Europe/Berlin` or `UTC`.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self::Named)
    }

    /// The zone that is so many minutes ahead of UTC; none where that is more than a day.
    pub fn fixed(minutes: i32) -> Option<Self> {
        FixedOffset::east_opt(minutes.checked_mul(60)?).map(Self::Fixed)
    }

    /// The instant on this zone's clock.
    pub fn local(self, instant: DateTime<Utc>) -> NaiveDateTime {
        let utc = instant.naive_utc();
        let offset = TimeDelta::seconds(self.offset(instant).local_minus_utc().into());
        utc.checked_add_signed(offset).unwrap_or(utc)
    }

    /// The instant with this zone's offset, as `2026-01-31T10:30:00+01:00`.
    pub fn show(self, instant: DateTime<Utc>) -> String {
        instant.with_timezone(&self.offset(instant)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    /// The instant at which this zone's clock shows `local`: the first where it does twice, and the end of the gap
    /// where it never does.
    pub fn instant(self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let found = |local: &NaiveDateTime| match self {
            Self::Fixed(zone) => zone.from_local_datetime(local).earliest().map(|at| at.to_utc()),
            Self::Named(zone) => zone.from_local_datetime(local).earliest().map(|at| at.to_utc()),
        };
        // No clock was ever put forward by more than a day; the steps are those of real gaps.
        (0..=96).find_map(|quarters| found(&local.checked_add_signed(TimeDelta::minutes(15 * quarters))?))
    }

    fn offset(self, instant: DateTime<Utc>) -> FixedOffset {
        match self {
            Self::Fixed(offset) => offset,
            Self::Named(zone) => zone.offset_from_utc_datetime(&instant.naive_utc()).fix(),
        }
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fixed = || name.parse::<FixedOffset>().ok().map(Self::Fixed);
        Self::parse(&name).or_else(fixed).ok_or_else(|| format!("`{name}` is not a time zone"))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        match zone {
            Zone::Fixed(offset) => offset.to_string(),
            Zone::Named(zone) => zone.name().to_owned(),
        }
    }
}

/// A day, as `2026-01-31`.
pub(crate) fn parse_day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok().filter(|day| is_near(*day))
}

/// An instant: RFC 3339, or a day with or without a time on the zone's clock.
pub(crate) fn parse_instant(text: &str, zone: Zone) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc()).filter(|instant| is_near(instant.date_naive()));
    }
    let local = match text.split_once(['T', ' ']) {
        None => parse_day(text)?.and_time(NaiveTime::MIN),
        Some((day, time)) => parse_day(day)?.and_time(parse_time(time)?),
    };
    zone.instant(local)
}

/// A time of day, as `09:30` or `09:30:15`.
pub(crate) fn parse_time(text: &str) -> Option<NaiveTime> {
    let text = text.trim();
    NaiveTime::parse_from_str(text, "%H:%M").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S")).ok()
}

/// Years of four digits, so that days compare as text.
pub(crate) fn is_near(day: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (0..=9_999).contains(&day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn zones_follow_summer_time() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.show(at("2026-01-31T09:00:00Z")), "2026-01-31T10:00:00+01:00");
        assert_eq!(berlin.show(at("2026-07-31T09:00:00Z")), "2026-07-31T11:00:00+02:00");
        assert_eq!(Zone::fixed(-90).unwrap().show(at("2026-07-31T09:00:00Z")), "2026-07-31T07:30:00-01:30");
        assert_eq!(Zone::parse("Europe/Atlantis"), None);
        assert_eq!(Zone::fixed(1_441), None);
    }

    #[test]
    fn texts_become_instants() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        for (text, instant) in [
            ("2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z"),
            ("2026-01-31 10:00", "2026-01-31T09:00:00Z"),
            ("2026-07-31", "2026-07-30T22:00:00Z"),
            // The clock shows this twice, and then not at all.
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
            ("2026-03-29T02:30", "2026-03-29T01:00:00Z"),
        ] {
            assert_eq!(parse_instant(text, berlin), Some(at(instant)), "{text}");
        }
        for text in ["", "tomorrow", "2026-02-30", "2026-01-31T25:00", "+12026-01-01"] {
            assert_eq!(parse_instant(text, berlin), None, "{text}");
        }
    }

    #[test]
    fn a_zone_survives_json() {
        for zone in [Zone::default(), Zone::parse("America/New_York").unwrap(), Zone::fixed(330).unwrap()] {
            let json = serde_json::to_string(&zone).unwrap();
            assert_eq!(serde_json::from_str::<Zone>(&json).unwrap(), zone, "{json}");
        }
    }
}
