//! `api_tokens`: bearer credentials for programs, `bb_<prefix>_<secret>`. Only prefix and hash are stored.

use botbuilder_domain::{BotId, OrgId, Secret};
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    Error, LookUp, OrgScope, Tx,
    secret::SealError,
    tenancy::{
        rights::Rights,
        standing::{self, OrgState},
    },
};

/// A token as it is shown once.
#[derive(Debug)]
pub struct Issued {
    /// The whole token.
    pub token: Secret<String>,
    prefix: String,
    hash: [u8; 32],
}

/// The parts of a presented token.
#[derive(Debug)]
pub struct Presented {
    prefix: String,
    hash: [u8; 32],
}

/// Whose token was presented, and what it may do.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The token.
    pub token: Uuid,
    /// What it is called.
    pub name: String,
    /// The tenant.
    pub org: OrgId,
    /// The state of the organization.
    pub state: OrgState,
    /// The account it belongs to; none for one that belongs to the organization.
    pub user: Option<Uuid>,
    /// Its scopes, as far as its owner has them now.
    pub rights: Rights,
    /// Whether it may be used from where it came.
    pub address_allowed: bool,
    /// Most calls of a minute.
    pub rate_per_minute: i32,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
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

    fn last_four(&self) -> &str {
        let token = self.token.expose();
        token.get(token.len() - 4..).unwrap_or_default()
    }
}

impl Presented {
    /// Its first part, by which it is found.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The hash of the whole.
    pub const fn hash(&self) -> &[u8] {
        self.hash.as_slice()
    }

    /// Reads a token as it was presented. None where it has not the form of one.
    pub fn parse(token: &str) -> Option<Self> {
        let (prefix, secret) = token.strip_prefix("bb_")?.split_once('_')?;
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (prefix.len() == 12 && secret.len() == 64 && is_hex(prefix) && is_hex(secret))
            .then(|| Self { prefix: prefix.to_owned(), hash: hash(token) })
    }
}

/// Writes a service token with every right, which belongs to the organization and to nobody in it.
#[tracing::instrument(level = "debug", name = "store.api_tokens.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    name: &str,
    issued: &Issued,
) -> Result<(), Error> {
    let new = New {
        kind: "service",
        name,
        user: None,
        scopes: &["*".to_owned()],
        bots: &[],
        allowed_cidrs: &[],
        rate_per_minute: 60_000,
        expires_at: None,
        rotated_from: None,
        sso_configuration: None,
    };
    create(tx, scope, id, &new, issued).await
}

/// A token to be written.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// `personal`, `service` or `scim`.
    pub kind: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// The account it belongs to: it never has more rights than this one.
    pub user: Option<Uuid>,
    /// What it may do.
    pub scopes: &'a [String],
    /// The bots it may do it in; empty means all.
    pub bots: &'a [Uuid],
    /// Where it may be used from; empty means everywhere.
    pub allowed_cidrs: &'a [String],
    /// Most calls of a minute.
    pub rate_per_minute: i32,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// The token it takes the place of.
    pub rotated_from: Option<Uuid>,
    /// The single sign-on configuration whose people it provisions, for one of the kind `scim`.
    pub sso_configuration: Option<Uuid>,
}

/// Writes a token.
#[tracing::instrument(level = "debug", name = "store.api_tokens.create", skip_all)]
pub async fn create(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    new: &New<'_>,
    issued: &Issued,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO api_tokens
            (organization_id, id, kind, name, user_id, created_by, token_prefix, token_hash, last_four, scopes,
             bot_ids, allowed_cidrs, rate_per_minute, expires_at, rotated_from_id, sso_configuration_id)
        VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11::text[]::cidr[], $12, $13, $14, $15)
        "#,
        scope.org().uuid(),
        id,
        new.kind,
        new.name,
        new.user,
        issued.prefix,
        issued.hash.as_slice(),
        issued.last_four(),
        new.scopes,
        new.bots,
        new.allowed_cidrs,
        new.rate_per_minute,
        new.expires_at,
        new.rotated_from,
        new.sso_configuration,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Whose token this is, if it is valid now. `ip` is where it came from.
