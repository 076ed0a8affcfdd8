//! What a visitor sends: it is numbered, made durable and shown to the visitor's other devices.

use std::{sync::Arc, time::Instant};

use botbuilder_domain::{
    ContactId, Content, DeliveryStatus, Inbound, InboundEvent, Media, MessageId, Sender,
};
use botbuilder_store::{
    OrgScope,
    bots::widget_messages::{self, NewSaying},
    channels::channel_contacts,
};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Known, Refused, Session,
    protocol::{self, Details, FromVisitor},
};
use crate::{
    Gateway,
    hub::{Visitor, rates::Rate},
    ingress,
};

/// Most characters of a visitor's text.
pub(super) const TEXT_MAX: usize = 4000;
/// Most characters beside a file.
const CAPTION_MAX: usize = 1024;
const CLIENT_MSG_ID_MAX: usize = 64;
const OPTION_MAX: usize = 1000;
/// What the id of a choice begins with that rates the conversation.
const RATING: &str = "rating:";
const EMAIL_MAX: usize = 254;
const NAME_MAX: usize = 200;
const ATTRIBUTES_MAX: usize = 50;
const ATTRIBUTE_NAME_MAX: usize = 64;
const ATTRIBUTE_TEXT_MAX: usize = 1000;

/// What a taken frame is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is durable; with its number, where it has one.
    Durable(Option<i64>),
    /// It was a ping.
    Pong,
    /// Nothing is to be said about it.
    Silently,
}

/// A visitor at a widget.
pub(super) struct Desk<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) known: &'a Arc<Known>,
    pub(super) session: &'a Session,
    /// The reader of the hub that this came from, if it came from one.
    pub(super) reader: Option<u64>,
}

