//! Answers that are good, and the attacks on them. What is signed here is signed with our own canonical form; that it is
//! the one of others is seen with a provider that others wrote.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use proptest::prelude::*;

use super::*;
use crate::saml::canonical::{self, Options};

const NOW: &str = "2027-01-15T08:00:00Z";
const US: &str = "https://we.example/sso/saml/1/metadata";
const ACS: &str = "https://we.example/sso/saml/1/acs";
const THEM: &str = "https://id.example/metadata";
const SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

struct Signer {
    pair: RsaKeyPair,
    key: Key,
}

/// A value of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &length[..], content].concat()
}

impl Signer {
    fn new() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        // rsaEncryption with its empty parameters, then the key as a string of bits.
        let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        let bits = der(3, &[&[0], pair.public_key().as_ref()].concat());
        let info = der(0x30, &[&algorithm[..], &bits].concat());
        let empty = der(0x30, &[]);
        let fields =
            [der(0xa0, &[2, 1, 2]), der(2, &[1]), empty.clone(), empty.clone(), empty.clone(), empty, info];
        let certificate = der(0x30, &der(0x30, &fields.concat()));
        let text = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(certificate)
        );
        Self { pair, key: Key::of_certificate(&text).unwrap() }
    }

    /// Puts a signature of the element with this id behind its issuer.
    fn sign(&self, document: &str, id: &str, method: &str) -> String {
        let parsed = Document::parse(document).unwrap();
        let node = parsed.descendants().find(|node| node.attribute("ID") == Some(id)).unwrap();
        let content = canonical::of(node, Options::default());
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, content.as_bytes()));
        let info = format!(
            r##"<ds:SignedInfo xmlns:ds="{SIGNATURE}"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"##
        );
        let mut value = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), info.as_bytes(), &mut value).unwrap();
        let signature = format!(
            r#"<ds:Signature xmlns:ds="{SIGNATURE}">{info}<ds:SignatureValue>{}</ds:SignatureValue></ds:Signature>"#,
            STANDARD.encode(value)
        );
        let issuer = only(node, ASSERTION, "Issuer").unwrap().range().end;
        format!("{}{signature}{}", &document[..issuer], &document[issuer..])
    }
}

static IDP: LazyLock<Signer> = LazyLock::new(Signer::new);

fn assertion(id: &str, who: &str) -> String {
    format!(
        r#"<saml:Assertion xmlns:saml="{ASSERTION}" ID="{id}" Version="2.0" IssueInstant="{NOW}"><saml:Issuer>{THEM}</saml:Issuer><saml:Subject><saml:NameID>{who}</saml:NameID><saml:SubjectConfirmation Method="{BEARER}"><saml:SubjectConfirmationData NotOnOrAfter="2027-01-15T08:05:00Z" Recipient="{ACS}" InResponseTo="_q"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2027-01-15T07:59:00Z" NotOnOrAfter="2027-01-15T08:05:00Z"><saml:AudienceRestriction><saml:Audience>{US}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{NOW}"/><saml:AttributeStatement><saml:Attribute Name="urn:groups" FriendlyName="groups"><saml:AttributeValue>a</saml:AttributeValue><saml:AttributeValue>b</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"#
    )
}

fn response(inner: &str) -> String {
    format!(
        r#"<samlp:Response xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" ID="_r" Version="2.0" InResponseTo="_q" Destination="{ACS}"><saml:Issuer>{THEM}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>{inner}</samlp:Response>"#
    )
}

/// An answer with a signed assertion.
fn good() -> String {
    IDP.sign(&response(&assertion("_a", "ada")), "_a", SHA256)
}

fn read_text(text: &str) -> Result<Assertion, Error> {
    let keys = std::slice::from_ref(&IDP.key);
    let expected = Expected {
        issuer: THEM,
        audience: US,
        recipient: ACS,
        question: "_q",
        keys,
        own: &[],
        skew: TimeDelta::seconds(60),
        now: NOW.parse().unwrap(),
    };
    read(&STANDARD.encode(text), &expected)
}

#[test]
fn an_answer_is_read_whichever_part_is_signed() {
    let both = IDP.sign(&good(), "_r", SHA256);
    let whole = IDP.sign(&response(&assertion("_a", "ada")), "_r", SHA256);
    for text in [good(), whole, both] {
        let read = read_text(&text).unwrap();
        assert_eq!((read.id.as_str(), read.name_id.name.as_str()), ("_a", "ada"));
        assert_eq!(read.attributes["urn:groups"], serde_json::json!(["a", "b"]));
        assert_eq!(read.attributes["groups"], serde_json::json!(["a", "b"]));
    }
}

