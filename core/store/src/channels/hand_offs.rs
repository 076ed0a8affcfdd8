//! Conversations that a bot hands to a person.

use botbuilder_domain::ConversationId;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// Who was seen within this time is there.
const THERE_FOR: TimeDelta = TimeDelta::minutes(5);

/// Who has a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// The member.
    pub member: Uuid,
    /// Whether it was given to them now.
    pub anew: bool,
}

/// Hands a conversation to a person: the bot is silent from now on. Whoever has it keeps it; otherwise it goes to the one
/// whose last was longest ago, of the members who are there and may take conversations, the bot's own ones included. The
/// answer is who has it now; none where nobody is there.
#[tracing::instrument(level = "debug", name = "store.hand_offs.hand_off", skip_all)]
pub async fn hand_off(
    tx: &mut Tx,
    scope: &OrgScope,
    conversation: ConversationId,
    priority: &str,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Assigned>, Error> {
    let org = scope.org().uuid();
    let handed = sqlx::query!(
        r#"
        UPDATE conversations SET mode = 'human', priority = $3, handoff_note = left($4, 2000)
        WHERE organization_id = $1 AND id = $2
        RETURNING assigned_member_id, bot_id
        "#,
        org,
        conversation.uuid(),
        priority,
        note,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(handed) = handed else { return Ok(None) };
    if let Some(member) = handed.assigned_member_id {
        return Ok(Some(Assigned { member, anew: false }));
    }
    let next = sqlx::query_scalar!(
        r#"
        UPDATE organization_members SET last_assigned_at = $3
        WHERE organization_id = $1 AND id = (
            SELECT m.id FROM organization_members m
            JOIN roles r ON r.id = m.role_id
            WHERE m.organization_id = $1 AND m.status = 'active' AND m.id IN (SELECT app.members_seen($4))
              AND (r.permissions && ARRAY['*', 'conversation:*', 'conversation:assign'] OR EXISTS (
                    SELECT FROM team_members g JOIN team_roles t ON t.id = g.team_role_id
                    WHERE g.organization_id = $1 AND g.member_id = m.id AND g.status = 'active'
                      AND (g.expires_at IS NULL OR g.expires_at > $3) AND (g.bot_id IS NULL OR g.bot_id = $2)
                      AND t.permissions && ARRAY['*', 'conversation:*', 'conversation:assign']))
            ORDER BY m.last_assigned_at NULLS FIRST, m.id LIMIT 1
            FOR NO KEY UPDATE OF m)
        RETURNING id
        "#,
        org,
        handed.bot_id,
        now,
        now - THERE_FOR,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    if let Some(member) = next {
        sqlx::query!(
            "UPDATE conversations SET assigned_member_id = $3 WHERE organization_id = $1 AND id = $2",
            org,
            conversation.uuid(),
            member,
        )
        .execute(&mut *tx.inner)
        .await?;
    }
    Ok(next.map(|member| Assigned { member, anew: true }))
}
