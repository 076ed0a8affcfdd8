//! `POST /v1/health/customers/{id}/recalculate`: a customer's score, made anew of what is known of them.

use axum::extract::State;
use botbuilder_store::{
    Tx,
    recovery::{customer_health_score_history, customer_health_scores::TABLE, recovery_events},
    table::{
        Table,
        rows::{self, Condition, Query, Row, Test},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    recovery_events::tell,
    scoring::{Factors, Sign, churn_after, grade, risk, trend},
};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, execute},
    resource::{
        Answer,
        act::{at, fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
};

/// When a score is looked at again.
const NEXT: TimeDelta = TimeDelta::days(1);
/// How long a sign counts, and how long somebody is silent before that is one.
const LATELY: TimeDelta = TimeDelta::days(30);
/// Scores of the past that the trend looks at.
const PAST: i64 = 4;

/// The route.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::post(
            "/v1/health/customers/{id}/recalculate",
            execute(Area::Health),
            "makes the score anew: of the factors in inputs, else of those that are known; with the signs and the course of the last weeks",
        )
        .gives(of_row(&TABLE)),
        recalculate,
    )
}

fn conditions<const N: usize>(table: &'static Table, tests: [(&str, Test); N]) -> Vec<Condition> {
    tests
        .into_iter()
        .filter_map(|(name, test)| Some(Condition { column: table.column(name)?, test }))
        .collect()
}

/// The signs that a customer gave lately.
async fn signs(
    tx: &mut Tx,
    caller: &Caller,
    customer: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<Vec<Sign>, ApiError> {
    let table = &recovery_events::TABLE;
    let reference = customer.get("customer_ref").and_then(Value::as_str).unwrap_or_default();
    let mut given = Vec::new();
    for sign in Sign::ALL {
        let is_given = if sign == Sign::Silence {
            let last = customer.get("last_activity_at").and_then(Value::as_str);
            let last = last.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
            last.is_some_and(|last| last < now - LATELY)
        } else {
            let tests = [
                ("customer_ref", Test::Among(vec![reference.to_owned()])),
                ("event_type", Test::Among(vec![sign.as_str().to_owned()])),
                ("occurred_at", Test::AtLeast((now - LATELY).to_rfc3339())),
            ];
            let query = Query { conditions: conditions(table, tests), fetch: 1, ..Query::default() };
            !rows::list(tx, &caller.scope, table, &query).await?.is_empty()
        };
        if is_given {
            given.push(sign);
        }
    }
    Ok(given)
}

/// The scores of the past, the latest first.
async fn past(tx: &mut Tx, caller: &Caller, customer: Uuid) -> Result<Vec<u8>, ApiError> {
    let table = &customer_health_score_history::TABLE;
    let query = Query {
        parent: Some(customer),
        sort: table.column("recorded_at"),
        is_descending: true,
        fetch: PAST,
        ..Query::default()
    };
    let mut scores = Vec::new();
    for row in rows::list(tx, &caller.scope, table, &query).await? {
        let score = fields(&row)?.get("score").and_then(Value::as_u64);
        scores.extend(score.and_then(|score| u8::try_from(score).ok()));
    }
    Ok(scores)
}

async fn recalculate(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let customer = fields(&before)?;
    let document = |name: &str| customer.get(name).unwrap_or(&Value::Null);
    let factors = Factors::of(&[document("inputs"), document("factors")]);
    let (score, confidence) = factors.score().ok_or_else(|| {
        let detail = "no factor is known of which a score is made; tell some in inputs, or import them";
        ApiError::conflict("no_factors", detail)
    })?;
    let signs = signs(&mut tx, &caller, &customer, now).await?;
    let mut course = vec![score];
    course.extend(past(&mut tx, &caller, id).await?);
    let given: Vec<Value> =
        signs.iter().map(|sign| json!({ "code": sign.as_str(), "weight": sign.weight() })).collect();
    let change = set([
        ("score", json!(score)),
        ("previous_score", document("score").clone()),
        ("grade", json!(grade(score))),
        ("risk", json!(risk(score))),
        ("churn_probability", json!(churn_after(score, &signs))),
        ("trend", json!(trend(&course))),
        ("confidence", json!(confidence)),
        ("factors", Value::Object(factors.explained())),
        ("risk_factors", Value::Array(given)),
        ("model_version", json!("rules-v1")),
        ("calculated_at", json!(now)),
        ("next_calculation_at", json!(now + NEXT)),
    ]);
    customer_health_score_history::because(&mut tx, "manual").await?;
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "recalculated", Some(&before), Some(&row)).await?;
    raise(&api, &mut tx, &caller, &customer, &row, now).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// Tells of a customer who became likely to leave, once until they are won back.
async fn raise(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    before: &Map<String, Value>,
    row: &Row,
    now: DateTime<Utc>,
) -> Result<(), ApiError> {
    let after = fields(row)?;
    let is_high = |row: &Map<String, Value>| {
        matches!(row.get("risk").and_then(Value::as_str), Some("high" | "critical"))
    };
    if is_high(before) || !is_high(&after) {
        return Ok(());
    }
    let kept = |name: &str| after.get(name).cloned().unwrap_or_default();
    let mut event = set([
        ("customer_ref", kept("customer_ref")),
        ("contact_id", kept("contact_id")),
        ("customer_email", kept("email")),
        ("customer_name", kept("name")),
        ("event_type", json!("churn_risk")),
        ("source", json!("health")),
        ("source_event_id", json!(format!("{}:{}", row.id, now.timestamp_micros()))),
        ("occurred_at", json!(now)),
        ("payload", json!({ "score": kept("score"), "risk": kept("risk"), "health_score_id": row.id })),
    ]);
    event.retain(|_, value| !value.is_null());
    tell(api, tx, caller, event).await.map(|_told| ())
}
