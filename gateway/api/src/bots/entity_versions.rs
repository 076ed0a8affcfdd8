//! `/v1/versions/{type}/{id}`: the history of whatever keeps versions.

use axum::{Json, extract::State, http::request::Parts};
use botbuilder_store::{
    Tx,
    agents::{agent_workflows, agents},
    bots::{bot_flows, bots, entity_versions, flow_orchestrations},
    clones::work_clones,
    recovery::recovery_campaigns,
    table::{
        Table, Write,
        rows::{self, Place, Row},
    },
    tenancy::rights::Bots,
    voice::voice_bots,
    widget::widget_configs,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{diff::difference, flow_checks::reported, orchestration_parts};
use crate::{
    Api,
    auth::{Caller, bot_of::bot_in},
    error::ApiError,
    input::{Body, Id, Paging, query_pairs, unknown},
    permission::{Area, Permission, Verb},
    resource::{
        Answer, Mode, Writing,
        act::{fields, set},
        answer, broken_rule, changes, created, digest, of_row,
    },
    routes::{Access, Operation, Routes},
};

/// An orchestration, whose versions hold more than its row.
const ORCHESTRATION: &str = "flow_orchestration";
/// A trained understanding.
const MODEL: &str = "nlu_model";

pub(super) const PATH: &str = "/v1/versions/{type}/{id}";

/// The routes of this resource. What they need is a right in the area of the type, which the handlers ask for.
pub fn routes() -> Routes {
    let version = of_row(&entity_versions::TABLE);
    Routes::new()
        .add(Operation::get(PATH, Access::Caller, "the versions of a thing").lists(version.clone()), list)
        .add(
            Operation::get(format!("{PATH}/{{version}}"), Access::Caller, "one version, by its number")
                .gives(version.clone()),
            get,
        )
        .add(
            Operation::get(format!("{PATH}/diff"), Access::Caller, "what differs between two versions")
                .with_query("from", json!({ "type": "integer" }), "the earlier version")
                .with_query("to", json!({ "type": "integer" }), "the later version")
                .gives(json!({ "type": "object" })),
            diff,
        )
        .add(
            Operation::post(
                format!("{PATH}/commit"),
                Access::Caller,
                "keeps the present state as a new version",
            )
            .answers(201)
            .takes(json!({
                "type": "object",
                "properties": { "message": { "type": "string", "maxLength": 500 } },
                "additionalProperties": false,
            }))
            .gives(version.clone()),
            commit,
        )
        .add(
            Operation::post(
                format!("{PATH}/rollback"),
                Access::Caller,
                "makes the thing what it was in a version",
            )
            .takes(json!({
                "type": "object",
                "properties": { "version": { "type": "integer", "minimum": 1 } },
                "required": ["version"],
                "additionalProperties": false,
            }))
            .gives(json!({ "type": "object" })),
            rollback,
        )
}

/// A kind of thing that keeps versions.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) table: &'static Table,
    area: Area,
}

/// A version that is to be written.
#[derive(Default)]
pub(super) struct New {
    /// What it holds.
    pub(super) data: Value,
    /// What its author says of it.
    pub(super) message: Option<String>,
    /// The branch it lies on.
    pub(super) branch: Option<Uuid>,
    /// The version it follows.
    pub(super) parent: Option<Uuid>,
    /// The version that was merged in it.
    pub(super) merged: Option<Uuid>,
}

impl Kind {
    pub(super) fn parse(name: &str) -> Result<Self, ApiError> {
        let (name, table, area) = match name {
            "bot" => ("bot", &bots::TABLE, Area::Bot),
            "bot_flow" => ("bot_flow", &bot_flows::TABLE, Area::Flow),
            ORCHESTRATION => (ORCHESTRATION, &flow_orchestrations::TABLE, Area::Flow),
            "agent" => ("agent", &agents::TABLE, Area::Agent),
            "agent_workflow" => ("agent_workflow", &agent_workflows::TABLE, Area::Agent),
            "widget_config" => ("widget_config", &widget_configs::TABLE, Area::Widget),
            "voice_bot" => ("voice_bot", &voice_bots::TABLE, Area::Voice),
            "work_clone" => ("work_clone", &work_clones::TABLE, Area::Clone),
            // Trainings write it; the thing it belongs to is the bot.
            MODEL => (MODEL, &bots::TABLE, Area::Nlu),
            "recovery_campaign" => ("recovery_campaign", &recovery_campaigns::TABLE, Area::Recovery),
            _ => return Err(ApiError::NotFound),
        };
        Ok(Self { name, table, area })
    }

