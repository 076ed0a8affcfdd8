//! Whose rows a statement may touch.

use botbuilder_domain::OrgId;
use uuid::Uuid;

/// The organization in which a caller acts. Every function on tenant rows takes one; the policy of the database
/// is the second lock behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrgScope {
    org: OrgId,
    call: Option<Uuid>,
}

impl OrgScope {
    /// The scope of a service that works on a record of this organization: a turn, a send, a job. The record's
    /// origin has been proved by a signature, a token or our own earlier write.
    pub const fn of_service(org: OrgId) -> Self {
        Self { org, call: None }
    }

    /// The same, for a call made under an `Idempotency-Key`: the first transaction that changes something also notes
    /// in this row of `idempotency_keys` that the call was made.
    #[must_use]
    pub const fn in_call(self, key: Uuid) -> Self {
        Self { call: Some(key), ..self }
    }

    /// The organization.
    pub const fn org(self) -> OrgId {
        self.org
    }

    pub(crate) const fn call(self) -> Option<Uuid> {
        self.call
    }
}
