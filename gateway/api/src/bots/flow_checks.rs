//! What is said of a flow in its place: whether what it uses is there, and what the bot's channels show otherwise.

use std::{collections::BTreeSet, pin::Pin};

use botbuilder_adapter_kit::plan;
use botbuilder_domain::{BotId, Capabilities, ChannelKind, FlowId};
use botbuilder_flow::{Flow, references::Known};
use botbuilder_store::{
    Tx,
    agents::{agent_workflows, agents},
    bots::bot_flows,
    channels::{channel_templates, channels},
    flows::flow_secrets,
    knowledge::knowledge_bases,
    models::ab_tests,
    nlu::{entities, intents},
    table::{
        Table,
        rows::{self, Condition, Place, Query, Test},
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{flow_simulation::bot_of, flow_variables::declared};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    resource::{Writing, act::fields},
};

/// Most rows that are looked at of one kind.
const MOST: i64 = 10_000;
/// Most findings, and most previews, of one report.
const SHOWN: usize = 200;

/// Everything that is wrong with a definition (`problems`), what the bot's channels cannot show as it is written
/// (`findings`), and what they show instead (`previews`). The last two hinder nobody from publishing. `own` is the id of
/// the flow; none where it is new.
pub(crate) async fn report(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    bot: BotId,
    own: Option<Uuid>,
    definition: &Value,
) -> Result<Value, ApiError> {
    let whole = match own {
        Some(own) => declared(tx, caller, own, definition).await?,
        None => definition.clone(),
    };
    let (flow, mut problems) = Flow::draft(&whole);
    let (mut findings, mut previews) = (Vec::new(), Vec::new());
    if let Some(flow) = flow {
        let looking = Looking { tx, caller, bot };
        let (known, channels) = looking.around(api, &flow, own).await?;
        problems.extend(flow.check_references(&known));
        findings = flow.lint(&channels);
        findings.truncate(SHOWN);
        previews = shown_otherwise(&flow, &channels);
    }
    Ok(json!({
        "valid": problems.is_empty(), "problems": problems, "findings": findings, "previews": previews,
    }))
}

/// The report on a flow that is there.
pub(super) async fn report_on(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    place: Place,
    definition: &Value,
) -> Result<Value, ApiError> {
    let row = rows::get(tx, &caller.scope, &bot_flows::TABLE, place, None).await?;
    let bot = bot_of(&fields(&row.ok_or(ApiError::NotFound)?)?)?;
    report(api, tx, caller, bot, Some(place.id), definition).await
}

/// Gives a draft that is saved its report. Nothing in it keeps a draft from being saved.
pub(super) fn reported(
    writing: Writing<'_>,
) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + '_>> {
    Box::pin(async move {
        let Writing { api, tx, caller, before, values } = writing;
        let Some(definition) = values.get("draft_definition").cloned() else { return Ok(()) };
        let bot = match before {
            Some(before) => bot_of(&fields(before)?)?,
            None => bot_of(values)?,
        };
        let own = before.map(|before| before.id);
        let report = report(api, tx, caller, bot, own, &definition).await?;
        values.insert("validation_report".to_owned(), report);
        Ok(())
    })
}

/// What channels show in the place of what the flow says, exactly as the dispatcher would send it.
fn shown_otherwise(flow: &Flow, channels: &[(ChannelKind, Capabilities)]) -> Vec<Value> {
    let mut previews = Vec::new();
    for (node, content) in flow.says() {
        for (channel, capabilities) in channels {
            let shown = match plan(&content, capabilities) {
                Ok(plan) if plan.downgrades.is_empty() => continue,
                Ok(plan) => json!({ "parts": plan.parts, "downgrades": plan.downgrades }),
                Err(error) => json!({ "error": error.to_string() }),
            };
            let mut preview = json!({ "node": node, "channel": channel });
            if let (Some(preview), Value::Object(shown)) = (preview.as_object_mut(), shown) {
                preview.extend(shown);
            }
            previews.push(preview);
            if previews.len() == SHOWN {
                return previews;
            }
        }
    }
    previews
}

/// Looks things up in the tables.
struct Looking<'l> {
    tx: &'l mut Tx,
    caller: &'l Caller,
    bot: BotId,
}

