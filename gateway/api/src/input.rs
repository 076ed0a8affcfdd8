//! What callers send: bodies, path parameters, and the piece of a list they ask for. Whatever cannot be taken is refused
//! by the name of the field.

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use botbuilder_store::page::Page;
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::ApiError;

/// A JSON body. Types say `#[serde(deny_unknown_fields)]`; an unknown field is answered with the nearest known one.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| ApiError::invalid("body", "cannot be read"))?;
        parse(&bytes).map(Self)
    }
}

/// Reads a JSON document; an empty body is an empty object.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    if bytes.windows(6).any(|window| window.eq_ignore_ascii_case(b"\\u0000")) {
        // PostgreSQL's texts cannot hold it. A backslash before it makes it harmless, which is rare enough to refuse.
        return Err(ApiError::invalid("body", "must not hold the character U+0000"));
    }
    serde_json::from_slice(bytes).map_err(|error| of_json(&error, bytes))
}

/// The member of a JSON object at which a place in its text is, by the lines and columns that serde counts.
fn member_at(text: &[u8], line: usize, column: usize) -> Option<String> {
    let before: usize =
        text.split_inclusive(|byte| *byte == b'\n').take(line.checked_sub(1)?).map(<[u8]>::len).sum();
    let (mut depth, mut is_object, mut is_key, mut member) = (0_usize, false, false, None);
    let mut bytes = text.iter().enumerate().take(before + column);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth == 1 {
                    is_object = *byte == b'{';
                }
                is_key = is_object && depth == 1;
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' if depth == 1 => is_key = is_object,
            b'"' => {
                let mut end = None;
                while let Some((inside, byte)) = bytes.next() {
                    match byte {
                        b'\\' => {
                            bytes.next();
                        }
                        b'"' => {
                            end = Some(inside);
                            break;
                        }
                        _ => {}
                    }
                }
                if std::mem::take(&mut is_key) && depth == 1 {
                    member = serde_json::from_slice(text.get(at..=end?)?).ok();
                }
            }
            _ => {}
        }
    }
    member
}

/// What serde says, with the field it means. Its messages quote names in backticks: first the one at fault, then those
/// that are known. A value of a wrong type is named by where it stands.
fn of_json(error: &serde_json::Error, document: &[u8]) -> ApiError {
    let text = error.to_string();
    let is_named = text.starts_with("missing field") || text.starts_with("unknown field");
    if error.is_data()
        && !is_named
        && let Some(member) = member_at(document, error.line(), error.column())
    {
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        return ApiError::invalid(member, what.to_owned());
    }
    let mut names = text.split('`').skip(1).step_by(2);
    let Some(field) = names.next().map(str::to_owned) else {
        return ApiError::invalid("body", format!("is not the JSON that is asked for: {text}"));
    };
    if text.starts_with("missing field") {
        return ApiError::invalid(field, "must be there");
    }
    if text.starts_with("unknown field") {
        let known: Vec<&str> = names.collect();
        let hint = unknown(&field, known);
        return ApiError::invalid(field, hint);
    }
    ApiError::invalid("body", text)
}

/// What is said of a name that is not known: the nearest that is.
pub fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((_, candidate)) => format!("is not known; did you mean `{candidate}`?"),
        None if known.is_empty() => "is not known; there is none".to_owned(),
        None => format!("is not known; there are: {}", known.join(", ")),
    }
}

/// Identifiers in an address. Something that is no UUID names nothing, so it is 404.
#[derive(Debug, Clone, Copy)]
pub struct Id<T = Uuid>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(id) = Path::<T>::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound)?;
        Ok(Self(id))
    }
}

/// The pairs of a query string, percent-decoded.
pub fn query_pairs(parts: &Parts) -> Vec<(String, String)> {
    let query = parts.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// `limit` and `cursor` of a list in the order of its ids. Other parameters are refused.
#[derive(Debug, Clone, Copy)]
pub struct Paging(pub Page);

impl<S: Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut page = Page::default();
        for (name, value) in query_pairs(parts) {
            match name.as_str() {
                "limit" => page.limit = limit(&value)?,
                "cursor" => page.after = Some(Cursor::parse(&value, "id")?.id),
                other => {
                    return Err(ApiError::invalid(other.to_owned(), unknown(other, ["limit", "cursor"])));
                }
            }
        }
        Ok(Self(page))
    }
}

