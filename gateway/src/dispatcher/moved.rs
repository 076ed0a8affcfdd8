//! Contacts that a provider took messages for under another address, or named by another one in its answer.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use botbuilder_adapter_kit::Account;
use botbuilder_domain::{Inbound, InboundEvent, Sender as Person};
use bytes::Bytes;
use serde_json::Value;
use tracing::warn;

use super::send::{Job, Sender};
use crate::ingress;

/// Most pairs of addresses that are remembered as told.
const REMEMBERED: usize = 20_000;

/// Pairs of addresses that were told lately: a network names them with every message. What is forgotten is told once more,
/// which changes nothing.
#[derive(Debug, Default)]
pub(super) struct Named(Mutex<HashSet<String>>);

impl Named {
    /// Whether a pair is new, by what makes its event the same.
    fn is_new(&self, account: &Account, dedupe: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        told.insert(format!("{}:{dedupe}", account.channel))
    }
}

impl Sender {
    /// Tells the runtime that the contact is found at that address now. What is lost of it is told with the next message,
    /// which goes to the old address, too.
    pub(super) async fn tell_moved(&self, account: &Arc<Account>, job: &Job, to: &str) {
        self.tell(account, job, vec![moved(&job.body.to, to)]).await;
    }

    /// Tells the runtime by which other addresses the provider names whom a message went to. Told once; what is lost of it
    /// is told by the next report or message that names both.
    pub(super) async fn tell_named(&self, account: &Arc<Account>, job: &Job, addresses: &[String]) {
        let events = addresses.iter().filter(|address| **address != job.body.to);
        let events = events.map(|address| named(&job.body.to, address));
        let new: Vec<InboundEvent> =
            events.filter(|event| self.named.is_new(account, &event.dedupe)).collect();
        if !new.is_empty() {
            self.tell(account, job, new).await;
        }
    }

    async fn tell(&self, account: &Arc<Account>, job: &Job, events: Vec<InboundEvent>) {
        let now = self.gateway().clock.now();
        if let Err(refused) = ingress::append(self.gateway(), account, events, &Bytes::new(), now, now).await
        {
            warn!(channel.id = %job.channel, error = ?refused, "address of a contact was not noted");
        }
    }
}

/// The event that tells of another address of the same person, once for each pair.
fn named(to: &str, address: &str) -> InboundEvent {
    let alt_address = Some(address.to_owned());
    InboundEvent {
        sender: Person { address: to.to_owned(), alt_address, ..Person::default() },
        thread: String::new(),
        dedupe: format!("named:{to}:{address}"),
        occurred_at: None,
        // Its sender says it all: the contact has not been seen.
        what: Inbound::Service { name: "addresses_named".to_owned(), raw: Value::Null },
    }
}

/// The event, once for each pair of addresses.
fn moved(from: &str, to: &str) -> InboundEvent {
    InboundEvent {
        sender: Person { address: from.to_owned(), ..Person::default() },
        thread: String::new(),
        dedupe: format!("moved:{from}:{to}"),
        occurred_at: None,
        what: Inbound::ContactChanged { new_address: Some(to.to_owned()), blocked: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_address_is_told_of_the_old_one_and_once() {
        let event = moved("-100", "-200");
        assert_eq!(event.sender.address, "-100");
        let expected = Inbound::ContactChanged { new_address: Some("-200".to_owned()), blocked: None };
        assert_eq!(event.what, expected);
        assert_eq!(event.dedupe, moved("-100", "-200").dedupe);
        assert_ne!(event.dedupe, moved("-100", "-300").dedupe);
    }
}