#[tracing::instrument(level = "debug", name = "store.api_tokens.authenticate", skip_all)]
pub async fn authenticate(
    look_up: &mut LookUp,
    presented: &Presented,
    ip: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Bearer>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT t.id, t.name, t.organization_id, t.user_id, t.scopes, t.bot_ids, t.rate_per_minute, t.last_used_at,
               o.status AS org_status, coalesce((o.settings ->> 'require_2fa')::boolean, false) AS "require_two_factor!",
               (t.allowed_cidrs = '{}' OR EXISTS (
                   SELECT FROM unnest(t.allowed_cidrs) AS network WHERE network >>= $3::text::inet))
                   AS "address_allowed!",
               m.id AS "member?", r.permissions AS "permissions?",
               coalesce((
                   SELECT jsonb_agg(jsonb_build_object('bot', g.bot_id, 'permissions', tr.permissions))
                   FROM team_members g JOIN team_roles tr ON tr.id = g.team_role_id
                   WHERE g.organization_id = m.organization_id AND g.member_id = m.id AND g.status = 'active'
                     AND (g.expires_at IS NULL OR g.expires_at > $4)), '[]') AS "grants!"
        FROM api_tokens t
        JOIN organizations o ON o.id = t.organization_id AND o.deleted_at IS NULL AND o.status <> 'closed'
        LEFT JOIN users u ON u.id = t.user_id AND u.status = 'active' AND u.deleted_at IS NULL
        LEFT JOIN organization_members m
               ON m.organization_id = t.organization_id AND m.user_id = u.id AND m.status = 'active'
        LEFT JOIN roles r ON r.id = m.role_id
        WHERE t.token_prefix = $1 AND t.token_hash = $2 AND t.kind <> 'scim'
          AND t.revoked_at IS NULL AND t.deleted_at IS NULL
          AND (t.expires_at IS NULL OR t.expires_at > $4) AND (t.grace_until IS NULL OR t.grace_until > $4)
        "#,
        presented.prefix,
        presented.hash.as_slice(),
        ip,
        now,
    )
    .fetch_optional(&mut *look_up.inner)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let scopes = standing::stored_permissions(&row.scopes);
    let bots: Vec<BotId> = row.bot_ids.into_iter().map(BotId::from).collect();
    let rights = match (row.user_id, row.member, row.permissions) {
        (None, _, _) => Rights::of_scopes(&scopes, &bots),
        (Some(_), Some(member), Some(permissions)) => {
            standing::rights(member, &permissions, &row.grants)?.limited_to(&scopes, &bots)
        }
        // Its owner is no member any more.
        (Some(_), _, _) => return Ok(None),
    };
    Ok(Some(Bearer {
        token: row.id,
        name: row.name,
        org: row.organization_id.into(),
        state: OrgState { status: row.org_status, require_two_factor: row.require_two_factor },
        user: row.user_id,
        rights,
        address_allowed: row.address_allowed,
        rate_per_minute: row.rate_per_minute,
        last_used_at: row.last_used_at,
    }))
}

/// Notes that a token was used. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.api_tokens.used", skip_all)]
pub async fn used(tx: &mut Tx, id: Uuid, ip: Option<&str>, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE api_tokens SET last_used_at = $3, last_used_ip = $2::text::inet WHERE id = $1",
        id,
        ip,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A token as it is listed: everything but its secret.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// `personal`, `service` or `scim`.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// The account it belongs to.
    pub user_id: Option<Uuid>,
    /// Its first characters, after `bb_`.
    pub token_prefix: String,
    /// Its last characters.
    pub last_four: String,
    /// What it may do, as far as its owner may.
    pub scopes: Vec<String>,
    /// The bots it may do it in; empty means all.
    pub bot_ids: Vec<Uuid>,
    /// Where it may be used from; empty means everywhere.
    pub allowed_cidrs: Vec<String>,
    /// Most calls of a minute.
    pub rate_per_minute: i32,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Where it was last used.
    pub last_used_ip: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The token it took the place of.
    pub rotated_from_id: Option<Uuid>,
    /// Until when it goes on beside its successor.
    pub grace_until: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The last change.
    pub updated_at: DateTime<Utc>,
}

