//! Several flows of one bot: who takes over when, and what goes along.

use std::{collections::BTreeMap, sync::Arc};

use botbuilder_domain::{Content, VersionId};
use botbuilder_flow::{
    Answer, Ask, Authored, Bot, Context, Effect, Event, Flow, Input, IntentAnswer, Library, Limit, Next,
    Orchestration, Reason, Session, Settings, Sprint, Value,
    definition::VariableType,
    orchestration::{OnError, Scope, Shared, Transition, Trigger},
    step,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

/// A flow that says its name, asks for `v` and says what it got.
fn flow(name: &str) -> Json {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": "question", "data": { "text": format!("{name}? {{{{ v }}}}"), "variable": "v" } },
            { "id": "said", "type": "message", "data": { "text": "got {{ v }}" } },
        ],
        "edges": [
            { "source": "start", "target": "ask" },
            { "source": "ask", "target": "said" },
        ],
        "variables": [{ "name": "v" }],
    })
}

fn version(number: usize) -> VersionId {
    VersionId::new(Uuid::from_u128(u128::try_from(number).unwrap()))
}

fn way(from: &str, to: &str, kind: &str, value: &Json) -> Transition {
    Transition {
        id: format!("{from}-{to}"),
        from: from.to_owned(),
        to: to.to_owned(),
        trigger: Trigger::read(kind, value).unwrap(),
        keeps_variables: true,
    }
}

/// Flows by their names, joined by transitions. A conversation begins with `a`.
struct World {
    flows: Vec<(&'static str, Json)>,
    orchestration: Orchestration,
    settings: Settings,
}

impl World {
    fn new(transitions: Vec<Transition>) -> Self {
        let orchestration = Orchestration {
            entry: "a".to_owned(),
            transitions,
            on_error: OnError::Stop,
            max_hops: 5,
            expire_seconds: None,
            variables: BTreeMap::new(),
        };
        let settings = Settings::default();
        Self { flows: vec![("a", flow("a")), ("b", flow("b"))], orchestration, settings }
    }

    fn share(mut self, name: &str, scope: Scope, default: Value) -> Self {
        self.orchestration
            .variables
            .insert(name.into(), Shared::new(scope, VariableType::default(), default));
        self
    }

