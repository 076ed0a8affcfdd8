//! What Graph's error codes mean for a send on Instagram. Some come as the code, some as the subcode.

use std::time::Duration;

use botbuilder_adapter_kit::SendError;
use botbuilder_adapter_meta::GraphError;

/// The person cannot be found, or the thread is gone.
const GONE: [i64; 4] = [2_534_014, 2_018_001, 551, 2_534_001];
/// The reply window is over.
const WINDOW: [i64; 2] = [2_534_022, 2_018_278];
/// The account was stopped.
const STOPPED: [i64; 2] = [368, 2_018_109];

/// What an error means. `status` is the HTTP status it came with.
pub(crate) fn classify(error: &GraphError, status: u16, retry_after: Option<Duration>) -> SendError {
    let (code, message) = (error.whole_code_text(), error.text());
    let is =
        |known: &[i64]| [error.code, error.subcode].into_iter().flatten().any(|code| known.contains(&code));
    if is(&WINDOW) {
        return SendError::WindowClosed { code };
    }
    if is(&GONE) {
        return SendError::RecipientGone { code, message, blocked: false };
    }
    if is(&STOPPED) {
        return SendError::AccountStopped { code, message };
    }
    match error.code {
        Some(4 | 17 | 32 | 613 | 80_002 | 80_006) => {
            SendError::RetryAfter { after: retry_after, recipient_only: false, code }
        }
        Some(1 | 2) => SendError::Transient { code, message },
        Some(10 | 190 | 200..=299) => SendError::AuthBroken { code, message },
        Some(100 | 36_000 | 2_018_008 | 2_018_294 | 2_534_025 | 1_545_041)
            if error.is_transient != Some(true) =>
        {
            SendError::Permanent { code, message }
        }
        _ if status == 429 => SendError::RetryAfter { after: retry_after, recipient_only: false, code },
        _ if status >= 500 || error.is_transient == Some(true) => SendError::Transient { code, message },
        _ => SendError::Permanent { code, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: i64, subcode: Option<i64>, status: u16) -> &'static str {
        let written = serde_json::json!({ "code": code, "error_subcode": subcode });
        classify(&GraphError::read(&written), status, None).code()
    }

    #[test]
    fn every_known_code_has_its_class() {
        for (expected, codes) in [
            (
                "rate_limited",
                &[(4, None), (17, None), (32, None), (613, None), (80_002, None), (80_006, None)][..],
            ),
            ("provider_unavailable", &[(1, None), (2, Some(1_545_133))]),
            ("window_closed", &[(10, Some(2_534_022)), (10, Some(2_018_278))]),
            (
                "recipient_gone",
                &[(100, Some(2_534_014)), (100, Some(2_018_001)), (551, None), (100, Some(2_534_001))],
            ),
            (
                "refused",
                &[
                    (100, None),
                    (36_000, None),
                    (100, Some(2_018_008)),
                    (100, Some(2_018_294)),
                    (100, Some(2_534_025)),
                    (1_545_041, None),
                ],
            ),
            (
                "credentials_refused",
                &[(190, Some(460)), (190, Some(463)), (190, Some(467)), (10, None), (200, None), (299, None)],
            ),
            ("account_stopped", &[(368, None), (2_018_109, None)]),
        ] {
            for (code, subcode) in codes {
                assert_eq!(class(*code, *subcode, 400), expected, "{code} {subcode:?}");
            }
        }
    }

    #[test]
    fn an_unknown_code_goes_by_the_status() {
        assert_eq!(class(999_999, None, 400), "refused");
        assert_eq!(class(999_999, None, 429), "rate_limited");
        assert_eq!(class(999_999, None, 500), "provider_unavailable");
    }
}
