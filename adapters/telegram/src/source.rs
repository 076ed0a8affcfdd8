//! Updates by asking for them: `getUpdates`.
//!
//! Telegram keeps an update until a question names a later number as its `offset`, or for 24 hours. So the next question
//! confirms what the last answer brought, and where the program dies in between the same updates come again.

use std::time::Duration;

use botbuilder_adapter_kit::{
    Account, Delivery, HttpChannel as _, Poll, Polled, ProviderRequest, ProviderResponse, SendError, Trouble,
    json::as_text,
};
use serde_json::{Map, Value, json};

use crate::{
    Telegram,
    inbound::{events, join_ms},
    outbound::request,
    settings::{ALLOWED_UPDATES, Calling},
};

/// How long a question is kept open, in seconds; Telegram's most.
const OPEN_FOR: u64 = 50;

/// Most updates of one answer; Telegram's most.
const AT_ONCE: u64 = 100;

/// Beyond the JSON of 100 updates, which is a few hundred kilobytes.
const ANSWER_MAX: usize = 10 << 20;

impl Poll for Telegram {
    /// While a webhook is set there are no answers. What waits at Telegram is kept.
    fn prepare(&self, account: &Account) -> Result<Vec<ProviderRequest>, Trouble> {
        let body = Map::from_iter([("drop_pending_updates".to_owned(), false.into())]);
        Ok(vec![request(&Calling::of(account)?, "deleteWebhook", body)])
    }

    fn ask(
        &self,
        account: &Account,
        confirm: Option<&str>,
        at_once: bool,
    ) -> Result<ProviderRequest, Trouble> {
        let mut body = Map::from_iter([
            ("limit".to_owned(), AT_ONCE.into()),
            ("timeout".to_owned(), if at_once { 0 } else { OPEN_FOR }.into()),
            ("allowed_updates".to_owned(), allowed_updates(account)),
        ]);
        if let Some(offset) = confirm.and_then(|number| number.parse::<i64>().ok()) {
            body.insert("offset".to_owned(), offset.into());
        }
        Ok(request(&Calling::of(account)?, "getUpdates", body))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(OPEN_FOR)
    }

    fn prepared(&self, response: &ProviderResponse) -> Result<(), Trouble> {
        done(response)
    }

    fn read(&self, account: &Account, response: &ProviderResponse) -> Result<Polled, Trouble> {
        if response.body.len() > ANSWER_MAX {
            return Err(Trouble::passing("provider_unavailable", "the answer is too large"));
        }
        let mut body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if body.get("ok") != Some(&Value::Bool(true)) {
            return Err(refused(response));
        }
        let Some(Value::Array(updates)) = body.get_mut("result").map(Value::take) else {
            return Err(Trouble::passing("provider_unavailable", "the answer holds no list of updates"));
        };
        let mut polled = Polled::default();
        let mut last = None;
        for update in updates {
            let number = update.get("update_id").and_then(as_text).and_then(|id| id.parse::<i64>().ok());
            last = last.max(number);
            match update.as_object().map(|update| events(update, join_ms(account))) {
                Some(Ok(events)) => {
                    let body = update.to_string().into();
                    polled.deliveries.push(Delivery { events, body });
                }
                Some(Err(_)) | None => polled.skipped += 1,
            }
        }
        polled.confirm = last.map(|number| number.saturating_add(1).to_string());
        Ok(polled)
    }
}

/// The kinds of updates to ask for: the account's own list, or all that are understood.
pub(crate) fn allowed_updates(account: &Account) -> Value {
    match account.settings.get("allowed_updates") {
        Some(list @ Value::Array(_)) => list.clone(),
        _ => json!(ALLOWED_UPDATES),
    }
}

/// What the answer to a call that only has to succeed means.
pub(crate) fn done(response: &ProviderResponse) -> Result<(), Trouble> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if body.get("ok") == Some(&Value::Bool(true)) { Ok(()) } else { Err(refused(response)) }
}

