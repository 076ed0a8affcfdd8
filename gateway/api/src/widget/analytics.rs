//! `/v1/bots/{id}/widget/analytics`: how much the chat of a bot is used, day by day.

use axum::{
    Json,
    extract::{Query, State},
};
use botbuilder_store::widget::widget_messages;
use chrono::{Days, NaiveTime};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, read},
    routes::{Operation, Routes},
};

/// Most days that are told of.
const DAYS_MAX: u32 = 90;
/// Days that are told of if nothing is asked.
const DAYS: u32 = 30;

/// The routes of this question.
pub fn routes() -> Routes {
    let number = json!({ "type": "integer" });
    let day = json!({
        "type": "object",
        "properties": {
            "day": { "type": "string", "format": "date" }, "visitors": number, "sessions": number,
            "from_visitors": number, "from_bot": number, "from_people": number,
        },
    });
    let days = json!({ "type": "integer", "minimum": 1, "maximum": DAYS_MAX, "default": DAYS });
    Routes::new().add(
        Operation::get(
            "/v1/bots/{id}/widget/analytics",
            read(Area::Widget),
            "visitors, sessions and messages of a bot's chat, for each day (UTC) with any",
        )
        .with_query("days", days, "how many days, today among them")
        .gives(json!({ "type": "object", "properties": { "days": { "type": "array", "items": day } } })),
        analytics,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    days: Option<u32>,
}

async fn analytics(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let range = || ApiError::invalid("days", format!("must be a whole number from 1 to {DAYS_MAX}"));
    let Query(Asked { days }) = asked.map_err(|_| range())?;
    let days = days.unwrap_or(DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(range());
    }
    let first = api.clock.now().date_naive() - Days::new(u64::from(days - 1));
    let mut tx = api.store.begin(&caller.scope).await?;
    super::widget_configs::of_bot(&mut tx, &caller, bot).await?;
    let from = first.and_time(NaiveTime::MIN).and_utc();
    let days = widget_messages::days(&mut tx, &caller.scope, bot.into(), from).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "days": days } })))
}
