//! From an update to events. An update is one thing, except for a deletion of several messages.

use botbuilder_adapter_kit::{
    Account, DecodeError, Locator, RawRequest, Received, Rejection, Reply, Verified, Webhook,
    equal_in_constant_time,
    json::{self, as_text},
};
use botbuilder_domain::{Inbound, InboundEvent, Sender, Speaker};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    Telegram, checkout,
    content::{self, Holds},
    settings::is_valid_secret_token,
    wire::{CallbackQuery, Chat, Deleted, MemberUpdate, Message, PollAnswer, Reaction, User},
};

/// The header in which Telegram sends back the secret token that we set, in lower case.
pub const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// Telegram sends the parts of an album one after the other, within a second.
const JOIN_MS: u32 = 1_000;
const JOIN_MS_MAX: u32 = 10_000;

/// What the thread of a business account's chat begins with.
pub(crate) const BUSINESS: &str = "business:";

impl Webhook for Telegram {
    fn locate(&self, request: &RawRequest) -> Result<Locator, Rejection> {
        // An update does not say which bot it is for, so there is no address for many bots.
        request.public_id().map(|id| Locator::PublicId(id.to_owned())).ok_or(Rejection::NotOurs)
    }

    fn verify<'r>(&self, account: &Account, request: &'r RawRequest) -> Result<Verified<'r>, Rejection> {
        if request.method != "POST" {
            return Err(Rejection::NotOurs);
        }
        let secrets = &account.webhook_secrets;
        if secrets.iter().all(|secret| secret.expose().is_empty()) {
            return Err(Rejection::SecretMissing);
        }
        let presented = request.header(SECRET_HEADER).ok_or(Rejection::SignatureMissing)?;
        if !is_valid_secret_token(presented) {
            return Err(Rejection::SignatureMalformed);
        }
        let known = secrets.iter().any(|secret| equal_in_constant_time(secret, presented.as_bytes()));
        if known { Ok(Verified::proved(request)) } else { Err(Rejection::SignatureMismatch) }
    }

    fn decode(&self, account: &Account, request: Verified<'_>) -> Result<Received, DecodeError> {
        let update = json::object(&request.request().body, "telegram update")?;
        Ok(Received { events: events(&update, join_ms(account))?, skipped: 0, reply: Reply::ok() })
    }
}

/// One update: its number, its kind, and what it holds.
struct Update<'u> {
    id: String,
    kind: &'u str,
    raw: &'u Value,
    join_ms: u32,
}

/// How long the parts of an album are waited for, in milliseconds: the channel's `join_parts_ms`, at most ten seconds.
pub(crate) fn join_ms(account: &Account) -> u32 {
    let set = account.settings.get("join_parts_ms").and_then(Value::as_u64);
    set.and_then(|set| u32::try_from(set).ok()).map_or(JOIN_MS, |set| set.min(JOIN_MS_MAX))
}

/// The events of one update.
pub(crate) fn events(update: &Map<String, Value>, join_ms: u32) -> Result<Vec<InboundEvent>, DecodeError> {
    let Some(id) = update.get("update_id").and_then(as_text) else {
        return Err(DecodeError::Malformed {
            expected: "telegram update",
            reason: "update_id is missing".into(),
        });
    };
    // Exactly one kind stands beside the number today; should there be more one day, the known one counts.
    let mut first = None;
    for (kind, raw) in update.iter().filter(|(key, _)| *key != "update_id") {
        let update = Update { id: id.clone(), kind, raw, join_ms };
        if let Some(events) = update.read() {
            return Ok(events);
        }
        first = first.or(Some(update));
    }
    let whole = Value::Object(update.clone());
    let unknown = first.unwrap_or(Update { id, kind: "empty", raw: &whole, join_ms });
    Ok(vec![unknown.unsupported(unknown.kind)])
}

