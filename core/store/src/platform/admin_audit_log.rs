//! `admin_audit_log`: what platform staff do, chained by hashes as the organizations' own entries are. The nil id is the
//! key of this chain.

use std::borrow::Cow;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::admin_sessions::Staff;
use crate::{Error, Tx, audit::audit_logs::redact, page::Page};

/// What was done.
#[derive(Debug, Clone)]
pub struct Act {
    /// In words with dots: `organization.suspend`.
    pub action: Cow<'static, str>,
    /// The kind of thing it was done to.
    pub resource_type: Option<&'static str>,
    /// The thing.
    pub resource: Option<Uuid>,
    /// The organization it was done to or in.
    pub organization: Option<Uuid>,
    /// Why.
    pub reason: Option<String>,
    /// `success`, `denied` or `failure`.
    pub outcome: &'static str,
    /// What else there is to say: an object.
    pub details: Value,
}

impl Act {
    /// Something that was done.
    pub fn new(action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            action: action.into(),
            resource_type: None,
            resource: None,
            organization: None,
            reason: None,
            outcome: "success",
            details: Value::Object(Map::new()),
        }
    }

    /// To this thing.
    #[must_use]
    pub fn to(self, resource_type: &'static str, resource: Uuid) -> Self {
        Self { resource_type: Some(resource_type), resource: Some(resource), ..self }
    }

    /// In this organization.
    #[must_use]
    pub fn within(self, organization: Uuid) -> Self {
        Self { organization: Some(organization), ..self }
    }

    /// For this reason.
    #[must_use]
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// With what else there is to say: an object.
    #[must_use]
    pub fn saying(self, details: Value) -> Self {
        Self { details, ..self }
    }

    /// It was not allowed.
    #[must_use]
    pub fn denied(self) -> Self {
        Self { outcome: "denied", ..self }
    }
}

/// Where an act came from.
#[derive(Debug, Clone, Default)]
pub struct From {
    /// The network address.
    pub ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The request.
    pub request: Option<Uuid>,
}

/// Writes an entry. What is named like a secret is redacted.
#[tracing::instrument(level = "debug", name = "store.admin_audit_log.append", skip_all)]
pub async fn append(tx: &mut Tx, id: Uuid, staff: &Staff, from: &From, act: Act) -> Result<(), Error> {
    write(tx, id, (Some(staff.user), &staff.email, Some(staff.session)), from, act).await
}

/// Writes an entry of somebody at the machine itself, who has no session.
#[tracing::instrument(level = "debug", name = "store.admin_audit_log.append_of_operator", skip_all)]
pub async fn append_of_operator(tx: &mut Tx, id: Uuid, act: Act) -> Result<(), Error> {
    write(tx, id, (None, "operator@localhost", None), &From::default(), act).await
}

async fn write(
    tx: &mut Tx,
    id: Uuid,
    (user, email, session): (Option<Uuid>, &str, Option<Uuid>),
    from: &From,
    act: Act,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO admin_audit_log
            (id, admin_user_id, admin_email, session_id, action, resource_type, resource_id, target_organization_id,
             reason, outcome, details, ip, user_agent, request_id)
        VALUES ($1, $2, $3::text::citext, $4, $5, $6, $7, $8, left($9, 500), $10, $11, $12::text::inet, $13, $14)
        "#,
        id,
        user,
        email,
        session,
        act.action.as_ref(),
        act.resource_type,
        act.resource,
        act.organization,
        act.reason,
        act.outcome,
        redact(act.details),
        from.ip,
        from.user_agent,
        from.request,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Entries, the latest first; those of one organization where one is named. Rows are JSON objects with an `id`.
#[tracing::instrument(level = "debug", name = "store.admin_audit_log.list", skip_all)]
pub async fn list(tx: &mut Tx, organization: Option<Uuid>, page: Page) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('id', id, 'seq', seq, 'admin_user_id', admin_user_id, 'admin_email', admin_email,
                   'session_id', session_id, 'action', action, 'resource_type', resource_type,
                   'resource_id', resource_id, 'target_organization_id', target_organization_id, 'reason', reason,
                   'outcome', outcome, 'details', details, 'ip', host(ip), 'user_agent', user_agent,
                   'request_id', request_id, 'entry_hash', encode(entry_hash, 'hex'), 'created_at', created_at) AS "row!"
        FROM admin_audit_log
        WHERE ($1::uuid IS NULL OR target_organization_id = $1) AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        "#,
        organization,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// The first entry of the chain that does not fit; none if it is whole.
#[tracing::instrument(level = "debug", name = "store.admin_audit_log.first_broken", skip_all)]
pub async fn first_broken(tx: &mut Tx) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar!("SELECT app.audit_verify($1)", Uuid::nil()).fetch_one(&mut *tx.inner).await?)
}
