//! `/v1/bots/{bot_id}/entities`.

use axum::{Json, extract::State};
use botbuilder_store::{
    bots::bots,
    nlu::entities::TABLE,
    table::rows::{self, Condition, Query, Test},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::exchange;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::{Resource, act::fields, broken_rule, changes},
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/bots/{bot_id}/entities";
/// The built-in kinds of value.
const SYSTEM: [&str; 9] =
    ["number", "date", "time", "email", "phone", "url", "currency", "duration", "location"];

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "entity", Area::Nlu, PATH)
        .full()
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/create-system"),
                write(Area::Nlu),
                "makes an entity of each built-in kind, named after it; those that are there stay",
            )
            .takes(json!({
                "type": "object",
                "properties": {
                    "types": { "type": "array", "items": { "type": "string", "enum": SYSTEM }, "maxItems": 9 },
                },
                "required": ["types"],
                "additionalProperties": false,
            }))
            .gives(json!({ "type": "object" })),
            create_system,
        )
        .merge(exchange::routes(PATH, "entities with their values", exchange::Part::Entities))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateSystem {
    types: Vec<String>,
}

async fn create_system(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id<Uuid>,
    Body(CreateSystem { types }): Body<CreateSystem>,
) -> Result<Json<Value>, ApiError> {
    if let Some(other) = types.iter().find(|name| !SYSTEM.contains(&name.as_str())) {
        return Err(ApiError::invalid("types", crate::input::unknown(other, SYSTEM)));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &bots::TABLE, bot).await? {
        return Err(ApiError::NotFound);
    }
    let mut conditions = Vec::new();
    if let Some(column) = TABLE.column("name") {
        conditions.push(Condition { column, test: Test::Among(types.clone()) });
    }
    let query = Query { parent: Some(bot), conditions, fetch: 100, ..Query::default() };
    let mut there = Vec::new();
    for row in rows::list(&mut tx, &caller.scope, &TABLE, &query).await? {
        there.extend(fields(&row)?.get("name").and_then(Value::as_str).map(str::to_owned));
    }
    let mut made = Vec::new();
    for name in SYSTEM.iter().filter(|name| types.iter().any(|wanted| wanted == *name)) {
        if there.iter().any(|there| there == name) {
            continue;
        }
        let values = Map::from_iter([
            ("bot_id".to_owned(), json!(bot)),
            ("name".to_owned(), json!(name)),
            ("kind".to_owned(), json!("system")),
            ("system_type".to_owned(), json!(name)),
            ("created_by".to_owned(), json!(caller.user())),
        ]);
        let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
            .await
            .map_err(|error| broken_rule(&TABLE, error))?;
        changes::note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
        made.push(*name);
    }
    tx.commit().await?;
    Ok(Json(json!({ "data": { "created": made, "already_there": there } })))
}
