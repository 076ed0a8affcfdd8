//! How a message may leave now: as it is, with a person's tag, as a template, later, or not at all.
//!
//! What is inside its reply window is let through without a look at the database: the record says until when that is.

use botbuilder_adapter_kit::{
    Account, Channel, Downgrade, OutsideWindow, Template,
    templates::{Unfit, fit},
    window::About,
};
use botbuilder_domain::{Content, Outbound, Send as SendMessage, Stage, TemplateCategory, TemplateMessage};
use botbuilder_store::{
    Error, OrgScope, Tx,
    channels::{channel_messages::Bar, channel_templates},
    system::{
        held_messages::{self, Reach},
        message_events,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize as _;
use serde_json::json;
use tracing::warn;

use super::{
    OUTBOUND,
    failed::Failed,
    outcome::entry,
    send::{Job, Sender},
};

/// So long after the end of a window the provider may still see it open: it decides.
const EDGE: TimeDelta = TimeDelta::minutes(1);

/// How long after the end of its wait a message that was held is still taken up, so that it is told why it is not sent.
const AFTERWARDS: TimeDelta = TimeDelta::minutes(10);

/// How a message may leave now.
pub(super) enum Leave {
    /// In this way.
    Now(Box<Way>),
    /// Not now, and nothing more is to be done about it here: it waits for its contact.
    Held,
    /// Not at all.
    Not(Failed),
}

/// The way of a message that leaves.
pub(super) struct Way {
    /// What is sent.
    pub(super) content: Content,
    /// Whether it says that a person wrote it.
    pub(super) by_person: bool,
    /// What it was made simpler for, before it is planned.
    pub(super) downgrade: Option<Downgrade>,
    /// The address it goes to in the place of the record's, where the network takes it by that alone.
    pub(super) to: Option<String>,
}

impl Way {
    /// As it was written.
    pub(super) fn plain(content: &Content) -> Self {
        Self { content: content.clone(), by_person: false, downgrade: None, to: None }
    }
}

impl Sender {
    /// Finds the way of a message. `doubted` says that the provider has just refused it as outside the window, whatever
    /// the record says.
    pub(super) async fn way(
        &self,
        job: &Job,
        message: &SendMessage,
        channel: &dyn Channel,
        account: &Account,
        doubted: bool,
    ) -> Result<Leave, Error> {
        let now = self.gateway.clock.now();
        if message.held_until.is_some_and(|until| now >= until) {
            return Ok(Leave::Not(Failed::NotHeard));
        }
        let can = channel.capabilities();
        let plain = || Leave::Now(Box::new(Way::plain(&message.content)));
        let template = match &message.content {
            Content::Template(template) if channel.templates().is_some() => Some(template),
            _ => None,
        };
        let bound = can.reply_window_hours.is_some() && !is_approved(&message.content);
        let known_open = !doubted && is_open(message.window, now);
        if template.is_none() && (!bound || known_open) {
            return Ok(plain());
        }

        let scope = OrgScope::of_service(job.org);
        let mut tx = self.gateway.store.begin_turn(&scope).await?;
        if doubted {
            held_messages::close_window(&mut tx, &scope, message.conversation, now - EDGE).await?;
        }
        // Without a contact there is nobody who could write.
        let Some(reach) = held_messages::reach(&mut tx, &scope, message.conversation).await? else {
            tx.commit().await?;
            return Ok(plain());
        };
        if let Some(bar) = barred(&reach, message) {
            tx.commit().await?;
            return Ok(Leave::Not(Failed::Barred(bar)));
        }
        if let Some(template) = template {
            let fitted = fitted(&mut tx, &scope, job, message, template, &reach).await?;
            tx.commit().await?;
            return Ok(match fitted {
                Ok(Fitted { content, to }) => {
                    Leave::Now(Box::new(Way { content, by_person: false, downgrade: None, to }))
                }
                Err(unfit) => Leave::Not(Failed::Unfit(unfit)),
            });
        }
        let left = if is_open(reach.window_until, now) {
            plain()
        } else if message.by_person && within(reach.last_inbound_at, can.person_window_hours, now) {
            Leave::Now(Box::new(Way { by_person: true, ..Way::plain(&message.content) }))
        } else {
            self.outside(&mut tx, &scope, job, message, channel, account, &reach).await?
        };
        tx.commit().await?;
        Ok(left)
    }

    /// What becomes of a message outside the window, as the channel's settings say.
    #[expect(clippy::too_many_arguments, reason = "the message, and what is known around it")]
    async fn outside(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        job: &Job,
        message: &SendMessage,
        channel: &dyn Channel,
        account: &Account,
        reach: &Reach,
    ) -> Result<Leave, Error> {
        let now = self.gateway.clock.now();
        let policy = OutsideWindow::of(&account.settings).unwrap_or_else(|reason| {
            warn!(channel.id = %job.channel, reason, "setting outside_window cannot be read; messages are refused");
            OutsideWindow::Refuse
        });
        match policy {
            OutsideWindow::Refuse => Ok(Leave::Not(Failed::OutsideWindow)),
            OutsideWindow::Hold { at_most } => {
                let until = message.message.created_at() + at_most;
                if now >= until {
                    return Ok(Leave::Not(Failed::NotHeard));
                }
                let held = self.hold(tx, scope, job, message, until).await?;
                // What is not waiting has been sent, or may have been: the claim tells which.
                Ok(if held { Leave::Held } else { Leave::Now(Box::new(Way::plain(&message.content))) })
            }
            OutsideWindow::Template(_) if channel.templates().is_none() => {
                Ok(Leave::Not(Failed::OutsideWindow))
            }
            OutsideWindow::Template(template) => {
                let about = About {
                    name: reach.name.clone(),
                    username: reach.username.clone(),
                    attributes: reach.attributes.clone(),
                };
                let template = OutsideWindow::in_its_place(&template, &message.content, &about);
                Ok(match fitted(tx, scope, job, message, &template, reach).await? {
                    Ok(Fitted { content, to }) => {
                        let downgrade = Downgrade {
                            from: message.content.kind().to_owned(),
                            to: "template".to_owned(),
                            reason: format!("outside the reply window; in its place went {}", template.name),
                        };
                        let (by_person, downgrade) = (false, Some(downgrade));
                        Leave::Now(Box::new(Way { content, by_person, downgrade, to }))
                    }
                    Err(unfit) => Leave::Not(Failed::Unfit(unfit)),
                })
            }
        }
    }

    /// Has a message wait until its contact writes. False if it is not waiting for an attempt.
    async fn hold(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        job: &Job,
        message: &SendMessage,
        until: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let mut record = job.clone();
        // How long it may wait is known now; until when the window is open then, is not.
        let again = SendMessage {
            not_after: until + AFTERWARDS,
            window: None,
            held_until: Some(until),
            ..message.clone()
        };
        record.body.what = Outbound::Send(Box::new(again));
        let new = held_messages::New {
            id: self.gateway.ids.next(),
            message: message.message,
            topic: OUTBOUND,
            key: record.key.as_str().to_owned(),
            payload: serde_json::to_value(&record).map_err(|error| {
                botbuilder_store::system::parked_messages::unwritable(message.message, &error)
            })?,
            until,
            reason: "the reply window is closed; it goes out when the contact writes",
        };
        if !held_messages::hold(tx, scope, new).await? {
            return Ok(false);
        }
        let mut held = entry(job, message, self.gateway.clock.now(), Stage::Held, 0);
        held.detail.insert("until".to_owned(), json!(until));
        held.detail.insert("reason".to_owned(), json!("the reply window is closed"));
        message_events::insert_many(tx, scope, &[held], &*self.gateway.ids).await?;
        Ok(true)
    }
}

/// Why the contact gets nothing, if that is so. The claim finds out for everything; here it is what is not to be held.
fn barred(reach: &Reach, message: &SendMessage) -> Option<Bar> {
    match reach {
        Reach { blocked: true, .. } => Some(Bar::Blocked),
        Reach { opted_out: true, .. } if message.bulk => Some(Bar::OptedOut),
        _ => None,
    }
}

/// Whether a content may be sent at any time, because its provider approved it.
fn is_approved(content: &Content) -> bool {
    match content {
        Content::Template(_) => true,
        Content::Structured { payload } => payload.get("type").is_some_and(|kind| kind == "template"),
        _ => false,
    }
}

fn is_open(window: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    window.is_some_and(|end| now < end + EDGE)
}

fn within(last: Option<DateTime<Utc>>, hours: Option<u32>, now: DateTime<Utc>) -> bool {
    last.zip(hours).is_some_and(|(last, hours)| now < last + TimeDelta::hours(hours.into()))
}

/// A template as it is sent.
struct Fitted {
    content: Content,
    /// Where to, if not to the record's address.
    to: Option<String>,
}

/// The template as it is sent, if it may be. Its use is noted. One that proves who somebody is goes to the telephone number
/// that is proved; a business-scoped id is refused for it (131062).
async fn fitted(
    tx: &mut Tx,
    scope: &OrgScope,
    job: &Job,
    message: &SendMessage,
    template: &TemplateMessage,
    reach: &Reach,
) -> Result<Result<Fitted, Unfit>, Error> {
    let stored = channel_templates::named(tx, scope, job.channel, &template.name).await?;
    let translations: Vec<Template> =
        stored.iter().filter_map(|stored| Template::deserialize(&stored.row).ok()).collect();
    let fitted = match fit(template, &translations, reach.locale.as_deref()) {
        Ok(fitted) => fitted,
        Err(unfit) => return Ok(Err(unfit)),
    };
    if let Some(used) = stored.iter().find(|stored| stored.language == fitted.language) {
        channel_templates::used(tx, scope, used.id, message.message).await?;
    }
    let translation = translations.iter().find(|translation| translation.language == fitted.language);
    let proves = translation.is_some_and(|one| one.category == TemplateCategory::Authentication);
    let to = reach.phone.as_deref().filter(|_| proves).map(|phone| phone.trim_start_matches('+').to_owned());
    Ok(Ok(Fitted { content: Content::Template(fitted), to }))
}
