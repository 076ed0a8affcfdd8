//! `password_reset_tokens`: every one-time secret that goes out by mail. One open secret per purpose; using one uses up
//! its siblings.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::opaque::Hash;
use crate::{Error, Tx};

/// What a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Choosing a new password.
    PasswordReset,
    /// Proving the address.
    EmailVerification,
    /// Proving another address.
    EmailChange,
    /// Signing in without the password.
    MagicLink,
}

impl Purpose {
    /// Its name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
            Self::EmailChange => "email_change",
            Self::MagicLink => "magic_link",
        }
    }
}

/// A link to be written.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user: Uuid,
    /// What it is good for.
    pub purpose: Purpose,
    /// What is stored of its token.
    pub hash: Hash,
    /// The address to be proved, for a change of address.
    pub new_email: Option<&'a str>,
    /// Who asked for it.
    pub ip: Option<&'a str>,
    /// How long it is good.
    pub expires_at: DateTime<Utc>,
}

/// Writes a link in place of the open ones of its purpose.
#[tracing::instrument(level = "debug", name = "store.password_reset_tokens.insert", skip_all)]
pub async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<(), Error> {
    void(tx, new.user, new.purpose).await?;
    sqlx::query!(
        r#"
        INSERT INTO password_reset_tokens (id, user_id, purpose, token_hash, new_email, requested_ip, expires_at)
        VALUES ($1, $2, $3, $4, $5::text::citext, $6::text::inet, $7)
        "#,
        new.id,
        new.user,
        new.purpose.as_str(),
        new.hash.as_slice(),
        new.new_email,
        new.ip,
        new.expires_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Removes the open links of a purpose.
#[tracing::instrument(level = "debug", name = "store.password_reset_tokens.void", skip_all)]
pub async fn void(tx: &mut Tx, user: Uuid, purpose: Purpose) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM password_reset_tokens WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL",
        user,
        purpose.as_str()
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A link that was used.
#[derive(Debug, Clone)]
pub struct Used {
    /// Whose it was.
    pub user: Uuid,
    /// The address it proves, for a change of address.
    pub new_email: Option<String>,
}

/// Uses a link up. None where there is no such link, it is over, or it was used.
#[tracing::instrument(level = "debug", name = "store.password_reset_tokens.consume", skip_all)]
pub async fn consume(
    tx: &mut Tx,
    purpose: Purpose,
    hash: &Hash,
    now: DateTime<Utc>,
) -> Result<Option<Used>, Error> {
    let row = sqlx::query!(
        r#"
        UPDATE password_reset_tokens SET used_at = $3
        WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
        RETURNING user_id, new_email::text
        "#,
        hash.as_slice(),
        purpose.as_str(),
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Used { user: row.user_id, new_email: row.new_email }))
}