#[test]
fn what_is_not_signed_by_the_provider_is_refused() {
    assert_eq!(read_text(&response(&assertion("_a", "eve"))), Err(Error::Signature));
    let stranger = Signer::new();
    let text = stranger.sign(&response(&assertion("_a", "eve")), "_a", SHA256);
    assert_eq!(read_text(&text), Err(Error::Signature));
    // A good signature of the assertion does not make up for a bad one of the answer.
    let text = stranger.sign(&good(), "_r", SHA256);
    assert_eq!(read_text(&text), Err(Error::Signature));
    for method in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        "none",
        "",
    ] {
        let text = IDP.sign(&response(&assertion("_a", "ada")), "_a", method);
        assert_eq!(read_text(&text), Err(Error::Signature), "{method}");
    }
    // Other forms of a signature.
    for (from, to) in [
        ("URI=\"#_a\"", "URI=\"\""),
        ("URI=\"#_a\"", "URI=\"#_r\""),
        ("xmldsig#enveloped-signature", "xmldsig#base64"),
        (
            "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>",
            "",
        ),
        (
            "http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>",
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"></ds:CanonicalizationMethod>",
        ),
        (">ada<", ">eve<"),
        ("</ds:SignedInfo>", "</ds:SignedInfo><ds:SignedInfo></ds:SignedInfo>"),
    ] {
        let text = good();
        assert!(text.contains(from), "{from}");
        assert_eq!(read_text(&text.replacen(from, to, 1)), Err(Error::Signature), "{to}");
    }
}

/// The eight ways of "On Breaking SAML" (Somorovsky and others, 2012) to put another assertion beside a signed one.
#[test]
fn signatures_wrapped_around_something_else_are_refused() {
    let signed_assertion = good();
    let start = signed_assertion.find("<saml:Assertion").unwrap();
    let end = signed_assertion.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
    let original = &signed_assertion[start..end];
    let signature_start = original.find("<ds:Signature").unwrap();
    let signature_end = original.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = &original[signature_start..signature_end];
    let bare = original.replace(signature, "");
    let evil = assertion("_evil", "eve");
    let evil_with = |inner: &str| {
        evil.replace("</saml:Issuer><saml:Subject>", &format!("</saml:Issuer>{inner}<saml:Subject>"))
    };
    let signed_response = IDP.sign(&response(&assertion("_a", "ada")), "_r", SHA256);
    let of_response_start = signed_response.find("<ds:Signature").unwrap();
    let of_response_end = signed_response.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let of_response = &signed_response[of_response_start..of_response_end];
    let bare_response = signed_response.replace(of_response, "");
    let in_object = |what: &str| {
        signature.replace("</ds:Signature>", &format!("<ds:Object>{what}</ds:Object></ds:Signature>"))
    };
    let evil_response = |inner: &str| {
        response(&evil)
            .replace("ID=\"_r\"", "ID=\"_x\"")
            .replace("</saml:Issuer><samlp:Status>", &format!("</saml:Issuer>{inner}<samlp:Status>"))
    };
    for (shape, text) in [
        (
            1,
            evil_response(&of_response.replace(
                "</ds:Signature>",
                &format!("<ds:Object>{bare_response}</ds:Object></ds:Signature>"),
            )),
        ),
        (2, evil_response(&format!("{bare_response}{of_response}"))),
        (3, response(&format!("{evil}{original}"))),
        (4, response(&evil.replace("</saml:Assertion>", &format!("{original}</saml:Assertion>")))),
        (5, response(&format!("{}{bare}", evil_with(signature)))),
        (6, response(&evil_with(&in_object(&bare)))),
        (7, response(&format!("<samlp:Extensions>{original}</samlp:Extensions>{evil}"))),
        (8, response(&evil_with(&in_object(original)))),
        // The same id twice, and the original out of sight.
        (9, response(&format!("{}{original}", assertion("_a", "eve")))),
        (10, response(&format!("{evil}<x:Assertion xmlns:x=\"urn:x\">{original}</x:Assertion>"))),
    ] {
        let read = read_text(&text);
        assert!(matches!(read, Err(Error::Form(_) | Error::Signature)), "{shape}: {read:?}");
    }
}

