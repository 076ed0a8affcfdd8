//! Reading a provider's JSON: bounded before it is parsed, lenient after.
//!
//! Providers add fields and kinds without notice, and now and then send a number where a string was, or the
//! other way round. So an adapter reads a body as [`Value`] once, takes its items one by one, and gives each to
//! a `wire` type whose fields are optional and whose ids use [`opt_text`].

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::DecodeError;

/// Deepest nesting that is read.
pub const DEPTH_MAX: usize = 64;

/// Most values that are read; one Meta request may carry 1 000 updates.
pub const NODES_MAX: usize = 100_000;

/// Reads a body that has to be a JSON object. `expected` names it in the error.
pub fn object(body: &[u8], expected: &'static str) -> Result<Map<String, Value>, DecodeError> {
    let malformed = |reason: String| DecodeError::Malformed { expected, reason };
    let text = std::str::from_utf8(body).map_err(|_| malformed("not utf-8".into()))?;
    bounded(text).map_err(|reason| malformed(reason.into()))?;
    let value: Value = serde_json::from_str(text)
        // The parser's own words may quote the content; the place is enough to find it.
        .map_err(|error| malformed(format!("not json at line {} column {}", error.line(), error.column())))?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(malformed("not an object".into())),
    }
}

/// Counts depth and values without building anything.
fn bounded(text: &str) -> Result<(), &'static str> {
    let (mut depth, mut nodes) = (0_usize, 1_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                nodes += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => nodes += 1,
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err("nested too deeply");
        }
        if nodes > NODES_MAX {
            return Err("too many values");
        }
    }
    Ok(())
}

/// A text that may come as a number or a boolean; anything else, and an empty text, is none.
pub fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// For `#[serde(default, deserialize_with = "…")]`: [`as_text`] of whatever is there.
pub fn opt_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(as_text(&Value::deserialize(deserializer)?))
}

/// For `#[serde(default, deserialize_with = "…")]`: a whole number that may come as a string; anything else is
/// none.
pub fn opt_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// The items of an array member, or none of them where it is absent or not an array.
pub fn items<'v>(object: &'v Map<String, Value>, name: &str) -> &'v [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text from a provider, made fit for logs and rows: what looks like a token, a telephone number or an id
/// (seven digits or more in a row, or 24 token characters or more) becomes `…`, and 300 characters are kept.
pub fn redacted(text: &str) -> String {
    const KEPT: usize = 300;
    let is_token = |character: char| character.is_ascii_alphanumeric() || "_-:".contains(character);
    let mut shown = String::new();
    for word in text.split_inclusive(|character| !is_token(character)) {
        let token = word.trim_end_matches(|character| !is_token(character));
        let digits = token.split(|character: char| !character.is_ascii_digit()).map(str::len).max();
        if token.len() >= 24 || digits.unwrap_or(0) >= 7 {
            shown.push('…');
            shown.push_str(&word[token.len()..]);
        } else {
            shown.push_str(word);
        }
    }
    shown.chars().filter(|character| !character.is_control()).take(KEPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings_only() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(DEPTH_MAX - 1).as_bytes(), "test").is_ok());
        assert!(object(nested(DEPTH_MAX).as_bytes(), "test").is_err());
        assert!(object(nested(1_000_000).as_bytes(), "test").is_err());
        let quoted = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(500));
        assert!(object(quoted.as_bytes(), "test").is_ok());
    }

    #[test]
    fn values_are_counted() {
        let list = |count: usize| format!("{{\"a\":[{}1]}}", "1,".repeat(count));
        assert!(object(list(1_000).as_bytes(), "test").is_ok());
        assert!(object(list(NODES_MAX).as_bytes(), "test").is_err());
    }

    #[test]
    fn only_an_object_is_read_and_the_error_does_not_quote_it() {
        for body in [&b""[..], b"null", b"[]", b"1", b"{", b"\xff\xfe", b"{\"secret\":hunter2}"] {
            let error = object(body, "test").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn tokens_and_numbers_are_not_shown() {
        let shown = redacted(
            "recipient +4915112345678 refused bot123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc, code 131026",
        );
        assert_eq!(shown, "recipient +… refused …, code 131026");
        assert_eq!(redacted(&"ä".repeat(400)).chars().count(), 300);
    }
}
