//! The statements of plain tables, made of their descriptions. Every name in them is a constant of the program; every
//! value is a parameter. The scope stands in each `WHERE`, as it does in statements written by hand.

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, query::QueryAs};
use uuid::Uuid;

use super::{Column, Table, Tenancy};
use crate::{Error, OrgScope, Tx};

/// A row as it is shown.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: Uuid,
    /// Its version, where the table has one.
    pub version: Option<i32>,
    /// What the list is sorted by, as text; none where that is the id.
    pub sort_key: Option<String>,
    /// The row as a JSON object.
    pub json: String,
}

type Raw = (Uuid, Option<i32>, Option<String>, String);

impl From<Raw> for Row {
    fn from((id, version, sort_key, json): Raw) -> Self {
        Self { id, version, sort_key, json }
    }
}

/// Which row is meant: its id and, where the address says so, the row above it.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The row above.
    pub parent: Option<Uuid>,
    /// The row.
    pub id: Uuid,
}

/// What a list shows.
#[derive(Debug, Default)]
pub struct Query {
    /// The row above, where the table has one.
    pub parent: Option<Uuid>,
    /// Conditions that all must hold.
    pub conditions: Vec<Condition>,
    /// The column it is sorted by; none for the id.
    pub sort: Option<&'static Column>,
    /// Whether the order is downwards.
    pub is_descending: bool,
    /// The columns to show; none for all.
    pub fields: Option<Vec<&'static Column>>,
    /// The key and id of the last row of the piece before.
    pub after: Option<(Option<String>, Uuid)>,
    /// Most rows to read.
    pub fetch: i64,
}

/// A condition of a list.
#[derive(Debug)]
pub struct Condition {
    /// The column.
    pub column: &'static Column,
    /// What it must be. Values are texts that the column's type can read.
    pub test: Test,
}

/// What a column must be.
#[derive(Debug)]
pub enum Test {
    /// One of these.
    Among(Vec<String>),
    /// This or more.
    AtLeast(String),
    /// More than this.
    Above(String),
    /// This or less.
    AtMost(String),
    /// Less than this.
    Below(String),
    /// Empty (`true`) or not (`false`).
    Empty(bool),
}

/// A statement with its parameters. `$1` is always the organization.
struct Statement {
    sql: String,
    values: Vec<Bound>,
}

enum Bound {
    Uuid(Uuid),
    Text(String),
    Texts(Vec<String>),
    Number(i64),
    Json(Value),
}

impl Statement {
    fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    fn push(&mut self, text: impl AsRef<str>) {
        self.sql.push_str(text.as_ref());
    }

    /// Adds a parameter; the answer is its name.
    fn bind(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len() + 1)
    }

    fn query<O>(self, scope: &OrgScope) -> QueryAs<'static, Postgres, O, PgArguments>
    where
        O: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
    {
        let mut query = sqlx::query_as(AssertSqlSafe(self.sql)).bind(scope.org().uuid());
        for value in self.values {
            query = match value {
                Bound::Uuid(value) => query.bind(value),
                Bound::Text(value) => query.bind(value),
                Bound::Texts(value) => query.bind(value),
                Bound::Number(value) => query.bind(value),
                Bound::Json(value) => query.bind(value),
            };
        }
        query
    }
}

