//! Links: what can be done next with what an operation answers. They are made of the addresses in the route table: a new
//! thing is read, changed and deleted at its collection's address and its id, and has collections of its own below
//! that; the first row of a list can be read. Programs follow them, and tests over the document do.

use serde_json::{Map, Value, json};

use super::operation_id;
use crate::routes::{Access, Operation};

/// Where what is answered stands, and what its id is in the answer.
struct Source {
    /// Addresses below which an id of it is the next segment.
    collections: Vec<String>,
    /// The id, as links say it.
    id: &'static str,
    /// Whether it was just made, so that all may be done with it; else it is only read.
    is_new: bool,
}

/// What an operation answers that others can be done with.
fn source(operation: &Operation) -> Option<Source> {
    let answer = operation.answer.as_ref()?;
    answer.pointer("/properties/id")?;
    let path = operation.path.strip_suffix("/{id}/duplicate").unwrap_or(&operation.path);
    let last = path.rsplit('/').next().filter(|last| !last.starts_with('{'))?;
    let mut collections = vec![path.to_owned()];
    let short = format!("/v1/{last}");
    if short != path {
        collections.push(short);
    }
    match operation.method.as_str() {
        "POST" if operation.status == 201 => {
            Some(Source { collections, id: "$response.body#/data/id", is_new: true })
        }
        "GET" if operation.is_list => {
            Some(Source { collections, id: "$response.body#/data/0/id", is_new: false })
        }
        _ => None,
    }
}

/// The parameter that takes the id, where an address lies right below the collection and asks for no other id of its own.
fn parameter<'a>(path: &'a str, collection: &str) -> Option<&'a str> {
    let (parameter, rest) = path.strip_prefix(collection)?.strip_prefix("/{")?.split_once('}')?;
    (!rest.contains('{')).then_some(parameter)
}

/// The link to one operation.
fn link(source: &Source, from: &Operation, to: &Operation) -> Option<Value> {
    let is_open = to.status != 501 && to.access != Access::Public;
    let is_fit = source.is_new || to.method.as_str() == "GET";
    if !is_open || !is_fit {
        return None;
    }
    let (collection, parameter) = source
        .collections
        .iter()
        .find_map(|collection| Some((collection, parameter(&to.path, collection)?)))?;
    let mut parameters = Map::new();
    for segment in collection.split('/') {
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            parameters.insert(format!("path.{name}"), json!(format!("$request.path.{name}")));
        }
    }
    parameters.insert(format!("path.{parameter}"), json!(source.id));
    if to.takes_match && from.status == 201 {
        parameters.insert("header.If-Match".to_owned(), json!("$response.header.ETag"));
    }
    Some(json!({ "operationId": operation_id(to), "parameters": parameters }))
}

/// The links of an operation's answer, each under the name of where it leads.
pub(super) fn of(operation: &Operation, all: &[Operation]) -> Map<String, Value> {
    let Some(source) = source(operation) else { return Map::new() };
    all.iter().filter_map(|to| Some((operation_id(to), link(&source, operation, to)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_thing_leads_to_itself_and_to_what_is_below_it() {
        let routes = crate::routes();
        let all = routes.operations();
        let find = |method: &str, path: &str| {
            all.iter()
                .find(|operation| operation.method.as_str() == method && operation.path == path)
                .unwrap()
        };
        let links = of(find("POST", "/v1/bots/{bot_id}/intents"), all);
        let patch = &links["patch_v1_bots_bot_id_intents_id"]["parameters"];
        assert_eq!(patch["path.bot_id"], "$request.path.bot_id");
        assert_eq!(patch["path.id"], "$response.body#/data/id");
        let below = &links["post_v1_intents_intent_id_examples"]["parameters"];
        assert_eq!(below, &json!({ "path.intent_id": "$response.body#/data/id" }));
        assert!(!links.contains_key("post_v1_bots_bot_id_intents"));
        let made = of(find("POST", "/v1/bots"), all);
        assert_eq!(made["patch_v1_bots_id"]["parameters"]["header.If-Match"], "$response.header.ETag");
        let listed = of(find("GET", "/v1/bots"), all);
        assert!(listed.contains_key("get_v1_bots_id") && listed.contains_key("get_v1_bots_bot_id_intents"));
        assert!(!listed.contains_key("delete_v1_bots_id"));
        assert!(of(find("GET", "/v1/me"), all).is_empty());
    }
}
