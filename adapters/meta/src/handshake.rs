//! `GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…`, which Meta calls once when the callback address
//! is entered.

use botbuilder_adapter_kit::{RawRequest, Rejection, Reply, equal_in_constant_time};
use botbuilder_domain::Secret;

/// Checks mode and token. `verify_token` is what the operator entered at Meta; without one nothing passes.
pub fn verify_token(verify_token: Option<&Secret<String>>, request: &RawRequest) -> Result<(), Rejection> {
    let subscribes = request.query_parameter("hub.mode").is_some_and(|mode| mode == b"subscribe");
    let presented = request.query_parameter("hub.verify_token").unwrap_or_default();
    let known = verify_token.is_some_and(|known| equal_in_constant_time(known, &presented));
    if subscribes && known { Ok(()) } else { Err(Rejection::Handshake) }
}

/// The challenge, byte for byte, as plain text.
pub fn answer_challenge(request: &RawRequest) -> Reply {
    Reply::text(request.query_parameter("hub.challenge").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str) -> RawRequest {
        RawRequest {
            method: "GET".into(),
            path: "main".into(),
            query: query.into(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
            received: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn outcome(token: &str, query: &str) -> Result<(), Rejection> {
        verify_token(Some(&Secret::new(token.to_owned())), &request(query))
    }

    #[test]
    fn the_right_token_passes_encoded_or_not() {
        assert_eq!(outcome("t k&n", "hub.mode=subscribe&hub.verify_token=t+k%26n&hub.challenge=1"), Ok(()));
        assert_eq!(outcome("t", "hub%2Echallenge=1&hub%2Everify_token=t&hub%2emode=subscribe"), Ok(()));
    }

    #[test]
    fn anything_else_is_refused() {
        for (token, query) in [
            ("t", "hub.mode=subscribe&hub.verify_token=wrong"),
            ("t", "hub.mode=subscribe&hub.verify_token="),
            ("t", "hub.mode=subscribe"),
            ("t", "hub.verify_token=t"),
            ("t", "hub.mode=unsubscribe&hub.verify_token=t"),
            ("", "hub.mode=subscribe&hub.verify_token="),
            ("t", ""),
        ] {
            assert_eq!(outcome(token, query), Err(Rejection::Handshake), "{query}");
        }
        assert_eq!(
            verify_token(None, &request("hub.mode=subscribe&hub.verify_token=t")),
            Err(Rejection::Handshake)
        );
    }

    #[test]
    fn the_challenge_comes_back_byte_for_byte() {
        let long = "x".repeat(1024);
        for (written, expected) in [
            ("1158201444", &b"1158201444"[..]),
            ("%2B%25%3Cscript%3E%C3%A9", "+%<script>é".as_bytes()),
            ("%ff%00", b"\xff\x00"),
            ("a%zz%4", b"a%zz%4"),
            (&long, long.as_bytes()),
        ] {
            let reply = answer_challenge(&request(&format!("hub.challenge={written}")));
            assert_eq!(reply.body, expected);
            assert_eq!(reply.content_type, "text/plain; charset=utf-8");
        }
    }
}
