//! What the program says to the person in front of it, apart from its log.

/// Prints a line. The commands are the one place that writes to the terminal.
#[expect(clippy::print_stdout, reason = "this is what the person asked for")]
pub fn say(line: impl std::fmt::Display) {
    println!("{line}");
}
