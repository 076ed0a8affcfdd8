//! Who is connected: sockets by visitor, and what is to be pushed to them. It knows no transport. What a slow or
//! absent reader misses is refilled from the numbered history.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use botbuilder_domain::ChannelId;
use serde_json::Value;
use tokio::sync::mpsc;

/// A frame to be pushed.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its number in the visitor's history.
    pub seq: i64,
    /// What it holds.
    pub payload: Value,
}

type Visitor = (ChannelId, String);

/// The connected visitors.
pub struct Hub {
    queue: usize,
    sockets: Mutex<HashMap<Visitor, Vec<mpsc::Sender<Frame>>>>,
}

impl Hub {
    /// Lets at most `queue` frames, one or more, wait for each socket. A reader that falls further behind is
    /// disconnected.
    pub fn new(queue: usize) -> Self {
        Self { queue, sockets: Mutex::default() }
    }

    /// Registers a socket of a visitor. It is forgotten once the receiver is dropped.
    pub fn connect(&self, channel: ChannelId, visitor: &str) -> mpsc::Receiver<Frame> {
        let (sender, receiver) = mpsc::channel(self.queue);
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let senders = sockets.entry((channel, visitor.to_owned())).or_default();
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
        receiver
    }

    /// Pushes a frame to every socket of a visitor. A socket whose queue is full is dropped: its reader reconnects
    /// and is refilled.
    pub fn push(&self, channel: ChannelId, visitor: &str, frame: &Frame) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (channel, visitor.to_owned());
        if let Some(senders) = sockets.get_mut(&key) {
            senders.retain(|sender| sender.try_send(frame.clone()).is_ok());
            if senders.is_empty() {
                sockets.remove(&key);
            }
        }
    }

    /// Forgets a visitor whose sockets are all gone.
    pub fn disconnect(&self, channel: ChannelId, visitor: &str) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (channel, visitor.to_owned());
        if let Some(senders) = sockets.get_mut(&key) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                sockets.remove(&key);
            }
        }
    }

    /// Visitors with at least one socket.
    pub fn visitors(&self) -> usize {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: usize = 4;

    fn channel() -> ChannelId {
        ChannelId::new(uuid::Uuid::from_u128(1))
    }

    fn frame(seq: i64) -> Frame {
        Frame { seq, payload: Value::Null }
    }

    #[tokio::test]
    async fn every_socket_of_a_visitor_gets_each_frame_and_others_get_none() {
        let hub = Hub::new(QUEUE);
        let mut first = hub.connect(channel(), "a");
        let mut second = hub.connect(channel(), "a");
        let mut other = hub.connect(channel(), "b");
        hub.push(channel(), "a", &frame(1));
        assert_eq!(first.recv().await.unwrap().seq, 1);
        assert_eq!(second.recv().await.unwrap().seq, 1);
        assert!(other.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_disconnected() {
        let hub = Hub::new(QUEUE);
        let mut slow = hub.connect(channel(), "a");
        for seq in 0..=i64::try_from(QUEUE).unwrap() {
            hub.push(channel(), "a", &frame(seq));
        }
        assert_eq!(hub.visitors(), 0);
        let mut received = 0;
        while slow.recv().await.is_some() {
            received += 1;
        }
        assert_eq!(received, QUEUE);
    }

    #[test]
    fn a_visitor_without_sockets_is_forgotten() {
        let hub = Hub::new(QUEUE);
        drop(hub.connect(channel(), "a"));
        hub.disconnect(channel(), "a");
        assert_eq!(hub.visitors(), 0);
    }
}
