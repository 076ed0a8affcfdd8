//! `/v1/sso/configurations`: the plain verbs. What a connection can do stands in `connection.rs`.

use botbuilder_store::{
    Tx,
    sso::{people::group_rules, sso_configurations::TABLE},
    tenancy::{roles, team_roles},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::connection::fresh;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    identity::mail::{self, Matter},
    permission::Area,
    resource::{Mode, Resource},
    routes::Routes,
    tenancy::within,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "single sign-on configuration", Area::Sso, "/v1/sso/configurations")
        .log()
        .creatable()
        .updatable()
        .deletable()
        .restorable()
        .prepared(checked)
        .asking(|api, tx, caller, fields, stays| Box::pin(allowed(api, tx, caller, fields, stays)))
        .routes()
}

/// Rules for groups that cannot be read would give nothing, and nobody would see why.
fn checked(values: &mut Map<String, Value>, _mode: Mode) -> Result<(), ApiError> {
    let Some(mapping) = values.get("group_mapping") else { return Ok(()) };
    let rules = group_rules(mapping);
    let said = mapping.as_array().map_or(0, Vec::len);
    let gives = |rule: &botbuilder_store::sso::people::GroupRule| {
        let is_role = rule.role.as_deref().is_none_or(|role| ["admin", "member", "viewer"].contains(&role));
        is_role && (rule.role.is_some() || rule.team_role_id.is_some())
    };
    if rules.len() == said && rules.iter().all(gives) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "group_mapping",
        "must be a list of {\"group\", \"role\": admin, member or viewer, \"team_role_id\"}, each with one of the two",
    ))
}

/// Whoever changes a connection has shown a factor, and has every right that people who come in by it may get: the
/// provider that is named here says who comes in. Owners are made by owners alone.
async fn allowed(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    fields: &Map<String, Value>,
    stays: bool,
) -> Result<(), ApiError> {
    fresh(api, caller)?;
    if stays {
        within_own_rights(tx, caller, fields).await?;
    }
    if fields.get("status") == Some(&json!("enabled")) {
        mail::to_administrators(api, tx, caller, Matter::SsoChanged).await?;
    }
    Ok(())
}

/// Refuses a connection that gives more than the caller has.
async fn within_own_rights(
    tx: &mut Tx,
    caller: &Caller,
    fields: &Map<String, Value>,
) -> Result<(), ApiError> {
    let known = roles::list(tx).await?;
    let first = fields.get("default_role_id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let first = first.and_then(|id| known.iter().find(|role| role.id == id));
    if first.is_some_and(|role| role.code == "owner") {
        let detail = "must not be the owner's: owners are made by owners";
        return Err(ApiError::invalid("default_role_id", detail));
    }
    let rules = fields.get("group_mapping").map(group_rules).unwrap_or_default();
    let mapped = |code: &String| known.iter().find(|role| role.code == *code);
    let given = rules.iter().filter_map(|rule| rule.role.as_ref()).filter_map(mapped);
    for role in first.into_iter().chain(given) {
        within(caller, &role.permissions(), None)?;
    }
    for id in rules.iter().filter_map(|rule| rule.team_role_id) {
        // One that is gone gives nothing.
        if let Some(role) = team_roles::get(tx, &caller.scope, id).await? {
            within(caller, &role.permissions(), None)?;
        }
    }
    Ok(())
}
