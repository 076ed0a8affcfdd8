//! Connecting a channel end to end: the token is tried, the provider is told where to send events, and what remains to be
//! done by hand is shown (`settings.webhook`). Disconnecting and deleting undo it.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use botbuilder_adapter_kit::{Act, Callback, Identity, Outcome, Trouble};
use botbuilder_domain::{ChannelKind, Secret};
use botbuilder_store::{
    channels::channels::{self, Opened, TABLE},
    secret::new_secret,
    table::rows,
    tenancy::organizations,
};
use serde_json::{Map, Value, json};
use tracing::warn;
use uuid::Uuid;

use super::channels::{capabilities, seal};
use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::ApiError,
    etag::IfMatch,
    input::Id,
    permission::{Area, delete as may_delete, manage},
    resource::{
        Answer, Resource,
        act::{act, at, fields, set},
        of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/channels";
/// The states that a channel may be connected from.
const CONNECTABLE: [&str; 4] = ["pending", "paused", "error", "disconnected"];

/// The routes that connect and disconnect.
pub(super) fn routes(mut routes: Routes) -> Routes {
    let action = |action: &str, summary: &str| {
        Operation::post(format!("{PATH}/{{id}}/{action}"), manage(Area::Channel), summary)
    };
    let identity = json!({
        "type": "object",
        "properties": {
            "provider_account_id": { "type": ["string", "null"] },
            "handle": { "type": ["string", "null"] },
            "settings": { "type": "object" },
        },
    });
    let callback = json!({
        "type": "object",
        "properties": {
            "address": { "type": ["string", "null"] },
            "registered": { "type": "boolean" },
            "by_hand": { "type": ["string", "null"] },
        },
    });
    let summary = "tries the token, tells the provider where to send events, and lets messages through";
    routes = routes
        .add(action("activate", summary).gives(of_row(&TABLE)).matches(), activate)
        .add(
            action("disconnect", "has the provider send no more events, and lets no messages through")
                .gives(of_row(&TABLE))
                .matches(),
            disconnect,
        )
        .add(action("test", "tries the token at the provider: whose it is").gives(identity), test)
        .add(
            action(
                "register-webhook",
                "tells the provider where to send events, and what remains to be done by hand",
            )
            .gives(callback),
            register_webhook,
        );
    routes.add(
        Operation::delete(format!("{PATH}/{{id}}"), may_delete(Area::Channel), "deletes one channel")
            .matches(),
        remove,
    )
}

/// What is wrong at the provider, with what to do about it.
pub(super) fn problem(trouble: &Trouble) -> ApiError {
    let text = trouble.to_string();
    if trouble.passes {
        let seconds = trouble.after.map_or(5, |after| u32::try_from(after.as_secs()).unwrap_or(u32::MAX));
        return ApiError::refused(StatusCode::SERVICE_UNAVAILABLE, trouble.code, text).after(seconds);
    }
    let status = match trouble.code {
        "provider_not_configured" => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    };
    ApiError::refused(status, trouble.code, text).with(json!({ "advice": trouble.advice }))
}

/// The channel with its secrets.
pub(super) async fn open(api: &Api, caller: &Caller, id: Uuid) -> Result<Opened, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let opened = channels::open(&mut tx, &caller.scope, &api.root, id.into()).await?;
    tx.commit().await?;
    opened.ok_or(ApiError::NotFound)
}

/// Refuses, before the provider is asked for anything, a channel that is not in the state the caller saw; and one to be
/// activated for which the plan has no place: a disconnected one takes none.
async fn check_first(
    api: &Api,
    caller: &Caller,
    id: Uuid,
    if_match: IfMatch,
    takes_place: bool,
) -> Result<(), ApiError> {
    let wanted = if_match.allow()?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    if wanted.is_some() && wanted != row.version {
        return Err(ApiError::Stale);
    }
    if takes_place && fields(&row)?.get("status").and_then(Value::as_str) == Some("disconnected") {
        limits::room_for(&mut tx, &caller.scope, &TABLE).await?;
    }
    Ok(tx.commit().await?)
}

/// Settings that the provider told, where the operator gave none.
fn learned(before: &Map<String, Value>, identity: &Identity) -> Map<String, Value> {
    let mut settings = before.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in &identity.settings {
        settings.entry(name.clone()).or_insert_with(|| value.clone());
    }
    settings
}