impl Update<'_> {
    /// None where it lacks what its kind needs.
    fn read(&self) -> Option<Vec<InboundEvent>> {
        match self.kind {
            "message" | "channel_post" | "business_message" | "guest_message" => {
                self.message(false).map(|event| vec![event])
            }
            "edited_message" | "edited_channel_post" | "edited_business_message" => {
                self.message(true).map(|event| vec![event])
            }
            "deleted_business_messages" => self.deleted(),
            "callback_query" => self.tapped().map(|event| vec![event]),
            "message_reaction" => self.reacted(),
            "poll_answer" => self.poll_answered().map(|event| vec![event]),
            "my_chat_member" => self.membership().map(|event| vec![event]),
            "chat_member" | "chat_join_request" | "message_reaction_count" => {
                Some(vec![self.service(self.sender_of_chat(), self.kind, None)])
            }
            "pre_checkout_query" => self.asked(checkout::PAYMENT).map(|event| vec![event]),
            "shipping_query" => self.asked(checkout::SHIPPING).map(|event| vec![event]),
            "inline_query"
            | "chosen_inline_result"
            | "poll"
            | "purchased_paid_media"
            | "subscription"
            | "chat_boost"
            | "removed_chat_boost"
            | "business_connection"
            | "managed_bot" => {
                let what =
                    Inbound::Account { name: self.kind.to_owned(), standing: None, raw: self.raw.clone() };
                Some(vec![self.event(Sender::default(), None, what)])
            }
            _ => None,
        }
    }

    fn message(&self, edited: bool) -> Option<InboundEvent> {
        let message: Message = read(self.raw)?;
        let chat = message.chat.as_ref()?;
        let provider_id = provider_id(chat, message.message_id.as_deref())?;
        let at = instant(if edited { message.edit_date.or(message.date) } else { message.date });
        if is_echo(&message, chat) {
            // The address is the person it went to; `from` names the owner, or us.
            let sender = sender(chat, None, None)?;
            let mut event = match content::of(self.raw) {
                Holds::Content(content) if !edited => {
                    self.event(sender, at, Inbound::Echo { provider_id, content, may_be_ours: true })
                }
                _ => self.service(sender, "message_echo", at),
            };
            event.thread = thread(&message);
            return Some(event);
        }
        let sender = sender(chat, message.from.as_ref(), message.sender_chat.as_ref())?;
        // What another bot writes is never fed to a bot: the two would talk for ever. What is written in a chat's name
        // comes with a stand-in that is no bot of anybody's.
        if message.sender_chat.is_none() && message.from.as_ref().is_some_and(|user| user.is_bot) {
            return Some(self.service(sender, "bot_message", at));
        }
        let what = match content::of(self.raw) {
            Holds::Content(content) if edited => Inbound::Edit { provider_id, content },
            Holds::Content(content) => {
                let replied = message.reply_to_message.as_ref();
                let reply_to =
                    replied.and_then(|replied| self::provider_id(chat, replied.message_id.as_deref()));
                // Several files that were sent at once share the id of a group.
                match self::provider_id(chat, message.media_group_id.as_deref()) {
                    Some(album) => Inbound::Part { provider_id, content, album, join_ms: self.join_ms },
                    None => Inbound::Message { provider_id, content, reply_to },
                }
            }
            Holds::Start(_) if edited => Inbound::Unsupported {
                provider_id: Some(provider_id),
                name: "edited_start".into(),
                raw: self.raw.clone(),
            },
            Holds::Start(payload) => Inbound::Opened { payload },
            Holds::MovedTo(new) => Inbound::ContactChanged { new_address: Some(new), blocked: None },
            Holds::Account(name) => {
                Inbound::Account { name: name.to_owned(), standing: None, raw: self.raw.clone() }
            }
            Holds::Service(name) => Inbound::Service { name: name.to_owned(), raw: self.raw.clone() },
            Holds::Unknown(name) => {
                Inbound::Unsupported { provider_id: Some(provider_id), name, raw: self.raw.clone() }
            }
        };
        let mut event = self.event(sender, at, what);
        event.thread = thread(&message);
        Some(event)
    }

    fn tapped(&self) -> Option<InboundEvent> {
        let query: CallbackQuery = read(self.raw)?;
        // The message may be out of reach (date 0) or, for a message sent inline, missing.
        let message: Option<Message> = query.message.as_ref().and_then(read);
        let private = Chat {
            id: query.from.as_ref()?.id.clone(),
            kind: Some("private".into()),
            title: None,
            username: None,
        };
        let chat = message.as_ref().and_then(|message| message.chat.clone()).unwrap_or(private);
        let sender = sender(&chat, query.from.as_ref(), None)?;
        let payload = query.data?;
        let title = query.message.as_ref().and_then(|message| title_of(message, &payload));
        let reply_to = message
            .as_ref()
            .filter(|message| message.chat.is_some())
            .and_then(|message| provider_id(&chat, message.message_id.as_deref()));
        let what = Inbound::Postback { provider_id: query.id?, payload, title, reply_to };
        let mut event = self.event(sender, None, what);
        event.thread = message.as_ref().map(thread).unwrap_or_default();
        Some(event)
    }

    /// A question of a checkout; `kind` says of which step.
    fn asked(&self, kind: &str) -> Option<InboundEvent> {
        let id = self.raw.get("id").and_then(as_text)?;
        let what = Inbound::Query {
            id: checkout::query_id(kind, &id),
            name: self.kind.to_owned(),
            raw: self.raw.clone(),
        };
        Some(self.event(Sender::default(), None, what))
    }

    fn reacted(&self) -> Option<Vec<InboundEvent>> {
        let reaction: Reaction = read(self.raw)?;
        let chat = reaction.chat.as_ref()?;
        let provider_id = provider_id(chat, reaction.message_id.as_deref())?;
        let sender = sender(chat, reaction.user.as_ref(), reaction.actor_chat.as_ref())?;
        let added = reaction.new_reaction.iter().find(|new| !reaction.old_reaction.contains(new));
        // With nothing added one was taken back; what is left, if anything, is the reaction now.
        let emoji = added.or(reaction.new_reaction.last()).and_then(symbol);
        let what = Inbound::Reaction { provider_id, emoji };
        Some(vec![self.event(sender, instant(reaction.date), what)])
    }

    fn deleted(&self) -> Option<Vec<InboundEvent>> {
        let deleted: Deleted = read(self.raw)?;
        let chat = deleted.chat.as_ref()?;
        let sender = sender(chat, None, None)?;
        let ids = deleted.message_ids.iter().filter_map(as_text);
        let events = ids.enumerate().map(|(index, id)| {
            let provider_id = format!("{}:{id}", sender.address);
            let mut event = self.event(sender.clone(), None, Inbound::Delete { provider_id });
            event.dedupe = format!("{}:{index}", self.id);
            event.thread = deleted.business_connection_id.as_deref().map(business).unwrap_or_default();
            event
        });
        Some(events.collect())
    }

    fn poll_answered(&self) -> Option<InboundEvent> {
        let answer: PollAnswer = read(self.raw)?;
        let user = answer.user?;
        let chat = Chat { id: user.id.clone(), kind: Some("private".into()), title: None, username: None };
        let options: Vec<String> = answer.option_ids.iter().filter_map(as_text).collect();
        let what = Inbound::Postback {
            provider_id: answer.poll_id?,
            payload: options.join(","),
            title: None,
            reply_to: None,
        };
        Some(self.event(sender(&chat, Some(&user), None)?, None, what))
    }

    /// In a private chat our own standing says whether the person blocked us.
    fn membership(&self) -> Option<InboundEvent> {
        let update: MemberUpdate = read(self.raw)?;
        let chat = update.chat.as_ref()?;
        let sender = sender(chat, update.from.as_ref(), None)?;
        let at = instant(update.date);
        let standing = update.new_chat_member.and_then(|member| member.status);
        let blocked = match standing.as_deref() {
            Some("kicked") if chat.is_private() => true,
            Some("member") if chat.is_private() => false,
            _ => return Some(self.service(sender, self.kind, at)),
        };
        let what = Inbound::ContactChanged { new_address: None, blocked: Some(blocked) };
        Some(self.event(sender, at, what))
    }

    fn sender_of_chat(&self) -> Sender {
        let chat: Option<Chat> = self.raw.get("chat").and_then(read);
        chat.and_then(|chat| sender(&chat, None, None)).unwrap_or_default()
    }

    fn service(&self, sender: Sender, name: &str, at: Option<DateTime<Utc>>) -> InboundEvent {
        self.event(sender, at, Inbound::Service { name: name.to_owned(), raw: self.raw.clone() })
    }

    fn unsupported(&self, name: &str) -> InboundEvent {
        let what = Inbound::Unsupported { provider_id: None, name: name.to_owned(), raw: self.raw.clone() };
        self.event(self.sender_of_chat(), None, what)
    }

    fn event(&self, sender: Sender, occurred_at: Option<DateTime<Utc>>, what: Inbound) -> InboundEvent {
        InboundEvent { sender, thread: String::new(), dedupe: self.id.clone(), occurred_at, what }
    }
}

