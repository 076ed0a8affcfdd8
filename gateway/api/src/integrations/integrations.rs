//! `/v1/integrations`: connections to services. Their engines come with what uses them; until then what is configured
//! is kept, sealed where it is secret.

use axum::{extract::State, http::Method};
use botbuilder_store::{
    integrations::{integration_logs, integrations::TABLE},
    secret::Place,
    table::rows,
    tenancy::organizations,
};
use serde_json::{Map, Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, Verb, manage, read},
    resource::{
        Answer, Mode, Resource,
        act::{act, at, set},
        broken_rule,
        changes::note,
        check, created, missing, of_input, of_row, sealed_columns,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/integrations";
const NO_ENGINE: &str = "no service of this kind is connected yet";

/// The routes of integrations and of their logs.
pub fn routes() -> Routes {
    let area = Area::Integration;
    let mut body = of_input(&TABLE, Mode::Create);
    body["properties"]["credentials"] = json!({ "type": "object" });
    let action = |name: &str, text: &str| {
        Operation::post(format!("{PATH}/{{id}}/{name}"), manage(area), text).gives(of_row(&TABLE))
    };
    let plain = Resource::new(&TABLE, "integration", area, PATH)
        .without(&[("category", "webhook")])
        .log()
        .updatable()
        .deletable()
        .restorable()
        .unavailable("authorize", Verb::Manage, NO_ENGINE)
        .unavailable("test", Verb::Manage, NO_ENGINE)
        .routes();
    let logs = Resource::new(
        &integration_logs::TABLE,
        "call of an integration",
        area,
        "/v1/integrations/{integration_id}/logs",
    );
    let plain = missing(plain, &Method::GET, format!("{PATH}/available"), read(area), NO_ENGINE);
    missing(plain, &Method::GET, format!("{PATH}/callback"), manage(area), NO_ENGINE)
        .merge(logs.log().routes())
        .add(
            Operation::post(PATH, manage(area), "configures a new integration")
                .answers(201)
                .takes(body)
                .gives(of_row(&TABLE)),
            create,
        )
        .add(
            action("reconnect", "replaces the credentials").takes(json!({
                "type": "object",
                "properties": { "credentials": { "type": "object" } },
                "required": ["credentials"],
                "additionalProperties": false,
            })),
            reconnect,
        )
        .add(action("enable", "uses it again"), enable)
        .add(action("disable", "does not use it for now"), disable)
}

/// Whether a row is a webhook. Webhooks have rights of their own and secrets of their own making: they are made and kept
/// at their own address, and are not there at this one.
fn is_webhook(row: &Map<String, Value>) -> bool {
    row.get("category").and_then(Value::as_str) == Some("webhook")
}

fn refuse_webhook(row: &Map<String, Value>) -> Result<(), ApiError> {
    if is_webhook(row) { Err(ApiError::NotFound) } else { Ok(()) }
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(mut values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    let credentials = values.remove("credentials").filter(|credentials| !credentials.is_null());
    if credentials.as_ref().is_some_and(|credentials| !credentials.is_object()) {
        return Err(ApiError::invalid("credentials", "must be an object"));
    }
    check(&TABLE, &values, Mode::Create, &[])?;
    if is_webhook(&values) {
        return Err(ApiError::invalid("category", "webhooks are made and kept at /v1/webhooks"));
    }
    values.retain(|_, value| !value.is_null());
    let id = api.ids.next();
    values.insert("created_by".to_owned(), json!(caller.user()));
    let mut tx = api.store.begin(&caller.scope).await?;
    if let Some(credentials) = credentials {
        let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
        let place = Place { table: "integrations", column: "credentials", row: id };
        let sealed = keys.seal(place, credentials.to_string().as_bytes());
        values.extend(sealed_columns("credentials", &sealed.map_err(botbuilder_store::Error::from)?));
    }
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, id, values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, PATH))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    credentials: Map<String, Value>,
}

async fn reconnect(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Credentials { credentials }): Body<Credentials>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    tx.commit().await?;
    let place = Place { table: "integrations", column: "credentials", row: id };
    let sealed = keys.seal(place, Value::Object(credentials).to_string().as_bytes());
    let sealed = sealed.map_err(botbuilder_store::Error::from)?;
    act(&api, &caller, &TABLE, at(id), "credentials_rotated", |row| {
        refuse_webhook(row)?;
        Ok(sealed_columns("credentials", &sealed).into_iter().collect())
    })
    .await
}

async fn enable(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "enabled", |row| {
        refuse_webhook(row)?;
        Ok(set([("disabled_at", Value::Null), ("failure_count", json!(0))]))
    })
    .await
}

async fn disable(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "disabled", |row| {
        refuse_webhook(row)?;
        Ok(set([("disabled_at", json!(now))]))
    })
    .await
}
