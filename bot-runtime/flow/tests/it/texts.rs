//! What authors write beside flows, titles with places to fill, and the question what was meant.

use botbuilder_domain::{Content, VersionId};
use botbuilder_flow::{
    Answer, Authored, Bot, Close, Context, Effect, Keyword, KeywordMatch, Messages, Settings, Value,
    experiment::{Experiment, Variant},
    simulate::{Act, Given, Outcome, Simulation},
};
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn written(language: &str, text: &str) -> Authored {
    Authored { language: language.to_owned(), parts: vec![Content::text(text)], ..Authored::default() }
}

/// Offers what a variable holds, hands over, or fails.
fn menu(settings: Settings) -> Bot {
    let definition = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "set", "type": "set_variable", "data": { "name": "size", "value": "large" } },
            { "id": "menu", "type": "menu", "data": { "text": "Which?", "label": "{{ size }} ones", "options": [
                { "id": "o", "title": "A {{ size }} one", "description": "for {{ contact.name | default(\"you\") }}" },
                { "id": "person", "title": "A person" }, { "id": "call", "title": "Fail" }] } },
            { "id": "said", "type": "message", "data": { "content": { "kind": "choice", "text": "Yes?", "options": [
                { "id": "y", "title": "Take the {{ size | upper }}" }] } } },
            { "id": "person", "type": "handoff" },
            { "id": "call", "type": "api_call", "data": { "url": "https://api.example.org/" } },
        ],
        "edges": [
            { "source": "start", "target": "set" },
            { "source": "set", "target": "menu" },
            { "source": "menu", "port": "o", "target": "said" },
            { "source": "menu", "port": "person", "target": "person" },
            { "source": "menu", "port": "call", "target": "call" },
            { "source": "menu", "port": "error", "target": "said" },
        ],
        "variables": [{ "name": "size" }],
    });
    Bot::draft(VersionId::new(Uuid::nil()), &definition, settings).unwrap()
}

fn texts(outcome: &Outcome) -> Vec<&str> {
    outcome.said.iter().filter_map(Content::plain_text).collect()
}

fn say(text: &str) -> Act {
    Act::Say(text.to_owned())
}

fn play(bot: Bot, locale: &str) -> Simulation {
    let context = Context {
        locale: Some(locale.to_owned()),
        contact: Some("contact".to_owned()),
        contact_name: Some("Ada".to_owned()),
        ..Context::default()
    };
    Simulation::new(bot, context, Vec::new(), NOW)
}

#[test]
fn titles_descriptions_and_labels_are_filled_and_typed_titles_choose() {
    let mut play = play(menu(Settings::default()), "en");
    let asked = play.act(&say("hi")).unwrap();
    let Content::Choice(choice) = &asked.said[0] else { panic!("{asked:?}") };
    assert_eq!(choice.label.as_deref(), Some("large ones"));
    assert_eq!(choice.options[0].title, "A large one");
    assert_eq!(choice.options[0].description.as_deref(), Some("for Ada"));
    let taken = play.act(&say("a LARGE one")).unwrap();
    let Content::Choice(choice) = &taken.said[0] else { panic!("{taken:?}") };
    assert_eq!(choice.options[0].title, "Take the LARGE");
}

#[test]
fn the_bots_own_messages_are_said_in_their_places_and_in_the_language_of_the_contact() {
    let keyword = |words: &[&str], matches, reply| Keyword {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        matches,
        patterns: Vec::new(),
        reply,
    };
    let settings = Settings {
        language: "en".to_owned(),
        messages: Messages {
            welcome: vec![written("en", "Welcome, {{ contact.name }}!"), written("de", "Willkommen!")],
            fallback: vec![written("en", "I did not get that.")],
            handoff: vec![written("en", "Somebody comes.")],
            error: vec![written("", "Something broke.")],
            ..Messages::default()
        },
        keywords: vec![
            keyword(&["price"], KeywordMatch::Contains, written("en", "Ten, {{ contact.name }}.")),
            keyword(&["price"], KeywordMatch::Contains, written("de", "Zehn.")),
        ],
        ..Settings::default()
    };
    let mut english = play(menu(settings.clone()), "en-GB");
    assert_eq!(texts(&english.act(&say("hi")).unwrap()), ["Welcome, Ada!", "Which?"]);
    assert_eq!(texts(&english.act(&say("the price?")).unwrap()), ["Ten, Ada."]);
    assert_eq!(texts(&english.act(&say("hm")).unwrap()), ["I did not get that.", "Which?"]);
    assert_eq!(texts(&english.act(&Act::Tap("person".to_owned())).unwrap()), ["Somebody comes."]);
    // The conversation goes on: it is not welcomed again. Nothing answers the call, so the flow fails.
    assert_eq!(texts(&english.act(&say("hi")).unwrap()), ["Which?"]);
    assert_eq!(texts(&english.act(&Act::Tap("call".to_owned())).unwrap()), ["Something broke."]);

    let mut german = play(menu(settings), "de_AT");
    assert_eq!(texts(&german.act(&say("hi")).unwrap()), ["Willkommen!", "Which?"]);
    assert_eq!(texts(&german.act(&say("price")).unwrap()), ["Zehn."]);
}

