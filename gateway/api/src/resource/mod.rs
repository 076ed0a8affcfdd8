//! Plain resources: the routes that a described table ([`Table`]) gets without code of its own.
//!
//! ```text
//! Resource::new(&TABLE, "intent", Area::Nlu, "/v1/bots/{bot_id}/intents").full().routes()
//! ```
//!
//! Three shapes: **full** (list, read, create, change, delete; restore where deletion is soft), **log** (list, read) and
//! single verbs for the rest. An action that only moves a row from one state to another is a [`Transition`]; an action
//! whose engine is not there yet answers 501 ([`Resource::unavailable`]); everything else is an ordinary handler in the
//! same file, added with [`Routes::add`].

pub mod act;
pub mod bulk;
pub mod changes;
pub mod duplicate;
mod fields;
mod handlers;
pub mod order;
mod query;
mod schema;

use std::{pin::Pin, sync::Arc};

use axum::{
    extract::Request,
    http::{Method, StatusCode},
};
use botbuilder_store::{
    Tx,
    secret::Sealed,
    table::{Table, rows::Row},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    permission::{Area, Permission, Verb},
    routes::{Access, Operation, Routes},
};

pub use fields::{Mode, check};
pub use handlers::{Answer, answer, broken_rule, created};
pub use schema::{of_column, of_input, of_row};

/// What is done to the fields of a new row or a change before they are written, after they were checked.
pub type Prepare = fn(&mut Map<String, Value>, Mode) -> Result<(), ApiError>;

/// A row that is about to be written.
pub struct Writing<'a> {
    /// What the handlers work with.
    pub api: &'a Api,
    /// The transaction that writes it.
    pub tx: &'a mut Tx,
    /// Who writes it.
    pub caller: &'a Caller,
    /// The row as it stands; none where it is new.
    pub before: Option<&'a Row>,
    /// The fields that are written.
    pub values: &'a mut Map<String, Value>,
}

/// What is done to the fields of a new row or a change in the transaction that writes it, where the database, or the row as
/// it stands, has to be asked.
pub type Complete =
    for<'a> fn(Writing<'a>) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + 'a>>;

/// What is asked of a caller beside the right: of whoever makes, changes or restores a row, with its fields as they will
/// be and `true`; of whoever deletes one, with those it has and `false`.
pub type Ask = for<'a> fn(
    &'a Api,
    &'a mut Tx,
    &'a Caller,
    &'a Map<String, Value>,
    bool,
) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + 'a>>;

/// What is done to a row before it is shown.
pub type Show = fn(&Api, &Caller, &mut Row) -> Result<(), ApiError>;

/// A plain resource.
#[derive(Clone)]
pub struct Resource {
    inner: Inner,
    routes: Vec<Route>,
}

/// What the handlers know of it.
#[derive(Clone)]
pub(crate) struct Inner {
    pub table: &'static Table,
    /// The thing in a word, with spaces: `flow variable`.
    pub name: &'static str,
    pub area: Area,
    /// The address of the collection. A parameter is the column that names the row above.
    pub path: &'static str,
    pub prepare: Option<Prepare>,
    pub complete: Option<Complete>,
    pub ask: Option<Ask>,
    pub show: Option<Show>,
    /// Columns that every new row gets, and by which lists are narrowed: one table, several collections.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Values of rows that are of another collection, and are not there in this one.
    pub but: &'static [(&'static str, &'static str)],
    /// The column that a parameter of the address names, where no table stands behind it.
    pub narrowed_by: Option<&'static str>,
    /// The column that names the organization whose row it is, or whose row is above it, where others can read it too.
    pub owner: Option<&'static str>,
    pub limit: usize,
}

#[derive(Clone)]
enum Route {
    List,
    Get,
    Create,
    Update,
    Delete,
    Restore,
    Move(Transition),
    Missing { method: Method, address: String, verb: Verb, what: &'static str },
}

/// An action that moves a row from one state to another.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The action, the last segment of its address.
    pub action: &'static str,
    /// The right it needs in the resource's area.
    pub verb: Verb,
    /// The column that changes.
    pub column: &'static str,
    /// The states it may be taken from.
    pub from: &'static [&'static str],
    /// The state it leads to.
    pub to: &'static str,
    /// Columns that are set to the present instant.
    pub now: &'static [&'static str],
    /// Columns that are emptied.
    pub clear: &'static [&'static str],
    /// What refuses it, or adds to what is written, where the database has to be asked.
    pub check: Option<Complete>,
}

impl Transition {
    /// An action that moves `status`.
    pub const fn new(action: &'static str, from: &'static [&'static str], to: &'static str) -> Self {
        Self { action, verb: Verb::Write, column: "status", from, to, now: &[], clear: &[], check: None }
    }

    /// It needs this right.
    #[must_use]
    pub const fn needing(mut self, verb: Verb) -> Self {
        self.verb = verb;
        self
    }

    /// It notes the instant in these columns.
    #[must_use]
    pub const fn noting(mut self, columns: &'static [&'static str]) -> Self {
        self.now = columns;
        self
    }

