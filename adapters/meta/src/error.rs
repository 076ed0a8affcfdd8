//! What Graph's error codes mean for a send. The same codes come in answers and in `failed` statuses.

use std::time::Duration;

use botbuilder_adapter_kit::{
    ProviderResponse, SendError,
    json::{opt_integer, opt_text, redacted},
};
use serde::Deserialize;
use serde_json::Value;

/// An error as Graph writes it, in an answer's `error` or in an item of a webhook's `errors`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct GraphError {
    /// What decides.
    #[serde(default, deserialize_with = "opt_integer")]
    pub code: Option<i64>,
    /// What tells apart the causes of one code, where the network uses it.
    #[serde(default, rename = "error_subcode", deserialize_with = "opt_integer")]
    pub subcode: Option<i64>,
    /// Whether Graph itself says that it may work later.
    #[serde(default)]
    pub is_transient: Option<bool>,
    #[serde(default, deserialize_with = "opt_text")]
    message: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    title: Option<String>,
    /// The details sat here in older payloads.
    #[serde(default, deserialize_with = "opt_text")]
    details: Option<String>,
    #[serde(default)]
    error_data: Option<Value>,
}

impl GraphError {
    /// Reads an error object, however incomplete.
    pub fn read(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }

    /// Its code as text.
    pub fn code_text(&self) -> String {
        self.code.map_or_else(|| "unknown".into(), |code| code.to_string())
    }

    /// Its code as text, with the subcode behind a slash where there is one.
    pub fn whole_code_text(&self) -> String {
        let code = self.code_text();
        self.subcode.map_or_else(|| code.clone(), |subcode| format!("{code}/{subcode}"))
    }

    /// The most telling text it has, redacted.
    pub fn text(&self) -> String {
        let nested = self.error_data.as_ref().and_then(|data| data.get("details")).and_then(Value::as_str);
        let telling =
            nested.or(self.details.as_deref()).or(self.message.as_deref()).or(self.title.as_deref());
        redacted(telling.unwrap_or("no text"))
    }
}

/// How long maintenance is waited for: it takes minutes, and the provider does not say how many.
const MAINTENANCE: Duration = Duration::from_mins(2);

/// What an error means. `status` is the HTTP status it came with, 0 for an error in a webhook; the code comes
/// first, because Graph uses several statuses for one code.
pub fn classify(error: &GraphError, status: u16, retry_after: Option<Duration>) -> SendError {
    let code = error.code_text();
    let message = error.text();
    let slow_down = |after: Option<Duration>, recipient_only: bool, code: String| SendError::RetryAfter {
        after: after.or(retry_after),
        recipient_only,
        code,
    };

    match error.code {
        Some(131_056) => slow_down(None, true, code),
        Some(131_057) => slow_down(Some(MAINTENANCE), false, code),
        Some(4 | 613 | 80_007 | 130_429 | 133_016) => slow_down(None, false, code),
        Some(1 | 2 | 131_000 | 131_016 | 131_053 | 133_004 | 135_000) => {
            SendError::Transient { code, message }
        }
        Some(131_047) => SendError::WindowClosed { code },
        Some(131_026 | 131_021 | 130_403 | 131_030 | 137_000) => {
            // In 130403 it is we who blocked them; no code says that they blocked us.
            SendError::RecipientGone { code, message, blocked: false }
        }
        // Of marketing alone, which is what campaigns are.
        Some(131_050) => SendError::OptedOut { code, message },
        Some(0 | 3 | 10 | 190 | 200..=299 | 131_005) => SendError::AuthBroken { code, message },
        Some(131_045 | 368 | 130_497 | 131_031 | 131_037 | 131_042 | 131_048 | 131_064) => {
            SendError::AccountStopped { code, message }
        }
        Some(
            33 | 100 | 131_008 | 131_009 | 131_049 | 131_051 | 131_052 | 131_062 | 131_063 | 132_000
            | 132_001 | 132_005 | 132_007 | 132_008 | 132_012 | 132_015 | 132_016 | 132_068 | 132_069
            | 130_472,
        ) => SendError::Permanent { code, message },
        _ if status == 429 => slow_down(None, false, code),
        _ if status >= 500 || error.is_transient == Some(true) => SendError::Transient { code, message },
        _ => SendError::Permanent { code, message },
    }
}

/// What an error means on one network: its error, the HTTP status, and how long it says to wait.
pub type Classify = fn(&GraphError, u16, Option<Duration>) -> SendError;

/// What an answer without a success in it means: an error body, or no JSON at all.
pub fn interpret_refusal(response: &ProviderResponse, classify: Classify) -> SendError {
    let status = response.status;
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let error = body.as_ref().and_then(|body| body.get("error")).filter(|error| error.is_object());
    if let Some(error) = error {
        return classify(&GraphError::read(error), status, response.retry_after);
    }
    let code = format!("http_{status}");
    let message = "answer without an error object".to_owned();
    match status {
        // It was taken, and the answer that names the message was lost on the way.
        200..=299 => SendError::Uncertain { message: "accepted, but the answer names no message".into() },
        429 => SendError::RetryAfter { after: response.retry_after, recipient_only: false, code },
        401 | 403 => SendError::AuthBroken { code, message },
        408 | 500.. => SendError::Transient { code, message },
        _ => SendError::Permanent { code, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: i64, status: u16) -> &'static str {
        classify(&GraphError { code: Some(code), ..GraphError::default() }, status, None).code()
    }

    #[test]
    fn every_known_code_has_its_class() {
        for (expected, codes) in [
            ("rate_limited", &[4, 80_007, 130_429, 131_056, 133_016, 613, 131_057][..]),
            ("provider_unavailable", &[1, 2, 131_000, 131_016, 133_004, 135_000, 131_053]),
            ("window_closed", &[131_047]),
            ("recipient_gone", &[131_026, 131_021, 130_403, 131_030, 137_000]),
            (
                "refused",
                &[
                    33, 100, 131_008, 131_009, 131_051, 131_052, 131_062, 131_063, 132_000, 132_001, 132_005,
                    132_007, 132_008, 132_012, 132_015, 132_016, 132_068, 132_069, 130_472, 131_049,
                ],
            ),
            ("opted_out", &[131_050]),
            ("credentials_refused", &[0, 3, 10, 190, 200, 250, 299, 131_005]),
            ("account_stopped", &[131_045, 368, 130_497, 131_031, 131_037, 131_042, 131_048, 131_064]),
        ] {
            for code in codes {
                for status in [0, 400, 401, 403, 404, 429, 500] {
                    assert_eq!(class(*code, status), expected, "{code} with {status}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_code_goes_by_the_status() {
        assert_eq!(class(999_999, 400), "refused");
        assert_eq!(class(999_999, 429), "rate_limited");
        assert_eq!(class(999_999, 503), "provider_unavailable");
        let transient = GraphError { code: Some(77), is_transient: Some(true), ..GraphError::default() };
        assert_eq!(classify(&transient, 400, None).code(), "provider_unavailable");
    }

    #[test]
    fn only_the_pair_limit_is_about_one_recipient() {
        let limit = |code| classify(&GraphError { code: Some(code), ..GraphError::default() }, 400, None);
        assert!(matches!(limit(131_056), SendError::RetryAfter { recipient_only: true, .. }));
        assert!(matches!(limit(130_429), SendError::RetryAfter { recipient_only: false, .. }));
    }
}
