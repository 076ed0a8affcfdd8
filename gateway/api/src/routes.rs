//! The route table: every address of the API with what it asks of its caller. The router, the guard in front of it, the
//! OpenAPI document and the tests over all routes are made of this one table, so none of them can forget a route.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware,
    routing::{MethodFilter, on},
};
use serde_json::Value;

use crate::{
    Api,
    admin::{Need, StaffGuard},
    error, guard,
    permission::Permission,
    request_id,
};

/// The longest body of an ordinary call: 256 KiB.
pub const BODY_LIMIT: usize = 256 * 1024;
/// The longest body of a call that carries a flow or a whole bot: 1 MiB of definition and what is around it.
pub const DEFINITION_LIMIT: usize = 1024 * 1024 + 64 * 1024;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without credentials. The handler sees to its own limits.
    Public,
    /// Whoever is signed in, whether in an organization or in none.
    Account,
    /// Whoever has valid credentials.
    Caller,
    /// Whoever has this right: everywhere, or in a bot where the handler looks after that.
    Permission(Permission),
    /// Platform staff, on the platform's own listener.
    Staff(Need),
}

/// One method of one address.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The address, with its parameters in braces.
    pub path: String,
    /// Who may call.
    pub access: Access,
    /// What it does, in a line.
    pub summary: String,
    /// The status of success.
    pub status: u16,
    /// The JSON schema of the body, if it takes one. `Value::Null` where any object is taken.
    pub request: Option<Value>,
    /// The JSON schema of what stands under `data` in the answer.
    pub answer: Option<Value>,
    /// Parameters of the query: name, schema, description.
    pub query: Vec<(String, Value, String)>,
    /// Whether the answer is a page of a list.
    pub is_list: bool,
    /// Whether it takes `If-Match`.
    pub takes_match: bool,
    /// Whether its answer shows a secret, so that it is kept sealed if it is kept at all.
    pub shows_secret: bool,
    /// The longest body, in bytes.
    pub body_limit: usize,
    /// The types of a body that are taken; `image/*` stands for every one that begins so, but for forms.
    pub consumes: &'static [&'static str],
    /// The type of the answer.
    pub produces: &'static str,
}

/// What most operations take.
const JSON: &[&str] = &["application/json"];
/// The types of a picture that is uploaded.
pub const PICTURES: &[&str] = &["application/octet-stream", "image/*"];
/// The types of a file that is uploaded: all of them.
pub const FILES: &[&str] =
    &["application/octet-stream", "application/*", "audio/*", "image/*", "text/*", "video/*"];

