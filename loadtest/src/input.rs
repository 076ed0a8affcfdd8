//! Numbered messages: each says who wrote it and how many that person wrote before, and the reply repeats it.

use std::fmt;

use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Clock as _, Secret, SystemClock};
use botbuilder_testkit::fake::{instagram, slack, telegram, whatsapp};
use serde::Serialize;
use serde_json::json;

/// The channel a contact writes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Signed callbacks; the provider reports what became of a message, with our tag.
    Whatsapp,
    /// Callbacks with a secret; nothing is reported.
    Telegram,
    /// Callbacks signed with their time; nothing is reported.
    Slack,
    /// Signed callbacks; only what was seen is reported.
    Instagram,
}

impl Channel {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Whatsapp, Self::Telegram, Self::Slack, Self::Instagram];

    /// The word in `channels.type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Telegram => "telegram",
            Self::Slack => "slack",
            Self::Instagram => "instagram",
        }
    }
}

/// A person who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Contact {
    /// Where.
    pub channel: Channel,
    /// Which of them.
    pub number: u32,
}

impl Contact {
    /// The provider's address of the person.
    pub fn address(self) -> String {
        let number = u64::from(self.number);
        match self.channel {
            Channel::Whatsapp => format!("1555{number:07}"),
            Channel::Telegram => (100_000 + number).to_string(),
            Channel::Slack => format!("U0C{number:07}"),
            Channel::Instagram => (1_784_000_000_000 + number).to_string(),
        }
    }

    /// The chat in which the person is alone with us; Slack gives it an address of its own.
    pub fn chat(self) -> String {
        match self.channel {
            Channel::Slack => self.address().replacen('U', "D", 1),
            Channel::Whatsapp | Channel::Telegram | Channel::Instagram => self.address(),
        }
    }

    /// Whose address this is.
    pub fn of_address(channel: Channel, address: &str) -> Option<Self> {
        let digits = address.strip_prefix("U0C").unwrap_or(address);
        let first = match channel {
            Channel::Whatsapp => 15_550_000_000,
            Channel::Telegram => 100_000,
            Channel::Slack => 0,
            Channel::Instagram => 1_784_000_000_000,
        };
        let number = u32::try_from(digits.parse::<u64>().ok()?.checked_sub(first)?).ok()?;
        let contact = Self { channel, number };
        (contact.address() == address).then_some(contact)
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} c{}", self.channel.as_str(), self.number)
    }
}

/// A message of a contact: its number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Input {
    /// Who writes it.
    pub contact: Contact,
    /// How many they have written with it.
    pub number: u32,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} n{}", self.contact, self.number)
    }
}

impl Input {
    /// What it says.
    pub fn text(self) -> String {
        format!("c{} n{}", self.contact.number, self.number)
    }

    /// Which message of the contact says this.
    pub fn of_text(contact: Contact, text: &str) -> Option<Self> {
        let (who, which) = text.split_once(' ')?;
        let who: u32 = who.strip_prefix('c')?.parse().ok()?;
        let number = which.strip_prefix('n')?.parse().ok()?;
        (who == contact.number).then_some(Self { contact, number })
    }

    /// The provider's callback with it: the body, and the headers that prove it. The same message, sent again, has
    /// the same id.
    pub fn callback(self, secrets: &Secrets) -> Callback {
        let address = self.contact.address();
        let text = self.text();
        match self.contact.channel {
            Channel::Whatsapp => {
                let id = format!("wamid.in.{}.{}", self.contact.number, self.number);
                let (body, proof) = whatsapp::message_webhook(
                    &secrets.app_secret,
                    &secrets.phone_number_id,
                    &address,
                    &id,
                    &text,
                );
                Callback { body, headers: vec![(whatsapp::SIGNATURE_HEADER, proof)] }
            }
            Channel::Telegram => {
                // Updates are numbered over all chats.
                let update = (u64::from(self.contact.number) << 32) + u64::from(self.number);
                let chat = 100_000 + i64::from(self.contact.number);
                let (body, proof) = telegram::message_webhook(&secrets.telegram_secret, update, chat, &text);
                Callback { body, headers: vec![(telegram::SECRET_HEADER, proof)] }
            }
            Channel::Slack => self.on_slack(&address, &text, secrets),
            Channel::Instagram => {
                let mid = format!("mid.in.{}.{}", self.contact.number, self.number);
                let now = SystemClock.now().timestamp_millis();
                let item = json!({
                    "sender": { "id": address }, "recipient": { "id": secrets.instagram_account },
                    "timestamp": now, "message": { "mid": mid, "text": text },
                });
                let entry = json!({ "id": secrets.instagram_account, "time": now, "messaging": [item] });
                let body = json!({ "object": "instagram", "entry": [entry] }).to_string();
                let proof = meta::sign(&Secret::new(secrets.instagram_secret.clone()), body.as_bytes());
                Callback { body, headers: vec![(instagram::SIGNATURE_HEADER, proof)] }
            }
        }
    }