/// The thread of a message: the topic of a forum, or the business account in whose name the bot answers. The person's
/// chat with that account has the same number as their chat with the bot, and is another conversation.
fn thread(message: &Message) -> String {
    match (&message.business_connection_id, &message.message_thread_id) {
        (Some(connection), _) => business(connection),
        (None, Some(topic)) if message.is_topic_message => topic.clone(),
        _ => String::new(),
    }
}

fn business(connection: &str) -> String {
    format!("{BUSINESS}{connection}")
}

/// Whether a message of a person's chat with a business account was written by the account: by its owner, or by a bot
/// in the owner's name. The number of such a chat is the person's.
fn is_echo(message: &Message, chat: &Chat) -> bool {
    let by_another = || message.from.as_ref().is_some_and(|user| user.id.is_some() && user.id != chat.id);
    message.business_connection_id.is_some()
        && (message.sender_business_bot.is_some() || (chat.is_private() && by_another()))
}

/// The chat is the address. In a private chat it is the person; in others the name shown is the chat's, and who wrote
/// stands beside it: a person, or the chat in whose name it was.
fn sender(chat: &Chat, user: Option<&User>, in_name_of: Option<&Chat>) -> Option<Sender> {
    let address = chat.id.clone()?;
    if !chat.is_private() {
        let (display_name, username) = (chat.title.clone(), chat.username.clone());
        let speaker = match in_name_of {
            // A channel's own posts name the channel once more.
            Some(_) if chat.is_channel() => None,
            Some(named) => {
                let (display_name, username) = (named.title.clone(), named.username.clone());
                named.id.clone().map(|id| Speaker { id, display_name, username })
            }
            None => user.and_then(|user| {
                let (display_name, username) = (user.name(), user.username.clone());
                user.id.clone().map(|id| Speaker { id, display_name, username })
            }),
        };
        let speaker = speaker.map(Box::new);
        return Some(Sender { address, display_name, username, speaker, ..Sender::default() });
    }
    let Some(user) = user else { return Some(Sender { address, ..Sender::default() }) };
    Some(Sender {
        address,
        display_name: user.name(),
        username: user.username.clone(),
        locale: user.language_code.clone(),
        ..Sender::default()
    })
}