#[test]
fn an_experiment_on_a_message_shows_its_variants_and_counts_who_saw_them() {
    let variant = |key: &str, weight_bp, parts| Variant {
        key: key.to_owned(),
        weight_bp,
        is_control: weight_bp == 0,
        parts,
        ..Variant::default()
    };
    let experiment = Experiment {
        salt: "salt".to_owned(),
        traffic_bp: 10_000,
        variants: vec![
            variant("old", 0, Vec::new()),
            variant("new", 10_000, vec![Content::text("Hey {{ contact.name }}")]),
        ],
        goal: "order.paid".to_owned(),
        message: Some("m1".to_owned()),
        ..Experiment::default()
    };
    let welcome = Authored { id: "m1".to_owned(), ..written("en", "Welcome") };
    let settings = Settings {
        messages: Messages { welcome: vec![welcome], ..Messages::default() },
        experiments: [("e1".to_owned(), experiment)].into(),
        ..Settings::default()
    };
    let begun = play(menu(settings), "en").act(&say("hi")).unwrap();
    assert_eq!(texts(&begun), ["Hey Ada", "Which?"]);
    let exposed = Effect::Exposed { experiment: "e1".to_owned(), variant: "new".to_owned() };
    assert_eq!(begun.effects, [exposed]);
}

/// Asks, understands, and asks back.
fn router(data: &serde_json::Value) -> Bot {
    let definition = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": "question", "data": { "text": "What can I do?" } },
            { "id": "route", "type": "nlu_router", "data": data },
            { "id": "buy", "type": "message", "data": { "text": "You buy {{ count }}." } },
            { "id": "sell", "type": "message", "data": { "text": "You sell." } },
            { "id": "other", "type": "message", "data": { "text": "Something else." } },
        ],
        "edges": [
            { "source": "start", "target": "ask" },
            { "source": "ask", "target": "route" },
            { "source": "route", "port": "buy", "target": "buy" },
            { "source": "route", "port": "sell", "target": "sell" },
            { "source": "route", "port": "other", "target": "other" },
            { "source": "route", "port": "error", "target": "other" },
        ],
        "variables": [{ "name": "count", "type": "number" }, { "name": "intent" }],
    });
    Bot::new(VersionId::new(Uuid::nil()), &definition, Settings::default()).unwrap()
}

fn unsure() -> Given {
    let close = |intent: &str, title: &str| Close { intent: intent.to_owned(), title: title.to_owned() };
    let answer = Answer::Recognized {
        intent: Some("buy".to_owned()),
        confidence: 0.5,
        entities: Value::object([("number", Value::Number(3.0))]),
        accepted: false,
        close: vec![close("buy", "Buy something"), close("rent", "Rent"), close("sell", "Sell it")],
        note: Some("note".to_owned()),
    };
    Given { node: Some("route".to_owned()), answer }
}

#[test]
fn where_it_is_close_the_person_says_what_was_meant_and_that_is_noted() {
    let data = json!({
        "intents": ["buy", "sell"], "variable": "intent", "entities": { "count": "number" },
        "clarify_text": "Did you mean …?", "clarify_none": "None of these",
    });
    let asked = || {
        let mut play = Simulation::new(router(&data), Context::default(), vec![unsure()], NOW);
        play.act(&say("hi")).unwrap();
        let asked = play.act(&say("three please")).unwrap();
        (play, asked)
    };
    let (mut play, outcome) = asked();
    let Content::Choice(choice) = &outcome.said[0] else { panic!("{outcome:?}") };
    let titles: Vec<&str> = choice.options.iter().map(|option| option.title.as_str()).collect();
    assert_eq!(
        (choice.text.as_str(), titles),
        ("Did you mean …?", vec!["Buy something", "Sell it", "None of these"])
    );
    let meant = |intent: Option<&str>| {
        vec![Effect::Meant { note: "note".to_owned(), intent: intent.map(str::to_owned) }]
    };
    let taken = play.act(&Act::Tap("Buy something".to_owned())).unwrap();
    assert_eq!((texts(&taken), taken.effects.clone()), (vec!["You buy 3."], meant(Some("buy"))));
    assert_eq!(taken.variables.field("intent"), Value::text("buy"));

    let (mut play, _) = asked();
    let typed = play.act(&say("2")).unwrap();
    assert_eq!((texts(&typed), typed.effects.clone()), (vec!["You sell."], meant(Some("sell"))));

    let (mut play, _) = asked();
    let none = play.act(&say("none of these")).unwrap();
    assert_eq!((texts(&none), none.effects.clone()), (vec!["Something else."], meant(None)));

    // Other words are understood anew.
    let (mut play, _) = asked();
    let again = play.act(&say("I would like three")).unwrap();
    assert_eq!((again.asked.len(), texts(&again)), (1, vec!["Did you mean …?"]));
}

#[test]
fn nobody_is_asked_back_where_the_author_does_not_want_it() {
    for data in [
        json!({ "intents": ["buy", "sell"], "clarify": false }),
        json!({ "intents": ["buy", "sell"], "min_confidence": 0.9 }),
    ] {
        let mut play = Simulation::new(router(&data), Context::default(), vec![unsure()], NOW);
        play.act(&say("hi")).unwrap();
        assert_eq!(texts(&play.act(&say("three please")).unwrap()), ["Something else."]);
    }
}
