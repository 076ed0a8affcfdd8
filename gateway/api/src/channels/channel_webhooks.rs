//! `/v1/channels/{channel_id}/webhooks`: callbacks as they came in, and taking them in again.

use axum::{extract::State, http::StatusCode};
use botbuilder_adapter_kit::NotTaken;
use botbuilder_domain::ChannelId;
use botbuilder_store::{
    channels::channel_webhooks::TABLE,
    table::rows::{self, Place},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, manage},
    resource::{
        Answer, Resource,
        act::{fields, set},
        answer, broken_rule,
        changes::note,
        of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/channels/{channel_id}/webhooks";

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "callback", Area::Channel, PATH).log().routes().add(
        Operation::post(
            format!("{PATH}/{{id}}/replay"),
            manage(Area::Channel),
            "takes a callback in again as it came; what was done because of it is not done twice",
        )
        .gives(of_row(&TABLE)),
        replay,
    )
}

/// Taken in first, and noted then: what is noted has happened, and what happens twice changes nothing.
async fn replay(
    State(api): State<Api>,
    caller: Caller,
    Id((channel, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let place = Place { parent: Some(channel), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    let kept = fields(&before)?;
    if kept.get("signature_valid") != Some(&json!(true)) {
        let detail = "its signature was not good; nothing of it is taken in";
        return Err(ApiError::conflict("not_believed", detail));
    }
    let payload = kept.get("payload").cloned().unwrap_or_default();
    let events = (api.take_again)(caller.scope.org(), ChannelId::from(channel), payload).await;
    let events = events.map_err(|reason| match reason {
        NotTaken::NotConnected => ApiError::conflict("channel_disconnected", reason.to_string()),
        NotTaken::Unreadable(_) => ApiError::conflict("not_readable", reason.to_string()),
        NotTaken::Later(seconds) => {
            ApiError::refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reason.to_string())
                .after(seconds)
        }
    })?;
    tracing::info!(webhook.id = %id, events, "callback was taken in again");

    let mut tx = api.store.begin(&caller.scope).await?;
    let now = json!(api.clock.now());
    let at = set([("replayed_at", now.clone()), ("status", json!("processed")), ("processed_at", now)]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place, at)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    note(&api, &mut tx, &caller, &TABLE, "replayed", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}
