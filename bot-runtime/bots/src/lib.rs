//! Bots as the database holds them, put together for the flow engine.
//!
//! The runtime keeps what comes of it; the management API makes it anew for each simulation. Rows that cannot be read are
//! left out, and the log says which: a bot that says less is better than one that is silent.

pub mod experiments;
mod messages;
mod orchestration;

use botbuilder_domain::BotId;
use botbuilder_flow::{Settings, Value, hours::BusinessHours};
use botbuilder_store::{
    Error, OrgScope, Tx,
    bots::{bot_messages, bots},
    experiments as stored,
    nlu::taught,
};
use serde::Deserialize as _;
use tracing::warn;

pub use orchestration::orchestration_of;

/// What turns of a bot need to know beside its flows.
#[derive(Debug)]
pub struct Known {
    /// The bot's texts, hours, constants and experiments.
    pub settings: Settings,
    /// `bots.settings`, as they are stored.
    pub stored: serde_json::Value,
}

/// What turns of this bot need to know beside its flows. None where there is no such bot.
pub async fn known(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Option<Known>, Error> {
    let Some(row) = bots::for_turns(tx, scope, bot).await? else { return Ok(None) };
    let written = bot_messages::for_turns(tx, scope, bot).await?;
    let running = stored::running(tx, scope, bot).await?;
    let answered = taught::answered(tx, scope, bot).await?;
    let (mut messages, keywords) = messages::sorted(bot, written);
    if row.fallback.is_none() {
        // A bot without last words of its own says that it did not understand.
        messages.error.extend(messages.fallback.iter().cloned());
    }
    let hours = row.settings.get("business_hours").or_else(|| row.organization.get("business_hours"));
    let settings = Settings {
        messages,
        keywords,
        intents: answered.into_iter().filter_map(|row| messages::intent_answer(bot, row)).collect(),
        language: row.language,
        experiments: running.into_iter().filter_map(|row| experiments::running(bot, row)).collect(),
        handoff: row.handoff,
        hours: hours.and_then(|hours| hours_of(bot, hours)),
        constants: row.settings.get("constants").and_then(Value::from_json).unwrap_or_default(),
        ..Settings::with_fallback(row.fallback)
    };
    Ok(Some(Known { settings, stored: row.settings }))
}

fn hours_of(bot: BotId, json: &serde_json::Value) -> Option<BusinessHours> {
    BusinessHours::deserialize(json)
        .inspect_err(|error| warn!(bot.id = %bot, error = %error, "working hours cannot be read"))
        .ok()
}
