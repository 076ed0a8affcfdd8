//! Secrets that a request names: filled in just before it is sent, and hidden in what comes back. They are in no record of
//! the stream, no session and no log.

use botbuilder_domain::{Envelope, Secret};
use botbuilder_flow::{Answer, AskFailure, Gap, HttpRequest, Signing, Value};
use botbuilder_store::{
    Error, OrgScope, bots::bots, flows::flow_secrets, signature::sign, tenancy::organizations,
};
use tracing::error;

use super::{Answering, Asked};

/// Shortest value that is hidden in an answer, in bytes: a shorter one occurs everywhere.
const HIDDEN_MIN: usize = 4;

/// What a request was filled with.
pub(super) struct Filled(Vec<(String, Secret<String>)>);

/// What a request is signed with, and what fills its gaps.
struct Opened {
    secrets: Vec<(String, Secret<String>)>,
    signing: Vec<Secret<String>>,
}

/// Fills the gaps of a request and signs it. `key` is the same when it is sent again.
pub(super) async fn fill(
    answering: &Answering,
    asked: &Envelope<Asked>,
    request: &HttpRequest,
    key: &str,
) -> Result<(HttpRequest, Filled), AskFailure> {
    if request.gaps.is_empty() && request.signing.is_none() {
        return Ok((request.clone(), Filled(Vec::new())));
    }
    let opened = open(answering, asked, request).await.map_err(|error| {
        error!(organization.id = %asked.org, error = %error, "secrets of a call cannot be opened");
        if error.is_passing() { AskFailure::Unreachable } else { AskFailure::MissingSecret }
    })?;
    let mut request = put_in(request, &opened.secrets)?;
    if let Some(Signing::Secret(name)) = &request.signing
        && !opened.secrets.iter().any(|(known, _)| known == name)
    {
        return Err(AskFailure::MissingSecret);
    }
    if !opened.signing.is_empty() {
        let at = answering.runtime.clock.now().timestamp();
        let body = request.body.clone().unwrap_or_default();
        let signed = sign(&opened.signing, key, at, body.as_bytes());
        let headers = [
            ("webhook-id", key.to_owned()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signed.standard),
            ("botbuilder-signature", signed.timed),
        ];
        request.headers.extend(headers.map(|(name, value)| (name.to_owned(), value)));
    }
    Ok((request, Filled(opened.secrets)))
}

async fn open(
    answering: &Answering,
    asked: &Envelope<Asked>,
    request: &HttpRequest,
) -> Result<Opened, Error> {
    let mut opened = Opened { secrets: Vec::new(), signing: Vec::new() };
    let Some(bot) = asked.bot else { return Ok(opened) };
    let mut names: Vec<String> = request.gaps.iter().map(|gap| gap.name.clone()).collect();
    if let Some(Signing::Secret(name)) = &request.signing {
        names.push(name.clone());
    }
    let scope = OrgScope::of_service(asked.org);
    let mut tx = answering.runtime.store.begin(&scope).await?;
    let keys = organizations::data_keys(&mut tx, &scope, &answering.root).await?;
    if !names.is_empty() {
        opened.secrets = flow_secrets::open_named(&mut tx, &scope, &keys, bot, &names).await?;
    }
    opened.signing = match &request.signing {
        Some(Signing::Bot) => bots::webhook_secrets(&mut tx, &scope, &keys, bot.uuid()).await?,
        Some(Signing::Secret(name)) => {
            let named = opened.secrets.iter().filter(|(known, _)| known == name);
            named.map(|(_, secret)| secret.clone()).collect()
        }
        None => Vec::new(),
    };
    tx.commit().await?;
    Ok(opened)
}

