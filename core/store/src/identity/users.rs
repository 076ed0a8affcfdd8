//! `users`: a person who can sign in.

use botbuilder_domain::Secret;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, Tx,
    secret::{DataKeys, Place, Sealed},
};

/// The account of that address, if there is one.
#[tracing::instrument(level = "debug", name = "store.users.find_by_email", skip_all)]
pub async fn find_by_email(tx: &mut Tx, email: &str) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM users WHERE email = $1::text::citext AND deleted_at IS NULL",
        email
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Creates an account without a password: it signs in by a link or a token.
#[tracing::instrument(level = "debug", name = "store.users.insert", skip_all)]
pub async fn insert(tx: &mut Tx, id: Uuid, email: &str, name: &str) -> Result<(), Error> {
    sqlx::query!("INSERT INTO users (id, email, name) VALUES ($1, $2::text::citext, $3)", id, email, name)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// A person who registers.
#[derive(Debug, Clone)]
pub struct New {
    /// The account.
    pub id: Uuid,
    /// The address.
    pub email: String,
    /// How the person is called.
    pub name: String,
    /// The password, as a PHC string.
    pub password_hash: Secret<String>,
    /// Language of mails and pages.
    pub locale: String,
    /// IANA time zone.
    pub timezone: String,
}

/// Creates an account with a password. An address that is taken is a conflict with `uq_users_1`.
#[tracing::instrument(level = "debug", name = "store.users.register", skip_all)]
pub async fn register(tx: &mut Tx, new: &New, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO users (id, email, name, password_hash, password_changed_at, locale, timezone)
        VALUES ($1, $2::text::citext, $3, $4, $5, $6, $7)
        "#,
        new.id,
        new.email,
        new.name,
        new.password_hash.expose(),
        now,
        new.locale,
        new.timezone,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// What signing in is decided with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub id: Uuid,
    /// Its address.
    pub email: String,
    /// How the person is called.
    pub name: String,
    /// Language of mails.
    pub locale: String,
    /// The password, as a PHC string; none for accounts that sign in otherwise.
    pub password_hash: Option<Secret<String>>,
    /// `active`, `suspended` or `deactivated`.
    pub status: String,
    /// Whether the address is proved.
    pub email_verified: bool,
    /// Whether a second factor is asked for.
    pub two_factor: bool,
    /// Failures since the last success.
    pub failed_logins: i32,
    /// No attempt is looked at before.
    pub delay_until: Option<DateTime<Utc>>,
    /// Whether the last success came from the asking address.
    pub known_address: bool,
}

/// What a second factor is checked with.
#[derive(Debug)]
pub struct SecondFactor {
    /// The seed of the codes, sealed; there already while enrolment waits for its first code.
    pub seed: Option<Sealed>,
    /// Since when it is asked for; none before the first correct code.
    pub enabled_at: Option<DateTime<Utc>>,
    /// The time step of the last code that was accepted.
    pub last_step: Option<i64>,
}

/// Looks an account up by its address. `ip` is the address that asks.
#[tracing::instrument(level = "debug", name = "store.users.credentials", skip_all)]
pub async fn credentials(tx: &mut Tx, email: &str, ip: Option<&str>) -> Result<Option<Credentials>, Error> {
    let Some(id) = find_by_email(tx, email).await? else { return Ok(None) };
    credentials_of(tx, id, ip).await
}

/// Looks an account up.
#[tracing::instrument(level = "debug", name = "store.users.credentials_of", skip_all)]
pub async fn credentials_of(tx: &mut Tx, id: Uuid, ip: Option<&str>) -> Result<Option<Credentials>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT id, email::text AS "email!", name, locale, password_hash, status, failed_logins, delay_until,
               email_verified_at IS NOT NULL AS "email_verified!",
               two_factor_enabled_at IS NOT NULL AS "two_factor!",
               coalesce(last_login_ip = $2::text::inet, false) AS "known_address!"
        FROM users WHERE id = $1 AND deleted_at IS NULL
        "#,
        id,
        ip,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Credentials {
        id: row.id,
        email: row.email,
        name: row.name,
        locale: row.locale,
        password_hash: row.password_hash.map(Secret::new),
        status: row.status,
        email_verified: row.email_verified,
        two_factor: row.two_factor,
        failed_logins: row.failed_logins,
        delay_until: row.delay_until,
        known_address: row.known_address,
    }))
}

