//! `/v1/webhooks`: addresses of the organization that are told of events. They are integrations of that category.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse, response::Response};
use botbuilder_store::{
    integrations::{
        integrations::{self, TABLE},
        webhook_logs::{self, Target},
    },
    secret::Place,
    table::rows,
    tenancy::organizations,
};
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::signing_secret;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    events::{TYPES, is_known},
    input::{Body, Id},
    permission::{Area, manage, read},
    resource::{
        Answer, Mode, Resource,
        act::{act, at, fields, set},
        broken_rule,
        changes::note,
        check, created, of_row, sealed_columns,
    },
    routes::{Operation, Routes},
    shape,
};

const PATH: &str = "/v1/webhooks";

/// The routes of webhooks.
pub fn routes() -> Routes {
    let area = Area::Webhook;
    let plain = Resource::new(&TABLE, "webhook", area, PATH)
        .only(&[("category", "webhook")])
        .prepared(|values, _| check_webhook(values))
        .log()
        .updatable()
        .deletable()
        .restorable()
        .routes();
    let action = |name: &str, text: &str| {
        Operation::post(format!("{PATH}/{{id}}/{name}"), manage(area), text).gives(of_row(&TABLE))
    };
    plain
        .add(
            Operation::post(PATH, manage(area), "makes a new webhook; its secret is shown once")
                .answers(201)
                .takes(json!({
                    "type": "object",
                    "properties": {
                        "name": { "type": "string", "minLength": 1, "maxLength": 120 },
                        "config": {
                            "type": "object",
                            "properties": { "url": { "type": "string", "format": "uri", "maxLength": 2048 } },
                            "required": ["url"],
                        },
                        "event_filter": { "type": "array", "items": { "type": "string" } },
                        "bot_id": { "type": ["string", "null"], "format": "uuid" },
                    },
                    "required": ["name", "config"],
                    "additionalProperties": false,
                }))
                .gives(of_row(&TABLE))
                .secret(),
            create,
        )
        .add(
            Operation::get("/v1/webhooks/events", read(area), "the types of events").gives(json!({
                "type": "array", "items": shape::object(&[("type", "string"), ("description", "string")]),
            })),
            events,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/rotate-secret"),
                manage(area),
                "a new secret, shown once; the one before signs beside it",
            )
            .gives(shape::object(&[("secret", "string")]))
            .secret(),
            rotate_secret,
        )
        .add(action("enable", "delivers again"), enable)
        .add(action("disable", "delivers nothing for now"), disable)
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/test"),
                manage(area),
                "delivers an event of type webhook.test",
            )
            .answers(202)
            .gives(shape::object(&[("delivery_id", "uuid")])),
            test,
        )
}

/// An address that can be called, and events that there are.
fn check_webhook(values: &Map<String, Value>) -> Result<(), ApiError> {
    if let Some(config) = values.get("config") {
        let url = config.get("url").and_then(Value::as_str).unwrap_or_default();
        let usable = Url::parse(url).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if !usable || url.len() > 2048 || url.contains(char::is_whitespace) {
            return Err(ApiError::invalid(
                "config.url",
                "must be an http or https address without credentials",
            ));
        }
        if let Some(other) = config.as_object().and_then(|config| config.keys().find(|key| *key != "url")) {
            return Err(ApiError::invalid(format!("config.{other}"), "is not known; there is url"));
        }
    }
    let filters = values.get("event_filter").and_then(Value::as_array).into_iter().flatten();
    match filters.filter_map(Value::as_str).find(|filter| !is_known(filter)) {
        Some(filter) => Err(ApiError::invalid(
            "event_filter",
            format!(
                "{filter} is no type of event; /v1/webhooks/events lists them, and message.* means all of a kind"
            ),
        )),
        None => Ok(()),
    }
}

