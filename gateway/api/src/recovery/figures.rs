//! `/v1/recovery/analytics/…`: the figures of the days, summed up.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::request::Parts, response::Response};
use botbuilder_store::{
    recovery::recovery_analytics::TABLE,
    table::rows::{self, Condition, Query, Test},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    csv,
    error::ApiError,
    permission::{Area, read},
    resource::act::fields,
    routes::{Operation, Routes},
    span::{Span, asked, within_span},
};

/// Most rows that are summed up: a year of a few dozen campaigns.
const MOST: i64 = 20_000;
/// What is counted of a day.
const COUNTED: [&str; 14] = [
    "events_detected",
    "enrolled",
    "holdout",
    "messages_sent",
    "messages_delivered",
    "messages_opened",
    "messages_clicked",
    "recovered_full",
    "recovered_partial",
    "holdout_recovered",
    "value_at_risk",
    "value_recovered",
    "incentive_cost",
    "message_cost",
];

/// The routes of the figures.
pub fn routes() -> Routes {
    let get = |name: &str, text: &str| {
        let path = format!("/v1/recovery/analytics/{name}");
        within_span(Operation::get(path, read(Area::Recovery), text)).with_query(
            "campaign_id",
            json!({ "type": "string", "format": "uuid" }),
            "only this campaign",
        )
    };
    let many = || json!({ "type": "array", "items": { "type": "object" } });
    Routes::new()
        .add(get("summary", "the sums of each currency").gives(many()), summary)
        .add(get("timeline", "each day and currency").gives(many()), timeline)
        .add(get("channels", "the sums of each currency by channel").gives(many()), channels)
        .add(
            get("incremental", "what came back beyond what comes back without a campaign, by currency")
                .gives(many()),
            incremental,
        )
        .add(get("export", "each day and currency, as a table").produces("text/csv"), export)
}

/// A day of a campaign, as it is kept.
type Day = Map<String, Value>;

/// Reads the days that are asked for.
async fn days(api: &Api, caller: &Caller, parts: &Parts) -> Result<Vec<Day>, ApiError> {
    let (Span { from, to }, campaign) = asked(parts, api.clock.now(), Some("campaign_id"))?;
    let campaign: Option<Uuid> = campaign
        .map(|id| id.parse().map_err(|_| ApiError::invalid("campaign_id", "must be a UUID")))
        .transpose()?;
    let mut tests = vec![
        ("period", Test::Among(vec!["day".to_owned()])),
        ("period_start", Test::AtLeast(from.to_rfc3339())),
        ("period_start", Test::Below(to.to_rfc3339())),
    ];
    tests.extend(campaign.map(|id| ("campaign_id", Test::Among(vec![id.to_string()]))));
    let conditions = tests
        .into_iter()
        .filter_map(|(name, test)| Some(Condition { column: TABLE.column(name)?, test }))
        .collect();
    let query = Query { conditions, sort: TABLE.column("period_start"), fetch: MOST + 1, ..Query::default() };
    let mut tx = api.store.begin(&caller.scope).await?;
    let found = rows::list(&mut tx, &caller.scope, &TABLE, &query).await?;
    tx.commit().await?;
    if i64::try_from(found.len()).unwrap_or(i64::MAX) > MOST {
        return Err(ApiError::invalid(
            "from",
            "is too far back for so many campaigns; ask for a shorter time",
        ));
    }
    found.iter().map(fields).collect()
}

/// Sums days up by currency and, where `by_day`, by their beginning; in that order. A row without a campaign counts the
/// events that no campaign took.
fn summed(days: &[Day], by_day: bool) -> Vec<Value> {
    let mut sums: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    for day in days {
        let text = |name: &str| day.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let start = if by_day { text("period_start") } else { String::new() };
        let sum = sums.entry((start, text("currency"))).or_insert_with(|| vec![0; COUNTED.len()]);
        for (sum, name) in sum.iter_mut().zip(COUNTED) {
            *sum = sum.saturating_add(day.get(name).and_then(Value::as_i64).unwrap_or_default());
        }
    }
    let rows = sums.into_iter().map(|((start, currency), sum)| {
        let mut row = Map::new();
        if by_day {
            row.insert("day".to_owned(), json!(start));
        }
        row.insert("currency".to_owned(), json!(currency));
        row.extend(COUNTED.into_iter().map(str::to_owned).zip(sum.into_iter().map(Value::from)));
        Value::Object(row)
    });
    rows.collect()
}

