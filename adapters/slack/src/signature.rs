//! `X-Slack-Signature`: HMAC-SHA256 over `v0:{timestamp}:{raw body}`, keyed with the signing secret.

use botbuilder_adapter_kit::{RawRequest, Rejection};
use botbuilder_domain::Secret;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The header that carries the signature, in lower case.
pub const SIGNATURE_HEADER: &str = "x-slack-signature";

/// The header that carries the instant it was made at, in seconds since 1970; in lower case.
pub const TIMESTAMP_HEADER: &str = "x-slack-request-timestamp";

/// How far the instant may lie from now, either way. A request that is recorded and sent again later is refused.
pub const WINDOW: TimeDelta = TimeDelta::seconds(300);

const PREFIX: &str = "v0=";

/// The signature of a body at an instant: `v0=` and 64 lower-case hex digits.
pub fn sign(secret: &Secret<String>, timestamp: &str, body: &[u8]) -> String {
    format!("{PREFIX}{}", hex::encode(mac(secret, timestamp, body)))
}

/// Checks the instant and then the signature with each of the secrets. Empty secrets verify nothing.
pub(crate) fn verify(secrets: &[Secret<String>], request: &RawRequest) -> Result<(), Rejection> {
    if secrets.iter().all(|secret| secret.expose().is_empty()) {
        return Err(Rejection::SecretMissing);
    }
    let timestamp = request.header(TIMESTAMP_HEADER).ok_or(Rejection::SignatureMissing)?;
    let header = request.header(SIGNATURE_HEADER).ok_or(Rejection::SignatureMissing)?;
    let seconds = seconds(timestamp).ok_or(Rejection::SignatureMalformed)?;
    let presented = decoded(header).ok_or(Rejection::SignatureMalformed)?;
    if request.received.timestamp().abs_diff(seconds) > WINDOW.num_seconds().unsigned_abs() {
        return Err(Rejection::SignatureMismatch);
    }
    let matches = secrets
        .iter()
        .filter(|secret| !secret.expose().is_empty())
        .any(|secret| bool::from(mac(secret, timestamp, &request.body).ct_eq(&presented)));
    if matches { Ok(()) } else { Err(Rejection::SignatureMismatch) }
}

fn mac(secret: &Secret<String>, timestamp: &str, body: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        unreachable!("hmac takes keys of every length")
    };
    for part in [b"v0:", timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Digits only: a sign or a space is not one of Slack's.
fn seconds(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The 32 bytes of a well-formed header. Slack sends lower case, so upper case is not one of its own.
fn decoded(header: &str) -> Option<[u8; 32]> {
    let digits = header.strip_prefix(PREFIX)?;
    if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "slack_signing_secret_for_tests";
    const BODY: &str = r#"{"type":"url_verification","challenge":"c-123"}"#;
    const SIGNATURE: &str = "v0=6313f339765c08559242c86729d92461f02b547a7c6444c3f82b6cbb667d5661";

    fn outcome(
        secret: &str,
        timestamp: &str,
        body: &str,
        signature: &str,
        now: i64,
    ) -> Result<(), Rejection> {
        let request = RawRequest {
            method: "POST".into(),
            path: "main".into(),
            query: String::new(),
            headers: vec![
                (TIMESTAMP_HEADER.into(), timestamp.into()),
                (SIGNATURE_HEADER.into(), signature.into()),
            ],
            body: body.as_bytes().to_vec().into(),
            received: DateTime::from_timestamp(now, 0).unwrap(),
        };
        verify(&[Secret::new(secret.to_owned())], &request)
    }

    #[test]
    fn published_vectors_verify() {
        assert_eq!(outcome(SECRET, "1700000000", BODY, SIGNATURE, 1_700_000_000), Ok(()));
        let form = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&\
                    channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&\
                    command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F\
                    T1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.\
                    803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let secret = "8f742231b10e8888abcd99yyyzzz85a5";
        assert_eq!(outcome(secret, "1531420618", form, signature, 1_531_420_618), Ok(()));
    }

    #[test]
    fn a_signature_holds_for_five_minutes_either_way() {
        for (away, expected) in [
            (-301, Err(Rejection::SignatureMismatch)),
            (-300, Ok(())),
            (0, Ok(())),
            (300, Ok(())),
            (301, Err(Rejection::SignatureMismatch)),
        ] {
            let now = 1_700_000_000 + away;
            assert_eq!(outcome(SECRET, "1700000000", BODY, SIGNATURE, now), expected, "{away}");
        }
    }

    #[test]
    fn the_instant_is_a_number_and_part_of_what_is_signed() {
        for timestamp in
            ["", "-1", "+1700000000", " 1700000000", "1700000000.5", "soon", "99999999999999999999"]
        {
            assert!(outcome(SECRET, timestamp, BODY, SIGNATURE, 1_700_000_000).is_err(), "{timestamp:?}");
        }
        for timestamp in ["1700000001", "01700000000"] {
            let refused = Err(Rejection::SignatureMismatch);
            assert_eq!(outcome(SECRET, timestamp, BODY, SIGNATURE, 1_700_000_000), refused, "{timestamp}");
        }
    }

    #[test]
    fn an_empty_secret_verifies_nothing() {
        let signature = sign(&Secret::new(String::new()), "1700000000", b"x");
        let refused = Err(Rejection::SecretMissing);
        assert_eq!(outcome("", "1700000000", "x", &signature, 1_700_000_000), refused);
    }

    proptest! {
        #[test]
        fn only_the_signed_bytes_verify(body in ".{0,80}", other in ".{0,80}", secret in ".{1,40}") {
            let signature = sign(&Secret::new(secret.clone()), "1700000000", body.as_bytes());
            prop_assert_eq!(outcome(&secret, "1700000000", &body, &signature, 1_700_000_000), Ok(()));
            let changed = outcome(&secret, "1700000000", &other, &signature, 1_700_000_000);
            prop_assert_eq!(changed.is_ok(), body == other);
        }

        #[test]
        fn no_header_makes_it_panic(timestamp in "\\PC{0,30}", signature in "\\PC{0,80}") {
            prop_assert!(outcome(SECRET, &timestamp, BODY, &signature, 1_700_000_000).is_err());
        }
    }
}