/// What is read of a row: id, version, sort key, and the object that is shown.
fn shown(table: &Table, fields: Option<&[&'static Column]>, sort: Option<&Column>) -> String {
    let version = if table.is_versioned() { "t.lock_version" } else { "NULL::integer" };
    let key = sort.map_or_else(|| "NULL::text".to_owned(), |column| format!("t.{}::text", column.name));
    let all = table.columns.iter();
    let columns: Vec<String> = match fields {
        Some(fields) => fields.iter().map(|column| column.shown()).collect(),
        None => all.map(Column::shown).collect(),
    };
    let columns = columns.join(", ");
    format!("t.id, {version}, {key}, (SELECT row_to_json(x)::text FROM (SELECT {columns}) x)")
}

/// The condition that a row is the tenant's and not deleted.
fn mine(table: &Table, alias: &str) -> String {
    let tenant = match table.tenancy {
        Tenancy::Organization => format!("{alias}.organization_id = $1"),
        Tenancy::Policy => "$1::uuid IS NOT NULL".to_owned(),
    };
    let live = if table.is_soft() { format!(" AND {alias}.deleted_at IS NULL") } else { String::new() };
    tenant + &live
}

/// The condition that every row above is there: children of what was deleted are hidden.
fn below_the_living(table: &Table, alias: &str, depth: usize) -> String {
    let Some(parent) = &table.parent else { return String::new() };
    let above = format!("p{depth}");
    format!(
        " AND EXISTS (SELECT FROM {} {above} WHERE {above}.id = {alias}.{} AND {}{})",
        parent.table.name,
        parent.column,
        mine(parent.table, &above),
        below_the_living(parent.table, &above, depth + 1),
    )
}

/// Everything that says which row is meant.
fn at(statement: &mut Statement, table: &Table, place: Place) {
    let id = statement.bind(Bound::Uuid(place.id));
    let condition = format!("{} AND t.id = {id}{}", mine(table, "t"), below_the_living(table, "t", 0));
    statement.push(condition);
    if let (Some(parent), Some(above)) = (&table.parent, place.parent) {
        let value = statement.bind(Bound::Uuid(above));
        statement.push(format!(" AND t.{} = {value}", parent.column));
    }
    if is_partitioned(table) {
        statement.push(format!(" AND t.created_at = app.uuid_v7_ts({id})"));
    }
}

/// Partitioned tables are found by the instant inside the id, which touches one partition.
fn is_partitioned(table: &Table) -> bool {
    const PARTITIONED: [&str; 8] = [
        "channel_messages",
        "widget_messages",
        "nlu_logs",
        "webhook_logs",
        "usage_tracking",
        "recovery_events",
        "audit_logs",
        "activity_logs",
    ];
    PARTITIONED.contains(&table.name)
}

/// A value that its type does not take is the caller's, not a defect: the bounds of a type are finer than ours.
fn of_value(error: sqlx::Error) -> Error {
    let code =
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
    if code.starts_with("22") {
        return Error::Conflict { constraint: "ck_value".to_owned() };
    }
    error.into()
}

/// A piece of a list.
#[tracing::instrument(level = "debug", name = "store.rows.list", skip_all, fields(table = table.name))]
pub async fn list(tx: &mut Tx, scope: &OrgScope, table: &Table, query: &Query) -> Result<Vec<Row>, Error> {
    let mut statement = Statement::new("SELECT ");
    statement.push(shown(table, query.fields.as_deref(), query.sort));
    statement.push(format!(" FROM {} t WHERE {}", table.name, mine(table, "t")));
    statement.push(below_the_living(table, "t", 0));
    if let (Some(parent), Some(above)) = (&table.parent, query.parent) {
        let value = statement.bind(Bound::Uuid(above));
        statement.push(format!(" AND t.{} = {value}", parent.column));
    }
    for condition in &query.conditions {
        add_condition(&mut statement, condition);
    }
    let (direction, beyond) = if query.is_descending { ("DESC", "<") } else { ("ASC", ">") };
    if let Some((key, id)) = &query.after {
        let id = statement.bind(Bound::Uuid(*id));
        match (query.sort, key) {
            (Some(column), Some(key)) => {
                let key = statement.bind(Bound::Text(key.clone()));
                let (name, kind) = (column.name, column.sql_type());
                statement.push(format!(" AND (t.{name}, t.id) {beyond} ({key}::text::{kind}, {id}::uuid)"));
            }
            _ => statement.push(format!(" AND t.id {beyond} {id}")),
        }
    }
    match query.sort {
        Some(column) => {
            statement.push(format!(" ORDER BY t.{} {direction}, t.id {direction}", column.name));
        }
        None => statement.push(format!(" ORDER BY t.id {direction}")),
    }
    let fetch = statement.bind(Bound::Number(query.fetch));
    statement.push(format!(" LIMIT {fetch}"));
    let rows: Vec<Raw> = statement.query(scope).fetch_all(&mut *tx.inner).await.map_err(of_value)?;
    Ok(rows.into_iter().map(Row::from).collect())
}

fn add_condition(statement: &mut Statement, condition: &Condition) {
    let (name, kind) = (condition.column.name, condition.column.sql_type());
    let mut compare = |operator: &str, value: &str| {
        let value = statement.bind(Bound::Text(value.to_owned()));
        statement.push(format!(" AND t.{name} {operator} {value}::text::{kind}"));
    };
    match &condition.test {
        Test::Among(values) => {
            let values = statement.bind(Bound::Texts(values.clone()));
            statement.push(format!(" AND t.{name} = ANY (({values}::text[])::{kind}[])"));
        }
        Test::AtLeast(value) => compare(">=", value),
        Test::Above(value) => compare(">", value),
        Test::AtMost(value) => compare("<=", value),
        Test::Below(value) => compare("<", value),
        Test::Empty(true) => statement.push(format!(" AND t.{name} IS NULL")),
        Test::Empty(false) => statement.push(format!(" AND t.{name} IS NOT NULL")),
    }
}

/// One row.
#[tracing::instrument(level = "debug", name = "store.rows.get", skip_all, fields(table = table.name))]
pub async fn get(
    tx: &mut Tx,
    scope: &OrgScope,
    table: &Table,
    place: Place,
    fields: Option<&[&'static Column]>,
) -> Result<Option<Row>, Error> {
    let mut statement = Statement::new("SELECT ");
    statement.push(shown(table, fields, None));
    statement.push(format!(" FROM {} t WHERE ", table.name));
    at(&mut statement, table, place);
    let row: Option<Raw> = statement.query(scope).fetch_optional(&mut *tx.inner).await?;
    Ok(row.map(Row::from))
}

/// One row, held until the transaction ends, so that nobody else changes it meanwhile.
#[tracing::instrument(level = "debug", name = "store.rows.lock", skip_all, fields(table = table.name))]
pub async fn lock(tx: &mut Tx, scope: &OrgScope, table: &Table, place: Place) -> Result<Option<Row>, Error> {
    let mut statement = Statement::new("SELECT ");
    statement.push(shown(table, None, None));
    statement.push(format!(" FROM {} t WHERE ", table.name));
    at(&mut statement, table, place);
    statement.push(" FOR UPDATE OF t");
    let row: Option<Raw> = statement.query(scope).fetch_optional(&mut *tx.inner).await?;
    Ok(row.map(Row::from))
}

/// Whether there is such a row.
pub async fn exists(tx: &mut Tx, scope: &OrgScope, table: &Table, id: Uuid) -> Result<bool, Error> {
    let mut statement = Statement::new(format!("SELECT t.id FROM {} t WHERE ", table.name));
    at(&mut statement, table, Place { parent: None, id });
    let row: Option<(Uuid,)> = statement.query(scope).fetch_optional(&mut *tx.inner).await?;
    Ok(row.is_some())
}

/// Writes a row. `values` has columns of the table; those left out take their defaults.
#[tracing::instrument(level = "debug", name = "store.rows.insert", skip_all, fields(table = table.name))]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    table: &Table,
    id: Uuid,
    values: Map<String, Value>,
) -> Result<Row, Error> {
    let row: Raw =
        writing(table, id, values, "")?.query(scope).fetch_one(&mut *tx.inner).await.map_err(of_value)?;
    Ok(row.into())
}

/// The same, unless there is one like it already: then none, and the transaction goes on.
#[tracing::instrument(level = "debug", name = "store.rows.insert_new", skip_all, fields(table = table.name))]
pub async fn insert_new(
    tx: &mut Tx,
    scope: &OrgScope,
    table: &Table,
    id: Uuid,
    values: Map<String, Value>,
) -> Result<Option<Row>, Error> {
    let statement = writing(table, id, values, " ON CONFLICT DO NOTHING")?;
    let row: Option<Raw> = statement.query(scope).fetch_optional(&mut *tx.inner).await.map_err(of_value)?;
    Ok(row.map(Row::from))
}

/// The statement that writes a row; `conflict` says what becomes of one that is there already.
fn writing(table: &Table, id: Uuid, values: Map<String, Value>, conflict: &str) -> Result<Statement, Error> {
    let columns: Vec<&str> = known(table, &values)?;
    let mut into = vec!["id"];
    let mut from = vec!["$2::uuid".to_owned()];
    // Also where some rows are the platform's own, which only its migrations write.
    if table.tenancy == Tenancy::Organization || table.internal.contains(&"organization_id") {
        into.push("organization_id");
        from.push("$1::uuid".to_owned());
    }
    if is_partitioned(table) {
        into.push("created_at");
        from.push("app.uuid_v7_ts($2)".to_owned());
    }
    for column in columns {
        into.push(column);
        from.push(format!("p.{column}"));
    }
    let mut statement = Statement::new(String::new());
    statement.bind(Bound::Uuid(id));
    statement.bind(Bound::Json(Value::Object(values)));
    statement.push(format!(
        "INSERT INTO {name} AS t ({into}) SELECT {from} FROM jsonb_populate_record(NULL::{name}, $3) p \
         WHERE $1::uuid IS NOT NULL{conflict} RETURNING {shown}",
        name = table.name,
        into = into.join(", "),
        from = from.join(", "),
        shown = shown(table, None, None),
    ));
    Ok(statement)
}

/// Changes a row. None where there is none. With nothing to change, the row as it is.
#[tracing::instrument(level = "debug", name = "store.rows.update", skip_all, fields(table = table.name))]
pub async fn update(
    tx: &mut Tx,
    scope: &OrgScope,
    table: &Table,
    place: Place,
    values: Map<String, Value>,
) -> Result<Option<Row>, Error> {
    if values.is_empty() {
        return get(tx, scope, table, place, None).await;
    }
    let set: Vec<String> =
        known(table, &values)?.into_iter().map(|column| format!("{column} = p.{column}")).collect();
    let mut statement = Statement::new(String::new());
    let json = statement.bind(Bound::Json(Value::Object(values)));
    let name = table.name;
    let set = set.join(", ");
    statement
        .push(format!("UPDATE {name} t SET {set} FROM jsonb_populate_record(NULL::{name}, {json}) p WHERE "));
    at(&mut statement, table, place);
    statement.push(format!(" RETURNING {}", shown(table, None, None)));
    let row: Option<Raw> = statement.query(scope).fetch_optional(&mut *tx.inner).await.map_err(of_value)?;
    Ok(row.map(Row::from))
}

/// Deletes a row, or marks it deleted where the table does that. Whether there was one.
#[tracing::instrument(level = "debug", name = "store.rows.delete", skip_all, fields(table = table.name))]
pub async fn delete(tx: &mut Tx, scope: &OrgScope, table: &Table, place: Place) -> Result<bool, Error> {
    let verb = if table.is_soft() {
        format!("UPDATE {} t SET deleted_at = now() WHERE ", table.name)
    } else {
        format!("DELETE FROM {} t WHERE ", table.name)
    };
    let mut statement = Statement::new(verb);
    at(&mut statement, table, place);
    statement.push(" RETURNING t.id");
    let row: Option<(Uuid,)> = statement.query(scope).fetch_optional(&mut *tx.inner).await?;
    Ok(row.is_some())
}

/// Takes the mark of deletion away again, within 30 days. None where there is no such deleted row.
#[tracing::instrument(level = "debug", name = "store.rows.restore", skip_all, fields(table = table.name))]
pub async fn restore(
    tx: &mut Tx,
    scope: &OrgScope,
    table: &Table,
    place: Place,
) -> Result<Option<Row>, Error> {
    let mut statement = Statement::new(format!(
        "UPDATE {} t SET deleted_at = NULL WHERE t.organization_id = $1 \
         AND t.deleted_at > now() - interval '30 days'{}",
        table.name,
        below_the_living(table, "t", 0),
    ));
    let id = statement.bind(Bound::Uuid(place.id));
    statement.push(format!(" AND t.id = {id}"));
    if let (Some(parent), Some(above)) = (&table.parent, place.parent) {
        let value = statement.bind(Bound::Uuid(above));
        statement.push(format!(" AND t.{} = {value}", parent.column));
    }
    statement.push(format!(" RETURNING {}", shown(table, None, None)));
    let row: Option<Raw> = statement.query(scope).fetch_optional(&mut *tx.inner).await?;
    Ok(row.map(Row::from))
}

/// The columns of a new row or a change, as the description spells them: what is not in it never becomes SQL.
fn known(table: &Table, values: &Map<String, Value>) -> Result<Vec<&'static str>, Error> {
    values
        .keys()
        .map(|name| {
            let shown = table.column(name).map(|column| column.name);
            let inside = || table.internal.iter().copied().find(|column| column == name);
            shown.or_else(inside).ok_or_else(|| {
                Error::inconsistent(table.name, "column", name, "is not in the description of the table")
            })
        })
        .collect()
}
