//! `audit_logs`: what was done that matters to security, in the transaction of the act itself. The database chains the
//! entries of an organization, or of an account outside of any, by their hashes.

use std::borrow::Cow;

use botbuilder_domain::{Id, OrgId};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// What stands in place of a value that must not be kept.
pub const REDACTED: &str = "[redacted]";

/// Whether a field's value must not be kept: secrets, and whatever is named like one.
fn is_secret(field: &str) -> bool {
    const PARTS: [&str; 12] = [
        "password",
        "secret",
        "token",
        "credential",
        "authorization",
        "cookie",
        "private_key",
        "api_key",
        "code_hash",
        "signature",
        "session_key",
        "backup_code",
    ];
    // Names that hold such a word and say nothing that is worth hiding.
    const OPEN: [&str; 5] =
        ["token_prefix", "token_expires_at", "password_changed_at", "token_id", "credentials_rotated_at"];
    let field = field.to_ascii_lowercase();
    !OPEN.contains(&field.as_str()) && PARTS.iter().any(|part| field.contains(part))
}

/// The value with every secret field's content replaced, at any depth.
pub fn redact(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(redact_fields(fields)),
        Value::Array(items) => Value::Array(items.into_iter().map(redact).collect()),
        other => other,
    }
}

fn redact_fields(fields: Map<String, Value>) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| {
            let kept = if is_secret(&name) && !value.is_null() && !value.is_boolean() {
                Value::from(REDACTED)
            } else {
                redact(value)
            };
            (name, kept)
        })
        .collect()
}

/// Who did it.
#[derive(Debug, Clone)]
pub struct Actor {
    /// `user`, `api_token`, `system` …
    pub kind: &'static str,
    /// The account or token.
    pub id: Option<Uuid>,
    /// What to call it, when it is gone.
    pub label: Option<String>,
    /// The session, for a person.
    pub session: Option<Uuid>,
    /// Where it came from.
    pub ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The request.
    pub request: Option<Uuid>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was not allowed.
    Denied,
    /// It was tried and did not work.
    Failure,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Failure => "failure",
        }
    }
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Act {
    /// In words with dots: `member.role.change`.
    pub action: Cow<'static, str>,
    /// The kind of thing it was done to.
    pub resource_type: Cow<'static, str>,
    /// The thing.
    pub resource: Option<Uuid>,
    /// How it went.
    pub outcome: Outcome,
    /// What was there before, as far as it changed.
    pub old: Option<Value>,
    /// What is there now.
    pub new: Option<Value>,
    /// What else there is to say.
    pub metadata: Value,
}

impl Act {
    /// Something that was done.
    pub fn new(
        action: impl Into<Cow<'static, str>>,
        resource_type: impl Into<Cow<'static, str>>,
        resource: Option<Uuid>,
    ) -> Self {
        Self {
            action: action.into(),
            resource_type: resource_type.into(),
            resource,
            outcome: Outcome::Success,
            old: None,
            new: None,
            metadata: Value::Object(Map::new()),
        }
    }

    /// The same, with another outcome.
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// The same, with what was there before.
    #[must_use]
    pub fn old(self, old: impl serde::Serialize) -> Self {
        Self { old: object(old), ..self }
    }

    /// The same, with what is there now.
    #[must_use]
    pub fn new_values(self, new: impl serde::Serialize) -> Self {
        Self { new: object(new), ..self }
    }

    /// The same, with what else there is to say: a JSON object.
    #[must_use]
    pub fn metadata(self, metadata: impl serde::Serialize) -> Self {
        Self { metadata: object(metadata).unwrap_or_else(|| Value::Object(Map::new())), ..self }
    }
}

/// A value as a JSON object; the columns take nothing else.
fn object(value: impl serde::Serialize) -> Option<Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => Some(Value::Object(fields)),
        Ok(Value::Null) | Err(_) => None,
        Ok(other) => Some(serde_json::json!({ "value": other })),
    }
}

