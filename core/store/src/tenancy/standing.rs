//! Where somebody stands in an organization at this moment: membership, state of the organization, effective rights.
//! Read with the credentials at every request, so that a right that was taken away is gone with the next one.

use botbuilder_domain::{BotId, OrgId};
use serde_json::Value;
use uuid::Uuid;

use super::rights::{Grant, Permissions, Rights};
use crate::Error;

/// A member's standing.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The organization.
    pub org: OrgId,
    /// The membership.
    pub member: Uuid,
    /// The code of the built-in role.
    pub role: String,
    /// What the member may do.
    pub rights: Rights,
}

/// The state of an organization, as far as it matters to whoever acts in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgState {
    /// `active`, `suspended`, `closing` or `closed`.
    pub status: String,
    /// Whether its members need a second factor.
    pub require_two_factor: bool,
}

/// The permissions of a stored list. What this program does not know counts for nothing: an older one reads what a
/// newer one wrote.
pub(crate) fn stored_permissions(texts: &[String]) -> Permissions {
    texts.iter().fold(Permissions::NONE, |set, text| {
        set.union(&Permissions::parse(std::slice::from_ref(text)).unwrap_or(Permissions::NONE))
    })
}

/// The rights of a member from the role's permissions and the grants in force: a list of `{"bot", "permissions"}`.
pub(crate) fn rights(member: Uuid, role: &[String], grants: &Value) -> Result<Rights, Error> {
    #[derive(serde::Deserialize)]
    struct Stored {
        bot: Option<BotId>,
        permissions: Vec<String>,
    }
    let grants: Vec<Stored> = serde::Deserialize::deserialize(grants)
        .map_err(|error| Error::inconsistent("team_members", "permissions", member, error))?;
    let grants: Vec<Grant> = grants
        .into_iter()
        .map(|grant| Grant { bot: grant.bot, permissions: stored_permissions(&grant.permissions) })
        .collect();
    Ok(Rights::of_member(&stored_permissions(role), &grants))
}