impl Desk<'_> {
    pub(super) fn visitor(&self) -> Visitor {
        (self.known.widget.channel, self.session.visitor.clone())
    }

    /// Takes what a visitor sent. What says something is durable when this resolves; the same `client_msg_id` counts
    /// once.
    pub(super) async fn take(&self, frame: FromVisitor) -> Result<Taken, Refused> {
        let says = frame.client_msg_id().is_some();
        let rate = says.then(|| Rate::per_minute(self.known.widget.rate_per_minute));
        self.gateway.hub.rates.take(&self.visitor(), rate, Instant::now()).map_err(Refused::TooFast)?;
        if let Some(id) = frame.client_msg_id()
            && (id.is_empty() || id.chars().count() > CLIENT_MSG_ID_MAX)
        {
            return Err(Refused::Bad(format!("client_msg_id has 1 to {CLIENT_MSG_ID_MAX} characters")));
        }
        match frame {
            FromVisitor::Message { client_msg_id, text } => {
                if text.trim().is_empty() || text.chars().count() > TEXT_MAX {
                    return Err(Refused::Bad(format!("text has 1 to {TEXT_MAX} characters")));
                }
                let content = Content::text(text.clone());
                let shown = json!(content);
                let provider_id = self.provider_id(&client_msg_id);
                let what = Inbound::Message { provider_id, content, reply_to: None };
                self.say(&client_msg_id, "text", text, shown, what).await
            }
            FromVisitor::File { client_msg_id, upload, text } => {
                self.file(&client_msg_id, &upload, text).await
            }
            FromVisitor::Choice { client_msg_id, id, title } => {
                if id.is_empty() || id.chars().count() > OPTION_MAX {
                    return Err(Refused::Bad(format!("id has 1 to {OPTION_MAX} characters")));
                }
                self.rate(&id).await?;
                let title = title.map(|title| title.chars().take(NAME_MAX).collect::<String>());
                let text = title.clone().unwrap_or_else(|| id.clone());
                let shown = json!({ "kind": "text", "text": text, "choice": id });
                let provider_id = self.provider_id(&client_msg_id);
                let what = Inbound::Postback { provider_id, payload: id, title, reply_to: None };
                self.say(&client_msg_id, "click", text, shown, what).await
            }
            FromVisitor::Form { client_msg_id, id, values, text } => {
                self.form(&client_msg_id, id, values, text).await
            }
            FromVisitor::Opened { client_msg_id } => {
                let dedupe = self.provider_id(&client_msg_id);
                self.append(vec![self.event(dedupe, Inbound::Opened { payload: None })]).await?;
                Ok(Taken::Durable(None))
            }
            FromVisitor::Details(details) => self.tell(details).await,
            FromVisitor::Ack { seq } => self.mark(seq, false).await,
            FromVisitor::Read { seq } => self.mark(seq, true).await,
            FromVisitor::Ping => Ok(Taken::Pong),
        }
    }

    /// Says a file that this visitor uploaded.
    async fn file(&self, client_msg_id: &str, upload: &str, text: Option<String>) -> Result<Taken, Refused> {
        let text = text.filter(|text| !text.trim().is_empty());
        if text.as_ref().is_some_and(|text| text.chars().count() > CAPTION_MAX) {
            return Err(Refused::Bad(format!("text has at most {CAPTION_MAX} characters beside a file")));
        }
        let (channel, now) = (self.known.widget.channel, self.gateway.clock.now());
        let claimed = self.gateway.uploads.claimed(upload, channel, &self.session.visitor, now.timestamp());
        let Some(file) = claimed else {
            return Err(Refused::Bad("upload is not of this visitor, or is over".to_owned()));
        };
        let shown_text = text.clone().or_else(|| file.file_name.clone()).unwrap_or_default();
        let content = Content::Media(Media { caption: text, ..file });
        let shown = json!(content);
        let provider_id = self.provider_id(client_msg_id);
        let what = Inbound::Message { provider_id, content, reply_to: None };
        self.say(client_msg_id, "file", shown_text, shown, what).await
    }

    /// Keeps a rating, which is a choice of a known form. A rating twice is the last one.
    async fn rate(&self, choice: &str) -> Result<(), Refused> {
        let stars = choice.strip_prefix(RATING).and_then(|stars| stars.parse().ok());
        let Some(stars @ 1..=5) = stars else { return Ok(()) };
        let scope = OrgScope::of_service(self.known.widget.org);
        let (channel, visitor) = self.visitor();
        let mut tx = self.gateway.store.begin(&scope).await?;
        widget_messages::rate(&mut tx, &scope, channel, &visitor, stars).await?;
        Ok(tx.commit().await?)
    }

    /// Says what was written into a form: to the bot as JSON, `{"form": …, "values": {…}}`.
    async fn form(
        &self,
        client_msg_id: &str,
        id: String,
        values: Map<String, Value>,
        text: String,
    ) -> Result<Taken, Refused> {
        let is_form = !id.is_empty()
            && id.len() <= ATTRIBUTE_NAME_MAX
            && values.len() <= ATTRIBUTES_MAX
            && values.iter().all(|(name, value)| is_attribute(name, value))
            && text.chars().count() <= TEXT_MAX;
        if !is_form {
            return Err(Refused::Bad(
                "a form has an id and at most 50 texts, numbers or truth values, with names of 1 to 64 characters"
                    .to_owned(),
            ));
        }
        let shown = json!({ "kind": "text", "text": text, "form": id });
        let payload = json!({ "form": id, "values": values }).to_string();
        let provider_id = self.provider_id(client_msg_id);
        let what = Inbound::Postback { provider_id, payload, title: Some(text.clone()), reply_to: None };
        self.say(client_msg_id, "form", text, shown, what).await
    }

    fn provider_id(&self, client_msg_id: &str) -> String {
        format!("{}:{client_msg_id}", self.session.visitor)
    }

    fn event(&self, dedupe: String, what: Inbound) -> InboundEvent {
        let sender = Sender {
            address: self.session.visitor.clone(),
            display_name: self.session.name.clone(),
            ..Sender::default()
        };
        InboundEvent {
            sender,
            thread: String::new(),
            dedupe,
            occurred_at: Some(self.gateway.clock.now()),
            what,
        }
    }

    async fn append(&self, events: Vec<InboundEvent>) -> Result<(), Refused> {
        let (received, now) = (self.gateway.clock.now(), self.gateway.clock.now());
        ingress::append(self.gateway, &self.known.account, events, &Bytes::new(), received, now)
            .await
            .map_err(Refused::Ingress)
    }

    /// Numbers what was said before it goes to the bot, so that the answer has a higher number. If it cannot be made
    /// durable after that, the visitor still has it unacknowledged, and says it again under the same id.
    async fn say(
        &self,
        client_msg_id: &str,
        frame: &'static str,
        text: String,
        shown: Value,
        what: Inbound,
    ) -> Result<Taken, Refused> {
        let scope = OrgScope::of_service(self.known.widget.org);
        let saying = NewSaying {
            id: MessageId::new(self.gateway.ids.next()),
            bot: self.known.widget.bot,
            visitor: self.session.visitor.clone(),
            session: session_id(&self.visitor()),
            client_msg_id: client_msg_id.to_owned(),
            frame,
            text: Some(text),
            payload: shown,
        };
        let mut tx = self.gateway.store.begin(&scope).await?;
        let (numbered, new) = widget_messages::append_saying(&mut tx, &scope, &saying).await?;
        tx.commit().await?;
        if new {
            let visitor = self.visitor();
            let mut payload = saying.payload;
            self.gateway.media.show(scope.org(), &mut payload, self.gateway.clock.now());
            self.gateway.hub.echo(&visitor, numbered.seq, numbered.created_at, &payload, client_msg_id);
        }
        self.append(vec![self.event(self.provider_id(client_msg_id), what)]).await?;
        Ok(Taken::Durable(Some(numbered.seq)))
    }

    async fn tell(&self, details: Details) -> Result<Taken, Refused> {
        let bad = |what: &str| Err(Refused::Bad(what.to_owned()));
        if details.email.as_deref().is_some_and(|email| !is_email(email)) {
            return bad("email is not an address");
        }
        if details
            .name
            .as_deref()
            .is_some_and(|name| name.trim().is_empty() || name.chars().count() > NAME_MAX)
        {
            return bad("name has 1 to 200 characters");
        }
        if details.attributes.len() > ATTRIBUTES_MAX
            || !details.attributes.iter().all(|(name, value)| is_attribute(name, value))
        {
            return bad(
                "attributes are at most 50 texts, numbers or truth values, with names of 1 to 64 characters",
            );
        }
        let scope = OrgScope::of_service(self.known.widget.org);
        let told = channel_contacts::Details {
            id: ContactId::new(self.gateway.ids.next()),
            channel: self.known.widget.channel,
            external_id: self.session.visitor.clone(),
            display_name: details.name,
            email: details.email,
            attributes: Value::Object(details.attributes),
        };
        let mut tx = self.gateway.store.begin(&scope).await?;
        channel_contacts::tell(&mut tx, &scope, &told, self.gateway.clock.now()).await?;
        tx.commit().await?;
        Ok(Taken::Durable(None))
    }

    /// Notes how far the bot's frames have come, and reports it as a provider would.
    async fn mark(&self, up_to: i64, read: bool) -> Result<Taken, Refused> {
        let scope = OrgScope::of_service(self.known.widget.org);
        let visitor = &self.session.visitor;
        let now = self.gateway.clock.now();
        let mut tx = self.gateway.store.begin(&scope).await?;
        let changed = widget_messages::mark(&mut tx, &scope, visitor, up_to, read, now).await?;
        tx.commit().await?;
        if changed.is_empty() {
            return Ok(Taken::Silently);
        }
        if read {
            self.gateway.hub.signal(&self.visitor(), &protocol::read(up_to), self.reader);
        }
        let status = if read { DeliveryStatus::Read } else { DeliveryStatus::Delivered };
        let events = changed.into_iter().map(|message| {
            let what = Inbound::Status {
                provider_id: message.to_string(),
                status,
                failure: None,
                correlation: Some(message.to_string()),
                and_before: false,
            };
            self.event(format!("{message}:{}", status.as_str()), what)
        });
        self.append(events.collect()).await?;
        Ok(Taken::Silently)
    }
}

