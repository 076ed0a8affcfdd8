//! `users`: a person who can sign in.

use uuid::Uuid;

use crate::{Error, Tx};

/// The account of that address, if there is one. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.users.find_by_email", skip_all)]
pub async fn find_by_email(tx: &mut Tx, email: &str) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM users WHERE email = $1::text::citext AND deleted_at IS NULL",
        email
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Creates an account without a password: it signs in by a link or a token. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.users.insert", skip_all)]
pub async fn insert(tx: &mut Tx, id: Uuid, email: &str, name: &str) -> Result<(), Error> {
    sqlx::query!("INSERT INTO users (id, email, name) VALUES ($1, $2::text::citext, $3)", id, email, name)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}
