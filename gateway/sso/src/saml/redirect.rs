//! Messages that travel in an address (Bindings 3.4): deflated, in base64, with a signature over the query as it is written.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use url::{Url, form_urlencoded};

use super::{
    certificate::{Key, Method},
    own::{self, Pair},
};

/// The longest message, in bytes of XML: what is deflated more must not grow further.
const LONGEST: usize = 64 * 1024;

/// Which of the two a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something is asked for.
    Request,
    /// Something is answered.
    Response,
}

impl Kind {
    const fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// Where the browser takes a message. None where the address is none, or nothing can be signed.
pub(super) fn address(
    to: &str,
    kind: Kind,
    message: &str,
    relay_state: Option<&str>,
    signer: Option<&Pair>,
) -> Option<Url> {
    let mut url = Url::parse(to).ok()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(kind.parameter(), &STANDARD.encode(stored(message.as_bytes())));
    if let Some(state) = relay_state {
        query.append_pair("RelayState", state);
    }
    if signer.is_some() {
        query.append_pair("SigAlg", own::ALGORITHM);
    }
    let mut query = query.finish();
    if let Some(signer) = signer {
        let signature = signer.sign(query.as_bytes())?;
        query = form_urlencoded::Serializer::new(query).append_pair("Signature", &signature).finish();
    }
    // The address may have a query of its own, which is not signed.
    let before = url.query().filter(|before| !before.is_empty()).map(|before| format!("{before}&"));
    url.set_query(Some(&format!("{}{query}", before.unwrap_or_default())));
    Some(url)
}

/// A message that came, and what it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Which it is.
    pub kind: Kind,
    /// The XML.
    pub message: String,
    /// What the other side wants back.
    pub relay_state: Option<String>,
}

/// Reads the query of an address. None where it holds no message that one of the keys has signed.
pub fn read(query: &str, keys: &[Key]) -> Option<Received> {
    let raw = |name: &str| {
        let mut found = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then_some(value)
        });
        // Who says a thing twice may have signed the one and mean the other.
        match (found.next(), found.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(()),
        }
    };
    let (request, response) = (raw("SAMLRequest").ok()?, raw("SAMLResponse").ok()?);
    let (kind, message) = match (request, response) {
        (Some(message), None) => (Kind::Request, message),
        (None, Some(message)) => (Kind::Response, message),
        _ => return None,
    };
    let (state, algorithm, signature) =
        (raw("RelayState").ok()?, raw("SigAlg").ok()??, raw("Signature").ok()??);
    let told = state.map_or_else(String::new, |state| format!("&RelayState={state}"));
    let signed = format!("{}={message}{told}&SigAlg={algorithm}", kind.parameter());
    let method = Method::parse(&decoded(algorithm)?)?;
    let signature = bytes(signature)?;
    if !keys.iter().any(|key| key.verifies(method, signed.as_bytes(), &signature)) {
        return None;
    }
    let message = decompress_to_vec_with_limit(&bytes(message)?, LONGEST).ok()?;
    let relay_state = match state {
        Some(state) => Some(decoded(state)?),
        None => None,
    };
    Some(Received { kind, message: String::from_utf8(message).ok()?, relay_state })
}

/// A value as it was before it was written into a query.
fn decoded(raw: &str) -> Option<String> {
    let pair = format!("v={raw}");
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(value.into_owned())
}

fn bytes(raw: &str) -> Option<Vec<u8>> {
    let text: String = decoded(raw)?.chars().filter(|character| !character.is_whitespace()).collect();
    STANDARD.decode(text).ok()
}

/// DEFLATE (RFC 1951) without compressing: the binding asks for the format, not for shortness.
pub(super) fn stored(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut pieces = text.chunks(usize::from(u16::MAX)).peekable();
    while let Some(piece) = pieces.next() {
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.push(u8::from(pieces.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn pair() -> Pair {
        Pair::generate("them", DateTime::from_timestamp(1_800_000_000, 0).unwrap()).unwrap()
    }

    fn keys(pair: &Pair) -> Vec<Key> {
        vec![Key::of_certificate(pair.certificate()).unwrap()]
    }

    #[test]
    fn a_signed_message_is_read_as_it_was_said() {
        let them = pair();
        let to = "https://we.example/slo?tenant=a";
        let url = address(to, Kind::Request, "<a b=\"+&%\"/>", Some("r s/&"), Some(&them)).unwrap();
        let read = read(url.query().unwrap(), &keys(&them)).unwrap();
        assert_eq!((read.kind, read.message.as_str()), (Kind::Request, "<a b=\"+&%\"/>"));
        assert_eq!(read.relay_state.as_deref(), Some("r s/&"));
    }

    #[test]
    fn what_is_changed_missing_doubled_or_signed_by_others_is_refused() {
        let (them, strangers) = (pair(), pair());
        let keys = keys(&them);
        let url = address("https://we.example/slo", Kind::Response, "<a/>", Some("r"), Some(&them)).unwrap();
        let query = url.query().unwrap();
        assert!(read(query, &keys).is_some());
        let by_others =
            address("https://we.example/slo", Kind::Response, "<a/>", Some("r"), Some(&strangers));
        assert_eq!(read(by_others.unwrap().query().unwrap(), &keys), None);
        let unsigned = address("https://we.example/slo", Kind::Response, "<a/>", Some("r"), None).unwrap();
        assert_eq!(read(unsigned.query().unwrap(), &keys), None);
        for (from, to) in [
            ("RelayState=r", "RelayState=s"),
            ("&RelayState=r", ""),
            ("SAMLResponse=", "SAMLRequest="),
            ("SAMLResponse=", "SAMLResponse=AAAA&SAMLResponse="),
            ("SAMLResponse=", "SAMLRequest=AAAA&SAMLResponse="),
            ("rsa-sha256", "rsa-sha512"),
            ("xmldsig-more%23rsa-sha256", "xmldsig%23rsa-sha1"),
            ("Signature=", "Signature=AAAA"),
            ("&Signature=", "&Unsigned="),
        ] {
            let changed = query.replacen(from, to, 1);
            assert_ne!(changed, query, "{from}");
            assert_eq!(read(&changed, &keys), None, "{from} to {to}");
        }
    }

    #[test]
    fn a_message_that_grows_too_large_is_refused() {
        let them = pair();
        let large = format!("<a>{}</a>", "x".repeat(LONGEST));
        let url = address("https://we.example/slo", Kind::Request, &large, None, Some(&them)).unwrap();
        assert_eq!(read(url.query().unwrap(), &keys(&them)), None);
    }
}
