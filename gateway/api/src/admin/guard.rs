//! What stands in front of every route of staff: the network, the session, the role, the second factor, and the entry in
//! the audit log of what is only read or is refused. What is changed, the handler notes in its own transaction.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    identity::opaque,
    platform::{
        admin_audit_log::{self, Act},
        admin_ip_whitelist::{self, Listed},
        admin_sessions::{self, Staff},
    },
};
use chrono::TimeDelta;
use serde_json::json;

use super::{
    Need,
    desk::{Desk, origin},
};
use crate::{
    Api,
    auth::Client,
    error::ApiError,
    guard::read,
    routes::{Access, Operation, Table},
};

/// Begins the token of a session of staff.
pub(super) const PREFIX: &str = "bba_";
/// A session that is not used this long is over.
pub(super) const IDLE: TimeDelta = TimeDelta::minutes(30);
/// How often it is noted that a session was used.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// What the guard works with.
#[derive(Clone)]
pub(crate) struct StaffGuard {
    pub(crate) api: Api,
    pub(crate) table: Arc<Table>,
}

impl StaffGuard {
    pub(crate) async fn stand(State(guard): State<Self>, request: Request, next: Next) -> Response {
        match guard.admit(request).await {
            Ok(request) => next.run(request).await,
            Err(error) => error.into_response(),
        }
    }

    async fn admit(&self, request: Request) -> Result<Request, ApiError> {
        let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
        let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        let operation = path
            .and_then(|path| self.table.get(&(method, path)))
            .map(Arc::clone)
            .ok_or_else(|| ApiError::defect("a route without an entry in the table"))?;
        let (mut parts, body) = request.into_parts();
        let client = Client::of(&parts);
        match operation.access {
            // Signing in looks at the network itself, because it writes every attempt down.
            Access::Public if operation.method != Method::GET => {}
            Access::Public => check_network(&self.api, &client).await?,
            Access::Staff(need) => {
                check_network(&self.api, &client).await?;
                let token = parts
                    .headers
                    .get(header::AUTHORIZATION)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|value| opaque::presented(PREFIX, value.strip_prefix("Bearer ")?));
                let staff = self.staff(token.ok_or(ApiError::Unauthenticated)?, &client).await?;
                let desk = Desk { staff, client };
                self.check(&operation, need, &desk, parts.uri.path(), parts.uri.query()).await?;
                parts.extensions.insert(desk);
            }
            Access::Account | Access::Caller | Access::Permission(_) => {
                return Err(ApiError::defect("a tenant's route among those of staff"));
            }
        }
        let body =
            if parts.method.is_safe() { body } else { Body::from(read(&operation, &parts, body).await?) };
        Ok(Request::from_parts(parts, body))
    }

    /// Whose session this is. Shown from another address than the one it was opened at, it is over.
    async fn staff(&self, token: opaque::Hash, client: &Client) -> Result<Staff, ApiError> {
        let now = self.api.clock.now();
        let mut tx = self.api.store.begin_admin().await?;
        let staff = admin_sessions::authenticate(&mut tx, &token, now - IDLE, now).await?;
        let staff = staff.ok_or(ApiError::Unauthenticated)?;
        if client.ip_text().as_ref() != Some(&staff.ip) {
            admin_sessions::revoke(&mut tx, staff.session, "ip_change", now).await?;
            let act = Act::new("session.moved").denied();
            admin_audit_log::append(&mut tx, self.api.ids.next(), &staff, &origin(client), act).await?;
            tx.commit().await?;
            return Err(ApiError::Unauthenticated);
        }
        if staff.last_seen_at + NOTED_EVERY <= now {
            admin_sessions::seen(&mut tx, staff.session, now).await?;
        }
        tx.commit().await?;
        Ok(staff)
    }

    async fn check(
        &self,
        operation: &Operation,
        need: Need,
        desk: &Desk,
        path: &str,
        query: Option<&str>,
    ) -> Result<(), ApiError> {
        let now = self.api.clock.now();
        let is_elevated = desk.staff.elevated_until.is_some_and(|until| until > now);
        let refusal = match need {
            Need::Superadmin if desk.staff.role != "superadmin" => Some(ApiError::refused(
                StatusCode::FORBIDDEN,
                "forbidden",
                "this is for staff who may do everything",
            )),
            Need::Superadmin | Need::Elevated if !is_elevated => Some(ApiError::refused(
                StatusCode::FORBIDDEN,
                "elevation_required",
                "show your second factor again at /admin/v1/auth/elevate, then repeat this",
            )),
            _ => None,
        };
        if refusal.is_none() && !operation.method.is_safe() {
            return Ok(());
        }
        let act = Act::new(if operation.method.is_safe() { "surface.read" } else { "surface.change" })
            .saying(json!({ "method": operation.method.as_str(), "path": path, "query": query }));
        let act = if refusal.is_some() { act.denied() } else { act };
        let mut tx = self.api.store.begin_admin().await?;
        desk.note(&self.api, &mut tx, act).await?;
        tx.commit().await?;
        refusal.map_or(Ok(()), Err)
    }
}

/// Whether the surface may be reached from there. While no network is listed, only from this machine.
pub(super) async fn may_reach(api: &Api, client: &Client) -> Result<bool, ApiError> {
    let Some(ip) = client.ip else { return Ok(false) };
    let mut tx = api.store.begin_admin().await?;
    let listed = admin_ip_whitelist::listed(&mut tx, &ip.to_string(), api.clock.now()).await?;
    tx.commit().await?;
    Ok(match listed {
        Listed::Empty => ip.is_loopback(),
        Listed::Yes => true,
        Listed::No => false,
    })
}

/// Whoever is elsewhere does not learn that there is anything here.
async fn check_network(api: &Api, client: &Client) -> Result<(), ApiError> {
    if may_reach(api, client).await? { Ok(()) } else { Err(ApiError::NotFound) }
}
