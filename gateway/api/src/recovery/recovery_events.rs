//! `/v1/recovery/events`.

use axum::{Json, extract::State};
use botbuilder_store::{
    Tx,
    recovery::recovery_events::TABLE,
    system::dedupe_keys,
    table::rows::{self, Condition, Query, Test},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, Verb, write},
    resource::{
        Answer, Mode, Resource, Transition,
        act::{act, at, require_state, set},
        broken_rule,
        bulk::{self, Given},
        changes, created, of_input, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/recovery/events";
/// Most events of one call.
const MOST: usize = 100;
/// The highest value that comes back, in the smallest unit of its currency.
const MOST_VALUE: u64 = 1 << 53;
/// The states of an event that goes on.
const OPEN: [&str; 3] = ["pending", "enrolled", "in_sequence"];

/// The routes of this resource.
pub fn routes() -> Routes {
    let mut event = of_input(&TABLE, Mode::Create);
    if let Some(required) = event.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != "source");
    }
    Resource::new(&TABLE, "recovery event", Area::Recovery, PATH)
        .log()
        .unavailable("enrol", Verb::Write, "campaigns are not sent yet")
        .moving(Transition::new("cancel", &OPEN, "suppressed").clearing(&["next_step_at"]))
        .routes()
        .add(
            Operation::post(PATH, write(Area::Recovery), "tells of something that puts revenue at risk")
                .answers(201)
                .takes(event.clone())
                .gives(of_row(&TABLE)),
            create,
        )
        .add(
            Operation::post(
                format!("{PATH}/batch"),
                write(Area::Recovery),
                "tells of many; says of each whether it is new, known, or one more of a kind that is open",
            )
            .takes(bulk::schema("events", &event, MOST))
            .gives(json!({ "type": "array", "items": { "type": "object" } })),
            batch,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/mark-recovered"),
                write(Area::Recovery),
                "notes that the customer bought after all; of less than nine tenths of what was at risk, it is recovered in part",
            )
            .takes(json!({
                "type": "object",
                "properties": {
                    "recovered_value": { "type": ["integer", "null"], "minimum": 0, "maximum": MOST_VALUE },
                    "order_ref": { "type": ["string", "null"], "maxLength": 255 },
                },
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            mark_recovered,
        )
}

/// A new event comes by the API if it does not say otherwise.
fn checked(given: Given) -> Result<Vec<Map<String, Value>>, ApiError> {
    bulk::checked(&TABLE, given, MOST, &["source"], |row| {
        row.entry("source").or_insert_with(|| json!("api"));
        Ok(())
    })
}

/// What became of an event.
pub(super) enum Told {
    /// It is written.
    New(rows::Row),
    /// It was told before.
    Known,
    /// The customer has this open one of its type and campaign.
    Open(Uuid),
}

/// Writes an event, unless it was told before or the customer has an open one of its type and campaign.
pub(super) async fn tell(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    values: Map<String, Value>,
) -> Result<Told, ApiError> {
    let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let new = dedupe_keys::New {
        scope: format!("recovery:{}", caller.scope.org()),
        key: format!("{}:{}", text("source"), text("source_event_id")),
        message: None,
    };
    if !dedupe_keys::take_many(tx, &caller.scope, &[new], api.clock.now()).await?.contains(&true) {
        return Ok(Told::Known);
    }
    let campaign = values.get("campaign_id").and_then(Value::as_str);
    let same = [
        ("customer_ref", Test::Among(vec![text("customer_ref")])),
        ("event_type", Test::Among(vec![text("event_type")])),
        ("campaign_id", campaign.map_or(Test::Empty(true), |id| Test::Among(vec![id.to_owned()]))),
        ("status", Test::Among(OPEN.map(str::to_owned).to_vec())),
    ];
    let conditions = same
        .into_iter()
        .filter_map(|(name, test)| Some(Condition { column: TABLE.column(name)?, test }))
        .collect();
    let query = Query { conditions, fetch: 1, ..Query::default() };
    if let Some(open) = rows::list(tx, &caller.scope, &TABLE, &query).await?.first() {
        return Ok(Told::Open(open.id));
    }
    let row = rows::insert(tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(api, tx, caller, &TABLE, "created", None, Some(&row)).await?;
    Ok(Told::New(row))
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(event): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    let checked = checked(Given { field: "", rows: vec![event] }).map_err(|error| match error {
        // One event alone is not the first of a list.
        ApiError::Invalid(mut faults) => {
            for fault in &mut faults {
                fault.field = fault.field.trim_start_matches("[0].").to_owned().into();
            }
            ApiError::Invalid(faults)
        }
        other => other,
    })?;
    let values = checked.into_iter().next().unwrap_or_default();
    let mut tx = api.store.begin(&caller.scope).await?;
    match tell(&api, &mut tx, &caller, values).await? {
        Told::New(row) => {
            tx.commit().await?;
            Ok(created(row, PATH))
        }
        Told::Known => {
            Err(ApiError::conflict("taken", "this event was told before").about("source_event_id"))
        }
        Told::Open(id) => {
            let detail = "the customer has an open event of this type and campaign";
            Err(ApiError::conflict("open", detail).with(json!({ "event_id": id })))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    events: Vec<Map<String, Value>>,
}

async fn batch(
    State(api): State<Api>,
    caller: Caller,
    Body(Batch { events }): Body<Batch>,
) -> Result<Json<Value>, ApiError> {
    let events = checked(Given { field: "events", rows: events })?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let mut told = Vec::with_capacity(events.len());
    for event in events {
        told.push(match tell(&api, &mut tx, &caller, event).await? {
            Told::New(row) => json!({ "outcome": "created", "id": row.id }),
            Told::Known => json!({ "outcome": "known" }),
            Told::Open(id) => json!({ "outcome": "open", "id": id }),
        });
    }
    tx.commit().await?;
    Ok(Json(json!({ "data": told })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovered {
    recovered_value: Option<u64>,
    order_ref: Option<String>,
}

/// Whether what came back counts as all of what was at risk: nine tenths do.
fn is_whole(at_risk: u64, recovered: u64) -> bool {
    u128::from(recovered) * 10 >= u128::from(at_risk) * 9
}

async fn mark_recovered(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(Recovered { recovered_value, order_ref }): Body<Recovered>,
) -> Result<Answer, ApiError> {
    if order_ref.as_ref().is_some_and(|text| text.chars().count() > 255) {
        return Err(ApiError::invalid("order_ref", "must have at most 255 characters"));
    }
    if recovered_value.is_some_and(|value| value > MOST_VALUE) {
        return Err(ApiError::invalid("recovered_value", format!("must be at most {MOST_VALUE}")));
    }
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "mark_recovered", |before| {
        require_state(
            before,
            "status",
            &["pending", "enrolled", "in_sequence", "lost", "expired", "holdout"],
        )?;
        let at_risk = before.get("value").and_then(Value::as_u64).unwrap_or_default();
        let recovered = recovered_value.unwrap_or(at_risk);
        let status = if is_whole(at_risk, recovered) { "recovered" } else { "partially_recovered" };
        Ok(set([
            ("status", json!(status)),
            ("recovered_at", json!(now)),
            ("recovered_value", json!(recovered)),
            ("order_ref", json!(order_ref)),
            ("next_step_at", Value::Null),
        ]))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tenths_are_the_whole() {
        assert!(is_whole(1_000, 900) && is_whole(0, 0) && is_whole(1_000, 5_000));
        assert!(!is_whole(1_000, 899) && !is_whole(u64::MAX, 1));
    }
}
