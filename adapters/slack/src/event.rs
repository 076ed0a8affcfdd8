//! From one event of the Events API to what happened.

use botbuilder_adapter_kit::{Account, Name, json};
use botbuilder_domain::{Inbound, InboundEvent, Sender, Speaker, Standing};
use serde_json::{Map, Value};

use crate::{
    content::{self, instant},
    mrkdwn, settings,
    wire::{Message, Reaction, read},
};

/// Subtypes of what a person says; every other subtype that is known tells something about the channel.
const SAID: [&str; 4] = ["file_share", "me_message", "thread_broadcast", "file_comment"];

/// Subtypes that tell something about the channel, beside those that begin with `channel_` or `group_`.
const SERVICE: [&str; 20] = [
    "message_replied",
    "pinned_item",
    "unpinned_item",
    "reminder_add",
    "bot_add",
    "bot_remove",
    "bot_enable",
    "bot_disable",
    "ekm_access_denied",
    "huddle_thread",
    "assistant_app_thread",
    "document_mention",
    "sh_room_created",
    "sh_room_shared",
    "joiner_notification",
    "slackbot_response",
    "app_conversation_join",
    "app_conversation_leave",
    "tombstone",
    "share_shortcut",
];

/// Events about the account, beside those that begin with a prefix of [`ACCOUNT_PREFIXES`].
const ACCOUNT: [&str; 17] = [
    "member_joined_channel",
    "member_left_channel",
    "app_home_opened",
    "team_join",
    "team_rename",
    "user_change",
    "user_profile_changed",
    "emoji_changed",
    "link_shared",
    "app_uninstalled",
    "tokens_revoked",
    "app_requested",
    "function_executed",
    "message_metadata_posted",
    "assistant_thread_started",
    "assistant_thread_context_changed",
    "grid_migration_finished",
];

const ACCOUNT_PREFIXES: [&str; 7] = ["channel_", "im_", "group_", "pin_", "file_", "dnd_", "subteam_"];

/// What an event about the account means for its connection.
fn standing(kind: &str, raw: &Value) -> Option<Standing> {
    let ended = |why: &str| Some(Standing::Ended { why: why.to_owned() });
    match kind {
        "app_uninstalled" => ended("the app was removed from the workspace"),
        // Tokens of persons are none of ours.
        "tokens_revoked"
            if raw.pointer("/tokens/bot").is_some_and(|bot| bot != &Value::Array(Vec::new())) =>
        {
            ended("the app's token was revoked")
        }
        _ => None,
    }
}

