//! The answer: a `Response` that the browser posts, checked as SAML's web browser profile asks (Profiles 4.1.4.3).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use super::{
    ASSERTION, PROTOCOL, SIGNATURE, certificate::Key, encryption, logout::NameId, own::Pair, signature,
};

/// The longest answer, in bytes of base64.
pub const LONGEST: usize = 512 * 1024;
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// What an answer must say.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Who gives it.
    pub issuer: &'a str,
    /// Whom it is for: what we call ourselves.
    pub audience: &'a str,
    /// Where it was to be sent.
    pub recipient: &'a str,
    /// The question.
    pub question: &'a str,
    /// The keys of the certificates that are trusted.
    pub keys: &'a [Key],
    /// Our own keys, for what is encrypted: the present one, and the one before.
    pub own: &'a [Pair],
    /// How far the clocks may be apart.
    pub skew: TimeDelta,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no answer of SAML, or one of a form that we do not read.
    #[error("not an answer that is read here: {0}")]
    Form(&'static str),
    /// The provider says that it did not work.
    #[error("the provider answers with {0:?}")]
    Status(String),
    /// Nothing that counts is signed by a trusted key.
    #[error("no good signature of the provider")]
    Signature,
    /// Somebody else gives it.
    #[error("it comes from another provider")]
    Issuer,
    /// It is for somebody else, or was to be sent elsewhere.
    #[error("it is meant for somebody else")]
    Audience,
    /// It is over, or not good yet.
    #[error("it is not of this time")]
    Time,
    /// It answers another question, or none.
    #[error("it answers another question")]
    Question,
}

/// What a provider says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Its id: it is taken once.
    pub id: String,
    /// What identifies the person there.
    pub name_id: NameId,
    /// Which of the person's sessions this is, for signing out.
    pub session: Option<String>,
    /// What else is said, by name; each a list of texts.
    pub attributes: Map<String, Value>,
}

/// Reads an answer as it is posted.
pub fn read(encoded: &str, expected: &Expected<'_>) -> Result<Assertion, Error> {
    if encoded.len() > LONGEST {
        return Err(Error::Form("it is too long"));
    }
    let compact: String = encoded.chars().filter(|character| !character.is_whitespace()).collect();
    let text = STANDARD.decode(compact).map_err(|_| Error::Form("it is no base64"))?;
    let text = String::from_utf8(text).map_err(|_| Error::Form("it is no UTF-8"))?;
    // No DTD, so no entities either.
    let options = ParsingOptions { nodes_limit: 20_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options).map_err(|_| Error::Form("it is no XML"))?;
    let signed = signed(&document, expected)?;
    let document = Document::parse(&signed).map_err(|_| Error::Form("what is signed is no XML"))?;
    let root = document.root_element();
    let assertion = if is(root, ASSERTION, "Assertion") {
        root
    } else {
        only(root, ASSERTION, "Assertion").ok_or(Error::Form("it has no assertion"))?
    };
    assertion_of(assertion, expected)
}

fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.has_tag_name((namespace, name))
}

fn all<'a, 'd>(node: Node<'a, 'd>, namespace: &str, name: &str) -> Vec<Node<'a, 'd>> {
    node.children().filter(|child| is(*child, namespace, name)).collect()
}

fn only<'a, 'd>(node: Node<'a, 'd>, namespace: &str, name: &str) -> Option<Node<'a, 'd>> {
    match all(node, namespace, name).as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// The whole text of an element that holds nothing else.
fn text<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    if node.children().any(|child| !child.is_text()) {
        return None;
    }
    node.text().map(str::trim).filter(|text| !text.is_empty())
}

/// No comments, no processing instructions, no id twice.
fn plain(document: &Document<'_>) -> Result<(), Error> {
    let mut ids = Vec::new();
    for node in document.descendants() {
        // A comment parts a text in two for some readers, and a processing instruction is for none.
        if node.is_comment() || node.is_pi() {
            return Err(Error::Form("it has comments"));
        }
        for attribute in node.attributes().filter(|attribute| attribute.name().eq_ignore_ascii_case("id")) {
            if ids.contains(&attribute.value()) {
                return Err(Error::Form("an id is there twice"));
            }
            ids.push(attribute.value());
        }
    }
    Ok(())
}

