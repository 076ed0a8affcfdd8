//! `/sso`: where browsers begin to sign in, come back, and sign out. Not part of the management API: answers are
//! redirects.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Query, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use botbuilder_sso::oidc::request;
use botbuilder_store::{
    audit::audit_logs::Act,
    identity::user_sessions::{self, Ended, OfProvider},
    sso::{
        attempts::{self, Attempt},
        connections,
    },
};
use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    entry::{self, Failure},
    log_out, oidc, saml,
    started::{PATIENCE, Started, path_of_ours},
};
use crate::{
    Api,
    auth::{Account, Client},
    error::ApiError,
    identity::session,
    request_id,
};

/// The longest answer that is posted.
const BODY_LIMIT: usize = 1024 * 1024;

/// The router of these addresses.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/sso/login/{domain}", get(login))
        .route(oidc::CALLBACK, get(oidc_callback))
        .route("/sso/saml/{id}/acs", post(saml_answer))
        .route("/sso/saml/{id}/slo", get(saml_log_out))
        .route("/sso/saml/{id}/metadata", get(saml_metadata))
        .route("/sso/logout", post(logout))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(api.clone(), request_id::set))
        .with_state(api)
}

#[derive(Deserialize)]
struct Begin {
    #[serde(default)]
    return_to: Option<String>,
    #[serde(default)]
    login_hint: Option<String>,
}

/// Begins a sign-in: of a proved domain, or of a connection by its id, which works while it is being tested too.
async fn login(
    State(api): State<Api>,
    client: Client,
    Path(domain): Path<String>,
    Query(begin): Query<Begin>,
) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let id = match domain.parse::<Uuid>() {
        Ok(id) => Some(id),
        Err(_) => connections::of_domain(&mut tx, &domain).await?.map(|found| found.id),
    };
    let Some(id) = id else { return Err(ApiError::NotFound) };
    let connection = connections::get(&mut tx, id).await?;
    tx.commit().await?;
    let usable = connection.filter(|found| matches!(found.status.as_str(), "enabled" | "testing"));
    let connection = usable.ok_or(ApiError::NotFound)?;
    let until = now + PATIENCE;
    let id = connection.id;
    let return_to = path_of_ours(begin.return_to.as_deref());
    let begun = if connection.protocol == "saml" {
        // The provider's page posts the answer, and cookies come along with that only if they say so.
        saml::begin(&api, &connection).await.and_then(|(url, kept)| {
            let state = oidc::hash(&kept.id);
            let started = Started { connection: id, return_to, until, kept };
            Ok((url, state, started.cookie(&api, "None")?))
        })
    } else {
        let hint = begin.login_hint.filter(|hint| hint.len() <= 254);
        oidc::begin(&api, &connection, hint.as_deref()).await.and_then(|(url, kept)| {
            let state = oidc::hash(&kept.state);
            let started = Started { connection: id, return_to, until, kept };
            Ok((url, state, started.cookie(&api, "Lax")?))
        })
    };
    let (url, state, cookie) = match begun {
        Ok(begun) => begun,
        Err(failure) => return Err(entry::refuse(&api, &connection, None, failure, &client).await),
    };
    let ip = client.ip_text();
    let attempt = Attempt {
        stage: "started",
        outcome: "pending",
        failure: "none",
        state: Some(&state),
        ip: ip.as_deref(),
        user_agent: client.user_agent.as_deref(),
        ..Attempt::default()
    };
    let mut tx = api.store.begin_auth().await?;
    attempts::append(&mut tx, &connection, api.ids.next(), &attempt).await?;
    tx.commit().await?;
    let headers = [
        (header::LOCATION, url.as_str().parse().map_err(ApiError::defect)?),
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, header::HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

async fn oidc_callback(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
    Query(answer): Query<oidc::Answer>,
) -> Result<Response, ApiError> {
    oidc::finish(&api, &headers, answer, &client).await
}

/// The provider's page posts its answer.
async fn saml_answer(
    State(api): State<Api>,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let id = id.parse().map_err(|_| ApiError::NotFound)?;
    let mut fields = url::form_urlencoded::parse(&body);
    let answer = fields.find(|(name, _)| name == "SAMLResponse").map(|(_, value)| value);
    let answer = answer.ok_or_else(|| ApiError::invalid("SAMLResponse", "must be there"))?;
    saml::finish(&api, id, &headers, &answer, &client).await
}

/// The browser brings what the provider asks or answers about signing out.
async fn saml_log_out(
    State(api): State<Api>,
    client: Client,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let id = id.parse().map_err(|_| ApiError::NotFound)?;
    log_out::received(&api, id, &headers, &query.unwrap_or_default(), &client).await
}

async fn saml_metadata(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = id.parse().map_err(|_| ApiError::NotFound)?;
    let document = saml::document(&api, id).await?.ok_or(ApiError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "application/samlmetadata+xml")], document).into_response())
}

/// Ends the session here, and sends the browser to end the one at the provider.
async fn logout(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let (user, id) = (account.user(), account.holder.session);
    let mut tx = api.store.begin_auth().await?;
    let provider = user_sessions::provider_of(&mut tx, id).await?;
    user_sessions::revoke(&mut tx, user, id, Ended::Logout, api.clock.now()).await?;
    account.audit(&api, &mut tx, Act::new("auth.logout", "session", Some(id))).await?;
    tx.commit().await?;
    let mut response = session::gone();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = match provider {
        Some(provider) => there_too(&api, &provider).await,
        None => None,
    };
    let (to, cookie) = to.unwrap_or_else(|| ("/".to_owned(), None));
    response.headers_mut().insert(header::LOCATION, to.parse().map_err(ApiError::defect)?);
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Where the session at the provider is ended, and a cookie that waits for its answer; none where that is not possible,
/// which ours does not wait for.
async fn there_too(api: &Api, provider: &OfProvider) -> Option<(String, Option<header::HeaderValue>)> {
    let found: Result<_, Failure> = async {
        let mut tx = api.store.begin_auth().await?;
        let connection = connections::get(&mut tx, provider.connection).await?;
        tx.commit().await?;
        if let Some(connection) = connection.as_ref().filter(|found| found.protocol == "saml") {
            let asked = log_out::ask(api, connection, provider).await?;
            return Ok(asked.map(|(url, cookie)| (String::from(url), Some(cookie))));
        }
        let Some((issuer, client_id)) = connection.and_then(|found| found.issuer.zip(found.client_id)) else {
            return Ok(None);
        };
        let known = api.outside.providers.find(api.outside.http.as_ref(), &issuer, api.clock.now()).await?;
        let back = format!("{}/", api.outside.base_url);
        Ok(request::sign_out(&known.provider, &client_id, &back).map(|url| (String::from(url), None)))
    }
    .await;
    found.ok().flatten()
}
