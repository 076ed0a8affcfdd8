//! What an event means once the message is known that it is about.

use botbuilder_domain::{Content, Inbound, MessageId};
use botbuilder_store::{Error, OrgScope, Tx, channels::channel_messages, system::dedupe_keys};
use serde::Deserialize as _;

use crate::{batch::Job, load::joined_key};

/// The message that an event belongs to, and what the event means.
pub(crate) async fn meaning(
    tx: &mut Tx,
    scope: &OrgScope,
    job: &Job,
    message: MessageId,
) -> Result<(Option<MessageId>, Option<Inbound>), Error> {
    match &job.envelope.body.what {
        Inbound::Postback { provider_id, payload, title, reply_to } => {
            let offered = channel_messages::held(tx, scope, message).await?;
            let option = offered.and_then(|held| match Content::deserialize(held.payload).ok()? {
                Content::Choice(choice) => choice.by_key(payload).cloned(),
                _ => None,
            });
            let meant = option.map(|option| Inbound::Postback {
                provider_id: provider_id.clone(),
                payload: option.id,
                title: title.clone().or(Some(option.title)),
                reply_to: reply_to.clone(),
            });
            Ok((Some(message), meant))
        }
        // A part that comes after the bot has answered is a message of its own.
        Inbound::Part { .. } => {
            let key = (dedupe_keys::inbound_scope(job.envelope.channel), joined_key(message));
            let over =
                dedupe_keys::resolve_many(tx, scope, &[key]).await?.into_iter().any(|row| row.is_some());
            let open = !over && channel_messages::held(tx, scope, message).await?.is_some();
            Ok((Some(message).filter(|_| open), None))
        }
        Inbound::Joined { .. } => {
            let held = channel_messages::held(tx, scope, message).await?;
            let meant = held.and_then(|held| {
                let content = match Content::deserialize(held.payload).ok()? {
                    Content::Album { items } => match <[_; 1]>::try_from(items) {
                        Ok([file]) => Content::Media(file),
                        Err(items) => Content::Album { items },
                    },
                    other => other,
                };
                let provider_id = held.provider_message_id.unwrap_or_default();
                Some(Inbound::Message { provider_id, content, reply_to: None })
            });
            Ok((Some(message), meant))
        }
        _ => Ok((Some(message), None)),
    }
}
