//! `botbuilder run`.

use anyhow::Context as _;
use axum::Router;
use botbuilder_service::config::{Config, Role};

use crate::platform::{self, Platform};

/// Runs the roles until a signal ends them.
pub async fn run(mut config: Config, roles: Vec<Role>) -> anyhow::Result<()> {
    if !roles.is_empty() {
        config.roles = roles;
    }
    config.validate()?;
    let render = platform::telemetry(&config)?;
    let platform = Platform::start(config, render, Router::new()).await?;
    platform.run().await.context("the program stopped")
}
