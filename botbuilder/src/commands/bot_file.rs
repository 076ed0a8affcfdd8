//! `botbuilder export`, `diff` and `apply`: a bot as one file, so that it can live in version control.

mod plan;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use axum::http::Method;
use botbuilder_service::config::Config;
use serde_json::{Map, Value, json};

use self::plan::{Step, Steps, What};
use super::api::{Client, Where};
use crate::tell::say;

/// A bot to be written into a file.
#[derive(clap::Args)]
pub struct Export {
    #[command(flatten)]
    at: Where,
    /// The bot: its id or short name.
    bot: String,
    /// The file; the output by default.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

/// A file and the bot it stands for.
#[derive(clap::Args)]
pub struct Compare {
    #[command(flatten)]
    at: Where,
    /// The file that `botbuilder export` wrote.
    file: PathBuf,
    /// The bot: its id or short name; the short name in the file by default.
    #[arg(long)]
    bot: Option<String>,
}

/// A file to be applied.
#[derive(clap::Args)]
pub struct Apply {
    #[command(flatten)]
    compare: Compare,
    /// Also delete what the bot has and the file has not.
    #[arg(long)]
    prune: bool,
}

/// Writes a bot into a file.
pub async fn export(config: &Config, arguments: Export) -> anyhow::Result<()> {
    let mut client = Client::open(config, &arguments.at)?;
    let id = bot(&mut client, &arguments.bot).await?.with_context(|| format!("no bot {}", arguments.bot))?;
    let document = document(&mut client, &id).await?;
    let text = format!("{document:#}\n");
    if let Some(file) = arguments.output {
        return std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()));
    }
    say(text.trim_end());
    Ok(())
}

/// Says what applying a file would change, and whether that is anything.
pub async fn diff(config: &Config, arguments: Compare) -> anyhow::Result<bool> {
    let mut client = Client::open(config, &arguments.at)?;
    let wanted = read(&arguments.file)?;
    let Some(id) = bot(&mut client, &named(&arguments, &wanted)?).await? else {
        say("the bot is not there; applying the file makes it");
        return Ok(true);
    };
    let steps = plan::steps(&wanted, &document(&mut client, &id).await?, true)?;
    tell(&steps);
    Ok(!steps.steps.is_empty())
}

/// Makes a bot as a file says: a new one if it is not there, otherwise by what differs.
pub async fn apply(config: &Config, arguments: Apply) -> anyhow::Result<()> {
    let mut client = Client::open(config, &arguments.compare.at)?;
    let wanted = read(&arguments.compare.file)?;
    let Some(id) = bot(&mut client, &named(&arguments.compare, &wanted)?).await? else {
        let made = client.call(&Method::POST, "/v1/bots/import", &[], Some(&wanted), &[]).await?.body;
        let id = made.pointer("/data/id").and_then(Value::as_str).unwrap_or_default();
        say(format_args!("made the bot {id}, a draft"));
        return Ok(());
    };
    let mut steps = plan::steps(&wanted, &document(&mut client, &id).await?, arguments.prune)?;
    let all = steps.steps.len();
    for index in 0..all {
        let Some(step) = steps.steps.get(index).cloned() else { break };
        tell_one(&step);
        take(&mut client, &id, &mut steps, &step)
            .await
            .with_context(|| format!("{} {}", step.part, step.name))?;
    }
    if all == 0 {
        say("nothing differs");
    } else {
        say(format_args!(
            "{all} changes made; what is published stays as it was until it is published again"
        ));
    }
    Ok(())
}

fn tell(steps: &Steps) {
    if steps.steps.is_empty() {
        say("nothing differs");
    }
    steps.steps.iter().for_each(tell_one);
}

fn tell_one(step: &Step) {
    let fields = |fields: &Map<String, Value>| fields.keys().cloned().collect::<Vec<_>>().join(", ");
    match &step.what {
        What::Create(_) => say(format_args!("+ {} {}", step.part, step.name)),
        What::Change { fields: changed, .. } => {
            say(format_args!("~ {} {}: {}", step.part, step.name, fields(changed)));
        }
        What::Delete { .. } => say(format_args!("- {} {}", step.part, step.name)),
    }
}

/// Takes one step.
async fn take(client: &mut Client, bot: &str, steps: &mut Steps, step: &Step) -> anyhow::Result<()> {
    let collection = steps.collection(bot, step)?;
    match &step.what {
        What::Create(fields) => {
            let mut body = steps.renamed(Value::Object(fields.clone()));
            if step.part == "orchestrations" {
                body["bot_id"] = json!(bot);
            }
            let made = client.call(&Method::POST, &collection, &[], Some(&body), &[]).await?.body;
            if let Some(id) = made.pointer("/data/id").and_then(Value::as_str) {
                steps.learn(&step.key, id);
            }
        }
        What::Change { id, fields } => {
            let path = if step.part == "bot" { collection } else { format!("{collection}/{id}") };
            let headers = etag(client, &path).await?;
            let body = steps.renamed(Value::Object(fields.clone()));
            client.call(&Method::PATCH, &path, &[], Some(&body), &headers).await?;
        }
        What::Delete { id } => {
            client.call(&Method::DELETE, &format!("{collection}/{id}"), &[], None, &[]).await?;
        }
    }
    Ok(())
}

/// The version of what is there now, where it has one.
async fn etag(client: &mut Client, path: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let now = client.call(&Method::GET, path, &[], None, &[]).await?;
    Ok(now.etag.into_iter().map(|etag| ("if-match", etag)).collect())
}

async fn document(client: &mut Client, id: &str) -> anyhow::Result<Value> {
    let answer = client.call(&Method::GET, &format!("/v1/bots/{id}/export"), &[], None, &[]).await?;
    answer.body.get("data").cloned().context("the answer holds no document")
}

/// The id of a bot that is named by its id or short name; none if there is none of that short name.
async fn bot(client: &mut Client, named: &str) -> anyhow::Result<Option<String>> {
    let is_id = named.len() == 36 && named.matches('-').count() == 4;
    if is_id {
        return Ok(Some(named.to_owned()));
    }
    let query = [("filter[slug]".to_owned(), named.to_owned()), ("fields".to_owned(), "id".to_owned())];
    let found = client.call(&Method::GET, "/v1/bots", &query, None, &[]).await?.body;
    Ok(found.pointer("/data/0/id").and_then(Value::as_str).map(str::to_owned))
}

fn named(arguments: &Compare, wanted: &Value) -> anyhow::Result<String> {
    let slug = wanted.pointer("/bot/slug").and_then(Value::as_str).map(str::to_owned);
    arguments.bot.clone().or(slug).context("the file names no bot; give one with --bot")
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let document: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    if document.get("format").and_then(Value::as_str) != Some("botbuilder.bot") {
        bail!("{} is no bot of ours", file.display());
    }
    Ok(document)
}
