//! When something last came in by a channel, and went out.

use botbuilder_domain::ChannelId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// When something last came in by a channel and went out, as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When something of a contact came in.
    pub inbound: Option<DateTime<Utc>>,
    /// When a provider took something.
    pub outbound: Option<DateTime<Utc>>,
}

impl Stamp {
    /// The later instants of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { inbound: self.inbound.max(other.inbound), outbound: self.outbound.max(other.outbound) }
    }
}

/// Writes stamps of channels; none goes back. What stands in `updated_at` and `lock_version` stays.
#[tracing::instrument(level = "debug", name = "store.stamps.write", skip_all)]
pub async fn write(tx: &mut Tx, scope: &OrgScope, stamps: &[(ChannelId, Stamp)]) -> Result<(), Error> {
    let ids: Vec<Uuid> = stamps.iter().map(|(id, _)| id.uuid()).collect();
    let inbound: Vec<Option<DateTime<Utc>>> = stamps.iter().map(|(_, stamp)| stamp.inbound).collect();
    let outbound: Vec<Option<DateTime<Utc>>> = stamps.iter().map(|(_, stamp)| stamp.outbound).collect();
    sqlx::query!(
        r#"
        UPDATE channels h SET last_inbound_at = greatest(h.last_inbound_at, k.inbound),
                              last_outbound_at = greatest(h.last_outbound_at, k.outbound)
        FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS k(id, inbound, outbound)
        WHERE h.organization_id = $1 AND h.id = k.id
          AND (h.last_inbound_at, h.last_outbound_at)
              IS DISTINCT FROM (greatest(h.last_inbound_at, k.inbound), greatest(h.last_outbound_at, k.outbound))
        "#,
        scope.org().uuid(),
        &ids,
        &inbound as &[Option<DateTime<Utc>>],
        &outbound as &[Option<DateTime<Utc>>],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
