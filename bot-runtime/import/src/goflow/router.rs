//! Routers: what is waited for, what is tested, which exit is taken.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{
    Flow,
    cases::{self, Argument, Test},
    context::path_of,
    excellent::{Part, parse, parts},
    source::{Category, Node, Router},
    template::{expression, is_dynamic},
};
use crate::{
    build::{Chain, Exit, quoted, value_tag},
    report::Notes,
    text,
};

/// Most cases of one `switch` of ours; more are laid over several.
const CASES_MAX: usize = 40;

/// Adds what a node's router does, and leads to where its exits do. `begun` are exits that come to it without waiting.
pub(super) fn route<'f>(
    flow: &mut Flow<'f, '_>,
    mut chain: Chain<'_>,
    node: &Node<'_>,
    router: &Router<'f>,
    begun: Vec<Exit>,
) {
    if let Some(wait) = router.wait {
        await_message(flow, &mut chain, node, router, wait);
    }
    chain.tails.extend(begun);
    if router.random {
        return at_random(flow, chain, node, router);
    }
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, format!("{}/router", node.uuid), "switch");
    let operand = expression(&mut flow.scope, &mut notes, router.operand);
    notes.done();
    let path = match parts(router.operand.trim()).as_slice() {
        [Part::Expression(source)] => parse(source).ok().and_then(|expression| path_of(&expression)),
        _ => None,
    };
    let asks_text = !router.cases.is_empty()
        && router.cases.iter().any(|case| !["has_category", "has_group"].contains(&case.kind));
    // What is looked at again and again is worked out once.
    let operand = if operand == "input.text" || !asks_text {
        operand
    } else {
        let variable = flow.scope.variable("operand", "object");
        // Any kind of value is kept, in an object.
        chain.push(
            "set_variable",
            json!({ "name": variable, "value": { "of": value_tag(&operand) } }),
            &["next", "error"],
        );
        format!("{variable}.of")
    };
    let mut outcomes = Vec::new();
    let mut cases = Vec::new();
    for (index, case) in router.cases.iter().enumerate() {
        let place = format!("{}/{}", node.uuid, if case.uuid.is_empty() { "case" } else { case.uuid });
        let arguments = arguments(flow, &place, case);
        let mut notes = Notes::about(flow.report, &name, place, case.kind);
        let test = cases::test(&mut flow.scope, case.kind, &operand, path.as_deref(), &arguments);
        let test = test.and_then(|test| parses(&test).map(|()| test));
        match test {
            Ok(test) => {
                if let Some(note) = test.note {
                    notes.changed(note);
                }
                cases.push(json!({ "id": format!("case_{}", index + 1), "when": test.when }));
                outcomes.push((format!("case_{}", index + 1), case.category, test));
            }
            Err(reason) => notes.not_supported(format!("it never passes: {reason}")),
        }
        notes.done();
    }
    let mut leaving: BTreeMap<String, Vec<Exit>> = BTreeMap::new();
    let mut kept = Vec::new();
    for cases in cases.chunks(CASES_MAX) {
        let id = chain.branch("switch", json!({ "cases": cases }));
        for case in cases {
            kept.push((id.clone(), text(case, "id").to_owned()));
        }
        chain.tails = vec![(id, "other".to_owned())];
    }
    let otherwise = std::mem::take(&mut chain.tails);
    for (exit, (_, category, test)) in kept.into_iter().zip(&outcomes) {
        chain.tails = vec![exit];
        if let Some(category) = router.category(category) {
            let input =
                if router.wait.is_some() || path_is_input(path.as_deref()) { "input.text" } else { &operand };
            keep(flow, &mut chain, router, category, &test.value, test.extra.as_deref(), input);
            leaving.entry(category.exit.to_owned()).or_default().append(&mut chain.tails);
        }
    }
    chain.tails = otherwise;
    let default = router.default.and_then(|default| router.category(default));
    if let Some(default) = default {
        keep(flow, &mut chain, router, default, &operand, None, &operand);
        leaving.entry(default.exit.to_owned()).or_default().append(&mut chain.tails);
    }
    leave(chain, node, leaving, default.map(|default| default.exit));
}

fn path_is_input(path: Option<&[String]>) -> bool {
    path.is_some_and(|path| path.first().is_some_and(|root| root == "input"))
}

/// Leads the exits to where they go; what is left ends the flow.
fn leave(
    mut chain: Chain<'_>,
    node: &Node<'_>,
    leaving: BTreeMap<String, Vec<Exit>>,
    fallback: Option<&str>,
) {
    let left = std::mem::take(&mut chain.tails);
    for (exit, sources) in leaving {
        for source in sources {
            match node.destination(&exit) {
                Some(target) => chain.builder.edge(&source, target),
                None => chain.builder.end(&source),
            }
        }
    }
    chain.tails = left;
    // A router that does nothing at all still is a node; it leaves by its default.
    let target = if chain.is_empty() { fallback.and_then(|exit| node.destination(exit)) } else { None };
    chain.finish(target);
}

