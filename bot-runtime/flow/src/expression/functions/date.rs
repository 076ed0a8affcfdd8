//! Functions on days and times.
//!
//! A day is text as `2026-03-04`, an instant text as `2026-03-04T08:05:00Z` or with another offset. Where a function
//! takes an instant it also takes a day, which begins at midnight on the flow's clock, and a text such as
//! `2026-03-04 09:05` on that clock.

use chrono::{
    DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _, Utc,
};

use super::{Call, Spec, Value, argument, number::locale, number_of, text_of};
use crate::{
    clock::{Zone, is_near, parse_day, parse_instant},
    reading,
};

/// Furthest that a day or an instant is moved, in days.
const DAYS_MAX: f64 = 3_700_000.0;

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "add_days",
        signature: "day, days",
        arguments: (2, 2),
        about: "The day so many days later, or earlier where the number is negative. An instant keeps its time of day \
                on the flow's clock.",
        examples: &[
            ("add_days(\"2026-02-27\", 3)", "\"2026-03-02\""),
            ("add_days(date(), -1)", "\"2026-03-03\""),
        ],
        run: |arguments, call| {
            Ok(moved(arguments, call, |local, days| local.checked_add_signed(TimeDelta::days(days))))
        },
    },
    Spec {
        name: "add_minutes",
        signature: "instant, minutes",
        arguments: (2, 2),
        about: "The instant so many minutes later.",
        examples: &[("add_minutes(now(), 90)", "\"2026-03-04T09:35:00Z\"")],
        run: |arguments, call| {
            let minutes = number_of(arguments, 1).filter(|minutes| minutes.abs() <= DAYS_MAX * 1_440.0);
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            let later = minutes.zip(instant(arguments, 0, call)).and_then(|(minutes, at)| {
                at.checked_add_signed(TimeDelta::seconds((minutes * 60.0).round() as i64))
            });
            Ok(shown(later))
        },
    },
    Spec {
        name: "add_months",
        signature: "day, months",
        arguments: (2, 2),
        about: "The same day so many months later, or the last day of a month that is too short for it.",
        examples: &[
            ("add_months(\"2026-01-31\", 1)", "\"2026-02-28\""),
            ("add_months(\"2026-03-31\", -1)", "\"2026-02-28\""),
        ],
        run: |arguments, call| {
            Ok(moved(arguments, call, |local, months| {
                let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
                if months < 0 { local.checked_sub_months(count) } else { local.checked_add_months(count) }
            }))
        },
    },
    Spec {
        name: "date",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "Today, or the day of an instant, on the flow's clock or on that of a time zone.",
        examples: &[
            ("date()", "\"2026-03-04\""),
            ("date(\"2026-03-04T23:30:00Z\")", "\"2026-03-05\""),
            ("date(now(), \"Pacific/Auckland\")", "\"2026-03-04\""),
        ],
        run: |arguments, call| {
            Ok(part(arguments, call, |local| Value::text(local.format("%Y-%m-%d").to_string())))
        },
    },
    Spec {
        name: "day",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The day of the month.",
        examples: &[("day()", "4")],
        run: |arguments, call| Ok(part(arguments, call, |local| Value::Number(local.day().into()))),
    },
    Spec {
        name: "days_between",
        signature: "from, to",
        arguments: (2, 2),
        about: "How many days later the second day is; negative where it is earlier.",
        examples: &[
            ("days_between(\"2026-03-04\", \"2026-12-25\")", "296"),
            ("days_between(date(), now())", "0"),
        ],
        run: |arguments, call| {
            let days = local_day(arguments, 0, call).zip(local_day(arguments, 1, call));
            let between = days.map(|(from, to)| to.signed_duration_since(from).num_days());
            Ok(between
                .and_then(|days| i32::try_from(days).ok())
                .map_or(Value::Null, |days| Value::Number(days.into())))
        },
    },
    Spec {
        name: "format_date",
        signature: "day, [style], [language]",
        arguments: (1, 3),
        about: "The day as people write it in the contact's language: `short`, `long` (the default) or `full`, or by \
                a pattern of `yyyy`, `yy`, `MMMM`, `MM`, `M`, `dd`, `d`, `EEEE`, `HH`, `H`, `hh`, `h`, `mm`, `ss`, \
                `a`, and text between single quotes.",
        examples: &[
            ("format_date(\"2026-03-04\")", "\"March 4, 2026\""),
            ("format_date(\"2026-03-04\", \"full\", \"de\")", "\"Mittwoch, 4. März 2026\""),
            ("format_date(now(), \"d.M. HH:mm\")", "\"4.3. 09:05\""),
        ],
        run: |arguments, call| {
            let locale = locale(arguments, 2, call.scope.locale());
            let style = if arguments.len() > 1 { text_of(arguments, 1) } else { "long".into() };
            let local = local(arguments, 0, call);
            Ok(local.and_then(|local| locale.date(local, &style)).map_or(Value::Null, Value::text))
        },
    },
    Spec {
        name: "format_time",
        signature: "[instant], [language]",
        arguments: (0, 2),
        about: "The time of day as people write it in the contact's language.",
        examples: &[
            ("format_time()", "\"9:05 AM\""),
            ("format_time(\"2026-03-04 14:30\", \"fr\")", "\"14:30\""),
        ],
        run: |arguments, call| {
            let locale = locale(arguments, 1, call.scope.locale());
            let local = moment_or(arguments, call);
            Ok(local.map_or(Value::Null, |local| Value::text(locale.time(local))))
        },
    },
    Spec {
        name: "hour",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The hour, from 0 to 23.",
        examples: &[("hour()", "9"), ("hour(now(), \"America/New_York\")", "3")],
        run: |arguments, call| Ok(part(arguments, call, |local| Value::Number(local.hour().into()))),
    },
    Spec {
        name: "in_zone",
        signature: "instant, zone",
        arguments: (2, 2),
        about: "The instant with the offset of a time zone.",
        examples: &[("in_zone(now(), \"Asia/Tokyo\")", "\"2026-03-04T17:05:00+09:00\"")],
        run: |arguments, call| {
            let zone = Zone::parse(&text_of(arguments, 1));
            let shown = zone.zip(instant(arguments, 0, call)).map(|(zone, at)| zone.show(at));
            Ok(shown.map_or(Value::Null, Value::text))
        },
    },
    Spec {
        name: "minute",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The minute, from 0 to 59.",
        examples: &[("minute()", "5")],
        run: |arguments, call| Ok(part(arguments, call, |local| Value::Number(local.minute().into()))),
    },
    Spec {
        name: "minutes_between",
        signature: "from, to",
        arguments: (2, 2),
        about: "How many whole minutes later the second instant is.",
        examples: &[("minutes_between(now(), \"2026-03-04 10:00\")", "55")],
        run: |arguments, call| {
            let instants = instant(arguments, 0, call).zip(instant(arguments, 1, call));
            let minutes = instants.map(|(from, to)| (to - from).num_minutes());
            #[expect(clippy::cast_precision_loss, reason = "years have four digits")]
            Ok(minutes.map_or(Value::Null, |minutes| Value::Number(minutes as f64)))
        },
    },
    Spec {
        name: "month",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The month, from 1 to 12.",
        examples: &[("month(\"2026-12-24\")", "12")],
        run: |arguments, call| Ok(part(arguments, call, |local| Value::Number(local.month().into()))),
    },
    Spec {
        name: "now",
        signature: "",
        arguments: (0, 0),
        about: "The instant at which the turn began.",
        examples: &[("now()", "\"2026-03-04T08:05:00Z\"")],
        run: |_, call| Ok(shown(Some(call.scope.moment.now))),
    },
    Spec {
        name: "parse_date",
        signature: "text",
        arguments: (1, 1),
        about: "The day that a text names: year first with dashes, or day first with dots or slashes.",
        examples: &[("parse_date(\"4.3.2026\")", "\"2026-03-04\""), ("parse_date(\"soon\")", "null")],
        run: |arguments, _| Ok(reading::date(text_of(arguments, 0).trim()).map_or(Value::Null, Value::text)),
    },
    Spec {
        name: "start_of",
        signature: "unit, [day]",
        arguments: (1, 2),
        about: "The first day of the `week` (a Monday), `month`, `quarter` or `year` that today, or a day, is in.",
        examples: &[
            ("start_of(\"week\")", "\"2026-03-02\""),
            ("add_days(add_months(start_of(\"month\", \"2026-02-10\"), 1), -1)", "\"2026-02-28\""),
            ("start_of(\"quarter\", \"2026-12-24\")", "\"2026-10-01\""),
        ],
        run: |arguments, call| {
            let day = match arguments {
                [_, _] => local_day(arguments, 1, call),
                _ => moment_or(&[], call).map(|local| local.date()),
            };
            let start = day.and_then(|day| match &*text_of(arguments, 0) {
                "week" => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
                "month" => day.with_day(1),
                "quarter" => day.with_day(1)?.with_month0(day.month0() / 3 * 3),
                "year" => day.with_day(1)?.with_month0(0),
                _ => None,
            });
            let start = start.filter(|day| is_near(*day));
            Ok(start.map_or(Value::Null, |day| Value::text(day.format("%Y-%m-%d").to_string())))
        },
    },
    Spec {
        name: "time",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The time of day, as `14:30`.",
        examples: &[("time()", "\"09:05\""), ("time(now(), \"UTC\")", "\"08:05\"")],
        run: |arguments, call| {
            Ok(part(arguments, call, |local| Value::text(local.format("%H:%M").to_string())))
        },
    },
    Spec {
        name: "week",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The week of the year, from 1 to 53, as ISO 8601 counts them.",
        examples: &[("week()", "10"), ("week(\"2027-01-01\")", "53")],
        run: |arguments, call| {
            Ok(part(arguments, call, |local| Value::Number(local.iso_week().week().into())))
        },
    },
    Spec {
        name: "weekday",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The day of the week; Monday is 1 and Sunday 7.",
        examples: &[("weekday()", "3"), ("weekday(\"2026-03-08\")", "7")],
        run: |arguments, call| {
            Ok(part(arguments, call, |local| Value::Number(local.weekday().number_from_monday().into())))
        },
    },
    Spec {
        name: "year",
        signature: "[instant], [zone]",
        arguments: (0, 2),
        about: "The year.",
        examples: &[("year()", "2026")],
        run: |arguments, call| Ok(part(arguments, call, |local| Value::Number(local.year().into()))),
    },
];

