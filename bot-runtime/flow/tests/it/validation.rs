//! Every rule of a definition, broken: the problems are named, all at once, with their places.

use botbuilder_flow::{Code, Flow, Problem};
use serde_json::{Value as Json, json};

/// The problems, as `place: message`.
fn problems(definition: &Json) -> Vec<String> {
    Flow::strict(definition).expect_err("the definition is valid").iter().map(Problem::to_string).collect()
}

fn node(id: &str, kind: &str, data: &Json) -> Json {
    json!({ "id": id, "type": kind, "position": { "x": 0, "y": 0 }, "data": data })
}

fn edge(source: &str, port: &str, target: &str) -> Json {
    json!({ "id": format!("{source}.{port}"), "source": source, "target": target, "port": port })
}

fn flow(nodes: &[Json], edges: &[Json]) -> Json {
    json!({ "schema": 1, "nodes": nodes, "edges": edges, "variables": [{ "name": "known" }] })
}

fn start() -> Json {
    node("start", "start", &json!({}))
}

fn question(id: &str) -> Json {
    node(id, "question", &json!({ "text": "?" }))
}

fn message(id: &str) -> Json {
    node(id, "message", &json!({ "text": "!" }))
}

#[test]
fn the_smallest_flow_is_valid() {
    let definition = flow(&[start(), question("q")], &[edge("start", "next", "q"), edge("q", "next", "q")]);
    assert_eq!(Flow::strict(&definition).unwrap().len(), 2);
}

#[test]
fn what_is_not_a_flow_is_said_so() {
    assert_eq!(problems(&json!([])), ["the definition is not an object"]);
    assert_eq!(problems(&json!({})), ["`schema` is not 1"]);
    assert_eq!(problems(&json!({ "schema": 1 })), ["there is no start node"]);
    assert_eq!(
        problems(
            &json!({ "schema": 2, "nodes": {}, "colour": 1, "settings": { "utc_offset_minutes": 9999 } })
        ),
        [
            "unknown field `colour`",
            "`schema` is not 1",
            "`utc_offset_minutes` is more than a day",
            "`nodes` is not a list",
        ]
    );
}

#[test]
fn sizes_are_capped() {
    let many: Vec<Json> = (0..501).map(|index| message(&format!("m{index}"))).collect();
    assert_eq!(problems(&flow(&many, &[])), ["501 nodes, 500 are allowed"]);
    let long = "x".repeat(1 << 20);
    assert_eq!(
        problems(&json!({ "schema": 1, "nodes": [], "padding": long })),
        ["longer than 1048576 bytes"]
    );
}

