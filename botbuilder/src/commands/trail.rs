//! `botbuilder trail`.

use anyhow::{Context as _, bail};
use botbuilder_domain::{ConversationId, MessageId};
use botbuilder_service::config::Config;
use botbuilder_store::{
    OrgScope, Store,
    channels::channel_messages::{self, Summary},
    system::message_events::{self, Entry},
};
use chrono::{DateTime, Utc};

use crate::{platform::Database, tell::say};

/// Which message.
#[derive(clap::Args)]
pub struct Arguments {
    /// The message's id, or with `--trace` the id of a trace.
    message: MessageId,
}

/// Prints what happened to a message, and to the messages of the same trace.
pub async fn run(config: Config, arguments: Arguments) -> anyhow::Result<()> {
    config.validate()?;
    let url = Database::reach(&config)?;
    let store = Store::connect(url.expose(), 2).await?;
    let mut tx = store.begin_worker().await?;
    let org = channel_messages::organization_of(&mut tx, arguments.message).await?;
    tx.commit().await?;
    let Some(org) = org else {
        bail!("there is no message {}", arguments.message);
    };
    // Whoever runs this command can read the database anyway; the scope keeps the query the same as the API's.
    let scope = OrgScope::of_service(org);
    let mut tx = store.begin(&scope).await?;
    let message = channel_messages::get(&mut tx, &scope, arguments.message)
        .await?
        .context("the message disappeared")?;
    let mut story = vec![message.clone()];
    if let Some(trace) = &message.trace_id {
        let conversation = ConversationId::from(message.conversation_id);
        story = channel_messages::of_trace(&mut tx, &scope, conversation, trace).await?;
    }
    for message in story {
        let events = message.trail(message_events::of_message(&mut tx, &scope, message.id.into()).await?);
        tell(&message, &events);
    }
    tx.commit().await?;
    store.close().await;
    Ok(())
}

fn tell(message: &Summary, events: &[Entry]) {
    say(format_args!("{} {} message {}: {}", message.direction, message.kind, message.id, message.status));
    if let Some(id) = &message.provider_message_id {
        say(format_args!("  the provider calls it {id}"));
    }
    let start = events.first().map_or(message.created_at, |event| event.at);
    for event in events {
        tell_event(start, event);
    }
    for (word, at) in
        [("delivered", message.delivered_at), ("read", message.read_at), ("failed", message.failed_at)]
    {
        if let Some(at) = at {
            say(format_args!("  {} {word}", at.format("%H:%M:%S%.3f")));
        }
    }
    if let (Some(code), Some(reason)) = (&message.error_code, &message.error_message) {
        say(format_args!("  {code}: {reason}"));
    }
}

fn tell_event(start: DateTime<Utc>, event: &Entry) {
    let since = (event.at - start).num_microseconds().unwrap_or_default();
    let attempt = if event.attempt > 0 { format!(" #{}", event.attempt) } else { String::new() };
    let took = match event.duration_us {
        Some(micros) if micros > 0 => format!(", took {}", milliseconds(micros)),
        _ => String::new(),
    };
    let detail = match event.detail.as_object() {
        Some(detail) if !detail.is_empty() => format!(" {}", event.detail),
        _ => String::new(),
    };
    say(format_args!(
        "  {} +{:>10} {}{attempt}{took}{detail}",
        event.at.format("%H:%M:%S%.6f"),
        milliseconds(since),
        event.stage,
    ));
}

fn milliseconds(micros: i64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros.abs() % 1000)
}
