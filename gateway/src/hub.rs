//! Who is connected: readers by visitor, and what is to be pushed to them. It knows no transport. What a slow or
//! absent reader misses is refilled from the numbered history. Hubs of several instances tell each other by a
//! [`fanout`]: [`instances`] is the one by Redis.

pub mod fanout;
mod inlet;
pub mod instances;
pub mod rates;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use botbuilder_domain::{ChannelId, Clock, Outbound, OutboundEvent};
use botbuilder_service::{
    config::limits,
    lifecycle::{Service, ServiceError},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tracing::info;

pub use self::inlet::Push;
use self::{
    fanout::{Alone, Fanout, Notice},
    inlet::{Inlet, Outlet, queue},
    rates::{Rate, Rates},
};
use crate::widget::protocol;

/// How long sockets get to hear goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often it is looked whether all have.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Histories that are read at once.
const REFILLS: usize = 4;

/// The frame of a bot or a person to be pushed.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its number in the visitor's history.
    pub seq: i64,
    /// Who it is of.
    pub role: String,
    /// What it holds.
    pub payload: Value,
}

/// A visitor: the channel, and the address on it.
pub type Visitor = (ChannelId, String);

/// The connected visitors.
pub struct Hub {
    queue: usize,
    most: usize,
    clock: Arc<dyn Clock>,
    readers: Mutex<HashMap<Visitor, Vec<Outlet>>>,
    next: AtomicU64,
    stopping: Mutex<CancellationToken>,
    refills: Semaphore,
    fanout: OnceLock<Arc<dyn Fanout>>,
    /// How much each visitor may do.
    pub rates: Rates,
}

impl Hub {
    /// Within these bounds. A reader that falls further behind, or that is the oldest of too many of one visitor, is
    /// let go.
    pub fn new(limits: &limits::WebSocket, clock: Arc<dyn Clock>) -> Self {
        let frames = Rate {
            per_second: f64::from(limits.visitor_messages_per_second),
            burst: f64::from(limits.visitor_messages_burst),
        };
        Self {
            queue: limits.queue_messages,
            most: limits.sockets_per_visitor,
            clock,
            readers: Mutex::default(),
            next: AtomicU64::default(),
            stopping: Mutex::default(),
            refills: Semaphore::new(REFILLS),
            fanout: OnceLock::new(),
            rates: Rates::new(frames),
        }
    }

    /// Tells other instances, by this way, from now on. The first way stays.
    pub(crate) fn join(&self, fanout: Arc<dyn Fanout>) {
        // Set twice, the second is one that nobody listens to.
        let _ = self.fanout.set(fanout);
    }

    fn fanout(&self) -> &dyn Fanout {
        self.fanout.get().map_or(&Alone, Arc::as_ref)
    }

    /// Registers a reader of a visitor, until it is dropped.
    pub fn connect(self: &Arc<Self>, visitor: &Visitor) -> Reader {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (outlet, inlet) = queue(id, self.queue);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let outlets = readers.entry(visitor.clone()).or_default();
        if outlets.len() >= self.most {
            outlets.remove(0).displace();
        }
        let is_first = outlets.is_empty();
        outlets.push(outlet);
        drop(readers);
        if is_first {
            self.fanout().came(visitor);
        }
        Reader { inlet, hub: Arc::clone(self), visitor: visitor.clone() }
    }

    /// Whether a visitor has a reader, here or at another instance.
    pub async fn is_present(&self, visitor: &Visitor) -> bool {
        let is_here = self.readers.lock().unwrap_or_else(PoisonError::into_inner).contains_key(visitor);
        is_here || self.fanout().is_elsewhere(visitor).await
    }

    /// The visitors who have a reader here.
    fn present(&self) -> Vec<Visitor> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Pushes the frame of a bot or a person to every reader of a visitor.
    pub fn push(&self, channel: ChannelId, visitor: &str, frame: &Frame) {
        let text = protocol::frame(frame.seq, &frame.role, self.clock.now(), &frame.payload, None);
        self.tell(&(channel, visitor.to_owned()), &Push::Frame { seq: frame.seq, text }, None);
    }

