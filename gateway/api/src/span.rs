//! The time of which figures are asked for: `from` and `to` of a query.

use axum::http::request::Parts;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::{
    error::ApiError,
    input::{query_pairs, unknown},
    routes::Operation,
};

/// From one instant up to another, at most a year later.
pub(crate) struct Span {
    /// The first instant.
    pub(crate) from: DateTime<Utc>,
    /// The instant after the last.
    pub(crate) to: DateTime<Utc>,
}

/// Says that an operation takes [`Span`]s.
pub(crate) fn within_span(operation: Operation) -> Operation {
    let instant = || json!({ "type": "string", "format": "date-time" });
    operation.with_query("from", instant(), "the first instant; 30 days ago if nothing is said").with_query(
        "to",
        instant(),
        "the instant after the last; now if nothing is said",
    )
}

/// Reads what is asked for; `also` is the name of what may be asked beside the instants, which is the second answer.
pub(crate) fn asked(
    parts: &Parts,
    now: DateTime<Utc>,
    also: Option<&str>,
) -> Result<(Span, Option<String>), ApiError> {
    let (mut from, mut to, mut beside) = (None, None, None);
    for (name, value) in query_pairs(parts) {
        let instant = || {
            let read = DateTime::parse_from_rfc3339(&value).map(|at| at.to_utc());
            read.map_err(|_| {
                ApiError::invalid(name.clone(), "must be an instant, such as 2026-01-31T00:00:00Z")
            })
        };
        match name.as_str() {
            "from" => from = Some(instant()?),
            "to" => to = Some(instant()?),
            known if Some(known) == also => beside = Some(value),
            other => {
                let known = unknown(other, ["from", "to"].into_iter().chain(also));
                return Err(ApiError::invalid(other.to_owned(), known));
            }
        }
    }
    let to = to.unwrap_or(now);
    let from = from.unwrap_or(to - TimeDelta::days(30));
    if from >= to || to - from > TimeDelta::days(366) {
        return Err(ApiError::invalid("from", "must lie before to, and at most a year"));
    }
    Ok((Span { from, to }, beside))
}
