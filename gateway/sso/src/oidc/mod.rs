//! `OpenID Connect`: the code flow with PKCE, for a provider that is found by discovery.
//!
//! A sign-in is [`request::Started`] (where the browser is sent, and what must be kept until it comes back), the
//! request for tokens ([`request::exchange`]), and [`id_token::verify`] with keys of the provider ([`jws::Keys`]).

pub mod discovery;
pub mod id_token;
pub mod jws;
pub mod request;