    /// Pushes what the visitor said to every reader of that visitor.
    pub fn echo(&self, visitor: &Visitor, seq: i64, at: DateTime<Utc>, payload: &Value, client_msg_id: &str) {
        let text = protocol::frame(seq, "visitor", at, payload, Some(client_msg_id));
        self.tell(visitor, &Push::Frame { seq, text }, None);
    }

    /// Shows a visitor that an answer is being written, or that something was seen.
    pub fn show(&self, channel: ChannelId, event: &OutboundEvent) {
        let visitor = (channel, event.to.clone());
        match &event.what {
            Outbound::Typing => self.signal(&visitor, &protocol::typing(), None),
            Outbound::MarkRead { provider_id, typing } => {
                // The visitor's own id follows the address: see `say`.
                let id = provider_id.strip_prefix(&event.to).and_then(|rest| rest.strip_prefix(':'));
                if let Some(id) = id {
                    self.signal(&visitor, &protocol::seen(id), None);
                }
                if *typing {
                    self.signal(&visitor, &protocol::typing(), None);
                }
            }
            Outbound::Send(_) => {}
        }
    }

    /// Shows a visitor a piece of an answer while it is being written: `text` goes in place of everything after the
    /// first `from` characters of what was shown under this id. The whole follows as a frame.
    pub fn grow(&self, visitor: &Visitor, id: &str, from: usize, text: &str) {
        self.signal(visitor, &protocol::partial(id, from, text), None);
    }

    /// Pushes something that is not in the history to every reader of a visitor, except the one with that id.
    pub fn signal(&self, visitor: &Visitor, signal: &Value, except: Option<u64>) {
        self.signal_text(visitor, signal.to_string().into(), except);
    }

    /// The same with a signal that is JSON already.
    pub fn signal_text(&self, visitor: &Visitor, signal: Bytes, except: Option<u64>) {
        self.tell(visitor, &Push::Signal(signal), except);
    }

    fn tell(&self, visitor: &Visitor, push: &Push, except: Option<u64>) {
        self.tell_here(visitor, push, except);
        if self.fanout.get().is_some()
            && let Some(notice) = Notice::new(visitor, push)
        {
            self.fanout().tell(notice);
        }
    }

    /// Pushes what another instance was told.
    fn deliver(&self, notice: &Notice) {
        self.tell_here(&notice.visitor, &notice.push(), None);
    }

    /// Has every reader look into its history: something may not have been heard.
    fn look(&self) {
        for visitor in self.present() {
            self.tell_here(&visitor, &Push::Refill, None);
        }
    }

    /// A reader without room is let go: it reconnects and is refilled.
    fn tell_here(&self, visitor: &Visitor, push: &Push, except: Option<u64>) {
        self.keep(visitor, |outlet| Some(outlet.id) == except || outlet.push(push));
    }

    fn forget(&self, visitor: &Visitor, id: u64) {
        self.keep(visitor, |outlet| outlet.id != id);
    }

    /// Lets go of the readers of a visitor that are not to be kept.
    fn keep(&self, visitor: &Visitor, which: impl FnMut(&Outlet) -> bool) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(outlets) = readers.get_mut(visitor) else { return };
        outlets.retain(which);
        if outlets.is_empty() {
            readers.remove(visitor);
            drop(readers);
            self.fanout().went(visitor);
        }
    }

    /// Visitors with at least one reader.
    pub fn visitors(&self) -> usize {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits for the turn to read a history, which lasts until the returned value is dropped.
    pub(crate) async fn refills(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.refills.acquire().await.ok()
    }

    /// Is cancelled when everybody has to connect elsewhere.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take_everybody(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = CancellationToken::new();
    }
}

/// Somebody who reads what is pushed to a visitor, until dropped.
pub struct Reader {
    inlet: Inlet,
    hub: Arc<Hub>,
    visitor: Visitor,
}

impl Reader {
    /// Tells this reader from the visitor's others.
    pub const fn id(&self) -> u64 {
        self.inlet.id
    }

    /// The next push; none once the hub has let go of this reader.
    pub async fn recv(&mut self) -> Option<Push> {
        self.inlet.recv().await
    }

    /// Whether the hub let go because the visitor has too many readers, rather than because this one is slow.
    pub fn is_displaced(&self) -> bool {
        self.inlet.is_displaced()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.forget(&self.visitor, self.inlet.id);
    }
}

