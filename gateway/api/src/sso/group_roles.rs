//! The roles that a person's groups give.

use botbuilder_store::{
    OrgScope, Tx,
    sso::{
        connections::Connection,
        people::{self, Membership},
    },
    tenancy::{organization_members, roles},
};
use uuid::Uuid;

use crate::error::ApiError;

/// Makes the roles of a member equal to what the groups give: the highest built-in role among them, else the
/// connection's own, and the team roles that any group gives. Owners keep theirs: they are the way in when the
/// provider is wrong.
pub(crate) async fn apply(
    tx: &mut Tx,
    connection: &Connection,
    member: &Membership,
    groups: &[String],
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
        let role = best.map_or(connection.default_role, |role| role.id);
        organization_members::set_role(tx, &scope, member.id, role).await?;
    }
    let mapped: Vec<Uuid> = rules.iter().filter_map(|rule| rule.team_role_id).collect();
    if !mapped.is_empty() {
        let wanted: Vec<Uuid> = given().filter_map(|rule| rule.team_role_id).collect();
        people::set_grants(tx, &scope, member.id, &mapped, &wanted).await?;
    }
    Ok(())
}
