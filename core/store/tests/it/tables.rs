//! Descriptions of tables, compared with the schema.

use std::collections::{BTreeMap, BTreeSet};

use botbuilder_store::table::{
    Column, Form, Kind, Table, Tenancy, Write,
    catalogue::{BY_HAND, DESCRIBED, NOBODYS},
};
use botbuilder_testkit::database::TestDatabase;
use sqlx::PgPool;

/// A column as the database has it: name, type, whether it can be empty, whether it has a default.
type Found = (String, String, bool, bool);

async fn columns(pool: &PgPool) -> BTreeMap<String, Vec<Found>> {
    let rows: Vec<(String, String, String, bool, bool)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, t.typname::text, NOT a.attnotnull, a.atthasdef
           FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           JOIN pg_type t ON t.oid = a.atttypid
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname <> '_sqlx_migrations'",
    )
    .fetch_all(pool)
    .await
    .expect("the catalogue");
    let mut tables: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for (table, column, kind, nullable, default) in rows {
        tables.entry(table).or_default().push((column, kind, nullable, default));
    }
    tables
}

fn fits(column: &Column, kind: &str) -> bool {
    match column.kind {
        Kind::Uuid => kind == "uuid",
        Kind::Text(_, Form::Email) => matches!(kind, "citext" | "text"),
        Kind::Text(..) | Kind::Choice(_) => matches!(kind, "text" | "citext"),
        Kind::Integer(..) => matches!(kind, "int2" | "int4" | "int8"),
        Kind::Number(..) => matches!(kind, "numeric" | "float4" | "float8"),
        Kind::Boolean => kind == "bool",
        Kind::Instant => kind == "timestamptz",
        Kind::Date => kind == "date",
        Kind::Time => kind == "time",
        Kind::Object | Kind::Array | Kind::Json => kind == "jsonb",
        Kind::Texts => matches!(kind, "_text" | "_citext"),
        Kind::Uuids => kind == "_uuid",
        Kind::Shown => true,
    }
}

/// What a description says that is not so.
fn lies(table: &Table, found: &[Found]) -> Vec<String> {
    let mut lies = Vec::new();
    let name = table.name;
    for (column, kind, nullable, default) in found {
        match (table.column(column), table.internal.contains(&column.as_str())) {
            (Some(_), true) => lies.push(format!("{name}.{column} is shown and internal")),
            (None, false) => lies.push(format!("{name}.{column} is not described")),
            (None, true) => {}
            (Some(described), false) => {
                if !fits(described, kind) {
                    lies.push(format!("{name}.{column} is {kind}"));
                }
                if described.is_nullable != *nullable {
                    lies.push(format!("{name}.{column} nullable: {nullable}"));
                }
                let must = described.write != Write::Never && !nullable && !default;
                let above = table.parent.as_ref().is_some_and(|parent| parent.column == column);
                if must && !described.is_required && !above {
                    lies.push(format!("{name}.{column} has no default, so it must be required"));
                }
            }
        }
    }
    let known: BTreeSet<&str> = found.iter().map(|(column, ..)| column.as_str()).collect();
    for column in table.columns.iter().map(|column| column.name).chain(table.internal.iter().copied()) {
        if !known.contains(column) {
            lies.push(format!("{name}.{column} does not exist"));
        }
    }
    if (table.tenancy == Tenancy::Organization) && !known.contains("organization_id") {
        lies.push(format!("{name} has no organization_id"));
    }
    lies
}

#[tokio::test]
async fn descriptions_say_what_the_schema_says() {
    let database = TestDatabase::new().await;
    let found = columns(&database.pool().await).await;
    let lies: Vec<String> = DESCRIBED
        .iter()
        .flat_map(|table| match found.get(table.name) {
            Some(columns) => lies(table, columns),
            None => vec![format!("{} does not exist", table.name)],
        })
        .collect();
    assert!(lies.is_empty(), "{lies:#?}");
}

#[tokio::test]
async fn words_of_a_choice_are_those_of_its_check() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let checks: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
          WHERE k.contype = 'c' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition",
    )
    .fetch_all(&pool)
    .await
    .expect("the checks");
    let mut compared = 0;
    for table in DESCRIBED {
        for column in table.columns {
            let Kind::Choice(words) = column.kind else { continue };
            let list: Vec<String> = words.iter().map(|word| format!("'{word}'::text")).collect();
            let check = format!("(({} = ANY (ARRAY[{}])))", column.name, list.join(", "));
            let there = checks.iter().any(|(name, text)| name == table.name && text.contains(&check));
            assert!(there, "{}.{}: {check}", table.name, column.name);
            compared += 1;
        }
    }
    assert!(compared > 80, "{compared}");
}

#[tokio::test]
async fn rules_name_constraints_that_there_are() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint UNION SELECT relname::text FROM pg_class WHERE relkind IN ('i', 'I')",
    )
    .fetch_all(&pool)
    .await
    .expect("the constraints");
    let names: BTreeSet<String> = names.into_iter().collect();
    for table in DESCRIBED {
        for rule in table.rules {
            assert!(names.contains(rule.constraint), "{}", rule.constraint);
            assert!(table.has(rule.field), "{}: {}", rule.constraint, rule.field);
        }
    }
}

#[tokio::test]
async fn every_table_is_claimed_once() {
    let database = TestDatabase::new().await;
    let found = columns(&database.pool().await).await;
    let claimed = DESCRIBED.iter().map(|table| table.name);
    let claimed: Vec<&str> = claimed
        .chain(BY_HAND.iter().map(|(table, _)| *table))
        .chain(NOBODYS.iter().map(|(table, _)| *table))
        .collect();
    let once: BTreeSet<&str> = claimed.iter().copied().collect();
    assert_eq!(once.len(), claimed.len(), "a table is claimed twice");
    let there: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(once, there);
}
