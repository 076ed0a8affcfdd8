//! Single sign-on and provisioning, without a database: what comes in is checked here, what becomes of it is decided by
//! the caller. [`oidc`] signs in with `OpenID Connect`, [`saml`] with SAML 2.0, [`scim`] has the filters and changes of
//! SCIM 2.0, [`dns`] looks up the record that proves a domain.
//!
//! Time and randomness are arguments. Nothing here calls an identity provider: [`oidc`] makes the requests and reads
//! the answers, the caller sends them.

pub mod dns;
pub mod oidc;
pub mod saml;
pub mod scim;
