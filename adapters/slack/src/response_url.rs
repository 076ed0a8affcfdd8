//! `response_url`: where a slash command, a button or a form may be answered, five times within half an hour, also in a
//! channel that the app is not in (`channels.md` 4.5).

use botbuilder_adapter_kit::{
    Account, Part, ProviderRequest, ProviderResponse, RequestBody, SendError, files::hosts,
};
use botbuilder_domain::Secret;
use serde_json::Value;

use crate::{
    media,
    outbound::{call, root},
    refusal,
    settings::Calling,
};

/// Where Slack takes such answers.
const HOSTS: [&str; 1] = ["hooks.slack.com"];

/// The request; none for what cannot be sent there: files that were uploaded, and anything but a message.
pub(crate) fn encode(
    account: &Account,
    part: &Part,
    url: &str,
) -> Result<Option<ProviderRequest>, SendError> {
    let Calling { base_url, .. } = Calling::of(account)?;
    // It came in a callback that was signed, and is checked all the same: what is sent there is nobody else's.
    let allowed = hosts(account, &HOSTS, &base_url);
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let is_slacks = host.is_some_and(|host| allowed.contains(&host));
    if !is_slacks || media::files(&part.content).iter().any(|file| media::uploaded(file).is_some()) {
        return Ok(None);
    }
    let (method, mut body) = call(&part.content)?;
    if method != "chat.postMessage" {
        return Ok(None);
    }
    body.remove("channel");
    // To everybody, as a message of the app's is, and not in the place of the message with the button.
    body.insert("response_type".to_owned(), "in_channel".into());
    body.insert("replace_original".to_owned(), false.into());
    if let Some(root) = root(part) {
        body.insert("thread_ts".to_owned(), root.into());
    }
    Ok(Some(ProviderRequest {
        method: "POST",
        url: Secret::new(url.to_owned()),
        shown_as: "hooks.slack.com/…".to_owned(),
        bearer: None,
        body: RequestBody::Json(Value::Object(body)),
    }))
}

/// It is taken with the word `ok`, or with the object of the Web API.
pub(crate) fn interpret(response: &ProviderResponse) -> Result<(), SendError> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let taken = response.body.trim_ascii() == b"ok" || body.get("ok") == Some(&Value::Bool(true));
    if response.status == 200 && taken { Ok(()) } else { Err(refusal::interpret(response, &body)) }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::{Content, MessageId};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::setup::tests::account;

    fn part(content: Content) -> Part {
        Part {
            message: MessageId::new(Uuid::nil()),
            index: 0,
            to: "C1".into(),
            thread: String::new(),
            content,
            reply_to: None,
        }
    }

    #[test]
    fn messages_go_there_and_only_to_slack() {
        let url = "https://hooks.slack.com/commands/T1/1/x";
        let request = encode(&account(), &part(Content::text("a < b")), url).unwrap().unwrap();
        assert_eq!((request.url.expose().as_str(), request.bearer.is_none()), (url, true));
        let RequestBody::Json(body) = request.body else { panic!("{:?}", request.body) };
        let wanted = json!({ "text": "a &lt; b", "response_type": "in_channel", "replace_original": false });
        assert_eq!(body, wanted);
        for strange in ["https://hooks.slack.com.evil.example/x", "http://169.254.169.254/", "x", ""] {
            assert!(encode(&account(), &part(Content::text("hi")), strange).unwrap().is_none(), "{strange}");
        }
        let reaction = Content::Structured { payload: json!({ "method": "reactions.add", "name": "eyes" }) };
        assert!(encode(&account(), &part(reaction), url).unwrap().is_none());
    }

    #[test]
    fn it_is_taken_with_a_word_and_used_up_with_a_code() {
        let told = |status: u16, body: &str| {
            interpret(&ProviderResponse { status, retry_after: None, body: body.to_owned().into() })
        };
        assert_eq!((told(200, "ok"), told(200, r#"{"ok":true}"#)), (Ok(()), Ok(())));
        let gone = told(404, r#"{"ok":false,"error":"used_url"}"#);
        assert!(matches!(gone, Err(SendError::RecipientGone { .. })), "{gone:?}");
        assert!(told(200, r#"{"ok":false,"error":"no_text"}"#).is_err());
        assert!(matches!(told(500, "<html>"), Err(SendError::Transient { .. })));
    }
}
