//! Flows of `RapidPro`, `TextIt` and their engine: nodes of actions, routers and exits.
//!
//! A node becomes a row of nodes of ours; the first has the node's id, the others `id.1`, `id.2` … Results, fields of
//! the contact and what a run keeps for itself become variables (the table is at the top of `context.rs`), so they live
//! as long as the conversation.

mod actions;
mod cases;
mod check;
pub(crate) mod context;
mod excellent;
mod functions;
mod message;
mod router;
mod source;
mod subflows;
mod template;
mod webhook;

use serde_json::{Value as Json, json};

use context::{Scope, Shared};
use source::{Node, Source};

use crate::{
    Fault, Format, Import, ImportError, ImportedFlow, Options, Report,
    build::{Builder, Chain, Exit, START},
    items,
    report::Notes,
    text,
};

/// The node that asks whether a run began with a message.
pub(crate) const BEGIN: &str = "begin";

/// A flow that is being translated.
pub(crate) struct Flow<'f, 'r> {
    pub(crate) source: &'f Source<'f>,
    pub(crate) scope: Scope<'f>,
    pub(crate) report: &'r mut Report,
    /// The translations that are taken instead of the flow's own words.
    pub(crate) translations: Option<&'f Json>,
    /// The calls of other flows: the node, and the other flow's id.
    pub(crate) calls: Vec<(String, String)>,
}

impl<'f> Flow<'f, '_> {
    /// A text of an action, a case or a category, in the language that is imported.
    pub(crate) fn word(&self, uuid: &str, property: &str, own: &'f str) -> &'f str {
        self.translation(uuid, property).and_then(|texts| texts.first()).and_then(Json::as_str).unwrap_or(own)
    }

    /// Texts of an action, in the language that is imported.
    pub(crate) fn words(&self, uuid: &str, property: &str, own: &'f [Json]) -> &'f [Json] {
        self.translation(uuid, property).map_or(own, Vec::as_slice)
    }

    fn translation(&self, uuid: &str, property: &str) -> Option<&'f Vec<Json>> {
        let texts = self.translations?.get(uuid)?.get(property)?.as_array()?;
        let is_there = texts.first().and_then(Json::as_str).is_some_and(|text| !text.is_empty());
        is_there.then_some(texts)
    }

    /// Its name, for the report.
    pub(crate) fn name(&self) -> String {
        self.source.name.to_owned()
    }
}

/// Imports the flows of a document.
pub fn import(document: &Json, options: &Options) -> Result<Import, ImportError> {
    let mut faults = Vec::new();
    let sources: Vec<Source<'_>> =
        source::flows(document).into_iter().map(|flow| source::read(flow, &mut faults)).collect();
    if sources.is_empty() {
        faults.push(Fault { flow: String::new(), node: None, message: "there are no flows".to_owned() });
    }
    if options.complete {
        check::completeness(document, &sources, &mut faults);
    }
    if !faults.is_empty() {
        return Err(ImportError::Refused(faults));
    }
    let shared = shared(document, &sources);
    let mut report = Report::default();
    let mut built = Vec::new();
    for source in &sources {
        built.push(translate(source, &shared, options, &mut report));
    }
    subflows::connect(&mut built, &mut report);
    let mut flows = Vec::new();
    for Built { source, mut builder, scope, .. } in built {
        for (name, kind) in &scope.variables {
            builder.variable(name, kind, Json::Null);
        }
        if let Some(excess) = builder.excess() {
            faults.push(Fault { flow: source.name.to_owned(), node: None, message: excess });
        }
        flows.push(ImportedFlow {
            source_id: source.uuid.to_owned(),
            name: source.name.to_owned(),
            definition: builder.finish(),
        });
    }
    if faults.is_empty() {
        Ok(Import { format: Format::Goflow, flows, report })
    } else {
        Err(ImportError::Refused(faults))
    }
}

/// A flow whose nodes are translated.
pub(crate) struct Built<'f> {
    pub(crate) source: &'f Source<'f>,
    pub(crate) builder: Builder,
    pub(crate) scope: Scope<'f>,
    pub(crate) calls: Vec<(String, String)>,
}

