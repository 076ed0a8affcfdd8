//! Messages on which the program fails: each is tried a few times, and then put away.

use std::{any::Any, collections::HashMap, panic::AssertUnwindSafe};

use botbuilder_domain::MessageId;
use chrono::TimeDelta;
use futures_util::FutureExt as _;
use tracing::error;

/// How often a message is tried.
const TRIES: u8 = 3;
/// The pause before it is tried again; twice as long after that.
const PAUSE: TimeDelta = TimeDelta::seconds(1);

/// How often the sender failed on each message.
#[derive(Debug, Default)]
pub(super) struct Panics(HashMap<MessageId, u8>);

impl Panics {
    /// Notes that the sender failed on a message. The answer is when it is tried again; none if it is not.
    pub(super) fn again(&mut self, message: MessageId) -> Option<TimeDelta> {
        let times = self.0.entry(message).or_default();
        *times += 1;
        if *times >= TRIES {
            self.0.remove(&message);
            return None;
        }
        Some(PAUSE * i32::from(*times))
    }

    /// A message is done with.
    pub(super) fn forget(&mut self, message: Option<MessageId>) {
        if let Some(message) = message {
            self.0.remove(&message);
        }
    }
}

/// What a future comes to; none if it panics. What it worked on is not used again but by those who expect that: locks that
/// are taken whatever happened to their last holder.
pub(super) async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let done = AssertUnwindSafe(future).catch_unwind().await;
    done.inspect_err(|panic| error!(reason = reason(&**panic), "sending a message panicked")).ok()
}

/// What a panic says.
fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_wherever_it_happens() {
        assert_eq!(caught(async { 7 }).await, Some(7));
        let late = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "nobody");
            7
        };
        assert_eq!(caught(late).await, None);
    }

    #[test]
    fn a_message_is_tried_three_times() {
        let (mut panics, one, other) =
            (Panics::default(), MessageId::new(Uuid::from_u128(1)), MessageId::new(Uuid::from_u128(2)));
        assert_eq!(panics.again(one), Some(TimeDelta::seconds(1)));
        assert_eq!(panics.again(one), Some(TimeDelta::seconds(2)));
        assert_eq!(panics.again(other), Some(TimeDelta::seconds(1)));
        assert_eq!(panics.again(one), None);
        panics.forget(Some(other));
        assert_eq!(panics.again(other), Some(TimeDelta::seconds(1)), "it worked meanwhile");
    }
}
