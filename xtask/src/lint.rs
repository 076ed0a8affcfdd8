//! `cargo xtask lint` and `cargo xtask fmt`.

use crate::{
    setup,
    shell::{self, Outcome, cargo, exists, say},
};

/// Formats everything.
pub fn format(_: &[String]) -> Outcome {
    shell::run(cargo().args(["fmt", "--all"]))
}

/// Checks formatting, lints, dependencies.
pub fn run(_: &[String]) -> Outcome {
    setup::for_programs()?;
    check_format()?;
    clippy()?;
    if exists("cargo-deny") {
        shell::run(cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]))?;
        say("the list of advisories comes over the network");
        shell::run(cargo().args(["deny", "check", "advisories"]))
    } else {
        say("cargo-deny is not installed, dependencies are not checked: cargo install cargo-deny");
        Ok(())
    }
}

/// Fails if something is not formatted.
pub fn check_format() -> Outcome {
    shell::run(cargo().args(["fmt", "--all", "--check"]))
}

/// Fails on any warning.
pub fn clippy() -> Outcome {
    shell::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ]))
}
