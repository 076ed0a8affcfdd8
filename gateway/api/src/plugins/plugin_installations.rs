//! `/v1/installed-plugins`.

use axum::{extract::State, http::StatusCode};
use botbuilder_store::{
    OrgScope, Tx,
    plugins::{plugin_installations::TABLE, plugin_versions, plugins},
    table::rows::{self, Place, Row},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::settings;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    etag::IfMatch,
    input::{Body, Id, Object},
    permission::{Area, Verb, manage, write},
    resource::{
        Answer, Mode, Resource, Transition,
        act::{act, at, fields, set},
        answer, broken_rule, changes, check, of_input, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/installed-plugins";

/// The routes of this resource.
pub fn routes() -> Routes {
    let item = format!("{PATH}/{{id}}");
    let uninstall = Operation::delete(&item, manage(Area::Plugin), "uninstalls a plugin");
    Resource::new(&TABLE, "installed plugin", Area::Plugin, PATH)
        .log()
        .moving(Transition::new("enable", &["disabled"], "active").needing(Verb::Manage))
        .moving(Transition::new("disable", &["active", "error"], "disabled").needing(Verb::Manage))
        .routes()
        .add(
            Operation::patch(
                &item,
                write(Area::Plugin),
                "changes the settings, which keep to what the release's manifest allows",
            )
            .takes(of_input(&TABLE, Mode::Update))
            .gives(of_row(&TABLE))
            .matches(),
            change,
        )
        .add(
            Operation::post(
                format!("{item}/update"),
                manage(Area::Plugin),
                "puts another release in place, the latest if none is named; if it asks for more permissions, it waits in update_version_id",
            )
            .takes(json!({
                "type": "object",
                "properties": { "version_id": { "type": ["string", "null"], "format": "uuid" } },
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            update,
        )
        .add(
            Operation::post(
                format!("{item}/approve-permissions"),
                manage(Area::Plugin),
                "grants what the waiting release asks for, all of it, and puts the release in place",
            )
            .takes(json!({
                "type": "object",
                "properties": { "granted_permissions": { "type": "array", "items": { "type": "string" } } },
                "required": ["granted_permissions"],
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            approve,
        )
        .add(uninstall, remove)
}

/// What it did stays on record; the plugin can be installed anew.
async fn remove(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<StatusCode, ApiError> {
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "uninstalled", |before| {
        require_installed(before)?;
        Ok(set([("status", json!("uninstalled")), ("uninstalled_at", json!(now))]))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn require_installed(row: &Map<String, Value>) -> Result<(), ApiError> {
    if row.get("status") == Some(&json!("uninstalled")) { Err(ApiError::NotFound) } else { Ok(()) }
}

/// An installation that is held for a change.
pub(super) async fn held(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
) -> Result<(Row, Map<String, Value>), ApiError> {
    let row = rows::lock(tx, scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let known = fields(&row)?;
    require_installed(&known)?;
    Ok((row, known))
}

/// Writes the change of an installation that is held, and notes it.
async fn written(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    before: &Row,
    verb: &str,
    values: Map<String, Value>,
) -> Result<Row, ApiError> {
    let row = rows::update(tx, &caller.scope, &TABLE, at(before.id), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(api, tx, caller, &TABLE, verb, Some(before), Some(&row)).await?;
    Ok(row)
}

/// An id among the fields of a row.
pub(super) fn id_in(row: &Map<String, Value>, column: &str) -> Option<Uuid> {
    row.get(column).and_then(Value::as_str).and_then(|id| id.parse().ok())
}

/// A release of an installation's plugin, where there is such a one that this organization sees.
pub(super) async fn release(
    tx: &mut Tx,
    scope: &OrgScope,
    installation: &Map<String, Value>,
    version: Uuid,
) -> Result<Option<Map<String, Value>>, ApiError> {
    let place = Place { parent: id_in(installation, "plugin_id"), id: version };
    let release = rows::get(tx, scope, &plugin_versions::TABLE, place, None).await?;
    release.as_ref().map(fields).transpose()
}

fn not_published() -> ApiError {
    ApiError::conflict("not_published", "this release cannot be installed any more")
}

async fn change(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    if_match: IfMatch,
    Body(values): Body<Object>,
) -> Result<Answer, ApiError> {
    let wanted = if_match.demand()?;
    check(&TABLE, &values, Mode::Update, &[])?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let (before, known) = held(&mut tx, &caller.scope, id).await?;
    if wanted.is_some_and(|wanted| before.version != Some(wanted)) {
        return Err(ApiError::Stale);
    }
    if let (Some(Value::Object(given)), Some(version)) = (values.get("settings"), id_in(&known, "version_id"))
    {
        let release = release(&mut tx, &caller.scope, &known, version).await?.ok_or_else(not_published)?;
        settings::check(release.get("manifest"), given)?;
    }
    let row = written(&api, &mut tx, &caller, &before, "updated", values).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// The names in a list of a row.
fn names(row: &Map<String, Value>, column: &str) -> Vec<String> {
    let names = row.get(column).and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// What becomes of an installation that another release is put into. Its settings must fit that one as they are: nobody
/// is asked while the release changes.
pub(super) fn replaced(
    installation: &Map<String, Value>,
    version: Uuid,
    release: &Map<String, Value>,
) -> Result<Map<String, Value>, ApiError> {
    if release.get("status") != Some(&json!("published")) {
        return Err(not_published());
    }
    let kept = installation.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    let faults = settings::faults(release.get("manifest"), &kept);
    if !faults.is_empty() {
        let detail = "the settings do not fit this release; change them first";
        return Err(ApiError::conflict("settings_invalid", detail).with(json!({ "errors": faults })));
    }
    Ok(set([
        ("version_id", json!(version)),
        ("granted_permissions", json!(names(release, "permissions"))),
        ("update_version_id", Value::Null),
        ("error_message", Value::Null),
    ]))
}

/// What is done about a release, and what becomes of the installation: where it asks for more than was granted, it waits.
pub(super) fn granted_or_waiting(
    installation: &Map<String, Value>,
    version: Uuid,
    release: &Map<String, Value>,
    values: Map<String, Value>,
) -> (&'static str, Map<String, Value>) {
    let granted = names(installation, "granted_permissions");
    if names(release, "permissions").iter().all(|name| granted.contains(name)) {
        ("release_updated", values)
    } else {
        ("update_waits", set([("update_version_id", json!(version))]))
    }
}

/// The newest release of an installation's plugin, if it has one.
pub(super) async fn latest(
    tx: &mut Tx,
    scope: &OrgScope,
    installation: &Map<String, Value>,
) -> Result<Option<Uuid>, ApiError> {
    let plugin = id_in(installation, "plugin_id").ok_or(ApiError::NotFound)?;
    let plugin = rows::get(tx, scope, &plugins::TABLE, at(plugin), None).await?;
    let plugin = plugin.as_ref().map(fields).transpose()?.unwrap_or_default();
    Ok(id_in(&plugin, "latest_version_id"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    version_id: Option<Uuid>,
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(Update { version_id }): Body<Update>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let (before, known) = held(&mut tx, &caller.scope, id).await?;
    let version = match version_id {
        Some(version) => Some(version),
        None => latest(&mut tx, &caller.scope, &known).await?,
    };
    let version = version.ok_or_else(|| ApiError::conflict("no_release", "the plugin has no release now"))?;
    if id_in(&known, "version_id") == Some(version) {
        // It is there already: a repeat is no error.
        tx.commit().await?;
        return Ok(answer(before));
    }
    let release = release(&mut tx, &caller.scope, &known, version)
        .await?
        .ok_or_else(|| ApiError::invalid("version_id", "is no release of this plugin"))?;
    let values = replaced(&known, version, &release)?;
    let (verb, values) = granted_or_waiting(&known, version, &release, values);
    let row = written(&api, &mut tx, &caller, &before, verb, values).await?;
    tx.commit().await?;
    Ok(answer(row))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    granted_permissions: Vec<String>,
}

async fn approve(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(Approve { granted_permissions }): Body<Approve>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let (before, known) = held(&mut tx, &caller.scope, id).await?;
    let version = id_in(&known, "update_version_id").ok_or_else(|| {
        ApiError::conflict("nothing_waits", "no release waits for permissions; ask for an update first")
    })?;
    let release = release(&mut tx, &caller.scope, &known, version).await?.ok_or_else(not_published)?;
    super::plugins::require_exactly(&caller, &names(&release, "permissions"), &granted_permissions)?;
    let values = replaced(&known, version, &release)?;
    let row = written(&api, &mut tx, &caller, &before, "permissions_approved", values).await?;
    tx.commit().await?;
    Ok(answer(row))
}
