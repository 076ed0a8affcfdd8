//! `/v1/recovery/campaigns`.

use botbuilder_store::recovery::recovery_campaigns::TABLE;

use crate::{
    permission::{Area, Verb, write},
    resource::{Resource, Transition, duplicate::duplicable},
    routes::Routes,
};

const PATH: &str = "/v1/recovery/campaigns";

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "campaign", Area::Recovery, PATH)
        .full()
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Publish))
        .moving(Transition::new("complete", &["active", "paused"], "completed").needing(Verb::Publish))
        .moving(Transition::new("archive", &["draft", "paused", "completed"], "archived"))
        .unavailable("activate", Verb::Publish, "campaigns are not sent yet")
        .unavailable("preview", Verb::Read, "campaigns are not sent yet")
        .routes();
    duplicable(plain, &TABLE, PATH, write(Area::Recovery), |values| {
        // Its experiment is that of the campaign it is like.
        values.remove("ab_test_id");
        Ok(())
    })
}
