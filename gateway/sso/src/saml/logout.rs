//! Single log-out (Profiles 4.4), by the browser: either side asks with a `LogoutRequest`, the other answers with a
//! `LogoutResponse`, each in an address that its sender has signed ([`redirect`]).

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use roxmltree::{Document, Node, ParsingOptions};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    ASSERTION, PROTOCOL, escaped,
    own::Pair,
    redirect::{self, Kind},
};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
/// How old a message may be: browsers take it from one side to the other at once.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// A person's name at a provider, with everything that makes it one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// The name.
    pub name: String,
    /// Its form.
    pub format: Option<String>,
    /// Whose name it is.
    pub qualifier: Option<String>,
    /// For whom it is one.
    pub sp_qualifier: Option<String>,
}

impl NameId {
    /// Reads a `NameID` that holds a text and nothing else.
    pub(super) fn read(node: Node<'_, '_>) -> Option<Self> {
        if node.children().any(|child| !child.is_text()) {
            return None;
        }
        let name = node.text().map(str::trim).filter(|name| !name.is_empty())?;
        if name.chars().count() > 255 {
            return None;
        }
        let attribute = |attribute: &str| node.attribute(attribute).map(str::to_owned);
        Some(Self {
            name: name.to_owned(),
            format: attribute("Format"),
            qualifier: attribute("NameQualifier"),
            sp_qualifier: attribute("SPNameQualifier"),
        })
    }

    fn xml(&self) -> String {
        let attribute = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!(r#" {name}="{}""#, escaped(value)))
        };
        format!(
            "<saml:NameID{}{}{}>{}</saml:NameID>",
            attribute("NameQualifier", &self.qualifier),
            attribute("SPNameQualifier", &self.sp_qualifier),
            attribute("Format", &self.format),
            escaped(&self.name)
        )
    }
}

/// Both sides of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// What we call ourselves.
    pub we: &'a str,
    /// Where we take these messages.
    pub ours: &'a str,
    /// What the provider calls itself.
    pub provider: &'a str,
    /// How far the clocks may be apart.
    pub skew: TimeDelta,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is none, or of a form that we do not read.
    #[error("not a message that is read here: {0}")]
    Form(&'static str),
    /// Somebody else sends it.
    #[error("it comes from another provider")]
    Issuer,
    /// It is for somebody else.
    #[error("it is meant for somebody else")]
    Destination,
    /// It is over, or not good yet.
    #[error("it is not of this time")]
    Time,
    /// It answers another question, or none.
    #[error("it answers another question")]
    Question,
    /// The provider says that it did not work.
    #[error("the provider answers with {0:?}")]
    Status(String),
}

/// Whom a provider signs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The id of the request, which the answer repeats, and which is taken once.
    pub id: String,
    /// The person.
    pub name: NameId,
    /// Which of the person's sessions; all of them where none is named.
    pub sessions: Vec<String>,
}

