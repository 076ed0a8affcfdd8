//! `/v1/bots`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    audit::audit_logs::Act,
    bots::bots::{self, TABLE},
    integrations::webhook_logs,
    secret::{Place, new_secret},
    table::rows::{self, Place as Row},
    tenancy::organizations,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::document;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, Verb, manage, read, write},
    resource::{
        Answer, Mode, Resource, Transition,
        act::{act, at, fields, set},
        changes, check, created,
    },
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

/// The address of the collection.
pub const PATH: &str = "/v1/bots";

/// The routes of this resource.
pub fn routes() -> Routes {
    let document = json!({ "type": "object", "title": "bot document" });
    let bot = crate::resource::of_row(&TABLE);
    Resource::new(&TABLE, "bot", Area::Bot, PATH)
        .full()
        .moving(
            Transition::new("publish", &["draft", "paused"], "active")
                .needing(Verb::Publish)
                .noting(&["published_at"]),
        )
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Publish))
        .moving(Transition::new("resume", &["paused"], "active").needing(Verb::Publish))
        .moving(Transition::new("archive", &["draft", "active", "paused"], "archived"))
        .moving(Transition::new("unarchive", &["archived"], "draft"))
        .routes()
        .add(
            Operation::get("/v1/bots/{id}/export", read(Area::Bot), "a bot as one document")
                .gives(document.clone()),
            export,
        )
        .add(
            Operation::post("/v1/bots/import", write(Area::Bot), "makes a bot of a document")
                .answers(201)
                .takes(document)
                .gives(bot.clone())
                .up_to(16 * DEFINITION_LIMIT),
            import,
        )
        .add(
            Operation::post("/v1/bots/{id}/duplicate", write(Area::Bot), "makes a second bot of a bot")
                .answers(201)
                .takes(json!({
                    "type": "object",
                    "properties": {
                        "name": { "type": "string", "maxLength": 120 },
                        "slug": { "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" },
                    },
                    "required": ["name", "slug"],
                    "additionalProperties": false,
                }))
                .gives(bot),
            duplicate,
        )
        .add(
            Operation::post(
                "/v1/bots/{id}/webhook/rotate-secret",
                manage(Area::Webhook),
                "a new secret for the bot's webhook, shown once; the one before stays valid beside it",
            )
            .gives(json!({ "type": "object", "properties": { "secret": { "type": "string" } } }))
            .secret(),
            rotate_secret,
        )
        .add(
            Operation::post(
                "/v1/bots/{id}/webhook/enable",
                manage(Area::Webhook),
                "delivers to the bot's webhook again, after too many failures switched it off",
            )
            .gives(crate::resource::of_row(&TABLE)),
            enable_webhook,
        )
        .add(
            Operation::post(
                "/v1/bots/{id}/webhook/test",
                manage(Area::Webhook),
                "delivers an event of type webhook.test to the bot's address",
            )
            .answers(202)
            .gives(crate::shape::object(&[("delivery_id", "uuid")])),
            test_webhook,
        )
}

async fn enable_webhook(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "webhook_enabled", |_| {
        Ok(set([("webhook_disabled_at", Value::Null), ("webhook_failures", json!(0))]))
    })
    .await
}

async fn test_webhook(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = Row { parent: None, id };
    let row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    let row = fields(&row)?;
    let url = row.get("webhook_url").and_then(Value::as_str);
    let url =
        url.ok_or_else(|| ApiError::conflict("no_webhook", "the bot has no address; set webhook_url"))?;
    let (delivery, event) = (api.ids.next(), api.ids.next());
    let new = webhook_logs::New {
        delivery,
        event,
        event_type: "webhook.test".to_owned(),
        target: webhook_logs::Target::Bot(id),
        url: url.to_owned(),
        body: json!({
            "id": event,
            "type": "webhook.test",
            "created_at": api.clock.now(),
            "organization_id": caller.scope.org(),
            "data": { "bot_id": id },
        }),
    };
    webhook_logs::insert_many(&mut tx, &caller.scope, &[new], &*api.ids).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, axum::Json(json!({ "data": { "delivery_id": delivery } }))).into_response())
}

/// Refuses whoever may not read all that the document of a bot holds.
fn reads_all(caller: &Caller, bot: Uuid) -> Result<(), ApiError> {
    document::areas().try_for_each(|area| caller.require_in(bot.into(), read(area)))
}

/// Refuses whoever may not write all that the document of a bot holds.
fn writes_all(caller: &Caller) -> Result<(), ApiError> {
    document::areas().try_for_each(|area| caller.require(write(area)))
}

async fn export(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<axum::Json<Value>, ApiError> {
    reads_all(&caller, id)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let document = document::export(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    caller.audit(&api, &mut tx, Act::new("bots.exported", "bots", Some(id))).await?;
    tx.commit().await?;
    Ok(axum::Json(json!({ "data": document })))
}

async fn import(
    State(api): State<Api>,
    caller: Caller,
    Body(document): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    writes_all(&caller)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = document::import(&api, &mut tx, &caller, &document, None).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "imported", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, PATH))
}

async fn duplicate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(name): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    check(&TABLE, &name, Mode::Create, &[])?;
    if let Some(other) = name.keys().find(|key| !["name", "slug"].contains(&key.as_str())) {
        return Err(ApiError::invalid(other.clone(), "is taken from the bot that is duplicated"));
    }
    reads_all(&caller, id)?;
    writes_all(&caller)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let document = document::export(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    let row = document::import(&api, &mut tx, &caller, &document, Some(&name)).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "duplicated", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, PATH))
}

/// Two secrets at most are valid at a time: the new one and the one before.
async fn rotate_secret(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
) -> Result<axum::Json<Value>, ApiError> {
    let secret = new_secret().map_err(botbuilder_store::Error::from)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = Row { parent: None, id };
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    let sealed_place = Place { table: "bots", column: "webhook_secret", row: id };
    let old = bots::webhook_secrets(&mut tx, &caller.scope, &keys, id).await?;
    let secrets: Vec<&str> = std::iter::once(secret.expose().as_str())
        .chain(old.iter().map(|old| old.expose().as_str()))
        .take(2)
        .collect();
    let sealed = keys
        .seal(sealed_place, json!(secrets).to_string().as_bytes())
        .map_err(botbuilder_store::Error::from)?;
    bots::set_webhook_secret(&mut tx, &caller.scope, id, &sealed).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "webhook_secret_rotated", Some(&before), Some(&before))
        .await?;
    tx.commit().await?;
    Ok(axum::Json(json!({ "data": { "secret": secret.expose() } })))
}
