//! `widget_messages`: ordered frame log of a widget session, for resume after reconnect and widget-only events.

use botbuilder_domain::BotId;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Form, Kind, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "widget_messages",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id"),
        Column::uuid("session_id"),
        Column::uuid("conversation_id").nullable(),
        Column::text("visitor_id", 64),
        Column::integer("seq", 0, i64::MAX),
        Column::choice("role", &["visitor", "bot", "agent", "system"]),
        Column::choice(
            "frame",
            &["text", "card", "file", "typing", "click", "form", "rating", "presence", "call", "notice"],
        ),
        Column::text("content", 16_000).nullable(),
        Column::object("payload"),
        Column::uuid("message_id").nullable(),
        Column::text("client_msg_id", 64).nullable(),
        Column::choice("status", &["received", "queued", "sent", "delivered", "read", "failed"]),
        Column::instant("delivered_at").nullable(),
        Column::instant("read_at").nullable(),
        Column::form("page_url", 2048, Form::Url).nullable(),
        Column::text("origin", 255).nullable(),
        Column::new("ip_prefix", Kind::Shown).nullable(),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};

/// How much a chat was used on one day (UTC).
#[derive(Debug, Clone, Serialize)]
pub struct Day {
    /// The day.
    pub day: NaiveDate,
    /// Visitors to whom or from whom anything went.
    pub visitors: i64,
    /// Their sessions.
    pub sessions: i64,
    /// What visitors said.
    pub from_visitors: i64,
    /// What bots said.
    pub from_bot: i64,
    /// What people said.
    pub from_people: i64,
}

/// The days on which the chat of a bot was used, since an instant.
#[tracing::instrument(level = "debug", name = "store.widget_messages.days", skip_all)]
pub async fn days(
    tx: &mut Tx,
    scope: &OrgScope,
    bot: BotId,
    since: DateTime<Utc>,
) -> Result<Vec<Day>, Error> {
    Ok(sqlx::query_as!(
        Day,
        r#"
        SELECT (created_at AT TIME ZONE 'UTC')::date AS "day!",
               count(DISTINCT visitor_id) AS "visitors!",
               count(DISTINCT session_id) AS "sessions!",
               count(*) FILTER (WHERE role = 'visitor') AS "from_visitors!",
               count(*) FILTER (WHERE role = 'bot') AS "from_bot!",
               count(*) FILTER (WHERE role = 'agent') AS "from_people!"
        FROM widget_messages
        WHERE organization_id = $1 AND bot_id = $2 AND created_at >= $3
        GROUP BY 1
        ORDER BY 1
        "#,
        scope.org().uuid(),
        bot.uuid(),
        since
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
