//! `/v1/plugins`: the marketplace, and taking a plugin from it.

use axum::{Json, extract::State, http::request::Parts};
use botbuilder_store::{
    page::Page,
    plugins::{plugin_installations, plugin_versions, plugins, plugins::TABLE},
    table::rows::{self, Place},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::settings;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Cursor, Id, limit, query_pairs, unknown},
    permission::{Area, manage, read},
    resource::{
        Answer, Resource,
        act::{at, fields, set},
        broken_rule, changes, created, of_row,
    },
    routes::{Operation, Routes},
    tenancy::{permissions, within},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let text = || json!({ "type": "string" });
    Resource::new(&TABLE, "plugin", Area::Plugin, "/v1/plugins")
        .log()
        .routes()
        .add(
            Operation::get(
                "/v1/plugins/search",
                read(Area::Plugin),
                "published plugins with these words, the most installed first",
            )
            .with_query("q", text(), "words of name, summary and description")
            .with_query("category", text(), "the short name of a category")
            .lists(json!({ "type": "object" })),
            search,
        )
        .add(
            Operation::post(
                "/v1/plugins/{id}/install",
                manage(Area::Plugin),
                "installs a published plugin with the permissions it asks for, all of which must be granted",
            )
            .answers(201)
            .takes(json!({
                "type": "object",
                "properties": {
                    "version_id": { "type": ["string", "null"], "format": "uuid" },
                    "granted_permissions": { "type": "array", "items": { "type": "string" } },
                    "settings": { "type": "object" },
                    "auto_update": { "type": "boolean" },
                },
                "required": ["granted_permissions"],
                "additionalProperties": false,
            }))
            .gives(of_row(&plugin_installations::TABLE)),
            install,
        )
}

async fn search(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (mut words, mut category, mut page) = (String::new(), None, Page::default());
    for (name, value) in query_pairs(&parts) {
        if value.contains('\0') {
            return Err(ApiError::invalid(name, "must not hold the character U+0000"));
        }
        match name.as_str() {
            "q" => words = value,
            "category" => category = Some(value),
            "limit" => page.limit = limit(&value)?,
            "cursor" => page.after = Some(Cursor::parse(&value, "installs")?.id),
            other => {
                let hint = unknown(other, ["q", "category", "limit", "cursor"]);
                return Err(ApiError::invalid(name, hint));
            }
        }
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let found = plugins::search(&mut tx, &words, category.as_deref(), page).await?;
    tx.commit().await?;
    let (found, more) = page.cut(found);
    let next = found.last().filter(|_| more).map(|(id, _)| Cursor::new("installs", None, *id).text());
    let data: Vec<Value> = found.into_iter().map(|(_, plugin)| plugin).collect();
    Ok(Json(json!({ "data": data, "next_cursor": next })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Install {
    version_id: Option<Uuid>,
    granted_permissions: Vec<String>,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default = "yes")]
    auto_update: bool,
}

const fn yes() -> bool {
    true
}

/// What a release asks for beside what is granted, and what is granted beside what it asks for.
fn compared(asked: &[String], granted: &[String]) -> (Vec<String>, Vec<String>) {
    let beside = |one: &[String], other: &[String]| {
        one.iter().filter(|name| !other.contains(name)).cloned().collect::<Vec<_>>()
    };
    (beside(asked, granted), beside(granted, asked))
}

/// Refuses grants that are more or less than what a release asks for.
/// Nor does anybody grant what they may not do themselves.
pub(super) fn require_exactly(
    caller: &Caller,
    wanted: &[String],
    granted: &[String],
) -> Result<(), ApiError> {
    let (missing, superfluous) = compared(wanted, granted);
    if let Some(name) = superfluous.first() {
        let detail = format!("{name} is none that the plugin asks for");
        return Err(ApiError::invalid("granted_permissions", detail));
    }
    if missing.is_empty() {
        return within(caller, &permissions("granted_permissions", granted)?, None);
    }
    let refused = ApiError::conflict("permissions_required", "the plugin needs more than is granted");
    Err(refused.about("granted_permissions").with(json!({ "permissions": wanted })))
}

async fn install(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(asked): Body<Install>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let plugin = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let plugin = fields(&plugin)?;
    if plugin.get("status") != Some(&json!("published")) {
        return Err(ApiError::conflict("not_published", "only published plugins are installed"));
    }
    let latest = plugin.get("latest_version_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let version =
        asked.version_id.or(latest).ok_or_else(|| ApiError::invalid("version_id", "must be there"))?;
    let place = Place { parent: Some(id), id: version };
    let release = rows::get(&mut tx, &caller.scope, &plugin_versions::TABLE, place, None)
        .await?
        .ok_or_else(|| ApiError::invalid("version_id", "is no release of this plugin"))?;
    let release = fields(&release)?;
    if release.get("status") != Some(&json!("published")) {
        return Err(ApiError::conflict("not_published", "this release cannot be installed any more"));
    }
    let wanted: Vec<String> =
        serde_json::from_value(release.get("permissions").cloned().unwrap_or_default()).unwrap_or_default();
    require_exactly(&caller, &wanted, &asked.granted_permissions)?;
    settings::check(release.get("manifest"), &asked.settings)?;
    let values = set([
        ("plugin_id", json!(id)),
        ("version_id", json!(version)),
        ("status", json!("active")),
        ("activated_at", json!(api.clock.now())),
        ("granted_permissions", json!(wanted)),
        ("settings", Value::Object(asked.settings)),
        ("auto_update", json!(asked.auto_update)),
        ("installed_by", json!(caller.user())),
    ]);
    let table = &plugin_installations::TABLE;
    let row = rows::insert(&mut tx, &caller.scope, table, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(table, error))?;
    changes::note(&api, &mut tx, &caller, table, "installed", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, "/v1/installed-plugins"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_is_asked_for_is_granted() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (missing, superfluous) = compared(&names(&["a", "b"]), &names(&["b", "c"]));
        assert_eq!((missing, superfluous), (names(&["a"]), names(&["c"])));
    }
}