impl Looking<'_> {
    /// What there is of the things that a flow uses, and the channels that the bot speaks on.
    async fn around(
        mut self,
        api: &Api,
        flow: &Flow,
        own: Option<Uuid>,
    ) -> Result<(Known, Vec<(ChannelKind, Capabilities)>), ApiError> {
        let needs = flow.needs();
        let bot = ("bot_id", self.bot.to_string());
        let of_bot = std::slice::from_ref(&bot);
        let is_active = [bot.clone(), ("is_active", "true".to_owned())];
        let is_running = [bot.clone(), ("status", "active".to_owned())];
        let mut known = Known {
            agents: self.names(&agents::TABLE, "id", &needs.agents, &is_active).await?,
            workflows: self.names(&agent_workflows::TABLE, "id", &needs.workflows, &is_running).await?,
            knowledge_bases: self.names(&knowledge_bases::TABLE, "id", &needs.knowledge_bases, &[]).await?,
            intents: self.names(&intents::TABLE, "name", &needs.intents, &is_active).await?,
            entities: self.names(&entities::TABLE, "name", &needs.entities, of_bot).await?,
            experiments: self.names(&ab_tests::TABLE, "id", &needs.experiments, &[]).await?,
            ..Known::default()
        };
        for row in self.rows(&flow_secrets::TABLE, "name", &needs.secrets, &[]).await? {
            // A secret without a bot is for all of them.
            if row["bot_id"].is_null() || row["bot_id"] == bot.1 {
                known.secrets.extend(row["name"].as_str().map(str::to_owned));
            }
        }
        let names = needs.templates.into_keys().collect();
        for row in self.rows(&channel_templates::TABLE, "name", &names, &[]).await? {
            if let (Some(name), Some(language)) = (row["name"].as_str(), row["language"].as_str()) {
                known.templates.entry(name.to_owned()).or_default().insert(language.to_owned());
            }
        }
        for id in needs.flows.into_keys() {
            if let Some((variables, required)) = self.declared(flow, own, &id).await? {
                known.flows.insert(id.clone(), variables);
                known.required.insert(id, required);
            }
        }
        let kinds = self.values(&channels::TABLE, "type", of_bot).await?;
        let of_bot = |(kind, _): &&(ChannelKind, Capabilities)| kinds.contains(kind.as_str());
        Ok((known, api.capabilities.iter().filter(of_bot).copied().collect()))
    }

    /// The variables of a flow that is called, and those that a call must set; none where it cannot be called. A flow may
    /// call itself.
    async fn declared(
        &mut self,
        flow: &Flow,
        own: Option<Uuid>,
        id: &str,
    ) -> Result<Option<(BTreeSet<String>, BTreeSet<String>)>, ApiError> {
        let variables = |flow: &Flow| {
            let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
            (names(&mut flow.variables()), names(&mut flow.required()))
        };
        let Ok(called) = id.parse::<FlowId>() else { return Ok(None) };
        if Some(called.uuid()) == own {
            return Ok(Some(variables(flow)));
        }
        let found = bot_flows::published(self.tx, &self.caller.scope, self.bot, called).await?;
        Ok(found.and_then(|(_, definition)| Flow::strict(&definition).ok()).as_ref().map(variables))
    }

    /// Which of these values of a column there are.
    async fn names(
        &mut self,
        table: &'static Table,
        column: &'static str,
        wanted: &BTreeSet<String>,
        fixed: &[(&str, String)],
    ) -> Result<BTreeSet<String>, ApiError> {
        let rows = self.rows(table, column, wanted, fixed).await?;
        Ok(rows.iter().filter_map(|row| row[column].as_str().map(str::to_owned)).collect())
    }

    /// The values of a column.
    async fn values(
        &mut self,
        table: &'static Table,
        column: &'static str,
        fixed: &[(&str, String)],
    ) -> Result<BTreeSet<String>, ApiError> {
        let rows = self.list(table, column, fixed, None).await?;
        Ok(rows.iter().filter_map(|row| row[column].as_str().map(str::to_owned)).collect())
    }

    /// The rows that have one of these values in a column.
    async fn rows(
        &mut self,
        table: &'static Table,
        column: &'static str,
        wanted: &BTreeSet<String>,
        fixed: &[(&str, String)],
    ) -> Result<Vec<Map<String, Value>>, ApiError> {
        // What is no id names nothing.
        let fits = |value: &&String| column != "id" || value.parse::<Uuid>().is_ok();
        let wanted: Vec<String> = wanted.iter().filter(fits).cloned().collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.list(table, column, fixed, Some(wanted)).await
    }

    async fn list(
        &mut self,
        table: &'static Table,
        column: &'static str,
        fixed: &[(&str, String)],
        wanted: Option<Vec<String>>,
    ) -> Result<Vec<Map<String, Value>>, ApiError> {
        let among = wanted.map(|wanted| (column, wanted));
        let fixed = fixed.iter().map(|(name, value)| (*name, vec![value.clone()]));
        let conditions = fixed.chain(among).filter_map(|(name, values)| {
            table.column(name).map(|column| Condition { column, test: Test::Among(values) })
        });
        let query = Query { conditions: conditions.collect(), fetch: MOST, ..Query::default() };
        rows::list(self.tx, &self.caller.scope, table, &query).await?.iter().map(fields).collect()
    }
}
