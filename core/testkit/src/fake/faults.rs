//! What the faults do that look the same at every provider.

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};

use super::{Fault, control::Control, server};

/// A fault that each provider words in its own way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Worded {
    /// Too many requests, with the seconds to wait where these are told.
    Throttled(Option<u64>),
    /// Something went wrong at the provider.
    ServerError,
    /// Refused with a code of the provider's, where one was given.
    Refused(Option<i64>),
}

/// What happens to a request before it is looked at; none where it goes on. It may never return.
pub(super) async fn before(
    control: &Control,
    fault: Fault,
    word: impl Fn(Worded) -> Response,
) -> Option<Response> {
    match fault {
        Fault::None | Fault::HangAfterAccept | Fault::ResetAfterAccept => None,
        Fault::Hang => std::future::pending().await,
        Fault::Reset => Some(server::hang_up()),
        Fault::Throttle => {
            let seconds = control.ask(|dice| dice.behaviour.retry_after_s);
            let mut response = word(Worded::Throttled(Some(seconds)));
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            Some(response)
        }
        Fault::ThrottleSilently => Some(word(Worded::Throttled(None))),
        Fault::ServerError => Some(word(Worded::ServerError)),
        Fault::Html => {
            let page = Html("<html><head><title>502 Bad Gateway</title></head></html>");
            Some((StatusCode::BAD_GATEWAY, page).into_response())
        }
        Fault::Refuse => Some(word(Worded::Refused(control.ask(|dice| dice.behaviour.refuse_code)))),
    }
}

/// What happens to a request after its message was accepted; none where it is answered. It may never return.
pub(super) async fn after(fault: Fault) -> Option<Response> {
    match fault {
        Fault::HangAfterAccept => std::future::pending().await,
        Fault::ResetAfterAccept => Some(server::hang_up()),
        _ => None,
    }
}
