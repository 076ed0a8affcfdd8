//! `/scim/v2`: an identity provider keeps people and groups (RFC 7643, RFC 7644). A person is a row of
//! `sso_user_mappings` with a membership; a group is a team role that is flagged so. Errors and lists have the forms of
//! SCIM, not those of the management API.

mod answer;
mod bulk;
mod caller;
mod discovery;
mod groups;
mod list;
mod users;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::{HeaderMap, Method},
    middleware,
    response::Response,
    routing::{any, get, post},
};
use botbuilder_sso::scim::{error::Error as ScimError, schema::Resource};
use bytes::Bytes;
use uuid::Uuid;

use self::{answer::Refused, caller::Provisioner};
use crate::{Api, request_id};

/// The longest body.
const BODY_LIMIT: usize = 1024 * 1024;

/// The router of these addresses.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/scim/v2/Users", any(users_all))
        .route("/scim/v2/Users/.search", post(users_search))
        .route("/scim/v2/Users/{id}", any(users_one))
        .route("/scim/v2/Groups", any(groups_all))
        .route("/scim/v2/Groups/.search", post(groups_search))
        .route("/scim/v2/Groups/{id}", any(groups_one))
        .route("/scim/v2/.search", post(search))
        .route("/scim/v2/Bulk", post(bulk::run))
        .route("/scim/v2/ServiceProviderConfig", get(discovery::provider))
        .route("/scim/v2/ResourceTypes", get(discovery::resource_types))
        .route("/scim/v2/ResourceTypes/{name}", get(discovery::resource_type))
        .route("/scim/v2/Schemas", get(discovery::schemas))
        .route("/scim/v2/Schemas/{id}", get(discovery::schema))
        .route("/scim/v2/{*rest}", any(nothing))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(api.clone(), request_id::set))
        .with_state(api)
}

async fn nothing(_: Provisioner) -> Refused {
    ScimError::status(404, "there is no such address").into()
}

type Answered = Result<Response, Refused>;

async fn users_all(
    State(api): State<Api>,
    by: Provisioner,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answered {
    all(&api, &by, Resource::User, &method, query.as_deref(), &body).await
}

async fn groups_all(
    State(api): State<Api>,
    by: Provisioner,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answered {
    all(&api, &by, Resource::Group, &method, query.as_deref(), &body).await
}

/// Over people and groups.
async fn search(State(api): State<Api>, by: Provisioner, body: Bytes) -> Answered {
    list::answer(&api, &by, &Resource::ALL, &list::Query::of_body(&body)?).await
}

async fn users_search(State(api): State<Api>, by: Provisioner, body: Bytes) -> Answered {
    list::answer(&api, &by, &[Resource::User], &list::Query::of_body(&body)?).await
}

async fn groups_search(State(api): State<Api>, by: Provisioner, body: Bytes) -> Answered {
    list::answer(&api, &by, &[Resource::Group], &list::Query::of_body(&body)?).await
}

async fn all(
    api: &Api,
    by: &Provisioner,
    resource: Resource,
    method: &Method,
    query: Option<&str>,
    body: &[u8],
) -> Answered {
    match *method {
        Method::GET => list::answer(api, by, &[resource], &list::Query::of_address(query)).await,
        Method::POST => {
            let made = change(api, by, resource, &Method::POST, None, None, body).await?;
            made.shown(by, list::Query::of_address(query).projection()?)
        }
        _ => Err(ScimError::status(405, "this address has no such method").into()),
    }
}

async fn users_one(
    State(api): State<Api>,
    by: Provisioner,
    method: Method,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    one(&api, &by, Resource::User, &method, &id, query.as_deref(), &headers, &body).await
}

async fn groups_one(
    State(api): State<Api>,
    by: Provisioner,
    method: Method,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    one(&api, &by, Resource::Group, &method, &id, query.as_deref(), &headers, &body).await
}

#[expect(clippy::too_many_arguments, reason = "the parts of a request, taken apart by the extractors")]
async fn one(
    api: &Api,
    by: &Provisioner,
    resource: Resource,
    method: &Method,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Answered {
    let id: Uuid = id.parse().map_err(|_| ScimError::status(404, "there is no such resource"))?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let projection = list::Query::of_address(query).projection()?;
    if *method == Method::GET {
        let found = read(api, by, resource, id).await?;
        return if text("if-none-match").is_some_and(|tag| found.has_tag(tag)) {
            Ok(found.unchanged())
        } else {
            found.shown(by, projection)
        };
    }
    change(api, by, resource, method, Some(id), text("if-match"), body).await?.shown(by, projection)
}

/// One resource.
async fn read(api: &Api, by: &Provisioner, resource: Resource, id: Uuid) -> Result<answer::Shown, Refused> {
    let mut tx = api.store.begin_auth().await?;
    let found = match resource {
        Resource::User => users::read(&mut tx, by, id).await?,
        Resource::Group => groups::read(&mut tx, by, id).await?,
    };
    tx.commit().await?;
    found.ok_or_else(|| ScimError::status(404, "there is no such resource").into())
}

/// Makes, replaces, changes or deletes a resource, in a transaction of its own.
async fn change(
    api: &Api,
    by: &Provisioner,
    resource: Resource,
    method: &Method,
    id: Option<Uuid>,
    if_match: Option<&str>,
    body: &[u8],
) -> Result<answer::Done, Refused> {
    let change = match (method, id) {
        (&Method::POST, None) => answer::Change::Create(answer::object(body)?),
        (&Method::PUT, Some(id)) => answer::Change::Replace(id, answer::object(body)?),
        (&Method::PATCH, Some(id)) => answer::Change::Patch(id, answer::patch(body)?),
        (&Method::DELETE, Some(id)) => answer::Change::Delete(id),
        _ => return Err(ScimError::status(405, "this address has no such method").into()),
    };
    match resource {
        Resource::User => users::change(api, by, change, if_match).await,
        Resource::Group => groups::change(api, by, change, if_match).await,
    }
}
