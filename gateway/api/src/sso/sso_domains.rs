//! `/v1/sso/domains`.

use botbuilder_store::{secret::new_secret, sso::sso_domains::TABLE};
use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    permission::{Area, Verb},
    resource::{Mode, Resource},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "single sign-on domain", Area::Sso, "/v1/sso/domains")
        .log()
        .creatable()
        .deletable()
        .prepared(challenged)
        .unavailable("verify", Verb::Manage, "domains are not looked up yet")
        .routes()
}

/// A new domain gets the text that has to stand in its DNS.
fn challenged(values: &mut Map<String, Value>, mode: Mode) -> Result<(), ApiError> {
    if mode == Mode::Create {
        let token = new_secret().map_err(botbuilder_store::Error::from)?;
        values.insert("verification_token".to_owned(), json!(token.expose().get(..32)));
    }
    Ok(())
}
