//! What a fake accepted. The newest messages are kept whole; of every conversation the order is kept.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How many messages are kept whole.
const WHOLE_MAX: usize = 10_000;

/// How many entries the conversations keep, all together.
const ENTRIES_MAX: usize = 2_000_000;

/// How much of a text a conversation keeps, in characters.
const TEXT_MAX: usize = 120;

/// An accepted message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its place in the order of acceptance, from 1.
    pub sequence: u64,
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// The recipient.
    pub to: String,
    /// The id it was given.
    pub id: String,
    /// The tag that was sent along, where the provider knows tags.
    pub tag: Option<String>,
    /// The provider's word for its kind.
    pub kind: String,
    /// The text a person reads in it, if any.
    pub text: Option<String>,
    /// The request as it came.
    pub body: Value,
}

/// A message in its conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The id it was given.
    pub id: String,
    /// The tag that was sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The beginning of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A message before it has a place and an id.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) to: String,
    pub(super) tag: Option<String>,
    pub(super) kind: String,
    pub(super) text: Option<String>,
    pub(super) body: Value,
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    sequence: u64,
    entries: usize,
    /// Entries that no conversation kept, because there were too many.
    pub(super) overflowed: u64,
    whole: VecDeque<Accepted>,
    conversations: HashMap<String, Vec<Delivered>>,
    /// Messages per recipient, for providers that number per chat.
    numbers: HashMap<String, u64>,
}

impl Journal {
    /// Keeps a message under the id that `name` makes from its place and its number in the conversation.
    pub(super) fn accept(
        &mut self,
        at: DateTime<Utc>,
        arrived: Arrived,
        name: impl FnOnce(u64, u64) -> String,
    ) -> Accepted {
        self.sequence += 1;
        let number = self.numbers.entry(arrived.to.clone()).or_default();
        *number += 1;
        let Arrived { to, tag, kind, text, body } = arrived;
        let id = name(self.sequence, *number);
        let accepted = Accepted { sequence: self.sequence, at, to, id, tag, kind, text, body };
        if self.entries < ENTRIES_MAX {
            self.entries += 1;
            self.conversations.entry(accepted.to.clone()).or_default().push(Delivered {
                id: accepted.id.clone(),
                tag: accepted.tag.clone(),
                text: accepted.text.as_ref().map(|text| text.chars().take(TEXT_MAX).collect()),
            });
        } else {
            self.overflowed += 1;
        }
        if self.whole.len() == WHOLE_MAX {
            self.whole.pop_front();
        }
        self.whole.push_back(accepted.clone());
        accepted
    }

    pub(super) const fn accepted(&self) -> u64 {
        self.sequence
    }

    /// The messages kept whole, after a place and to a recipient where these are given.
    pub(super) fn messages(&self, to: Option<&str>, after: u64, limit: usize) -> Vec<Accepted> {
        let wanted = |message: &&Accepted| {
            message.sequence > after && to.is_none_or(|recipient| message.to == recipient)
        };
        self.whole.iter().filter(wanted).take(limit).cloned().collect()
    }

    /// The message of that id to a recipient, where it is still kept whole.
    pub(super) fn find(&self, to: &str, id: &str) -> Option<&Accepted> {
        self.whole.iter().rev().find(|message| message.id == id && message.to == to)
    }

    /// Changes the text and the request of a message, as an edit does.
    pub(super) fn change(&mut self, to: &str, id: &str, text: Option<String>, fields: Map<String, Value>) {
        let Some(message) = self.whole.iter_mut().rev().find(|one| one.id == id && one.to == to) else {
            return;
        };
        if let Value::Object(body) = &mut message.body {
            body.extend(fields);
        }
        let Some(text) = text else { return };
        let kept = self.conversations.get_mut(to).and_then(|told| told.iter_mut().find(|one| one.id == id));
        if let Some(kept) = kept {
            kept.text = Some(text.chars().take(TEXT_MAX).collect());
        }
        message.text = Some(text);
    }

    /// Takes a message back. False if there is none.
    pub(super) fn remove(&mut self, to: &str, id: &str) -> bool {
        let before = self.whole.len();
        self.whole.retain(|message| message.id != id || message.to != to);
        if let Some(told) = self.conversations.get_mut(to) {
            told.retain(|message| message.id != id);
        }
        self.whole.len() < before
    }

    pub(super) fn conversation(&self, to: &str) -> Vec<Delivered> {
        self.conversations.get(to).cloned().unwrap_or_default()
    }

    pub(super) fn conversations(&self) -> HashMap<String, Vec<Delivered>> {
        self.conversations.clone()
    }

    /// Empties what is kept. Places and numbers go on, so that no id is given twice.
    pub(super) fn forget(&mut self) {
        self.whole.clear();
        self.conversations.clear();
        self.entries = 0;
        self.overflowed = 0;
    }
}