/// Counts an attempt before it is looked at, so that many at once cannot slip by, and says when the next may come.
/// Returns how many there were since the last success.
#[tracing::instrument(level = "debug", name = "store.users.count_attempt", skip_all)]
pub async fn count_attempt(tx: &mut Tx, id: Uuid) -> Result<i32, Error> {
    Ok(sqlx::query_scalar!(
        "UPDATE users SET failed_logins = failed_logins + 1 WHERE id = $1 RETURNING failed_logins",
        id
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Nothing has failed any more.
#[tracing::instrument(level = "debug", name = "store.users.clear_attempts", skip_all)]
pub async fn clear_attempts(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    sqlx::query!("UPDATE users SET failed_logins = 0, delay_until = NULL WHERE id = $1", id)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// Lets no attempt be looked at before this instant.
#[tracing::instrument(level = "debug", name = "store.users.delay", skip_all)]
pub async fn delay(tx: &mut Tx, id: Uuid, until: Option<DateTime<Utc>>) -> Result<(), Error> {
    sqlx::query!("UPDATE users SET delay_until = $2 WHERE id = $1", id, until)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// Writes a success: nothing has failed since.
#[tracing::instrument(level = "debug", name = "store.users.signed_in", skip_all)]
pub async fn signed_in(tx: &mut Tx, id: Uuid, ip: Option<&str>, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE users SET failed_logins = 0, delay_until = NULL, last_login_at = $2, last_login_ip = $3::text::inet
        WHERE id = $1
        "#,
        id,
        now,
        ip,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Replaces the password. `changed_at` is given where the person chose another, and not where the same was hashed
/// again.
#[tracing::instrument(level = "debug", name = "store.users.set_password", skip_all)]
pub async fn set_password(
    tx: &mut Tx,
    id: Uuid,
    hash: &Secret<String>,
    changed_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE users SET password_hash = $2, password_changed_at = coalesce($3, password_changed_at) WHERE id = $1",
        id,
        hash.expose(),
        changed_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Marks the address as proved.
#[tracing::instrument(level = "debug", name = "store.users.verify_email", skip_all)]
pub async fn verify_email(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE users SET email_verified_at = coalesce(email_verified_at, $2) WHERE id = $1",
        id,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Takes another, proved address. One that is taken is a conflict with `uq_users_1`.
#[tracing::instrument(level = "debug", name = "store.users.change_email", skip_all)]
pub async fn change_email(tx: &mut Tx, id: Uuid, email: &str, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE users SET email = $2::text::citext, email_verified_at = $3 WHERE id = $1",
        id,
        email,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

fn seed_place(id: Uuid) -> Place {
    Place { table: "users", column: "two_factor_secret", row: id }
}

/// What the second factor is checked with. The row stays locked until the transaction ends, so that a code cannot be
/// used twice at once.
#[tracing::instrument(level = "debug", name = "store.users.second_factor", skip_all)]
pub async fn second_factor(tx: &mut Tx, id: Uuid) -> Result<Option<SecondFactor>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT two_factor_secret_ct, two_factor_secret_kid, two_factor_enabled_at, two_factor_last_step
        FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE
        "#,
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| SecondFactor {
        seed: row
            .two_factor_secret_ct
            .zip(row.two_factor_secret_kid)
            .map(|(ciphertext, key_id)| Sealed { ciphertext, key_id }),
        enabled_at: row.two_factor_enabled_at,
        last_step: row.two_factor_last_step,
    }))
}

impl SecondFactor {
    /// Opens the seed.
    pub fn open_seed(&self, id: Uuid, keys: &DataKeys) -> Result<Option<Secret<Vec<u8>>>, Error> {
        let open = |seed: &Sealed| keys.open(seed_place(id), &seed.ciphertext, &seed.key_id);
        Ok(self.seed.as_ref().map(open).transpose()?)
    }
}

/// Keeps a seed whose first code is still to come.
#[tracing::instrument(level = "debug", name = "store.users.set_seed", skip_all)]
pub async fn set_seed(tx: &mut Tx, id: Uuid, keys: &DataKeys, seed: &[u8]) -> Result<(), Error> {
    let sealed = keys.seal(seed_place(id), seed)?;
    sqlx::query!(
        r#"
        UPDATE users SET two_factor_secret_ct = $2, two_factor_secret_kid = $3, two_factor_last_step = NULL
        WHERE id = $1 AND two_factor_enabled_at IS NULL
        "#,
        id,
        sealed.ciphertext,
        sealed.key_id,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Remembers the step of an accepted code; with `enable`, codes are asked for from now on.
#[tracing::instrument(level = "debug", name = "store.users.accept_step", skip_all)]
pub async fn accept_step(
    tx: &mut Tx,
    id: Uuid,
    step: i64,
    enable: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE users SET two_factor_last_step = $2, two_factor_enabled_at = coalesce(two_factor_enabled_at, $3)
        WHERE id = $1
        "#,
        id,
        step,
        enable,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Asks for no second factor any more.
#[tracing::instrument(level = "debug", name = "store.users.disable_second_factor", skip_all)]
pub async fn disable_second_factor(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE users SET two_factor_enabled_at = NULL, two_factor_last_step = NULL, two_factor_secret_ct = NULL,
               two_factor_secret_kid = NULL
        WHERE id = $1
        "#,
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// An account as its owner sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Profile {
    /// The account.
    pub id: Uuid,
    /// Its address.
    pub email: String,
    /// When the address was proved.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// How the person is called.
    pub name: String,
    /// A picture.
    pub avatar_url: Option<String>,
    /// Language of mails and pages.
    pub locale: String,
    /// IANA time zone.
    pub timezone: String,
    /// What the person wants to be told.
    pub notification_prefs: Value,
    /// Since when a second factor is asked for.
    pub two_factor_enabled_at: Option<DateTime<Utc>>,
    /// When the password was chosen.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// The last signing in.
    pub last_login_at: Option<DateTime<Utc>>,
    /// Since when there is the account.
    pub created_at: DateTime<Utc>,
    /// The last change.
    pub updated_at: DateTime<Utc>,
}

/// An account as its owner sees it.
#[tracing::instrument(level = "debug", name = "store.users.profile", skip_all)]
pub async fn profile(tx: &mut Tx, id: Uuid) -> Result<Option<Profile>, Error> {
    Ok(sqlx::query_as!(
        Profile,
        r#"
        SELECT id, email::text AS "email!", email_verified_at, name, avatar_url, locale, timezone, notification_prefs,
               two_factor_enabled_at, password_changed_at, last_login_at, created_at, updated_at
        FROM users WHERE id = $1 AND deleted_at IS NULL
        "#,
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A change of the profile: what is none stays. The picture can be taken away.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// How the person is called.
    pub name: Option<String>,
    /// A picture; none inside takes it away.
    pub avatar_url: Option<Option<String>>,
    /// Language of mails and pages.
    pub locale: Option<String>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// What the person wants to be told.
    pub notification_prefs: Option<Value>,
}

/// Changes the profile.
#[tracing::instrument(level = "debug", name = "store.users.update", skip_all)]
pub async fn update(tx: &mut Tx, id: Uuid, change: Change) -> Result<(), Error> {
    let Change { name, avatar_url, locale, timezone, notification_prefs } = change;
    sqlx::query!(
        r#"
        UPDATE users SET name = coalesce($2, name), avatar_url = CASE WHEN $3 THEN $4 ELSE avatar_url END,
               locale = coalesce($5, locale), timezone = coalesce($6, timezone),
               notification_prefs = coalesce($7, notification_prefs)
        WHERE id = $1 AND deleted_at IS NULL
        "#,
        id,
        name,
        avatar_url.is_some(),
        avatar_url.flatten(),
        locale,
        timezone,
        notification_prefs,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The names of the organizations this person alone owns. While there are any, the account stays.
#[tracing::instrument(level = "debug", name = "store.users.sole_ownerships", skip_all)]
pub async fn sole_ownerships(tx: &mut Tx, id: Uuid) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT o.name FROM organizations o
        JOIN organization_members m ON m.organization_id = o.id AND m.user_id = $1 AND m.status = 'active'
        JOIN roles r ON r.id = m.role_id AND r.code = 'owner'
        WHERE o.deleted_at IS NULL AND o.status <> 'closed' AND NOT EXISTS (
            SELECT FROM organization_members other JOIN roles s ON s.id = other.role_id AND s.code = 'owner'
            WHERE other.organization_id = o.id AND other.user_id <> $1 AND other.status = 'active')
        ORDER BY o.name
        "#,
        id
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Closes an account: memberships end, nobody can sign in, the address is free again. Retention removes the row.
#[tracing::instrument(level = "debug", name = "store.users.delete", skip_all)]
pub async fn delete(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE organization_members SET status = 'removed', removed_at = $2 WHERE user_id = $1 AND status <> 'removed'",
        id,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE users SET deleted_at = $2, status = 'deactivated', password_hash = NULL, two_factor_enabled_at = NULL,
               two_factor_secret_ct = NULL, two_factor_secret_kid = NULL, two_factor_last_step = NULL
        WHERE id = $1
        "#,
        id,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
