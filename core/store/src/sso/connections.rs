//! An identity provider of an organization, as signing in and provisioning read it.

use botbuilder_domain::OrgId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx, integrations::api_tokens::Presented, secret::Sealed};

/// An identity provider.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub org: OrgId,
    /// `oidc` or `saml`.
    pub protocol: String,
    /// `draft`, `testing`, `enabled` or `disabled`.
    pub status: String,
    /// The issuer of an OIDC provider.
    pub issuer: Option<String>,
    /// How an OIDC provider knows us.
    pub client_id: Option<String>,
    /// What we show it, sealed.
    pub client_secret: Option<Sealed>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The name of a SAML provider.
    pub idp_entity_id: Option<String>,
    /// Where browsers sign in with SAML.
    pub idp_sso_url: Option<String>,
    /// Where browsers sign out with SAML.
    pub idp_slo_url: Option<String>,
    /// Our own keys towards a SAML provider, sealed.
    pub own_keys: Option<Sealed>,
    /// Whether questions to a SAML provider are signed.
    pub sign_requests: bool,
    /// The certificates a SAML provider signs with, as PEM or base64.
    pub idp_certificates: Vec<String>,
    /// The form of names that a SAML provider is asked for.
    pub name_id_format: Option<String>,
    /// How far clocks may be apart.
    pub clock_skew_seconds: i32,
    /// Which claim or attribute says what.
    pub attribute_mapping: Value,
    /// Which group gives which role: a list.
    pub group_mapping: Value,
    /// The role of new members.
    pub default_role: Uuid,
    /// Whether whoever signs in becomes a member.
    pub jit_enabled: bool,
    /// How long a session lasts.
    pub session_minutes: i32,
    /// Whether its SCIM tokens are good.
    pub scim_enabled: bool,
    /// `suspend` or `remove`.
    pub scim_deprovision: String,
}

/// One connection, also one that is not enabled, of an organization that is alive.
#[tracing::instrument(level = "debug", name = "store.connections.get", skip_all)]
pub async fn get(tx: &mut Tx, id: Uuid) -> Result<Option<Connection>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT s.id, s.organization_id, s.protocol, s.status, s.issuer_url, s.client_id, s.client_secret_ct,
               s.client_secret_kid, s.scopes, s.idp_entity_id, s.idp_sso_url, s.idp_certificates, s.name_id_format,
               s.idp_slo_url, s.sp_private_key_ct, s.sp_private_key_kid, s.sign_requests, s.clock_skew_seconds, s.attribute_mapping, s.group_mapping, s.default_role_id, s.jit_enabled,
               s.session_minutes, s.scim_enabled, s.scim_deprovision
        FROM sso_configurations s
        JOIN organizations o ON o.id = s.organization_id AND o.deleted_at IS NULL
                            AND o.status NOT IN ('closed', 'suspended')
        WHERE s.id = $1 AND s.deleted_at IS NULL
        "#,
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Connection {
        id: row.id,
        org: row.organization_id.into(),
        protocol: row.protocol,
        status: row.status,
        issuer: row.issuer_url,
        client_id: row.client_id,
        client_secret: row
            .client_secret_ct
            .zip(row.client_secret_kid)
            .map(|(ciphertext, key_id)| Sealed { ciphertext, key_id }),
        scopes: row.scopes,
        idp_entity_id: row.idp_entity_id,
        idp_sso_url: row.idp_sso_url,
        idp_slo_url: row.idp_slo_url,
        own_keys: row
            .sp_private_key_ct
            .zip(row.sp_private_key_kid)
            .map(|(ciphertext, key_id)| Sealed { ciphertext, key_id }),
        sign_requests: row.sign_requests,
        idp_certificates: row.idp_certificates,
        name_id_format: row.name_id_format,
        clock_skew_seconds: row.clock_skew_seconds,
        attribute_mapping: row.attribute_mapping,
        group_mapping: row.group_mapping,
        default_role: row.default_role_id,
        jit_enabled: row.jit_enabled,
        session_minutes: row.session_minutes,
        scim_enabled: row.scim_enabled,
        scim_deprovision: row.scim_deprovision,
    }))
}

/// The identity provider of a proved domain.
#[derive(Debug, Clone, Copy)]
pub struct OfDomain {
    /// The connection.
    pub id: Uuid,
    /// Whose it is.
    pub org: OrgId,
    /// Whether members may sign in there only.
    pub is_enforced: bool,
}

/// The enabled identity provider of a domain that its organization has proved.
#[tracing::instrument(level = "debug", name = "store.connections.of_domain", skip_all)]
pub async fn of_domain(tx: &mut Tx, domain: &str) -> Result<Option<OfDomain>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT l.configuration_id AS "configuration_id!", l.organization_id AS "organization_id!",
               l.is_enforced AS "is_enforced!"
        FROM app.lookup_domain($1) l
        JOIN organizations o ON o.id = l.organization_id AND o.deleted_at IS NULL
                            AND o.status NOT IN ('closed', 'suspended')
        WHERE l.status = 'enabled'
        "#,
        domain
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| OfDomain {
        id: row.configuration_id,
        org: row.organization_id.into(),
        is_enforced: row.is_enforced,
    }))
}

/// A SCIM token that is good now.
#[derive(Debug, Clone)]
pub struct Provisioner {
    /// The token.
    pub token: Uuid,
    /// What it is called.
    pub name: String,
    /// Most calls of a minute.
    pub rate_per_minute: i32,
    /// Its connection.
    pub connection: Uuid,
    /// Whether it may be used from where it came.
    pub address_allowed: bool,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Whose SCIM token this is. None where it is not good, or its connection takes no provisioning.
#[tracing::instrument(level = "debug", name = "store.connections.provisioner", skip_all)]
pub async fn provisioner(
    tx: &mut Tx,
    presented: &Presented,
    ip: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Provisioner>, Error> {
    Ok(sqlx::query_as!(
        Provisioner,
        r#"
        SELECT t.id AS token, t.name, t.rate_per_minute, s.id AS connection, t.last_used_at,
               (t.allowed_cidrs = '{}' OR EXISTS (
                   SELECT FROM unnest(t.allowed_cidrs) AS network WHERE network >>= $3::text::inet))
                   AS "address_allowed!"
        FROM api_tokens t
        JOIN sso_configurations s ON s.organization_id = t.organization_id AND s.id = t.sso_configuration_id
        WHERE t.token_prefix = $1 AND t.token_hash = $2 AND t.kind = 'scim'
          AND t.revoked_at IS NULL AND t.deleted_at IS NULL AND s.deleted_at IS NULL AND s.scim_enabled
          AND (t.expires_at IS NULL OR t.expires_at > $4) AND (t.grace_until IS NULL OR t.grace_until > $4)
        "#,
        presented.prefix(),
        presented.hash(),
        ip,
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}