/// Adds the numbers of one object to those of another, at every depth; what is no number is the later one's.
fn add(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                add(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => match (into.as_i64(), more.as_i64()) {
            (Some(one), Some(other)) => *into = json!(one.saturating_add(other)),
            _ => *into = more.clone(),
        },
    }
}

/// Of a whole, a part; none of an empty whole.
fn share(part: i64, whole: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of customers")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// How many came back because of the campaign: beyond the rate of those who were left alone.
fn beyond(sum: &Value) -> Value {
    let count = |name: &str| sum.get(name).and_then(Value::as_i64).unwrap_or_default();
    let recovered = count("recovered_full").saturating_add(count("recovered_partial"));
    let treated = share(recovered, count("enrolled"));
    let control = share(count("holdout_recovered"), count("holdout"));
    json!({
        "currency": sum.get("currency"),
        "enrolled": count("enrolled"),
        "recovered": recovered,
        "recovered_rate": treated,
        "holdout": count("holdout"),
        "holdout_recovered": count("holdout_recovered"),
        "holdout_rate": control,
        // Without both groups there is nothing to compare.
        "incremental_rate": treated.zip(control).map(|(treated, control)| treated - control),
        "value_recovered": count("value_recovered"),
        "cost": count("incentive_cost").saturating_add(count("message_cost")),
    })
}

async fn summary(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "data": summed(&days(&api, &caller, &parts).await?, false) })))
}

async fn timeline(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "data": summed(&days(&api, &caller, &parts).await?, true) })))
}

async fn channels(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let mut sums: BTreeMap<String, Value> = BTreeMap::new();
    for day in days(&api, &caller, &parts).await? {
        let currency = day.get("currency").and_then(Value::as_str).unwrap_or_default();
        let sum = sums.entry(currency.to_owned()).or_insert_with(|| json!({}));
        add(sum, day.get("by_channel").unwrap_or(&Value::Null));
    }
    let rows: Vec<Value> = sums
        .into_iter()
        .map(|(currency, channels)| json!({ "currency": currency, "channels": channels }))
        .collect();
    Ok(Json(json!({ "data": rows })))
}

async fn incremental(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let sums = summed(&days(&api, &caller, &parts).await?, false);
    Ok(Json(json!({ "data": sums.iter().map(beyond).collect::<Vec<_>>() })))
}

async fn export(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Response, ApiError> {
    let rows = summed(&days(&api, &caller, &parts).await?, true);
    let columns: Vec<&str> = ["day", "currency"].into_iter().chain(COUNTED).collect();
    Ok(csv::table("recovery.csv", &columns, &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(currency: &str, start: &str, enrolled: i64) -> Day {
        let day = json!({
            "currency": currency, "period_start": start, "enrolled": enrolled, "recovered_full": 2,
            "holdout": 10, "holdout_recovered": 1,
        });
        day.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn days_are_summed_by_currency() {
        let days = [day("EUR", "2", 10), day("EUR", "1", 10), day("USD", "1", 5)];
        let sums = summed(&days, false);
        assert_eq!(sums.len(), 2);
        assert_eq!((&sums[0]["currency"], &sums[0]["enrolled"]), (&json!("EUR"), &json!(20)));
        let starts: Vec<Value> = summed(&days, true).iter().map(|row| row["day"].clone()).collect();
        assert_eq!(starts, [json!("1"), json!("1"), json!("2")]);
    }

    #[test]
    fn what_comes_back_anyway_does_not_count() {
        let sums = summed(&[day("EUR", "1", 10)], false);
        let found = beyond(&sums[0]);
        assert_eq!((&found["recovered_rate"], &found["holdout_rate"]), (&json!(0.2), &json!(0.1)));
        assert_eq!(found["incremental_rate"], json!(0.1));
        assert_eq!(beyond(&json!({ "enrolled": 5 }))["incremental_rate"], Value::Null);
    }

    #[test]
    fn numbers_are_added_at_every_depth() {
        let mut sum = json!({});
        add(&mut sum, &json!({ "sms": { "sent": 1 } }));
        add(&mut sum, &json!({ "sms": { "sent": 2 }, "email": { "sent": 3 } }));
        assert_eq!(sum, json!({ "sms": { "sent": 3 }, "email": { "sent": 3 } }));
    }
}
