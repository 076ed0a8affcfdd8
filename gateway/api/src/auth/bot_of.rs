//! Rights in one bot, where the address names something of the bot and not the bot itself.

use botbuilder_domain::BotId;
use botbuilder_store::{
    agents::agents,
    bots::bot_flows,
    nlu::{entities, intents},
    table::{
        Table,
        rows::{self, Place},
    },
    tenancy::rights::Bots,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Caller;
use crate::{Api, error::ApiError, permission::Permission};

/// What has addresses below its own, and belongs to one bot for good.
static OF_A_BOT: &[(&str, &Table)] = &[
    ("flows", &bot_flows::TABLE),
    ("intents", &intents::TABLE),
    ("entities", &entities::TABLE),
    ("agents", &agents::TABLE),
];

/// The thing that an address hangs below, if it is one of those.
fn named(path: &str) -> Option<(&'static Table, Uuid)> {
    let mut segments = path.strip_prefix("/v1/")?.split('/');
    let collection = segments.next()?;
    let table = OF_A_BOT.iter().find(|(name, _)| *name == collection).map(|(_, table)| *table)?;
    Some((table, segments.next()?.parse().ok()?))
}

/// The bot that a row names.
pub(crate) fn bot_in(row: &Map<String, Value>) -> Option<BotId> {
    let bot = row.get("bot_id").and_then(Value::as_str)?;
    bot.parse::<Uuid>().ok().map(BotId::from)
}

/// Whether the caller, who has not got this right everywhere, has it in the bot whose thing the address hangs below.
/// Whoever has it in no bot is not looked anything up for.
pub(crate) async fn allows(
    api: &Api,
    caller: &Caller,
    path: &str,
    permission: Permission,
) -> Result<bool, ApiError> {
    // Whoever has it everywhere was refused for something else.
    let Bots::Only(bots) = caller.bots(permission) else { return Ok(false) };
    let Some((table, id)) = named(path).filter(|_| !bots.is_empty()) else { return Ok(false) };
    let Some(column) = table.column("bot_id") else { return Ok(false) };
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = Place { parent: None, id };
    let row = rows::get(&mut tx, &caller.scope, table, place, Some(&[column])).await?;
    tx.commit().await?;
    let row: Option<Map<String, Value>> =
        row.map(|row| serde_json::from_str(&row.json)).transpose().map_err(ApiError::defect)?;
    let bot = row.as_ref().and_then(bot_in);
    Ok(bot.is_some_and(|bot| caller.require_in(bot, permission).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hangs_below_a_thing_of_a_bot_is_looked_up() {
        let id = Uuid::from_u128(7);
        let table = |path: &str| named(&path.replace("{}", &id.to_string())).map(|(table, _)| table.name);
        assert_eq!(table("/v1/intents/{}/examples"), Some("intents"));
        assert_eq!(table("/v1/flows/{}/variables/{}"), Some("bot_flows"));
        for path in ["/v1/conversations/{}", "/v1/intents", "/v1/intents/x/examples", "/intents/{}"] {
            assert_eq!(table(path), None, "{path}");
        }
    }
}
