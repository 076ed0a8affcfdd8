//! `email_notifications`: mails to be sent, and those that were. Written in the transaction of what they tell; texts are
//! made when they are sent. What must not be read by others, like links, is sealed and wiped after sending.

use botbuilder_domain::{OrgId, Secret};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    page::Page,
    secret::{DataKeys, Place},
};

/// What a mail is about; also how urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Links to sign in, warnings. Sent even to addresses that complained.
    Security,
    /// The account itself.
    Account,
    /// Invitations.
    Team,
    /// The plan and its limits.
    Billing,
}

impl Category {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Account => "account",
            Self::Team => "team",
            Self::Billing => "billing",
        }
    }

    const fn priority(self) -> i32 {
        match self {
            Self::Security => 60,
            Self::Account => 50,
            Self::Team | Self::Billing => 30,
        }
    }
}

/// A mail to be sent.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// The organization it belongs to; none for an account's own.
    pub org: Option<OrgId>,
    /// The account it goes to, if there is one.
    pub user: Option<Uuid>,
    /// The address.
    pub to: &'a str,
    /// The sender's address, where it is not the platform's own.
    pub from: Option<&'a str>,
    /// Which text.
    pub template: &'static str,
    /// Its language.
    pub locale: &'a str,
    /// What stands in it: a JSON object.
    pub variables: Value,
    /// What stands in it and is nobody else's business: links.
    pub secrets: Map<String, Value>,
    /// What it is about.
    pub category: Category,
}

fn place(id: Uuid) -> Place {
    Place { table: "email_notifications", column: "secret_variables", row: id }
}

/// Queues a mail, its secrets sealed with the platform's keys.
#[tracing::instrument(level = "debug", name = "store.email_notifications.insert", skip_all)]
pub async fn insert(tx: &mut Tx, keys: &DataKeys, new: New<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    write(tx, keys, new, None, now).await.map(drop)
}

/// The same, unless a mail was queued under this key before. Whether it was queued now.
#[tracing::instrument(level = "debug", name = "store.email_notifications.insert_once", skip_all)]
pub async fn insert_once(
    tx: &mut Tx,
    keys: &DataKeys,
    new: New<'_>,
    key: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    write(tx, keys, new, Some(key), now).await
}