async fn events() -> Json<Value> {
    let types: Vec<Value> =
        TYPES.iter().map(|(kind, text)| json!({ "type": kind, "description": text })).collect();
    Json(json!({ "data": types }))
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(mut values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    let fixed = ["category", "provider"];
    if let Some(name) = fixed.into_iter().chain(["scopes"]).find(|name| values.contains_key(*name)) {
        return Err(ApiError::invalid(name, "is not taken here"));
    }
    check(&TABLE, &values, Mode::Create, &fixed)?;
    if !values.contains_key("config") {
        return Err(ApiError::invalid("config", "must be there"));
    }
    values.retain(|_, value| !value.is_null());
    check_webhook(&values)?;
    let id = api.ids.next();
    let secret = signing_secret()?;
    values.extend(set([
        ("category", json!("webhook")),
        ("provider", json!("webhook")),
        ("status", json!("connected")),
        ("created_by", json!(caller.user())),
    ]));
    let mut tx = api.store.begin(&caller.scope).await?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    let sealed = keys.seal(place(id), json!([secret.expose()]).to_string().as_bytes());
    values.extend(sealed_columns("credentials", &sealed.map_err(botbuilder_store::Error::from)?));
    let mut row = rows::insert(&mut tx, &caller.scope, &TABLE, id, values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    let mut shown = fields(&row)?;
    shown.insert("secret".to_owned(), json!(secret.expose()));
    row.json = Value::Object(shown).to_string();
    Ok(created(row, PATH))
}

fn place(id: Uuid) -> Place {
    Place { table: "integrations", column: "credentials", row: id }
}

/// Two secrets at most sign at a time: the new one and the one before.
async fn rotate_secret(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let secret = signing_secret()?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    require_webhook(&fields(&before)?)?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    let old = integrations::webhook_secrets(&mut tx, &caller.scope, &keys, id).await?;
    let secrets = std::iter::once(&secret).chain(&old).map(|secret| secret.expose().as_str());
    let secrets: Vec<&str> = secrets.take(2).collect();
    let sealed = keys.seal(place(id), json!(secrets).to_string().as_bytes());
    let change = sealed_columns("credentials", &sealed.map_err(botbuilder_store::Error::from)?);
    rows::update(&mut tx, &caller.scope, &TABLE, at(id), change.into_iter().collect()).await?;
    note(&api, &mut tx, &caller, &TABLE, "secret_rotated", Some(&before), Some(&before)).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "secret": secret.expose() } })))
}

/// The other integrations are not there below this address.
fn require_webhook(row: &Map<String, Value>) -> Result<(), ApiError> {
    if row.get("category").and_then(Value::as_str) == Some("webhook") {
        Ok(())
    } else {
        Err(ApiError::NotFound)
    }
}

async fn enable(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "enabled", |row| {
        require_webhook(row)?;
        Ok(set([
            ("status", json!("connected")),
            ("disabled_at", Value::Null),
            ("failure_count", json!(0)),
            ("last_error", Value::Null),
        ]))
    })
    .await
}

async fn disable(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "disabled", |row| {
        require_webhook(row)?;
        Ok(set([("disabled_at", json!(now))]))
    })
    .await
}

async fn test(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let row = fields(&row)?;
    require_webhook(&row)?;
    let url = row.get("config").and_then(|config| config.get("url")).and_then(Value::as_str);
    let (delivery, event) = (api.ids.next(), api.ids.next());
    let new = webhook_logs::New {
        delivery,
        event,
        event_type: "webhook.test".to_owned(),
        target: Target::Integration(id),
        url: url.unwrap_or_default().to_owned(),
        body: json!({
            "id": event,
            "type": "webhook.test",
            "created_at": api.clock.now(),
            "organization_id": caller.scope.org(),
            "data": { "webhook_id": id },
        }),
    };
    webhook_logs::insert_many(&mut tx, &caller.scope, &[new], &*api.ids).await?;
    rows::update(&mut tx, &caller.scope, &TABLE, at(id), set([("last_tested_at", json!(api.clock.now()))]))
        .await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "data": { "delivery_id": delivery } }))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_needs_an_address_that_can_be_called() {
        for (usable, url) in [
            (true, "https://a.example/hook"),
            (true, "http://a.example:8080"),
            (false, "ftp://a.example"),
            (false, "https://user:pw@a.example"),
            (false, "a.example"),
            (false, "https://a.example/ x"),
            (false, ""),
        ] {
            let values = set([("config", json!({ "url": url }))]);
            assert_eq!(check_webhook(&values).is_ok(), usable, "{url}");
        }
        assert!(check_webhook(&set([("config", json!({ "url": "https://a.example", "x": 1 }))])).is_err());
        assert!(check_webhook(&set([("event_filter", json!(["message.*", "moon.rose"]))])).is_err());
    }
}