/// Sends everybody away when the process is told to stop.
pub struct Goodbye(pub Arc<Hub>);

#[async_trait]
impl Service for Goodbye {
    fn name(&self) -> &'static str {
        "hub"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let hub = &self.0;
        hub.take_everybody();
        stop.cancelled().await;
        hub.stopping().cancel();
        let gone = async {
            while hub.visitors() > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(GOODBYE, gone).await.is_err() {
            info!(visitors = hub.visitors(), "sockets are cut without a goodbye");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use botbuilder_domain::SystemClock;

    const QUEUE: usize = 4;

    fn hub() -> Arc<Hub> {
        let limits =
            limits::WebSocket { queue_messages: QUEUE, sockets_per_visitor: 2, ..Default::default() };
        Arc::new(Hub::new(&limits, Arc::new(SystemClock)))
    }

    fn visitor(name: &str) -> Visitor {
        (ChannelId::new(uuid::Uuid::from_u128(1)), name.to_owned())
    }

    fn push(hub: &Hub, name: &str, seq: i64, payload: Value) {
        let (channel, name) = visitor(name);
        hub.push(channel, &name, &Frame { seq, role: "bot".to_owned(), payload });
    }

    async fn seq(reader: &mut Reader) -> Option<i64> {
        match reader.recv().await {
            Some(Push::Frame { seq, .. }) => Some(seq),
            _ => None,
        }
    }

    #[tokio::test]
    async fn every_reader_of_a_visitor_gets_each_frame_and_others_get_none() {
        let hub = hub();
        let mut first = hub.connect(&visitor("a"));
        let mut second = hub.connect(&visitor("a"));
        let mut other = hub.connect(&visitor("b"));
        push(&hub, "a", 1, Value::Null);
        push(&hub, "b", 7, Value::Null);
        assert_eq!(seq(&mut first).await, Some(1));
        assert_eq!(seq(&mut second).await, Some(1));
        assert_eq!(seq(&mut other).await, Some(7));
    }

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_let_go() {
        let hub = hub();
        let mut slow = hub.connect(&visitor("a"));
        for number in 0..=i64::try_from(QUEUE).unwrap() {
            push(&hub, "a", number, Value::Null);
        }
        assert_eq!(hub.visitors(), 0);
        let mut received = 0;
        while slow.recv().await.is_some() {
            received += 1;
        }
        assert_eq!(received, QUEUE);
        assert!(!slow.is_displaced());
    }

    #[tokio::test]
    async fn a_reader_with_too_many_bytes_waiting_is_let_go() {
        let hub = hub();
        let mut slow = hub.connect(&visitor("a"));
        let large = Value::String("x".repeat(300_000));
        push(&hub, "a", 1, large.clone());
        assert_eq!(hub.visitors(), 1);
        push(&hub, "a", 2, large);
        assert_eq!(hub.visitors(), 0);
        assert_eq!((seq(&mut slow).await, seq(&mut slow).await), (Some(1), None));
    }

    #[tokio::test]
    async fn the_oldest_of_too_many_readers_makes_room() {
        let hub = hub();
        let mut oldest = hub.connect(&visitor("a"));
        let _second = hub.connect(&visitor("a"));
        let mut third = hub.connect(&visitor("a"));
        assert!(oldest.recv().await.is_none());
        assert!(oldest.is_displaced());
        push(&hub, "a", 1, Value::Null);
        assert_eq!(seq(&mut third).await, Some(1));
    }

    #[tokio::test]
    async fn a_signal_spares_the_one_it_came_from() {
        let hub = hub();
        let mut here = hub.connect(&visitor("a"));
        let mut there = hub.connect(&visitor("a"));
        hub.signal(&visitor("a"), &Value::Bool(true), Some(here.id()));
        push(&hub, "a", 1, Value::Null);
        assert!(matches!(there.recv().await, Some(Push::Signal(_))));
        assert_eq!(seq(&mut here).await, Some(1));
    }

    #[test]
    fn a_visitor_without_readers_is_forgotten() {
        let hub = hub();
        drop(hub.connect(&visitor("a")));
        assert_eq!(hub.visitors(), 0);
    }
}