/// Reads `limit`.
pub fn limit(text: &str) -> Result<u16, ApiError> {
    match text.parse() {
        Ok(limit @ 1..=Page::MOST) => Ok(limit),
        _ => Err(ApiError::invalid("limit", "must be a number from 1 to 200")),
    }
}

/// The answer of a list in the order of its ids.
pub fn page<T: Serialize>(page: Page, rows: Vec<T>, id: impl Fn(&T) -> Uuid) -> Value {
    let (rows, more) = page.cut(rows);
    let next = rows.last().filter(|_| more).map(|last| Cursor::new("id", None, id(last)).text());
    json!({ "data": rows, "next_cursor": next })
}

/// Where a list goes on: the sort it belongs to and the key of the last row. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    sort: String,
    /// The last row's value of what the list is sorted by, as text; none where that is the id.
    pub key: Option<String>,
    /// The last row's id.
    pub id: Uuid,
}

impl Cursor {
    /// A cursor of that sort.
    pub fn new(sort: &str, key: Option<String>, id: Uuid) -> Self {
        Self { sort: sort.to_owned(), key, id }
    }

    /// As callers see it.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(json!([self.sort, self.key, self.id]).to_string())
    }

    /// Reads a cursor, which must belong to this sort.
    pub fn parse(text: &str, sort: &str) -> Result<Self, ApiError> {
        let decoded = URL_SAFE_NO_PAD.decode(text).ok();
        let parts: Option<(String, Option<String>, Uuid)> =
            decoded.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match parts {
            Some((of, key, id)) if of == sort => Ok(Self { sort: of, key, id }),
            Some(_) => Err(ApiError::invalid("cursor", "belongs to another sort of this list")),
            None => Err(ApiError::invalid("cursor", "is none of ours; take `next_cursor` as it is")),
        }
    }
}

/// An object of a body, field by field.
pub type Object = Map<String, Value>;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(rename = "name")]
        _name: String,
    }

    fn fault(json: &str) -> (String, String) {
        match parse::<Sample>(json.as_bytes()) {
            Err(ApiError::Invalid(errors)) => (errors[0].field.to_string(), errors[0].detail.to_string()),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn a_value_of_a_wrong_type_is_named_wherever_it_stands(
            before in prop::collection::btree_map("[a-m]{1,4}", "[ -~]{0,12}", 0..4), space in "[ \n]{0,3}", number in any::<i32>(),
        ) {
            #[derive(Debug, Deserialize)]
            struct Loose {
                #[serde(rename = "name")]
                _name: String,
            }
            let mut members: Vec<String> =
                before.iter().map(|(name, value)| format!("{name:?}:{space}{}", serde_json::json!(value))).collect();
            members.push(format!("\"name\":{space}{number}"));
            let text = format!("{{{}}}", members.join(&format!(",{space}")));
            let error = serde_json::from_slice::<Loose>(text.as_bytes()).unwrap_err();
            prop_assert_eq!(member_at(text.as_bytes(), error.line(), error.column()), Some("name".to_owned()));
        }
    }

    #[test]
    fn an_unknown_or_missing_field_is_named() {
        assert_eq!(fault(r#"{"nmae":"a"}"#).0, "nmae");
        assert!(fault(r#"{"nmae":"a"}"#).1.contains("did you mean `name`"));
        assert_eq!(fault("{}"), ("name".to_owned(), "must be there".to_owned()));
        assert_eq!(fault("").0, "name");
        assert_eq!(fault("[").0, "body");
        assert_eq!(fault("[1]").0, "body");
        assert_eq!(fault(r#"{"name": 7}"#).0, "name");
        assert!(!fault(r#"{"name": 7}"#).1.contains("line"));
        assert_eq!(fault("{\n \"name\":\n {\"a\": \"b, {\"}}").0, "name");
        assert_eq!(fault(r#"{"name":"\u0000"}"#).0, "body");
    }

    #[test]
    fn a_cursor_of_another_sort_is_refused() {
        let cursor = Cursor::new("-name", Some("b".to_owned()), Uuid::from_u128(7));
        assert_eq!(Cursor::parse(&cursor.text(), "-name").unwrap(), cursor);
        assert!(Cursor::parse(&cursor.text(), "name").is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_sent_as_a_cursor_is_answered(text in ".{0,80}") {
            prop_assert!(Cursor::parse(&text, "id").is_err());
        }
    }
}
