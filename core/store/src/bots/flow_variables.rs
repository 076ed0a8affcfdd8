//! `flow_variables`: declared variable of an orchestration or of a single flow. One table with two parents.

use super::{bot_flows, flow_orchestrations};
use crate::table::{Column, Form, Kind, Parent, Rule, Table};

const COLUMNS: &[Column] = &[
    Column::uuid("id"),
    Column::uuid("orchestration_id").nullable(),
    Column::uuid("flow_id").nullable(),
    Column::form("name", 64, Form::Ident).once().required(),
    Column::choice("value_type", &["string", "number", "boolean", "date", "list", "object"]).taken(),
    Column::choice("scope", &["turn", "session", "contact", "bot"]).taken(),
    Column::new("default_value", Kind::Json).nullable().taken(),
    Column::boolean("is_required").taken(),
    Column::boolean("is_secret").taken(),
    Column::text("description", 300).nullable().taken(),
    Column::object("validation").taken(),
    Column::instant("created_at"),
    Column::instant("updated_at"),
];
const INTERNAL: &[&str] = &["organization_id"];
const RULES: &[Rule] = &[
    Rule::new("ck_flow_variables_6", "flow_id", "must keep to: num_nonnulls(orchestration_id, flow_id) = 1"),
    Rule::new("ck_flow_variables_7", "is_secret", "must keep to: (NOT is_secret) OR (default_value IS NULL)"),
    Rule::new("uq_flow_variables_1", "name", "is taken: there is one like it already"),
];

/// The table.
pub static TABLE: Table =
    Table { name: "flow_variables", columns: COLUMNS, internal: INTERNAL, rules: RULES, ..Table::PLAIN };

/// Variables of a flow.
pub static OF_FLOW: Table = Table {
    name: "flow_variables",
    parent: Some(Parent { column: "flow_id", table: &bot_flows::TABLE }),
    columns: COLUMNS,
    internal: INTERNAL,
    rules: RULES,
    ..Table::PLAIN
};

/// Variables of an orchestration.
pub static OF_ORCHESTRATION: Table = Table {
    name: "flow_variables",
    parent: Some(Parent { column: "orchestration_id", table: &flow_orchestrations::TABLE }),
    columns: COLUMNS,
    internal: INTERNAL,
    rules: RULES,
    ..Table::PLAIN
};
