//! `/v1/channels`.

use axum::{Json, extract::State};
use botbuilder_adapter_kit::plan;
use botbuilder_domain::{ChannelKind, Content, Secret};
use botbuilder_store::{
    channels::channels::{self, TABLE},
    secret::{DataKeys, Place as Sealing, Sealed, new_secret},
    table::rows::{self, Row},
    tenancy::organizations,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{connecting, window};
use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, Verb, manage, read},
    resource::{
        Answer, Mode, Resource, Transition,
        act::{at, fields, set},
        broken_rule, changes, check, created, of_row,
    },
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let object = json!({ "type": "object" });
    let resource = Resource::new(&TABLE, "channel", Area::Channel, "/v1/channels")
        .prepared(|values, _| window::check(values.get("settings")))
        .shown(with_capabilities)
        .log()
        .updatable()
        .restorable()
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Manage))
        .routes();
    connecting::routes(resource)
        .add(
            Operation::get(
                "/v1/channels/types",
                read(Area::Channel),
                "kinds of channels, and what each shows",
            ),
            types,
        )
        .add(
            Operation::post("/v1/channels", manage(Area::Channel), "connects an account")
                .answers(201)
                .takes(json!({
                    "type": "object",
                    "properties": {
                        "type": { "type": "string" },
                        "name": { "type": "string", "maxLength": 120 },
                        "bot_id": { "type": ["string", "null"], "format": "uuid" },
                        "provider_account_id": { "type": ["string", "null"], "maxLength": 128 },
                        "settings": object,
                        "rate_per_second": { "type": ["number", "null"], "minimum": 0.01, "maximum": 100_000 },
                        "credentials": object,
                        "webhook_secret": { "type": "string" },
                    },
                    "required": ["type", "name"],
                    "additionalProperties": false,
                }))
                .gives(of_row(&TABLE)),
            create,
        )
        .add(
            Operation::post(
                "/v1/channels/{id}/rotate-credentials",
                manage(Area::Channel),
                "replaces the credentials",
            )
            .takes(json!({
                "type": "object",
                "properties": { "credentials": object },
                "required": ["credentials"],
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            rotate_credentials,
        )
        .add(
            Operation::post(
                "/v1/channels/{id}/rotate-webhook-secret",
                manage(Area::Channel),
                "a new secret for callbacks, shown once; the one before stays valid beside it",
            )
            .takes(json!({
                "type": "object",
                "properties": { "secret": { "type": "string", "minLength": 8, "maxLength": 512 } },
                "additionalProperties": false,
            }))
            .gives(json!({ "type": "object", "properties": { "secret": { "type": "string" } } }))
            .secret(),
            rotate_webhook_secret,
        )
        .add(
            Operation::post(
                "/v1/channels/{id}/preview",
                read(Area::Channel),
                "what a message becomes there, without sending it",
            )
            .takes(json!({
                "type": "object",
                "properties": { "content": object },
                "required": ["content"],
                "additionalProperties": false,
            }))
            .gives(object),
            preview,
        )
}

/// What each kind of channel can show.
async fn types(State(api): State<Api>, _caller: Caller) -> Json<Value> {
    let types: Vec<Value> = api
        .capabilities
        .iter()
        .map(|(kind, capabilities)| json!({ "type": kind, "capabilities": capabilities }))
        .collect();
    Json(json!({ "data": types }))
}

/// What a channel of this kind can show, as it stands on the channel.
pub(super) fn capabilities(api: &Api, kind: ChannelKind) -> Value {
    let of_kind = api.capabilities.iter().find(|(of, _)| *of == kind);
    of_kind.map_or_else(|| json!({}), |(_, capabilities)| json!(capabilities))
}

/// A channel shows what this program can do there, which may be more than when it was connected.
fn with_capabilities(api: &Api, _: &Caller, row: &mut Row) -> Result<(), ApiError> {
    let mut shown = fields(row)?;
    let kind = shown.get("type").and_then(Value::as_str).and_then(ChannelKind::parse);
    if let (Some(kind), Some(stored)) = (kind, shown.get_mut("capabilities")) {
        *stored = capabilities(api, kind);
        row.json = Value::Object(shown).to_string();
    }
    Ok(())
}

/// The kind of a channel that this program speaks.
fn kind_of(name: &str) -> Result<ChannelKind, ApiError> {
    ChannelKind::parse(name).ok_or(ApiError::NotAvailable("this kind of channel"))
}

/// A sealed value as the columns that hold it.
fn columns(name: &str, sealed: &Sealed) -> [(String, Value); 2] {
    let digits = sealed.ciphertext.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    [(format!("{name}_ct"), json!(digits)), (format!("{name}_kid"), json!(sealed.key_id))]
}

/// A sealed secret of a channel as the columns that hold it.
pub(super) fn seal(
    keys: &DataKeys,
    column: &'static str,
    id: Uuid,
    plain: &Value,
) -> Result<[(String, Value); 2], ApiError> {
    let place = Sealing { table: "channels", column, row: id };
    let sealed = keys.seal(place, plain.to_string().as_bytes()).map_err(botbuilder_store::Error::from)?;
    Ok(columns(column, &sealed))
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(mut values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    let credentials = values.remove("credentials");
    if credentials.as_ref().is_some_and(|credentials| !credentials.is_object()) {
        return Err(ApiError::invalid("credentials", "must be an object"));
    }
    let secret = values.remove("webhook_secret");
    if secret
        .as_ref()
        .is_some_and(|secret| !secret.as_str().is_some_and(|text| (8..=512).contains(&text.len())))
    {
        return Err(ApiError::invalid("webhook_secret", "must be a text of 8 to 512 characters"));
    }
    check(&TABLE, &values, Mode::Create, &[])?;
    window::check(values.get("settings"))?;
    values.retain(|_, value| !value.is_null());
    let kind = kind_of(values.get("type").and_then(Value::as_str).unwrap_or_default())?;
    let id = api.ids.next();
    let public = new_secret().map_err(botbuilder_store::Error::from)?;
    values.insert("public_id".to_owned(), json!(public.expose().get(..24)));
    values.insert("created_by".to_owned(), json!(caller.user()));
    values.insert("capabilities".to_owned(), capabilities(&api, kind));
    if kind == ChannelKind::Web {
        values.insert("status".to_owned(), json!("active"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    limits::room_for(&mut tx, &caller.scope, &TABLE).await?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    if let Some(credentials) = &credentials {
        values.extend(seal(&keys, "credentials", id, credentials)?);
        values.insert("credentials_rotated_at".to_owned(), json!("now"));
    }
    if let Some(secret) = &secret {
        values.extend(seal(&keys, "webhook_secret", id, &json!([secret]))?);
    }
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, id, values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    (api.channels_changed)();
    Ok(created(row, "/v1/channels"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    credentials: Map<String, Value>,
}

async fn rotate_credentials(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Credentials { credentials }): Body<Credentials>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    tx.commit().await?;
    let sealed = seal(&keys, "credentials", id, &Value::Object(credentials))?;
    let changed = crate::resource::act::act(&api, &caller, &TABLE, at(id), "credentials_rotated", |_| {
        // When the new one ends is found out when it is renewed.
        let mut change = set([("credentials_rotated_at", json!("now")), ("token_expires_at", Value::Null)]);
        change.extend(sealed);
        Ok(change)
    });
    let changed = changed.await?;
    (api.channels_changed)();
    Ok(changed)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookSecret {
    secret: Option<Secret<String>>,
}

/// Two secrets at most are valid at a time: the new one and the one before.
async fn rotate_webhook_secret(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(WebhookSecret { secret }): Body<WebhookSecret>,
) -> Result<Json<Value>, ApiError> {
    let secret = match secret {
        Some(secret) if (8..=512).contains(&secret.expose().len()) => secret,
        Some(_) => return Err(ApiError::invalid("secret", "must have 8 to 512 characters")),
        None => new_secret().map_err(botbuilder_store::Error::from)?,
    };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let opened = channels::open(&mut tx, &caller.scope, &api.root, id.into()).await?;
    let old = opened.map(|opened| opened.webhook_secrets).unwrap_or_default();
    let secrets = std::iter::once(&secret).chain(&old).map(|secret| secret.expose().as_str());
    let secrets: Vec<&str> = secrets.take(2).collect();
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    let change = Map::from_iter(seal(&keys, "webhook_secret", id, &json!(secrets))?);
    rows::update(&mut tx, &caller.scope, &TABLE, at(id), change).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "webhook_secret_rotated", Some(&before), Some(&before))
        .await?;
    tx.commit().await?;
    (api.channels_changed)();
    Ok(Json(json!({ "data": { "secret": secret.expose() } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    content: Value,
}

/// What a message becomes on a channel: its parts, and where they could not be shown as written.
async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Preview { content }): Body<Preview>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    let content: Content = serde_json::from_value(content)
        .map_err(|error| ApiError::invalid("content", format!("is no message: {error}")))?;
    let fields = fields(&row)?;
    let kind = kind_of(fields.get("type").and_then(Value::as_str).unwrap_or_default())?;
    let capabilities =
        api.capabilities.iter().find(|(of, _)| *of == kind).map(|(_, capabilities)| capabilities);
    let capabilities = capabilities.ok_or(ApiError::NotAvailable("this kind of channel"))?;
    let plan =
        plan(&content, capabilities).map_err(|error| ApiError::invalid("content", error.to_string()))?;
    Ok(Json(json!({ "data": { "parts": plan.parts, "downgrades": plan.downgrades } })))
}
