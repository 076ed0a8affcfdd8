//! `botbuilder check-config`.

use botbuilder_service::config::Config;

use crate::tell::say;

/// Checks the configuration and prints it with secrets hidden.
pub fn run(config: &Config) -> anyhow::Result<()> {
    config.validate()?;
    say(config.redacted().trim_end());
    Ok(())
}
