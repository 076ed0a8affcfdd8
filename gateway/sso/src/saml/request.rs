//! The question: an `AuthnRequest`, sent along with the browser.

use chrono::{DateTime, SecondsFormat, Utc};
use url::Url;

use super::{
    ASSERTION, PROTOCOL, escaped,
    own::Pair,
    redirect::{self, Kind},
};

/// A question.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Its id, which the answer repeats: a letter or `_` first.
    pub id: &'a str,
    /// When it is asked.
    pub now: DateTime<Utc>,
    /// Where the provider takes questions.
    pub provider: &'a str,
    /// What we call ourselves.
    pub entity_id: &'a str,
    /// Where the answer goes.
    pub answer_to: &'a str,
    /// The form of the name that is asked for.
    pub name_id_format: Option<&'a str>,
    /// Comes back with the answer.
    pub relay_state: &'a str,
    /// What signs it, where it is signed.
    pub signer: Option<&'a Pair>,
}

/// Where the browser is sent (the binding HTTP-Redirect). None where the provider's address is none.
pub fn address(question: &Question<'_>) -> Option<Url> {
    let policy = question.name_id_format.map_or_else(String::new, |format| {
        format!(r#"<samlp:NameIDPolicy Format="{}" AllowCreate="true"/>"#, escaped(format))
    });
    let text = format!(
        r#"<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" ID="{id}" Version="2.0" IssueInstant="{now}" Destination="{provider}" AssertionConsumerServiceURL="{answer_to}" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"><saml:Issuer>{entity_id}</saml:Issuer>{policy}</samlp:AuthnRequest>"#,
        id = escaped(question.id),
        now = question.now.to_rfc3339_opts(SecondsFormat::Secs, true),
        provider = escaped(question.provider),
        answer_to = escaped(question.answer_to),
        entity_id = escaped(question.entity_id),
    );
    redirect::address(question.provider, Kind::Request, &text, Some(question.relay_state), question.signer)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn a_question_is_xml_and_says_where_the_answer_goes() {
        let question = Question {
            id: "_1",
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            provider: "https://id.example/sso?tenant=a&b=c",
            entity_id: "https://we.example/<&\">",
            answer_to: "https://we.example/acs",
            name_id_format: Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
            relay_state: "r",
            signer: None,
        };
        let url = address(&question).unwrap();
        let pairs: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!((pairs["tenant"].as_str(), pairs["RelayState"].as_str()), ("a", "r"));
        let deflated = STANDARD.decode(&pairs["SAMLRequest"]).unwrap();
        let text = std::str::from_utf8(&deflated[5..]).unwrap();
        let document = roxmltree::Document::parse(text).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("AssertionConsumerServiceURL"), Some("https://we.example/acs"));
        assert_eq!(root.first_element_child().unwrap().text(), Some("https://we.example/<&\">"));
    }
}
