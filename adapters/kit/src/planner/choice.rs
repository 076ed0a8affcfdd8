//! Options: as buttons, as a list, or as a numbered text.

use std::collections::HashSet;

use botbuilder_domain::{Capabilities, Choice, ChoiceOption, ChoiceStyle, Content};

use super::{
    Plan, PlanError, downgrade, pieces,
    split::{shortened, split},
    text_parts,
};

/// The forms that options can take, from the one that was asked for to the simplest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Buttons,
    List,
    Numbered,
}

impl Form {
    const fn word(self) -> &'static str {
        match self {
            Self::Buttons => "buttons",
            Self::List => "list",
            Self::Numbered => "numbered_text",
        }
    }
}

/// Shown above options that have no text, because networks refuse an empty one.
const NO_TEXT: &str = "…";

pub(super) fn plan(choice: &Choice, capabilities: &Capabilities) -> Result<Plan, PlanError> {
    let written = choice.text.trim_end();
    if choice.options.is_empty() {
        return Ok(Plan { parts: text_parts(written, capabilities)?, downgrades: Vec::new() });
    }
    let options: Vec<ChoiceOption> = choice.options.iter().map(on_one_line).collect();
    let text = match (written.trim().is_empty(), choice.label.as_deref()) {
        (false, _) => written,
        (true, Some(label)) if !label.trim().is_empty() => label,
        (true, _) => NO_TEXT,
    };
    let wishes = match choice.style {
        ChoiceStyle::Buttons => [Form::Buttons, Form::List],
        ChoiceStyle::List => [Form::List, Form::Buttons],
    };
    let mut plan = Plan { parts: Vec::new(), downgrades: Vec::new() };
    let mut form = Form::Numbered;
    let mut reason = None;
    for wish in wishes {
        match obstacle(wish, &options, capabilities) {
            None => {
                form = wish;
                break;
            }
            Some(obstacle) => reason = reason.or(Some(obstacle)),
        }
    }
    if let Some(reason) = reason {
        plan.downgrades.push(downgrade(wishes[0].word(), form.word(), &reason));
    }
    match form {
        Form::Buttons => buttons(text, options, capabilities, &mut plan)?,
        Form::List => {
            let label = choice.label.as_deref().filter(|label| !label.trim().is_empty());
            list(text, options, label, capabilities, &mut plan)?;
        }
        Form::Numbered => plan.parts = numbered(text, &options, capabilities)?,
    }
    Ok(plan)
}

/// Titles stand on one line; one that is blank shows the id, so that there is something to choose.
fn on_one_line(option: &ChoiceOption) -> ChoiceOption {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = line(&option.title);
    ChoiceOption {
        id: option.id.clone(),
        title: if title.is_empty() { option.id.clone() } else { title },
        description: option.description.as_deref().map(line).filter(|text| !text.is_empty()),
    }
}

/// Why options cannot take a form; none where they can.
fn obstacle(form: Form, options: &[ChoiceOption], capabilities: &Capabilities) -> Option<String> {
    let (most, title_max) = match form {
        Form::Buttons => (capabilities.buttons_max, capabilities.button_title_max),
        Form::List => (capabilities.list_rows_max, capabilities.row_title_max),
        Form::Numbered => return None,
    };
    if most == 0 {
        let word = if form == Form::List { "lists" } else { "buttons" };
        return Some(format!("the channel has no {word}"));
    }
    if options.len() > most {
        return Some(format!("{} options, {most} at most", options.len()));
    }
    if options.iter().any(|option| option.id.is_empty()) {
        return Some("an option has no id".into());
    }
    let payload_max = capabilities.button_payload_max;
    if options.iter().any(|option| option.id.len() > payload_max) {
        return Some(format!("an option's id is longer than {payload_max} bytes"));
    }
    let mut ids = HashSet::new();
    if !options.iter().all(|option| ids.insert(option.id.as_str())) {
        return Some("two options have the same id".into());
    }
    let mut titles = HashSet::new();
    if form == Form::Buttons
        && !options.iter().all(|option| titles.insert(shortened(&option.title, title_max)))
    {
        return Some(format!("two titles are the same in their first {title_max} characters"));
    }
    None
}

