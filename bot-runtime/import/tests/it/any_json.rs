//! Whatever is handed to an importer, it answers: with flows that can be looked at, or with a refusal.

use botbuilder_flow::Flow;
use botbuilder_import::{Format, Options, import};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::document;

/// Words that mean something to an importer.
const WORDS: [&str; 44] = [
    "nodes",
    "edges",
    "groups",
    "blocks",
    "flows",
    "uuid",
    "id",
    "type",
    "data",
    "options",
    "items",
    "content",
    "start",
    "text",
    "message",
    "menu",
    "Condition",
    "choice input",
    "Set variable",
    "send_msg",
    "switch",
    "router",
    "wait",
    "cases",
    "categories",
    "exits",
    "actions",
    "@contact.name",
    "@(1 +",
    "{{x}}",
    "{{",
    "variables",
    "name",
    "operand",
    "arguments",
    "13.1.0",
    "messaging",
    "spec_version",
    "events",
    "outgoingEdgeId",
    "to",
    "groupId",
    "variableId",
    "expressionToEvaluate",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        word().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map(word(), inner, 0..8)
                .prop_map(|fields| Json::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Every place in a document.
fn places(json: &Json, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match json {
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{here}/{index}"), found);
            }
        }
        Json::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(field, &format!("{here}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Imports by every format; what is imported can be looked at.
fn answers(json: &Json) {
    for format in Format::ALL.into_iter().map(Some).chain([None]) {
        for complete in [false, true] {
            let options = Options { language: Some("fra".to_owned()), complete };
            if let Ok(import) = import(json, format, &options) {
                for flow in &import.flows {
                    let _ = Flow::draft(&flow.definition);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_json_is_answered(json in any_json()) {
        answers(&json);
        answers(&json!({ "flows": [json], "nodes": [json], "groups": [json], "edges": [json], "variables": [json] }));
    }

    #[test]
    fn a_document_with_one_thing_changed_is_answered(
        name in prop::sample::select(vec![
            "goflow/survey.json", "goflow/parent.json", "goflow/everything.json", "typebot/order.json",
            "typebot/everything.json", "platform/welcome.json",
        ]),
        place in any::<prop::sample::Index>(),
        thing in any_json(),
    ) {
        let mut json = document(name);
        let mut found = Vec::new();
        places(&json, "", &mut found);
        let place: &String = place.get(&found);
        if let Some(target) = json.pointer_mut(place) {
            *target = thing;
        }
        answers(&json);
    }
}
