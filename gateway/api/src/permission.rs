//! What a route asks of its caller. Rights themselves are computed in the store
//! ([`botbuilder_store::tenancy::rights`]); this names them briefly.

pub use botbuilder_store::tenancy::rights::{Area, Permission, Verb};

/// The right to read in an area.
pub const fn read(area: Area) -> Permission {
    Permission::new(area, Verb::Read)
}

/// The right to change things of an area.
pub const fn write(area: Area) -> Permission {
    Permission::new(area, Verb::Write)
}

/// The right to delete things of an area.
pub const fn delete(area: Area) -> Permission {
    Permission::new(area, Verb::Delete)
}

/// The right to put things of an area to work.
pub const fn publish(area: Area) -> Permission {
    Permission::new(area, Verb::Publish)
}

/// The right to run what is in an area.
pub const fn execute(area: Area) -> Permission {
    Permission::new(area, Verb::Execute)
}

/// The right to hand things of an area to people.
pub const fn assign(area: Area) -> Permission {
    Permission::new(area, Verb::Assign)
}

/// The right to run an area: its secrets, connections and settings.
pub const fn manage(area: Area) -> Permission {
    Permission::new(area, Verb::Manage)
}
