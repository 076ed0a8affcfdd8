//! `botbuilder test`: runs the tests that authors write for their bots.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use botbuilder_domain::VersionId;
use botbuilder_flow::{
    Bot, Context, Flow, Library, Settings,
    simulate::cases::{Suite, run as play},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{tell::say, yaml};

/// Which tests.
#[derive(clap::Args)]
pub struct Arguments {
    /// Files of tests, YAML or JSON.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Play them against this definition, and not the one that the file names.
    #[arg(long, value_name = "FLOW")]
    against: Option<PathBuf>,
    /// Only cases with this in their names.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Runs them; an error where one fails.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (mut passed, mut failed) = (0, 0);
    for file in &arguments.files {
        let suite = read(file)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let flow = arguments.against.clone().unwrap_or_else(|| folder.join(&suite.flow));
        let called: Vec<(String, PathBuf)> =
            suite.flows.iter().map(|(id, path)| (id.clone(), folder.join(path))).collect();
        let bot = bot(&flow, &called)?;
        let context = suite.contact.clone().unwrap_or_else(somebody);
        let now = suite.now.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        say(format_args!("{} against {}", file.display(), flow.display()));
        for case in &suite.cases {
            if arguments.only.as_ref().is_some_and(|only| !case.name.contains(only.as_str())) {
                continue;
            }
            let report = play(&bot, &context, case, now);
            say(format_args!("  {} {}", if report.passed() { "ok    " } else { "FAILED" }, report.name));
            for (step, fault) in &report.failures {
                say(format_args!("         step {step}: {fault}"));
            }
            if report.passed() { passed += 1 } else { failed += 1 }
        }
    }
    say(format_args!("{passed} passed, {failed} failed"));
    if failed > 0 || passed == 0 {
        bail!("{failed} cases failed, {passed} passed");
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Suite> {
    let read = || -> anyhow::Result<Suite> {
        let text = fs::read_to_string(file)?;
        Ok(serde_json::from_value(yaml::parse(&text)?)?)
    };
    read().with_context(|| file.display().to_string())
}

/// A bot of a definition in a file, with those that it calls. A draft is enough.
pub fn bot(flow: &Path, called: &[(String, PathBuf)]) -> anyhow::Result<Bot> {
    let definition = |path: &Path| -> anyhow::Result<serde_json::Value> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    };
    let problems = |path: &Path, problems| anyhow::anyhow!("{} cannot be run: {problems:#?}", path.display());
    let mut library = Library::default();
    for (number, (id, path)) in (1_u128..).zip(called) {
        match Flow::draft(&definition(path)?) {
            (Some(flow), _) => library.publish(id, VersionId::new(Uuid::from_u128(number)), Arc::new(flow)),
            (None, found) => return Err(problems(path, found)),
        }
    }
    let bot = Bot::draft(VersionId::new(Uuid::nil()), &definition(flow)?, Settings::default());
    Ok(bot.map_err(|found| problems(flow, found))?.with_library(library))
}

/// Who writes, where nobody is named.
pub fn somebody() -> Context {
    Context { contact: Some("contact-1".to_owned()), ..Context::default() }
}