/// The tokens of an organization, newest first, those before `after`.
#[tracing::instrument(level = "debug", name = "store.api_tokens.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    scope: &OrgScope,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Token>, Error> {
    Ok(sqlx::query_as!(
        Token,
        r#"
        SELECT id, kind, name, user_id, token_prefix, last_four, scopes, bot_ids,
               allowed_cidrs::text[] AS "allowed_cidrs!", rate_per_minute, expires_at, last_used_at,
               host(last_used_ip) AS last_used_ip, revoked_at, rotated_from_id, grace_until, created_at, updated_at
        FROM api_tokens
        WHERE organization_id = $1 AND deleted_at IS NULL AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        "#,
        scope.org().uuid(),
        after,
        limit,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One token.
#[tracing::instrument(level = "debug", name = "store.api_tokens.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Token>, Error> {
    Ok(sqlx::query_as!(
        Token,
        r#"
        SELECT id, kind, name, user_id, token_prefix, last_four, scopes, bot_ids,
               allowed_cidrs::text[] AS "allowed_cidrs!", rate_per_minute, expires_at, last_used_at,
               host(last_used_ip) AS last_used_ip, revoked_at, rotated_from_id, grace_until, created_at, updated_at
        FROM api_tokens WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A change of a token: what is none stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What it is called.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Vec<String>>,
    /// The bots it may do it in.
    pub bots: Option<Vec<Uuid>>,
    /// Where it may be used from.
    pub allowed_cidrs: Option<Vec<String>>,
    /// Most calls of a minute.
    pub rate_per_minute: Option<i32>,
}

/// Changes a token that is not revoked.
#[tracing::instrument(level = "debug", name = "store.api_tokens.update", skip_all)]
pub async fn update(tx: &mut Tx, scope: &OrgScope, id: Uuid, change: &Change) -> Result<bool, Error> {
    let Change { name, scopes, bots, allowed_cidrs: networks, rate_per_minute } = change;
    let done = sqlx::query!(
        r#"
        UPDATE api_tokens
        SET name = coalesce($3, name), scopes = coalesce($4, scopes), bot_ids = coalesce($5, bot_ids),
            allowed_cidrs = coalesce($6::text[]::cidr[], allowed_cidrs),
            rate_per_minute = coalesce($7, rate_per_minute)
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL AND revoked_at IS NULL
        "#,
        scope.org().uuid(),
        id,
        name.as_deref(),
        scopes.as_deref(),
        bots.as_deref(),
        networks.as_deref(),
        *rate_per_minute,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a token now. False where there is no such, or it is revoked.
#[tracing::instrument(level = "debug", name = "store.api_tokens.revoke", skip_all)]
pub async fn revoke(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE api_tokens SET revoked_at = $4, revoked_by = $3
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL AND revoked_at IS NULL
        "#,
        scope.org().uuid(),
        id,
        by,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a token off the list, and ends it.
#[tracing::instrument(level = "debug", name = "store.api_tokens.delete", skip_all)]
pub async fn delete(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE api_tokens
        SET deleted_at = $4, revoked_at = coalesce(revoked_at, $4), revoked_by = coalesce(revoked_by, $3)
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id,
        by,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets a token go on until `until` only, because another takes its place. False where it is over, or has a successor.
#[tracing::instrument(level = "debug", name = "store.api_tokens.supersede", skip_all)]
pub async fn supersede(tx: &mut Tx, scope: &OrgScope, id: Uuid, until: DateTime<Utc>) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE api_tokens SET grace_until = $3
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL AND revoked_at IS NULL AND grace_until IS NULL
        "#,
        scope.org().uuid(),
        id,
        until,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the tokens that belong to a person who leaves.
#[tracing::instrument(level = "debug", name = "store.api_tokens.revoke_of", skip_all)]
pub async fn revoke_of(tx: &mut Tx, scope: &OrgScope, user: Uuid, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE api_tokens SET revoked_at = $3
        WHERE organization_id = $1 AND user_id = $2 AND deleted_at IS NULL AND revoked_at IS NULL
        "#,
        scope.org().uuid(),
        user,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
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
