//! `/v1/invitations`: offers to join, by mail.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::{BotId, Secret};
use botbuilder_store::{
    Error, OrgScope, Tx,
    audit::audit_logs::{self, Act},
    identity::{
        opaque::{self, Opaque},
        user_sessions, users,
    },
    integrations::email_notifications::Category,
    tenancy::{
        organization_members, organizations, roles,
        team_invitations::{self, Invitation, MOST_RESENT, New},
        team_members, team_roles,
    },
};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    branding,
    members::{OWNER, paging_with_status},
    within,
};
use crate::{
    Api,
    auth::{Account, Caller, Client},
    billing::limits,
    error::ApiError,
    events::{self, By},
    identity::{
        mail::{self, Matter, To},
        sign_in::{bad_link, check_email},
    },
    input::{Body, Id, page},
    permission::{Area, delete, read, write},
    routes::{Access, Operation, Routes},
    shape,
};

const PREFIX: &str = "bbi_";
/// How long an invitation stands.
const GOOD_FOR: TimeDelta = TimeDelta::days(7);
const STATES: [&str; 5] = ["pending", "accepted", "declined", "revoked", "expired"];

/// The routes of invitations.
pub fn routes() -> Routes {
    let area = Area::Member;
    let status = json!({ "type": "string", "enum": STATES });
    let token = || shape::object(&[("token", "string")]);
    Routes::new()
        .add(
            Operation::get("/v1/invitations", read(area), "who was invited").lists(Value::Null).with_query(
                "filter[status]",
                status,
                "only those in this state",
            ),
            list,
        )
        .add(
            Operation::post("/v1/invitations", write(area), "invites somebody by mail").answers(201).takes(
                shape::object(&[
                    ("email", "email"),
                    ("role", "string?"),
                    ("team_role_id", "uuid?null"),
                    ("bot_id", "uuid?null"),
                    ("message", "string?"),
                ]),
            ),
            create,
        )
        .add(Operation::get("/v1/invitations/{id}", read(area), "one invitation"), get)
        .add(Operation::delete("/v1/invitations/{id}", delete(area), "takes one back"), revoke)
        .add(
            Operation::post("/v1/invitations/{id}/revoke", delete(area), "takes one back").answers(204),
            revoke,
        )
        .add(
            Operation::post("/v1/invitations/{id}/resend", write(area), "sends one again, with another link"),
            resend,
        )
        .add(
            Operation::post("/v1/invitations/accept", Access::Account, "joins, with the link of the mail")
                .takes(token()),
            accept,
        )
        .add(
            Operation::post("/v1/invitations/decline", Access::Public, "does not join")
                .answers(204)
                .takes(token()),
            decline,
        )
}

async fn list(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (piece, status) = paging_with_status(&parts, &STATES)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let now = api.clock.now();
    let rows = team_invitations::list(&mut tx, &caller.scope, status.as_deref(), &piece, now).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn found(api: &Api, tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Invitation, ApiError> {
    team_invitations::get(tx, &caller.scope, id, api.clock.now()).await?.ok_or(ApiError::NotFound)
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let invitation = found(&api, &mut tx, &caller, id).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": invitation })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    email: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    team_role_id: Option<Uuid>,
    #[serde(default)]
    bot_id: Option<Uuid>,
    #[serde(default)]
    message: Option<String>,
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::Conflict { constraint } if constraint == "uq_team_invitations_2" => {
            ApiError::conflict("taken", "an invitation for this address is pending").about("email")
        }
        Error::Conflict { constraint } if constraint == "fk_team_invitations_bot_id" => {
            ApiError::invalid("bot_id", "there is no such bot")
        }
        other => other.into(),
    }
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<Create>,
) -> Result<Response, ApiError> {
    caller.require_verified()?;
    check_email("email", &body.email)?;
    if body.message.as_ref().is_some_and(|message| message.chars().count() > 1000) {
        return Err(ApiError::invalid("message", "must have at most 1000 characters"));
    }
    if body.bot_id.is_some() && body.team_role_id.is_none() {
        return Err(ApiError::invalid("bot_id", "needs a team_role_id: it says where that role holds"));
    }
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let organization = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    check_domain(&organization.settings, &body.email)?;
    let role = roles::by_code(&mut tx, body.role.as_deref().unwrap_or("member")).await?;
    let role = role.ok_or_else(|| ApiError::invalid("role", "must be owner, admin, member or viewer"))?;
    within(&caller, &role.permissions(), None)?;
    let is_owner = role.code == OWNER;
    if is_owner {
        caller.require_fresh(now)?;
    }
    if let Some(id) = body.team_role_id {
        let granted = team_roles::get(&mut tx, &caller.scope, id).await?;
        let granted = granted.ok_or_else(|| ApiError::invalid("team_role_id", "there is no such role"))?;
        within(&caller, &granted.permissions(), body.bot_id.map(BotId::from))?;
    }
    if organization_members::has_email(&mut tx, &caller.scope, &body.email).await? {
        return Err(ApiError::conflict("member", "this person is a member already").about("email"));
    }
    if !organizations::can_create(&mut tx, &caller.scope, "seats").await? {
        return Err(limits::reached("seats"));
    }
    let token = Opaque::generate(PREFIX).map_err(Error::from)?;
    let new = New {
        id: api.ids.next(),
        email: &body.email,
        role: role.id,
        team_role: body.team_role_id,
        bot: body.bot_id,
        message: body.message.as_deref(),
        hash: token.hash,
        invited_by: caller.user(),
        expires_at: now + GOOD_FOR,
    };
    team_invitations::insert(&mut tx, &caller.scope, &new, now).await.map_err(refused)?;
    let made = found(&api, &mut tx, &caller, new.id).await?;
    send(&api, &mut tx, &caller, &made, &organization, &token).await?;
    if is_owner {
        mail::to_administrators(&api, &mut tx, &caller, Matter::OwnerAdded).await?;
    }
    caller
        .audit(&api, &mut tx, Act::new("member.invite", "invitation", Some(new.id)).new_values(&made))
        .await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": made }))).into_response())
}

/// Whether the organization lets people of this domain in.
fn check_domain(settings: &Value, email: &str) -> Result<(), ApiError> {
    let domain = email.rsplit('@').next().unwrap_or_default();
    let Some(domains) = settings["allowed_email_domains"].as_array().filter(|domains| !domains.is_empty())
    else {
        return Ok(());
    };
    if domains.iter().filter_map(Value::as_str).any(|known| known.eq_ignore_ascii_case(domain)) {
        return Ok(());
    }
    Err(ApiError::invalid("email", "the organization invites addresses of certain domains only"))
}

async fn send(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    invitation: &Invitation,
    organization: &organizations::Organization,
    token: &Opaque,
) -> Result<(), ApiError> {
    let sender = branding::sender(api, tx, caller).await?;
    let to = To {
        user: None,
        org: Some(caller.scope.org()),
        email: &invitation.email,
        locale: &organization.default_locale,
        from: sender.as_ref().map(|sender| sender.address.as_str()),
    };
    let variables = json!({
        "from_name": sender.as_ref().and_then(|sender| sender.name.as_deref()),
        "organization": organization.name,
        "message": invitation.message,
        "role": invitation.role,
        "days": GOOD_FOR.num_days(),
    });
    mail::queue(api, tx, to, ("invitation", Category::Team), variables, Some(token)).await
}

async fn resend(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    caller.require_verified()?;
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&api, &mut tx, &caller, id).await?;
    let organization = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    let token = Opaque::generate(PREFIX).map_err(Error::from)?;
    if !team_invitations::resend(&mut tx, &caller.scope, id, &token.hash, now + GOOD_FOR, now).await? {
        return Err(if before.send_count >= MOST_RESENT {
            ApiError::conflict("sent_often", "it was sent five times again: make another")
        } else {
            ApiError::conflict("not_pending", format!("the invitation is {}", before.status))
        });
    }
    let after = found(&api, &mut tx, &caller, id).await?;
    send(&api, &mut tx, &caller, &after, &organization, &token).await?;
    caller.audit(&api, &mut tx, Act::new("member.invite.resend", "invitation", Some(id))).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": after })))
}

