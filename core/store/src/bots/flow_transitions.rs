//! `flow_transitions`: rule that moves a conversation from one flow to another inside an orchestration.

use crate::table::{Column, Parent, Rule, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "flow_transitions",
    parent: Some(Parent { column: "orchestration_id", table: &super::flow_orchestrations::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("orchestration_id"),
        Column::uuid("from_flow_id").taken().required(),
        Column::uuid("to_flow_id").taken().required(),
        Column::choice(
            "trigger_type",
            &[
                "on_complete",
                "on_condition",
                "on_intent",
                "on_keyword",
                "on_event",
                "on_timeout",
                "on_error",
                "always",
            ],
        )
        .taken()
        .required(),
        Column::object("trigger_value").taken(),
        Column::integer("priority", -2_147_483_648, 2_147_483_647).taken(),
        Column::boolean("preserve_variables").taken(),
        Column::boolean("is_enabled").taken(),
        Column::text("label", 120).nullable().taken(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("ck_flow_transitions_4", "trigger_value", "is not a valid transition")],
    ..Table::PLAIN
};
