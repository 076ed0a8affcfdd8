//! `/v1/analytics/…`: figures by day, from the views that are refreshed every few minutes. They reach back 92 days.

use axum::{Json, extract::State, http::request::Parts, response::Response};
use botbuilder_store::analytics;
use chrono::{Datelike as _, Days, NaiveDate};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    csv,
    error::ApiError,
    input::{query_pairs, unknown},
    permission::{Area, read},
    routes::{Operation, Routes},
};

/// How many days are shown where nothing is said.
const USUAL: u64 = 30;
/// How far back the views reach, in days.
const REACH: u64 = 92;

/// A set of figures.
struct Figures {
    /// The last segment of its address.
    name: &'static str,
    /// What it has, in a line.
    text: &'static str,
    /// The view it comes from.
    view: &'static str,
    /// What it can be narrowed to.
    filters: &'static [&'static str],
    /// The columns that are shown; all where there are none.
    columns: &'static [&'static str],
}

const FIGURES: [Figures; 6] = [
    Figures {
        name: "bots",
        text: "traffic, hand-offs and satisfaction by bot and day",
        view: "bot_daily",
        filters: &["bot_id"],
        columns: &[],
    },
    Figures {
        name: "conversations",
        text: "conversations, hand-offs and satisfaction by bot and day",
        view: "bot_daily",
        filters: &["bot_id"],
        columns: &[
            "day",
            "bot_id",
            "conversations_opened",
            "conversations_closed",
            "handoffs",
            "median_first_response_seconds",
            "csat_average",
            "csat_count",
        ],
    },
    Figures {
        name: "channels",
        text: "delivery by channel, day and kind",
        view: "channel_delivery_daily",
        filters: &["channel_id"],
        columns: &[],
    },
    Figures {
        name: "nlu",
        text: "recognition by bot, intent and day",
        view: "nlu_intent_daily",
        filters: &["bot_id", "intent_id"],
        columns: &[],
    },
    Figures {
        name: "agents",
        text: "runs, tokens and cost by agent and day",
        view: "agent_cost_daily",
        filters: &["bot_id", "agent_id"],
        columns: &[],
    },
    Figures {
        name: "experiments",
        text: "subjects and sums by experiment and variant, on the day they last changed",
        view: "ab_test_summary",
        filters: &["ab_test_id"],
        columns: &[],
    },
];

/// The routes of the figures.
pub fn routes() -> Routes {
    let between = |operation: Operation| {
        let day = || json!({ "type": "string", "format": "date" });
        operation
            .with_query("from", day(), "the first day, in UTC; 30 days before the last if nothing is said")
            .with_query("to", day(), "the last day; today if nothing is said")
    };
    let narrowed = |operation: Operation, filters: &[&str]| {
        filters.iter().fold(between(operation), |operation, filter| {
            let schema = json!({ "type": "string", "format": "uuid" });
            operation.with_query(*filter, schema, "only this one")
        })
    };
    let routes = FIGURES.iter().fold(Routes::new(), |routes, figures| {
        let path = format!("/v1/analytics/{}", figures.name);
        let operation = Operation::get(path, read(Area::Analytics), figures.text)
            .gives(json!({ "type": "array", "items": { "type": "object" } }));
        routes.add(
            narrowed(operation, figures.filters),
            async move |State(api): State<Api>, caller: Caller, parts: Parts| {
                let asked = Asked::of(figures, query_pairs(&parts), api.clock.now().date_naive())?;
                Ok::<_, ApiError>(Json(json!({ "data": found(&api, &caller, figures, &asked).await? })))
            },
        )
    });
    let names: Vec<&str> = FIGURES.iter().map(|figures| figures.name).collect();
    let operation = Operation::get(
        "/v1/analytics/export",
        read(Area::Analytics),
        "one of the sets of figures, as a table",
    )
    .with_query("figures", json!({ "type": "string", "enum": names }), "which set")
    .produces("text/csv");
    routes.add(between(operation), export)
}

/// What is asked for.
struct Asked {
    from: NaiveDate,
    /// The day after the last.
    until: NaiveDate,
    filter: Value,
}

