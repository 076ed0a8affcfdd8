//! What the program says to the person in front of it, apart from its log.

use std::io::Write as _;

/// Prints a line. The commands are the one place that writes to the terminal.
pub fn say(line: impl std::fmt::Display) {
    // Whoever reads may have seen enough and gone: `botbuilder trail … | head`.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// How the person starts this program: by its name, or by the command that built it.
pub fn program() -> String {
    std::env::var("BOTBUILDER_COMMAND").unwrap_or_else(|_| "botbuilder".to_owned())
}
