//! `/v1/secrets`: what flows sign in to services with. A value is taken and never shown.

use axum::extract::State;
use botbuilder_store::{
    flows::flow_secrets::{TABLE, place},
    secret::Sealed,
    table::rows,
    tenancy::organizations,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, manage},
    resource::{
        Answer, Mode, Resource,
        act::{act, at},
        broken_rule,
        changes::note,
        check, created, of_input, of_row, sealed_columns,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/secrets";
/// Longest value, in bytes.
const VALUE: usize = 4_096;

/// The routes of this resource.
pub fn routes() -> Routes {
    let area = Area::Integration;
    let value = json!({ "type": "string", "minLength": 1, "maxLength": VALUE });
    let mut body = of_input(&TABLE, Mode::Create);
    body["properties"]["value"] = value.clone();
    if let Some(required) = body["required"].as_array_mut() {
        required.push(json!("value"));
    }
    let set = json!({
        "type": "object",
        "properties": { "value": value },
        "required": ["value"],
        "additionalProperties": false,
    });
    Resource::new(&TABLE, "secret", area, PATH)
        .log()
        .updatable()
        .deletable()
        .routes()
        .add(
            Operation::post(PATH, manage(area), "keeps a new secret, for one bot or for all")
                .answers(201)
                .takes(body)
                .gives(of_row(&TABLE)),
            create,
        )
        .add(
            Operation::post(format!("{PATH}/{{id}}/set"), manage(area), "replaces the value")
                .takes(set)
                .gives(of_row(&TABLE)),
            set_value,
        )
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(mut values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    let value = values.remove("value");
    let value = checked(value.as_ref().and_then(Value::as_str).unwrap_or_default())?.to_owned();
    check(&TABLE, &values, Mode::Create, &[])?;
    values.retain(|_, value| !value.is_null());
    let id = api.ids.next();
    values.insert("created_by".to_owned(), json!(caller.user()));
    let sealed = sealed(&api, &caller, id, &value).await?;
    values.extend(sealed_columns("value", &sealed));
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, id, values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, PATH))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewValue {
    value: String,
}

async fn set_value(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(NewValue { value }): Body<NewValue>,
) -> Result<Answer, ApiError> {
    let sealed = sealed(&api, &caller, id, checked(&value)?).await?;
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "value_set", |_| {
        let mut columns: Map<String, Value> = sealed_columns("value", &sealed).into_iter().collect();
        columns.insert("set_at".to_owned(), json!(now));
        Ok(columns)
    })
    .await
}

/// A value that can stand in a header.
fn checked(value: &str) -> Result<&str, ApiError> {
    if value.is_empty() || value.len() > VALUE || value.chars().any(char::is_control) {
        return Err(ApiError::invalid("value", format!("must have 1 to {VALUE} bytes and no line breaks")));
    }
    Ok(value)
}

async fn sealed(api: &Api, caller: &Caller, id: Uuid, value: &str) -> Result<Sealed, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    // Nothing was written: a call under a key is made with what follows.
    drop(tx);
    Ok(keys.seal(place(id), value.as_bytes()).map_err(botbuilder_store::Error::from)?)
}
