//! Whose rows a statement may touch.

use botbuilder_domain::OrgId;

/// The organization in which a caller acts. Every function on tenant rows takes one; the policy of the database
/// is the second lock behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrgScope {
    org: OrgId,
}

impl OrgScope {
    /// The scope of a service that works on a record of this organization: a turn, a send, a job. The record's
    /// origin has been proved by a signature, a token or our own earlier write.
    pub const fn of_service(org: OrgId) -> Self {
        Self { org }
    }

    /// The organization.
    pub const fn org(self) -> OrgId {
        self.org
    }
}
