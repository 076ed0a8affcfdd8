//! `POST /v1/recovery/campaigns/{id}/estimate-audience`: how many contacts a campaign's audience is.

use axum::{Json, extract::State};
use botbuilder_store::{
    recovery::{
        audience::{self, Audience},
        recovery_campaigns::TABLE,
    },
    table::rows,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, read},
    resource::act::{at, fields},
    routes::{Operation, Routes},
};

/// Keys of an audience that contacts are counted by. The others ask for what no contact says.
const COUNTED: [&str; 7] = [
    "include_tags",
    "exclude_tags",
    "languages",
    "consent",
    "min_lifetime_value",
    "max_lifetime_value",
    "attributes",
];

/// The route.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::post(
            "/v1/recovery/campaigns/{id}/estimate-audience",
            read(Area::Recovery),
            "counts the contacts a campaign's audience is, by kind of channel; nothing is sent",
        )
        .gives(json!({
            "type": "object",
            "properties": {
                "contacts": { "type": "integer" },
                "reachable": { "type": "integer" },
                "holdout": { "type": "integer" },
                "by_channel": { "type": "array", "items": { "type": "object" } },
                "not_counted": { "type": "array", "items": { "type": "string" } },
                "is_upper_bound": { "type": "boolean" },
            },
        })),
        estimate,
    )
}

/// A text or a list of texts.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) => {
            texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

/// What an audience asks for that is not counted: the count is then the most it can be.
fn not_counted(audience: &Map<String, Value>) -> Vec<&String> {
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    let asked = audience.iter().filter(|(name, value)| !COUNTED.contains(&name.as_str()) && says(value));
    asked.map(|(name, _)| name).collect()
}

async fn estimate(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let campaign = fields(&row)?;
    let said = campaign.get("audience").and_then(Value::as_object).cloned().unwrap_or_default();
    let languages: Vec<String> =
        texts(said.get("languages")).iter().map(|language| language.to_lowercase()).collect();
    let asked = Audience {
        channel_kinds: &texts(campaign.get("channel_kinds")),
        include_tags: &texts(said.get("include_tags")),
        exclude_tags: &texts(said.get("exclude_tags")),
        languages: &languages,
        consent: &texts(said.get("consent")),
        least_value: said.get("min_lifetime_value").and_then(Value::as_f64),
        most_value: said.get("max_lifetime_value").and_then(Value::as_f64),
        attributes: said.get("attributes"),
    };
    let counted = audience::count(&mut tx, &caller.scope, &asked).await?;
    tx.commit().await?;
    let sum = |of: fn(&audience::Counted) -> i64| counted.iter().map(of).sum::<i64>();
    let reachable = sum(|counted| counted.reachable);
    let share = campaign.get("holdout_bp").and_then(Value::as_i64).unwrap_or_default();
    let left_out = not_counted(&said);
    Ok(Json(json!({ "data": {
        "contacts": sum(|counted| counted.contacts),
        "reachable": reachable,
        "holdout": reachable * share / 10_000,
        "by_channel": counted.iter().map(|counted| json!({
            "channel_kind": counted.channel_kind, "contacts": counted.contacts, "reachable": counted.reachable,
        })).collect::<Vec<_>>(),
        "not_counted": left_out,
        "is_upper_bound": !left_out.is_empty(),
    } })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_is_told() {
        let audience = json!({
            "include_tags": ["vip"], "condition": "a > 1", "segments": [], "new_customers": false, "countries": ["DE"],
        });
        let audience = audience.as_object().expect("an object");
        assert_eq!(not_counted(audience), ["condition", "countries"]);
        assert_eq!(texts(Some(&json!("opted_in"))), ["opted_in"]);
        assert_eq!(texts(Some(&json!(["a", "b"]))), ["a", "b"]);
    }
}
