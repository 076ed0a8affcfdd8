//! The handlers behind every plain resource.

use std::collections::HashMap;

use axum::{
    RequestExt as _,
    extract::{Path, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use botbuilder_store::{
    Error,
    table::{
        Kind, Table,
        rows::{self, Condition, Place, Row, Test},
    },
};
use serde_json::{Map, Value, json, value::RawValue};
use uuid::Uuid;

use super::{
    Inner, Transition, Writing, changes,
    fields::{self, Mode},
    query,
};
use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::ApiError,
    etag::{IfMatch, etag},
    input::{Body, Cursor, Object, query_pairs},
};

/// What an address and its headers say.
struct Meant {
    parent: Option<Uuid>,
    narrowed: Option<Uuid>,
    id: Option<Uuid>,
    if_match: IfMatch,
    pairs: Vec<(String, String)>,
}

impl Meant {
    async fn of(resource: &Inner, request: &mut Request) -> Result<Self, ApiError> {
        let Path(path): Path<HashMap<String, String>> =
            request.extract_parts().await.map_err(|_| ApiError::NotFound)?;
        let id = |name: &str| match path.get(name) {
            Some(text) if fields::is_uuid(text) => text.parse().map(Some).map_err(|_| ApiError::NotFound),
            Some(_) => Err(ApiError::NotFound),
            None => Ok(None),
        };
        let parent = match &resource.table.parent {
            Some(parent) => id(parent.column)?,
            None => None,
        };
        let narrowed = resource.narrowed_by.map_or(Ok(None), id)?;
        let id = id("id")?;
        let is_matched = resource.table.is_versioned() && !request.method().is_safe();
        let if_match = if is_matched { request.extract_parts().await? } else { IfMatch::Absent };
        let (parts, body) = std::mem::take(request).into_parts();
        let pairs = query_pairs(&parts);
        *request = Request::from_parts(parts, body);
        Ok(Self { parent, narrowed, id, if_match, pairs })
    }

    /// The row of an item's address.
    fn place(&self) -> Result<Place, ApiError> {
        Ok(Place { parent: self.parent, id: self.id.ok_or(ApiError::NotFound)? })
    }

    /// Refuses parameters of the query, where there are none.
    fn no_query(&self) -> Result<(), ApiError> {
        match self.pairs.first() {
            Some((name, _)) => Err(ApiError::invalid(name.clone(), "is not known; there is none")),
            None => Ok(()),
        }
    }
}

/// A row as an answer, with its tag.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The row.
    pub row: Row,
    /// Its address, where it is new.
    pub location: Option<String>,
}

/// A row as an answer of 200.
pub fn answer(row: Row) -> Answer {
    Answer { status: StatusCode::OK, row, location: None }
}

