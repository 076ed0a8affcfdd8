//! `botbuilder openapi`: the document of the management API.

use crate::tell::say;

/// Prints it.
pub fn run() {
    let routes = botbuilder_api::routes();
    say(format_args!("{:#}", botbuilder_api::openapi::document(routes.operations())));
}