/// One event, and what is known about who got it.
pub(crate) struct Reading<'a> {
    account: &'a Account,
    envelope: &'a Map<String, Value>,
    raw: &'a Value,
    /// Our own user id, by which we are mentioned.
    bot: Option<String>,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(account: &'a Account, envelope: &'a Map<String, Value>, raw: &'a Value) -> Self {
        let installed = json::items(envelope, "authorizations").iter().find_map(|installed| {
            let is_bot = installed.get("is_bot").and_then(Value::as_bool) == Some(true);
            installed.get("user_id").filter(|_| is_bot).and_then(json::as_text)
        });
        let bot = account.setting("bot_user_id").map(str::to_owned).or(installed);
        Self { account, envelope, raw, bot }
    }

    pub(crate) fn events(&self) -> Vec<InboundEvent> {
        let kind = self.raw.get("type").and_then(json::as_text).unwrap_or_default();
        let read = match kind.as_str() {
            "message" | "app_mention" => self.message(),
            "reaction_added" | "reaction_removed" => self.reaction(kind == "reaction_added"),
            _ if ACCOUNT.contains(&kind.as_str()) || begins(&kind, &ACCOUNT_PREFIXES) => {
                let standing = standing(&kind, self.raw);
                let what = Inbound::Account { name: kind.clone(), standing, raw: self.raw.clone() };
                Some(vec![self.event(Sender::default(), self.id(), what)])
            }
            _ => None,
        };
        let name = if kind.is_empty() { "event" } else { &kind };
        read.unwrap_or_else(|| vec![self.unsupported(Sender::default(), None, name)])
    }

    fn message(&self) -> Option<Vec<InboundEvent>> {
        let message: Message = read(self.raw)?;
        let channel = message.channel.clone()?;
        let subtype = message.subtype.as_deref().unwrap_or_default();
        match subtype {
            "message_changed" => self.changed(&channel, &message),
            "message_deleted" => {
                let before: Message = message.previous_message.as_ref().and_then(read).unwrap_or_default();
                let ts = message.deleted_ts.as_ref()?;
                Some(vec![self.deleted(&channel, ts, &before, message.event_ts.as_deref())])
            }
            // A bot that answers bots would talk for ever; and what we send comes back as an event too.
            _ if self.is_by_a_bot(&message) => Some(self.service(&channel, &message, "bot_message")),
            "" if message.message.is_some() => Some(self.service(&channel, &message, "message_replied")),
            _ if subtype.is_empty() || SAID.contains(&subtype) => self.said(&channel, &message),
            _ if SERVICE.contains(&subtype) || begins(subtype, &["channel_", "group_"]) => {
                Some(self.service(&channel, &message, subtype))
            }
            _ => {
                let sender = sender(&channel, &message);
                let id = message.ts.as_ref().map(|ts| format!("{channel}:{ts}"));
                Some(vec![self.unsupported(sender, id, &format!("message.{subtype}"))])
            }
        }
    }

    /// What a person said: a text, a file, or several files at once.
    fn said(&self, channel: &str, message: &Message) -> Option<Vec<InboundEvent>> {
        let ts = message.ts.as_ref()?;
        message.user.as_ref()?;
        if !self.is_for_us(channel, message) {
            return Some(self.service(channel, message, "not_addressed"));
        }
        // The same text comes as `message` and as `app_mention`, each under an event id of its own: what makes it one
        // message is where and when it was written.
        let id = format!("{channel}:{ts}");
        let sender = sender(channel, message);
        let thread = thread(self.account, channel, message.thread_ts.as_deref(), ts);
        let Some(content) = content::of(message, self.bot.as_deref()) else {
            let mut event = self.unsupported(sender, Some(id), "message");
            event.thread = thread;
            return Some(vec![event]);
        };
        let reply_to = message.thread_ts.as_ref().filter(|root| *root != ts);
        let reply_to = reply_to.map(|root| format!("{channel}:{root}"));
        let what = Inbound::Message { provider_id: id.clone(), content, reply_to };
        let mut event = self.event(sender, id, what);
        event.thread = thread;
        event.occurred_at = instant(ts);
        Some(vec![event])
    }

    /// A change is one only if somebody edited: Slack also tells of links that it unfolded in this way.
    fn changed(&self, channel: &str, message: &Message) -> Option<Vec<InboundEvent>> {
        let after: Message = read(message.message.as_ref()?)?;
        let before: Message = message.previous_message.as_ref().and_then(read).unwrap_or_default();
        let ts = after.ts.as_ref()?;
        if after.subtype.as_deref() == Some("tombstone") {
            return Some(vec![self.deleted(channel, ts, &before, message.event_ts.as_deref())]);
        }
        let edited = after.edited.as_ref().filter(|edited| before.edited.as_ref() != Some(*edited));
        let (Some(edited), false) = (edited, self.is_by_a_bot(&after)) else {
            return Some(self.service(channel, message, "message_changed"));
        };
        let content = content::of(&after, self.bot.as_deref())?;
        let at = edited.get("ts").and_then(json::as_text).unwrap_or_default();
        let what = Inbound::Edit { provider_id: format!("{channel}:{ts}"), content };
        let mut event = self.event(sender(channel, &after), format!("edit:{channel}:{ts}:{at}"), what);
        event.thread = thread(self.account, channel, after.thread_ts.as_deref(), ts);
        event.occurred_at = instant(&at);
        Some(vec![event])
    }

    fn deleted(&self, channel: &str, ts: &str, before: &Message, at: Option<&str>) -> InboundEvent {
        let what = Inbound::Delete { provider_id: format!("{channel}:{ts}") };
        let mut event = self.event(sender(channel, before), format!("delete:{channel}:{ts}"), what);
        event.thread = thread(self.account, channel, before.thread_ts.as_deref(), ts);
        event.occurred_at = at.and_then(instant);
        event
    }

    fn reaction(&self, added: bool) -> Option<Vec<InboundEvent>> {
        let reaction: Reaction = read(self.raw)?;
        let item = reaction.item?;
        if item.kind.as_deref() != Some("message") {
            return None;
        }
        let (channel, ts, user) = (item.channel?, item.ts?, reaction.user?);
        let ours = |id: Option<&String>| id.is_some() && id == self.bot.as_ref();
        let to_us = ours(reaction.item_user.as_ref());
        // Ours come back as events, too. In channels people react to each other.
        let aside = if ours(Some(&user)) {
            Some("own_reaction")
        } else if settings::mentions_only(self.account) && !is_direct(&channel) && !to_us {
            Some("not_addressed")
        } else {
            None
        };
        let what = match aside {
            Some(name) => Inbound::Service { name: name.to_owned(), raw: self.raw.clone() },
            None => Inbound::Reaction {
                provider_id: format!("{channel}:{ts}"),
                emoji: added.then_some(reaction.reaction?),
            },
        };
        let mut event = self.event(person(&channel, Some(&user), Name::default()), self.id(), what);
        // The event does not say in which thread the message stands. What a person wrote begins one, as far as is
        // known; an answer of ours stands in one whose beginning is not named.
        if !to_us {
            event.thread = thread(self.account, &channel, None, &ts);
        }
        event.occurred_at = reaction.event_ts.as_deref().and_then(instant);
        Some(vec![event])
    }

    fn is_by_a_bot(&self, message: &Message) -> bool {
        let ours = |theirs: &Option<String>, ours: Option<&str>| ours.is_some() && theirs.as_deref() == ours;
        message.bot_id.is_some()
            || ours(&message.user, self.bot.as_deref())
            || ours(&message.app_id, self.account.setting("app_id"))
    }

    /// Whether a message in a channel is meant for us, where only mentions are.
    fn is_for_us(&self, channel: &str, message: &Message) -> bool {
        if !settings::mentions_only(self.account) || is_direct(channel) {
            return true;
        }
        let mention = self.raw.get("type").and_then(Value::as_str) == Some("app_mention");
        let Some(bot) = &self.bot else { return mention };
        let named = message.text.as_deref().is_some_and(|text| mrkdwn::mentions(text, bot));
        mention || named || message.parent_user_id.as_ref() == Some(bot)
    }

    fn service(&self, channel: &str, message: &Message, name: &str) -> Vec<InboundEvent> {
        let what = Inbound::Service { name: name.to_owned(), raw: self.raw.clone() };
        vec![self.event(sender(channel, message), self.id(), what)]
    }

    fn unsupported(&self, sender: Sender, id: Option<String>, name: &str) -> InboundEvent {
        let what = Inbound::Unsupported { provider_id: id, name: name.to_owned(), raw: self.raw.clone() };
        self.event(sender, self.id(), what)
    }

    /// The key of an event that is not a message: Slack's id of it, or what it holds.
    fn id(&self) -> String {
        let told = self.envelope.get("event_id").and_then(json::as_text);
        told.unwrap_or_else(|| crate::inbound::digest("event", self.raw))
    }

    fn event(&self, sender: Sender, dedupe: String, what: Inbound) -> InboundEvent {
        let seconds = self.envelope.get("event_time").and_then(json::as_text);
        let occurred_at = seconds.as_deref().and_then(instant);
        InboundEvent { sender, thread: String::new(), dedupe, occurred_at, what }
    }
}