/// What a refusal means where no message is at stake.
pub(crate) fn refused(response: &ProviderResponse) -> Trouble {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let words = body.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    if body.get("error_code").and_then(Value::as_u64) == Some(409) {
        let (said, advice) = if words.contains("webhook") {
            (
                "telegram sends this bot's updates to a webhook (409)",
                "somebody set one meanwhile: it is removed when the asking begins again",
            )
        } else {
            (
                "another program fetches the updates of this bot (409)",
                "stop it, or get a token of its own for this channel: a bot has one reader",
            )
        };
        return Trouble { passes: true, ..Trouble::staying("conflict", said, advice) };
    }
    if words.contains("bad webhook") {
        return Trouble::staying(
            "callback_refused",
            "telegram does not take the address for callbacks (400)",
            "it has to be https on port 443, 80, 88 or 8443, with a certificate that browsers believe; \
             or set the channel's `polling`",
        );
    }
    match Telegram.interpret(response) {
        Err(SendError::AuthBroken { code, .. }) => Trouble::staying(
            "credentials_refused",
            format!("telegram does not know the bot token ({code})"),
            "ask @BotFather for it (/mybots, API Token) and enter it as `bot_token`",
        ),
        Err(error) => error.into(),
        Ok(_) => Trouble::passing("provider_unavailable", "the answer cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::account;

    fn answer(body: &Value) -> ProviderResponse {
        ProviderResponse { status: 200, retry_after: None, body: body.to_string().into() }
    }

    #[test]
    fn the_next_question_confirms_what_came() {
        let message = |id: i64| {
            let chat = json!({ "id": 42, "type": "private" });
            json!({ "update_id": id, "message": { "message_id": id, "chat": chat, "text": "hi" } })
        };
        // The last one is out of order, and one has no number.
        let updates = json!({ "ok": true, "result": [message(8), 5, message(7), { "message": {} }] });
        let polled = Telegram.read(&account(), &answer(&updates)).unwrap();
        assert_eq!((polled.deliveries.len(), polled.skipped), (2, 2));
        assert_eq!(polled.confirm.as_deref(), Some("9"));
        let keys: Vec<_> = polled.deliveries.iter().map(|one| one.events[0].dedupe.as_str()).collect();
        assert_eq!(keys, ["8", "7"]);
        let question = Telegram.ask(&account(), polled.confirm.as_deref(), false).unwrap();
        let botbuilder_adapter_kit::RequestBody::Json(body) = question.body else { panic!("no body") };
        assert_eq!((&body["offset"], &body["timeout"]), (&json!(9), &json!(50)));
        assert_eq!(body["allowed_updates"][0], "message");
        let nothing = Telegram.read(&account(), &answer(&json!({ "ok": true, "result": [] }))).unwrap();
        assert_eq!(nothing, Polled::default());
    }

    #[test]
    fn a_conflict_says_what_to_do() {
        let conflict = |description: &str| {
            let body = json!({ "ok": false, "error_code": 409, "description": description });
            Telegram.read(&account(), &ProviderResponse { status: 409, ..answer(&body) }).unwrap_err()
        };
        let other = conflict("Conflict: terminated by other getUpdates request; make sure that only one");
        assert_eq!((other.code, other.passes), ("conflict", true));
        assert!(other.advice.starts_with("stop it"), "{other}");
        let webhook = conflict("Conflict: can't use getUpdates method while webhook is active; use delete");
        assert!(webhook.said.contains("webhook"), "{webhook}");
        for body in ["", "<html>", "{\"ok\":true}", "{\"ok\":true,\"result\":{}}"] {
            let response = ProviderResponse { body: body.into(), ..answer(&Value::Null) };
            assert!(Telegram.read(&account(), &response).is_err_and(|trouble| trouble.passes), "{body}");
        }
    }
}
