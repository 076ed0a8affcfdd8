//! Bodies in both directions: requests whose sender must keep sending, answers that say when they are done.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::connection::InHand;

/// Why a request body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection failed.
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    /// Nothing came for too long.
    #[error("the request body stalled")]
    Stalled,
}

/// A request body that fails when its sender pauses for too long. Most bodies arrive with their header and never
/// start the timer.
pub(super) struct Patient {
    body: Incoming,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    pub(super) fn new(body: Incoming, idle: Duration) -> Self {
        Self { body, idle, timer: None }
    }
}

impl HttpBody for Patient {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            if let Some(timer) = &mut this.timer {
                timer.as_mut().reset(Instant::now() + this.idle);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.idle)));
        timer.as_mut().poll(cx).map(|()| Some(Err(BodyError::Stalled)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body that ends the request when it has been sent or given up.
pub(super) struct Counted {
    body: Body,
    _in_hand: InHand,
}

impl Counted {
    pub(super) fn new(body: Body, in_hand: InHand) -> Self {
        Self { body, _in_hand: in_hand }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
