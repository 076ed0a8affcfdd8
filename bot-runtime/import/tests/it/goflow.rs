//! Flows in goflow's format.

use botbuilder_import::{Format, ImportError, Options, Outcome, import};
use serde_json::{Value as Json, json};

use crate::{document, lines, problems};

fn read(name: &str, options: &Options) -> botbuilder_import::Import {
    import(&document(name), None, options).unwrap()
}

#[test]
fn a_survey_can_be_published() {
    let import = read("goflow/survey.json", &Options::default());
    assert_eq!(import.format, Format::Goflow);
    assert_eq!(problems(&import), []);
    assert_eq!(import.flows[0].name, "Garden survey");
    // Only what the other language says is left out.
    let left = lines(&import, Outcome::NotSupported);
    assert_eq!(left.len(), 1, "{left:#?}");
    assert!(left[0].contains("deu"), "{left:#?}");
}

#[test]
fn a_language_is_taken_where_there_is_one() {
    let options = Options { language: Some("deu".to_owned()), ..Options::default() };
    let import = read("goflow/survey.json", &options);
    assert_eq!(lines(&import, Outcome::NotSupported), [] as [String; 0]);
    let text = import.flows[0].definition.to_string();
    assert!(text.contains("Welches Gemüse?") && text.contains("Bohnen"), "{text}");
    // What is not translated stays as it is; names of categories stay what routers compare with.
    assert!(text.contains("Another time then.") && text.contains("\"category\":\"Beans\""), "{text}");
}

#[test]
fn flows_that_call_each_other_hand_over_results_and_fields() {
    let mut import = read("goflow/parent.json", &Options::default());
    assert_eq!(problems(&import), []);
    let call = |import: &botbuilder_import::Import| -> Json {
        let nodes = import.flows[0].definition["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["type"] == "call_flow").unwrap()["data"].clone()
    };
    let before = call(&import);
    assert_eq!(before["flow"], import.flows[1].source_id.as_str());
    assert_eq!(before["parameters"]["parent_result_pet"], "{{ result_pet }}");
    assert_eq!(before["returns"]["child_result_colour"], "result_colour");
    assert_eq!(before["returns"]["field_colour"], "field_colour");
    let new = [(import.flows[1].source_id.clone(), "new-id".to_owned())].into();
    import.rename(&new);
    assert_eq!(call(&import)["flow"], "new-id");
    assert_eq!(import.flows[1].source_id, "new-id");
}

#[test]
fn everything_is_mapped_or_named() {
    let import = read("goflow/everything.json", &Options::default());
    let left = lines(&import, Outcome::NotSupported);
    for part in [
        "add_input_labels",
        "call_classifier",
        "call_resthook",
        "request_optin",
        "send_broadcast",
        "set_contact_channel",
        "set_contact_status",
        "start_session",
        "transfer_airtime",
        "has_district",
        "has_intent",
        "foreach",
        "geo:1,2",
        "@results.order",
    ] {
        assert!(left.iter().any(|line| line.contains(part)), "{part} is not named: {left:#?}");
    }
    let changed = lines(&import, Outcome::Changed);
    for part in ["call_llm", "set_contact_language", "random", "open_ticket", "has_phone", "has_group"] {
        assert!(changed.iter().any(|line| line.contains(part)), "{part} is not named: {changed:#?}");
    }
    let mapped = lines(&import, Outcome::Mapped);
    for part in ["call_webhook", "send_email", "set_run_local", "has_pattern", "has_number_eq", "has_error"] {
        assert!(mapped.iter().any(|line| line.contains(part)), "{part}: {mapped:#?}");
    }
    let definition = &import.flows[0].definition;
    assert_eq!(definition["settings"]["expire_seconds"], 3_600);
    let text = definition.to_string();
    assert!(text.contains("Sum {{ (1 + (2 * 3)) }}"), "{text}");
    assert!(text.contains("and {{ \\\"{{\\\" }}braces}} {{ local_count }}"), "{text}");
    assert!(text.contains("a@shop.example"), "{text}");
    // The node that nothing leads to is all that keeps it from being published.
    let problems = problems(&import);
    assert!(problems.iter().all(|problem| problem.message.contains("no path")), "{problems:#?}");
}

#[test]
fn versions_that_are_not_read_are_refused() {
    for version in ["11.12", "12.0.0", "15.0", "", "x"] {
        let mut source = document("goflow/survey.json");
        source["flows"][0]["spec_version"] = json!(version);
        let Err(ImportError::Refused(faults)) = import(&source, None, &Options::default()) else {
            panic!("{version} was imported");
        };
        assert!(faults.iter().any(|fault| fault.message.contains("spec")), "{faults:#?}");
    }
    for version in ["13.0", "13.6.1", "14.4.0"] {
        let mut source = document("goflow/survey.json");
        source["flows"][0]["spec_version"] = json!(version);
        assert!(import(&source, None, &Options::default()).is_ok(), "{version}");
    }
}
