//! The platform's canvas JSON.

use botbuilder_import::{Format, ImportError, Options, Outcome, import};
use serde_json::json;

use crate::{document, lines, problems};

#[test]
fn a_canvas_can_be_published() {
    let import = import(&document("platform/welcome.json"), None, &Options::default()).unwrap();
    assert_eq!(import.format, Format::Platform);
    assert_eq!(problems(&import), []);
    let definition = &import.flows[0].definition;
    let node = |id: &str| {
        let nodes = definition["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["id"] == id).unwrap_or_else(|| panic!("no node {id}")).clone()
    };
    assert_eq!(node("2")["data"], json!({ "text": "Hello {{ contact.name | default(\"there\") }}!" }));
    assert_eq!(node("4")["type"], "input");
    assert_eq!(node("4")["data"]["variable"], "age");
    assert_eq!(node("6")["data"]["options"][1], json!({ "id": "coffee", "title": "Coffee" }));
    assert_eq!(node("7")["data"]["json"], json!({ "drink": "{{drink}}" }));
    assert_eq!(node("9")["data"], json!({ "seconds": 120 }));
    let edge = |source: &str, port: &str| {
        let edges = definition["edges"].as_array().unwrap();
        let found = edges.iter().find(|edge| edge["source"] == source && edge["port"] == port);
        found.map(|edge| edge["target"].as_str().unwrap().to_owned())
    };
    assert_eq!(edge("start", "next").as_deref(), Some("2"));
    assert_eq!(edge("5", "true").as_deref(), Some("6"));
    assert_eq!(edge("5", "false").as_deref(), Some("12"));
    assert_eq!(edge("6", "option_1").as_deref(), Some("7"));
    assert_eq!(edge("7", "error").as_deref(), Some("12"));
    let left = lines(&import, Outcome::NotSupported);
    for part in ["askQuestionX", "teleport", "another edge leaves by the same exit"] {
        assert!(left.iter().any(|line| line.contains(part)), "{part}: {left:#?}");
    }
    let changed = lines(&import, Outcome::Changed);
    assert!(changed.iter().any(|line| line.contains("braces")), "{changed:#?}");
}

#[test]
fn a_canvas_may_lie_deeper() {
    let canvas = document("platform/welcome.json");
    let wrapped = json!({ "name": "Deeper", "definition": canvas });
    let import = import(&wrapped, None, &Options::default()).unwrap();
    assert_eq!(import.flows[0].name, "Deeper");
}

#[test]
fn what_is_broken_is_refused_with_its_node() {
    let mut source = document("platform/welcome.json");
    source["edges"][0]["target"] = json!("99");
    source["nodes"][3]["id"] = json!("2");
    let Err(ImportError::Refused(faults)) = import(&source, None, &Options::default()) else { panic!() };
    let nodes: Vec<_> = faults.iter().filter_map(|fault| fault.node.as_deref()).collect();
    assert!(nodes.contains(&"2") && nodes.contains(&"99"), "{faults:?}");
    let unknown = import(&json!({ "hello": 1 }), None, &Options::default());
    assert!(matches!(unknown, Err(ImportError::UnknownFormat)));
}
