//! `/v1/flows/{id}/migrate`: moves conversations that are under way from one version of a flow to another.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_domain::{ChannelKind, Content, ConversationId, VersionId};
use botbuilder_flow::{
    Flow, Session,
    migrate::{Fate, Map, Migration},
};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    bots::{
        bot_flows::TABLE,
        entity_versions::{self, Held},
        flow_migrations::{self, Moved, Running},
    },
    channels::conversations,
    table::rows::{self, Place},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    channels::outgoing,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, execute},
    routes::{Operation, Routes},
};

/// Conversations of one transaction.
const AT_A_TIME: i64 = 200;
/// Most conversations of one call.
const MOST: usize = 10_000;

/// The routes of this resource.
pub fn routes() -> Routes {
    let number = json!({ "type": "integer", "minimum": 1 });
    let destination = json!({ "oneOf": [
        { "const": "end" },
        { "type": "object", "properties": { "node": { "type": "string" } }, "required": ["node"], "additionalProperties": false },
    ] });
    Routes::new().add(
        Operation::post(
            "/v1/flows/{id}/migrate",
            execute(Area::Flow),
            "moves conversations that wait to another version, or counts which would go where",
        )
        .takes(json!({
            "type": "object",
            "properties": {
                "from": number, "to": number, "dry_run": { "type": "boolean" },
                "map": { "type": "object", "additionalProperties": destination },
                "farewell": { "type": "string", "minLength": 1, "maxLength": 4000 },
            },
            "required": ["from", "to"],
            "additionalProperties": false,
        }))
        .gives(json!({ "type": "object" })),
        migrate,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Migrate {
    from: i32,
    to: i32,
    #[serde(default)]
    map: Map,
    #[serde(default)]
    dry_run: bool,
    /// What people are told whose conversation ends.
    farewell: Option<String>,
}

/// What became, or would become, of conversations: how many of each node.
#[derive(Debug, Default, Serialize)]
struct Counts {
    conversations: usize,
    /// By the node they are at and the node they go to.
    moves: BTreeMap<String, BTreeMap<String, usize>>,
    ends: BTreeMap<String, usize>,
    /// They are inside a flow that was called, wait for an answer from outside, or do not wait.
    stays: BTreeMap<String, usize>,
    /// They went on by themselves while they were moved.
    went_on: usize,
}

async fn migrate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(asked): Body<Migrate>,
) -> Result<Json<Value>, ApiError> {
    let farewell = asked.farewell.as_ref();
    if farewell.is_some_and(|text| text.trim().is_empty() || text.chars().count() > 4_000) {
        return Err(ApiError::invalid("farewell", "must have 1 to 4000 characters"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    if rows::get(&mut tx, &caller.scope, &TABLE, Place { parent: None, id }, None).await?.is_none() {
        return Err(ApiError::NotFound);
    }
    let (_, from) = version(&mut tx, &caller, id, "from", asked.from).await?;
    let (held, to) = version(&mut tx, &caller, id, "to", asked.to).await?;
    let source = entity_versions::held(&mut tx, &caller.scope, "bot_flow", id, Some(asked.from)).await?;
    let source = source.ok_or(ApiError::NotFound)?.id;
    tx.commit().await?;
    let migration = Migration::check(&from, &to, &asked.map).map_err(|problems| {
        let detail = format!("the map has {} problems", problems.len());
        ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, "map_invalid", detail)
            .about("map")
            .with(json!({ "problems": problems }))
    })?;

    let mut counts = Counts::default();
    let (mut after, mut more) = (None, true);
    while more && counts.conversations < MOST {
        let mut tx = api.store.begin(&caller.scope).await?;
        let source = VersionId::from(source);
        let running = flow_migrations::running(&mut tx, &caller.scope, source, after, AT_A_TIME).await?;
        after = running.last().map(|last| last.id);
        more = i64::try_from(running.len()).is_ok_and(|count| count == AT_A_TIME);
        counts.conversations += running.len();
        let work =
            Work { api: &api, caller: &caller, migration: &migration, to: held.id.into(), asked: &asked };
        work.piece(&mut tx, running, &mut counts).await?;
        tx.commit().await?;
    }
    if !asked.dry_run {
        let mut tx = api.store.begin(&caller.scope).await?;
        let act = Act::new("bot_flows.migrated", TABLE.name, Some(id))
            .metadata(json!({ "from": asked.from, "to": asked.to, "counts": counts }));
        caller.audit(&api, &mut tx, act).await?;
        tx.commit().await?;
    }
    Ok(Json(json!({ "data": { "dry_run": asked.dry_run, "is_complete": !more, "counts": counts } })))
}

/// A version by its number, with its flow.
async fn version(
    tx: &mut Tx,
    caller: &Caller,
    flow: Uuid,
    field: &'static str,
    number: i32,
) -> Result<(Held, Flow), ApiError> {
    let held = entity_versions::held(tx, &caller.scope, "bot_flow", flow, Some(number)).await?;
    let held = held.ok_or_else(|| ApiError::invalid(field, "there is no such version"))?;
    let read = Flow::strict(&held.data);
    let flow = read.map_err(|_| ApiError::invalid(field, "is a version that cannot be run any more"))?;
    Ok((held, flow))
}

/// What a piece of the conversations is moved with.
struct Work<'a> {
    api: &'a Api,
    caller: &'a Caller,
    migration: &'a Migration<'a>,
    to: VersionId,
    asked: &'a Migrate,
}

impl Work<'_> {
    async fn piece(&self, tx: &mut Tx, running: Vec<Running>, counts: &mut Counts) -> Result<(), ApiError> {
        let mut moved = Vec::new();
        let mut fates = BTreeMap::new();
        for one in running {
            let session = Session::deserialize(&one.state).map_err(ApiError::defect)?;
            let node = session.node_of_first_flow().map(ToString::to_string).unwrap_or_default();
            let fate = self.migration.fate(&session);
            if fate == Fate::Stays {
                *counts.stays.entry(node).or_default() += 1;
                continue;
            }
            let session = self.migration.apply(session, self.to);
            moved.push(Moved {
                id: one.id.into(),
                expected: one.state_version,
                version: session.version(),
                state: serde_json::to_value(&session).map_err(ApiError::defect)?,
                next_timer_at: session.next_timer(),
            });
            fates.insert(one.id, (node, fate, one.contact_id));
        }
        let written = if self.asked.dry_run {
            fates.keys().copied().collect()
        } else {
            flow_migrations::write(tx, &self.caller.scope, &moved).await?
        };
        counts.went_on += moved.len() - written.len();
        let mut ended = Vec::new();
        for id in written {
            let Some((node, fate, contact)) = fates.remove(&id) else { continue };
            match fate {
                Fate::Moves { node: there } => {
                    *counts.moves.entry(node).or_default().entry(there.to_string()).or_default() += 1;
                }
                Fate::Ends => {
                    *counts.ends.entry(node).or_default() += 1;
                    ended.push((ConversationId::from(id), contact));
                }
                Fate::Stays => {}
            }
        }
        match &self.asked.farewell {
            Some(text) if !self.asked.dry_run => self.say_goodbye(tx, &ended, text).await,
            _ => Ok(()),
        }
    }

    /// Queues the farewell of conversations that ended.
    async fn say_goodbye(
        &self,
        tx: &mut Tx,
        ended: &[(ConversationId, Uuid)],
        text: &str,
    ) -> Result<(), ApiError> {
        let ids: Vec<ConversationId> = ended.iter().map(|(id, _)| *id).collect();
        for place in conversations::whereabouts(tx, &self.caller.scope, &ids).await? {
            let Some((_, contact)) = ended.iter().find(|(id, _)| *id == place.id) else { continue };
            let Some(kind) = ChannelKind::parse(&place.kind) else { continue };
            let scope = self.caller.scope;
            let said = outgoing::Said { content: Content::text(text), by_person: false, reply_to: None };
            outgoing::queue(self.api, tx, scope, &place, kind, (*contact).into(), said).await?;
        }
        Ok(())
    }
}