fn shared(document: &Json, sources: &[Source<'_>]) -> Shared {
    let does = |kind: &str| {
        let actions = sources.iter().flat_map(|flow| &flow.nodes).flat_map(|node| &node.actions);
        actions.into_iter().any(|action| text(action, "type") == kind)
    };
    let fields = items(document, "fields").iter();
    Shared {
        sets_name: does("set_contact_name"),
        sets_language: does("set_contact_language"),
        field_keys: fields.map(|field| text(field, "key").to_owned()).collect(),
    }
}

fn translate<'f>(
    source: &'f Source<'f>,
    shared: &'f Shared,
    options: &Options,
    report: &mut Report,
) -> Built<'f> {
    let mut builder = Builder::new();
    let translations = language(source, options, report);
    if let Some(minutes) = source.json.get("expire_after_minutes").and_then(Json::as_u64)
        && minutes > 0
    {
        builder.setting("expire_seconds", json!(minutes.saturating_mul(60).min(2_592_000)));
    }
    let scope = Scope::new(shared, source.major, source.name);
    let mut flow = Flow { source, scope, report, translations, calls: Vec::new() };
    let mut begun = begin(&mut flow, &mut builder);
    for node in &source.nodes {
        let mut chain = Chain::new(&mut builder, node.uuid);
        let goes_on = act(&mut flow, &mut chain, node);
        match (&node.router, goes_on) {
            (_, false) => chain.finish(None),
            (Some(router), true) => router::route(&mut flow, chain, node, router, std::mem::take(&mut begun)),
            (None, true) => {
                chain.finish(node.exits.first().and_then(|(_, destination)| *destination));
            }
        }
    }
    let Flow { scope, calls, .. } = flow;
    Built { source, builder, scope, calls }
}

/// Adds the actions of a node. False if nothing comes after them.
fn act<'f>(flow: &mut Flow<'f, '_>, chain: &mut Chain<'_>, node: &'f Node<'f>) -> bool {
    let mut actions = node.actions.iter().enumerate();
    actions.all(|(number, action)| actions::action(flow, chain, node, number, action))
}

/// Leads from the start to the first node. Where that waits, a run that begins with a message takes it as the first
/// answer: it does the node's actions once more, by nodes of their own, and comes to its router without waiting. The
/// exits that do are returned.
fn begin(flow: &mut Flow<'_, '_>, builder: &mut Builder) -> Vec<Exit> {
    let start = (START.to_owned(), "next".to_owned());
    let Some(first) = flow.source.nodes.first() else {
        builder.end(&start);
        return Vec::new();
    };
    if first.router.as_ref().is_none_or(|router| router.wait.is_none()) {
        builder.edge(&start, first.uuid);
        return Vec::new();
    }
    let called = flow.scope.variable("called", "boolean");
    // What becomes of the actions is told where the node itself is added.
    let mut untold = Report::default();
    let shared = flow.scope.shared;
    let scope = std::mem::replace(&mut flow.scope, Scope::new(shared, 0, ""));
    let mut copy = Flow {
        source: flow.source,
        scope,
        report: &mut untold,
        translations: flow.translations,
        calls: std::mem::take(&mut flow.calls),
    };
    let mut chain = Chain::new(builder, BEGIN);
    let when = format!("not {called} and not empty(input.text)");
    chain.tails = vec![start];
    let id = chain.branch("switch", json!({ "cases": [{ "id": "message", "when": when }] }));
    chain.builder.edge(&(id.clone(), "other".to_owned()), first.uuid);
    chain.tails = vec![(id, "message".to_owned())];
    let goes_on = act(&mut copy, &mut chain, first);
    let exits = std::mem::take(&mut chain.tails);
    if !goes_on {
        for exit in &exits {
            chain.builder.end(exit);
        }
    }
    let Flow { scope, calls, .. } = copy;
    (flow.scope, flow.calls) = (scope, calls);
    if goes_on { exits } else { Vec::new() }
}

/// The translations of the wanted language. Those of others are left out, which is said once.
fn language<'f>(source: &'f Source<'f>, options: &Options, report: &mut Report) -> Option<&'f Json> {
    let languages = source.json.get("localization").and_then(Json::as_object)?;
    let wanted = options.language.as_deref();
    let left: Vec<&str> = languages.keys().map(String::as_str).filter(|name| Some(*name) != wanted).collect();
    let mut notes = Notes::about(report, source.name, "localization".to_owned(), "localization");
    if !left.is_empty() {
        notes.not_supported(format!(
            "a flow speaks one language here; left out: {}. Import each language as a flow of its own",
            left.join(", ")
        ));
    }
    notes.done();
    languages.get(wanted?)
}

/// Whether an id of ours is that of a node of theirs: the first of the nodes that it became.
pub(crate) fn is_node(id: &str) -> bool {
    source::is_uuid(id)
}
