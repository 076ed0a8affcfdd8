//! What the world answers in a suite.

use std::collections::BTreeMap;

use botbuilder_flow::{Answer, Ask, AskFailure, HttpRequest, Value};
use serde_json::Value as Json;

use crate::items;

/// Recorded answers of services, by address, each given once and in order; the last one is given again.
#[derive(Debug, Default)]
pub(super) struct Mocks {
    answers: BTreeMap<String, Vec<Answer>>,
}

impl Mocks {
    /// Reads `{"https://…": [{"status": 200, "headers": {}, "body": "…"}]}`.
    pub(super) fn read(mocks: &Json) -> Self {
        let answers = mocks.as_object().into_iter().flatten().map(|(url, _)| {
            let listed = items(mocks, url).iter().map(answer).collect();
            (url.clone(), listed)
        });
        Self { answers: answers.collect() }
    }

    /// The answer to a question.
    pub(super) fn answer(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::Http(request) => self.http(request),
            Ask::Recognize { .. } | Ask::Respond { .. } | Ask::Knowledge { .. } | Ask::Workflow { .. } => {
                Answer::Failed { failure: AskFailure::NotAvailable }
            }
        }
    }

    fn http(&mut self, request: &HttpRequest) -> Answer {
        match self.answers.get_mut(&request.url) {
            Some(listed) if listed.len() > 1 => listed.remove(0),
            Some(listed) => {
                listed.first().cloned().unwrap_or(Answer::Failed { failure: AskFailure::Unreachable })
            }
            None => Answer::Failed { failure: AskFailure::Unreachable },
        }
    }
}

fn answer(mock: &Json) -> Answer {
    let status = mock.get("status").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok());
    // A status of nought stands for a connection that fails.
    let Some(status) = status.filter(|status| *status > 0) else {
        return Answer::Failed { failure: AskFailure::Unreachable };
    };
    let headers = mock.get("headers").and_then(Json::as_object).into_iter().flatten();
    let headers = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let body = match mock.get("body") {
        Some(Json::String(body)) => serde_json::from_str::<Json>(body)
            .ok()
            .and_then(|json| Value::from_json(&json))
            .unwrap_or_else(|| Value::text(body)),
        Some(json) => Value::from_json(json).unwrap_or_default(),
        None => Value::Null,
    };
    Answer::Http { status, headers, body }
}
