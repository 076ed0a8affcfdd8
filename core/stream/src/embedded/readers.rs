//! Threads that read from the engine.
//!
//! They belong to one open log: the engine keeps the last block it has read in a thread-local variable,
//! under a name that a block of another log may have as well. A thread that had read from another log could
//! be given that one's records.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::log::Shared;
use crate::error::ConsumeError;
use crate::record::Delivered;

/// Enough to keep a disk busy while a block is being decoded.
const THREADS: usize = 2;

type Answer = Result<Vec<Delivered>, ConsumeError>;

struct Read {
    topic: usize,
    partition: u32,
    from: u64,
    max: usize,
    reply: oneshot::Sender<Answer>,
}

/// The threads; they end when this is dropped.
pub(super) struct Readers(Sender<Read>);

impl Readers {
    pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..THREADS {
            let (shared, receiver) = (shared.clone(), receiver.clone());
            let name = "stream-reader".to_owned();
            std::thread::Builder::new().name(name).spawn(move || serve(&shared, &receiver))?;
        }
        Ok(Self(sender))
    }

    pub(super) async fn read(&self, topic: usize, partition: u32, from: u64, max: usize) -> Answer {
        let (reply, answer) = oneshot::channel();
        let ended = || ConsumeError::Unavailable { reason: "reader has ended".to_owned() };
        self.0.send(Read { topic, partition, from, max, reply }).map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }
}

fn serve(shared: &Shared, receiver: &Mutex<Receiver<Read>>) {
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Read { topic, partition, from, max, reply }) = next else { return };
        // The engine panics where a block does not hold what its index says.
        let read = catch_unwind(AssertUnwindSafe(|| shared.read_stored(topic, partition, from, max)));
        let answer = read.unwrap_or_else(|_| {
            let reason = "engine could not read a block it wrote".to_owned();
            Err(ConsumeError::Unavailable { reason })
        });
        // The consumer may have gone.
        let _ = reply.send(answer);
    }
}