fn provider_id(chat: &Chat, message_id: Option<&str>) -> Option<String> {
    Some(format!("{}:{}", chat.id.as_deref()?, message_id?))
}

/// The text of the button that carries a payload, found on the message it sits below.
fn title_of(message: &Value, payload: &str) -> Option<String> {
    let rows = message.pointer("/reply_markup/inline_keyboard")?.as_array()?;
    let mut buttons = rows.iter().filter_map(Value::as_array).flatten();
    let button = buttons.find(|button| button.get("callback_data").and_then(Value::as_str) == Some(payload));
    button?.get("text").and_then(as_text)
}

/// How a reaction is written: its emoji, the id of a custom one, or `paid`.
fn symbol(reaction: &Value) -> Option<String> {
    ["emoji", "custom_emoji_id", "type"].into_iter().find_map(|field| as_text(reaction.get(field)?))
}

fn instant(seconds: Option<i64>) -> Option<DateTime<Utc>> {
    // 0 stands for a message that is out of reach.
    seconds.filter(|seconds| *seconds > 0).and_then(|seconds| DateTime::from_timestamp(seconds, 0))
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::ALLOWED_UPDATES;

    #[test]
    fn every_kind_that_is_asked_for_is_understood() {
        let chat = json!({ "id": 42, "type": "private" });
        let user = json!({ "id": 42, "is_bot": false, "first_name": "Ada" });
        // What any of them needs, so that each finds its own.
        let body = json!({
            "id": "q1", "poll_id": "p1", "message_id": 7, "message_ids": [7], "chat": chat, "from": user, "user": user,
            "text": "hi", "data": "yes", "new_chat_member": { "status": "member" },
        });
        for kind in ALLOWED_UPDATES {
            let update = json!({ "update_id": 1, kind: body });
            let read = events(update.as_object().unwrap(), 0).unwrap();
            assert!(!read.is_empty(), "{kind}");
            let kept = read.iter().any(|event| matches!(event.what, Inbound::Unsupported { .. }));
            assert!(!kept, "{kind} is asked for and not understood: {read:?}");
        }
    }
}