#[test]
fn comments_entities_and_other_documents_are_refused() {
    let comment = good().replace(">ada<", ">ada<!-- -->.evil<");
    assert_eq!(read_text(&comment), Err(Error::Form("it has comments")));
    // Signed with the comment in it: the canonical form has none.
    let signed = IDP.sign(&response(&assertion("_a", "ada<!-- -->.evil")), "_a", SHA256);
    assert_eq!(read_text(&signed), Err(Error::Form("it has comments")));
    for text in [
        format!(
            "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}",
            good().replace(">ada<", ">&x;<")
        ),
        format!("<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>{}", good()),
        format!("<?xml-stylesheet href='x'?>{}", good()),
        good().replace("samlp:Response", "samlp:LogoutResponse"),
        good().replacen("Version=\"2.0\"", "Version=\"1.1\"", 1),
        good().replace(&format!("<samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status>"), ""),
        response("<saml:EncryptedAssertion/>"),
        response(""),
        "<a>".repeat(10),
        String::new(),
    ] {
        assert!(matches!(read_text(&text), Err(Error::Form(_))), "{text}");
    }
    let denied = response("").replace("status:Success", "status:Responder");
    assert_eq!(read_text(&denied), Err(Error::Status("Responder".to_owned())));
}

#[test]
fn an_answer_that_says_something_else_is_refused_although_it_is_signed() {
    for (fault, from, to) in [
        (Error::Audience, "<saml:Audience>", "<saml:Audience>x"),
        (Error::Audience, "Recipient=\"", "Recipient=\"x"),
        (Error::Audience, "Destination=\"", "Destination=\"x"),
        (
            Error::Issuer,
            "ID=\"_r\" Version=\"2.0\" InResponseTo=\"_q\"",
            "ID=\"_r\" Version=\"2.0\" InResponseTo=\"_q\" x=\"\"",
        ),
        (Error::Question, "InResponseTo=\"_q\"/>", "InResponseTo=\"_p\"/>"),
        (Error::Question, "InResponseTo=\"_q\"/>", "/>"),
        (Error::Question, "InResponseTo=\"_q\" Dest", "InResponseTo=\"_p\" Dest"),
        (
            Error::Time,
            "NotOnOrAfter=\"2027-01-15T08:05:00Z\" Recipient",
            "NotOnOrAfter=\"2027-01-15T07:59:00Z\" Recipient",
        ),
        (Error::Time, "NotOnOrAfter=\"2027-01-15T08:05:00Z\" Recipient", "Recipient"),
        (Error::Time, "NotBefore=\"2027-01-15T07:59:00Z\"", "NotBefore=\"2027-01-15T08:01:01Z\""),
        (
            Error::Time,
            "NotOnOrAfter=\"2027-01-15T08:05:00Z\"><saml:Aud",
            "NotOnOrAfter=\"2027-01-15T07:58:59Z\"><saml:Aud",
        ),
        (Error::Time, "NotBefore=\"2027-01-15T07:59:00Z\"", "NotBefore=\"yesterday\""),
        (
            Error::Time,
            "<saml:AuthnStatement ",
            "<saml:AuthnStatement SessionNotOnOrAfter=\"2027-01-15T07:00:00Z\" ",
        ),
    ] {
        let mut text = response(&assertion("_a", "ada"));
        assert!(text.contains(from), "{from}");
        if fault == Error::Issuer {
            // Both issuers are another's.
            text = text.replace(THEM, "https://other.example");
        } else {
            text = text.replace(from, to);
        }
        assert_eq!(read_text(&IDP.sign(&text, "_a", SHA256)), Err(fault), "{to}");
    }
    for (from, to) in [
        ("<saml:NameID>ada</saml:NameID>", ""),
        ("<saml:NameID>ada</saml:NameID>", "<saml:NameID>ada</saml:NameID><saml:NameID>eve</saml:NameID>"),
        ("<saml:NameID>ada</saml:NameID>", "<saml:NameID><x/>ada</saml:NameID>"),
        ("cm:bearer", "cm:holder-of-key"),
        ("<saml:AuthnStatement AuthnInstant=\"2027-01-15T08:00:00Z\"/>", ""),
    ] {
        let text = response(&assertion("_a", "ada")).replace(from, to);
        let read = read_text(&IDP.sign(&text, "_a", SHA256));
        assert!(matches!(read, Err(Error::Form(_))), "{to}: {read:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn a_changed_answer_names_nobody_else(at in any::<prop::sample::Index>(), to in "[ -~]") {
        static GOOD: LazyLock<String> = LazyLock::new(good);
        let at = at.index(GOOD.len());
        let mut text = GOOD.clone();
        text.replace_range(at..=at, &to);
        if let Ok(read) = read_text(&text) {
            // What was not signed may change; what was signed is what is read.
            prop_assert_eq!(read, read_text(&GOOD).unwrap());
        }
    }

    #[test]
    fn whatever_is_sent_is_read_or_refused(text in ".{0,200}") {
        let expected = Expected {
            issuer: THEM, audience: US, recipient: ACS, question: "_q", keys: &[], own: &[], skew: TimeDelta::zero(),
            now: NOW.parse().unwrap(),
        };
        prop_assert!(read(&text, &expected).is_err());
    }
}
