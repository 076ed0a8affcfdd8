//! Options that a person chooses from. Their titles and descriptions are templates; their ids are not.

use botbuilder_domain::{Choice, ChoiceOption, ChoiceStyle, Content};
use serde::Deserialize;

use crate::{
    Input,
    definition::NAME_MAX,
    expression::ParseError,
    template::Template,
    turn::{Failure, Turn},
};

/// Most options of one message.
const OPTIONS_MAX: usize = 50;

/// An option as an author writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct OptionTemplate {
    pub(crate) id: String,
    title: Template,
    description: Option<Template>,
}

impl OptionTemplate {
    /// From an option whose texts are sources.
    pub(crate) fn parse(option: &ChoiceOption) -> Result<Self, ParseError> {
        Ok(Self {
            id: option.id.clone(),
            title: Template::parse(&option.title)?,
            description: option.description.as_deref().map(Template::parse).transpose()?,
        })
    }

    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.title].into_iter().chain(&self.description)
    }

    fn outline(&self) -> ChoiceOption {
        ChoiceOption {
            id: self.id.clone(),
            title: self.title.outline(),
            description: self.description.as_ref().map(Template::outline),
        }
    }

    fn render(&self, turn: &mut Turn<'_>) -> Result<ChoiceOption, Failure> {
        let title = turn.render(&self.title)?;
        // No network takes an option without a title.
        let title = if title.trim().is_empty() { self.id.clone() } else { title };
        let description = self.description.as_ref().map(|text| turn.render(text)).transpose()?;
        Ok(ChoiceOption { id: self.id.clone(), title, description })
    }
}

/// The options with an ellipsis in every place.
pub(crate) fn outlined(options: &[OptionTemplate]) -> Vec<ChoiceOption> {
    options.iter().map(OptionTemplate::outline).collect()
}

/// The options as the person reads them.
pub(crate) fn rendered(
    turn: &mut Turn<'_>,
    options: &[OptionTemplate],
) -> Result<Vec<ChoiceOption>, Failure> {
    options.iter().map(|option| option.render(turn)).collect()
}

/// The message that shows options.
pub(super) fn offer(
    text: String,
    options: Vec<ChoiceOption>,
    style: ChoiceStyle,
    label: Option<String>,
) -> Content {
    Content::Choice(Choice { text, options, style, label })
}

/// The id of the option that an input chooses: by it when tapped, by title or number when typed.
pub(super) fn chosen(options: Vec<ChoiceOption>, input: &Input) -> Option<String> {
    match input {
        Input::Postback { payload, .. } => {
            options.into_iter().find(|option| option.id == *payload).map(|option| option.id)
        }
        Input::Message { .. } => {
            let style = ChoiceStyle::default();
            let choice = Choice { text: String::new(), options, style, label: None };
            choice.resolve(input.answer()?).map(|option| option.id.clone())
        }
        Input::Opened { .. } | Input::Timeout { .. } | Input::Answer { .. } | Input::Event { .. } => None,
    }
}

/// The option of these that an input chooses.
pub(super) fn chosen_of<'o>(
    turn: &mut Turn<'_>,
    options: &'o [OptionTemplate],
    input: &Input,
) -> Result<Option<&'o OptionTemplate>, Failure> {
    // What can be no choice is not worth filling templates for.
    if !matches!(input, Input::Postback { .. } | Input::Message { .. }) {
        return Ok(None);
    }
    let id = chosen(rendered(turn, options)?, input);
    Ok(id.and_then(|id| options.iter().find(|option| option.id == id)))
}

/// What is wrong with a list of options.
pub(super) fn check_options(options: &[OptionTemplate]) -> Vec<String> {
    let mut faults = Vec::new();
    if options.is_empty() || options.len() > OPTIONS_MAX {
        faults.push(format!("there are {} options; 1 to {OPTIONS_MAX} are allowed", options.len()));
    }
    for (index, option) in options.iter().enumerate() {
        let id = &option.id;
        if id.is_empty() || id.chars().count() > NAME_MAX || option.title.outline().trim().is_empty() {
            faults.push(format!("the option `{id}` has no id, no title, or an id that is too long"));
        }
        if options[..index].iter().any(|before| before.id == *id) {
            faults.push(format!("the option `{id}` is there twice"));
        }
    }
    faults
}