/// One id for all that a visitor says, whatever conversation it belongs to.
fn session_id((channel, address): &Visitor) -> Uuid {
    let mut digest = Sha256::new();
    digest.update(channel.uuid().as_bytes());
    digest.update(address.as_bytes());
    let digest = digest.finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The form that the database asks for.
fn is_email(text: &str) -> bool {
    let mut parts = text.split('@');
    let has_two = parts.next().is_some_and(|part| !part.is_empty())
        && parts.next().is_some_and(|part| !part.is_empty())
        && parts.next().is_none();
    has_two
        && !text.contains(char::is_whitespace)
        && !text.contains('\0')
        && text.chars().count() <= EMAIL_MAX
}

fn is_attribute(name: &str, value: &Value) -> bool {
    let may_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty()
        && name.len() <= ATTRIBUTE_NAME_MAX
        && name.bytes().all(may_name)
        && match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
            // The database holds no NUL.
            Value::String(text) => text.chars().count() <= ATTRIBUTE_TEXT_MAX && !text.contains('\0'),
            Value::Array(_) | Value::Object(_) => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b", "ada.lovelace+x@example.org", "ü@ä.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in
            ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", "a\0@b", &format!("{}@b", "a".repeat(253))]
        {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn attributes_are_small_and_flat() {
        assert!(is_attribute("plan", &json!("pro")));
        assert!(is_attribute("a.b-c_1", &Value::Null));
        for (name, value) in
            [("", json!(1)), ("a b", json!(1)), ("a", json!({})), ("a", json!([1])), ("a", json!("\0"))]
        {
            assert!(!is_attribute(name, &value), "{name} {value}");
        }
        assert!(!is_attribute("a", &json!("x".repeat(1001))));
    }
}
