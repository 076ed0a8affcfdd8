//! What experiments show in the place of messages and flows.

use botbuilder_domain::{Content, VersionId};

use super::Turn;
use crate::{
    authored::Authored,
    experiment::{Experiment, Unit, Variant},
    flow::Flow,
    sprint::Effect,
};

impl<'a> Turn<'a> {
    /// By what a subject is known to an experiment: the contact, or the conversation where those are told apart.
    pub(crate) fn subject(&self, experiment: &Experiment) -> String {
        let conversation = self.facts.conversation_id.as_text();
        match (experiment.unit, conversation) {
            (Unit::Conversation, Some(conversation)) => conversation.to_owned(),
            _ => self.facts.contact_id.to_string(),
        }
    }

    /// The running experiment about something, with its id and the variant of whoever is spoken to.
    fn variant_of(&self, is_about: impl Fn(&Experiment) -> bool) -> Option<(&'a str, &'a Variant)> {
        let (id, experiment) = self.bot.settings.experiments.iter().find(|(_, one)| is_about(one))?;
        Some((id, experiment.variant(&self.subject(experiment))?))
    }

    /// The parts of a message, or those of the variant that is shown instead.
    pub(super) fn parts_shown(&mut self, message: &'a Authored) -> &'a [Content] {
        let found = self.variant_of(|one| one.message.as_ref().is_some_and(|id| *id == message.id));
        let Some((id, variant)) = found else { return &message.parts };
        self.expose(id, variant);
        if variant.parts.is_empty() { &message.parts } else { &variant.parts }
    }

    /// The version that runs when a flow is entered: the published one, or that of the variant that is shown instead. None
    /// where there is no such flow.
    pub(crate) fn entered(&mut self, flow: &str) -> Option<(VersionId, &'a Flow)> {
        let instead = self.shown_instead(flow);
        instead.or_else(|| self.bot.library.called(flow))
    }

    /// The version of the variant that is shown instead of a flow. None where the flow itself is.
    pub(super) fn shown_instead(&mut self, flow: &str) -> Option<(VersionId, &'a Flow)> {
        let found = self.variant_of(|one| one.flow.as_deref() == Some(flow));
        let (id, variant) = found?;
        let Some(version) = variant.version else {
            self.expose(id, variant);
            return None;
        };
        // One that is not at hand is not shown, and not counted.
        let instead = self.bot.library.version(version)?;
        self.expose(id, variant);
        Some((version, instead))
    }

    fn expose(&mut self, id: &str, variant: &Variant) {
        self.note(Effect::Exposed { experiment: id.to_owned(), variant: variant.key.clone() });
    }
}
