//! `api_tokens`: bearer credentials for programs, `bb_<prefix>_<secret>`. Only prefix and hash are stored.

use botbuilder_domain::{OrgId, Secret};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, secret::SealError};

/// A token as it is shown once.
pub struct Issued {
    /// The whole token.
    pub token: Secret<String>,
    prefix: String,
    hash: [u8; 32],
}

/// The parts of a presented token.
pub struct Presented {
    prefix: String,
    hash: [u8; 32],
}

/// Whose token was presented, and what it may do.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The token.
    pub token: Uuid,
    /// The tenant.
    pub org: OrgId,
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl Issued {
    /// A new random token: 256 bits of secret.
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = [0_u8; 38];
        getrandom::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
        let (prefix, secret) = bytes.split_at(6);
        let prefix = hex::encode(prefix);
        let token = format!("bb_{prefix}_{}", hex::encode(secret));
        Ok(Self { hash: hash(&token), prefix, token: Secret::new(token) })
    }
}

impl Presented {
    /// Reads a token as it was presented. None where it has not the form of one.
    pub fn parse(token: &str) -> Option<Self> {
        let (prefix, secret) = token.strip_prefix("bb_")?.split_once('_')?;
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (prefix.len() == 12 && secret.len() == 64 && is_hex(prefix) && is_hex(secret))
            .then(|| Self { prefix: prefix.to_owned(), hash: hash(token) })
    }
}

/// Writes a service token with every right.
#[tracing::instrument(level = "debug", name = "store.api_tokens.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    name: &str,
    issued: &Issued,
) -> Result<(), Error> {
    let token = issued.token.expose();
    let last_four = token.get(token.len() - 4..).unwrap_or_default();
    sqlx::query!(
        r#"
        INSERT INTO api_tokens (organization_id, id, kind, name, token_prefix, token_hash, last_four, scopes)
        VALUES ($1, $2, 'service', $3, $4, $5, $6, '{*}')
        "#,
        scope.org().uuid(),
        id,
        name,
        issued.prefix,
        issued.hash.as_slice(),
        last_four,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Whose token this is, if it is valid now. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.api_tokens.authenticate", skip_all)]
pub async fn authenticate(tx: &mut Tx, presented: &Presented) -> Result<Option<Bearer>, Error> {
    let row = sqlx::query!(
        r#"SELECT token_id AS "token!", organization_id AS "org!" FROM app.lookup_token($1, $2)"#,
        presented.prefix,
        presented.hash.as_slice(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Bearer { token: row.token, org: row.org.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issued_token_is_recognised() {
        let issued = Issued::generate().unwrap();
        let presented = Presented::parse(issued.token.expose()).unwrap();
        assert_eq!(presented.prefix, issued.prefix);
        assert_eq!(presented.hash, issued.hash);
    }

    #[test]
    fn what_has_not_the_form_is_no_token() {
        for token in ["", "bb_", "bb__", "Bearer", "bb_0123456789ab_short", "xx_0123456789ab_0"] {
            assert!(Presented::parse(token).is_none(), "{token}");
        }
    }
}