/// Whether a channel is a conversation of one person with the app.
pub(crate) fn is_direct(channel: &str) -> bool {
    channel.starts_with('D')
}

/// Who an event comes from. Alone with the app it is the person, who is reached under their user id; in a channel it is
/// the channel, and the person is who spoke.
pub(crate) fn person(channel: &str, user: Option<&str>, name: Name) -> Sender {
    let Name { display_name, username } = name;
    match user {
        Some(user) if is_direct(channel) || channel.is_empty() => {
            Sender { address: user.to_owned(), display_name, username, ..Sender::default() }
        }
        _ => {
            let speaker = user.map(|id| Box::new(Speaker { id: id.to_owned(), display_name, username }));
            Sender { address: channel.to_owned(), speaker, ..Sender::default() }
        }
    }
}

/// Who wrote a message.
fn sender(channel: &str, message: &Message) -> Sender {
    let profile = message.user_profile.as_ref();
    let text = |field: &str| json::as_text(profile?.get(field)?).filter(|name| !name.trim().is_empty());
    let name = Name::new(text("display_name").or_else(|| text("real_name")), text("name"));
    person(channel, message.user.as_deref(), name)
}

/// The thread of a message: the one it was written in; in a channel the one that begins with it, where answers go to
/// threads.
fn thread(account: &Account, channel: &str, root: Option<&str>, ts: &str) -> String {
    let begins_one = !is_direct(channel) && settings::replies_in_thread(account);
    root.unwrap_or(if begins_one { ts } else { "" }).to_owned()
}

fn begins(word: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::setup::tests::account;

    #[test]
    fn where_only_mentions_count_a_reaction_has_to_be_to_a_message_of_ours() {
        let mut account = account();
        account.settings.insert("bot_user_id".into(), "UBOT".into());
        account.settings.insert("group_mode".into(), "mentions".into());
        let what = |channel: &str, by: &str, to: &str| {
            let raw = json!({
                "type": "reaction_added", "user": by, "reaction": "eyes", "item_user": to,
                "item": { "type": "message", "channel": channel, "ts": "1.000001" },
            });
            let mut events = Reading::of(&account, &Map::new(), &raw).events();
            assert_eq!(events.len(), 1);
            match events.remove(0).what {
                Inbound::Reaction { .. } => "reaction".to_owned(),
                Inbound::Service { name, .. } => name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(what("C1", "U1", "UBOT"), "reaction");
        assert_eq!(what("C1", "U1", "U2"), "not_addressed");
        assert_eq!(what("D1", "U1", "U2"), "reaction");
        assert_eq!(what("C1", "UBOT", "U1"), "own_reaction");
        assert_eq!(what("D1", "UBOT", "U1"), "own_reaction");
    }
}
