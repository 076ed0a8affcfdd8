//! `/v1/sso/configurations`: the plain verbs. What a connection can do stands in `connection.rs`.

use botbuilder_store::sso::{people::group_rules, sso_configurations::TABLE};
use serde_json::{Map, Value};

use crate::{
    error::ApiError,
    permission::Area,
    resource::{Mode, Resource},
    routes::Routes,
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
