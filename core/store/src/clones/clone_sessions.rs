//! `clone_sessions`: a working session with a clone.

use crate::table::{Column, Parent, Table};

/// The table.
pub static TABLE: Table = Table {
    name: "clone_sessions",
    parent: Some(Parent { column: "clone_id", table: &super::work_clones::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("clone_id"),
        Column::uuid("user_id").nullable(),
        Column::uuid("conversation_id").nullable().once(),
        Column::choice("kind", &["reply", "chat", "rewrite", "batch"]).once(),
        Column::object("context").once(),
        Column::integer("message_count", 0, 2_147_483_647),
        Column::integer("tokens", 0, 2_147_483_647),
        Column::instant("ended_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    ..Table::PLAIN
};
