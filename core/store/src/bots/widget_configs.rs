//! `widget_configs`: the chat on a website, its looks and whom it lets in.

use botbuilder_domain::{BotId, ChannelId, OrgId, Secret};
use serde_json::Value;
use uuid::Uuid;

pub use super::widget_messages::{NewFrame, append as append_frame};
use crate::{
    Error, OrgScope, Tx,
    secret::{DataKeys, Place},
};

/// Writes the widget of a bot.
#[tracing::instrument(level = "debug", name = "store.widget_configs.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    bot: BotId,
    channel: ChannelId,
    public_key: &str,
    allowed_origins: &[String],
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO widget_configs (organization_id, id, bot_id, channel_id, public_key, allowed_origins)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        scope.org().uuid(),
        id,
        bot.uuid(),
        channel.uuid(),
        public_key,
        allowed_origins as &[String],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Lets the visitors of a widget send files, of the size that widgets take from the beginning.
pub async fn allow_uploads(tx: &mut Tx, scope: &OrgScope, public_key: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE widget_configs SET uploads_enabled = true WHERE organization_id = $1 AND public_key = $2",
        scope.org().uuid(),
        public_key,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A widget, known by its public key.
#[derive(Debug, Clone)]
pub struct Widget {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub org: OrgId,
    /// The bot that answers.
    pub bot: BotId,
    /// Its channel.
    pub channel: ChannelId,
    /// The sites that may show it; empty means this server's own pages only.
    pub allowed_origins: Vec<String>,
    /// Whether only visitors whom the site vouches for are let in.
    pub require_identity: bool,
    /// How many things a visitor may say in a minute.
    pub rate_per_minute: i32,
    /// Whether visitors may send files.
    pub uploads_enabled: bool,
    /// Largest file of a visitor in bytes.
    pub max_upload_bytes: u64,
}

impl Widget {
    /// Whether a page of this origin may show it: the site is listed, or is the server's own, by the `Host` that was asked.
    pub fn may_be_shown_by(&self, origin: &str, host: Option<&str>) -> bool {
        let own = host
            .is_some_and(|host| origin == format!("http://{host}") || origin == format!("https://{host}"));
        own || self.allowed_origins.iter().any(|allowed| matches(allowed, origin))
    }
}

/// Whether a listed origin means this one: exactly, or `https://*.shop.example` for every sub-domain.
fn matches(allowed: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = allowed.split_once("://*.") else { return allowed == origin };
    let sub_domain = origin
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix("://"))
        .and_then(|host| host.strip_suffix(domain))
        .and_then(|rest| rest.strip_suffix('.'));
    !domain.is_empty()
        && sub_domain.is_some_and(|labels| {
            !labels.is_empty()
                && labels.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        })
}

/// The tenant of a public key, if it names an enabled widget. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.widget_configs.lookup", skip_all)]
pub async fn lookup(tx: &mut Tx, public_key: &str) -> Result<Option<OrgId>, Error> {
    let row = sqlx::query!(r#"SELECT organization_id AS "org!" FROM app.lookup_widget($1)"#, public_key)
        .fetch_optional(&mut *tx.inner)
        .await?;
    Ok(row.map(|row| row.org.into()))
}

/// The enabled widget of that public key.
#[tracing::instrument(level = "debug", name = "store.widget_configs.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, public_key: &str) -> Result<Option<Widget>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT id, bot_id, channel_id AS "channel_id!", allowed_origins, require_identity, rate_per_minute,
               uploads_enabled, max_upload_bytes
        FROM widget_configs
        WHERE organization_id = $1 AND public_key = $2 AND is_enabled AND channel_id IS NOT NULL
        "#,
        scope.org().uuid(),
        public_key
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Widget {
        id: row.id,
        org: scope.org(),
        bot: row.bot_id.into(),
        channel: row.channel_id.into(),
        allowed_origins: row.allowed_origins,
        require_identity: row.require_identity,
        rate_per_minute: row.rate_per_minute,
        uploads_enabled: row.uploads_enabled,
        max_upload_bytes: u64::try_from(row.max_upload_bytes).unwrap_or_default(),
    }))
}