/// Appends an entry to the chain of the organization, or of the account where there is none. The instant is the one
/// inside `id`. Works in every transaction that may write: an organization's and those before one is known.
#[tracing::instrument(level = "debug", name = "store.audit_logs.append", skip_all)]
pub async fn append(tx: &mut Tx, org: Option<OrgId>, id: Uuid, actor: &Actor, act: Act) -> Result<(), Error> {
    let Act { action, resource_type, resource, outcome, old, new, metadata } = act;
    let created_at = Id::<()>::new(id).created_at();
    let label = actor.label.as_deref().map(|label| cut(label, 255));
    let user_agent = actor.user_agent.as_deref().map(|agent| cut(agent, 512));
    sqlx::query!(
        r#"
        INSERT INTO audit_logs
            (id, created_at, organization_id, chain_key, actor_type, actor_id, actor_label, action, resource_type,
             resource_id, outcome, old_values, new_values, metadata, ip, user_agent, request_id, session_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::text::inet, $16, $17, $18)
        "#,
        id,
        created_at,
        org.map(OrgId::uuid),
        org.map(OrgId::uuid).or(actor.id) as Option<Uuid>,
        actor.kind,
        actor.id,
        label,
        action.as_ref(),
        resource_type.as_ref(),
        resource,
        outcome.as_str(),
        old.map(redact),
        new.map(redact),
        redact(metadata),
        actor.ip,
        user_agent,
        actor.request,
        actor.session,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The first `most` characters.
fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

/// An entry as it is read.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// Its place in the chain.
    pub seq: i64,
    /// When it happened.
    pub created_at: DateTime<Utc>,
    /// `user`, `api_token`, `system` …
    pub actor_type: String,
    /// The account or token.
    pub actor_id: Option<Uuid>,
    /// What it was called.
    pub actor_label: Option<String>,
    /// What was done.
    pub action: String,
    /// The kind of thing it was done to.
    pub resource_type: String,
    /// The thing.
    pub resource_id: Option<Uuid>,
    /// `success`, `denied` or `failure`.
    pub outcome: String,
    /// What was there before.
    pub old_values: Option<Value>,
    /// What came in its place.
    pub new_values: Option<Value>,
    /// What else there is to say.
    pub metadata: Value,
    /// Where it came from.
    pub ip: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: Option<Uuid>,
    /// The session.
    pub session_id: Option<Uuid>,
    /// The hash of the entry before, in hexadecimal digits.
    pub prev_hash: String,
    /// The hash of this one.
    pub entry_hash: String,
}

/// Which entries are wanted: what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Done by this one.
    pub actor: Option<Uuid>,
    /// This was done.
    pub action: Option<String>,
    /// Done to such a thing.
    pub resource_type: Option<String>,
    /// Done to this.
    pub resource: Option<Uuid>,
    /// That is how it went.
    pub outcome: Option<String>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// The entries of an organization, newest first, those before `after`.
#[tracing::instrument(level = "debug", name = "store.audit_logs.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    scope: &OrgScope,
    filter: &Filter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let Filter { actor, action, resource_type, resource, outcome, from, to } = filter;
    // The instant is inside the id, so the cursor bounds the partitions too.
    let before = after.map(|id| Id::<()>::new(id).created_at());
    Ok(sqlx::query_as!(
        Entry,
        r#"
        SELECT id, seq, created_at, actor_type, actor_id, actor_label, action, resource_type, resource_id, outcome,
               old_values, new_values, metadata, host(ip) AS ip, user_agent, request_id, session_id,
               encode(prev_hash, 'hex') AS "prev_hash!", encode(entry_hash, 'hex') AS "entry_hash!"
        FROM audit_logs
        WHERE organization_id = $1
          AND ($2::uuid IS NULL OR (created_at <= $3 AND (created_at, id) < ($3, $2)))
          AND ($5::uuid IS NULL OR actor_id = $5) AND ($6::text IS NULL OR action = $6)
          AND ($7::text IS NULL OR resource_type = $7) AND ($8::uuid IS NULL OR resource_id = $8)
          AND ($9::text IS NULL OR outcome = $9)
          AND ($10::timestamptz IS NULL OR created_at >= $10) AND ($11::timestamptz IS NULL OR created_at < $11)
        ORDER BY created_at DESC, id DESC LIMIT $4
        "#,
        scope.org().uuid(),
        after,
        before,
        limit,
        *actor,
        action.as_deref(),
        resource_type.as_deref(),
        *resource,
        outcome.as_deref(),
        *from,
        *to,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One entry.
#[tracing::instrument(level = "debug", name = "store.audit_logs.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Entry>, Error> {
    Ok(sqlx::query_as!(
        Entry,
        r#"
        SELECT id, seq, created_at, actor_type, actor_id, actor_label, action, resource_type, resource_id, outcome,
               old_values, new_values, metadata, host(ip) AS ip, user_agent, request_id, session_id,
               encode(prev_hash, 'hex') AS "prev_hash!", encode(entry_hash, 'hex') AS "entry_hash!"
        FROM audit_logs WHERE organization_id = $1 AND id = $2 AND created_at = $3
        "#,
        scope.org().uuid(),
        id,
        Id::<()>::new(id).created_at(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// What a walk along the chain found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verified {
    /// Whether every entry fits.
    pub whole: bool,
    /// The first sequence number that is missing or does not fit.
    pub first_broken_seq: Option<i64>,
    /// The last sequence number that is there.
    pub last_seq: i64,
    /// The hash of the last entry, in hexadecimal digits: whoever keeps it elsewhere can compare it later.
    pub head_hash: Option<String>,
}

/// Recomputes the chain of an organization, from `from_seq` to `to_seq` where they are given.
#[tracing::instrument(level = "debug", name = "store.audit_logs.verify", skip_all)]
pub async fn verify(
    tx: &mut Tx,
    scope: &OrgScope,
    from_seq: Option<i64>,
    to_seq: Option<i64>,
) -> Result<Verified, Error> {
    let first_broken_seq = sqlx::query_scalar!(
        "SELECT app.audit_verify($1, coalesce($2::bigint, 1), $3)",
        scope.org().uuid(),
        from_seq,
        to_seq
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    let head = sqlx::query!(
        r#"
        SELECT seq, encode(entry_hash, 'hex') AS "hash!" FROM audit_logs
        WHERE chain_key = $1 ORDER BY seq DESC LIMIT 1
        "#,
        scope.org().uuid()
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(Verified {
        whole: first_broken_seq.is_none(),
        first_broken_seq,
        last_seq: head.as_ref().map_or(0, |head| head.seq),
        head_hash: head.map(|head| head.hash),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_not_kept_at_any_depth() {
        let value = json!({
            "name": "x", "client_secret": "canary", "nested": [{"access_token": "canary", "n": 1}],
            "credentials": {"a": "canary"}, "password_changed_at": "2026", "token_prefix": "ab", "has_password": true,
            "refresh_token": null,
        });
        let kept = redact(value).to_string();
        assert!(!kept.contains("canary"), "{kept}");
        for rest in
            ["\"name\":\"x\"", "\"n\":1", "2026", "\"ab\"", "\"has_password\":true", "\"refresh_token\":null"]
        {
            assert!(kept.contains(rest), "{rest}: {kept}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut("äöü", 2), "äö");
        assert_eq!(cut("ab", 2), "ab");
    }
}
