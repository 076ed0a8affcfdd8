//! How far an outgoing message has come.

use serde::{Deserialize, Serialize};

/// The state of delivery of an outgoing message. It only moves forward: see [`DeliveryStatus::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Written with the turn that produced it, not yet accepted by the provider.
    Queued,
    /// Accepted by the provider.
    Sent,
    /// Refused or given up. Yields to a later `Delivered`: with several devices one may fail and another not.
    Failed,
    /// On the recipient's device.
    Delivered,
    /// Displayed to the recipient.
    Read,
}

impl DeliveryStatus {
    const fn rank(self) -> u8 {
        match self {
            Self::Queued => 10,
            Self::Sent => 20,
            Self::Failed => 25,
            Self::Delivered => 30,
            Self::Read => 40,
        }
    }

    /// The state after hearing of `next`: the higher of the two, so every order of arrival ends the same.
    #[must_use]
    pub const fn advance(self, next: Self) -> Self {
        if next.rank() > self.rank() { next } else { self }
    }

    /// The word in `channel_messages.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// Why a message failed, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Our stable code, for instance `window_closed`.
    pub code: String,
    /// The provider's own code, where it gave one.
    pub provider_code: Option<String>,
    /// What happened, without secrets or message text.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::DeliveryStatus::{Delivered, Failed, Queued, Read, Sent};

    #[test]
    fn every_order_of_arrival_ends_in_the_same_state() {
        let all = [Queued, Sent, Failed, Delivered, Read];
        for a in all {
            for b in all {
                for c in all {
                    assert_eq!(a.advance(b).advance(c), a.advance(c).advance(b));
                    assert_eq!(Queued.advance(a).advance(b), Queued.advance(b).advance(a));
                }
            }
        }
        assert_eq!(Failed.advance(Delivered), Delivered);
        assert_eq!(Delivered.advance(Failed), Delivered);
    }
}
