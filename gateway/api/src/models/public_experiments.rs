//! `/v1/public/experiments/…`: what pages of an organization's site tell of their visitors, by the key of its widget.

use axum::http::Method;

use crate::{
    resource::missing,
    routes::{Access, Routes},
};

/// The routes of pages. Whoever writes without credentials needs a rate of their own, which is not there yet.
pub fn routes() -> Routes {
    ["assign", "expose", "convert"].into_iter().fold(Routes::new(), |routes, action| {
        let path = format!("/v1/public/experiments/{action}");
        missing(routes, &Method::POST, path, Access::Public, "experiments are not told of by pages yet")
    })
}
