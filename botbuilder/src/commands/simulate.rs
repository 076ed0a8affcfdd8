//! `botbuilder simulate`: a conversation with a draft, in the terminal. Nothing is sent and nobody is asked.

use std::{
    fs,
    io::{BufRead as _, stdin},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use botbuilder_domain::Content;
use botbuilder_flow::{
    Value,
    simulate::{
        Act, Given, Outcome, Simulation,
        cases::{Suite, record},
    },
};
use chrono::{DateTime, Utc};

use super::test::{bot, somebody};
use crate::{tell::say, yaml};

/// What is played.
#[derive(clap::Args)]
pub struct Arguments {
    /// The definition.
    #[arg(value_name = "FLOW")]
    flow: PathBuf,
    /// A flow that it calls: the id that calls it, and its file. May be repeated.
    #[arg(long = "flow", value_name = "ID=FILE")]
    flows: Vec<String>,
    /// A file with what services and models say: a list of `{node, answer}`, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// The instant of the beginning; 1970 by default, so that two runs are alike.
    #[arg(long, value_name = "INSTANT")]
    now: Option<DateTime<Utc>>,
    /// Show nodes, variables and questions, too.
    #[arg(long)]
    verbose: bool,
    /// Write the conversation as a test to this file.
    #[arg(long, value_name = "FILE")]
    as_test: Option<PathBuf>,
}

/// Talks until the end of the input.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let called = arguments.flows.iter().map(|pair| {
        let (id, path) = pair.split_once('=').context("--flow has the form ID=FILE")?;
        Ok((id.to_owned(), PathBuf::from(path)))
    });
    let called = called.collect::<anyhow::Result<Vec<_>>>()?;
    let given: Vec<Given> = match &arguments.answers {
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            serde_json::from_value(yaml::parse(&text)?).with_context(|| path.display().to_string())?
        }
        None => Vec::new(),
    };
    let now = arguments.now.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
    let mut simulation = Simulation::new(bot(&arguments.flow, &called)?, somebody(), given.clone(), now);
    say(format_args!(
        "write, or: /tap OPTION, /wait 5m, /event NAME {{DATA}}, /open; end with ctrl-d; nothing is sent"
    ));
    let mut played = Vec::new();
    for line in stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let act = match read(line.trim()) {
            Ok(act) => act,
            Err(error) => {
                say(format_args!("     {error:#}"));
                continue;
            }
        };
        match simulation.act(&act) {
            Ok(outcome) => {
                show(&outcome, arguments.verbose);
                played.push((act, outcome));
            }
            Err(error) => say(format_args!("     {error}")),
        }
    }
    if let Some(path) = &arguments.as_test {
        let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let absolute = |path: &PathBuf| -> anyhow::Result<String> {
            Ok(fs::canonicalize(path)?.to_string_lossy().into_owned())
        };
        let suite = Suite {
            flow: absolute(&arguments.flow)?,
            flows: called
                .iter()
                .map(|(id, path)| Ok((id.clone(), absolute(path)?)))
                .collect::<anyhow::Result<_>>()?,
            contact: None,
            now: None,
            settings: None,
            cases: vec![record(&name, now, given, played)],
        };
        fs::write(path, serde_json::to_string_pretty(&suite)? + "\n")?;
        say(format_args!("written as a test: {}", path.display()));
    }
    Ok(())
}

/// An act, as it is typed.
fn read(line: &str) -> anyhow::Result<Act> {
    let Some(command) = line.strip_prefix('/') else { return Ok(Act::Say(line.to_owned())) };
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim();
    Ok(match name {
        "tap" => Act::Tap(rest.to_owned()),
        "wait" => Act::Wait(rest.to_owned()),
        "open" => Act::Open(Some(rest.to_owned()).filter(|rest| !rest.is_empty())),
        "event" => {
            let (name, data) = rest.split_once(' ').unwrap_or((rest, "null"));
            let data = serde_json::from_str(data).context("the data of an event is JSON")?;
            let data = Value::from_json(&data).context("the data is nested too deep")?;
            Act::Event { name: name.to_owned(), data }
        }
        other => bail!("there is no /{other}"),
    })
}

fn show(outcome: &Outcome, verbose: bool) {
    for content in &outcome.said {
        say(format_args!("bot> {}", content.plain_text().unwrap_or("[no text]")));
        if let Content::Choice(choice) = content {
            for (number, option) in (1..).zip(&choice.options) {
                say(format_args!("     {number}. {}", option.title));
            }
        }
    }
    for effect in &outcome.effects {
        say(format_args!("     would do: {}", serde_json::json!(effect)));
    }
    for asked in outcome.asked.iter().filter(|asked| verbose || !asked.answered) {
        let what = serde_json::json!(asked.question.ask);
        let given = if asked.answered { "answered as given" } else { "no answer was given" };
        say(format_args!("     {} asked {what}: {given}", asked.node));
    }
    if verbose {
        say(format_args!("     path: {}", outcome.path.join(" > ")));
        say(format_args!("     variables: {}", outcome.variables.to_json()));
    }
    if outcome.ended {
        say(format_args!("     (the flow has ended)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_read_as_they_are_typed() {
        assert_eq!(read("hello /tap").unwrap(), Act::Say("hello /tap".to_owned()));
        assert_eq!(read("/tap Two words").unwrap(), Act::Tap("Two words".to_owned()));
        assert_eq!(read("/open").unwrap(), Act::Open(None));
        let event = read("/event order.paid {\"order\": 7}").unwrap();
        let data = Value::object([("order", Value::Number(7.0))]);
        assert_eq!(event, Act::Event { name: "order.paid".to_owned(), data });
        assert!(read("/dance").is_err() && read("/event a {").is_err());
    }
}
