//! What a bot's turn changes besides its conversation and messages: tags of contacts, mails to be sent. Written in the transaction of the turn.

use botbuilder_domain::ContactId;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// Tags of a contact that change.
#[derive(Debug, Clone)]
pub struct Tags {
    /// The contact.
    pub contact: ContactId,
    /// Those it has from now on.
    pub add: Vec<String>,
    /// Those it does not have any more.
    pub remove: Vec<String>,
}

/// Changes the tags of a contact. They are kept in the order of the alphabet, each once.
#[tracing::instrument(level = "debug", name = "store.turn_effects.tag", skip_all)]
pub async fn tag(tx: &mut Tx, scope: &OrgScope, tags: &Tags) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_contacts SET tags = ARRAY(
            SELECT DISTINCT tag FROM unnest(tags || $3::text[]) tag WHERE tag <> ALL ($4::text[]) ORDER BY tag)
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        tags.contact.uuid(),
        &tags.add,
        &tags.remove,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A mail that a flow sends.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Its id.
    pub id: Uuid,
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What makes it the same mail when it is queued again.
    pub dedupe: String,
}

/// Queues a mail under the template `flow`, whose variables are `subject` and `text`. One that is there already stays
/// as it is.
#[tracing::instrument(level = "debug", name = "store.turn_effects.mail", skip_all)]
pub async fn mail(tx: &mut Tx, scope: &OrgScope, mail: &Mail, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO email_notifications
            (id, organization_id, to_email, template, subject, variables, category, priority, dedupe_key, available_at)
        VALUES ($1, $2, $3::text::citext, 'flow', left($4, 300), $5, 'product', 20, $6, $7)
        ON CONFLICT (dedupe_key) DO NOTHING
        "#,
        mail.id,
        scope.org().uuid(),
        mail.to,
        mail.subject,
        json!({ "subject": mail.subject, "text": mail.text }),
        mail.dedupe,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Something that is kept with a contact.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// The contact.
    pub contact: ContactId,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub value: serde_json::Value,
}

/// Keeps something with a contact, in the place of what was kept under that name.
#[tracing::instrument(level = "debug", name = "store.turn_effects.remember", skip_all)]
pub async fn remember(tx: &mut Tx, scope: &OrgScope, attribute: &Attribute) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_contacts SET attributes = attributes || jsonb_build_object($3::text, $4::jsonb)
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        attribute.contact.uuid(),
        attribute.name,
        attribute.value,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that a contact refuses messages that nobody asked for. Said again, the first instant stays.
#[tracing::instrument(level = "debug", name = "store.turn_effects.opt_out", skip_all)]
pub async fn opt_out(
    tx: &mut Tx,
    scope: &OrgScope,
    contact: ContactId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_contacts SET consent = 'opted_out', consent_at = $3
        WHERE organization_id = $1 AND id = $2 AND consent <> 'opted_out'
        "#,
        scope.org().uuid(),
        contact.uuid(),
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