impl Asked {
    fn of(figures: &Figures, pairs: Vec<(String, String)>, today: NaiveDate) -> Result<Self, ApiError> {
        let (mut from, mut to, mut filter) = (None, None, Map::new());
        for (name, value) in pairs {
            let day = || {
                let day: Option<NaiveDate> = value.parse().ok();
                day.filter(|day| (1970..=9999).contains(&day.year()))
                    .ok_or_else(|| ApiError::invalid(name.clone(), "must be a day like 2026-11-22"))
            };
            match name.as_str() {
                "from" => from = Some(day()?),
                "to" => to = Some(day()?),
                known if figures.filters.contains(&known) => {
                    let id: Result<Uuid, _> = value.parse();
                    let id = id.map_err(|_| ApiError::invalid(name.clone(), "must be a UUID"))?;
                    filter.insert(name, json!(id));
                }
                other => {
                    let known = ["from", "to"].into_iter().chain(figures.filters.iter().copied());
                    let hint = unknown(other, known);
                    return Err(ApiError::invalid(name, hint));
                }
            }
        }
        let to = to.unwrap_or(today);
        let from = from.or_else(|| to.checked_sub_days(Days::new(USUAL)));
        let until = to.checked_add_days(Days::new(1));
        let (Some(from), Some(until)) = (from, until) else {
            return Err(ApiError::invalid("to", "is not a day of our time"));
        };
        let reach = from.checked_add_days(Days::new(REACH));
        if from > to || reach.is_none_or(|reach| to > reach) {
            return Err(ApiError::invalid("from", format!("must lie before to, and at most {REACH} days")));
        }
        Ok(Self { from, until, filter: Value::Object(filter) })
    }
}

async fn found(api: &Api, caller: &Caller, figures: &Figures, asked: &Asked) -> Result<Vec<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let mut rows = analytics::rows(&mut tx, figures.view, asked.from, asked.until, &asked.filter).await?;
    tx.commit().await?;
    if !figures.columns.is_empty() {
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.retain(|name, _| figures.columns.contains(&name.as_str()));
        }
    }
    Ok(rows)
}

async fn export(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Response, ApiError> {
    let (named, pairs): (Vec<_>, Vec<_>) =
        query_pairs(&parts).into_iter().partition(|(name, _)| name == "figures");
    let name = named.first().map(|(_, name)| name.as_str()).unwrap_or_default();
    let figures = FIGURES.iter().find(|figures| figures.name == name).ok_or_else(|| {
        let hint = unknown(name, FIGURES.iter().map(|figures| figures.name));
        ApiError::invalid("figures", hint)
    })?;
    let asked = Asked::of(figures, pairs, api.clock.now().date_naive())?;
    let rows = found(&api, &caller, figures, &asked).await?;
    // Every row of a view has the same columns; the day stands first.
    let mut columns: Vec<&str> = vec!["day"];
    if let Some(Value::Object(first)) = rows.first() {
        columns.extend(first.keys().map(String::as_str).filter(|column| *column != "day"));
    }
    Ok(csv::table(&format!("{name}.csv"), &columns, &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Result<Asked, ApiError> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::of(&FIGURES[0], pairs, NaiveDate::from_ymd_opt(2026, 11, 22).unwrap_or_default())
    }

    #[test]
    fn thirty_days_are_shown_where_nothing_is_said() {
        let usual = asked(&[]).unwrap();
        assert_eq!(
            (usual.from.to_string(), usual.until.to_string()),
            ("2026-10-23".into(), "2026-11-23".into())
        );
    }

    #[test]
    fn what_is_no_day_too_far_or_not_known_is_refused() {
        for pairs in [
            [("from", "yesterday"), ("to", "2026-11-22")],
            [("from", "2026-11-22"), ("to", "2026-11-21")],
            [("from", "2026-01-01"), ("to", "2026-11-21")],
            [("from", "2026-11-01"), ("channel_id", "5f1d2c3e-0000-7000-8000-000000000000")],
            [("from", "2026-11-01"), ("bot_id", "mine")],
            [("to", "+262142-12-31"), ("from", "2026-11-01")],
        ] {
            assert!(asked(&pairs).is_err(), "{pairs:?}");
        }
    }
}