    /// The bot as the runtime has it for a conversation of that session.
    fn bot(&self, session: &Session) -> Bot {
        let mut library = Library::default();
        for (index, (name, definition)) in self.flows.iter().enumerate() {
            let (flow, _) = Flow::draft(definition);
            library.publish(*name, version(index + 1), Arc::new(flow.unwrap()));
        }
        let at = session
            .version()
            .map_or(0, |pinned| (1..9).position(|number| version(number) == pinned).unwrap());
        let (name, definition) = &self.flows[at];
        let flow = Flow::draft(definition).0.unwrap();
        Bot::of(version(at + 1), Arc::new(flow), self.settings.clone())
            .with_library(library)
            .among(*name, Arc::new(self.orchestration.clone()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "as the engine takes it")]
    fn step(&self, session: Session, input: Input, now: DateTime<Utc>) -> Sprint {
        // Through JSON, as a database keeps it.
        let session = serde_json::to_value(&session).unwrap();
        let session: Session = serde_json::from_value(session).unwrap();
        step(&self.bot(&session), session, input, now)
    }

    /// What is said in answer to these, one after the other.
    fn talk(&self, texts: &[&str]) -> (Vec<Vec<String>>, Sprint) {
        let mut session = Session::default();
        let (mut said, mut last) = (Vec::new(), None);
        for text in texts {
            let sprint = self.step(session, Input::text(*text), NOW);
            session = sprint.session.clone();
            said.push(replies(&sprint));
            last = Some(sprint);
        }
        (said, last.unwrap())
    }
}

fn replies(sprint: &Sprint) -> Vec<String> {
    let text = |effect: &Effect| match effect {
        Effect::Reply(content) => content.plain_text().map(str::to_owned),
        _ => None,
    };
    sprint.effects.iter().filter_map(text).collect()
}

#[test]
fn a_flow_that_has_ended_is_followed_by_the_next_and_variables_go_along() {
    let world = World::new(vec![way("a", "b", "on_complete", &json!({ "outcome": "said" }))]);
    let (said, last) = world.talk(&["hi", "blue", "red"]);
    assert_eq!(said, [vec!["a? "], vec!["got blue", "b? blue"], vec!["got red"]]);
    assert!(last.session.has_ended());
    // After the end, the entry again.
    let (said, _) = world.talk(&["hi", "blue", "red", "hi"]);
    assert_eq!(said[3], ["a? "]);

    let mut forgetful = World::new(vec![way("a", "b", "always", &json!({}))]);
    forgetful.orchestration.transitions[0].keeps_variables = false;
    assert_eq!(forgetful.talk(&["hi", "blue"]).0[1], ["got blue", "b? "]);
    let elsewhere = World::new(vec![way("a", "b", "on_complete", &json!({ "outcome": "other" }))]);
    assert!(elsewhere.talk(&["hi", "blue"]).1.session.has_ended());
}

#[test]
fn a_keyword_a_condition_and_an_event_lead_elsewhere() {
    let world = World::new(vec![way("a", "b", "on_keyword", &json!({ "keywords": ["help"] }))]);
    let (said, last) = world.talk(&["hi", "HELP "]);
    assert_eq!(said[1], ["b? "]);
    assert_eq!(last.session.version(), Some(version(2)));
    assert!(last.events.contains(&Event::Hopped { from: version(1), to: version(2) }));
    assert_eq!(world.talk(&["help"]).0[0], ["b? "], "the first message too");

    let world = World::new(vec![way("a", "b", "on_condition", &json!({ "expression": "v == \"vip\"" }))]);
    assert_eq!(world.talk(&["hi", "vip"]).0[1], ["got vip", "b? vip"]);
    assert_eq!(world.talk(&["hi", "no"]).0[1], ["got no"]);

    let paid = json!({ "event": "order.paid", "match": { "order": 7 } });
    let world = World::new(vec![way("a", "b", "on_event", &paid)]);
    let session = world.talk(&["hi"]).1.session;
    let event = |order: f64| Input::Event {
        name: "order.paid".to_owned(),
        data: Value::object([("order", Value::Number(order))]),
        context: Context::default(),
    };
    assert_eq!(world.step(session.clone(), event(8.0), NOW).events, [Event::Ignored]);
    assert_eq!(replies(&world.step(session, event(7.0), NOW)), ["b? "]);
}

#[test]
fn silence_leads_elsewhere_when_its_time_has_come() {
    let world = World::new(vec![way("a", "b", "on_timeout", &json!({ "seconds": 60 }))]);
    let session = world.talk(&["hi"]).1.session;
    let due = NOW + TimeDelta::seconds(60);
    assert_eq!(session.next_timer(), Some(due));
    let timeout = Input::Timeout { due, context: Context::default() };
    assert_eq!(replies(&world.step(session, timeout, due)), ["b? "]);
}

#[test]
fn the_meaning_of_a_message_is_asked_for_before_a_flow_takes_it() {
    let help = json!({ "intent": "help", "min_confidence": 0.6 });
    let world = World::new(vec![way("a", "b", "on_intent", &help)]);
    let meant = |confidence: f64| Answer::Recognized {
        intent: Some("help".to_owned()),
        confidence,
        entities: Value::Null,
        accepted: true,
        close: Vec::new(),
        note: None,
    };
    for (confidence, expected) in [(0.9, vec!["b? "]), (0.3, vec!["got I am lost"])] {
        let greeted = world.talk(&["hi"]).1;
        let Next::Ask { question, .. } = greeted.next else { panic!("{greeted:?}") };
        assert!(
            matches!(&question.ask, Ask::Recognize { text, intents, .. } if text == "hi" && intents == &["help"])
        );
        let answer = |question, answer| Input::Answer { question, answer, context: Context::default() };
        let begun = world.step(greeted.session, answer(question.id, meant(0.0)), NOW);
        assert_eq!(replies(&begun), ["a? "]);
        let asked = world.step(begun.session, Input::text("I am lost"), NOW);
        assert_eq!(replies(&asked), Vec::<String>::new());
        let question = asked.session.waits_for_answer().unwrap();
        let answered = world.step(asked.session, answer(question, meant(confidence)), NOW);
        assert_eq!(replies(&answered), expected);
    }
}

/// An answer to the question that the session waits for: the text meant `order`.
fn order_is_meant(session: &Session, accepted: bool) -> Input {
    let answer = Answer::Recognized {
        intent: Some("order".to_owned()),
        confidence: 0.9,
        entities: Value::Null,
        accepted,
        close: Vec::new(),
        note: None,
    };
    Input::Answer { question: session.waits_for_answer().unwrap(), answer, context: Context::default() }
}

fn answered_by(flow: Option<&str>, reply: Option<&str>) -> Vec<IntentAnswer> {
    let flow = flow.map(str::to_owned);
    let reply = reply.map(|text| Authored { parts: vec![Content::text(text)], ..Authored::default() });
    vec![IntentAnswer { intent: "order".to_owned(), flow, reply }]
}

#[test]
fn an_intent_with_a_flow_starts_it_wherever_no_free_text_was_asked_for() {
    let menu = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "menu", "type": "menu", "data": { "text": "A or B?", "options": [{ "id": "a", "title": "A" }] } },
        ],
        "edges": [{ "source": "start", "target": "menu" }, { "source": "menu", "target": "start", "port": "a" }],
    });
    let mut world = World::new(Vec::new());
    world.settings.intents = answered_by(Some("b"), Some("One moment."));

    // The first message: the entry flow is not seen.
    let asked = world.step(Session::default(), Input::text("where is my order"), NOW);
    let Next::Ask { question, .. } = &asked.next else { panic!("{asked:?}") };
    assert!(matches!(&question.ask, Ask::Recognize { text, .. } if text == "where is my order"));
    let meant = order_is_meant(&asked.session, true);
    let begun = world.step(asked.session.clone(), meant, NOW);
    assert_eq!(replies(&begun), ["One moment.", "b? "]);
    assert_eq!(begun.session.version(), Some(version(2)));
    assert!(begun.events.contains(&Event::Hopped { from: version(1), to: version(2) }));
    // What is not sure enough, the flow has.
    let unsure = order_is_meant(&asked.session, false);
    assert_eq!(replies(&world.step(asked.session, unsure, NOW)), ["a? "]);
    // Free text is what the flow asked for.
    assert_eq!(replies(&world.step(begun.session, Input::text("my order"), NOW)), ["got my order"]);

    // A menu is left, but what it offers goes before.
    world.flows[0].1 = menu;
    let asked = world.step(Session::default(), Input::text("hi"), NOW);
    let unsure = order_is_meant(&asked.session, false);
    let begun = world.step(asked.session, unsure, NOW);
    assert_eq!(replies(&begun), ["A or B?"]);
    assert!(world.step(begun.session.clone(), Input::text("A"), NOW).session.waits_for_answer().is_none());
    let asked = world.step(begun.session, Input::text("where is my order"), NOW);
    let meant = order_is_meant(&asked.session, true);
    assert_eq!(replies(&world.step(asked.session, meant, NOW)), ["One moment.", "b? "]);
}