/// Whether another channel has the account that the token is for, so that the callbacks of a provider's app for many
/// accounts find that one.
async fn elsewhere(api: &Api, opened: &Opened, identity: Option<&Identity>) -> Result<bool, ApiError> {
    let Some(id) = identity.and_then(|identity| identity.provider_account_id.as_deref()) else {
        return Ok(false);
    };
    let mut tx = api.store.begin_auth().await?;
    let elsewhere = channels::is_elsewhere(&mut tx, opened.kind, id, opened.id).await?;
    tx.commit().await?;
    Ok(elsewhere)
}

/// What stands on a channel that works, beside what `identity` tells. Whose the token is, is what the provider said, never
/// what somebody wrote: by that id an app for many accounts finds its channels.
fn well(
    api: &Api,
    before: &Map<String, Value>,
    identity: Option<&Identity>,
    elsewhere: bool,
) -> Map<String, Value> {
    let mut change = set([
        ("health", json!("healthy")),
        ("health_checked_at", json!(api.clock.now())),
        ("error_code", Value::Null),
        ("error_message", Value::Null),
    ]);
    if let Some(kind) = before.get("type").and_then(Value::as_str).and_then(ChannelKind::parse) {
        change.insert("capabilities".to_owned(), capabilities(api, kind));
    }
    if let Some(identity) = identity {
        change.insert("settings".to_owned(), Value::Object(learned(before, identity)));
        if let Some(handle) = &identity.handle {
            let handle: String = handle.chars().take(128).collect();
            change.insert("display_handle".to_owned(), json!(handle));
        }
        if elsewhere {
            let said = "another channel has this account: what an app for many accounts is told goes there, and this \
                        channel hears what comes to its own address";
            change.insert("error_code".to_owned(), json!("account_elsewhere"));
            change.insert("error_message".to_owned(), json!(said));
        } else if let Some(id) = identity.provider_account_id.as_ref().filter(|id| id.len() <= 128) {
            change.insert("provider_account_id".to_owned(), json!(id));
        }
    }
    change
}

/// Writes down what is wrong, and gives it as the answer.
async fn broken(api: &Api, caller: &Caller, id: Uuid, status: Option<&str>, trouble: Trouble) -> ApiError {
    let mut change = set([
        ("health", json!(if trouble.passes { "degraded" } else { "down" })),
        ("health_checked_at", json!(api.clock.now())),
        ("error_code", json!(trouble.code)),
        ("error_message", json!(trouble.to_string().chars().take(2000).collect::<String>())),
    ]);
    if let Some(status) = status {
        change.insert("status".to_owned(), json!(status));
    }
    let written = act(api, caller, &TABLE, at(id), "found_broken", |_| Ok(change)).await;
    (api.channels_changed)();
    match written {
        Ok(_) => problem(&trouble),
        Err(error) => error,
    }
}

/// The token is tried first, so that nothing is connected that cannot work. Callbacks are let through before the provider
/// is told of them, because some call at once and want an answer.
async fn activate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<Answer, ApiError> {
    check_first(&api, &caller, id, if_match, true).await?;
    let opened = with_secret(&api, &caller, id).await?;
    let identity = match (api.at_provider)(opened.clone(), Act::Check).await {
        Ok(Outcome { identity, .. }) => identity,
        Err(trouble) => return Err(broken(&api, &caller, id, None, trouble).await),
    };
    let elsewhere = elsewhere(&api, &opened, identity.as_ref()).await?;
    let activated = act(&api, &caller, &TABLE, at(id), "activate", |before| {
        let state = before.get("status").and_then(Value::as_str).unwrap_or_default();
        if state != "active" && !CONNECTABLE.contains(&state) {
            return Err(
                ApiError::conflict("wrong_state", format!("it is {state}")).with(json!({ "state": state }))
            );
        }
        let mut change = well(&api, before, identity.as_ref(), elsewhere);
        change.insert("status".to_owned(), json!("active"));
        Ok(change)
    });
    let answer = activated.await?;
    (api.channels_changed)();
    let opened = open(&api, &caller, id).await?;
    match (api.at_provider)(opened, Act::Register).await {
        Ok(Outcome { callback: Some(callback), business, .. }) => {
            noted(&api, &caller, id, Some(&callback), business).await
        }
        Ok(_) => Ok(answer),
        Err(trouble) => Err(broken(&api, &caller, id, Some("error"), trouble).await),
    }
}

