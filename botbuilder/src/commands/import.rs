//! `botbuilder import`: reads flows of other programs.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use botbuilder_flow::Flow;
use botbuilder_import::{Format, Import, ImportError, Options, Outcome};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::tell::say;

/// What to import, and where to put it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The file: an export, or one flow.
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// What the file is; by its looks where this is not given.
    #[arg(long, value_enum)]
    format: Option<Source>,
    /// The language whose translations are taken, as the file names it.
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// A folder for the definitions and the report. Without it, only the report is shown.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Show what is mapped as well, not only what is different.
    #[arg(long)]
    all: bool,
}

/// The formats.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Source {
    Goflow,
    Typebot,
    Platform,
}

/// Imports a file, shows the report, and writes what came of it.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let path = &arguments.source;
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let source: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    let format = arguments.format.map(|format| match format {
        Source::Goflow => Format::Goflow,
        Source::Typebot => Format::Typebot,
        Source::Platform => Format::Platform,
    });
    let options = Options { language: arguments.language.clone(), complete: false };
    let import = match botbuilder_import::import(&source, format, &options) {
        Ok(import) => import,
        Err(ImportError::Refused(faults)) => {
            for fault in &faults {
                say(format_args!("refused: {fault}"));
            }
            bail!("the file has {} faults", faults.len());
        }
        Err(error) => return Err(error.into()),
    };
    for line in &import.report.lines {
        if arguments.all || line.outcome != Outcome::Mapped {
            say(line);
        }
    }
    for flow in &import.flows {
        let (_, problems) = Flow::draft(&flow.definition);
        for problem in &problems {
            say(format_args!("to mend before it is published: `{}`: {problem}", flow.name));
        }
    }
    let count = |outcome| import.report.count(outcome);
    say(format_args!(
        "{} flows of {}: {} parts mapped, {} changed, {} not supported",
        import.flows.len(),
        import.format.as_str(),
        count(Outcome::Mapped),
        count(Outcome::Changed),
        count(Outcome::NotSupported),
    ));
    if let Some(folder) = &arguments.out {
        write(folder, &import)?;
    }
    Ok(())
}

fn write(folder: &PathBuf, import: &Import) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let put = |name: String, value: &Value| -> anyhow::Result<()> {
        let path = folder.join(name);
        let text = serde_json::to_string_pretty(value)?;
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        say(format_args!("wrote {}", path.display()));
        Ok(())
    };
    for (number, flow) in (1..).zip(&import.flows) {
        put(format!("{number:02}-{}.json", file_name(&flow.name)), &flow.definition)?;
    }
    put("report.json".to_owned(), &json!(import.report))
}

/// A flow's name as that of a file.
fn file_name(name: &str) -> String {
    let clean: String = name
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .take(60)
        .collect();
    clean.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        assert_eq!(file_name("../Über uns/ x "), "ber-uns-x");
    }
}
