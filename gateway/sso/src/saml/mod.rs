//! SAML 2.0, as a service provider: the question to an identity provider ([`request`]), its answer ([`response`]), and
//! what it has to know of us ([`metadata`]). Sessions end on both sides ([`logout`]), by messages in addresses
//! ([`redirect`]) that a key of ours signs ([`own`]).
//!
//! An assertion may be encrypted for that key ([`encryption`]).
//!
//! Of XML signatures only the profile that SAML prescribes is understood (one reference, to the element around the
//! signature; enveloped; exclusive canonical form); everything else is refused. What was signed is written in its
//! canonical form, and only that is read: an element that was moved around a signature, or under it, is never looked at.

mod canonical;
pub mod certificate;
pub mod encryption;
pub mod logout;
pub mod metadata;
pub mod own;
pub mod redirect;
pub mod request;
pub mod response;
mod signature;

/// Names of elements of the protocol.
pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// Names of elements of assertions.
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Names of elements of signatures.
pub const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Text as it stands in an element or an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