#[test]
fn an_intent_with_a_reply_alone_leaves_the_conversation_where_it_is() {
    let mut world = World::new(Vec::new());
    world.settings.intents = answered_by(None, Some("From nine to five."));
    let asked = world.step(Session::default(), Input::text("when are you open"), NOW);
    let meant = order_is_meant(&asked.session, true);
    let told = world.step(asked.session, meant, NOW);
    assert_eq!(replies(&told), ["From nine to five."]);
    assert_eq!((told.next, told.session.version()), (Next::Done, None));

    // A flow that is not there: the conversation begins as if nothing had been meant.
    world.settings.intents = answered_by(Some("gone"), None);
    let asked = world.step(Session::default(), Input::text("my order"), NOW);
    let meant = order_is_meant(&asked.session, true);
    let begun = world.step(asked.session, meant, NOW);
    assert_eq!(replies(&begun), ["a? "]);
    assert!(
        begun.events.iter().any(|event| matches!(event, Event::Error { reason: Reason::MissingFlow, .. }))
    );
}

#[test]
fn a_router_sends_an_intent_it_does_not_list_to_the_flow_the_intent_names() {
    let routing = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": "question", "data": { "text": "What is it?", "variable": "v" } },
            { "id": "route", "type": "nlu_router", "data": { "intents": ["help"], "variable": "meant" } },
            { "id": "help", "type": "message", "data": { "text": "help" } },
            { "id": "other", "type": "message", "data": { "text": "other" } },
        ],
        "edges": [
            { "source": "start", "target": "ask" },
            { "source": "ask", "target": "route" },
            { "source": "route", "target": "help", "port": "help" },
            { "source": "route", "target": "other", "port": "other" },
        ],
        "variables": [{ "name": "v" }, { "name": "meant" }],
    });
    let says = |intents: Vec<IntentAnswer>, sure: bool| {
        let mut world = World::new(Vec::new());
        world.flows[0].1 = routing.clone();
        let begun = world.step(Session::default(), Input::text("hi"), NOW);
        world.settings.intents = intents;
        let asked = world.step(begun.session, Input::text("where is my order"), NOW);
        let meant = order_is_meant(&asked.session, sure);
        world.step(asked.session, meant, NOW)
    };
    let followed = says(answered_by(Some("b"), Some("One moment.")), true);
    assert_eq!(replies(&followed), ["One moment.", "b? where is my order"]);
    assert_eq!(followed.session.version(), Some(version(2)));
    assert!(followed.events.contains(&Event::Hopped { from: version(1), to: version(2) }));
    // Not sure enough; without a flow, or in this very flow; of a flow that is not published.
    for (intents, sure) in [
        (answered_by(Some("b"), None), false),
        (answered_by(None, Some("From nine to five.")), true),
        (answered_by(Some("a"), None), true),
        (answered_by(Some("gone"), None), true),
        (Vec::new(), true),
    ] {
        assert_eq!(replies(&says(intents.clone(), sure)), ["other"], "{intents:?}");
    }
}

