//! What clients are told before they begin.

use axum::{extract::Path, http::StatusCode, response::Response};
use botbuilder_sso::scim::{
    error::Error as ScimError,
    schema::{self, ENTERPRISE, GROUP, Resource, USER},
};
use serde_json::{Value, json};

use super::{
    BODY_LIMIT,
    answer::{Refused, with_body},
    bulk,
    caller::Provisioner,
    list,
};

fn all(resources: &[Value]) -> Response {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    with_body(StatusCode::OK, &body)
}

fn nothing() -> Refused {
    ScimError::status(404, "there is no such resource").into()
}

pub(crate) async fn provider(by: Provisioner) -> Response {
    with_body(StatusCode::OK, &schema::provider(&by.base, bulk::MOST, BODY_LIMIT, list::MOST))
}

pub(crate) async fn resource_types(by: Provisioner) -> Response {
    all(&Resource::ALL.map(|resource| resource.document(&by.base)))
}

pub(crate) async fn resource_type(by: Provisioner, Path(name): Path<String>) -> Result<Response, Refused> {
    let found = Resource::ALL.into_iter().find(|resource| resource.name() == name).ok_or_else(nothing)?;
    Ok(with_body(StatusCode::OK, &found.document(&by.base)))
}

pub(crate) async fn schemas(by: Provisioner) -> Response {
    let documents = [USER, GROUP, ENTERPRISE].into_iter().filter_map(|id| schema::document(id, &by.base));
    all(&documents.collect::<Vec<_>>())
}

pub(crate) async fn schema(by: Provisioner, Path(id): Path<String>) -> Result<Response, Refused> {
    let document = schema::document(&id, &by.base).ok_or_else(nothing)?;
    Ok(with_body(StatusCode::OK, &document))
}
