//! What the author wrote beside flows, said in its place.

use botbuilder_domain::Content;

use super::{Failure, Turn};
use crate::{
    authored::{Authored, Listener},
    saying::Saying,
    session::Meant,
    sprint::Effect,
};

impl<'a> Turn<'a> {
    /// Says the welcome, where the conversation begins.
    pub(super) fn welcome(&mut self) {
        if self.session.version.is_some() {
            return;
        }
        if let Some(parts) = self.one_of(&self.bot.settings.messages.welcome) {
            self.effects.extend(parts.into_iter().map(Effect::Reply));
        }
    }

    /// Says that an answer does not fit, where the author has words for it.
    pub(crate) fn say_fallback(&mut self) -> Result<(), Failure> {
        let parts = self.one_of(&self.bot.settings.messages.fallback);
        parts.into_iter().flatten().try_for_each(|content| self.reply(content))
    }

    /// Says that a person takes over: now, or when somebody works again.
    pub(crate) fn say_handoff(&mut self) -> Result<(), Failure> {
        let parts = self.handoff_parts();
        parts.into_iter().flatten().try_for_each(|content| self.reply(content))
    }

    fn handoff_parts(&mut self) -> Option<Vec<Content>> {
        let settings = &self.bot.settings;
        let is_away = settings.hours.as_ref().is_some_and(|hours| !hours.is_open(self.now));
        let away = if is_away { self.one_of(&settings.messages.away) } else { None };
        away.or_else(|| self.one_of(&settings.messages.handoff))
    }

    /// The last words of a turn that failed. They come on top of what it may say.
    pub(super) fn say_failure(&mut self) {
        let hands_over = self.effects.iter().any(|effect| matches!(effect, Effect::Handoff { .. }));
        let parts = if hands_over { self.handoff_parts() } else { None };
        let parts = parts.or_else(|| self.one_of(&self.bot.settings.messages.error));
        let parts = parts.unwrap_or_else(|| vec![self.bot.settings.fallback.clone()]);
        self.effects.extend(parts.into_iter().map(Effect::Reply));
    }

    /// The message of these that suits the contact, its places filled.
    fn one_of(&mut self, messages: &'a [Authored]) -> Option<Vec<Content>> {
        let chosen = self.suiting(|listener| listener.choose(messages))?;
        self.parts(chosen)
    }

    /// What is chosen for whoever is spoken to.
    pub(super) fn suiting<T>(&self, choose: impl FnOnce(Listener<'_>) -> T) -> T {
        choose(Listener {
            locale: self.facts.contact_locale.as_text().unwrap_or_default(),
            channel: self.facts.channel.as_text().unwrap_or_default(),
            own: &self.bot.settings.language,
        })
    }

    /// What a message says to this contact: its own parts, or those of the variant that an experiment shows. None where
    /// its places cannot be filled.
    pub(super) fn parts(&mut self, message: &'a Authored) -> Option<Vec<Content>> {
        let parts = self.parts_shown(message);
        let mut said = Vec::with_capacity(parts.len());
        for part in parts {
            // A text that is no template is said as it is.
            said.push(match Saying::parse(part.clone()) {
                Ok(saying) => saying.render(self).ok()?,
                Err(_) => part.clone(),
            });
        }
        Some(said)
    }

    /// Keeps what the person is asked to choose from.
    pub(crate) fn ask_back(&mut self, meant: Meant) {
        self.session.meant = Some(Box::new(meant));
    }

    /// What the person is asked to choose from.
    pub(crate) fn meant(&self) -> Option<&Meant> {
        self.session.meant.as_deref()
    }

    /// The same, asked no more.
    pub(crate) fn take_meant(&mut self) -> Option<Meant> {
        self.session.meant.take().map(|meant| *meant)
    }
}
