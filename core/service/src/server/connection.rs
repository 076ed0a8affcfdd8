//! A connection that keeps its own time.
//!
//! Three waits are bounded: for the first bytes and the rest of a header, for the next request on an idle connection,
//! and for a peer that does not read what is written to it. One timer per connection serves all of them. It is only
//! moved when it is late or too far away, so an ordinary request touches it not at all.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::Version;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// How long each wait may last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// From a connection's start, or a request's first byte, to the end of its header.
    pub(super) header: Duration,
    /// Between requests.
    pub(super) idle: Duration,
    /// For the peer to take anything of what is written.
    pub(super) write: Duration,
}

/// What the requests of a connection tell its reader.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    in_hand: AtomicU32,
    finished: AtomicU32,
    multiplexed: AtomicBool,
    upgraded: AtomicBool,
}

impl Traffic {
    /// A request has begun; it is in hand until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> InHand {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        if version == Version::HTTP_2 {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        InHand(self.clone())
    }

    /// The connection now belongs to another protocol, which keeps its own time.
    pub(super) fn upgraded(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    fn waits_for_request(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) == 0 && !self.upgraded.load(Ordering::Relaxed)
    }
}

/// A request that has not been answered completely.
#[derive(Debug)]
pub(super) struct InHand(Arc<Traffic>);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.finished.fetch_add(1, Ordering::Relaxed);
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the reader waits for, and until when.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    Header(Instant),
    NextRequest(Instant),
}

/// A stream whose reads and writes fail when they wait too long. `open` is kept as long as the connection is.
pub(super) struct Connection<S, O> {
    stream: S,
    times: Times,
    traffic: Arc<Traffic>,
    waiting: Waiting,
    /// Requests that were finished when `waiting` was last set.
    seen_finished: u32,
    write_deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    _open: O,
}

impl<S, O> Connection<S, O> {
    pub(super) fn new(stream: S, times: Times, traffic: Arc<Traffic>, open: O) -> Self {
        Self {
            stream,
            times,
            traffic,
            waiting: Waiting::Header(Instant::now() + times.header),
            seen_finished: 0,
            write_deadline: None,
            timer: None,
            _open: open,
        }
    }

    /// Bytes have come while no request was in hand: a header has begun.
    fn note_read(&mut self) {
        if !self.traffic.waits_for_request() {
            return;
        }
        self.note_finished();
        // On HTTP/2 bytes between requests are as likely pings and window updates.
        let multiplexed = self.traffic.multiplexed.load(Ordering::Relaxed);
        if matches!(self.waiting, Waiting::NextRequest(_)) && !multiplexed {
            self.waiting = Waiting::Header(Instant::now() + self.times.header);
        }
    }

    /// A request has been finished since the last look: the wait for the next one begins.
    fn note_finished(&mut self) {
        let finished = self.traffic.finished.load(Ordering::Relaxed);
        if finished != self.seen_finished {
            self.seen_finished = finished;
            self.waiting = Waiting::NextRequest(Instant::now() + self.times.idle);
        }
    }

    /// The instant at which a read that has to wait now fails.
    fn read_deadline(&mut self) -> Option<Instant> {
        if !self.traffic.waits_for_request() {
            return None;
        }
        self.note_finished();
        match self.waiting {
            Waiting::Header(deadline) | Waiting::NextRequest(deadline) => Some(deadline),
        }
    }

    /// Sees to it that the task wakes at the earlier of both deadlines, and tells whether `deadline` has passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        loop {
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return false;
            }
            if Instant::now() >= deadline {
                return true;
            }
            // It was set for an earlier wait that has ended since.
            timer.as_mut().reset(deadline);
        }
    }

    fn poll_written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_deadline = None;
            return written;
        }
        let write = self.times.write;
        let deadline = *self.write_deadline.get_or_insert_with(|| Instant::now() + write);
        if self.poll_deadline(cx, deadline) {
            return Poll::Ready(Err(timed_out("the peer does not read")));
        }
        Poll::Pending
    }
}

fn timed_out(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, message)
}

impl<S: AsyncRead + Unpin, O: Unpin> AsyncRead for Connection<S, O> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                this.note_read();
                Poll::Ready(result)
            }
            Poll::Pending => match this.read_deadline() {
                Some(deadline) if this.poll_deadline(cx, deadline) => {
                    Poll::Ready(Err(timed_out("the peer does not ask")))
                }
                _ => Poll::Pending,
            },
        }
    }
}

impl<S: AsyncWrite + Unpin, O: Unpin> AsyncWrite for Connection<S, O> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.poll_written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
