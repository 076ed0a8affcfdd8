//! Inputs: what a typebot asks for.

use serde_json::{Value as Json, json};

use super::{
    Here, bubbles,
    template::{is_dynamic, template},
};
use crate::{build::Chain, items, report::Notes, text};

/// Most options of a menu.
const OPTIONS_MAX: usize = 50;

/// Adds an input and leads to where its answers do.
pub(super) fn input(here: &Here<'_>, chain: Chain<'_>, notes: &mut Notes<'_>) {
    match text(here.block, "type") {
        "text input" | "otp input" => free_text(here, chain, notes),
        "choice input" | "picture choice input" | "cards" => choice(here, chain, notes),
        "payment input" => {
            notes.not_supported("there are no payments; the flow goes on as if it was paid");
            super::pass(here, chain);
        }
        _ => formatted(here, chain, notes),
    }
}

/// What is asked: the text before the input, else what stood in its empty field.
fn asked(here: &Here<'_>, notes: &mut Notes<'_>, otherwise: &str) -> String {
    let before = here.question.and_then(|block| block.get("content")).map(bubbles::words).unwrap_or_default();
    if !before.trim().is_empty() {
        return template(here.source, notes, &before);
    }
    let placeholder = here.option("labels").get("placeholder").and_then(Json::as_str).unwrap_or_default();
    let words = if placeholder.trim().is_empty() { otherwise } else { placeholder };
    notes.changed(format!("no text stands before it, so it asks `{words}`"));
    template(here.source, notes, words)
}

fn free_text(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    let mut data = json!({});
    if here.question.is_some() {
        data["text"] = json!(asked(here, notes, "…"));
    }
    if let Some(variable) = here.variable("variableId") {
        data["variable"] = json!(variable);
    }
    for extra in ["audioClip", "attachments"] {
        if here.option(extra).get("isEnabled").and_then(Json::as_bool) == Some(true) {
            notes.changed(format!("`{extra}` are not kept; the text is"));
        }
    }
    if text(here.block, "type") == "otp input" {
        notes.changed("the code is taken as a text and not checked");
    }
    chain.push("question", data, &["next"]);
    chain.finish(here.next.as_deref());
}

fn formatted(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    let kind = text(here.block, "type");
    let (format, otherwise) = match kind {
        "number input" => ("number", "Type a number"),
        "email input" => ("email", "Type your e-mail address"),
        "url input" => ("url", "Type a web address"),
        "date input" => ("date", "Type a date"),
        "time input" => ("time", "Type a time"),
        "phone number input" => ("phone", "Type your phone number"),
        "rating input" => ("rating", "How do you rate it?"),
        "file input" => ("file", "Send a file"),
        _ => {
            notes.not_supported("the block is passed over");
            return super::pass(here, chain);
        }
    };
    let words = asked(here, notes, otherwise);
    let variable = here.variable("variableId").map(str::to_owned);
    let variable = variable.unwrap_or_else(|| {
        let name = "last_answer";
        chain.builder.variable(name, "string", Json::Null);
        name.to_owned()
    });
    let mut data = json!({ "text": words, "variable": variable, "format": format });
    let retry = template(here.source, notes, here.option_text("retryMessageContent"));
    if !retry.trim().is_empty() {
        data["retry_text"] = json!(retry);
    }
    match format {
        "number" => {
            for bound in ["min", "max"] {
                let value = here.option(bound);
                let number =
                    value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
                match number {
                    Some(number) => data[bound] = json!(number),
                    None if !value.is_null() && value != "" => {
                        notes.changed(format!("`{bound}` is a variable and not checked"));
                    }
                    None => {}
                }
            }
            if data["min"].as_f64().zip(data["max"].as_f64()).is_some_and(|(min, max)| min > max) {
                data["max"] = data["min"].clone();
            }
        }
        "rating" => {
            let length = here.option("length").as_u64().unwrap_or(10).clamp(2, 10);
            data["max"] = json!(length);
        }
        "date" => {
            for field in ["isRange", "hasTime"] {
                if here.option(field).as_bool() == Some(true) {
                    notes.changed(format!("`{field}`: one day is asked for"));
                }
            }
        }
        "file" => {
            if here.option("isMultipleAllowed").as_bool() == Some(true) {
                notes.changed("one file is asked for");
            }
            if here.option("isRequired").as_bool() == Some(false) {
                notes.changed("it cannot be skipped");
            }
        }
        _ => {}
    }
    let is_file = format == "file";
    chain.push("input", data, &["next"]);
    if is_file {
        // They keep the address alone.
        super::set(&mut chain, &variable, format!("{{{{ get({variable}, \"url\") | default(\"\") }}}}"));
    }
    chain.finish(here.next.as_deref());
}

