//! What authors are told: how channels show a flow, and where conversations go when its version changes.

use botbuilder_domain::{Capabilities, ChannelKind, VersionId, channel::TextUnit};
use botbuilder_flow::{
    Bot, Flow, Input, Session, Settings, Value,
    lint::FindingCode,
    migrate::{Destination, Fate, Map, Migration},
    references::Known,
    step,
};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

const SMALL: Capabilities = Capabilities {
    text_max: 10,
    text_unit: TextUnit::Chars,
    caption_max: 5,
    buttons_max: 2,
    button_title_max: 4,
    button_payload_max: 64,
    choice_text_max: 10,
    list_rows_max: 0,
    row_title_max: 0,
    row_description_max: 0,
    media: false,
    album_max: 0,
    album_pictures_only: false,
    location: false,
    contact_card: false,
    delivered_receipts: false,
    read_receipts: false,
    reply_window_hours: None,
    person_window_hours: None,
};

fn flow(nodes: &[(&str, &str, Json)], edges: &[(&str, &str, &str)]) -> Json {
    let nodes: Vec<Json> = [("start", "start", json!({}))]
        .iter()
        .chain(nodes)
        .map(|(id, kind, data)| json!({ "id": id, "type": kind, "data": data }))
        .collect();
    let edges: Vec<Json> =
        edges.iter().map(|(from, port, to)| json!({ "source": from, "port": port, "target": to })).collect();
    json!({
        "schema": 1, "nodes": nodes, "edges": edges,
        "variables": [{ "name": "a" }, { "name": "n", "type": "number" }],
    })
}

#[test]
fn what_a_channel_cannot_show_is_named_with_its_node() {
    let options =
        json!([{ "id": "1", "title": "One" }, { "id": "2", "title": "Second" }, { "id": "3", "title": "3" }]);
    let definition = flow(
        &[
            ("short", "message", json!({ "text": "Hi {{ a ~ 'long long long' }}" })),
            ("long", "message", json!({ "text": "Hello there, you" })),
            ("menu", "menu", json!({ "text": "?", "options": options })),
        ],
        &[
            ("start", "next", "short"),
            ("short", "next", "long"),
            ("long", "next", "menu"),
            ("menu", "default", "menu"),
        ],
    );
    let flow = Flow::strict(&definition).unwrap();
    let found: Vec<_> = flow
        .lint(&[(ChannelKind::Telegram, SMALL)])
        .into_iter()
        .map(|finding| (finding.node.to_string(), finding.code))
        .collect();
    let expected = [
        ("long".to_owned(), FindingCode::LongText),
        ("menu".to_owned(), FindingCode::ManyOptions),
        ("menu".to_owned(), FindingCode::LongTitle),
    ];
    assert_eq!(found, expected);
    assert_eq!(flow.says().len(), 3);
}

#[test]
fn conversations_move_by_the_map_and_stay_where_they_cannot() {
    let question = |id: &'static str| (id, "question", json!({ "variable": "a" }));
    let old = flow(
        &[question("q"), question("r"), ("wait", "delay", json!({ "seconds": 5 }))],
        &[("start", "next", "q"), ("q", "next", "r"), ("r", "next", "wait")],
    );
    let new = flow(&[question("q2"), question("r")], &[("start", "next", "q2"), ("q2", "next", "r")]);
    let (old_flow, new_flow) = (Flow::strict(&old).unwrap(), Flow::strict(&new).unwrap());

    let map =
        Map::from([("q".to_owned(), Destination::Node("r".to_owned())), ("x".to_owned(), Destination::End)]);
    let problems = Migration::check(&old_flow, &new_flow, &map).unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| problem.node.clone().unwrap()).collect();
    assert_eq!(places, ["x", "wait"]);

    let map: Map = serde_json::from_value(json!({ "q": { "node": "q2" }, "wait": "end" })).unwrap();
    let migration = Migration::check(&old_flow, &new_flow, &map).unwrap();
    let bot = Bot::new(VersionId::new(Uuid::from_u128(1)), &old, Settings::default()).unwrap();
    let mut session = Session::default();
    assert_eq!(migration.fate(&session), Fate::Stays);
    let to = VersionId::new(Uuid::from_u128(2));
    let mut fates = Vec::new();
    for text in ["hi", "one", "two"] {
        session = step(&bot, session, Input::text(text), NOW).session;
        fates.push(migration.fate(&session));
        let moved = migration.apply(session.clone(), to);
        assert!(moved.version().is_none_or(|version| version == to));
    }
    let moves = |node: &str| Fate::Moves { node: node.into() };
    assert_eq!(fates, [moves("q2"), moves("r"), Fate::Ends]);
    let moved = migration.apply(session, to);
    assert!(moved.has_ended() && !moved.is_waiting());
    assert_eq!(moved.variables().get("a"), Some(&Value::text("two")));
}