#[test]
fn a_failure_is_taken_by_a_transition_or_as_the_orchestration_says() {
    let failing = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "set", "type": "set_variable", "data": { "name": "n", "value": "{{ 1 / 0 }}" } },
        ],
        "edges": [{ "source": "start", "target": "set" }],
        "variables": [{ "name": "n", "type": "number" }],
    });
    let world = |transitions: Vec<Transition>, on_error| {
        let mut world = World::new(transitions);
        world.flows[0].1 = failing.clone();
        world.orchestration.on_error = on_error;
        world
    };
    let fallback = Settings::default().fallback;
    let fallback = fallback.plain_text().unwrap();
    let codes = |code: &str| vec![way("a", "b", "on_error", &json!({ "codes": [code] }))];
    assert_eq!(world(codes("not_finite"), OnError::Stop).talk(&["hi"]).0[0], ["b? "]);
    assert_eq!(world(codes("timed_out"), OnError::Stop).talk(&["hi"]).0[0], [fallback]);
    assert_eq!(world(vec![], OnError::Flow("b".to_owned())).talk(&["hi"]).0[0], ["b? "]);
    let (said, last) = world(vec![], OnError::Handoff).talk(&["hi"]);
    assert_eq!(said[0], [fallback]);
    assert!(matches!(last.effects[0], Effect::Handoff { .. }), "{last:?}");
}

#[test]
fn flows_that_follow_each_other_for_ever_are_stopped() {
    let hollow = json!({
        "schema": 1,
        "nodes": [{ "id": "start", "type": "start" }, { "id": "end", "type": "end" }],
        "edges": [{ "source": "start", "target": "end" }],
    });
    let mut world =
        World::new(vec![way("a", "b", "always", &json!({})), way("b", "a", "always", &json!({}))]);
    world.flows = vec![("a", hollow.clone()), ("b", hollow)];
    let (_, last) = world.talk(&["hi"]);
    assert!(last.session.has_ended());
    let hops = last.events.iter().filter(|event| matches!(event, Event::Hopped { .. })).count();
    assert_eq!(hops, 5);
    assert!(last.events.iter().any(|event| matches!(event, Event::LimitReached { limit: Limit::Hops, .. })));
}

#[test]
fn what_flows_share_holds_as_long_as_its_scope() {
    let world =
        World::new(vec![way("a", "b", "on_complete", &json!({}))]).share("v", Scope::Turn, Value::text("?"));
    let (said, last) = world.talk(&["hi", "blue"]);
    assert_eq!(said, [vec!["a? ?"], vec!["got blue", "b? blue"]]);
    assert_eq!(last.session.variables().get("v"), None, "forgotten with the turn");

    let world = World::new(vec![]).share("v", Scope::Contact, Value::Null);
    let context = Context { attributes: Value::object([("v", Value::text("green"))]), ..Context::default() };
    let hello = Input::Message { content: Content::text("hi"), context };
    let greeted = world.step(Session::default(), hello, NOW);
    assert_eq!(replies(&greeted), ["a? green"]);
    let sprint = world.step(greeted.session, Input::text("blue"), NOW);
    let remember = Effect::Remember { name: "v".to_owned(), value: Value::text("blue") };
    assert_eq!(sprint.effects.first(), Some(&remember));

    let world = World::new(vec![]).share("v", Scope::Bot, Value::text("fixed"));
    let (said, _) = world.talk(&["hi", "blue"]);
    assert_eq!(said[0], ["a? fixed"]);
    assert_eq!(said[1], [Settings::default().fallback.plain_text().unwrap()], "a constant is not set");
}
