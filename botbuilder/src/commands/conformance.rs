//! `botbuilder conformance`: plays a public suite out of somebody's own checkout.

use std::path::PathBuf;

use anyhow::bail;
use botbuilder_import::conformance::{self, Row};
use clap::ValueEnum;

use crate::tell::say;

/// Which suite, and where it is.
#[derive(clap::Args)]
pub struct Arguments {
    /// The suite.
    #[arg(long, value_enum)]
    suite: Suite,
    /// The checkout, or a folder of the suite's files.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Show the report of every file, not only why it fails.
    #[arg(long)]
    notes: bool,
}

/// The suites.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Suite {
    /// Scenarios and broken flows of goflow.
    Goflow,
    /// Typebot's public files.
    Typebot,
}

/// Plays the suite and shows a line a file, then the totals. Fails where a core file does.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rows = match arguments.suite {
        Suite::Goflow => conformance::goflow::run(&arguments.path)?,
        Suite::Typebot => conformance::typebot::run(&arguments.path)?,
    };
    for row in &rows {
        tell(row, arguments.notes);
    }
    let mut parts: Vec<&str> = rows.iter().map(|row| row.part).collect();
    parts.dedup();
    for part in parts {
        let of_part = || rows.iter().filter(|row| row.part == part);
        let core = || of_part().filter(|row| row.core);
        let passed = |rows: &mut dyn Iterator<Item = &Row>| rows.filter(|row| row.passes()).count();
        say(format_args!(
            "{part}: {} of {} pass; core: {} of {}",
            passed(&mut of_part()),
            of_part().count(),
            passed(&mut core()),
            core().count(),
        ));
    }
    let failed = rows.iter().filter(|row| row.core && !row.passes()).count();
    if failed > 0 {
        bail!("{failed} core files fail");
    }
    Ok(())
}

fn tell(row: &Row, notes: bool) {
    let word = if row.passes() { "pass" } else { "FAIL" };
    let core = if row.core { ", core" } else { "" };
    say(format_args!("{word} {} ({}{core})", row.name, row.part));
    for fault in &row.faults {
        say(format_args!("     {fault}"));
    }
    // Why a broken flow is refused belongs to its result.
    if notes || row.part == "broken" {
        for note in &row.notes {
            say(format_args!("     {note}"));
        }
    }
}
