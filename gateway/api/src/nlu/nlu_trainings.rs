//! `/v1/bots/{bot_id}/nlu/trainings`: the trainings of a bot, which are the operations behind `…/nlu/train`.

use botbuilder_store::nlu::nlu_trainings::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The address of the collection.
pub const PATH: &str = "/v1/bots/{bot_id}/nlu/trainings";

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "training", Area::Nlu, PATH).log().routes()
}
