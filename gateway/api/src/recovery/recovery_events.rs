//! `/v1/recovery/events`.

use botbuilder_store::recovery::recovery_events::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "recovery event", Area::Recovery, "/v1/recovery/events")
        .log()
        .unavailable("enrol", Verb::Write, "campaigns are not sent yet")
        .moving(
            Transition::new("cancel", &["pending", "enrolled", "in_sequence"], "suppressed")
                .clearing(&["next_step_at"]),
        )
        .moving(
            Transition::new(
                "mark-recovered",
                &["pending", "enrolled", "in_sequence", "lost", "expired"],
                "recovered",
            )
            .noting(&["recovered_at"])
            .clearing(&["next_step_at"]),
        )
        .routes()
}
