//! What the failure of a message says of its contact.

use botbuilder_domain::MessageId;
use chrono::{DateTime, Utc};

use crate::{Error, OrgScope, Tx};

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The reply window is closed.
    Window,
    /// The contact blocked us.
    Blocked,
    /// The contact wants no messages that nobody asked for.
    OptedOut,
}

impl Refusal {
    /// What one of our codes of failures says of the contact, if anything.
    pub fn of(code: &str) -> Option<Self> {
        match code {
            "window_closed" => Some(Self::Window),
            "contact_blocked" => Some(Self::Blocked),
            "opted_out" => Some(Self::OptedOut),
            _ => None,
        }
    }
}

/// Notes it on the contact of that message. A contact that has written since the message was made has said more than its
/// failure does; only a refusal of messages that nobody asked for holds all the same.
#[tracing::instrument(level = "debug", name = "store.refusals.note", skip_all)]
pub async fn note(
    tx: &mut Tx,
    scope: &OrgScope,
    message: MessageId,
    refusal: Refusal,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (window, blocked) = (refusal == Refusal::Window, refusal == Refusal::Blocked);
    sqlx::query!(
        r#"
        UPDATE channel_contacts c SET
            window_until = CASE WHEN $4 AND s.is_last THEN least(c.window_until, $7) ELSE c.window_until END,
            blocked_at = CASE WHEN $5 AND s.is_last THEN coalesce(c.blocked_at, $7) ELSE c.blocked_at END,
            blocked_by = CASE WHEN $5 AND s.is_last THEN coalesce(c.blocked_by, 'them') ELSE c.blocked_by END,
            consent = CASE WHEN $6 THEN 'opted_out' ELSE c.consent END,
            consent_at = CASE WHEN $6 AND c.consent <> 'opted_out' THEN $7 ELSE c.consent_at END
        FROM (
            SELECT m.contact_id, NOT EXISTS (
                       SELECT FROM channel_contacts o
                       WHERE o.organization_id = $1 AND o.id = m.contact_id AND o.last_inbound_at > m.created_at
                   ) AS is_last
            FROM channel_messages m WHERE m.id = $2 AND m.created_at = $3 AND m.organization_id = $1) s
        WHERE c.organization_id = $1 AND c.id = s.contact_id
        "#,
        scope.org().uuid(),
        message.uuid(),
        message.created_at(),
        window,
        blocked,
        refusal == Refusal::OptedOut,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
