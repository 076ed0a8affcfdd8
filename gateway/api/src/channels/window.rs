//! Whether a message may be queued that is outside its contact's reply window: the setting `outside_window` says.

use botbuilder_adapter_kit::OutsideWindow;
use botbuilder_domain::{ChannelKind, Content};
use botbuilder_store::{
    OrgScope, Tx,
    channels::{channels::TABLE, conversations::Whereabouts},
    system::held_messages,
    table::rows,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::{
    Api,
    error::ApiError,
    resource::act::{at, fields},
};

/// Whether a channel with these settings takes nothing outside the window.
pub(super) fn refuses(settings: &Map<String, Value>) -> bool {
    matches!(OutsideWindow::of(settings), Ok(OutsideWindow::Refuse) | Err(_))
}

/// Whether settings can be kept as they are.
pub(super) fn check(settings: Option<&Value>) -> Result<(), ApiError> {
    let Some(settings) = settings.and_then(Value::as_object) else { return Ok(()) };
    OutsideWindow::of(settings)
        .map(|_| ())
        .map_err(|reason| ApiError::invalid("settings", format!("outside_window: {reason}")))
}

/// Lets a person's message pass, or refuses it. The answer is the end of the window, where there is one.
pub(super) async fn admit(
    api: &Api,
    tx: &mut Tx,
    scope: &OrgScope,
    to: &Whereabouts,
    kind: ChannelKind,
    content: &Content,
) -> Result<Option<DateTime<Utc>>, ApiError> {
    let capabilities =
        api.capabilities.iter().find(|(of, _)| *of == kind).map(|(_, capabilities)| capabilities);
    let Some(can) = capabilities.filter(|can| can.reply_window_hours.is_some()) else { return Ok(None) };
    let reach = held_messages::reach(tx, scope, to.id).await?.ok_or(ApiError::NotFound)?;
    let now = api.clock.now();
    let open = reach.window_until.is_some_and(|end| now < end);
    let for_persons = reach
        .last_inbound_at
        .zip(can.person_window_hours)
        .is_some_and(|(last, hours)| now < last + TimeDelta::hours(hours.into()));
    if open || for_persons || matches!(content, Content::Template(_) | Content::Structured { .. }) {
        return Ok(reach.window_until);
    }
    let row = rows::get(tx, scope, &TABLE, at(to.channel.uuid()), None).await?.ok_or(ApiError::NotFound)?;
    let row = fields(&row)?;
    let nothing = Map::new();
    if refuses(row.get("settings").and_then(Value::as_object).unwrap_or(&nothing)) {
        return Err(ApiError::conflict(
            "window_closed",
            "the contact has not written lately; the network takes only an approved template",
        ));
    }
    Ok(reach.window_until)
}