    /// It is refused, or more is written, by what the database holds.
    #[must_use]
    pub const fn checked(mut self, check: Complete) -> Self {
        self.check = Some(check);
        self
    }

    /// It empties these columns.
    #[must_use]
    pub const fn clearing(mut self, columns: &'static [&'static str]) -> Self {
        self.clear = columns;
        self
    }
}

impl Resource {
    /// The resource of a table, without routes yet.
    pub fn new(table: &'static Table, name: &'static str, area: Area, path: &'static str) -> Self {
        let limit = crate::routes::BODY_LIMIT;
        let inner = Inner {
            table,
            name,
            area,
            path,
            prepare: None,
            complete: None,
            ask: None,
            but: &[],
            show: None,
            fixed: &[],
            narrowed_by: None,
            owner: None,
            limit,
        };
        Self { inner, routes: Vec::new() }
    }

    /// Every verb, and restoring where deletion is soft.
    #[must_use]
    pub fn full(self) -> Self {
        let full = self.log().creatable().updatable().deletable();
        if full.inner.table.is_soft() { full.restorable() } else { full }
    }

    /// Listing and reading only: the platform writes it.
    #[must_use]
    pub fn log(self) -> Self {
        self.listable().readable()
    }

    /// Listing.
    #[must_use]
    pub fn listable(self) -> Self {
        self.with(Route::List)
    }

    /// Reading one.
    #[must_use]
    pub fn readable(self) -> Self {
        self.with(Route::Get)
    }

    /// Making one.
    #[must_use]
    pub fn creatable(self) -> Self {
        self.with(Route::Create)
    }

    /// Changing one.
    #[must_use]
    pub fn updatable(self) -> Self {
        self.with(Route::Update)
    }

    /// Deleting one.
    #[must_use]
    pub fn deletable(self) -> Self {
        self.with(Route::Delete)
    }

    /// Taking a deletion back.
    #[must_use]
    pub fn restorable(self) -> Self {
        self.with(Route::Restore)
    }

    /// Checks or completes the fields of a new row or a change.
    #[must_use]
    pub fn prepared(mut self, prepare: Prepare) -> Self {
        self.inner.prepare = Some(prepare);
        self
    }

    /// Checks or completes the fields of a new row by what the database holds.
    #[must_use]
    pub fn completed(mut self, complete: Complete) -> Self {
        self.inner.complete = Some(complete);
        self
    }

    /// Asks more of whoever makes, changes, deletes or restores a row than the right.
    #[must_use]
    pub fn asking(mut self, ask: Ask) -> Self {
        self.inner.ask = Some(ask);
        self
    }

    /// Completes rows before they are listed or read.
    #[must_use]
    pub fn shown(mut self, show: Show) -> Self {
        self.inner.show = Some(show);
        self
    }

    /// Takes bodies up to this length.
    #[must_use]
    pub fn up_to(mut self, bytes: usize) -> Self {
        self.inner.limit = bytes;
        self
    }

    /// Only rows with this value, which new rows get.
    #[must_use]
    pub fn only(mut self, fixed: &'static [(&'static str, &'static str)]) -> Self {
        self.inner.fixed = fixed;
        self
    }

    /// Without the rows that have this value of a choice: they have a collection of their own.
    #[must_use]
    pub fn without(mut self, but: &'static [(&'static str, &'static str)]) -> Self {
        self.inner.but = but;
        self
    }

    /// Lists only rows with the id that the address has under this column's name. Without any there is no such thing.
    #[must_use]
    pub fn narrowed_by(mut self, column: &'static str) -> Self {
        self.inner.narrowed_by = Some(column);
        self
    }

    /// Only rows of the caller's organization by this column, which new rows get; where the table has none of that
    /// name, only rows below such a row.
    #[must_use]
    pub fn owned(mut self, column: &'static str) -> Self {
        self.inner.owner = Some(column);
        self
    }

    /// An action that moves a row from one state to another.
    #[must_use]
    pub fn moving(self, transition: Transition) -> Self {
        self.with(Route::Move(transition))
    }

    /// An action on one row whose engine is not there yet.
    #[must_use]
    pub fn unavailable(self, action: &'static str, verb: Verb, what: &'static str) -> Self {
        let address = format!("{}/{{id}}/{action}", self.inner.path);
        self.with(Route::Missing { method: Method::POST, address, verb, what })
    }

    /// A question about one row whose engine is not there yet.
    #[must_use]
    pub fn unanswered(self, question: &'static str, what: &'static str) -> Self {
        let address = format!("{}/{{id}}/{question}", self.inner.path);
        self.with(Route::Missing { method: Method::GET, address, verb: Verb::Read, what })
    }

