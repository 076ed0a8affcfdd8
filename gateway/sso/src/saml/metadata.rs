//! What an identity provider has to know of us.

use super::{PROTOCOL, SIGNATURE, encryption::ENCRYPTION, escaped, own::Pair};

const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

/// What it says.
pub struct About<'a> {
    /// What we call ourselves.
    pub entity_id: &'a str,
    /// Where answers go.
    pub answer_to: &'a str,
    /// Where messages of single log-out go.
    pub log_out_at: &'a str,
    /// Our key, if the connection has one: without it nothing is signed, encrypted or signed out.
    pub own: Option<&'a Pair>,
    /// Whether questions are signed.
    pub signs_requests: bool,
}

/// The document that describes us.
pub fn document(about: &About<'_>) -> String {
    let keys = about
        .own
        .map_or_else(String::new, |own| key("signing", own, "") + &key("encryption", own, &methods()));
    let log_out = about.own.map_or_else(String::new, |_| {
        format!(r#"<md:SingleLogoutService Binding="{REDIRECT}" Location="{}"/>"#, escaped(about.log_out_at))
    });
    let signs = about.own.is_some() && about.signs_requests;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{}"><md:SPSSODescriptor AuthnRequestsSigned="{signs}" WantAssertionsSigned="true" protocolSupportEnumeration="{PROTOCOL}">{keys}{log_out}<md:AssertionConsumerService Binding="{POST}" Location="{}" index="0" isDefault="true"/></md:SPSSODescriptor></md:EntityDescriptor>
"#,
        escaped(about.entity_id),
        escaped(about.answer_to),
    )
}

fn key(used_for: &str, own: &Pair, methods: &str) -> String {
    format!(
        r#"<md:KeyDescriptor use="{used_for}"><ds:KeyInfo xmlns:ds="{SIGNATURE}"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>"#,
        own.certificate()
    )
}

/// What may be encrypted with, best first.
fn methods() -> String {
    ["http://www.w3.org/2009/xmlenc11#aes256-gcm".to_owned(), format!("{ENCRYPTION}rsa-oaep-mgf1p")]
        .map(|method| format!(r#"<md:EncryptionMethod Algorithm="{method}"/>"#))
        .concat()
}
