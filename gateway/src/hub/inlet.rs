//! One reader's queue: bounded in frames and in bytes. Nearly all of them are empty nearly always, so an empty one
//! holds no memory for frames to come.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use bytes::Bytes;
use tokio::sync::Notify;

/// Most bytes that wait for one reader.
const BYTES_MAX: usize = 512 << 10;
/// Room for so many frames is kept when they have been read.
const KEPT: usize = 4;

/// What is pushed to a reader: JSON, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Frames may have been lost on the way: the history has them.
    Refill,
}

impl Push {
    fn len(&self) -> usize {
        match self {
            Self::Frame { text, .. } | Self::Signal(text) => text.len(),
            Self::Refill => 0,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Push>,
    bytes: usize,
    let_go: bool,
    displaced: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hub's end of a reader's queue. Dropping it lets go of the reader.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) id: u64,
    frames: usize,
    shared: Arc<Shared>,
}

/// A reader's end of its queue.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) id: u64,
    shared: Arc<Shared>,
}

/// A queue of at most so many frames.
pub(super) fn queue(id: u64, frames: usize) -> (Outlet, Inlet) {
    let shared = Arc::<Shared>::default();
    (Outlet { id, frames, shared: Arc::clone(&shared) }, Inlet { id, shared })
}

impl Outlet {
    /// Whether there was room for it.
    pub(super) fn push(&self, push: &Push) -> bool {
        let mut state = self.shared.state();
        if matches!(push, Push::Refill) && state.waiting.iter().any(|push| matches!(push, Push::Refill)) {
            return true;
        }
        let len = push.len();
        // One frame always fits, however large.
        let fits = state.waiting.is_empty() || state.bytes + len <= BYTES_MAX;
        if !fits || state.waiting.len() >= self.frames {
            return false;
        }
        state.bytes += len;
        state.waiting.push_back(push.clone());
        drop(state);
        self.shared.news.notify_one();
        true
    }

    /// Lets go because a newer reader of the same visitor takes its place.
    pub(super) fn displace(self) {
        self.shared.state().displaced = true;
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.shared.state().let_go = true;
        self.shared.news.notify_one();
    }
}

impl Inlet {
    /// The next push; none once the hub has let go of this reader. Nothing is lost when it is not awaited to the end.
    pub(super) async fn recv(&mut self) -> Option<Push> {
        loop {
            if let Poll::Ready(taken) = self.take() {
                return taken;
            }
            self.shared.news.notified().await;
        }
    }

    /// The next push, or its end, if there is either by now.
    fn take(&self) -> Poll<Option<Push>> {
        let mut state = self.shared.state();
        let Some(push) = state.waiting.pop_front() else {
            return if state.let_go { Poll::Ready(None) } else { Poll::Pending };
        };
        state.bytes -= push.len();
        if state.waiting.is_empty() && state.waiting.capacity() > KEPT {
            state.waiting = VecDeque::new();
        }
        Poll::Ready(Some(push))
    }

    /// Whether the hub let go because the visitor has too many readers, rather than because this one is slow.
    pub(super) fn is_displaced(&self) -> bool {
        self.shared.state().displaced
    }
}
