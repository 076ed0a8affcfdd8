//! `/v1/auth`: registering and signing in. Whoever asks does not learn whether there is an account: the answers and the
//! work are the same.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use botbuilder_domain::{OrgId, Secret};
use botbuilder_store::{
    Error, OrgScope, Tx,
    audit::audit_logs::{self, Act},
    identity::{
        opaque,
        password_reset_tokens::{self, Purpose},
        users,
    },
    integrations::email_notifications::Category,
    secret::Place,
    sso::connections,
    tenancy::organizations,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    factor,
    mail::{self, To},
    passwords,
    session::{self, Device, Method},
};
use crate::{
    Api,
    auth::Client,
    error::ApiError,
    input::Body,
    routes::{Access, Operation, Routes},
    shape,
    sso::enforcement,
};

/// How long the second step of signing in may take.
const CHALLENGE: TimeDelta = TimeDelta::minutes(5);
const CHALLENGE_PREFIX: &str = "bbc_";

/// The routes of registering and signing in.
pub fn routes() -> Routes {
    let device = || json!({ "type": "object", "properties": { "label": { "type": "string" }, "cookies": { "type": "boolean" } } });
    let with_device = |fields: &[(&str, &str)]| {
        let mut schema = shape::object(fields);
        schema["properties"]["device"] = device();
        schema
    };
    Routes::new()
        .add(
            Operation::post("/v1/auth/register", Access::Public, "makes an account with an organization")
                .answers(202)
                .takes(shape::object(&[
                    ("email", "email"),
                    ("password", "password"),
                    ("name", "string"),
                    ("organization_name", "string?"),
                    ("locale", "string?"),
                    ("timezone", "string?"),
                ])),
            register,
        )
        .add(
            Operation::post("/v1/auth/login", Access::Public, "signs in with a password")
                .takes(with_device(&[("email", "email"), ("password", "string")]))
                .secret(),
            login,
        )
        .add(
            Operation::post("/v1/auth/login/2fa", Access::Public, "the second step of signing in")
                .takes(shape::object(&[
                    ("challenge", "string"),
                    ("code", "string?"),
                    ("backup_code", "string?"),
                ]))
                .secret(),
            second_step,
        )
        .add(
            Operation::post("/v1/auth/magic-link", Access::Public, "sends a link that signs in")
                .answers(202)
                .takes(shape::object(&[("email", "email")])),
            magic_link,
        )
        .add(
            Operation::post("/v1/auth/magic-link/redeem", Access::Public, "signs in with such a link")
                .takes(with_device(&[("token", "string")]))
                .secret(),
            redeem,
        )
        .add(
            Operation::post("/v1/auth/sso/discover", Access::Public, "whether an address signs in elsewhere")
                .takes(shape::object(&[("email", "email")])),
            discover,
        )
}

/// Checks an address the way the database does.
pub(crate) fn check_email(field: &'static str, email: &str) -> Result<(), ApiError> {
    let parts: Vec<&str> = email.split('@').collect();
    let is_good = parts.len() == 2
        && parts.iter().all(|part| !part.is_empty())
        && email.chars().count() <= 254
        && !email.chars().any(|character| character.is_whitespace() || character.is_control());
    if is_good { Ok(()) } else { Err(ApiError::invalid(field, "must be an e-mail address")) }
}

/// Checks the length of a text, in characters.
pub(crate) fn check_length(field: &'static str, text: &str, most: usize) -> Result<(), ApiError> {
    if (1..=most).contains(&text.trim().chars().count()) && text.chars().count() <= most {
        return Ok(());
    }
    Err(ApiError::invalid(field, format!("must have 1 to {most} characters")))
}

/// Checks a password that somebody chooses.
pub(crate) fn check_password(field: &'static str, password: &str, personal: &[&str]) -> Result<(), ApiError> {
    passwords::check(password, personal).map_err(|weak| ApiError::invalid(field, weak.sentence()))
}

/// The answer to everything that only sends a mail.
pub(crate) fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "data": { "next": "look_into_your_mail" } }))).into_response()
}