fn count(document: &Document<'_>, name: &str) -> usize {
    document.descendants().filter(|node| node.tag_name().name() == name).count()
}

/// The canonical form of the signed part with the assertion in it: the assertion itself, else the whole answer. The
/// document as it came is looked at here only, for its form and for what may make an honest provider's answer useless.
fn signed(document: &Document<'_>, expected: &Expected<'_>) -> Result<String, Error> {
    let root = document.root_element();
    if !is(root, PROTOCOL, "Response") || root.attribute("Version") != Some("2.0") {
        return Err(Error::Form("it is no Response of SAML 2.0"));
    }
    plain(document)?;
    let (assertions, encrypted) = (count(document, "Assertion"), count(document, "EncryptedAssertion"));
    if let Some(status) =
        only(root, PROTOCOL, "Status").and_then(|status| only(status, PROTOCOL, "StatusCode"))
    {
        let code = status.attribute("Value").unwrap_or_default();
        if code != SUCCESS {
            let inner = only(status, PROTOCOL, "StatusCode").and_then(|inner| inner.attribute("Value"));
            let code = inner.unwrap_or(code).rsplit(':').next().unwrap_or_default();
            return Err(Error::Status(code.chars().take(80).collect()));
        }
    } else {
        return Err(Error::Form("it has no status"));
    }
    if assertions + encrypted != 1 {
        return Err(Error::Form("it has not exactly one assertion"));
    }
    let name = if encrypted == 1 { "EncryptedAssertion" } else { "Assertion" };
    let assertion = only(root, ASSERTION, name);
    let assertion = assertion.ok_or(Error::Form("its assertion is not where it belongs"))?;
    if root.attribute("Destination").is_some_and(|to| to != expected.recipient) {
        return Err(Error::Audience);
    }
    if let Some(issuer) = only(root, ASSERTION, "Issuer")
        && text(issuer) != Some(expected.issuer)
    {
        return Err(Error::Issuer);
    }
    if root.attribute("InResponseTo").is_some_and(|question| question != expected.question) {
        return Err(Error::Question);
    }
    let signatures = document.descendants().filter(|node| is(*node, SIGNATURE, "Signature"));
    let of = |parent: Node<'_, '_>| {
        let found: Vec<_> = signatures.clone().filter(|one| one.parent() == Some(parent)).collect();
        found
    };
    let (of_root, of_assertion) = (of(root), of(assertion));
    let everywhere = signatures.clone().count();
    if of_root.len() > 1 || of_assertion.len() > 1 || everywhere != of_root.len() + of_assertion.len() {
        return Err(Error::Signature);
    }
    // Every signature must be good, and one of them must be about the assertion.
    let mut content = None;
    for signature in of_root.iter().chain(&of_assertion) {
        content = Some(signature::verified(*signature, expected.keys).ok_or(Error::Signature)?);
    }
    if encrypted == 1 {
        // A signature about the whole answer is about what is encrypted. What counts is inside.
        return opened(assertion, expected);
    }
    content.ok_or(Error::Signature)
}

/// The same of an assertion that is encrypted: it is signed itself, inside.
fn opened(encrypted: Node<'_, '_>, expected: &Expected<'_>) -> Result<String, Error> {
    let text = encryption::opened(encrypted, expected.own)?;
    let options = ParsingOptions { nodes_limit: 20_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options)
        .map_err(|_| Error::Form("its assertion is encrypted, and is no XML by itself"))?;
    plain(&document)?;
    let root = document.root_element();
    let is_alone = count(&document, "Assertion") == 1 && count(&document, "EncryptedAssertion") == 0;
    if !is(root, ASSERTION, "Assertion") || !is_alone {
        return Err(Error::Form("it has not exactly one assertion"));
    }
    let signatures: Vec<_> =
        document.descendants().filter(|node| is(*node, SIGNATURE, "Signature")).collect();
    match signatures.as_slice() {
        [one] if one.parent() == Some(root) => {
            signature::verified(*one, expected.keys).ok_or(Error::Signature)
        }
        _ => Err(Error::Signature),
    }
}