    fn on_slack(self, user: &str, text: &str, secrets: &Secrets) -> Callback {
        let channel = self.contact.chat();
        let ts = format!("{}.{:06}", 1_700_000_000 + self.number, self.contact.number);
        let event = json!({
            "type": "message", "channel": channel, "channel_type": "im", "user": user, "text": text, "ts": ts,
            "event_ts": ts,
        });
        let now = SystemClock.now().timestamp();
        let body = json!({
            "token": "deprecated", "type": "event_callback", "team_id": secrets.slack_team,
            "api_app_id": "A0FAKE", "event": event, "event_time": now,
            "event_id": format!("Ev{}x{}", self.contact.number, self.number),
        })
        .to_string();
        let now = now.to_string();
        let proof = slack::sign(&Secret::new(secrets.slack_secret.clone()), &now, body.as_bytes());
        Callback { body, headers: vec![(slack::SIGNATURE_HEADER, proof), (slack::TIMESTAMP_HEADER, now)] }
    }
}

/// What the fake providers prove themselves with.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// What WhatsApp callbacks are signed with.
    pub app_secret: String,
    /// The number that WhatsApp callbacks are about.
    pub phone_number_id: String,
    /// What Telegram callbacks carry.
    pub telegram_secret: String,
    /// What Slack callbacks are signed with.
    pub slack_secret: String,
    /// The workspace that Slack callbacks are about.
    pub slack_team: String,
    /// What Instagram callbacks are signed with.
    pub instagram_secret: String,
    /// The account that Instagram callbacks are about.
    pub instagram_account: String,
}

impl Default for Secrets {
    /// Those of fakes that were set up with nothing but defaults.
    fn default() -> Self {
        let (whatsapp, telegram) = (whatsapp::Options::default(), telegram::Options::default());
        let (slack, instagram) = (slack::Options::default(), instagram::Options::default());
        Self {
            app_secret: whatsapp.app_secret,
            phone_number_id: whatsapp.default_phone_number_id,
            telegram_secret: telegram.secret_token,
            slack_secret: slack.signing_secret,
            slack_team: slack.team_id,
            instagram_secret: instagram.app_secret,
            instagram_account: instagram.ig_user_id,
        }
    }
}

/// A request of a provider.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The body.
    pub body: String,
    /// The headers that prove it, with their values.
    pub headers: Vec<(&'static str, String)>,
}

/// A reply of the load flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The message it answers.
    pub to: Input,
    /// How many turns the conversation's session has counted.
    pub turns: u32,
}

impl Reply {
    /// Reads "You said: c12 n37 (7 characters, message 37)".
    pub fn of_text(contact: Contact, text: &str) -> Option<Self> {
        let said = text.strip_prefix("You said: ")?;
        let (said, rest) = said.split_once(" (")?;
        let turns = rest.strip_suffix(')')?.split_once("message ")?.1.parse().ok()?;
        Some(Self { to: Input::of_text(contact, said)?, turns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_texts_are_read_back() {
        for channel in Channel::ALL {
            for number in [0, 7, 12_345] {
                let contact = Contact { channel, number };
                assert_eq!(Contact::of_address(channel, &contact.address()), Some(contact));
                let input = Input { contact, number: 37 };
                assert_eq!(Input::of_text(contact, &input.text()), Some(input));
            }
        }
        assert_eq!(Contact::of_address(Channel::Whatsapp, "4915"), None);
        let contact = Contact { channel: Channel::Telegram, number: 3 };
        assert_eq!(Input::of_text(contact, "c4 n1"), None);
    }

    #[test]
    fn replies_are_read() {
        let contact = Contact { channel: Channel::Whatsapp, number: 12 };
        let reply = Reply::of_text(contact, "You said: c12 n37 (7 characters, message 36)");
        assert_eq!(reply, Some(Reply { to: Input { contact, number: 37 }, turns: 36 }));
        assert_eq!(Reply::of_text(contact, "You said: c11 n37 (7 characters, message 36)"), None);
        assert_eq!(Reply::of_text(contact, "Sorry"), None);
    }
}
