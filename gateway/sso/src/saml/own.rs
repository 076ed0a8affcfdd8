//! A key of ours with its certificate: for one connection, to sign what goes to its provider, and to open what the provider
//! encrypts for us. Its certificate is self-signed: a provider takes it from our document, and asks no authority.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_domain::Secret;
use chrono::{DateTime, Datelike as _, Utc};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};
use serde::{Deserialize, Serialize};

/// How what is signed with it names the way.
pub(super) const ALGORITHM: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// For how many years a certificate says that it is good. Providers warn before it ends, and some refuse afterwards.
const YEARS: i32 = 5;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine could not make one.
    #[error("a key could not be made: {0}")]
    Made(#[from] rcgen::Error),
    /// What was kept is none.
    #[error("the key that was kept cannot be read")]
    Kept,
}

/// A pair as it is kept: the key as base64 of PKCS #8, the certificate as base64 of DER. To be sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    certificate: String,
}

/// A key with its certificate.
pub struct Pair {
    signing: RsaKeyPair,
    opening: OaepPrivateDecryptingKey,
    certificate: String,
    kept: Secret<String>,
}

impl Pair {
    /// A new one: RSA of 3072 bits, for what we call ourselves.
    pub fn generate(name: &str, now: DateTime<Utc>) -> Result<Self, Error> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072)?;
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, name.chars().take(64).collect::<String>());
        params.distinguished_name = subject;
        // From the first of the month, so that no provider's clock is before it.
        let (month, year) = (u8::try_from(now.month()).unwrap_or(1), now.year());
        params.not_before = date_time_ymd(year, month, 1);
        params.not_after = date_time_ymd(year + YEARS, month, 1);
        let certificate = params.self_signed(&key)?;
        let kept = Kept {
            key: STANDARD.encode(key.serialized_der()),
            certificate: STANDARD.encode(certificate.der()),
        };
        let kept = serde_json::to_string(&kept).map_err(|_| Error::Kept)?;
        Self::open(&Secret::new(kept))
    }

    /// One that was kept.
    pub fn open(kept: &Secret<String>) -> Result<Self, Error> {
        let Kept { key, certificate } = serde_json::from_str(kept.expose()).map_err(|_| Error::Kept)?;
        let key = Secret::new(STANDARD.decode(key).map_err(|_| Error::Kept)?);
        let signing = RsaKeyPair::from_pkcs8(key.expose()).map_err(|_| Error::Kept)?;
        let opening = PrivateDecryptingKey::from_pkcs8(key.expose()).map_err(|_| Error::Kept)?;
        let opening = OaepPrivateDecryptingKey::new(opening).map_err(|_| Error::Kept)?;
        Ok(Self { signing, opening, certificate, kept: kept.clone() })
    }

    /// The text to be sealed and kept.
    pub const fn kept(&self) -> &Secret<String> {
        &self.kept
    }

    /// The certificate, as base64 of DER.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The signature of these bytes, as base64. None where the machine gave no randomness.
    pub(super) fn sign(&self, bytes: &[u8]) -> Option<String> {
        let mut signature = vec![0; self.signing.public_modulus_len()];
        self.signing.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).ok()?;
        Some(STANDARD.encode(signature))
    }

    pub(super) const fn opening(&self) -> &OaepPrivateDecryptingKey {
        &self.opening
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::certificate::{Key, Method};

    #[test]
    fn what_it_signs_its_certificate_verifies_also_after_it_was_kept() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let made = Pair::generate("https://we.example/sso", now).unwrap();
        let again = Pair::open(made.kept()).unwrap();
        assert_eq!(made.certificate(), again.certificate());
        let key = Key::of_certificate(made.certificate()).unwrap();
        let signature = STANDARD.decode(again.sign(b"what is said").unwrap()).unwrap();
        let method = Method::parse(ALGORITHM).unwrap();
        assert!(key.verifies(method, b"what is said", &signature));
        assert!(!key.verifies(method, b"what is sad", &signature));
        assert!(Pair::open(&Secret::new("{}".to_owned())).is_err());
    }
}
