//! Contacts that a provider took messages for under another address.

use std::sync::Arc;

use botbuilder_adapter_kit::Account;
use botbuilder_domain::{Inbound, InboundEvent, Sender as Person};
use bytes::Bytes;
use tracing::warn;

use super::send::{Job, Sender};
use crate::ingress;

impl Sender {
    /// Tells the runtime that the contact is found at that address now. What is lost of it is told with the next message,
    /// which goes to the old address, too.
    pub(super) async fn tell_moved(&self, account: &Arc<Account>, job: &Job, to: &str) {
        let now = self.gateway().clock.now();
        let event = moved(&job.body.to, to);
        if let Err(refused) =
            ingress::append(self.gateway(), account, vec![event], &Bytes::new(), now, now).await
        {
            warn!(channel.id = %job.channel, error = ?refused, "new address of a contact was not noted");
        }
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