    /// What a version of it holds: of a flow its draft, of anything else what people may write; of an orchestration its
    /// transitions and variables, too.
    pub(super) async fn snapshot(&self, tx: &mut Tx, caller: &Caller, row: &Row) -> Result<Value, ApiError> {
        let mut fields: Map<String, Value> = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
        if self.name == "bot_flow" {
            return Ok(fields.remove("draft_definition").unwrap_or_default());
        }
        let written =
            |name: &str| self.table.column(name).is_some_and(|column| column.write == Write::Always);
        fields.retain(|name, _| written(name));
        if self.name == ORCHESTRATION {
            fields.extend(orchestration_parts::parts(tx, caller, row.id).await?);
        }
        Ok(Value::Object(fields))
    }

    /// The fields that make the thing what it was.
    fn restored(&self, data: Value) -> Result<Map<String, Value>, ApiError> {
        match (self.name, data) {
            ("bot_flow", data) => {
                let mut values = set([("draft_definition", data)]);
                super::bot_flows::prepare(&mut values, Mode::Update)?;
                Ok(values)
            }
            (_, Value::Object(mut fields)) => {
                fields.retain(|name, _| {
                    self.table.column(name).is_some_and(|column| column.write == Write::Always)
                });
                Ok(fields)
            }
            _ => Err(ApiError::defect("a version that is no object")),
        }
    }

    /// Makes the thing what it was: the row as it is then.
    pub(super) async fn restore(
        &self,
        api: &Api,
        tx: &mut Tx,
        caller: &Caller,
        before: &Row,
        data: Value,
    ) -> Result<Row, ApiError> {
        if let (ORCHESTRATION, Value::Object(data)) = (self.name, &data) {
            orchestration_parts::restore(api, tx, caller, before.id, data).await?;
        }
        let mut values = self.restored(data)?;
        if self.name == "bot_flow" {
            reported(Writing { api, tx, caller, before: Some(before), values: &mut values }).await?;
        }
        let place = Place { parent: None, id: before.id };
        rows::update(tx, &caller.scope, self.table, place, values)
            .await
            .map_err(|error| broken_rule(self.table, error))?
            .ok_or(ApiError::NotFound)
    }

    /// Writes the next version of it.
    pub(super) async fn add(
        &self,
        api: &Api,
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        new: New,
    ) -> Result<Row, ApiError> {
        let values = set([
            ("entity_type", json!(self.name)),
            ("entity_id", json!(id)),
            // The number is taken by the table's trigger.
            ("version", json!(1)),
            ("data_hash", json!(digest(&new.data.to_string()))),
            ("data", new.data),
            ("message", json!(new.message)),
            ("branch_id", json!(new.branch)),
            ("parent_version_id", json!(new.parent)),
            ("merge_parent_id", json!(new.merged)),
            ("created_by", json!(caller.user())),
        ]);
        let table = &entity_versions::TABLE;
        let made = rows::insert(tx, &caller.scope, table, api.ids.next(), values).await;
        made.map_err(|error| broken_rule(table, error))
    }

    /// The thing itself, which must be there, and the caller allowed to do this with it.
    pub(super) async fn held(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        verb: Verb,
    ) -> Result<Row, ApiError> {
        let permission = Permission::new(self.area, verb);
        let row = self.allowed(tx, caller, id, permission).await?;
        if self.name == MODEL && verb != Verb::Read {
            let detail = "a model is made by training, and put in use by `nlu/activate`";
            return Err(ApiError::conflict("wrong_state", detail));
        }
        Ok(row)
    }

    /// The thing, held, where the caller has the right in all bots or in its own.
    async fn allowed(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        permission: Permission,
    ) -> Result<Row, ApiError> {
        let place = Place { parent: None, id };
        let Err(refusal) = caller.require(permission) else {
            return rows::lock(tx, &caller.scope, self.table, place).await?.ok_or(ApiError::NotFound);
        };
        if matches!(caller.bots(permission), Bots::Only(bots) if bots.is_empty()) {
            return Err(refusal);
        }
        // Somebody who has the right in single bots.
        let Some(row) = rows::lock(tx, &caller.scope, self.table, place).await? else { return Err(refusal) };
        let bot = if matches!(self.name, "bot" | MODEL) { Some(id.into()) } else { bot_in(&fields(&row)?) };
        caller.require_in(bot.ok_or(refusal)?, permission)?;
        Ok(row)
    }
}