fn buttons(
    text: &str,
    mut options: Vec<ChoiceOption>,
    capabilities: &Capabilities,
    plan: &mut Plan,
) -> Result<(), PlanError> {
    let described: Vec<String> = options
        .iter()
        .filter_map(|option| Some(format!("{}: {}", option.title, option.description.as_ref()?)))
        .collect();
    let mut text = text.to_owned();
    if !described.is_empty() {
        // Buttons have no second line, so it goes above them.
        text = format!("{text}\n\n{}", described.join("\n"));
        plan.downgrades.push(downgrade("description", "text", "buttons have no descriptions"));
    }
    let max = capabilities.button_title_max;
    let too_long = options.iter().any(|option| option.title.chars().count() > max);
    if too_long {
        let reason = format!("{max} characters at most");
        plan.downgrades.push(downgrade("button_title", "shortened_title", &reason));
    }
    for option in &mut options {
        option.title = shortened(&option.title, max);
        option.description = None;
    }
    finish(&text, options, ChoiceStyle::Buttons, None, capabilities, plan)
}

fn list(
    text: &str,
    mut options: Vec<ChoiceOption>,
    label: Option<&str>,
    capabilities: &Capabilities,
    plan: &mut Plan,
) -> Result<(), PlanError> {
    let (title_max, description_max) = (capabilities.row_title_max, capabilities.row_description_max);
    let mut shortened_titles = false;
    let mut shortened_descriptions = false;
    for option in &mut options {
        let title = shortened(&option.title, title_max);
        if title != option.title {
            shortened_titles = true;
            // The second line has room for the whole title where it is free.
            option.description = option.description.take().or(Some(std::mem::take(&mut option.title)));
            option.title = title;
        }
        if let Some(description) = &mut option.description {
            let short = shortened(description, description_max);
            shortened_descriptions |= short != *description;
            *description = short;
        }
        option.description = option.description.take().filter(|text| !text.is_empty());
    }
    if shortened_titles {
        let reason = format!("{title_max} characters at most");
        plan.downgrades.push(downgrade("row_title", "shortened_title", &reason));
    }
    if shortened_descriptions {
        let reason = format!("{description_max} characters at most");
        plan.downgrades.push(downgrade("row_description", "shortened_description", &reason));
    }
    let label = label.map(|label| shortened(label, capabilities.button_title_max));
    finish(text, options, ChoiceStyle::List, label, capabilities, plan)
}

/// Puts the options below the last piece of the text, and what does not fit above them into texts of its own.
fn finish(
    text: &str,
    options: Vec<ChoiceOption>,
    style: ChoiceStyle,
    label: Option<String>,
    capabilities: &Capabilities,
    plan: &mut Plan,
) -> Result<(), PlanError> {
    let above = split(text, capabilities.choice_text_max, capabilities.text_unit);
    let last = above.last().copied().unwrap_or(text);
    let before = &text[..text.len() - last.len()];
    if !before.trim().is_empty() {
        let reason = format!("{} at most above options", capabilities.choice_text_max);
        plan.downgrades.push(downgrade("long_text", "several_messages", &reason));
        plan.parts.extend(pieces(before, capabilities)?);
    }
    plan.parts.push(Content::Choice(Choice { text: last.to_owned(), options, style, label }));
    Ok(())
}

/// `1. Title: description`, below the text; together on the last part where they fit on one.
fn numbered(
    text: &str,
    options: &[ChoiceOption],
    capabilities: &Capabilities,
) -> Result<Vec<Content>, PlanError> {
    let lines: Vec<String> = options
        .iter()
        .enumerate()
        .map(|(index, option)| match &option.description {
            Some(description) => format!("{}. {}: {description}", index + 1, option.title),
            None => format!("{}. {}", index + 1, option.title),
        })
        .collect();
    let block = lines.join("\n");
    let (max, unit) = (capabilities.text_max, capabilities.text_unit);
    let whole = format!("{text}\n\n{block}");
    if unit.len(&whole) <= max {
        return text_parts(&whole, capabilities);
    }
    let mut parts = pieces(text, capabilities)?;
    if let Some(Content::Text { text: last }) = parts.last_mut() {
        let joined = format!("{last}\n\n{block}");
        if unit.len(&joined) <= max {
            *last = joined;
            return Ok(parts);
        }
    }
    parts.extend(pieces(&block, capabilities)?);
    Ok(parts)
}