async fn revoke(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&api, &mut tx, &caller, id).await?;
    if !team_invitations::revoke(&mut tx, &caller.scope, id).await? {
        return Err(ApiError::conflict("not_pending", format!("the invitation is {}", before.status)));
    }
    caller.audit(&api, &mut tx, Act::new("member.invite.revoke", "invitation", Some(id))).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    token: Secret<String>,
}

/// Joins. The address must be the one that was invited: a link that went astray lets nobody in.
async fn accept(
    State(api): State<Api>,
    account: Account,
    Body(body): Body<Answer>,
) -> Result<Json<Value>, ApiError> {
    let presented = opaque::presented(PREFIX, body.token.expose()).ok_or_else(bad_link)?;
    let now = api.clock.now();
    let (user, holder) = (account.user(), &account.holder);
    let mut tx = api.store.begin_auth().await?;
    let offer = team_invitations::find(&mut tx, &presented, now).await?.ok_or_else(bad_link)?;
    if !offer.email.eq_ignore_ascii_case(&holder.email) {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "wrong_address",
            "this invitation is for another address: sign in with that one",
        ));
    }
    let scope = OrgScope::of_service(offer.org);
    let is_member = organization_members::of_user(&mut tx, &scope, user).await?.is_some();
    if is_member {
        return Err(ApiError::conflict("member", "you are a member already"));
    }
    if !organizations::can_create(&mut tx, &scope, "members").await? {
        return Err(limits::reached("seats"));
    }
    let member =
        organization_members::join(&mut tx, &scope, api.ids.next(), user, offer.role, offer.invited_by, now)
            .await?;
    if let Some(team_role) = offer.team_role {
        let new = team_members::New {
            id: api.ids.next(),
            member,
            team_role,
            bot: offer.bot,
            granted_by: offer.invited_by,
            expires_at: None,
        };
        team_members::insert(&mut tx, &scope, &new).await?;
    }
    team_invitations::answer(&mut tx, offer.id, Some(user), now).await?;
    // The mail arrived, so the address is theirs.
    users::verify_email(&mut tx, user, now).await?;
    if holder.standing.is_none() {
        user_sessions::switch(&mut tx, holder.session, user, offer.org.uuid()).await?;
    }
    let act = Act::new("member.join", "member", Some(member)).metadata(json!({ "invitation_id": offer.id }));
    let actor = account.client.person(holder);
    let by = By { user: Some(user), source: "ui", request: account.client.request };
    events::tell(&api, &mut tx, &scope, &by, &act).await?;
    audit_logs::append(&mut tx, Some(offer.org), api.ids.next(), &actor, act).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "organization_id": offer.org, "member_id": member } })))
}

async fn decline(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Answer>,
) -> Result<Response, ApiError> {
    let presented = opaque::presented(PREFIX, body.token.expose()).ok_or_else(bad_link)?;
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let offer = team_invitations::find(&mut tx, &presented, now).await?.ok_or_else(bad_link)?;
    team_invitations::answer(&mut tx, offer.id, None, now).await?;
    let act = Act::new("member.invite.decline", "invitation", Some(offer.id));
    audit_logs::append(&mut tx, Some(offer.org), api.ids.next(), &client.nobody(), act).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