#[test]
fn every_malformed_node_is_named_at_once() {
    let options =
        json!([{ "id": "a", "title": "A" }, { "id": "a", "title": " " }, { "id": "other", "title": "O" }]);
    let nodes = [
        start(),
        node("teleport", "teleport", &json!({})),
        node("no_text", "message", &json!({})),
        node("both", "message", &json!({ "text": "a", "content": { "kind": "text", "text": "b" } })),
        node("tag", "message", &json!({ "text": "Hi {{ name" })),
        node("if", "condition", &json!({ "expression": "1 +" })),
        node("typo", "question", &json!({ "txet": "?" })),
        node(
            "menu",
            "menu",
            &json!({ "text": "?", "options": options, "retries": 99, "timeout_seconds": 0 }),
        ),
        node(
            "range",
            "input",
            &json!({ "text": "?", "variable": "known", "format": "number", "min": 2, "max": 1 }),
        ),
        node("mix", "input", &json!({ "text": "?", "variable": "known", "format": "date", "min_length": 1 })),
        node("list", "set_variable", &json!({ "name": "known", "value": ["{{"] })),
        node("", "end", &json!({})),
        json!({ "id": "no_type" }),
        json!(7),
    ];
    let found = problems(&flow(&nodes, &[edge("start", "next", "no_text")]));
    let expected = [
        "node `no_type`: missing field `type`",
        "`nodes[13]`: invalid type: integer `7`, expected a node",
        "node `teleport`: unknown variant `teleport`, expected one of `start`, `message`, `question`, `menu`, \
         `input`, `condition`, `switch`, `set_variable`, `api_call`, `webhook`, `ai_response`, `knowledge_answer`, \
         `nlu_router`, `agent_workflow`, `delay`, `wait_for_event`, `email`, `tag_contact`, `ab_split`, `handoff`, \
         `call_flow`, `goto`, `end`",
        "node `no_text`: a message has either `text` or `content`",
        "node `both`: a message has either `text` or `content`",
        "node `tag`: bad template: expected `}}` (at byte 10)",
        "node `if`: bad expression: expected a value (at byte 3)",
        "node `typo`: unknown field `txet`, expected one of `text`, `variable`, `retry_text`, `retries`, \
         `timeout_seconds`, `reminders`",
        "node `menu`: `retries` is more than 20",
        "node `menu`: `timeout_seconds` is not between 1 and 2592000",
        "node `menu`: the option `a` has no id, no title, or an id that is too long",
        "node `menu`: the option `a` is there twice",
        "node `menu`: an option cannot have the id `other`",
        "node `range`: the smallest is larger than the largest",
        "node `mix`: `min_length` and `max_length` belong to the format `text`",
        "node `list`: bad template: expected a value (at byte 2)",
        "node ``: an id has 1 to 64 characters",
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_are_unique_and_edges_join_what_exists() {
    let nodes = [start(), start(), message("m"), message("m"), node("end", "end", &json!({}))];
    let edges = [
        edge("start", "next", "m"),
        edge("start", "next", "end"),
        edge("m", "next", "end"),
        edge("m", "sideways", "end"),
        edge("m", "error", "nowhere"),
        edge("nobody", "next", "end"),
        edge("end", "next", "m"),
    ];
    assert_eq!(
        problems(&flow(&nodes, &edges)),
        [
            "node `start`: another node has the same id",
            "node `m`: another node has the same id",
            "node `start`: edge `start.next`: another edge has the same id",
            "node `start`: edge `start.next`: another edge leaves by the port `next`",
            "node `m`: edge `m.sideways`: the node has no port `sideways`",
            "node `m`: edge `m.error`: there is no node `nowhere`",
            "node `nobody`: edge `nobody.next`: there is no node `nobody`",
            "node `end`: edge `end.next`: the node has no port `next`",
        ]
    );
}

#[test]
fn there_is_one_start_and_nothing_leads_to_it() {
    let two = [start(), node("start2", "start", &json!({}))];
    assert_eq!(problems(&flow(&two, &[])), ["node `start2`: there is more than one start node"]);
    let nodes = [start(), question("q"), node("back", "goto", &json!({ "node": "start" }))];
    let edges = [edge("start", "next", "q"), edge("q", "next", "back"), edge("q", "error", "start")];
    assert_eq!(
        problems(&flow(&nodes, &edges)),
        ["node `q`: leads into the start node", "node `back`: leads into the start node"]
    );
}

#[test]
fn every_port_of_a_branch_leads_somewhere() {
    let options = json!([{ "id": "a", "title": "A" }, { "id": "b", "title": "B" }]);
    let nodes = [
        start(),
        node(
            "menu",
            "menu",
            &json!({ "text": "?", "options": options, "retries": 2, "timeout_seconds": 60 }),
        ),
        node("if", "condition", &json!({ "expression": "true" })),
        node("defaulted", "condition", &json!({ "expression": "true" })),
        node("end", "end", &json!({})),
    ];
    let edges = [
        edge("start", "next", "menu"),
        edge("menu", "a", "if"),
        edge("if", "true", "defaulted"),
        edge("defaulted", "default", "end"),
    ];
    let open = |node: &str, port: &str| {
        format!("node `{node}`: the port `{port}` leads nowhere; connect it or the port `default`")
    };
    assert_eq!(
        problems(&flow(&nodes, &edges)),
        [open("menu", "b"), open("menu", "other"), open("menu", "timeout"), open("if", "false")]
    );
}

#[test]
fn variables_are_declared() {
    let nodes = [
        start(),
        node("say", "message", &json!({ "text": "{{ known }} {{ unknown | default('x') }}" })),
        node("ask", "question", &json!({ "text": "{{ lost }}", "variable": "found" })),
    ];
    let definition = flow(&nodes, &[edge("start", "next", "say"), edge("say", "next", "ask")]);
    let undeclared = |node: &str, name: &str| {
        format!("node `{node}`: variable `{name}`: the variable `{name}` is not declared")
    };
    assert_eq!(
        problems(&definition),
        [undeclared("say", "unknown"), undeclared("ask", "found"), undeclared("ask", "lost")]
    );

    let mut definition = flow(&[start()], &[]);
    definition["variables"] = json!([
        { "name": "input" },
        { "name": "2nd" },
        { "name": "n", "type": "number", "default": "x" },
        { "name": "n" },
        { "name": "l", "type": "set" },
    ]);
    let not_a_name =
        "not a name: up to 64 letters, digits and underscores, and no word of the expression language";
    assert_eq!(
        problems(&definition),
        [
            "variable `l`: unknown variant `set`, expected one of `string`, `number`, `boolean`, `date`, `list`, `object`"
                .to_owned(),
            format!("variable `input`: {not_a_name}"),
            format!("variable `2nd`: {not_a_name}"),
            "variable `n`: the default is not of the variable's type".to_owned(),
            "variable `n`: another variable has the same name".to_owned(),
        ]
    );
}

#[test]
fn every_node_is_reached_and_every_cycle_waits() {
    let nodes = [
        start(),
        message("a"),
        message("b"),
        node("back", "goto", &json!({ "node": "a" })),
        question("waits"),
        message("behind"),
        message("island"),
        message("island2"),
    ];
    let edges = [
        edge("start", "next", "a"),
        edge("a", "next", "b"),
        edge("b", "next", "back"),
        edge("b", "error", "waits"),
        edge("waits", "next", "behind"),
        edge("behind", "next", "waits"),
        edge("island", "next", "island2"),
    ];
    let cycle = |node: &str| format!("node `{node}`: lies on a cycle on which no node waits for the person");
    let unreached = |node: &str| format!("node `{node}`: no path leads here from the start");
    assert_eq!(
        problems(&flow(&nodes, &edges)),
        [unreached("island"), unreached("island2"), cycle("a"), cycle("b"), cycle("back")]
    );
}

#[test]
fn a_draft_runs_in_spite_of_rules_for_publishing() {
    let nodes = [start(), message("a"), message("island")];
    let edges = [edge("start", "next", "a"), edge("a", "next", "a")];
    let (draft, problems) = Flow::draft(&flow(&nodes, &edges));
    assert!(draft.is_some());
    let codes: Vec<Code> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [Code::Unreachable, Code::EndlessCycle]);

    let (draft, problems) = Flow::draft(&flow(&[start(), node("m", "message", &json!({}))], &[]));
    assert!(draft.is_none());
    assert_eq!(problems[0].code, Code::Malformed);
}

#[test]
fn a_problem_tells_the_editor_its_place() {
    let nodes = [start(), message("a")];
    let problems =
        Flow::strict(&flow(&nodes, &[edge("start", "next", "a"), edge("a", "up", "a")])).unwrap_err();
    assert_eq!(
        serde_json::to_value(problems).unwrap(),
        json!([{
            "code": "unknown_port", "node": "a", "edge": "a.up", "message": "the node has no port `up`"
        }])
    );
}

#[test]
fn what_a_shape_alone_does_not_tell_is_checked() {
    let nodes = [
        start(),
        node(
            "call",
            "api_call",
            &json!({ "url": "https://a.example", "json": {}, "headers": { "Host": "b", "a b": "c" } }),
        ),
        node("long", "webhook", &json!({ "url": "https://a.example", "event": "", "timeout_seconds": 90 })),
        node("switch", "switch", &json!({ "cases": [{ "id": "other", "equals": 1 }, { "id": "x" }] })),
        node("delay", "delay", &json!({})),
        node("split", "ab_split", &json!({ "variants": [{ "id": "a", "weight": 0 }] })),
        node("route", "nlu_router", &json!({ "intents": ["a", "a"], "min_confidence": 2 })),
        node("tags", "tag_contact", &json!({})),
        node(
            "remind",
            "question",
            &json!({
                "timeout_seconds": 60,
                "reminders": [{ "after_seconds": 30, "text": "?" }, { "after_seconds": 60, "text": "?" }],
            }),
        ),
        node(
            "rate",
            "input",
            &json!({ "text": "?", "variable": "known", "format": "rating", "max": 11, "pattern": "x" }),
        ),
        node("pattern", "input", &json!({ "text": "?", "variable": "known", "pattern": "(" })),
    ];
    let mut definition = flow(&nodes, &[]);
    definition["settings"] = json!({ "time_zone": "UTC", "utc_offset_minutes": 0, "expire_seconds": 1 });
    assert_eq!(
        problems(&definition),
        [
            "`settings` has both `time_zone` and `utc_offset_minutes`",
            "`expire_seconds` is not between 60 and 2592000",
            "node `call`: the header `Host` cannot be set",
            "node `call`: the header `a b` cannot be set",
            "node `call`: a call with the method GET has no body",
            "node `long`: `timeout_seconds` is not between 1 and 25",
            "node `long`: the name of an event has 1 to 64 characters",
            "node `switch`: a case cannot be called `other`",
            "node `switch`: the case `other` compares a `value` that is not there",
            "node `switch`: the case `x` has not exactly one of `equals`, `in` and `when`",
            "node `switch`: the case `x` compares a `value` that is not there",
            "node `delay`: a delay has either `seconds` or `until`",
            "node `split`: there are 1 variants; 2 to 20 are allowed",
            "node `split`: weights are whole numbers up to 10000, and not all of them 0",
            "node `route`: the intent `a` is there twice",
            "node `route`: `min_confidence` is not between 0 and 1",
            "node `tags`: there are 0 tags; 1 to 20 are allowed",
            "node `remind`: reminders come one after the other, and before the timeout",
            "node `rate`: `pattern` belong to the format `text`",
            "node `rate`: `max` of a rating is a whole number from 2 to 10",
            "node `pattern`: bad pattern: error: unclosed group",
        ]
    );
}

#[test]
fn secrets_stay_in_calls_and_conditions() {
    let nodes = [
        start(),
        node("call", "api_call", &json!({ "url": "https://a.example", "headers": { "x-key": "{{ key }}" } })),
        node("if", "condition", &json!({ "expression": "empty(key)" })),
        node("say", "message", &json!({ "text": "{{ 'a' | default(key) }}" })),
        node("copy", "set_variable", &json!({ "name": "known", "value": "{{ upper(key) }}" })),
        node("mail", "email", &json!({ "to": "a@b.de", "subject": "s", "text": "{{ key }}" })),
    ];
    let edges = [
        edge("start", "next", "call"),
        edge("call", "next", "if"),
        edge("if", "default", "say"),
        edge("say", "next", "copy"),
        edge("copy", "next", "mail"),
    ];
    let mut definition = flow(&nodes, &edges);
    definition["variables"] = json!([{ "name": "known" }, { "name": "key", "secret": true }]);
    let shown = |node: &str| {
        format!(
            "node `{node}`: variable `key`: `key` is secret; only calls of services and conditions may use it"
        )
    };
    assert_eq!(problems(&definition), ["say", "copy", "mail"].map(shown));
    assert!(Flow::draft(&definition).0.is_none());

    definition["nodes"] = json!([start(), question("q")]);
    definition["edges"] = json!([edge("start", "next", "q")]);
    definition["variables"][1]["default"] = json!("hunter2");
    assert_eq!(
        problems(&definition),
        ["variable `key`: a secret has no default: a definition is no place for it"]
    );
}