    fn with(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Deletes the row that a request names, for a resource that has more to do when one goes.
    pub async fn delete(&self, api: &Api, caller: &Caller, request: Request) -> Result<StatusCode, ApiError> {
        handlers::delete(api, caller, &self.inner, request).await
    }

    /// Its routes.
    pub fn routes(self) -> Routes {
        let inner = Arc::new(self.inner);
        self.routes.into_iter().fold(Routes::new(), |routes, route| route.add_to(routes, &inner))
    }
}

impl Inner {
    fn may(&self, verb: Verb) -> Permission {
        Permission::new(self.area, verb)
    }

    fn item(&self) -> String {
        format!("{}/{{id}}", self.path)
    }
}

impl Route {
    fn add_to(self, routes: Routes, inner: &Arc<Inner>) -> Routes {
        let (path, item, name) = (inner.path, inner.item(), inner.name);
        let row = of_row(inner.table);
        let resource = Arc::clone(inner);
        match self {
            Self::List => {
                let operation = schema::list(inner, Operation::get(path, inner.may(Verb::Read), many(name)));
                routes.add(operation, async move |api: S, caller: Caller, request: Request| {
                    handlers::list(&api, &caller, &resource, request).await
                })
            }
            Self::Get => {
                let operation = Operation::get(item, inner.may(Verb::Read), format!("one {name}")).gives(row);
                let operation = schema::fields_parameter(operation);
                routes.add(operation, async move |api: S, caller: Caller, request: Request| {
                    handlers::get(&api, &caller, &resource, request).await
                })
            }
            Self::Create => {
                let operation = Operation::post(path, inner.may(Verb::Write), format!("makes a new {name}"))
                    .answers(201)
                    .takes(of_input(inner.table, Mode::Create))
                    .gives(row)
                    .up_to(inner.limit);
                routes.add(operation, async move |api: S, caller: Caller, request: Request| {
                    handlers::create(&api, &caller, &resource, request).await
                })
            }
            Self::Update => {
                let operation = Operation::patch(item, inner.may(Verb::Write), format!("changes one {name}"))
                    .takes(of_input(inner.table, Mode::Update))
                    .gives(row)
                    .up_to(inner.limit);
                let operation = if inner.table.is_versioned() { operation.matches() } else { operation };
                routes.add(operation, async move |api: S, caller: Caller, request: Request| {
                    handlers::update(&api, &caller, &resource, request).await
                })
            }
            Self::Delete => {
                let operation =
                    Operation::delete(item, inner.may(Verb::Delete), format!("deletes one {name}"));
                let operation = if inner.table.is_versioned() { operation.matches() } else { operation };
                routes.add(operation, async move |api: S, caller: Caller, request: Request| {
                    handlers::delete(&api, &caller, &resource, request).await
                })
            }
            Self::Restore => {
                let path = format!("{item}/restore");
                let summary = format!("takes the deletion of one {name} back, within 30 days");
                let operation = Operation::post(path, inner.may(Verb::Delete), summary).gives(row);
                routes.add(operation, async move |api: S, caller: Caller, request: Request| {
                    handlers::restore(&api, &caller, &resource, request).await
                })
            }
            Self::Move(transition) => {
                let path = format!("{item}/{}", transition.action);
                let summary = format!("moves one {name} to {}", transition.to);
                let operation = Operation::post(path, inner.may(transition.verb), summary).gives(row);
                let operation = if inner.table.is_versioned() { operation.matches() } else { operation };
                routes.add(operation, async move |api: S, caller: Caller, request: Request| {
                    handlers::transition(&api, &caller, &resource, &transition, request).await
                })
            }
            Self::Missing { method, address, verb, what } => {
                missing(routes, &method, address, inner.may(verb), what)
            }
        }
    }
}

type S = axum::extract::State<Api>;

/// Adds an address whose engine is not there yet: 501 `not_available`, for whoever would be allowed to use it.
pub fn missing(
    routes: Routes,
    method: &Method,
    path: impl Into<String>,
    access: impl Into<Access>,
    what: &'static str,
) -> Routes {
    let summary = format!("not available yet: {what}");
    let operation = match *method {
        Method::GET => Operation::get(path, access, summary),
        Method::PATCH => Operation::patch(path, access, summary),
        Method::DELETE => Operation::delete(path, access, summary),
        _ => Operation::post(path, access, summary),
    };
    routes.add(operation.answers(501), async move || ApiError::NotAvailable(what))
}

/// A name in the plural.
fn many(name: &str) -> String {
    if let Some((thing, rest)) = name.split_once(" of ") {
        return format!("{} of {rest}", many(thing));
    }
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ if name.ends_with(['s', 'x']) || name.ends_with("ch") => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

/// A sealed value as the columns that hold it.
pub fn sealed_columns(name: &str, sealed: &Sealed) -> [(String, Value); 2] {
    let digits = sealed.ciphertext.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    [
        (format!("{name}_ct"), Value::from(digits)),
        (format!("{name}_kid"), Value::from(sealed.key_id.as_str())),
    ]
}

/// The digest of a document as the database reads it.
pub fn digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
