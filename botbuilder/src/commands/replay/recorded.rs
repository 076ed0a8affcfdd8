//! Recorded conversations: what a draft does differently, and tests of what was said.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use axum::http::Method;
use botbuilder_flow::{
    Settings,
    simulate::cases::{Case, Suite},
};
use botbuilder_service::config::Config;
use serde_json::{Map, Value, json};

use super::Arguments;
use crate::{
    commands::{
        api::Client,
        test::{definition, read},
    },
    tell::say,
};

/// Plays recorded conversations again and says what differs.
pub async fn compare(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let flow = arguments.flow.as_deref().unwrap_or_default();
    let mut body = json!({ "against": if arguments.recorded { "recorded" } else { "draft" } });
    if let Some(draft) = &arguments.draft {
        body["definition"] = definition(draft)?.definition;
    }
    if arguments.conversations.is_empty() {
        body["limit"] = json!(arguments.limit);
    } else {
        body["conversations"] = json!(arguments.conversations);
    }
    if let Some(since) = arguments.since {
        body["since"] = json!(since);
    }
    let mut client = Client::open(config, &arguments.at)?;
    let path = format!("/v1/flows/{flow}/replay");
    let answer = client.call(&Method::POST, &path, &[], Some(&body), &[]).await?.body;
    let report = answer.get("data").context("the answer holds no report")?;
    tell(report, arguments.recorded);
    let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or_default();
    let strayed = report.get("strayed").and_then(Value::as_array).map_or(0, Vec::len);
    if arguments.recorded && strayed > 0 {
        bail!("{strayed} steps did not come out as they were recorded");
    }
    if arguments.exit_code && (count("different") > 0 || strayed > 0) {
        bail!("{} conversations go otherwise", count("different"));
    }
    Ok(())
}

fn tell(report: &Value, recorded: bool) {
    let count = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    for strayed in report.get("strayed").and_then(Value::as_array).into_iter().flatten() {
        let conversation = strayed["conversation"].as_str().unwrap_or_default();
        say(format_args!(
            "{conversation} step {}: not as it was recorded: {}",
            strayed["step"], strayed["parts"]
        ));
    }
    for one in report.get("differences").and_then(Value::as_array).into_iter().flatten() {
        say(one["conversation"].as_str().unwrap_or_default());
        for step in one["steps"].as_array().into_iter().flatten() {
            tell_step(step);
        }
        if one["unanswered"] != 0 {
            say(format_args!("  questions that were never answered: {}", one["unanswered"]));
        }
    }
    say(format_args!(
        "{} conversations, {} steps played, {} cannot be played any more",
        count("/conversations"),
        count("/steps"),
        count("/lost")
    ));
    if recorded {
        return;
    }
    say(format_args!("{} go otherwise", count("/different")));
    for part in ["messages", "nodes", "questions", "tokens", "micros"] {
        let (before, after) = (count(&format!("/cost/before/{part}")), count(&format!("/cost/after/{part}")));
        if before != after {
            say(format_args!("  {part}: {before} before, {after} after"));
        }
    }
}

fn tell_step(step: &Value) {
    for (part, change) in step.as_object().into_iter().flatten().filter(|(part, _)| *part != "step") {
        let shown = |side: &str| match part.as_str() {
            "said" => {
                let said = change[side].as_array().into_iter().flatten();
                let texts: Vec<String> = said.map(text).collect();
                texts.join(" / ")
            }
            _ => change[side].to_string(),
        };
        say(format_args!("  step {} {part}", step["step"]));
        say(format_args!("    - {}", shown("before")));
        say(format_args!("    + {}", shown("after")));
    }
}

/// The text of a content, or the content itself.
fn text(content: &Value) -> String {
    let text = content.get("text").and_then(Value::as_str);
    text.map_or_else(|| content.to_string(), str::to_owned)
}

/// Makes a test of a conversation.
pub async fn as_test(config: &Config, arguments: &Arguments, file: &Path) -> anyhow::Result<()> {
    let [conversation] = arguments.conversations.as_slice() else {
        bail!("a test is made of one conversation");
    };
    let mut body = Map::new();
    if let Some(name) = &arguments.name {
        body.insert("name".to_owned(), json!(name));
    }
    let mut client = Client::open(config, &arguments.at)?;
    let path = format!("/v1/conversations/{conversation}/as-test");
    let answer = client.call(&Method::POST, &path, &[], Some(&Value::Object(body)), &[]).await?.body;
    let data = answer.get("data").context("the answer holds no test")?;
    let mut case: Case = serde_json::from_value(data["case"].clone())?;
    case.contact = serde_json::from_value(data["contact"].clone())?;
    let mut suite = match &arguments.bot {
        Some(bot) => about_bot(data, bot, file)?,
        None => about_flow(data, file)?,
    };
    let name = case.name.clone();
    if file.exists() {
        let before = read(file)?;
        if before.flow != suite.flow || before.settings != suite.settings {
            bail!("{} is about another flow, or a bot with other settings", file.display());
        }
        suite.cases = before.cases.into_iter().filter(|known| known.name != name).collect();
    }
    suite.cases.push(case);
    write(file, &json!(suite))?;
    say(format_args!("written to {}: {name}", file.display()));
    if data["is_faithful"] != true {
        say(
            "played alone, the conversation goes otherwise than it was recorded: look at what the test expects",
        );
    }
    Ok(())
}

/// A suite about a flow of a bot's file.
fn about_bot(data: &Value, bot: &Path, file: &Path) -> anyhow::Result<Suite> {
    let name = data["flow"]["name"].as_str().context("the flow is not there any more")?;
    let folder = |path: &Path| -> anyhow::Result<PathBuf> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(fs::canonicalize(folder.unwrap_or(Path::new(".")))?)
    };
    let beside = folder(bot)? == folder(file)?;
    let path = if beside { bot.file_name().map(PathBuf::from) } else { Some(fs::canonicalize(bot)?) };
    let path = path.context("the file of the bot has no name")?;
    Ok(Suite {
        flow: format!("{}#{name}", path.display()),
        flows: [].into(),
        settings: None,
        contact: None,
        now: None,
        cases: Vec::new(),
    })
}

/// A suite about flows that are written beside it.
fn about_flow(data: &Value, file: &Path) -> anyhow::Result<Suite> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.strip_suffix(".test").map_or(stem.clone(), str::to_owned);
    let beside = |name: &str| file.with_file_name(name);
    let flow = format!("{stem}.flow.json");
    write(&beside(&flow), &data["flow"]["definition"])?;
    let mut flows = std::collections::BTreeMap::new();
    for (id, definition) in data["flows"].as_object().into_iter().flatten() {
        let name = format!("{stem}.{id}.json");
        write(&beside(&name), definition)?;
        flows.insert(id.clone(), name);
    }
    let settings: Option<Settings> = serde_json::from_value(data["settings"].clone())?;
    Ok(Suite { flow, flows, settings, contact: None, now: None, cases: Vec::new() })
}

fn write(file: &Path, json: &Value) -> anyhow::Result<()> {
    let text = format!("{json:#}\n");
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
