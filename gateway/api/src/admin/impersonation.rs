//! Acting in an organization as one of its members: with a reason, for at most an hour, reading only unless the session of
//! staff is elevated. Owners and the person are told by mail, the session stands among the person's own, every answer
//! says who acts, and whatever is done stands in the organization's audit log under the name of the member of staff.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    Error, Tx,
    identity::{opaque::Opaque, user_sessions},
    integrations::email_notifications::Category,
    platform::{
        admin_audit_log::Act,
        admin_sessions::{self, Impersonation},
        organizations,
    },
};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Desk, Need, desk::scope};
use crate::{
    Api,
    auth::ACCESS_PREFIX,
    error::ApiError,
    identity::{
        mail::{self, To},
        sign_in::check_length,
    },
    input::Body,
    routes::{Operation, Routes},
    shape,
};

/// How long it lasts where nothing is said, and at most, in minutes.
const USUAL: i64 = 15;
const MOST: i64 = 60;

/// The routes of acting as somebody else.
pub(super) fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::post(
                "/admin/v1/impersonations",
                Need::Elevated,
                "acts in an organization as one of its members",
            )
            .answers(201)
            .takes(shape::object(&[
                ("organization_id", "uuid"),
                ("user_id", "uuid?"),
                ("reason", "string"),
                ("minutes", "integer?"),
            ]))
            .secret(),
            begin,
        )
        .add(
            Operation::delete(
                "/admin/v1/impersonations/current",
                Need::Staff,
                "does not act as anybody else any more",
            ),
            finish,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    organization_id: Uuid,
    /// Whom; the owner if nobody is named.
    #[serde(default)]
    user_id: Option<Uuid>,
    reason: String,
    #[serde(default)]
    minutes: Option<i64>,
}

async fn begin(State(api): State<Api>, desk: Desk, Body(body): Body<Begin>) -> Result<Response, ApiError> {
    let now = api.clock.now();
    check_length("reason", &body.reason, 300)?;
    let minutes = body.minutes.unwrap_or(USUAL);
    if !(1..=MOST).contains(&minutes) {
        return Err(ApiError::invalid("minutes", format!("must be a number from 1 to {MOST}")));
    }
    let scope = scope(body.organization_id);
    let mut tx = api.store.begin_admin().await?;
    end(&api, &mut tx, &desk).await?;
    let people = organizations::people(&mut tx, &scope, body.user_id).await?;
    if people.is_empty() {
        return Err(ApiError::NotFound);
    }
    let person = match body.user_id {
        Some(user) => people.iter().find(|person| person.user == user),
        None => people.first(),
    };
    let person =
        person.ok_or_else(|| ApiError::invalid("user_id", "is no active member of the organization"))?;
    let ends_at = (now + TimeDelta::minutes(minutes)).min(desk.staff.expires_at);
    let what = Impersonation {
        session: desk.staff.session,
        organization: body.organization_id,
        reason: body.reason.trim(),
        ends_at,
    };
    admin_sessions::impersonate(&mut tx, &what).await?;
    let token = Opaque::generate(ACCESS_PREFIX).map_err(Error::from)?;
    let session = api.ids.next();
    let label = format!("platform staff: {}", desk.staff.email);
    user_sessions::impersonate(&mut tx, session, person.user, &token.hash, &label, &what, now).await?;
    let details = json!({ "as_user": person.email, "session": session, "until": ends_at });
    let act = Act::new("impersonation.begin")
        .to("user", person.user)
        .because(Some(what.reason.to_owned()))
        .saying(details);
    desk.note_to(&api, &mut tx, &scope, act).await?;
    let variables = json!({
        "staff": desk.staff.email, "as": person.email, "reason": what.reason, "until": ends_at,
    });
    for told in &people {
        let to = To { org: Some(scope.org()), ..To::person(told.user, &told.email, &told.locale) };
        mail::queue(&api, &mut tx, to, ("staff_access", Category::Security), variables.clone(), None).await?;
    }
    tx.commit().await?;
    let data = json!({
        "session_id": session,
        "user_id": person.user,
        "access_token": token.token.expose(),
        "expires_at": ends_at,
        "may_change_until": desk.staff.elevated_until,
    });
    Ok((StatusCode::CREATED, Json(json!({ "data": data }))).into_response())
}

/// Ends what this session does as somebody else, if anything, and tells the organization.
pub(super) async fn end(api: &Api, tx: &mut Tx, desk: &Desk) -> Result<bool, ApiError> {
    let Some(organization) = desk.staff.impersonating else { return Ok(false) };
    let ended = admin_sessions::stop_impersonating(tx, desk.staff.session, api.clock.now()).await?;
    let act = Act::new("impersonation.end").saying(json!({ "sessions": ended }));
    desk.note_to(api, tx, &scope(organization), act).await?;
    Ok(true)
}

async fn finish(State(api): State<Api>, desk: Desk) -> Result<Response, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    if !end(&api, &mut tx, &desk).await? {
        return Err(ApiError::NotFound);
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
