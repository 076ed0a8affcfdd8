//! The roles that a person's groups give.

use botbuilder_store::{
    OrgScope, Tx,
    audit::audit_logs::{self, Act, Actor},
    sso::{
        connections::Connection,
        people::{self, Membership},
    },
    tenancy::{organization_members, roles},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Api,
    auth::Client,
    error::ApiError,
    events::{self, By},
};

/// Makes the roles of a member equal to what the groups give: the highest built-in role among them, else the
/// connection's own, and the team roles that any group gives. Owners keep theirs: they are the way in when the
/// provider is wrong. What changes stands in the audit log.
pub(crate) async fn apply(
    api: &Api,
    tx: &mut Tx,
    connection: &Connection,
    member: &Membership,
    groups: &[String],
    client: &Client,
) -> Result<(), ApiError> {
    let scope = OrgScope::of_service(connection.org);
    let rules = people::group_rules(&connection.group_mapping);
    let given = || rules.iter().filter(|rule| groups.contains(&rule.group));
    if member.role != "owner" && rules.iter().any(|rule| rule.role.is_some()) {
        let known = roles::list(tx).await?;
        let mut best = None;
        for role in known.iter().filter(|role| role.code != "owner") {
            let is_given = given().any(|rule| rule.role.as_deref() == Some(&role.code));
            if is_given && best.is_none_or(|best: &roles::Role| best.rank < role.rank) {
                best = Some(role);
            }
        }
        let best = best.or_else(|| known.iter().find(|role| role.id == connection.default_role));
        if let Some(role) = best.filter(|role| role.code != member.role) {
            organization_members::set_role(tx, &scope, member.id, role.id).await?;
            let act = Act::new("member.update", "member", Some(member.id))
                .old(json!({ "role": member.role }))
                .new_values(json!({ "role": role.code }));
            note(api, tx, connection, act, client).await?;
        }
    }
    let mapped: Vec<Uuid> = rules.iter().filter_map(|rule| rule.team_role_id).collect();
    if !mapped.is_empty() {
        let wanted: Vec<Uuid> = given().filter_map(|rule| rule.team_role_id).collect();
        if people::set_grants(tx, &scope, member.id, &mapped, &wanted).await? > 0 {
            let act =
                Act::new("role.grant", "member", Some(member.id)).new_values(json!({ "team_roles": wanted }));
            note(api, tx, connection, act, client).await?;
        }
    }
    Ok(())
}

/// Writes down what a provider's word changed.
async fn note(
    api: &Api,
    tx: &mut Tx,
    connection: &Connection,
    act: Act,
    client: &Client,
) -> Result<(), ApiError> {
    let act = act.metadata(json!({ "sso_configuration_id": connection.id }));
    let by = By { user: None, source: "system", request: client.request };
    events::tell(api, tx, &OrgScope::of_service(connection.org), &by, &act).await?;
    let actor = Actor { label: Some("single sign-on".to_owned()), ..client.nobody() };
    Ok(audit_logs::append(tx, Some(connection.org), api.ids.next(), &actor, act).await?)
}
