//! Rows that several tests need: an organization with a bot, a channel, a contact and a conversation.

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// The main rows of one organization.
pub struct Tenant {
    pub organization: Uuid,
    pub owner: Uuid,
    pub bot: Uuid,
    pub channel: Uuid,
    pub contact: Uuid,
    pub conversation: Uuid,
}

/// A new id of this moment.
#[expect(clippy::disallowed_methods, reason = "the server's clock decides which partitions there are")]
pub fn id() -> Uuid {
    Uuid::now_v7()
}

/// Makes an organization whose slug is `name`, with a Telegram channel `ch-<name>` for the provider account `<name>`.
pub async fn tenant(admin: &PgPool, name: &str) -> Tenant {
    let rows = Tenant {
        organization: id(),
        owner: id(),
        bot: id(),
        channel: id(),
        contact: id(),
        conversation: id(),
    };
    let statements = format!(
        "INSERT INTO users (id, email, name) VALUES ('{owner}', 'owner@{name}.test', 'Owner of {name}');
         INSERT INTO organizations (id, name, slug, owner_id) VALUES ('{org}', '{name}', '{name}', '{owner}');
         INSERT INTO organization_members (organization_id, user_id, role_id)
             SELECT '{org}', '{owner}', id FROM roles WHERE code = 'owner';
         INSERT INTO bots (id, organization_id, name, slug, status) VALUES ('{bot}', '{org}', 'Bot', 'bot', 'active');
         INSERT INTO channels (id, organization_id, bot_id, type, name, public_id, status, provider_account_id,
                               credentials_ct, credentials_kid)
             VALUES ('{channel}', '{org}', '{bot}', 'telegram', 'Telegram', 'ch-{name}', 'active', '{name}', '\\x00', 'k1');
         INSERT INTO channel_contacts (id, organization_id, channel_id, external_id, display_name)
             VALUES ('{contact}', '{org}', '{channel}', '1001', 'Ada Example');
         INSERT INTO conversations (id, organization_id, channel_id, contact_id, bot_id)
             VALUES ('{conversation}', '{org}', '{channel}', '{contact}', '{bot}');",
        org = rows.organization,
        owner = rows.owner,
        bot = rows.bot,
        channel = rows.channel,
        contact = rows.contact,
        conversation = rows.conversation,
    );
    execute(admin, &statements).await;
    rows
}

/// Runs statements that must succeed.
pub async fn execute(pool: &PgPool, statements: &str) {
    pool.execute(AssertSqlSafe(statements)).await.unwrap_or_else(|error| panic!("{statements}: {error}"));
}

/// Begins a transaction in the context of an organization.
pub async fn begin(pool: &PgPool, organization: Uuid) -> Transaction<'static, Postgres> {
    let mut tx = pool.begin().await.expect("a transaction");
    enter(&mut tx, &organization.to_string()).await;
    tx
}

/// Enters the context of an organization for the rest of the transaction.
pub async fn enter(connection: &mut PgConnection, organization: &str) {
    sqlx::query("SELECT set_config('app.organization_id', $1, true)")
        .bind(organization)
        .execute(connection)
        .await
        .expect("the tenant setting");
}

/// An outbound message that waits to be sent.
pub async fn queued_message(connection: &mut PgConnection, tenant: &Tenant) -> Uuid {
    let message = id();
    sqlx::query(
        "INSERT INTO channel_messages (id, created_at, organization_id, channel_id, conversation_id, contact_id, bot_id,
                                       direction, sender_type, text, status, next_attempt_at)
         VALUES ($1, app.uuid_v7_ts($1), $2, $3, $4, $5, $6, 'outbound', 'bot', 'hello', 'queued', now())",
    )
    .bind(message)
    .bind(tenant.organization)
    .bind(tenant.channel)
    .bind(tenant.conversation)
    .bind(tenant.contact)
    .bind(tenant.bot)
    .execute(connection)
    .await
    .expect("a queued message");
    message
}

/// The SQLSTATE of a statement that must fail.
pub fn code<T: std::fmt::Debug>(result: Result<T, sqlx::Error>) -> String {
    let error = result.expect_err("the statement must be refused");
    let Some(database) = error.as_database_error() else { panic!("not refused by the database: {error}") };
    database.code().expect("a code").into_owned()
}
