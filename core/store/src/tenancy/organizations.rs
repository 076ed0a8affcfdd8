//! `organizations`: the tenant.

use botbuilder_domain::OrgId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    secret::{DataKeys, RootKey},
};

/// Opens the organization's data keys.
#[tracing::instrument(level = "debug", name = "store.organizations.data_keys", skip_all)]
pub async fn data_keys(tx: &mut Tx, scope: &OrgScope, root: &RootKey) -> Result<DataKeys, Error> {
    let stored = sqlx::query_scalar!("SELECT data_keys FROM organizations WHERE id = $1", scope.org().uuid())
        .fetch_one(&mut *tx.inner)
        .await?;
    let Value::Object(stored) = stored else {
        return Err(Error::inconsistent("organizations", "data_keys", scope.org(), "not an object"));
    };
    Ok(root.open_data_keys(scope.org(), &stored)?)
}

/// An organization to be created, with its owner a member.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Its short name in addresses.
    pub slug: String,
    /// The account that owns it.
    pub owner: Uuid,
}

/// Creates an organization and makes its owner a member. The transaction has entered its scope.
#[tracing::instrument(level = "debug", name = "store.organizations.insert", skip_all)]
pub async fn insert(tx: &mut Tx, scope: &OrgScope, new: &New, root: &RootKey) -> Result<(), Error> {
    let data_keys = root.new_data_keys(new.id)?;
    sqlx::query!(
        "INSERT INTO organizations (id, name, slug, owner_id, data_keys) VALUES ($1, $2, $3, $4, $5)",
        scope.org().uuid(),
        new.name,
        new.slug,
        new.owner,
        data_keys
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO organization_members (organization_id, user_id, role_id, source)
        SELECT $1, $2, id, 'owner' FROM roles WHERE code = 'owner'
        "#,
        scope.org().uuid(),
        new.owner
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Puts a new organization on the plan of this code.
#[tracing::instrument(level = "debug", name = "store.organizations.subscribe", skip_all)]
pub async fn subscribe(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    payer: Uuid,
    plan: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO user_subscriptions
            (id, organization_id, user_id, plan_id, currency, current_period_start, current_period_end)
        SELECT $2, $1, $3, id, currency, $4, $4::timestamptz + interval '1 month'
        FROM subscription_plans WHERE code = $5
        "#,
        scope.org().uuid(),
        id,
        payer,
        now,
        plan,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Whether the plan allows one more of `resource` (`seats`, `members`, `bots` …). The place is held until the
/// transaction ends.
#[tracing::instrument(level = "debug", name = "store.organizations.can_create", skip_all)]
pub async fn can_create(tx: &mut Tx, scope: &OrgScope, resource: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(r#"SELECT app.can_create($1, $2) AS "may!""#, scope.org().uuid(), resource)
        .fetch_one(&mut *tx.inner)
        .await?)
}

/// An organization as its members see it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Organization {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its short name in addresses.
    pub slug: String,
    /// The account that owns it.
    pub owner_id: Uuid,
    /// `active`, `suspended`, `closing` or `closed`.
    pub status: String,
    /// When it is removed, while it is closing.
    pub purge_after: Option<DateTime<Utc>>,
    /// Where bills go.
    pub billing_email: Option<String>,
    /// Language of what is made without one.
    pub default_locale: String,
    /// IANA time zone.
    pub timezone: String,
    /// Where its data is.
    pub data_region: String,
    /// Hours, rules for members and the like.
    pub settings: Value,
    /// How long data is kept, where shorter than the rule.
    pub retention_days: Value,
    /// Since when there is it.
    pub created_at: DateTime<Utc>,
    /// The last change.
    pub updated_at: DateTime<Utc>,
    /// Rises with each change.
    pub lock_version: i32,
}

/// The organization itself.
#[tracing::instrument(level = "debug", name = "store.organizations.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope) -> Result<Option<Organization>, Error> {
    Ok(sqlx::query_as!(
        Organization,
        r#"
        SELECT id, name, slug, owner_id, status, purge_after, billing_email::text, default_locale, timezone,
               data_region, settings, retention_days, created_at, updated_at, lock_version
        FROM organizations WHERE id = $1 AND deleted_at IS NULL
        "#,
        scope.org().uuid()
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A change of an organization: what is none stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// Its short name in addresses.
    pub slug: Option<String>,
    /// Where bills go; none inside takes it away.
    pub billing_email: Option<Option<String>>,
    /// Language of what is made without one.
    pub default_locale: Option<String>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Hours, rules for members and the like.
    pub settings: Option<Value>,
    /// How long data is kept.
    pub retention_days: Option<Value>,
}

/// Changes an organization of that version, or of any. False where its version is another.
#[tracing::instrument(level = "debug", name = "store.organizations.update", skip_all)]
pub async fn update(
    tx: &mut Tx,
    scope: &OrgScope,
    version: Option<i32>,
    change: Change,
) -> Result<bool, Error> {
    let Change { name, slug, billing_email, default_locale, timezone, settings, retention_days } = change;
    let done = sqlx::query!(
        r#"
        UPDATE organizations
        SET name = coalesce($3, name), slug = coalesce($4, slug),
            billing_email = CASE WHEN $5 THEN $6::text::citext ELSE billing_email END,
            default_locale = coalesce($7, default_locale), timezone = coalesce($8, timezone),
            settings = coalesce($9, settings), retention_days = coalesce($10, retention_days)
        WHERE id = $1 AND deleted_at IS NULL AND ($2::integer IS NULL OR lock_version = $2)
        "#,
        scope.org().uuid(),
        version,
        name,
        slug,
        billing_email.is_some(),
        billing_email.flatten(),
        default_locale,
        timezone,
        settings,
        retention_days,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Begins to close an organization, which is removed after `purge_after`. False where it is not active.
#[tracing::instrument(level = "debug", name = "store.organizations.close", skip_all)]
pub async fn close(tx: &mut Tx, scope: &OrgScope, purge_after: DateTime<Utc>) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE organizations SET status = 'closing', purge_after = $2 WHERE id = $1 AND status = 'active'",
        scope.org().uuid(),
        purge_after
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Does not close it after all. False where it is not closing.
#[tracing::instrument(level = "debug", name = "store.organizations.reopen", skip_all)]
pub async fn reopen(tx: &mut Tx, scope: &OrgScope) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE organizations SET status = 'active', purge_after = NULL WHERE id = $1 AND status = 'closing'",
        scope.org().uuid()
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Names another owner. Their membership is changed apart from it.
#[tracing::instrument(level = "debug", name = "store.organizations.set_owner", skip_all)]
pub async fn set_owner(tx: &mut Tx, scope: &OrgScope, owner: Uuid) -> Result<(), Error> {
    sqlx::query!("UPDATE organizations SET owner_id = $2 WHERE id = $1", scope.org().uuid(), owner)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// An organization a person belongs to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Membership {
    /// The organization.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its short name in addresses.
    pub slug: String,
    /// `active`, `suspended` or `closing`.
    pub status: String,
    /// The code of the person's built-in role there.
    pub role: String,
    /// Since when the person belongs to it.
    pub joined_at: DateTime<Utc>,
}

/// The organizations a person belongs to, newest first, those before `after`. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.organizations.of_user", skip_all)]
pub async fn of_user(
    tx: &mut Tx,
    user: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Membership>, Error> {
    Ok(sqlx::query_as!(
        Membership,
        r#"
        SELECT o.id, o.name, o.slug, o.status, r.code AS role, m.joined_at
        FROM organization_members m
        JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL AND o.status <> 'closed'
        JOIN roles r ON r.id = m.role_id
        WHERE m.user_id = $1 AND m.status = 'active' AND ($2::uuid IS NULL OR o.id < $2)
        ORDER BY o.id DESC LIMIT $3
        "#,
        user,
        after,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
