//! What stands in front of every route: who calls and whether they may, how long a body may be, and that a repeated
//! call changes nothing twice.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    RequestExt as _,
    body::{Body, to_bytes},
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use tracing::info;

use crate::{
    Api,
    auth::{Caller, acting::Acting, bot_of, rate::Rate},
    error::{ApiError, Code},
    idempotency,
    routes::{Access, Operation, Table},
};

/// What the guard works with.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) api: Api,
    pub(crate) table: Arc<Table>,
}

pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (method, refusals) = (request.method().clone(), Arc::clone(&guard.api.identity));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.ip().to_canonical());
    let response = guarded(guard, request, next).await;
    if let Some(code) = attempted(&response) {
        // The address as it is in the table: what somebody made up stays out of the log.
        let route = route.as_ref().map_or("", MatchedPath::as_str);
        let client = client.map(|address| address.to_string()).unwrap_or_default();
        if refusals.refusals.is_new(format!("{client} {method} {route} {code}"), Instant::now()) {
            let status = response.status().as_u16();
            info!(http.method = %method, http.route = route, http.status = status, code, client.address = client, "refused");
        }
    }
    response
}

/// The code of an answer to somebody who tried what input, order, rates or rights do not allow. That something is not
/// there, or was changed by somebody else, is no attempt.
fn attempted(response: &Response) -> Option<&'static str> {
    let status = response.status();
    let is_harmless = matches!(status, StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED);
    if !status.is_client_error() || is_harmless {
        return None;
    }
    Some(response.extensions().get::<Code>().map_or("", |code| code.0))
}

async fn guarded(guard: Guard, request: Request, next: Next) -> Response {
    match admit(&guard, request).await {
        Ok(admitted) => {
            let rate = admitted.parts.extensions.get::<Rate>().copied();
            let acting = admitted.parts.extensions.get::<Acting>().cloned();
            let mut response = admitted.answer(&guard.api, next).await;
            if let Some(acting) = acting {
                acting.tell(response.headers_mut());
            }
            if let Some(rate) = rate {
                rate.tell(response.headers_mut());
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

/// A request that may be made.
struct Admitted {
    operation: Arc<Operation>,
    caller: Option<Caller>,
    parts: Parts,
    body: Body,
}

async fn admit(guard: &Guard, mut request: Request) -> Result<Admitted, ApiError> {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    // A route that is not in the table cannot be made; should it happen all the same, it stays shut.
    let operation = path
        .and_then(|path| guard.table.get(&(method, path)))
        .map(Arc::clone)
        .ok_or_else(|| ApiError::defect("a route without an entry in the table"))?;
    let caller = match operation.access {
        Access::Public => None,
        // Who is in no organization is no caller, and may still act on the account; the handler tells persons apart.
        Access::Account => match caller(&guard.api, &mut request).await {
            Ok(caller) => Some(caller),
            Err(ApiError::Refused(_)) => None,
            Err(other) => return Err(other),
        },
        Access::Caller => Some(caller(&guard.api, &mut request).await?),
        Access::Permission(permission) => {
            let caller = caller(&guard.api, &mut request).await?;
            let path = request.uri().path();
            if let Err(refusal) = caller.require_at(path, permission)
                && !bot_of::allows(&guard.api, &caller, path, permission).await?
            {
                guard.api.identity.refusals.note(&guard.api, &caller, &operation, &refusal).await;
                return Err(refusal);
            }
            Some(caller)
        }
        Access::Staff(_) => return Err(ApiError::defect("a route of staff among those of tenants")),
    };
    let (parts, body) = request.into_parts();
    Ok(Admitted { operation, caller, parts, body })
}

/// Who calls, found once: what comes later takes it from the request.
async fn caller(api: &Api, request: &mut Request) -> Result<Caller, ApiError> {
    let caller: Caller = request.extract_parts_with_state(api).await?;
    request.extensions_mut().insert(caller.clone());
    Ok(caller)
}

impl Admitted {
    async fn answer(self, api: &Api, next: Next) -> Response {
        let Self { operation, caller, parts, body } = self;
        if operation.method.is_safe() {
            return next.run(Request::from_parts(parts, body)).await;
        }
        let body = match read(&operation, &parts, body).await {
            Ok(body) => body,
            Err(error) => return error.into_response(),
        };
        match caller.filter(|_| operation.honours_key()) {
            Some(caller) => idempotency::answer_once(api, &caller, &operation, parts, body, next).await,
            None => next.run(Request::from_parts(parts, Body::from(body))).await,
        }
    }
}

/// The whole body, if it is not too long and of the type that is asked for.
pub(crate) async fn read(operation: &Operation, parts: &Parts, body: Body) -> Result<Bytes, ApiError> {
    let body = to_bytes(body, operation.body_limit).await.map_err(|_| {
        let most = operation.body_limit / 1024;
        ApiError::refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("a body here is at most {most} KiB"),
        )
    })?;
    let given = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !body.is_empty() && !given.is_some_and(|given| operation.accepts(given)) {
        return Err(ApiError::refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("send the body as {}", operation.consumes.join(", ")),
        ));
    }
    Ok(body)
}