async fn write(
    tx: &mut Tx,
    keys: &DataKeys,
    new: New<'_>,
    key: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let New { id, org, user, to, from, template, locale, variables, secrets, category } = new;
    let sealed = if secrets.is_empty() {
        None
    } else {
        Some(keys.seal(place(id), Value::Object(secrets).to_string().as_bytes())?)
    };
    let done = sqlx::query!(
        r#"
        INSERT INTO email_notifications
            (id, organization_id, user_id, to_email, template, locale, variables, secret_variables_ct,
             secret_variables_kid, category, priority, available_at, dedupe_key, from_email)
        VALUES ($1, $2, $3, $4::text::citext, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::citext)
        ON CONFLICT DO NOTHING
        "#,
        id,
        org.map(OrgId::uuid) as Option<Uuid>,
        user,
        to,
        template,
        locale,
        variables,
        sealed.as_ref().map(|sealed| sealed.ciphertext.as_slice()),
        sealed.as_ref().map(|sealed| sealed.key_id.as_str()),
        category.as_str(),
        category.priority(),
        now,
        key,
        from,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A mail in hand.
#[derive(Debug)]
pub struct Claimed {
    /// Its id.
    pub id: Uuid,
    /// The address.
    pub to: String,
    /// The sender, where it is not the usual one.
    pub from: Option<String>,
    /// Which text.
    pub template: String,
    /// Its language.
    pub locale: String,
    /// What stands in it.
    pub variables: Value,
    /// Which attempt this is; later writes name it.
    pub attempt: i32,
    /// Whether another attempt may follow.
    pub is_last: bool,
    /// Whether the address wants no such mail.
    pub suppressed: bool,
    secrets: Option<(Vec<u8>, String)>,
}

impl Claimed {
    /// What stands in it and is nobody else's business.
    pub fn open_secrets(&self, keys: &DataKeys) -> Result<Secret<String>, Error> {
        let Some((ciphertext, key_id)) = &self.secrets else { return Ok(Secret::new("{}".to_owned())) };
        let opened = keys.open(place(self.id), ciphertext, key_id)?;
        let text = String::from_utf8(opened.expose().clone()).map_err(|_| {
            Error::inconsistent("email_notifications", "secret_variables", self.id, "not a text")
        })?;
        Ok(Secret::new(text))
    }
}

/// Takes mails that are due, the most urgent first, and those whose sender did not live to finish. The attempt is
/// counted now. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.email_notifications.claim", skip_all)]
pub async fn claim(
    tx: &mut Tx,
    worker: &str,
    limit: i64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Claimed>, Error> {
    let rows = sqlx::query!(
        r#"
        UPDATE email_notifications e
        SET status = 'sending', attempts = e.attempts + 1, locked_by = $1, locked_until = $4
        FROM (
            SELECT id FROM email_notifications
            WHERE (status = 'queued' AND available_at <= $3) OR (status = 'sending' AND locked_until < $3)
            ORDER BY priority DESC, available_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
        WHERE e.id = due.id
        RETURNING e.id, e.to_email::text AS "to!", e.from_email::text, e.template, e.locale, e.variables, e.attempts,
                  e.max_attempts, e.secret_variables_ct, e.secret_variables_kid,
                  (e.category <> 'security' AND EXISTS (
                      SELECT FROM email_notifications other
                      WHERE other.to_email = e.to_email AND other.status IN ('bounced', 'complained'))) AS "suppressed!"
        "#,
        worker,
        limit,
        now,
        until,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Claimed {
            id: row.id,
            to: row.to,
            from: row.from_email,
            template: row.template,
            locale: row.locale,
            variables: row.variables,
            attempt: row.attempts,
            is_last: row.attempts >= row.max_attempts,
            suppressed: row.suppressed,
            secrets: row.secret_variables_ct.zip(row.secret_variables_kid),
        })
        .collect())
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// It was taken.
    Sent {
        /// Who took it.
        provider: &'a str,
        /// What they call it.
        message_id: &'a str,
        /// What it was about.
        subject: &'a str,
    },
    /// It was not, and is tried again.
    Again {
        /// Why, without the address.
        error: &'a str,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was not, and is not tried again.
    Failed {
        /// Why.
        error: &'a str,
    },
    /// The address wants none.
    Suppressed,
}

/// Writes how an attempt ended, unless another has begun since. Secrets go with the last attempt. Needs
/// [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.email_notifications.settle", skip_all)]
pub async fn settle(
    tx: &mut Tx,
    id: Uuid,
    attempt: i32,
    outcome: Outcome<'_>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let (status, error, again) = match outcome {
        Outcome::Sent { .. } => ("sent", None, None),
        Outcome::Again { error, at } => ("queued", Some(error), Some(at)),
        Outcome::Failed { error } => ("failed", Some(error), None),
        Outcome::Suppressed => ("suppressed", None, None),
    };
    let (provider, message_id, subject) = match outcome {
        Outcome::Sent { provider, message_id, subject } => (Some(provider), Some(message_id), Some(subject)),
        _ => (None, None, None),
    };
    let done = sqlx::query!(
        r#"
        UPDATE email_notifications
        SET status = $3, last_error = left($4, 1000), available_at = coalesce($5, available_at), locked_by = NULL,
            locked_until = NULL, provider = coalesce($6, provider),
            provider_message_id = coalesce($7, provider_message_id), subject = coalesce(left($8, 300), subject),
            sent_at = CASE WHEN $3 = 'sent' THEN $9 ELSE sent_at END,
            secret_variables_ct = CASE WHEN $3 = 'queued' THEN secret_variables_ct END,
            secret_variables_kid = CASE WHEN $3 = 'queued' THEN secret_variables_kid END
        WHERE id = $1 AND attempts = $2 AND status = 'sending'
        "#,
        id,
        attempt,
        status,
        error,
        again,
        provider,
        message_id,
        subject,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A mail as an organization sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Email {
    /// Its id.
    pub id: Uuid,
    /// The address.
    pub to_email: String,
    /// Which text.
    pub template: String,
    /// What it is about.
    pub category: String,
    /// Its subject, once it was sent.
    pub subject: Option<String>,
    /// `queued`, `sending`, `sent`, `delivered`, `bounced`, `complained`, `failed`, `suppressed` or `canceled`.
    pub status: String,
    /// Attempts so far.
    pub attempts: i32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// When it is tried.
    pub available_at: DateTime<Utc>,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// The mails of an organization, newest first.
#[tracing::instrument(level = "debug", name = "store.email_notifications.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    scope: &OrgScope,
    status: Option<&str>,
    page: &Page,
) -> Result<Vec<Email>, Error> {
    Ok(sqlx::query_as!(
        Email,
        r#"
        SELECT id, to_email::text AS "to_email!", template, category, subject, status, attempts, last_error,
               available_at, sent_at, created_at
        FROM email_notifications
        WHERE organization_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR status = $3)
        ORDER BY id DESC LIMIT $4
        "#,
        scope.org().uuid(),
        page.after,
        status,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One of them.
#[tracing::instrument(level = "debug", name = "store.email_notifications.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Email>, Error> {
    Ok(sqlx::query_as!(
        Email,
        r#"
        SELECT id, to_email::text AS "to_email!", template, category, subject, status, attempts, last_error,
               available_at, sent_at, created_at
        FROM email_notifications WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Does not send a mail after all. False where it is not waiting.
#[tracing::instrument(level = "debug", name = "store.email_notifications.cancel", skip_all)]
pub async fn cancel(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE email_notifications
        SET status = 'canceled', secret_variables_ct = NULL, secret_variables_kid = NULL
        WHERE organization_id = $1 AND id = $2 AND status = 'queued'
        "#,
        scope.org().uuid(),
        id,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}