/// A new row as an answer of 201, below the address of its collection.
pub fn created(row: Row, collection: &str) -> Answer {
    let location = format!("{}/{}", collection.trim_end_matches('/'), row.id);
    Answer { status: StatusCode::CREATED, row, location: Some(location) }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = match RawValue::from_string(self.row.json) {
            Ok(row) => json_text(&[("data", Some(&row))]),
            Err(error) => return ApiError::defect(error).into_response(),
        };
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(version) = self.row.version {
            headers.insert(header::ETAG, etag(version));
        }
        if let Some(location) = self.location.and_then(|location| location.parse().ok()) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

/// An object of JSON that is there already.
fn json_text(members: &[(&str, Option<&RawValue>)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{}", value.map_or("null", RawValue::get)))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// A violated constraint in the words of the table, by the field it is about.
pub fn broken_rule(table: &Table, error: Error) -> ApiError {
    let Error::Conflict { constraint } = &error else { return error.into() };
    let rule = table.rules.iter().find(|rule| rule.constraint == constraint);
    let prefix = format!("fk_{}_", table.name);
    let refers = constraint.strip_prefix(&prefix).filter(|column| table.has(column));
    match (rule, refers) {
        (Some(rule), _) if constraint.starts_with("uq_") => {
            ApiError::conflict("taken", format!("{}: {}", rule.field, rule.text)).about(rule.field)
        }
        (Some(rule), _) => ApiError::invalid(rule.field, rule.text),
        (None, Some(column)) => ApiError::invalid(column.to_owned(), "there is no such thing"),
        (None, None) => error.into(),
    }
}

pub(super) async fn list(
    api: &Api,
    caller: &Caller,
    resource: &Inner,
    mut request: Request,
) -> Result<Response, ApiError> {
    let meant = Meant::of(resource, &mut request).await?;
    let mut asked = query::of_list(resource.table, &meant.pairs)?;
    asked.query.parent = meant.parent;
    for (name, value) in resource.fixed {
        if let Some(column) = resource.table.column(name) {
            asked.query.conditions.push(Condition { column, test: Test::Among(vec![(*value).to_owned()]) });
        }
    }
    for (name, value) in resource.but {
        if let Some(column) = resource.table.column(name)
            && let Kind::Choice(words) = column.kind
        {
            let others = words.iter().filter(|word| *word != value).map(|word| (*word).to_owned());
            asked.query.conditions.push(Condition { column, test: Test::Among(others.collect()) });
        }
    }
    let narrow = resource.narrowed_by.and_then(|name| resource.table.column(name)).zip(meant.narrowed);
    let of_one = || narrow.map(|(column, id)| Condition { column, test: Test::Among(vec![id.to_string()]) });
    asked.query.conditions.extend(of_one());
    if let Some(column) = resource.owner.and_then(|owner| resource.table.column(owner)) {
        let mine = Test::Among(vec![caller.scope.org().to_string()]);
        asked.query.conditions.push(Condition { column, test: mine });
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    parent_exists(&mut tx, caller, resource, &meant).await?;
    if let Some(condition) = of_one() {
        let any = rows::Query { conditions: vec![condition], fetch: 1, ..rows::Query::default() };
        if rows::list(&mut tx, &caller.scope, resource.table, &any).await?.is_empty() {
            return Err(ApiError::NotFound);
        }
    }
    let rows = rows::list(&mut tx, &caller.scope, resource.table, &asked.query).await;
    let rows = rows.map_err(|error| match error {
        Error::Conflict { .. } => ApiError::invalid("cursor", "or a filter cannot be read"),
        other => other.into(),
    })?;
    tx.done();
    let (mut rows, more) = asked.page.cut(rows);
    if let Some(show) = resource.show {
        rows.iter_mut().try_for_each(|row| show(api, caller, row))?;
    }
    let next =
        rows.last().filter(|_| more).map(|last| Cursor::new(&asked.sort, last.sort_key.clone(), last.id));
    let data: Vec<&str> = rows.iter().map(|row| row.json.as_str()).collect();
    let next = json!(next.map(|cursor| cursor.text()));
    let body = format!("{{\"data\":[{}],\"next_cursor\":{next}}}", data.join(","));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Whether the row that the address hangs below is there.
async fn parent_exists(
    tx: &mut botbuilder_store::Tx,
    caller: &Caller,
    resource: &Inner,
    meant: &Meant,
) -> Result<(), ApiError> {
    let (Some(parent), Some(id)) = (&resource.table.parent, meant.parent) else { return Ok(()) };
    let there = match resource.owner.filter(|owner| !resource.table.has(owner)) {
        Some(owner) => {
            let above = rows::get(tx, &caller.scope, parent.table, Place { parent: None, id }, None).await?;
            above.is_some_and(|row| is_mine(caller, &row, owner))
        }
        None => rows::exists(tx, &caller.scope, parent.table, id).await?,
    };
    if there { Ok(()) } else { Err(ApiError::NotFound) }
}

/// Refuses what is below a row of somebody else, where only one's own are shown. What others cannot change needs no more
/// than the rules of the database.
async fn parent_is_mine(
    tx: &mut botbuilder_store::Tx,
    caller: &Caller,
    resource: &Inner,
    meant: &Meant,
) -> Result<(), ApiError> {
    if resource.owner.is_some() { parent_exists(tx, caller, resource, meant).await } else { Ok(()) }
}

/// Whether the column of a row names the caller's organization.
fn is_mine(caller: &Caller, row: &Row, owner: &str) -> bool {
    let row: Option<Value> = serde_json::from_str(&row.json).ok();
    let organization = row.as_ref().and_then(|row| row.get(owner)).and_then(Value::as_str);
    organization == Some(caller.scope.org().to_string().as_str())
}

/// Whether a row belongs to this collection, where several share a table.
fn belongs(resource: &Inner, caller: &Caller, row: &Row) -> Result<(), ApiError> {
    if let Some(owner) = resource.owner.filter(|owner| resource.table.has(owner)) {
        return if is_mine(caller, row, owner) { Ok(()) } else { Err(ApiError::NotFound) };
    }
    if resource.fixed.is_empty() && resource.but.is_empty() {
        return Ok(());
    }
    let row: Value = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
    let has = |(name, value): &(&str, &str)| row.get(name).and_then(Value::as_str) == Some(*value);
    let fits = resource.fixed.iter().all(has) && !resource.but.iter().any(has);
    if fits { Ok(()) } else { Err(ApiError::NotFound) }
}

/// Asks of a caller what the resource asks beside the right, for a row and the fields that change in it; none where it
/// goes.
async fn ask(
    api: &Api,
    tx: &mut botbuilder_store::Tx,
    caller: &Caller,
    resource: &Inner,
    row: Option<&Row>,
    change: Option<&Map<String, Value>>,
) -> Result<(), ApiError> {
    let Some(ask) = resource.ask else { return Ok(()) };
    let mut fields: Map<String, Value> = match row {
        Some(row) => serde_json::from_str(&row.json).map_err(ApiError::defect)?,
        None => Map::new(),
    };
    let changes = change.into_iter().flatten();
    fields.extend(changes.map(|(name, value)| (name.clone(), value.clone())));
    ask(api, tx, caller, &fields, change.is_some()).await
}

pub(super) async fn get(
    api: &Api,
    caller: &Caller,
    resource: &Inner,
    mut request: Request,
) -> Result<Answer, ApiError> {
    let meant = Meant::of(resource, &mut request).await?;
    let fields = query::of_one(resource.table, &meant.pairs)?;
    let place = meant.place()?;
    let mut tx = api.store.begin(&caller.scope).await?;
    parent_is_mine(&mut tx, caller, resource, &meant).await?;
    let whole = rows::get(&mut tx, &caller.scope, resource.table, place, None).await?;
    let row = whole.ok_or(ApiError::NotFound)?;
    belongs(resource, caller, &row)?;
    let mut row = match fields {
        Some(fields) => rows::get(&mut tx, &caller.scope, resource.table, place, Some(&fields))
            .await?
            .ok_or(ApiError::NotFound)?,
        None => row,
    };
    tx.done();
    if let Some(show) = resource.show {
        show(api, caller, &mut row)?;
    }
    Ok(answer(row))
}

pub(super) async fn create(
    api: &Api,
    caller: &Caller,
    resource: &Inner,
    mut request: Request,
) -> Result<Answer, ApiError> {
    let meant = Meant::of(resource, &mut request).await?;
    meant.no_query()?;
    let collection = request.uri().path().to_owned();
    let Body(mut values): Body<Object> = request.extract().await?;
    let table = resource.table;
    let mut given: Vec<&str> = resource.fixed.iter().map(|(name, _)| *name).collect();
    given.extend(table.parent.as_ref().filter(|_| meant.parent.is_some()).map(|parent| parent.column));
    fields::check(table, &values, Mode::Create, &given)?;
    // What is empty by saying so takes the default, as what is left out does.
    values.retain(|_, value| !value.is_null());
    if let Some(prepare) = resource.prepare {
        prepare(&mut values, Mode::Create)?;
    }
    for (name, value) in resource.fixed {
        values.insert((*name).to_owned(), json!(value));
    }
    if let Some(owner) = resource.owner.filter(|owner| table.has(owner)) {
        values.insert(owner.to_owned(), json!(caller.scope.org()));
    }
    if let (Some(parent), Some(id)) = (&table.parent, meant.parent) {
        values.insert(parent.column.to_owned(), json!(id));
    }
    if let Some(user) = caller.user().filter(|_| table.has("created_by")) {
        values.insert("created_by".to_owned(), json!(user));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    parent_exists(&mut tx, caller, resource, &meant).await?;
    limits::room_for(&mut tx, &caller.scope, table).await?;
    if let Some(complete) = resource.complete {
        complete(Writing { api, tx: &mut tx, caller, before: None, values: &mut values }).await?;
    }
    ask(api, &mut tx, caller, resource, None, Some(&values)).await?;
    let row = rows::insert(&mut tx, &caller.scope, table, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(table, error))?;
    changes::note(api, &mut tx, caller, table, "created", None, Some(&row)).await?;
    tx.commit().await?;
    tell(api, table);
    Ok(created(row, &collection))
}

pub(super) async fn update(
    api: &Api,
    caller: &Caller,
    resource: &Inner,
    mut request: Request,
) -> Result<Answer, ApiError> {
    let meant = Meant::of(resource, &mut request).await?;
    meant.no_query()?;
    let place = meant.place()?;
    let table = resource.table;
    let wanted = if table.is_versioned() { meant.if_match.demand()? } else { None };
    let Body(mut values): Body<Object> = request.extract().await?;
    fields::check(table, &values, Mode::Update, &[])?;
    if let Some(prepare) = resource.prepare {
        prepare(&mut values, Mode::Update)?;
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, table, place).await?.ok_or(ApiError::NotFound)?;
    belongs(resource, caller, &before)?;
    fits(&before, wanted)?;
    ask(api, &mut tx, caller, resource, Some(&before), Some(&values)).await?;
    if let Some(complete) = resource.complete {
        let before = Some(&before);
        complete(Writing { api, tx: &mut tx, caller, before, values: &mut values }).await?;
    }
    let row = rows::update(&mut tx, &caller.scope, table, place, values)
        .await
        .map_err(|error| broken_rule(table, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(api, &mut tx, caller, table, "updated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    tell(api, resource.table);
    Ok(answer(row))
}

/// Tells whoever remembers rows of this table that they changed.
fn tell(api: &Api, table: &Table) {
    if matches!(table.name, "channels" | "widget_configs") {
        (api.channels_changed)();
    }
}

/// Whether a row is in the state that the caller changes.
fn fits(row: &Row, demanded: Option<i32>) -> Result<(), ApiError> {
    match demanded {
        Some(version) if row.version != Some(version) => Err(ApiError::Stale),
        _ => Ok(()),
    }
}

pub(super) async fn delete(
    api: &Api,
    caller: &Caller,
    resource: &Inner,
    mut request: Request,
) -> Result<StatusCode, ApiError> {
    let meant = Meant::of(resource, &mut request).await?;
    meant.no_query()?;
    let place = meant.place()?;
    let table = resource.table;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, table, place).await?.ok_or(ApiError::NotFound)?;
    belongs(resource, caller, &before)?;
    if table.is_versioned() {
        fits(&before, meant.if_match.allow()?)?;
    }
    ask(api, &mut tx, caller, resource, Some(&before), None).await?;
    rows::delete(&mut tx, &caller.scope, table, place).await.map_err(|error| match error {
        Error::Conflict { .. } => ApiError::conflict("in_use", "something still refers to it"),
        other => other.into(),
    })?;
    changes::note(api, &mut tx, caller, table, "deleted", Some(&before), None).await?;
    tx.commit().await?;
    tell(api, table);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn restore(
    api: &Api,
    caller: &Caller,
    resource: &Inner,
    mut request: Request,
) -> Result<Answer, ApiError> {
    let meant = Meant::of(resource, &mut request).await?;
    let place = meant.place()?;
    let mut tx = api.store.begin(&caller.scope).await?;
    limits::room_for(&mut tx, &caller.scope, resource.table).await?;
    let row = rows::restore(&mut tx, &caller.scope, resource.table, place)
        .await
        .map_err(|error| broken_rule(resource.table, error))?
        .ok_or(ApiError::NotFound)?;
    belongs(resource, caller, &row)?;
    ask(api, &mut tx, caller, resource, Some(&row), Some(&Map::new())).await?;
    changes::note(api, &mut tx, caller, resource.table, "restored", None, Some(&row)).await?;
    tx.commit().await?;
    tell(api, resource.table);
    Ok(answer(row))
}

pub(super) async fn transition(
    api: &Api,
    caller: &Caller,
    resource: &Inner,
    transition: &Transition,
    mut request: Request,
) -> Result<Answer, ApiError> {
    let meant = Meant::of(resource, &mut request).await?;
    let place = meant.place()?;
    let Body(body): Body<Object> = request.extract().await?;
    if let Some(name) = body.keys().next() {
        return Err(ApiError::invalid(name.clone(), "is not known; this takes no fields"));
    }
    let table = resource.table;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, table, place).await?.ok_or(ApiError::NotFound)?;
    belongs(resource, caller, &before)?;
    fits(&before, meant.if_match.allow()?)?;
    let values: Map<String, Value> = serde_json::from_str(&before.json).map_err(ApiError::defect)?;
    let state = values.get(transition.column).and_then(Value::as_str).unwrap_or_default();
    if state == transition.to {
        // It is there already: a repeat is no error.
        tx.commit().await?;
        return Ok(answer(before));
    }
    if !transition.from.contains(&state) {
        let detail = format!("it is {state}; this can be done when it is {}", transition.from.join(" or "));
        return Err(ApiError::conflict("wrong_state", detail).with(json!({ "state": state })));
    }
    let verb = transition.action.replace('-', "_");
    let mut change = Map::new();
    change.insert(transition.column.to_owned(), json!(transition.to));
    for column in transition.now {
        change.insert((*column).to_owned(), json!(api.clock.now()));
    }
    for column in transition.clear {
        change.insert((*column).to_owned(), Value::Null);
    }
    if let Some(check) = transition.check {
        let before = Some(&before);
        check(Writing { api, tx: &mut tx, caller, before, values: &mut change }).await?;
    }
    let row = rows::update(&mut tx, &caller.scope, table, place, change)
        .await
        .map_err(|error| broken_rule(table, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(api, &mut tx, caller, table, &verb, Some(&before), Some(&row)).await?;
    tx.commit().await?;
    tell(api, resource.table);
    Ok(answer(row))
}