/// The instant that an argument names.
pub(super) fn instant(arguments: &[Value], index: usize, call: &Call<'_, '_>) -> Option<DateTime<Utc>> {
    parse_instant(argument(arguments, index).as_text()?, call.scope.moment.zone)
}

/// An instant as text, if its year has four digits.
pub(super) fn shown(at: Option<DateTime<Utc>>) -> Value {
    let at = at.filter(|at| is_near(at.date_naive()));
    at.map_or(Value::Null, |at| Value::text(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)))
}

fn local(arguments: &[Value], index: usize, call: &Call<'_, '_>) -> Option<NaiveDateTime> {
    instant(arguments, index, call).map(|at| call.scope.moment.zone.local(at))
}

fn local_day(arguments: &[Value], index: usize, call: &Call<'_, '_>) -> Option<NaiveDate> {
    local(arguments, index, call).map(|local| local.date())
}

/// The instant that the first argument names, or now, on the flow's clock.
fn moment_or(arguments: &[Value], call: &Call<'_, '_>) -> Option<NaiveDateTime> {
    if arguments.is_empty() { Some(call.scope.moment.local()) } else { local(arguments, 0, call) }
}

/// A part of the instant that the first argument names, or of now, on the flow's clock or on that of the second.
fn part(arguments: &[Value], call: &Call<'_, '_>, of: impl Fn(NaiveDateTime) -> Value) -> Value {
    let local = match arguments {
        [_, zone] => {
            let zone = zone.as_text().and_then(Zone::parse);
            zone.zip(instant(arguments, 0, call)).map(|(zone, at)| zone.local(at))
        }
        _ => moment_or(arguments, call),
    };
    local.map_or(Value::Null, of)
}

/// A day or an instant moved on the flow's clock by a whole number of something; a day stays a day.
fn moved(
    arguments: &[Value],
    call: &Call<'_, '_>,
    by: impl Fn(NaiveDateTime, i64) -> Option<NaiveDateTime>,
) -> Value {
    let number = number_of(arguments, 1).filter(|number| number.fract() == 0.0 && number.abs() <= DAYS_MAX);
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    let Some(number) = number.map(|number| number as i64) else { return Value::Null };
    if let Some(day) = argument(arguments, 0).as_text().and_then(parse_day) {
        let later = by(day.and_time(chrono::NaiveTime::MIN), number).map(|local| local.date());
        let later = later.filter(|day| is_near(*day));
        return later.map_or(Value::Null, |day| Value::text(day.format("%Y-%m-%d").to_string()));
    }
    let later = local(arguments, 0, call).and_then(|local| by(local, number));
    shown(later.and_then(|local| call.scope.moment.zone.instant(local)))
}
