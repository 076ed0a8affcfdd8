//! From what is typed to an operation of the route table.

use anyhow::{Context as _, bail};
use axum::http::Method;
use botbuilder_api::routes::Operation;
use serde_json::Value;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    List,
    Get,
    Create,
    Change,
    Delete,
    Do,
}

impl Verb {
    fn is(self, operation: &Operation) -> bool {
        match self {
            Self::List => operation.method == Method::GET && operation.is_list,
            Self::Get => operation.method == Method::GET && !operation.is_list,
            // What an action makes is new too; the address says which is meant.
            Self::Create | Self::Do => operation.method == Method::POST,
            Self::Change => operation.method == Method::PATCH || operation.method == Method::PUT,
            Self::Delete => operation.method == Method::DELETE,
        }
    }
}

/// The operation that is meant, and its address with what was typed in place of the parameters.
pub fn find<'o>(
    operations: &'o [Operation],
    verb: Verb,
    address: &str,
) -> anyhow::Result<(&'o Operation, String)> {
    let address = address.trim_matches('/');
    let path = format!("/v1/{}", address.strip_prefix("v1/").unwrap_or(address));
    let candidates = operations.iter().filter(|operation| fits(&operation.path, &path));
    // An address of its own (`/v1/webhooks/events`) goes before one with a parameter in that place.
    let mut candidates: Vec<&Operation> = candidates.collect();
    candidates.sort_by_key(|operation| operation.path.matches('{').count());
    if let Some(operation) = candidates.iter().find(|operation| verb.is(operation)) {
        return Ok((operation, path));
    }
    if candidates.is_empty() {
        bail!("there is no address {path}; `botbuilder api find` tells which there are");
    }
    let there: Vec<&str> = candidates.iter().map(|operation| operation.method.as_str()).collect();
    bail!("{path} cannot do that; it takes {}", there.join(", "))
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(given)) if expected == given => {}
            (Some(expected), Some(given)) if expected.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

/// A field as it is typed: `name=text`, or `name:=json`.
pub fn field(typed: &str) -> anyhow::Result<(String, Value)> {
    let (name, value) = typed.split_once('=').with_context(|| format!("{typed} is no field=value"))?;
    match name.strip_suffix(':') {
        Some(name) => {
            let value = serde_json::from_str(value).with_context(|| format!("{name} is no JSON"))?;
            Ok((name.to_owned(), value))
        }
        None => Ok((name.to_owned(), Value::from(value))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_typed_finds_its_operation() {
        let routes = botbuilder_api::routes();
        let found = |verb, address: &str| {
            let (operation, path) = find(routes.operations(), verb, address).unwrap();
            (operation.path.clone(), path)
        };
        assert_eq!(found(Verb::List, "bots"), ("/v1/bots".into(), "/v1/bots".into()));
        assert_eq!(found(Verb::Get, "/v1/bots/7/"), ("/v1/bots/{id}".into(), "/v1/bots/7".into()));
        assert_eq!(found(Verb::Do, "bots/7/publish").0, "/v1/bots/{id}/publish");
        assert_eq!(found(Verb::Get, "webhooks/events").0, "/v1/webhooks/events");
        let error = find(routes.operations(), Verb::Delete, "plans/7").unwrap_err().to_string();
        assert!(error.contains("takes GET"), "{error}");
        assert!(find(routes.operations(), Verb::List, "moons").is_err());
    }

    #[test]
    fn fields_are_texts_or_json() {
        assert_eq!(field("name=a=b").unwrap(), ("name".into(), json!("a=b")));
        assert_eq!(field("n:=[1,2]").unwrap(), ("n".into(), json!([1, 2])));
        assert!(field("n:=[").is_err());
        assert!(field("n").is_err());
    }
}