impl Operation {
    fn new(method: Method, path: impl Into<String>, access: Access, summary: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            access,
            summary: summary.into(),
            status: 200,
            request: None,
            answer: None,
            query: Vec::new(),
            is_list: false,
            takes_match: false,
            shows_secret: false,
            body_limit: BODY_LIMIT,
            consumes: JSON,
            produces: "application/json",
        }
    }

    /// A `GET`.
    pub fn get(path: impl Into<String>, access: impl Into<Access>, summary: impl Into<String>) -> Self {
        Self::new(Method::GET, path, access.into(), summary)
    }

    /// A `POST`.
    pub fn post(path: impl Into<String>, access: impl Into<Access>, summary: impl Into<String>) -> Self {
        Self::new(Method::POST, path, access.into(), summary)
    }

    /// A `PATCH`.
    pub fn patch(path: impl Into<String>, access: impl Into<Access>, summary: impl Into<String>) -> Self {
        Self::new(Method::PATCH, path, access.into(), summary)
    }

    /// A `PUT`.
    pub fn put(path: impl Into<String>, access: impl Into<Access>, summary: impl Into<String>) -> Self {
        Self::new(Method::PUT, path, access.into(), summary)
    }

    /// A `DELETE`, which answers 204.
    pub fn delete(path: impl Into<String>, access: impl Into<Access>, summary: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, access.into(), summary).answers(204)
    }

    /// With this status of success.
    #[must_use]
    pub fn answers(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Takes a body of this JSON schema.
    #[must_use]
    pub fn takes(mut self, schema: Value) -> Self {
        self.request = Some(schema);
        self
    }

    /// Answers with data of this JSON schema.
    #[must_use]
    pub fn gives(mut self, schema: Value) -> Self {
        self.answer = Some(schema);
        self
    }

    /// Takes a parameter in the query.
    #[must_use]
    pub fn with_query(
        mut self,
        name: impl Into<String>,
        schema: Value,
        description: impl Into<String>,
    ) -> Self {
        self.query.push((name.into(), schema, description.into()));
        self
    }

    /// Takes bodies up to this length.
    #[must_use]
    pub fn up_to(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Takes a body of these types.
    #[must_use]
    pub fn consumes(mut self, media_types: &'static [&'static str]) -> Self {
        self.consumes = media_types;
        self
    }

    /// Whether a body of this type is taken. What a file is, its bytes decide: its type is looked at only so that nobody
    /// sends a form in the place of a file.
    pub fn accepts(&self, media_type: &str) -> bool {
        let given = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_form = given.starts_with("multipart/") || given == "application/x-www-form-urlencoded";
        self.consumes.iter().any(|taken| match taken.strip_suffix('*') {
            Some(family) => !is_form && given.strip_prefix(family).is_some_and(|rest| !rest.is_empty()),
            None => given == *taken,
        })
    }

    /// Answers with this type.
    #[must_use]
    pub fn produces(mut self, media_type: &'static str) -> Self {
        self.produces = media_type;
        self
    }

    /// Answers a page of a list of that schema.
    #[must_use]
    pub fn lists(mut self, schema: Value) -> Self {
        self.answer = Some(schema);
        self.is_list = true;
        self
    }

    /// Takes `If-Match`.
    #[must_use]
    pub fn matches(mut self) -> Self {
        self.takes_match = true;
        self
    }

    /// Shows a secret once.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.shows_secret = true;
        self
    }

    /// Whether `Idempotency-Key` is honoured. Only `/v1/auth` does not: a repeat there is a new attempt. Keys belong to a
    /// caller in an organization, which staff are not.
    pub fn honours_key(&self) -> bool {
        let is_tenants = !matches!(self.access, Access::Public | Access::Staff(_));
        !self.method.is_safe() && is_tenants && !self.path.starts_with("/v1/auth/")
    }

    fn filter(&self) -> MethodFilter {
        match self.method {
            Method::GET => MethodFilter::GET,
            Method::POST => MethodFilter::POST,
            Method::PATCH => MethodFilter::PATCH,
            Method::PUT => MethodFilter::PUT,
            _ => MethodFilter::DELETE,
        }
    }
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Permission(permission)
    }
}

/// Routes, each with its entry in the table.
#[derive(Default)]
pub struct Routes {
    router: Router<Api>,
    operations: Vec<Operation>,
}

/// The finished table, by method and address.
pub type Table = HashMap<(Method, String), Arc<Operation>>;

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One route more.
    #[must_use]
    pub fn add<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        self.router = self.router.route(&operation.path, on(operation.filter(), handler));
        self.operations.push(operation);
        self
    }

    /// These and others.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// What there is, in the order it was added.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The router, with the guard in front of every route.
    pub fn into_router(self, api: Api) -> Router {
        let guard = guard::Guard { api: api.clone(), table: self.table() };
        finished(self.router.route_layer(middleware::from_fn_with_state(guard, guard::guard)), api)
    }

    /// The router of the platform's own listener, with the guard of staff in front of every route.
    pub fn into_staff_router(self, api: Api) -> Router {
        let guard = StaffGuard { api: api.clone(), table: self.table() };
        finished(self.router.route_layer(middleware::from_fn_with_state(guard, StaffGuard::stand)), api)
    }

    fn table(&self) -> Arc<Table> {
        let entry = |operation: &Operation| {
            ((operation.method.clone(), operation.path.clone()), Arc::new(operation.clone()))
        };
        Arc::new(self.operations.iter().map(entry).collect())
    }
}

/// What every router has around its routes.
fn finished(router: Router<Api>, api: Api) -> Router {
    router
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(api.clone(), request_id::set))
        .with_state(api)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_by_any_type_and_a_form_by_none() {
        let takes = |types: &'static [&'static str], given: &str| {
            let operation = Operation::post("/v1/x", Access::Public, "x").consumes(types);
            operation.accepts(given)
        };
        for given in
            ["application/octet-stream", "image/webp", "Image/PNG; q=1", "application/pdf", "text/csv"]
        {
            assert!(takes(FILES, given), "{given}");
        }
        for given in ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "image/", ""] {
            assert!(!takes(FILES, given), "{given}");
        }
        assert!(takes(PICTURES, "image/webp") && !takes(PICTURES, "text/plain"));
        assert!(takes(JSON, "application/json; charset=utf-8") && !takes(JSON, "text/plain"));
    }
}