/// Counts a request for a mail, whoever asks and whether there is such an account.
pub(crate) fn count_mail(api: &Api, email: &str, client: &Client) -> Result<(), ApiError> {
    let key = format!("mail to {email}");
    api.identity.throttle.begin(&key, client.ip, api.clock.now()).map_err(factor::wait)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Register {
    email: String,
    password: Secret<String>,
    name: String,
    #[serde(default)]
    organization_name: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    timezone: Option<String>,
}

async fn register(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Register>,
) -> Result<Response, ApiError> {
    check_email("email", &body.email)?;
    check_length("name", &body.name, 120)?;
    let locale = body.locale.unwrap_or_else(|| "en".to_owned());
    check_length("locale", &locale, 16)?;
    let timezone = body.timezone.unwrap_or_else(|| "UTC".to_owned());
    check_length("timezone", &timezone, 64)?;
    let organization = body.organization_name.unwrap_or_else(|| body.name.clone());
    check_length("organization_name", &organization, 160)?;
    check_password("password", body.password.expose(), &[&body.email, &body.name, &organization])?;
    count_mail(&api, &body.email, &client)?;

    let password_hash = api.identity.passwords.hash(body.password).await?;
    let new = users::New {
        id: api.ids.next(),
        email: body.email,
        name: body.name,
        password_hash,
        locale,
        timezone,
    };
    let mut tx = api.store.begin_auth().await?;
    if let Some(account) = users::credentials(&mut tx, &new.email, None).await? {
        // Whoever owns the address is told, and only they.
        let what = ("account_exists", Category::Account);
        mail::queue(&api, &mut tx, To::from(&account), what, json!({ "name": account.name }), None).await?;
        tx.commit().await?;
        return Ok(accepted());
    }
    match create(&api, &mut tx, &new, &organization, &client).await {
        Ok(()) => tx.commit().await?,
        // Somebody registers the same address at the same moment: their mail is on its way.
        Err(RegisterError::Taken) => {}
        Err(RegisterError::Other(error)) => return Err(error),
    }
    Ok(accepted())
}

enum RegisterError {
    Taken,
    Other(ApiError),
}

impl<E: Into<ApiError>> From<E> for RegisterError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

async fn create(
    api: &Api,
    tx: &mut Tx,
    new: &users::New,
    organization: &str,
    client: &Client,
) -> Result<(), RegisterError> {
    let now = api.clock.now();
    match users::register(tx, new, now).await {
        Err(Error::Conflict { constraint }) if constraint == "uq_users_1" => {
            return Err(RegisterError::Taken);
        }
        other => other?,
    }
    let org = found(api, tx, organization, None, new.id).await?;
    let account = users::credentials_of(tx, new.id, None).await?.ok_or(ApiError::NotFound)?;
    mail::link(api, tx, &account, Purpose::EmailVerification, None, client).await?;
    let act = Act::new("auth.register", "user", Some(new.id)).new_values(json!({ "name": new.name }));
    audit_logs::append(tx, Some(org), api.ids.next(), &client.account(new.id, &new.email), act).await?;
    Ok(())
}

/// Founds an organization with its owner and the free plan.
pub(crate) async fn found(
    api: &Api,
    tx: &mut Tx,
    name: &str,
    slug: Option<String>,
    owner: Uuid,
) -> Result<OrgId, ApiError> {
    let id = api.ids.next();
    let org = OrgId::new(id);
    let scope = OrgScope::of_service(org);
    let slug = slug.unwrap_or_else(|| slug_of(name, id));
    let new = organizations::New { id: org, name: name.to_owned(), slug, owner };
    organizations::insert(tx, &scope, &new, &api.root).await?;
    organizations::subscribe(tx, &scope, api.ids.next(), owner, "free", api.clock.now()).await?;
    Ok(org)
}

/// A short name for addresses: the letters and digits of the name, and enough of the id to be the only one.
fn slug_of(name: &str, id: Uuid) -> String {
    let words: Vec<String> = name
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let text = words.join("-");
    let start = text.get(..40).unwrap_or(&text).trim_end_matches('-');
    let end = id.simple().to_string();
    let end = &end[end.len() - 12..];
    if start.is_empty() { end.to_owned() } else { format!("{start}-{end}") }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    password: Secret<String>,
    #[serde(default)]
    device: Device,
}

async fn login(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Login>,
) -> Result<Response, ApiError> {
    check_email("email", &body.email)?;
    body.device.check()?;
    api.identity.throttle.begin(&body.email, client.ip, api.clock.now()).map_err(factor::wait)?;
    let mut tx = api.store.begin_auth().await?;
    let account = users::credentials(&mut tx, &body.email, None).await?;
    tx.commit().await?;
    if let Some(account) = &account {
        factor::count(&api, account.id, &client).await?;
    }
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let compared = api.identity.passwords.compare(body.password.clone(), hash).await?;
    let Some(account) = account else { return Err(factor::wrong()) };
    if !compared.right || account.status != "active" {
        factor::failed(&api, account.id, &account.email, "auth.login", &client).await?;
        return Err(factor::wrong());
    }
    if compared.outdated {
        let hash = api.identity.passwords.hash(body.password).await?;
        let mut tx = api.store.begin_auth().await?;
        users::set_password(&mut tx, account.id, &hash, None).await?;
        tx.commit().await?;
    }
    enter(&api, &account, "password", body.device, &client).await
}

/// Opens a session, or asks for the second factor.
async fn enter(
    api: &Api,
    account: &users::Credentials,
    method: &str,
    device: Device,
    client: &Client,
) -> Result<Response, ApiError> {
    let now = api.clock.now();
    enforcement::check(api, account, client).await?;
    if account.two_factor {
        let challenge =
            Challenge { user: account.id, method: method.to_owned(), until: now + CHALLENGE, device };
        let data = json!({
            "two_factor_required": true,
            "challenge": challenge.seal(api)?,
            "expires_at": challenge.until,
            "methods": ["code", "backup_code"],
        });
        return Ok(Json(json!({ "data": data })).into_response());
    }
    api.identity.throttle.succeed(&account.email, client.ip, now);
    let mut tx = api.store.begin_auth().await?;
    let method = Method::of_ours(method, false);
    let response = session::open(api, &mut tx, account.id, &account.email, method, &device, client).await?;
    tx.commit().await?;
    Ok(response)
}

/// The first step is done. Sealed, so that nobody else can say so.
#[derive(Serialize, Deserialize)]
struct Challenge {
    user: Uuid,
    method: String,
    until: DateTime<Utc>,
    device: Device,
}

impl Challenge {
    const PLACE: Place = Place { table: "user_sessions", column: "challenge", row: Uuid::nil() };

    fn seal(&self, api: &Api) -> Result<String, ApiError> {
        let text = serde_json::to_vec(self).map_err(ApiError::defect)?;
        let sealed = api.identity.keys.seal(Self::PLACE, &text).map_err(Error::from)?;
        Ok(format!("{CHALLENGE_PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed.ciphertext)))
    }

    fn open(api: &Api, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(CHALLENGE_PREFIX)?).ok()?;
        let opened = api.identity.keys.open(Self::PLACE, &bytes, "p1").ok()?;
        let challenge: Self = serde_json::from_slice(opened.expose()).ok()?;
        (challenge.until > api.clock.now()).then_some(challenge)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondStep {
    challenge: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    backup_code: Option<Secret<String>>,
}

async fn second_step(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<SecondStep>,
) -> Result<Response, ApiError> {
    let challenge = Challenge::open(&api, &body.challenge).ok_or_else(factor::wrong)?;
    let mut tx = api.store.begin_auth().await?;
    let account = users::credentials_of(&mut tx, challenge.user, None).await?.ok_or_else(factor::wrong)?;
    tx.commit().await?;
    let shown = factor::Shown { code: body.code, backup_code: body.backup_code };
    factor::prove(&api, account.id, &account.email, &shown, &client).await?;
    if account.status != "active" {
        return Err(factor::wrong());
    }
    let mut tx = api.store.begin_auth().await?;
    let method = Method::of_ours(&challenge.method, true);
    let response =
        session::open(&api, &mut tx, account.id, &account.email, method, &challenge.device, &client).await?;
    tx.commit().await?;
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    email: String,
}

async fn magic_link(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Address>,
) -> Result<Response, ApiError> {
    check_email("email", &body.email)?;
    count_mail(&api, &body.email, &client)?;
    let mut tx = api.store.begin_auth().await?;
    let account = users::credentials(&mut tx, &body.email, None).await?;
    if let Some(account) = account.filter(|account| account.status == "active") {
        mail::link(&api, &mut tx, &account, Purpose::MagicLink, None, &client).await?;
    }
    tx.commit().await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redeem {
    token: Secret<String>,
    #[serde(default)]
    device: Device,
}

/// The link stands in for the password, never for the second factor.
async fn redeem(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Redeem>,
) -> Result<Response, ApiError> {
    body.device.check()?;
    let presented = opaque::presented(mail::prefix(Purpose::MagicLink), body.token.expose());
    let presented = presented.ok_or_else(bad_link)?;
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let used = password_reset_tokens::consume(&mut tx, Purpose::MagicLink, &presented, now).await?;
    let used = used.ok_or_else(bad_link)?;
    let account = users::credentials_of(&mut tx, used.user, None).await?.ok_or_else(bad_link)?;
    if account.status != "active" {
        return Err(bad_link());
    }
    // The mail arrived, so the address is theirs.
    users::verify_email(&mut tx, account.id, now).await?;
    tx.commit().await?;
    enter(&api, &account, "magic_link", body.device, &client).await
}

/// A link that is none, is over, or was used.
pub(crate) fn bad_link() -> ApiError {
    ApiError::refused(
        StatusCode::BAD_REQUEST,
        "invalid_link",
        "this link is not good any more; ask for another",
    )
    .about("token")
}

/// Says of every address of a domain the same, whether there is such an account.
async fn discover(State(api): State<Api>, Body(body): Body<Address>) -> Result<Json<Value>, ApiError> {
    check_email("email", &body.email)?;
    let domain = body.email.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
    let mut tx = api.store.begin_auth().await?;
    let found = connections::of_domain(&mut tx, domain).await?;
    tx.commit().await?;
    let data = json!({
        "sso": found.is_some(),
        "is_enforced": found.is_some_and(|found| found.is_enforced),
        "login_url": found.map(|_| enforcement::login_url(&api, domain)),
    });
    Ok(Json(json!({ "data": data })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_one_whatever_the_name() {
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef);
        assert_eq!(slug_of("Ada's Shop!", id), "ada-s-shop-456789abcdef");
        assert_eq!(slug_of("店", id), "456789abcdef");
        let long = slug_of(&"very long name ".repeat(20), id);
        assert!(long.len() <= 63 && !long.contains("--"), "{long}");
    }

    #[test]
    fn an_address_has_two_sides_and_no_spaces() {
        for good in ["a@b", "Ada.Lovelace+x@example.org"] {
            assert!(check_email("email", good).is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(250));
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", &long] {
            assert!(check_email("email", bad).is_err(), "{bad}");
        }
    }
}
