//! Tables as data: what the API shows of a table, what it takes, and what a list can be filtered and sorted by.
//!
//! A plain resource needs no code of its own: its table is described once ([`Table`]), and [`rows`] makes the few
//! statements from the description. That is what lets every list be filtered, sorted and cut to fields the same way, and
//! what the OpenAPI document is made of. A description is compared with the schema by a test
//! (`core/store/tests/it/tables.rs`): every column stands in it with its type, or among those that stay inside.
//! What has behaviour of its own (publishing, merging, counting …) is written out as concrete functions beside it.

pub mod catalogue;
mod column;
pub mod rows;

pub use column::{Column, Form, Kind, Write};

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it hangs below, if it is only reached through another table.
    pub parent: Option<Parent>,
    /// What is shown, in the order in which it is shown.
    pub columns: &'static [Column],
    /// Columns that are never shown and never taken: secrets, digests, vectors, bookkeeping.
    pub internal: &'static [&'static str],
    /// Constraints that the types of the columns do not say, each with the field it is about.
    pub rules: &'static [Rule],
    /// How its rows belong to a tenant.
    pub tenancy: Tenancy,
}

/// The table above another.
#[derive(Debug)]
pub struct Parent {
    /// The column that names the row above.
    pub column: &'static str,
    /// The table of that row.
    pub table: &'static Table,
}

/// A constraint with a word to whoever breaks it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The constraint, or the unique index.
    pub constraint: &'static str,
    /// The field that is told of.
    pub field: &'static str,
    /// What it asks for.
    pub text: &'static str,
}

/// How rows belong to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// By `organization_id`.
    Organization,
    /// Not at all, or as the policies say: the platform's own catalogues.
    Policy,
}

impl Table {
    /// What most tables are; a description says what differs.
    pub const PLAIN: Self = Self {
        name: "",
        parent: None,
        columns: &[],
        internal: &[],
        rules: &[],
        tenancy: Tenancy::Organization,
    };

    /// The column of that name, if it is shown.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether it has a column of that name, shown or not.
    pub fn has(&self, name: &str) -> bool {
        self.column(name).is_some() || self.internal.contains(&name)
    }

    /// Whether deleting only marks its rows.
    pub fn is_soft(&self) -> bool {
        self.has("deleted_at")
    }

    /// Whether its rows carry a version that a change has to name.
    pub fn is_versioned(&self) -> bool {
        self.has("lock_version")
    }
}

impl Rule {
    /// A rule.
    pub const fn new(constraint: &'static str, field: &'static str, text: &'static str) -> Self {
        Self { constraint, field, text }
    }
}