async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id)): Id<(String, Uuid)>,
    Paging(page): Paging,
) -> Result<Json<Value>, ApiError> {
    let kind = Kind::parse(&kind)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    kind.held(&mut tx, &caller, id, Verb::Read).await?;
    let versions = entity_versions::list(&mut tx, &caller.scope, kind.name, id, page).await?;
    tx.commit().await?;
    Ok(Json(crate::input::page(page, versions, |version| version.id)))
}

async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id, version)): Id<(String, Uuid, i32)>,
) -> Result<Json<Value>, ApiError> {
    let kind = Kind::parse(&kind)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    kind.held(&mut tx, &caller, id, Verb::Read).await?;
    let data = entity_versions::data(&mut tx, &caller.scope, kind.name, id, version).await?;
    tx.commit().await?;
    let data = data.ok_or(ApiError::NotFound)?;
    Ok(Json(
        json!({ "data": { "entity_type": kind.name, "entity_id": id, "version": version, "data": data } }),
    ))
}

async fn diff(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id)): Id<(String, Uuid)>,
    parts: Parts,
) -> Result<Json<Value>, ApiError> {
    let kind = Kind::parse(&kind)?;
    let (mut from, mut to) = (None, None);
    for (name, value) in query_pairs(&parts) {
        let number =
            value.parse::<i32>().map_err(|_| ApiError::invalid(name.clone(), "must be a version's number"));
        match name.as_str() {
            "from" => from = Some(number?),
            "to" => to = Some(number?),
            other => return Err(ApiError::invalid(name.clone(), unknown(other, ["from", "to"]))),
        }
    }
    let from = from.ok_or_else(|| ApiError::invalid("from", "must be there"))?;
    let to = to.ok_or_else(|| ApiError::invalid("to", "must be there"))?;
    let mut tx = api.store.begin(&caller.scope).await?;
    kind.held(&mut tx, &caller, id, Verb::Read).await?;
    let old = entity_versions::data(&mut tx, &caller.scope, kind.name, id, from).await?;
    let new = entity_versions::data(&mut tx, &caller.scope, kind.name, id, to).await?;
    tx.commit().await?;
    let (old, new) = (old.ok_or(ApiError::NotFound)?, new.ok_or(ApiError::NotFound)?);
    Ok(Json(json!({ "data": { "from": from, "to": to, "difference": difference(&old, &new) } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commit {
    message: Option<String>,
}

async fn commit(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id)): Id<(String, Uuid)>,
    Body(Commit { message }): Body<Commit>,
) -> Result<Answer, ApiError> {
    let kind = Kind::parse(&kind)?;
    if message.as_ref().is_some_and(|message| message.chars().count() > 500) {
        return Err(ApiError::invalid("message", "must have at most 500 characters"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = kind.held(&mut tx, &caller, id, Verb::Write).await?;
    let data = kind.snapshot(&mut tx, &caller, &row).await?;
    let new = New { data, message, ..New::default() };
    let version = kind.add(&api, &mut tx, &caller, id, new).await?;
    let table = &entity_versions::TABLE;
    changes::note(&api, &mut tx, &caller, table, "created", None, Some(&version)).await?;
    tx.commit().await?;
    Ok(created(version, &format!("/v1/versions/{}/{id}", kind.name)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: i32,
}

async fn rollback(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id)): Id<(String, Uuid)>,
    Body(Rollback { version }): Body<Rollback>,
) -> Result<Answer, ApiError> {
    let kind = Kind::parse(&kind)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = kind.held(&mut tx, &caller, id, Verb::Write).await?;
    let data = entity_versions::data(&mut tx, &caller.scope, kind.name, id, version).await?;
    let data = data.ok_or_else(|| ApiError::invalid("version", "there is no such version"))?;
    let row = kind.restore(&api, &mut tx, &caller, &before, data).await?;
    changes::note(&api, &mut tx, &caller, kind.table, "rolled_back", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}
