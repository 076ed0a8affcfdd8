//! `botbuilder api`: the management API in a terminal. What can be called is read from the same route table as the API
//! and its OpenAPI document, so the two cannot differ.

mod client;
mod words;

use std::io::Read as _;

use anyhow::{Context as _, bail};
use axum::http::Method;
use botbuilder_api::routes::Operation;
use botbuilder_service::config::Config;
use serde_json::{Map, Value};

pub use self::client::{Client, Where};
use self::words::{Verb, find};
use crate::tell::say;

/// What to call.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  botbuilder api login ada@example.org
  botbuilder api list bots
  botbuilder api list bots --fields name,status --filter status=active
  botbuilder api get bots/0190…
  botbuilder api create bots name=Shop slug=shop
  botbuilder api change bots/0190… name='Shop two'
  botbuilder api do bots/0190…/flows/0190…/publish
  botbuilder api delete api-tokens/0190…
  botbuilder api find flows")]
pub struct Arguments {
    #[command(flatten)]
    at: Where,

    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Sign in and stay signed in on this machine. The password is read from `BOTBUILDER_PASSWORD` or the input.
    Login {
        /// The address of the account.
        email: String,
    },
    /// Sign out and forget the session.
    Logout,
    /// Say which operations there are, those whose address or description has the word.
    Find {
        /// The word.
        #[arg(default_value = "")]
        word: String,
    },
    /// Show a list, one row a line as JSON.
    List(Call),
    /// Show one thing.
    Get(Call),
    /// Make a new thing of fields: name=value for texts, name:=json for everything else.
    Create(Call),
    /// Change fields of a thing.
    Change(Call),
    /// Delete a thing.
    Delete(Call),
    /// Do what is more than a change of fields: the last part of the address is the action.
    Do(Call),
}

/// An address with what goes there.
#[derive(clap::Args)]
struct Call {
    /// The address below /v1, such as bots or bots/0190….
    address: String,
    /// Fields of the body: name=value for texts, name:=json for the rest.
    fields: Vec<String>,
    /// A file with the body; `-` for the input.
    #[arg(long)]
    body: Option<String>,
    /// Only these fields of the answer, with commas.
    #[arg(long = "fields")]
    shown: Option<String>,
    /// Only rows with this: column=value, or column[gte]=value. May be repeated.
    #[arg(long)]
    filter: Vec<String>,
    /// The order of a list: a column, with a minus before it for the other way round.
    #[arg(long)]
    sort: Option<String>,
    /// Most rows of a list; all of them by default.
    #[arg(long)]
    limit: Option<usize>,
}

/// Calls.
pub async fn run(config: &Config, arguments: Arguments) -> anyhow::Result<()> {
    let client = || Client::open(config, &arguments.at);
    match arguments.command {
        Command::Login { email } => {
            let password = match std::env::var("BOTBUILDER_PASSWORD") {
                Ok(password) => password,
                Err(_) => read_line("password: ")?,
            };
            client()?.login(&email, &password, || read_line("code of the second factor: ")).await
        }
        Command::Logout => client()?.logout().await,
        Command::Find { word } => {
            let routes = botbuilder_api::routes();
            for operation in routes.operations().iter().filter(|operation| has(operation, &word)) {
                let method = operation.method.as_str();
                say(format_args!("{method:<7}{:<60} {}", operation.path, operation.summary));
            }
            Ok(())
        }
        Command::List(call) => list(&mut client()?, call).await,
        Command::Get(call) => one(&mut client()?, Verb::Get, call).await,
        Command::Create(call) => one(&mut client()?, Verb::Create, call).await,
        Command::Change(call) => one(&mut client()?, Verb::Change, call).await,
        Command::Delete(call) => one(&mut client()?, Verb::Delete, call).await,
        Command::Do(call) => one(&mut client()?, Verb::Do, call).await,
    }
}

fn has(operation: &Operation, word: &str) -> bool {
    operation.path.contains(word) || operation.summary.contains(word)
}

fn read_line(prompt: &str) -> anyhow::Result<String> {
    eprint!("{prompt}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("nothing to read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Shows a list to its end, or to the limit.
async fn list(client: &mut Client, call: Call) -> anyhow::Result<()> {
    let routes = botbuilder_api::routes();
    let (_, path) = find(routes.operations(), Verb::List, &call.address)?;
    let mut left = call.limit.unwrap_or(usize::MAX);
    let mut cursor: Option<String> = None;
    while left > 0 {
        let mut query = call.query()?;
        query.push(("limit".to_owned(), left.min(200).to_string()));
        query.extend(cursor.take().map(|cursor| ("cursor".to_owned(), cursor)));
        let answer = client.call(&Method::GET, &path, &query, None, &[]).await?.body;
        let rows = answer.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
        for row in &rows {
            say(format_args!("{row}"));
        }
        left -= rows.len().min(left);
        match answer.get("next_cursor").and_then(Value::as_str) {
            Some(next) if !rows.is_empty() => cursor = Some(next.to_owned()),
            _ => break,
        }
    }
    Ok(())
}

async fn one(client: &mut Client, verb: Verb, call: Call) -> anyhow::Result<()> {
    let routes = botbuilder_api::routes();
    let (operation, path) = find(routes.operations(), verb, &call.address)?;
    let body = call.body()?;
    let mut headers = Vec::new();
    if operation.takes_match {
        // What is changed is what is there now.
        let item = match verb {
            Verb::Do => path.rsplit_once('/').map_or(path.as_str(), |(item, _)| item),
            _ => path.as_str(),
        };
        let now = client.call(&Method::GET, item, &[], None, &[]).await?;
        headers.extend(now.etag.map(|etag| ("if-match", etag)));
    }
    let body = match verb {
        Verb::Get | Verb::List | Verb::Delete => None,
        Verb::Create | Verb::Change | Verb::Do => Some(body),
    };
    let answer = client.call(&operation.method, &path, &call.query()?, body.as_ref(), &headers).await?;
    if let Some(data) = answer.body.get("data") {
        say(format_args!("{data:#}"));
    } else if !answer.body.is_null() {
        say(format_args!("{:#}", answer.body));
    }
    Ok(())
}

impl Call {
    fn query(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut query = Vec::new();
        query.extend(self.shown.clone().map(|fields| ("fields".to_owned(), fields)));
        query.extend(self.sort.clone().map(|sort| ("sort".to_owned(), sort)));
        for filter in &self.filter {
            let (name, value) = filter.split_once('=').context("a filter is column=value")?;
            let name = match name.split_once('[') {
                Some((column, test)) => format!("filter[{column}][{test}"),
                None => format!("filter[{name}]"),
            };
            query.push((name, value.to_owned()));
        }
        Ok(query)
    }

    fn body(&self) -> anyhow::Result<Value> {
        let mut body = match self.body.as_deref() {
            None => Value::Object(Map::new()),
            Some("-") => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text)?;
                serde_json::from_str(&text).context("the input is no JSON")?
            }
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
                serde_json::from_str(&text).with_context(|| format!("{file} is no JSON"))?
            }
        };
        for field in &self.fields {
            let (name, value) = words::field(field)?;
            match body.as_object_mut() {
                Some(body) => body.insert(name, value),
                None => bail!("fields go into an object, and the body is none"),
            };
        }
        Ok(body)
    }
}
