//! Exported typebots: groups of blocks, joined by edges.
//!
//! A block becomes a node of ours with the block's id, or a row of them: `id`, `id.1` … A text that stands before an
//! input which needs a question becomes that question.

mod bubbles;
mod conditions;
mod inputs;
mod integrations;
mod logic;
mod script;
mod source;
mod template;

use serde_json::{Value as Json, json};

use source::Source;

use crate::{
    Format, Import, ImportError, ImportedFlow, Options, Report,
    build::{Builder, Chain, START},
    report::Notes,
    text,
};

/// A block that is being translated, and where it stands.
pub(crate) struct Here<'b> {
    pub(crate) source: &'b Source<'b>,
    pub(crate) block: &'b Json,
    /// Where the block leads by itself.
    pub(crate) next: Option<String>,
    /// The question that stood before it.
    pub(crate) question: Option<&'b Json>,
}

impl Here<'_> {
    /// A field of the block's options.
    pub(crate) fn option(&self, name: &str) -> &Json {
        self.block.get("options").and_then(|options| options.get(name)).unwrap_or(&Json::Null)
    }

    /// An option's text.
    pub(crate) fn option_text(&self, name: &str) -> &str {
        self.option(name).as_str().unwrap_or_default()
    }

    /// The variable that an option names by its id.
    pub(crate) fn variable(&self, option: &str) -> Option<&str> {
        self.source.variable(self.option_text(option))
    }

    /// The node that an item of the block leads to; the block's own where it leads nowhere.
    pub(crate) fn after(&self, item: &Json) -> Option<String> {
        self.source.edge(text(item, "outgoingEdgeId")).or_else(|| self.next.clone())
    }
}

/// Imports a typebot.
pub fn import(document: &Json, options: &Options) -> Result<Import, ImportError> {
    let mut report = Report::default();
    let source = source::read(document).map_err(ImportError::Refused)?;
    let mut builder = Builder::new();
    let mut notes = Notes::about(&mut report, source.name, String::new(), "typebot");
    if options.language.is_some() {
        notes.changed("typebots are not translated; the language is not used");
    }
    for (kind, id) in &source.other_events {
        notes.not_supported(format!("the event `{kind}` ({id}); use an orchestration"));
    }
    let start = (START.to_owned(), "next".to_owned());
    if let Some(first) = source.start() {
        builder.edge(&start, &first);
    } else {
        notes.changed("its start leads nowhere");
        builder.end(&start);
    }
    notes.done();
    for group in &source.groups {
        for (index, block) in group.blocks.iter().enumerate() {
            if source.is_question(group, index) {
                let place = format!("{}/{}", group.id, text(block, "id"));
                Notes::about(&mut report, source.name, place, text(block, "type")).done();
                continue;
            }
            let question = index.checked_sub(1).filter(|before| source.is_question(group, *before));
            let here = Here {
                source: &source,
                block,
                next: source.next(group, index),
                question: question.and_then(|before| group.blocks.get(before)),
            };
            let place = format!("{}/{}", group.id, text(block, "id"));
            let mut notes = Notes::about(&mut report, source.name, place, text(block, "type"));
            let chain = Chain::new(&mut builder, &source::node_id(text(block, "id")));
            translate(&here, chain, &mut notes);
            notes.done();
        }
    }
    for (name, kind, default) in source.declared() {
        builder.variable(&name, kind, default);
    }
    if let Some(excess) = builder.excess() {
        let fault = crate::Fault { flow: source.name.to_owned(), node: None, message: excess };
        return Err(ImportError::Refused(vec![fault]));
    }
    let flow = ImportedFlow {
        source_id: source.id.to_owned(),
        name: source.name.to_owned(),
        definition: builder.finish(),
    };
    Ok(Import { format: Format::Typebot, flows: vec![flow], report })
}

/// Adds the nodes of one block.
fn translate(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    let done = match text(here.block, "type") {
        "text" | "image" | "video" | "audio" | "embed" | "location" => {
            bubbles::bubble(here, &mut chain, notes);
            true
        }
        kind if kind.ends_with(" input") || kind == "cards" => return inputs::input(here, chain, notes),
        "Set variable" | "Condition" | "Redirect" | "Code" | "Typebot link" | "Wait" | "Jump" | "AB test"
        | "webhook" | "Return" => return logic::logic(here, chain, notes),
        "start" => true,
        _ => integrations::integration(here, &mut chain, notes),
    };
    if !done {
        notes.not_supported("the block is passed over");
    }
    chain.finish(here.next.as_deref());
}

/// A note that stands for a block which has nothing to do here.
pub(crate) fn pass(here: &Here<'_>, chain: Chain<'_>) {
    chain.finish(here.next.as_deref());
}

/// Sets a variable and goes on.
pub(crate) fn set(chain: &mut Chain<'_>, variable: &str, value: impl Into<Json>) {
    chain.push("set_variable", json!({ "name": variable, "value": value.into() }), &["next"]);
}
