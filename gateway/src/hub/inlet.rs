//! One reader's queue: bounded in frames and in bytes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Most bytes that wait for one reader.
const BYTES_MAX: usize = 512 << 10;

/// What is pushed to a reader: JSON, as it goes over the wire.
#[derive(Debug, Clone)]
pub enum Push {
    /// A frame of the history.
    Frame {
        /// Its number.
        seq: i64,
        /// The frame.
        text: Bytes,
    },
    /// Something that is not in the history and that nobody misses later.
    Signal(Bytes),
}

impl Push {
    fn len(&self) -> usize {
        match self {
            Self::Frame { text, .. } | Self::Signal(text) => text.len(),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    displaced: AtomicBool,
}

/// The hub's end of a reader's queue.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) id: u64,
    sender: mpsc::Sender<Push>,
    shared: Arc<Shared>,
}

/// A reader's end of its queue.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) id: u64,
    receiver: mpsc::Receiver<Push>,
    shared: Arc<Shared>,
}

/// A queue of at most so many frames.
pub(super) fn queue(id: u64, frames: usize) -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::channel(frames);
    let shared = Arc::<Shared>::default();
    (Outlet { id, sender, shared: Arc::clone(&shared) }, Inlet { id, receiver, shared })
}

impl Outlet {
    /// Whether there was room for it.
    pub(super) fn push(&self, push: &Push) -> bool {
        let waiting = self.shared.bytes.fetch_add(push.len(), Ordering::Relaxed);
        // One frame always fits, however large.
        (waiting == 0 || waiting + push.len() <= BYTES_MAX) && self.sender.try_send(push.clone()).is_ok()
    }

    /// Lets go because a newer reader of the same visitor takes its place.
    pub(super) fn displace(self) {
        self.shared.displaced.store(true, Ordering::Relaxed);
    }
}

impl Inlet {
    /// The next push; none once the hub has let go of this reader.
    pub(super) async fn recv(&mut self) -> Option<Push> {
        let push = self.receiver.recv().await?;
        self.shared.bytes.fetch_sub(push.len(), Ordering::Relaxed);
        Some(push)
    }

    /// Whether the hub let go because the visitor has too many readers, rather than because this one is slow.
    pub(super) fn is_displaced(&self) -> bool {
        self.shared.displaced.load(Ordering::Relaxed)
    }
}