/// Where the browser is sent to end the session at the provider.
pub fn ask(
    sides: &Sides<'_>,
    to: &str,
    id: &str,
    name: &NameId,
    session: Option<&str>,
    signer: &Pair,
) -> Option<Url> {
    let session = session.map_or_else(String::new, |session| {
        format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", escaped(session))
    });
    let until = (sides.now + FRESH).to_rfc3339_opts(SecondsFormat::Secs, true);
    let more = format!(r#" NotOnOrAfter="{until}""#);
    let message = message(sides, "LogoutRequest", to, id, &more, &format!("{}{session}", name.xml()));
    redirect::address(to, Kind::Request, &message, None, Some(signer))
}

/// Where the browser takes our answer: that the person is signed out here.
pub fn answer(
    sides: &Sides<'_>,
    to: &str,
    id: &str,
    asked: &Asked,
    relay_state: Option<&str>,
    signer: &Pair,
) -> Option<Url> {
    let more = format!(r#" InResponseTo="{}""#, escaped(&asked.id));
    let status = format!(r#"<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>"#);
    let message = message(sides, "LogoutResponse", to, id, &more, &status);
    redirect::address(to, Kind::Response, &message, relay_state, Some(signer))
}

fn message(sides: &Sides<'_>, what: &str, to: &str, id: &str, more: &str, content: &str) -> String {
    format!(
        r#"<samlp:{what} xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" ID="{id}" Version="2.0" IssueInstant="{now}" Destination="{to}"{more}><saml:Issuer>{we}</saml:Issuer>{content}</samlp:{what}>"#,
        id = escaped(id),
        now = sides.now.to_rfc3339_opts(SecondsFormat::Secs, true),
        to = escaped(to),
        we = escaped(sides.we),
    )
}

fn parse(text: &str) -> Result<Document<'_>, Error> {
    let options = ParsingOptions { nodes_limit: 2_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|_| Error::Form("it is no XML"))?;
    if document.descendants().any(|node| node.is_comment() || node.is_pi()) {
        return Err(Error::Form("it has comments"));
    }
    Ok(document)
}

fn children<'a, 'd>(node: Node<'a, 'd>, namespace: &str, name: &str) -> Vec<Node<'a, 'd>> {
    node.children().filter(|child| child.has_tag_name((namespace, name))).collect()
}

fn only<'a, 'd>(node: Node<'a, 'd>, namespace: &str, name: &str) -> Option<Node<'a, 'd>> {
    match children(node, namespace, name).as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

fn instant(node: Node<'_, '_>, name: &str) -> Result<Option<DateTime<Utc>>, Error> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    let instant = DateTime::parse_from_rfc3339(text).map_err(|_| Error::Time)?;
    Ok(Some(instant.to_utc()))
}

/// What every message must say: what it is, from whom, for whom, and when.
fn checked(root: Node<'_, '_>, what: &str, sides: &Sides<'_>) -> Result<(), Error> {
    if !root.has_tag_name((PROTOCOL, what)) || root.attribute("Version") != Some("2.0") {
        return Err(Error::Form("it is something else"));
    }
    let issuer = only(root, ASSERTION, "Issuer").and_then(|issuer| issuer.text()).map(str::trim);
    if issuer != Some(sides.provider) {
        return Err(Error::Issuer);
    }
    // What is signed in an address has to say where it goes (Bindings 3.4.5.2).
    if root.attribute("Destination") != Some(sides.ours) {
        return Err(Error::Destination);
    }
    let issued = instant(root, "IssueInstant")?.ok_or(Error::Time)?;
    if issued - sides.skew > sides.now || issued + FRESH + sides.skew <= sides.now {
        return Err(Error::Time);
    }
    Ok(())
}

/// Reads what a provider asks.
pub fn asked(text: &str, sides: &Sides<'_>) -> Result<Asked, Error> {
    let document = parse(text)?;
    let root = document.root_element();
    checked(root, "LogoutRequest", sides)?;
    if instant(root, "NotOnOrAfter")?.is_some_and(|end| end + sides.skew <= sides.now) {
        return Err(Error::Time);
    }
    let id = root.attribute("ID").filter(|id| !id.is_empty()).ok_or(Error::Form("it has no id"))?;
    let name =
        only(root, ASSERTION, "NameID").and_then(NameId::read).ok_or(Error::Form("it names nobody"))?;
    let sessions = children(root, PROTOCOL, "SessionIndex").into_iter();
    let sessions = sessions.filter_map(|session| session.text()).map(|session| session.trim().to_owned());
    Ok(Asked { id: id.to_owned(), name, sessions: sessions.take(100).collect() })
}

/// Reads what a provider answers to the question of that id.
pub fn answered(text: &str, question: &str, sides: &Sides<'_>) -> Result<(), Error> {
    let document = parse(text)?;
    let root = document.root_element();
    checked(root, "LogoutResponse", sides)?;
    if root.attribute("InResponseTo") != Some(question) {
        return Err(Error::Question);
    }
    let code = only(root, PROTOCOL, "Status").and_then(|status| only(status, PROTOCOL, "StatusCode"));
    let code = code.and_then(|code| code.attribute("Value")).unwrap_or_default();
    if code != SUCCESS {
        let code = code.rsplit(':').next().unwrap_or_default();
        return Err(Error::Status(code.chars().take(80).collect()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
