//! Numbered messages: each says who wrote it and how many that person wrote before, and the reply repeats it.

use std::fmt;

use botbuilder_testkit::fake::{telegram, whatsapp};
use serde::Serialize;

/// The channel a contact writes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Signed callbacks; the provider reports what became of a message, with our tag.
    Whatsapp,
    /// Callbacks with a secret; nothing is reported.
    Telegram,
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
        match self.channel {
            Channel::Whatsapp => format!("1555{:07}", self.number),
            Channel::Telegram => (100_000 + u64::from(self.number)).to_string(),
        }
    }

    /// Whose address this is.
    pub fn of_address(channel: Channel, address: &str) -> Option<Self> {
        let number: u64 = address.parse().ok()?;
        let first = match channel {
            Channel::Whatsapp => 15_550_000_000,
            Channel::Telegram => 100_000,
        };
        let number = u32::try_from(number.checked_sub(first)?).ok()?;
        let contact = Self { channel, number };
        (contact.address() == address).then_some(contact)
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = match self.channel {
            Channel::Whatsapp => "whatsapp",
            Channel::Telegram => "telegram",
        };
        write!(f, "{channel} c{}", self.number)
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

    /// The provider's callback with it: the body, and the header that proves it. The same message, sent again, has
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
                Callback { body, header: whatsapp::SIGNATURE_HEADER, proof }
            }
            Channel::Telegram => {
                // Updates are numbered over all chats.
                let update = (u64::from(self.contact.number) << 32) + u64::from(self.number);
                let chat = 100_000 + i64::from(self.contact.number);
                let (body, proof) = telegram::message_webhook(&secrets.telegram_secret, update, chat, &text);
                Callback { body, header: telegram::SECRET_HEADER, proof }
            }
        }
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
}

/// A request of a provider.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The body.
    pub body: String,
    /// The name of the header.
    pub header: &'static str,
    /// Its value.
    pub proof: String,
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
        for channel in [Channel::Whatsapp, Channel::Telegram] {
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
