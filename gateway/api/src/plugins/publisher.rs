//! `/v1/publisher/plugins` and their versions: what an organization offers in the marketplace.

use axum::{Json, extract::State, http::Method};
use botbuilder_store::{
    plugins::{plugin_versions, plugins::TABLE},
    table::rows::{self, Place, Query, Row},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::releases;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, Verb, publish, read, write},
    resource::{
        Answer, Resource, Transition,
        act::{act, at, fields, require_state, set},
        missing, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/publisher/plugins";
const VERSIONS: &str = "/v1/publisher/plugins/{plugin_id}/versions";
/// The column that says whose a plugin is.
const OWNER: &str = "publisher_organization_id";
/// Most versions that are counted.
const MOST: i64 = 1_000;

/// The routes of a publisher.
pub fn routes() -> Routes {
    let body = json!({
        "type": "object",
        "properties": { "reason": { "type": ["string", "null"], "maxLength": 500 } },
        "additionalProperties": false,
    });
    let plugins = Resource::new(&TABLE, "plugin on offer", Area::Plugin, PATH)
        .owned(OWNER)
        .log()
        .creatable()
        .updatable()
        .deletable()
        .moving(Transition::new("submit", &["draft", "rejected"], "in_review").needing(Verb::Publish))
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/publish"),
                publish(Area::Plugin),
                "shows a plugin in the marketplace; it was submitted, and has a release that was approved and published",
            )
            .gives(of_row(&TABLE)),
            releases::publish_plugin,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/deprecate"),
                publish(Area::Plugin),
                "says that it is not kept up any more; it can still be read and used",
            )
            .gives(of_row(&TABLE)),
            deprecate,
        )
        .add(
            Operation::get(
                format!("{PATH}/{{id}}/stats"),
                read(Area::Plugin),
                "installations, ratings and versions of a plugin",
            )
            .gives(json!({ "type": "object" })),
            stats,
        );
    let versions = Resource::new(&plugin_versions::TABLE, "version on offer", Area::Plugin, VERSIONS)
        .owned(OWNER)
        .log()
        .creatable()
        .updatable()
        .prepared(releases::prepare)
        .moving(Transition::new("submit", &["draft"], "in_review").needing(Verb::Publish))
        .routes()
        .add(
            Operation::post(
                format!("{VERSIONS}/{{id}}/publish"),
                publish(Area::Plugin),
                "publishes a release that whoever runs the platform approved; the highest one is what is installed from then on",
            )
            .gives(of_row(&plugin_versions::TABLE)),
            releases::publish_version,
        )
        .add(
            Operation::post(
                format!("{VERSIONS}/{{id}}/yank"),
                publish(Area::Plugin),
                "takes a release back: it is installed nowhere anew",
            )
            .takes(body)
            .gives(of_row(&plugin_versions::TABLE)),
            yank,
        );
    let what = "files of plugins are not checked yet";
    let versions =
        missing(versions, &Method::POST, format!("{VERSIONS}/{{id}}/artifact"), write(Area::Plugin), what);
    plugins.merge(versions)
}

/// Refuses what is another organization's, though it can be read.
pub(super) fn require_own(caller: &Caller, plugin: &Map<String, Value>) -> Result<(), ApiError> {
    let owner = plugin.get(OWNER).and_then(Value::as_str);
    if owner == Some(caller.scope.org().to_string().as_str()) { Ok(()) } else { Err(ApiError::NotFound) }
}

async fn deprecate(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "deprecated", |plugin| {
        require_own(&caller, plugin)?;
        require_state(plugin, "status", &["published", "deprecated"])?;
        Ok(set([("status", json!("deprecated"))]))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Yank {
    reason: Option<String>,
}

async fn yank(
    State(api): State<Api>,
    caller: Caller,
    Id((plugin, id)): Id<(Uuid, Uuid)>,
    Body(Yank { reason }): Body<Yank>,
) -> Result<Answer, ApiError> {
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > 500) {
        return Err(ApiError::invalid("reason", "must have at most 500 characters"));
    }
    let now = api.clock.now();
    let place = Place { parent: Some(plugin), id };
    // Only the publisher's own rows can be held for a change.
    act(&api, &caller, &plugin_versions::TABLE, place, "yanked", |version| {
        require_state(version, "status", &["published"])?;
        Ok(set([("status", json!("yanked")), ("yanked_at", json!(now)), ("yanked_reason", json!(reason))]))
    })
    .await
}

/// Versions by their state.
fn by_state(versions: &[Row]) -> Result<Map<String, Value>, ApiError> {
    let mut states = Map::new();
    for version in versions {
        let state = fields(version)?.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let before = states.get(&state).and_then(Value::as_u64).unwrap_or_default();
        states.insert(state, json!(before + 1));
    }
    Ok(states)
}

async fn stats(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let plugin = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let plugin = fields(&plugin)?;
    require_own(&caller, &plugin)?;
    let query = Query { parent: Some(id), fetch: MOST, ..Query::default() };
    let versions = rows::list(&mut tx, &caller.scope, &plugin_versions::TABLE, &query).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": {
        "install_count": plugin.get("install_count"),
        "rating_avg": plugin.get("rating_avg"),
        "rating_count": plugin.get("rating_count"),
        "versions": by_state(&versions)?,
    } })))
}
