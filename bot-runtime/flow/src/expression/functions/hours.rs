//! Functions on working hours and holidays.

use chrono::{DateTime, Utc};

use super::{
    Call, Spec, Value,
    date::{instant, shown},
};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "closes_at",
        signature: "[instant]",
        arguments: (0, 1),
        about: "When the working hours end that now, or an instant, falls into; nothing outside of them.",
        examples: &[("format_time(closes_at())", "\"5:00 PM\""), ("closes_at(\"2026-03-07\")", "null")],
        run: |arguments, call| {
            let closing = at(arguments, call).and_then(|at| call.scope.moment.hours?.closing(at));
            Ok(shown(closing))
        },
    },
    Spec {
        name: "holiday",
        signature: "[day]",
        arguments: (0, 1),
        about: "The name of the holiday that today, or a day, is; nothing on other days.",
        examples: &[("holiday(\"2026-12-25\")", "\"Christmas\""), ("holiday()", "null")],
        run: |arguments, call| {
            let found = at(arguments, call).and_then(|at| call.scope.moment.hours?.holiday(at));
            Ok(found.map_or(Value::Null, |holiday| {
                Value::text(if holiday.name.is_empty() { "holiday" } else { &holiday.name })
            }))
        },
    },
    Spec {
        name: "is_open",
        signature: "[instant]",
        arguments: (0, 1),
        about: "Whether now, or an instant, falls into the working hours. False where the bot has none.",
        examples: &[("is_open()", "true"), ("is_open(\"2026-03-07 10:00\")", "false")],
        run: |arguments, call| {
            let open = at(arguments, call).and_then(|at| Some(call.scope.moment.hours?.is_open(at)));
            Ok(Value::Bool(open.unwrap_or(false)))
        },
    },
    Spec {
        name: "opens_at",
        signature: "[instant]",
        arguments: (0, 1),
        about: "The next instant from now, or from an instant on, that falls into the working hours.",
        examples: &[
            ("format_date(opens_at(\"2026-03-07 10:00\"), \"EEEE HH:mm\")", "\"Monday 09:00\""),
            ("opens_at() == now()", "true"),
        ],
        run: |arguments, call| {
            let opening = at(arguments, call).and_then(|at| call.scope.moment.hours?.next_opening(at));
            Ok(shown(opening))
        },
    },
];

fn at(arguments: &[Value], call: &Call<'_, '_>) -> Option<DateTime<Utc>> {
    if arguments.is_empty() { Some(call.scope.moment.now) } else { instant(arguments, 0, call) }
}
