//! `botbuilder test`: runs the tests that authors write for their bots.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use botbuilder_domain::VersionId;
use botbuilder_flow::{
    Bot, Context, Flow, Library, Settings, Value as Held,
    simulate::cases::{Suite, run as play},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
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
        let mut bot = bot(&flow, &called)?;
        if let Some(settings) = &suite.settings {
            bot.settings = settings.clone();
        }
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

/// The tests of a file.
pub fn read(file: &Path) -> anyhow::Result<Suite> {
    let read = || -> anyhow::Result<Suite> {
        let text = fs::read_to_string(file)?;
        Ok(serde_json::from_value(yaml::parse(&text)?)?)
    };
    read().with_context(|| file.display().to_string())
}

/// A definition out of a file, with what the file says of its surroundings.
pub struct Defined {
    /// The definition.
    pub definition: Value,
    /// The other flows of the bot, by the ids that call them.
    others: Vec<(String, Value)>,
    settings: Settings,
}

/// Reads a definition: a file of its own, or with `#Name` a flow of a bot's file; without a name its default one.
pub fn definition(path: &Path) -> anyhow::Result<Defined> {
    let text = path.to_string_lossy();
    let (file, name) = match text.rsplit_once('#') {
        Some((file, name)) => (Path::new(file), Some(name)),
        None => (path, None),
    };
    let source = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let json: Value = serde_json::from_str(&source).with_context(|| file.display().to_string())?;
    if json["format"] != "botbuilder.bot" {
        return Ok(Defined { definition: json, others: Vec::new(), settings: Settings::default() });
    }
    let mut flows: Vec<&Value> = json["flows"].as_array().into_iter().flatten().collect();
    let is_meant = |flow: &&Value| match name {
        Some(name) => flow["name"] == name,
        None => flow["is_default"] == true,
    };
    let found = flows.iter().position(is_meant).or_else(|| (name.is_none() && flows.len() == 1).then_some(0));
    let found =
        found.with_context(|| format!("{} has no flow `{}`", file.display(), name.unwrap_or("default")))?;
    let definition = flows.swap_remove(found)["draft_definition"].clone();
    let others = flows
        .into_iter()
        .filter_map(|flow| Some((flow["id"].as_str()?.to_owned(), flow["draft_definition"].clone())));
    let bot = &json["bot"];
    let hours = bot.pointer("/settings/business_hours");
    let constants = bot.pointer("/settings/constants").and_then(Held::from_json);
    let settings = Settings {
        handoff: bot["handoff_enabled"].as_bool().unwrap_or(true),
        hours: hours.map(|hours| serde_json::from_value(hours.clone())).transpose()?,
        constants: constants.unwrap_or_default(),
        ..Settings::with_fallback(bot["fallback_message"].as_str().map(str::to_owned))
    };
    Ok(Defined { definition, others: others.collect(), settings })
}

/// A bot of a definition in a file, with those that it calls. A draft is enough.
pub fn bot(flow: &Path, called: &[(String, PathBuf)]) -> anyhow::Result<Bot> {
    let problems = |path: &Path, problems| anyhow::anyhow!("{} cannot be run: {problems:#?}", path.display());
    let main = definition(flow)?;
    let mut library = Library::default();
    let mut others = main.others;
    for (id, path) in called {
        others.push((id.clone(), definition(path)?.definition));
    }
    for (number, (id, definition)) in (1_u128..).zip(others) {
        match Flow::draft(&definition) {
            (Some(flow), _) => library.publish(id, VersionId::new(Uuid::from_u128(number)), Arc::new(flow)),
            (None, found) => return Err(problems(Path::new(&id), found)),
        }
    }
    let bot = Bot::draft(VersionId::new(Uuid::nil()), &main.definition, main.settings);
    Ok(bot.map_err(|found| problems(flow, found))?.with_library(library))
}

/// Who writes, where nobody is named.
pub fn somebody() -> Context {
    Context { contact: Some("contact-1".to_owned()), ..Context::default() }
}
