//! Experiments on flows: which version runs, and who is counted.

use std::sync::Arc;

use botbuilder_domain::{Content, VersionId};
use botbuilder_flow::{
    Bot, Context, Effect, Flow, Input, Library, Orchestration, Session, Settings, Sprint,
    circumstances::Circumstances,
    experiment::{Experiment, Unit, Variant},
    step,
};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn version(number: u128) -> VersionId {
    VersionId::new(Uuid::from_u128(number))
}

/// Says its name, and waits.
fn saying(name: &str) -> Arc<Flow> {
    let definition = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": "question", "data": { "text": name } },
        ],
        "edges": [{ "source": "start", "target": "ask" }],
    });
    Arc::new(Flow::strict(&definition).unwrap())
}

/// Calls the flow `b`.
fn calling() -> Arc<Flow> {
    let definition = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "call", "type": "call_flow", "data": { "flow": "b" } },
        ],
        "edges": [{ "source": "start", "target": "call" }],
    });
    Arc::new(Flow::strict(&definition).unwrap())
}

/// An experiment that shows everybody this version of a flow, or the flow as it is.
fn experiment(flow: &str, unit: Unit, shown: Option<VersionId>) -> Experiment {
    let variant = |key: &str, weight_bp, version| Variant {
        key: key.to_owned(),
        weight_bp,
        is_control: weight_bp == 0,
        version,
        ..Variant::default()
    };
    Experiment {
        unit,
        salt: "salt".to_owned(),
        traffic_bp: 10_000,
        variants: vec![variant("old", 0, None), variant("new", 10_000, shown)],
        goal: "order".to_owned(),
        flow: Some(flow.to_owned()),
        ..Experiment::default()
    }
}

/// Conversations begin with `a`, of version 1; `b` has version 2, and 9 is a version that only an experiment shows.
fn bot(first: Arc<Flow>, experiment: Experiment) -> Bot {
    let mut library = Library::default();
    library.publish("a", version(1), Arc::clone(&first));
    library.publish("b", version(2), saying("b"));
    library.add(version(9), saying("variant"));
    let settings = Settings { experiments: [("e1".to_owned(), experiment)].into(), ..Settings::default() };
    Bot::of(version(1), first, settings)
        .with_library(library)
        .among("a", Arc::new(Orchestration::none("a".to_owned())))
}

fn says(bot: &Bot, session: Session) -> Sprint {
    let context = Context {
        contact: Some("contact".to_owned()),
        conversation: Some("conversation".to_owned()),
        ..Context::default()
    };
    step(bot, session, Input::Message { content: Content::text("hi"), context }, NOW)
}

fn said(sprint: &Sprint) -> Vec<Json> {
    sprint.effects.iter().map(|effect| serde_json::to_value(effect).unwrap()).collect()
}

fn reply(text: &str) -> Json {
    serde_json::to_value(Effect::Reply(Content::text(text))).unwrap()
}

fn exposed(variant: &str) -> Json {
    let exposed = Effect::Exposed { experiment: "e1".to_owned(), variant: variant.to_owned() };
    serde_json::to_value(exposed).unwrap()
}

#[test]
fn a_conversation_begins_with_the_version_that_it_is_shown_and_keeps_it() {
    let bot = bot(saying("a"), experiment("a", Unit::Contact, Some(version(9))));
    let begun = says(&bot, Session::default());
    assert_eq!(said(&begun), [exposed("new"), reply("variant")]);
    assert_eq!(begun.session.version(), Some(version(9)));

    // What is recorded makes the same bot again, with the version that was shown.
    let kept: Circumstances = serde_json::from_value(bot.circumstances().json.clone()).unwrap();
    let find = |wanted| (wanted == version(9)).then(|| saying("variant")).or_else(|| Some(saying("a")));
    let again = kept.bot(version(1), saying("a"), find);
    assert_eq!(said(&says(&again, Session::default())), said(&begun));
}

#[test]
fn the_flow_itself_is_shown_where_a_variant_changes_nothing() {
    let begun = says(&bot(saying("a"), experiment("a", Unit::Contact, None)), Session::default());
    assert_eq!(said(&begun), [exposed("new"), reply("a")]);
    // A version that is not at hand is neither shown nor counted, and neither is who takes no part.
    let missing = bot(saying("a"), experiment("a", Unit::Contact, Some(version(8))));
    assert_eq!(said(&says(&missing, Session::default())), [reply("a")]);
    let nobody = Experiment { traffic_bp: 0, ..experiment("a", Unit::Contact, Some(version(9))) };
    assert_eq!(said(&says(&bot(saying("a"), nobody), Session::default())), [reply("a")]);
}

#[test]
fn a_flow_that_is_called_is_shown_in_its_variant() {
    let bot = bot(calling(), experiment("b", Unit::Contact, Some(version(9))));
    let begun = says(&bot, Session::default());
    assert_eq!(said(&begun), [exposed("new"), reply("variant")]);
    assert_eq!(begun.session.called_versions().collect::<Vec<_>>(), [version(9)]);
}

#[test]
fn conversations_of_a_contact_may_be_shown_different_variants() {
    let half =
        |key: &str, version| Variant { key: key.to_owned(), weight_bp: 5_000, version, ..Variant::default() };
    let of = |unit| Experiment {
        variants: vec![half("old", None), half("new", Some(version(9)))],
        ..experiment("a", unit, None)
    };
    let shown = |unit, conversation: u32| {
        let context = Context {
            contact: Some("contact".to_owned()),
            conversation: Some(format!("conversation-{conversation}")),
            ..Context::default()
        };
        let input = Input::Message { content: Content::text("hi"), context };
        said(&step(&bot(saying("a"), of(unit)), Session::default(), input, NOW))[0].clone()
    };
    let different = |unit| {
        let mut all: Vec<String> = (0..20).map(|number| shown(unit, number).to_string()).collect();
        all.sort();
        all.dedup();
        all.len()
    };
    assert_eq!((different(Unit::Contact), different(Unit::Conversation)), (1, 2));
}