fn template(name: &str, language: &str) -> Json {
    json!({ "content": { "kind": "template", "name": name, "language": language } })
}

#[test]
fn what_a_flow_uses_must_be_there() {
    let definition = flow(
        &[
            (
                "call",
                "call_flow",
                json!({ "flow": "f1", "parameters": { "x": "1" }, "returns": { "a": "gone" } }),
            ),
            ("other", "call_flow", json!({ "flow": "f2" })),
            (
                "route",
                "nlu_router",
                json!({ "intents": ["buy", "sell"], "entities": { "a": "city", "n": "size" } }),
            ),
            ("chat", "ai_response", json!({ "agent": "a1" })),
            ("faq", "knowledge_answer", json!({ "knowledge_bases": ["k1"] })),
            ("run", "agent_workflow", json!({ "workflow": "w1" })),
            (
                "look_up",
                "api_call",
                json!({ "url": "https://shop.example/", "headers": { "x-key": "{{ secret.shop }}" },
                    "method": "POST", "json": { "a": ["Bearer {{ secret.gone }}"] } }),
            ),
            ("tell", "webhook", json!({ "url": "https://shop.example/", "event": "e", "sign_with": "lost" })),
            ("note", "message", template("order", "de")),
            ("news", "message", template("news", "")),
            (
                "split",
                "ab_split",
                json!({ "experiment": "e1", "variants": [{ "id": "m", "weight": 1 }, { "id": "n", "weight": 1 }] }),
            ),
            ("bye", "end", json!({})),
        ],
        &[
            ("start", "next", "call"),
            ("call", "next", "other"),
            ("other", "next", "route"),
            ("route", "default", "chat"),
            ("chat", "next", "faq"),
            ("faq", "default", "run"),
            ("run", "next", "look_up"),
            ("look_up", "next", "tell"),
            ("tell", "next", "note"),
            ("note", "next", "news"),
            ("news", "next", "split"),
            ("split", "default", "bye"),
        ],
    );
    let flow = Flow::strict(&definition).unwrap();
    assert_eq!(flow.calls().collect::<Vec<_>>(), ["f1", "f2"]);
    assert_eq!(flow.check_references(&flow.needs()).len(), 0);
    let known = Known {
        flows: [("f1".to_owned(), ["x".to_owned()].into())].into(),
        intents: ["buy".to_owned()].into(),
        entities: ["size".to_owned()].into(),
        secrets: ["shop".to_owned()].into(),
        templates: [("order".to_owned(), ["en".to_owned()].into())].into(),
        ..Known::default()
    };
    let found: Vec<String> = flow.check_references(&known).iter().map(ToString::to_string).collect();
    let expected = [
        "node `call`: there is no variable in the flow that is called `gone`",
        "node `other`: there is no published flow `f2`",
        "node `route`: there is no active intent `sell`",
        "node `route`: there is no entity `city`",
        "node `chat`: there is no active agent `a1`",
        "node `faq`: there is no knowledge base `k1`",
        "node `run`: there is no active workflow `w1`",
        "node `look_up`: there is no secret `gone`",
        "node `tell`: there is no secret `lost`",
        "node `note`: there is no translation `de` of the template `order`",
        "node `news`: there is no template `news`",
        "node `split`: there is no experiment `e1`",
    ];
    assert_eq!(found, expected);
}
