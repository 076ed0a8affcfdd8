//! JSON schemas of described tables, for the OpenAPI document.

use botbuilder_store::table::{Column, Form, Kind, Table, Write};
use serde_json::{Map, Value, json};

use super::{Inner, Mode};
use crate::routes::Operation;

/// A row as it is shown.
pub fn of_row(table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.columns.iter().map(|column| (column.name.to_owned(), of_column(column, true))).collect();
    // `fields` leaves out all but the id.
    json!({ "type": "object", "title": table.name, "properties": properties, "required": ["id"] })
}

/// The JSON schema of what a new row or a change takes.
pub fn of_input(table: &Table, mode: Mode) -> Value {
    let columns = table.columns.iter().filter(|column| mode.takes(column));
    let above = |column: &Column| table.parent.as_ref().is_some_and(|parent| parent.column == column.name);
    let mut properties = Map::new();
    let mut required = Vec::new();
    for column in columns {
        properties.insert(column.name.to_owned(), of_column(column, column.is_nullable));
        if mode == Mode::Create && column.is_required && !above(column) {
            required.push(column.name);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (Value::Object(schema), false) = (&mut schema, required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

/// What a column holds.
pub fn of_column(column: &Column, nullable: bool) -> Value {
    let nullable = nullable && column.is_nullable;
    let mut schema = match column.kind {
        Kind::Uuid => json!({ "type": "string", "format": "uuid" }),
        Kind::Text(most, form) => {
            let mut schema = json!({ "type": "string", "maxLength": most });
            if let (Some(pattern), true, Value::Object(schema)) =
                (pattern(form), column.write != Write::Never, &mut schema)
            {
                schema.insert("pattern".to_owned(), json!(pattern));
            }
            schema
        }
        Kind::Choice(words) => {
            let mut words: Vec<Value> = words.iter().map(|word| json!(word)).collect();
            if nullable {
                words.push(Value::Null);
            }
            json!({ "type": "string", "enum": words })
        }
        Kind::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Number(least, most) => json!({ "type": "number", "minimum": least, "maximum": most }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Instant => json!({ "type": "string", "format": "date-time" }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Time => json!({ "type": "string", "pattern": "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$" }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Array => json!({ "type": "array" }),
        Kind::Json => return json!({}),
        Kind::Texts => {
            json!({ "type": "array", "items": { "type": "string", "maxLength": 2000 }, "maxItems": 1000 })
        }
        Kind::Uuids => {
            json!({ "type": "array", "items": { "type": "string", "format": "uuid" }, "maxItems": 1000 })
        }
        Kind::Shown => json!({ "type": "string" }),
    };
    if let (true, Value::Object(schema)) = (nullable, &mut schema) {
        let kind = schema.get("type").cloned().unwrap_or_default();
        schema.insert("type".to_owned(), json!([kind, "null"]));
    }
    schema
}

fn pattern(form: Form) -> Option<&'static str> {
    match form {
        Form::Free | Form::Checked => None,
        Form::Slug => Some("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
        Form::Ident => Some("^[a-z][a-z0-9_]{0,63}$"),
        Form::Dotted => Some("^[a-z][a-z0-9_]{0,63}(\\.[a-z][a-z0-9_]{0,63})+$"),
        Form::Host => Some(
            "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$",
        ),
        Form::Url => Some("^[hH][tT][tT][pP][sS]?://[^\\s]+$"),
        Form::Color => Some("^#[0-9A-Fa-f]{6}$"),
        Form::Phone => Some("^\\+[1-9][0-9]{1,14}$"),
        Form::Email => Some("^[^@\\s]+@[^@\\s]+$"),
        Form::Currency => Some("^[A-Z]{3}$"),
        Form::Semver => Some("^[0-9]+\\.[0-9]+\\.[0-9]+([-+].*)?$"),
    }
}

/// A list with its parameters.
pub(super) fn list(resource: &Inner, operation: Operation) -> Operation {
    let table = resource.table;
    let sorts: Vec<String> = ["id"]
        .into_iter()
        .chain(table.columns.iter().filter(|column| column.is_sort()).map(|column| column.name))
        .flat_map(|name| [name.to_owned(), format!("-{name}")])
        .collect();
    let mut operation = fields_parameter(operation.lists(of_row(table))).with_query(
        "sort",
        json!({ "type": "string", "enum": sorts }),
        "what the list is sorted by, `-` for downwards; by id, the order of creation, if nothing is said",
    );
    let filters: Map<String, Value> = table
        .columns
        .iter()
        .filter(|column| column.is_filter())
        .map(|column| (column.name.to_owned(), of_filter(column)))
        .collect();
    operation = operation.with_query(
        "filter",
        json!({ "type": "object", "properties": filters, "additionalProperties": false }),
        "`filter[name]=`: one or several values with commas; also `[null]`, and `[gt]`, `[gte]`, `[lt]`, `[lte]` where there is an order",
    );
    operation
}

/// What a filter takes. Several values with commas fit where the type is a text; of the others one is described.
fn of_filter(column: &Column) -> Value {
    match column.kind {
        Kind::Text(..) | Kind::Texts | Kind::Uuids | Kind::Time | Kind::Shown => json!({ "type": "string" }),
        _ => of_column(column, false),
    }
}

/// With the parameter that cuts rows to fields.
pub(super) fn fields_parameter(operation: Operation) -> Operation {
    operation.with_query(
        "fields",
        json!({ "type": "string" }),
        "the fields to show, with commas; the id always is",
    )
}