/// An option of a menu: its id, title, description, the item it comes from, and the value it stands for.
struct Offer<'j> {
    id: String,
    title: String,
    description: Option<String>,
    item: &'j Json,
}

fn choice(here: &Here<'_>, mut chain: Chain<'_>, notes: &mut Notes<'_>) {
    let variable = here.variable("variableId").map(str::to_owned);
    if let Some(list) = here.variable("dynamicVariableId").map(str::to_owned) {
        notes.changed(
            "the options come from a variable: they are listed in the text, and any answer is taken",
        );
        let words = asked(here, notes, "Choose one:");
        let mut data = json!({ "text": format!("{words}\n{{{{ join({list}, \"\\n\") }}}}") });
        if let Some(variable) = variable {
            data["variable"] = json!(variable);
        }
        chain.push("question", data, &["next"]);
        return chain.finish(here.next.as_deref());
    }
    let offers = offers(here, notes);
    if offers.is_empty() {
        notes.changed("it offers nothing, so any answer is taken");
        chain.push("question", json!({}), &["next"]);
        return chain.finish(here.next.as_deref());
    }
    if here.option("isMultipleChoice").as_bool() == Some(true) {
        notes.changed("one option is chosen, not several");
    }
    for item in items(here.block, "items") {
        let condition = item.get("displayCondition").or_else(|| item.get("options")?.get("displayCondition"));
        if condition.and_then(|condition| condition.get("isEnabled")).and_then(Json::as_bool) == Some(true) {
            notes.changed("options that are shown on a condition are always shown");
        }
        let picture = [text(item, "pictureSrc"), text(item, "imageUrl")];
        if let Some(url) = picture.into_iter().find(|url| !url.is_empty()) {
            let media =
                json!({ "kind": "media", "media": "image", "url": template(here.source, notes, url) });
            chain.push("message", json!({ "content": media }), &["next"]);
        }
    }
    let words = asked(here, notes, "Choose one:");
    let options: Vec<Json> = offers
        .iter()
        .map(|offer| {
            let mut option = json!({ "id": offer.id, "title": offer.title });
            if let Some(description) = &offer.description {
                option["description"] = json!(description);
            }
            option
        })
        .collect();
    let style = if offers.len() > 10 || text(here.block, "type") == "cards" { "list" } else { "buttons" };
    let mut data = json!({ "text": words, "options": options, "style": style });
    let retry = template(here.source, notes, here.option_text("retryMessageContent"));
    if !retry.trim().is_empty() {
        data["retry_text"] = json!(retry);
    }
    let menu = chain.branch("menu", data);
    for offer in offers {
        chain.tails = vec![(menu.clone(), offer.id)];
        if let Some(variable) = &variable {
            let value = Some(text(offer.item, "value")).filter(|value| !value.is_empty());
            let value = value.map_or_else(
                || crate::build::literal(&offer.title),
                |value| template(here.source, notes, value),
            );
            super::set(&mut chain, variable, value);
        }
        let target = here.after(offer.item);
        for tail in std::mem::take(&mut chain.tails) {
            match &target {
                Some(target) => chain.builder.edge(&tail, target),
                None => chain.builder.end(&tail),
            }
        }
    }
    chain.finish(None);
}

fn offers<'j>(here: &Here<'j>, notes: &mut Notes<'_>) -> Vec<Offer<'j>> {
    let mut offers = Vec::new();
    let mut add = |title: &str, description: &str, item: &'j Json| {
        if is_dynamic(title) || title.trim().is_empty() {
            notes.changed(format!("the option `{title}`: options are fixed texts, of at least one letter"));
        }
        let title = if title.trim().is_empty() { "…" } else { title };
        if offers.len() == OPTIONS_MAX {
            return notes.not_supported(format!("the option `{title}` behind the {OPTIONS_MAX}th"));
        }
        let description = Some(description.to_owned()).filter(|text| !text.trim().is_empty());
        let id = format!("option_{}", offers.len() + 1);
        offers.push(Offer { id, title: title.to_owned(), description, item });
    };
    for item in items(here.block, "items") {
        let title = [text(item, "content"), text(item, "title")].into_iter().find(|title| !title.is_empty());
        let (title, description) = (title.unwrap_or_default(), text(item, "description"));
        let paths = items(item, "paths");
        if paths.is_empty() {
            add(title, description, item);
        }
        for path in paths {
            let label = match (title, text(path, "text")) {
                ("", label) => label.to_owned(),
                (title, "") => title.to_owned(),
                (title, label) => format!("{title}: {label}"),
            };
            add(&label, description, path);
        }
    }
    offers
}
