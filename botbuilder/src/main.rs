//! The BotBuilder program.

fn main() {}
