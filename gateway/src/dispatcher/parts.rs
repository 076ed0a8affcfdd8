//! The parts of one message: planned, encoded, called one after the other, changed if the provider wants that.

use std::mem;

use botbuilder_adapter_kit::{
    Account, Change, Channel, Downgrade, HttpChannel, Part, Rates, SendError, Told, plan,
};
use botbuilder_domain::{Content, Media, Send as SendMessage};
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
    pub(super) rates: Rates,
}

/// What a provider wanted otherwise that holds for every part of a message: where it goes, and whether it stands in a
/// thread. What a part holds is changed in that part alone.
#[derive(Debug, Default)]
pub(super) struct Changes {
    to: Option<String>,
    without_reply: bool,
}

impl Changes {
    /// The address that the message goes to instead, where the provider named one.
    pub(super) fn address(&self) -> Option<&str> {
        self.to.as_deref()
    }

    /// Changes a part as was wanted before.
    fn apply(&self, part: &mut Part) {
        if let Some(to) = &self.to {
            part.to.clone_from(to);
        }
        if self.without_reply {
            part.reply_to = None;
            part.thread.clear();
        }
    }

    /// Changes a part as is wanted now, and the parts after it where it concerns them.
    fn make(&mut self, change: Change, part: &mut Part) {
        match change {
            Change::Address(address) => self.to = Some(address),
            Change::WithoutReply => self.without_reply = true,
            Change::PlainText => part.content = text_only(mem::replace(&mut part.content, Content::text(""))),
            Change::LinkText => part.content = link_text(mem::replace(&mut part.content, Content::text(""))),
        }
        self.apply(part);
    }
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
        let (mut place, mut notes, mut tried_to_open) = (None, ready.notes.clone(), false);
        for (index, content) in plan.parts.into_iter().enumerate().skip(progress.taken.len()) {
            let mut part = Part {
                message: message.message,
                index,
                to: sending.way.to.as_ref().unwrap_or(&sending.job.body.to).clone(),
                thread: sending.job.body.thread.clone(),
                content,
                reply_to: message.reply_to.clone(),
            };
            progress.changes.apply(&mut part);
            self.place(sending, &mut part, &mut place).await.map_err(Failed::Send)?;
            // Each kind of change is made once in a part: whoever wants it again does not know what it wants.
            let mut made = Vec::new();
            let id = loop {
                match self.part(sending, &ready, &part, &mut progress.told).await {
                    Err(SendError::RetryChanged { change, code })
                        if !made.contains(&mem::discriminant(&change)) =>
                    {
                        debug!(message.id = %message.message, code, "provider wants the message changed");
                        made.push(mem::discriminant(&change));
                        progress.changes.make(change, &mut part);
                    }
                    Err(refused @ SendError::RecipientGone { .. })
                        if message.reply_via.is_none() && !mem::replace(&mut tried_to_open, true) =>
                    {
                        if let Err(error) = self.open(sending, &part, refused).await {
                            break Err(error);
                        }
                    }
                    done => break done,
                }
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

    /// Opens the way to a recipient that refused a part, where that is possible; else says why the part fails.
    async fn open(&self, sending: &Sending<'_>, part: &Part, refused: SendError) -> Result<(), SendError> {
        let Some(request) = sending.http.encode_opening(sending.account, part, &refused)? else {
            return Err(refused);
        };
        let answer = self.http.call(request).await.map_err(outgoing::safe)?;
        sending.http.opened(&answer, refused)
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

    async fn part(
        &self,
        sending: &Sending<'_>,
        ready: &Ready,
        part: &Part,
        told: &mut Told,
    ) -> Result<String, SendError> {
        let (account, to) = (sending.account.channel, sending.job.body.to.as_str());
        let wait = self.gate.wait_for_call(&sending.rates, account, to);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let requests = ready.attach(sending.channel, sending.http.encode(sending.account, part)?);
        let mut id = None;
        for request in requests {
            let request = if sending.way.by_person { sending.http.by_person(request) } else { request };
            let answered = self.http.call(request).await;
            let result = answered.and_then(|response| {
                let id = sending.http.interpret(&response)?;
                let more = sending.http.told(&response);
                told.ids.extend(more.ids);
                told.addresses.extend(more.addresses);
                Ok(id)
            });
            let result = result.map_err(|error| sending.http.judged(part, error));
            if let Some(change) = self.gate.report(account, to, &result) {
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

/// Files the provider could not fetch, as a text with their addresses. What has no address stays as it is.
fn link_text(content: Content) -> Content {
    let files = content.files();
    let has_address = |file: &Media| {
        file.url.as_ref().is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"))
    };
    if files.is_empty() || !files.iter().all(has_address) {
        return content;
    }
    let lines = files.iter().flat_map(|file| [file.caption.as_deref(), file.url.as_deref()]);
    Content::text(lines.flatten().collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::MessageId;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn part(index: usize) -> Part {
        Part {
            message: MessageId::new(Uuid::nil()),
            index,
            to: "-100".to_owned(),
            thread: "7".to_owned(),
            content: Content::text(format!("part {index}")),
            reply_to: Some("41".to_owned()),
        }
    }

    #[test]
    fn what_a_provider_wants_of_one_part_holds_for_those_after_it() {
        let (mut changes, mut first, mut second) = (Changes::default(), part(0), part(1));
        changes.make(Change::Address("-200".to_owned()), &mut first);
        assert_eq!((first.to.as_str(), first.thread.as_str()), ("-200", "7"));
        changes.make(Change::WithoutReply, &mut first);
        changes.apply(&mut second);
        for part in [&first, &second] {
            assert_eq!((part.to.as_str(), part.thread.as_str(), &part.reply_to), ("-200", "", &None));
        }
        assert_eq!(second.content, Content::text("part 1"));
    }

    #[test]
    fn what_a_part_holds_is_changed_in_that_part_alone() {
        let file = |caption: &str| {
            let file = json!({
                "kind": "media", "media": "image", "url": "https://files.test/a.png", "caption": caption,
            });
            serde_json::from_value::<Content>(file).unwrap()
        };
        let (mut changes, mut first, mut second) = (Changes::default(), part(0), part(1));
        (first.content, second.content) = (file("one"), file("two"));
        changes.make(Change::LinkText, &mut first);
        changes.apply(&mut second);
        assert_eq!(first.content, Content::text("one\nhttps://files.test/a.png"));
        assert_eq!(second.content, file("two"));
    }

    #[test]
    fn files_become_their_addresses_where_they_have_some() {
        let content = |content| serde_json::from_value::<Content>(content).unwrap();
        let file = |name: &str| json!({ "media": "image", "url": format!("https://files.test/{name}"), "caption": name });
        let album = content(json!({ "kind": "album", "items": [file("a"), file("b")] }));
        assert_eq!(link_text(album), Content::text("a\nhttps://files.test/a\nb\nhttps://files.test/b"));
        for known in [json!({ "provider_ref": "7" }), json!({ "url": "object:00ff" })] {
            let mut known = known;
            known["kind"] = json!("media");
            known["media"] = json!("image");
            assert_eq!(link_text(content(known.clone())), content(known));
        }
    }
}