/// The channel with its secrets; with one for callbacks, made now where it has none, if its provider lets us choose it.
async fn with_secret(api: &Api, caller: &Caller, id: Uuid) -> Result<Opened, ApiError> {
    let opened = open(api, caller, id).await?;
    let chosen_by_us = opened.kind == ChannelKind::Telegram;
    if !opened.webhook_secrets.is_empty() || !chosen_by_us {
        return Ok(opened);
    }
    let secret: Secret<String> = new_secret().map_err(botbuilder_store::Error::from)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    tx.commit().await?;
    let sealed = seal(&keys, "webhook_secret", id, &json!([secret.expose()]))?;
    act(api, caller, &TABLE, at(id), "webhook_secret_made", |_| Ok(Map::from_iter(sealed))).await?;
    open(api, caller, id).await
}

/// Keeps on the channel how its events come in, and the account above it whose events are for it, too.
async fn noted(
    api: &Api,
    caller: &Caller,
    id: Uuid,
    callback: Option<&Callback>,
    business: Option<String>,
) -> Result<Answer, ApiError> {
    let noted = act(api, caller, &TABLE, at(id), "webhook_noted", |before| {
        let mut settings = before.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
        match callback.filter(|callback| callback.address.is_some()) {
            Some(callback) => settings.insert("webhook".to_owned(), json!(callback)),
            None => settings.remove("webhook"),
        };
        Ok(set([("settings", Value::Object(settings)), ("provider_business_id", json!(business))]))
    });
    let answer = noted.await?;
    (api.channels_changed)();
    Ok(answer)
}

async fn test(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let opened = open(&api, &caller, id).await?;
    match (api.at_provider)(opened.clone(), Act::Check).await {
        Ok(Outcome { identity, .. }) => {
            let elsewhere = elsewhere(&api, &opened, identity.as_ref()).await?;
            let change = |before: &Map<String, Value>| Ok(well(&api, before, identity.as_ref(), elsewhere));
            act(&api, &caller, &TABLE, at(id), "tested", change).await?;
            (api.channels_changed)();
            Ok(Json(json!({ "data": identity.unwrap_or_default() })))
        }
        Err(trouble) => Err(broken(&api, &caller, id, None, trouble).await),
    }
}

async fn register_webhook(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Value>, ApiError> {
    let opened = with_secret(&api, &caller, id).await?;
    if !opened.active {
        return Err(ApiError::conflict(
            "wrong_state",
            "it is not connected; activate it, which registers it too",
        ));
    }
    match (api.at_provider)(opened, Act::Register).await {
        Ok(Outcome { callback, business, .. }) => {
            noted(&api, &caller, id, callback.as_ref(), business).await?;
            Ok(Json(json!({ "data": callback })))
        }
        Err(trouble) => Err(broken(&api, &caller, id, None, trouble).await),
    }
}

/// Has the provider send no more events. It is not reachable, or knows the token no more? Then that is noted, and the
/// channel is disconnected all the same: what still comes is refused.
async fn leave(api: &Api, opened: Opened) -> Option<Trouble> {
    let channel = opened.id;
    let trouble = (api.at_provider)(opened, Act::Unregister).await.err()?;
    warn!(channel.id = %channel, code = trouble.code, "provider still sends events: {trouble}");
    Some(trouble)
}

async fn disconnect(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<Answer, ApiError> {
    check_first(&api, &caller, id, if_match, false).await?;
    let opened = open(&api, &caller, id).await?;
    let trouble = leave(&api, opened).await;
    let disconnected = act(&api, &caller, &TABLE, at(id), "disconnect", |before| {
        let mut settings = before.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
        settings.remove("webhook");
        let message = trouble.map(|trouble| format!("the provider was not told: {trouble}"));
        Ok(set([
            ("status", json!("disconnected")),
            ("settings", Value::Object(settings)),
            ("error_code", json!(message.as_ref().map(|_| "not_unregistered"))),
            ("error_message", json!(message.map(|text| text.chars().take(2000).collect::<String>()))),
        ]))
    });
    let answer = disconnected.await?;
    (api.channels_changed)();
    Ok(answer)
}

async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    // A header that is no tag is refused before anybody looks for the channel.
    _: IfMatch,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let opened = open(&api, &caller, id).await?;
    let status = Resource::new(&TABLE, "channel", Area::Channel, PATH).delete(&api, &caller, request).await?;
    leave(&api, opened).await;
    Ok(status)
}