/// Waits for the person, and for the timeout.
fn await_message<'f>(
    flow: &mut Flow<'f, '_>,
    chain: &mut Chain<'_>,
    node: &Node<'_>,
    router: &Router<'f>,
    wait: &'f Json,
) {
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, format!("{}/wait", node.uuid), "wait");
    if text(wait, "type") == "dial" {
        notes.not_supported("calls are not held by flows of messages; it waits for a message");
    }
    let hint = wait.get("hint").map(|hint| text(hint, "type")).unwrap_or_default();
    if ["image", "audio", "video", "location"].contains(&hint) {
        notes.changed(format!("a message with a {hint} and no text counts as an empty text"));
    }
    let timeout = wait.get("timeout").filter(|timeout| timeout.is_object());
    let mut data = json!({ "retries": 0 });
    if let Some(seconds) = timeout.and_then(|timeout| timeout.get("seconds")).and_then(Json::as_u64) {
        data["timeout_seconds"] = json!(seconds.clamp(1, 2_592_000));
    }
    notes.done();
    let has_timeout = data.get("timeout_seconds").is_some();
    let id = chain.push("question", data, &["next", "other"]);
    if has_timeout {
        let answered = std::mem::take(&mut chain.tails);
        chain.tails = vec![(id, "timeout".to_owned())];
        let category = timeout.map(|timeout| text(timeout, "category_uuid")).unwrap_or_default();
        if let Some(category) = router.category(category) {
            keep(flow, chain, router, category, "\"\"", None, "\"\"");
            for tail in std::mem::take(&mut chain.tails) {
                match node.destination(category.exit) {
                    Some(target) => chain.builder.edge(&tail, target),
                    None => chain.builder.end(&tail),
                }
            }
        }
        chain.tails = answered;
    }
}

/// Keeps a result, if the router names one.
fn keep(
    flow: &mut Flow<'_, '_>,
    chain: &mut Chain<'_>,
    router: &Router<'_>,
    category: &Category<'_>,
    value: &str,
    extra: Option<&str>,
    input: &str,
) {
    if router.result_name.is_empty() {
        return;
    }
    let variable = flow.scope.result(router.result_name);
    let localized = flow.word_of_category(category);
    let mut result = json!({
        "name": router.result_name,
        "value": value_tag(value),
        "category": category.name,
        "category_localized": localized,
        "input": value_tag(input),
    });
    if let Some(extra) = extra {
        result["extra"] = json!(value_tag(extra));
    }
    chain.push("set_variable", json!({ "name": variable, "value": result }), &["next"]);
}

impl Flow<'_, '_> {
    fn word_of_category(&self, category: &Category<'_>) -> String {
        let translated =
            self.translations.and_then(|all| all.get(category.uuid)?.get("name")?.get(0)?.as_str());
        translated.filter(|name| !name.is_empty()).unwrap_or(category.name).to_owned()
    }
}

/// The arguments of a test, in the language that is imported.
fn arguments<'f>(flow: &mut Flow<'f, '_>, place: &str, case: &super::source::Case<'f>) -> Vec<Argument> {
    let own: Vec<&str> = case.arguments.clone();
    let translated = flow.translations.and_then(|all| all.get(case.uuid)?.get("arguments")?.as_array());
    let texts: Vec<&str> = match translated {
        Some(texts) => texts.iter().map(|text| text.as_str().unwrap_or_default()).collect(),
        None => own,
    };
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, place.to_owned(), case.kind);
    texts
        .into_iter()
        .map(|text| {
            if is_dynamic(text) {
                (expression(&mut flow.scope, &mut notes, text), None)
            } else {
                let text = text.replace("@@", "@");
                (quoted(&text), Some(text))
            }
        })
        .collect()
}

/// Whether ours can be read: patterns, for one, have bounds of their own.
fn parses(test: &Test) -> Result<(), String> {
    for source in [Some(&test.when), Some(&test.value), test.extra.as_ref()].into_iter().flatten() {
        botbuilder_flow::expression::Expression::parse(source).map_err(|error| error.message)?;
    }
    Ok(())
}

fn at_random<'f>(flow: &mut Flow<'f, '_>, mut chain: Chain<'_>, node: &Node<'_>, router: &Router<'f>) {
    let name = flow.name();
    let mut notes = Notes::about(flow.report, &name, format!("{}/router", node.uuid), "random");
    notes.changed("each contact always comes to the same branch, in every conversation");
    if router.categories.len() > 20 {
        notes.not_supported("branches behind the twentieth");
    }
    notes.done();
    let shown = &router.categories[..router.categories.len().min(20)];
    let variants: Vec<Json> =
        (1..=shown.len()).map(|number| json!({ "id": format!("branch_{number}"), "weight": 1 })).collect();
    let id = chain.branch("ab_split", json!({ "variants": variants }));
    let mut leaving: BTreeMap<String, Vec<Exit>> = BTreeMap::new();
    for (number, category) in (1..).zip(shown) {
        chain.tails = vec![(id.clone(), format!("branch_{number}"))];
        keep(flow, &mut chain, router, category, &quoted(&number.to_string()), None, "\"\"");
        leaving.entry(category.exit.to_owned()).or_default().append(&mut chain.tails);
    }
    leave(chain, node, leaving, None);
}