/// Reads an assertion that was signed.
fn assertion_of(node: Node<'_, '_>, expected: &Expected<'_>) -> Result<Assertion, Error> {
    let id = node.attribute("ID").filter(|id| !id.is_empty()).ok_or(Error::Form("it has no id"))?;
    if only(node, ASSERTION, "Issuer").and_then(text) != Some(expected.issuer) {
        return Err(Error::Issuer);
    }
    conditions(node, expected)?;
    let subject = only(node, ASSERTION, "Subject").ok_or(Error::Form("it has no subject"))?;
    let name_id = only(subject, ASSERTION, "NameID").and_then(NameId::read);
    let name_id = name_id.ok_or(Error::Form("it names nobody"))?;
    let mut refused = Error::Form("it is not for a browser");
    let mut is_confirmed = false;
    for confirmation in all(subject, ASSERTION, "SubjectConfirmation") {
        if confirmation.attribute("Method") != Some(BEARER) {
            continue;
        }
        match confirmed(confirmation, expected) {
            Ok(()) => is_confirmed = true,
            Err(error) => refused = error,
        }
    }
    if !is_confirmed {
        return Err(refused);
    }
    let statement = all(node, ASSERTION, "AuthnStatement");
    if statement.is_empty() {
        return Err(Error::Form("it does not say that anybody signed in"));
    }
    for statement in &statement {
        if instant(*statement, "SessionNotOnOrAfter")?.is_some_and(|end| end + expected.skew <= expected.now)
        {
            return Err(Error::Time);
        }
    }
    let session = statement.iter().find_map(|statement| statement.attribute("SessionIndex"));
    let session = session.filter(|session| !session.is_empty() && session.chars().count() <= 255);
    let mut attributes = Map::new();
    let statements = all(node, ASSERTION, "AttributeStatement").into_iter();
    for attribute in statements.flat_map(|statement| all(statement, ASSERTION, "Attribute")) {
        let Some(name) = attribute.attribute("Name") else { continue };
        let values = all(attribute, ASSERTION, "AttributeValue").into_iter();
        let values: Vec<Value> = values.filter_map(text).map(Value::from).collect();
        for name in [Some(name), attribute.attribute("FriendlyName")].into_iter().flatten() {
            if !values.is_empty() {
                attributes.entry(name).or_insert_with(|| Value::Array(values.clone()));
            }
        }
    }
    Ok(Assertion { id: id.to_owned(), name_id, session: session.map(str::to_owned), attributes })
}

fn conditions(node: Node<'_, '_>, expected: &Expected<'_>) -> Result<(), Error> {
    let conditions = only(node, ASSERTION, "Conditions").ok_or(Error::Form("it has no conditions"))?;
    within(conditions, expected)?;
    let restrictions = all(conditions, ASSERTION, "AudienceRestriction");
    let names_us = |restriction: &Node<'_, '_>| {
        let mut audiences = all(*restriction, ASSERTION, "Audience").into_iter();
        audiences.any(|audience| text(audience) == Some(expected.audience))
    };
    if restrictions.is_empty() || !restrictions.iter().all(names_us) {
        return Err(Error::Audience);
    }
    Ok(())
}

fn confirmed(confirmation: Node<'_, '_>, expected: &Expected<'_>) -> Result<(), Error> {
    let data = only(confirmation, ASSERTION, "SubjectConfirmationData");
    let data = data.ok_or(Error::Form("it does not say for whom it is good"))?;
    if data.attribute("Recipient") != Some(expected.recipient) {
        return Err(Error::Audience);
    }
    if data.attribute("InResponseTo") != Some(expected.question) {
        return Err(Error::Question);
    }
    if data.attribute("NotOnOrAfter").is_none() {
        return Err(Error::Time);
    }
    within(data, expected)
}

fn within(node: Node<'_, '_>, expected: &Expected<'_>) -> Result<(), Error> {
    let Expected { now, skew, .. } = *expected;
    let is_early = instant(node, "NotBefore")?.is_some_and(|begin| begin - skew > now);
    let is_late = instant(node, "NotOnOrAfter")?.is_some_and(|end| end + skew <= now);
    if is_early || is_late { Err(Error::Time) } else { Ok(()) }
}

fn instant(node: Node<'_, '_>, name: &str) -> Result<Option<DateTime<Utc>>, Error> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    let instant = DateTime::parse_from_rfc3339(text).map_err(|_| Error::Time)?;
    Ok(Some(instant.to_utc()))
}

#[cfg(test)]
mod tests;
