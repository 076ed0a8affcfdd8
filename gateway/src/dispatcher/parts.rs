//! The parts of one message: planned, encoded, called one after the other, changed once if the provider wants that.

use botbuilder_adapter_kit::{Account, Change, Channel, Downgrade, HttpChannel, Part, SendError, plan};
use botbuilder_domain::{Content, Send as SendMessage};
use tracing::debug;

use super::{
    failed::Failed,
    send::{Job, Progress, Sender},
    window::Way,
};
use crate::media::outgoing::{self, Ready};

/// A message on its way to a provider.
pub(super) struct Sending<'a> {
    pub(super) job: &'a Job,
    pub(super) message: &'a SendMessage,
    pub(super) way: &'a Way,
    pub(super) channel: &'a dyn Channel,
    pub(super) http: &'a dyn HttpChannel,
    pub(super) account: &'a Account,
}

impl Sender {
    /// Sends the parts that the provider has not taken yet, in order.
    pub(super) async fn parts(
        &self,
        sending: &Sending<'_>,
        progress: &mut Progress,
    ) -> Result<Vec<Downgrade>, Failed> {
        let message = sending.message;
        let ready = outgoing::prepare(
            &self.gateway,
            &self.http,
            sending.account,
            sending.channel,
            &sending.way.content,
        )
        .await
        .map_err(Failed::Send)?;
        let plan = plan(&ready.content, &sending.channel.capabilities())
            .map_err(|error| Failed::NotPossible(error.to_string()))?;
        let (mut place, mut notes) = (None, ready.notes.clone());
        for (index, content) in plan.parts.into_iter().enumerate().skip(progress.taken.len()) {
            let mut part = Part {
                message: message.message,
                index,
                to: sending.job.body.to.clone(),
                thread: sending.job.body.thread.clone(),
                content,
                reply_to: message.reply_to.clone(),
            };
            self.place(sending, &mut part, &mut place).await.map_err(Failed::Send)?;
            let id = match self.part(sending, &ready, &part).await {
                Err(SendError::RetryChanged { change, code }) if !progress.changed => {
                    debug!(message.id = %message.message, code, "provider wants the message changed");
                    progress.changed = true;
                    match change {
                        Change::Address(address) => part.to = address,
                        Change::WithoutReply => {
                            part.reply_to = None;
                            part.thread.clear();
                        }
                        Change::PlainText => part.content = text_only(part.content),
                        Change::LinkText => part.content = link_text(part.content),
                    }
                    self.part(sending, &ready, &part).await
                }
                done => done,
            };
            let id = match id {
                Err(SendError::RecipientGone { code, .. }) if message.reply_via.is_some() => {
                    self.via(sending, &part, code, &mut notes).await
                }
                done => done,
            };
            if matches!(id, Err(SendError::Permanent { .. })) {
                ready.refused(&self.gateway);
            }
            progress.taken.push(id.map_err(Failed::Send)?);
        }
        Ok(sending.way.downgrade.iter().cloned().chain(notes).chain(plan.downgrades).collect())
    }

    /// Finds the address under which a part is taken, where the provider has to be asked: once for all parts.
    async fn place(
        &self,
        sending: &Sending<'_>,
        part: &mut Part,
        found: &mut Option<String>,
    ) -> Result<(), SendError> {
        let Some(request) = sending.http.encode_place(sending.account, part)? else { return Ok(()) };
        if found.is_none() {
            let answer = self.http.call(request).await.map_err(outgoing::safe)?;
            *found = Some(sending.http.place(&answer)?);
        }
        if let Some(place) = found {
            part.to.clone_from(place);
        }
        Ok(())
    }

    /// Sends a part that its address did not take by the other that its conversation was opened with. Where that is not
    /// possible, or over, what was said of the address stands.
    async fn via(
        &self,
        sending: &Sending<'_>,
        part: &Part,
        code: String,
        notes: &mut Vec<Downgrade>,
    ) -> Result<String, SendError> {
        let gone = |message: &str| SendError::RecipientGone {
            code: code.clone(),
            message: message.to_owned(),
            blocked: false,
        };
        let via = sending.message.reply_via.as_deref().unwrap_or_default();
        let Some(request) = sending.http.encode_via(sending.account, part, via)? else {
            return Err(gone("its address does not take it, and no other was named that does"));
        };
        let answer = self.http.call(request).await?;
        match sending.http.interpret_via(&answer) {
            Ok(()) => {
                notes.push(Downgrade {
                    from: "address".to_owned(),
                    to: "reply_address".to_owned(),
                    reason: format!("the network refused the address ({code})"),
                });
                // It is not told under which id it stands.
                Ok(String::new())
            }
            Err(SendError::RecipientGone { .. }) => {
                Err(gone("the address that was named for replies takes no more of them"))
            }
            Err(error) => Err(error),
        }
    }

    async fn part(&self, sending: &Sending<'_>, ready: &Ready, part: &Part) -> Result<String, SendError> {
        let wait = self.gate.wait_for_call(sending.channel, sending.account, &sending.job.body.to);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let requests = ready.attach(sending.channel, sending.http.encode(sending.account, part)?);
        let mut id = None;
        for request in requests {
            let request = if sending.way.by_person { sending.http.by_person(request) } else { request };
            let answered = self.http.call(request).await;
            let result = answered.and_then(|response| sending.http.interpret(&response));
            if let Some(change) = self.gate.report(sending.account.channel, &result) {
                self.tell_health(sending.job, change, result.as_ref().err()).await;
            }
            id = Some(result?.0);
        }
        id.ok_or_else(|| SendError::Permanent {
            code: "empty".to_owned(),
            message: "the channel has no request for this content".to_owned(),
        })
    }
}

/// Options as numbered lines, which a typed number answers; anything else as it is, since texts carry no markup.
fn text_only(content: Content) -> Content {
    match content {
        Content::Choice(choice) => {
            let lines = choice.options.iter().enumerate();
            let lines = lines.map(|(index, option)| format!("{}. {}", index + 1, option.title));
            Content::text([choice.text].into_iter().chain(lines).collect::<Vec<_>>().join("\n"))
        }
        other => link_text(other),
    }
}

/// A file the provider could not fetch, as a text with its address.
fn link_text(content: Content) -> Content {
    match content {
        Content::Media(media) => {
            let lines = [media.caption, media.url];
            Content::text(lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))
        }
        other => other,
    }
}