/// The public key of a bot's widget, enabled or not.
#[tracing::instrument(level = "debug", name = "store.widget_configs.public_key", skip_all)]
pub async fn public_key(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT public_key FROM widget_configs WHERE organization_id = $1 AND bot_id = $2",
        scope.org().uuid(),
        bot.uuid()
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// How a widget looks and behaves: what a page may know of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Appearance {
    /// The bot's name.
    pub name: String,
    /// The language of the interface, where the page's is not known.
    pub locale: String,
    /// What is said before anything else.
    pub greeting: Option<String>,
    /// What is said outside business hours.
    pub offline_message: Option<String>,
    /// Whether an e-mail address is asked for: `off`, `optional` or `required`.
    pub email_capture: String,
    /// Whether only visitors whom the site vouches for are let in.
    pub require_identity: bool,
    /// Colours, sizes, position.
    pub theme: Value,
    /// When it opens, what it shows.
    pub behaviour: Value,
    /// The bot's business hours, else the organization's; the widget's own stand in `behaviour`.
    pub business_hours: Option<Value>,
}

/// How an enabled widget looks and behaves.
#[tracing::instrument(level = "debug", name = "store.widget_configs.appearance", skip_all)]
pub async fn appearance(
    tx: &mut Tx,
    scope: &OrgScope,
    public_key: &str,
) -> Result<Option<Appearance>, Error> {
    Ok(sqlx::query_as!(
        Appearance,
        r#"
        SELECT b.name, w.locale, w.greeting, w.offline_message, w.email_capture, w.require_identity, w.theme,
               w.behaviour,
               coalesce(b.settings -> 'business_hours', o.settings -> 'business_hours') AS business_hours
        FROM widget_configs w
        JOIN bots b ON b.organization_id = w.organization_id AND b.id = w.bot_id
        JOIN organizations o ON o.id = w.organization_id
        WHERE w.organization_id = $1 AND w.public_key = $2 AND w.is_enabled
        "#,
        scope.org().uuid(),
        public_key
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Where the key of a widget is sealed for, with which a site signs who its visitors are.
pub const fn identity_place(id: Uuid) -> Place {
    Place { table: "widget_configs", column: "identity_secret", row: id }
}

/// The key with which the site signs who its visitors are.
#[tracing::instrument(level = "debug", name = "store.widget_configs.identity_secret", skip_all)]
pub async fn identity_secret(
    tx: &mut Tx,
    scope: &OrgScope,
    keys: &DataKeys,
    id: Uuid,
) -> Result<Option<Secret<Vec<u8>>>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT identity_secret_ct AS "ct!", identity_secret_kid AS "kid!" FROM widget_configs
        WHERE organization_id = $1 AND id = $2 AND identity_secret_ct IS NOT NULL
        "#,
        scope.org().uuid(),
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    row.map(|row| Ok(keys.open(identity_place(id), &row.ct, &row.kid)?)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_means_sub_domains_of_the_same_scheme_and_port() {
        for origin in ["https://www.shop.example", "https://a.b.shop.example"] {
            assert!(matches("https://*.shop.example", origin), "{origin}");
        }
        for origin in [
            "https://shop.example",
            "http://www.shop.example",
            "https://www.shop.example:8443",
            "https://evilshop.example",
            "https://.shop.example",
            "https://evil.test/.shop.example",
            "https://evil@x.shop.example",
        ] {
            assert!(!matches("https://*.shop.example", origin), "{origin}");
        }
        assert!(matches("http://*.shop.example:8080", "http://www.shop.example:8080"));
        assert!(!matches("https://*.", "https://www."));
        assert!(!matches("*", "https://shop.example"));
    }
}