/// The request with its gaps filled. They stay in it, so that whoever follows a redirect knows of them.
fn put_in(request: &HttpRequest, secrets: &[(String, Secret<String>)]) -> Result<HttpRequest, AskFailure> {
    let mut filled = request.clone();
    // From the last to the first: what is filled in moves what stands behind it.
    let mut gaps: Vec<&Gap> = request.gaps.iter().collect();
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.at));
    for gap in gaps {
        let found = secrets.iter().find(|(name, _)| *name == gap.name);
        let (_, secret) = found.ok_or(AskFailure::MissingSecret)?;
        let text = match &gap.header {
            Some(header) => filled.headers.get_mut(header),
            None => filled.body.as_mut(),
        };
        let text = text.filter(|text| text.is_char_boundary(gap.at)).ok_or(AskFailure::Refused)?;
        text.insert_str(
            gap.at,
            &if gap.is_json { in_quotes(secret.expose()) } else { secret.expose().clone() },
        );
    }
    Ok(filled)
}

/// A text as it stands between the quotes of JSON.
fn in_quotes(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Filled {
    /// The answer without them: services repeat what they were sent.
    pub(super) fn hide(&self, answer: Answer) -> Answer {
        match answer {
            Answer::Http { status, headers, body } if !self.0.is_empty() => Answer::Http {
                status,
                headers: headers.into_iter().map(|(name, value)| (name, self.hide_text(&value))).collect(),
                body: self.hide_value(&body),
            },
            other => other,
        }
    }

    fn hide_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, secret) in self.0.iter().filter(|(_, secret)| secret.expose().len() >= HIDDEN_MIN) {
            if text.contains(secret.expose().as_str()) {
                text = text.replace(secret.expose().as_str(), &format!("[secret {name}]"));
            }
        }
        text
    }

    fn hide_value(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) => Value::text(self.hide_text(text)),
            Value::List(items) => Value::list(items.iter().map(|item| self.hide_value(item))),
            Value::Object(fields) => {
                let hidden: Vec<(String, Value)> = fields
                    .iter()
                    .map(|(name, value)| (self.hide_text(name), self.hide_value(value)))
                    .collect();
                Value::object(hidden.iter().map(|(name, value)| (name.as_str(), value.clone())))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn gap(header: Option<&str>, at: usize, name: &str, is_json: bool) -> Gap {
        Gap { header: header.map(str::to_owned), at, name: name.to_owned(), is_json }
    }

    fn secret(name: &str, value: &str) -> (String, Secret<String>) {
        (name.to_owned(), Secret::new(value.to_owned()))
    }

    #[test]
    fn gaps_are_filled_where_they_are() {
        let request = HttpRequest {
            headers: BTreeMap::from([("authorization".to_owned(), "Bearer ".to_owned())]),
            body: Some(r#"{"a":"x","b":""}"#.to_owned()),
            gaps: vec![
                gap(Some("authorization"), 7, "key", false),
                gap(None, 6, "quoted", true),
                gap(None, 14, "key", true),
            ],
            ..HttpRequest::default()
        };
        let secrets = [secret("key", "k-1"), secret("quoted", "a\"b")];
        let filled = put_in(&request, &secrets).unwrap();
        assert_eq!(filled.headers["authorization"], "Bearer k-1");
        assert_eq!(filled.body.as_deref(), Some(r#"{"a":"a\"bx","b":"k-1"}"#));
        assert_eq!(put_in(&request, &secrets[..1]), Err(AskFailure::MissingSecret));
    }

    #[test]
    fn what_a_service_repeats_is_hidden() {
        let filled = Filled(vec![secret("key", "canary-7")]);
        let body = Value::object([("you sent", Value::list([Value::text("Bearer canary-7")]))]);
        let headers = BTreeMap::from([("x-echo".to_owned(), "canary-7!".to_owned())]);
        let hidden = filled.hide(Answer::Http { status: 200, headers, body });
        assert!(!format!("{hidden:?}").contains("canary"), "{hidden:?}");
        assert!(format!("{hidden:?}").contains("Bearer [secret key]"));
    }
}
