//! What driver, database and providers hold at the end.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use botbuilder_testkit::fake::Delivered;
use sqlx::{PgPool, Row as _, postgres::PgRow};

use crate::{
    input::{Channel, Contact, Input},
    kill::providers::Providers,
};

/// Everything there is to judge.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// What the program accepted.
    pub accepted: Vec<Input>,
    /// The stored messages.
    pub rows: Vec<Row>,
    /// What the providers accepted, in the order of each contact.
    pub deliveries: Vec<Delivery>,
    /// Outbox rows that are not published: key and kind.
    pub unpublished: Vec<(String, String)>,
}

/// A stored message.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whose conversation it is in.
    pub contact: Contact,
    /// Which way it goes.
    pub direction: Direction,
    /// What it says.
    pub text: String,
    /// How far it has come.
    pub status: Status,
    /// Whether it is marked as uncertain.
    pub uncertain_now: bool,
    /// Whether its trail says that it was.
    pub uncertain_before: bool,
    /// The provider's id of it.
    pub provider_id: Option<String>,
    /// Why it failed.
    pub error: String,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the contact.
    Inbound,
    /// To the contact.
    Outbound,
}

/// The states of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It came in.
    Received,
    /// It is to be sent.
    Queued,
    /// The provider took it.
    Sent,
    /// The provider says it was delivered.
    Delivered,
    /// The provider says it was read.
    Read,
    /// It will not be sent.
    Failed,
}

/// What a provider accepted.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// For whom.
    pub contact: Contact,
    /// Under which id.
    pub id: String,
    /// What it says.
    pub text: String,
}

impl Evidence {
    /// Reads everything.
    pub async fn gather(accepted: Vec<Input>, pool: &PgPool, providers: &Providers) -> Result<Self> {
        let contacts: BTreeSet<Contact> = accepted.iter().map(|input| input.contact).collect();
        let mut deliveries = Vec::new();
        for contact in contacts {
            let address = contact.address();
            let held = match contact.channel {
                Channel::Whatsapp => providers.whatsapp.conversation(&address),
                Channel::Telegram => providers.telegram.conversation(&address),
                Channel::Slack => providers.slack.conversation(&address),
                Channel::Instagram => providers.instagram.conversation(&address),
            };
            deliveries.extend(held.into_iter().map(|Delivered { id, text, .. }| Delivery {
                contact,
                // Telegram and Slack number messages per chat, so the program keeps the chat with the number.
                id: match contact.channel {
                    Channel::Whatsapp | Channel::Instagram => id,
                    Channel::Telegram | Channel::Slack => format!("{}:{id}", contact.chat()),
                },
                text: text.unwrap_or_default(),
            }));
        }
        Ok(Self { accepted, rows: rows(pool).await?, deliveries, unpublished: unpublished(pool).await? })
    }
}

async fn rows(pool: &PgPool) -> Result<Vec<Row>> {
    let rows = sqlx::query(
        "SELECT ch.type AS channel, c.external_id, m.direction, m.text, m.status, m.provider_message_id,
                m.uncertain_at IS NOT NULL AS uncertain_now, coalesce(m.error_code, '') AS error,
                EXISTS (SELECT FROM message_events e WHERE e.message_id = m.id AND e.stage = 'uncertain')
                    AS uncertain_before
           FROM channel_messages m
           JOIN channel_contacts c ON c.id = m.contact_id
           JOIN channels ch ON ch.id = m.channel_id
          ORDER BY m.id",
    )
    .fetch_all(pool)
    .await
    .context("messages cannot be read")?;
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> Result<Row> {
    let channel: String = row.try_get("channel")?;
    let channel = Channel::ALL
        .into_iter()
        .find(|known| known.as_str() == channel)
        .with_context(|| format!("nobody wrote on channel {channel}"))?;
    let address: String = row.try_get("external_id")?;
    let status: String = row.try_get("status")?;
    let direction: String = row.try_get("direction")?;
    Ok(Row {
        contact: Contact::of_address(channel, &address)
            .with_context(|| format!("nobody has the address {address}"))?,
        direction: if direction == "inbound" { Direction::Inbound } else { Direction::Outbound },
        text: row.try_get::<Option<String>, _>("text")?.unwrap_or_default(),
        status: match status.as_str() {
            "received" => Status::Received,
            "queued" => Status::Queued,
            "sent" => Status::Sent,
            "delivered" => Status::Delivered,
            "read" => Status::Read,
            "failed" => Status::Failed,
            other => anyhow::bail!("a message has the state {other}"),
        },
        uncertain_now: row.try_get("uncertain_now")?,
        uncertain_before: row.try_get("uncertain_before")?,
        provider_id: row.try_get("provider_message_id")?,
        error: row.try_get("error")?,
    })
}

async fn unpublished(pool: &PgPool) -> Result<Vec<(String, String)>> {
    sqlx::query_as(
        "SELECT partition_key, event_type FROM outbox_events WHERE published_at IS NULL ORDER BY position",
    )
    .fetch_all(pool)
    .await
    .context("outbox cannot be read")
}
