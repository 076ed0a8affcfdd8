//! Signed tokens (RFC 7515) and the keys they are signed with (RFC 7517). Public keys only: `none` and everything with
//! a shared secret is refused before a key is looked for.

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{self, EcdsaVerificationAlgorithm, RsaParameters, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The longest token that is read.
pub const LONGEST: usize = 64 * 1024;
/// The shortest modulus of a key, in bytes.
const RSA_BYTES: usize = 256;

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no signed token.
    #[error("not a signed token")]
    Malformed,
    /// It is signed in a way that proves nothing.
    #[error("the algorithm {0:?} is not taken")]
    Algorithm(String),
    /// It asks for something that we do not know.
    #[error("it has critical extensions")]
    Critical,
    /// The key it names is none of the provider's. They may have changed: worth a second look.
    #[error("no key of the provider fits it")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the signature is wrong")]
    Signature,
}

/// How a token may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Self::Es256 | Self::Es384 | Self::EdDsa => return None,
        })
    }

    fn ecdsa(self) -> Option<(&'static str, &'static EcdsaVerificationAlgorithm)> {
        match self {
            Self::Es256 => Some(("P-256", &signature::ECDSA_P256_SHA256_FIXED)),
            Self::Es384 => Some(("P-384", &signature::ECDSA_P384_SHA384_FIXED)),
            _ => None,
        }
    }
}

/// The public keys of a provider.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl Keys {
    /// Reads a key set. Keys of kinds that are not known stay unused.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let set: serde_json::Value = serde_json::from_slice(body).ok()?;
        let keys = set.get("keys")?.as_array()?;
        let keys = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect();
        Some(Self { keys })
    }

    /// Checks the signature of a token and gives what it signs.
    pub fn verify(&self, token: &str) -> Result<Vec<u8>, Error> {
        if token.len() > LONGEST {
            return Err(Error::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Error::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Error::Malformed)?;
        let header = decode(header).ok_or(Error::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| Error::Malformed)?;
        let (payload, signature) = decode(payload).zip(decode(signature)).ok_or(Error::Malformed)?;
        let algorithm = Algorithm::parse(&header.alg)
            .ok_or_else(|| Error::Algorithm(header.alg.chars().take(32).collect()))?;
        if header.crit.is_some() {
            return Err(Error::Critical);
        }
        let mut fitting =
            self.keys.iter().filter(|key| key.fits(algorithm, header.kid.as_deref())).peekable();
        if fitting.peek().is_none() {
            return Err(Error::UnknownKey);
        }
        // Without a key id several may fit.
        if fitting.any(|key| key.verifies(algorithm, signed.as_bytes(), &signature)) {
            Ok(payload)
        } else {
            Err(Error::Signature)
        }
    }
}

impl Key {
    fn fits(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let kind = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => "EC",
            Algorithm::EdDsa => "OKP",
            _ => "RSA",
        };
        self.kty == kind
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == algorithm.name())
            && kid.is_none_or(|kid| self.kid.as_deref() == Some(kid))
    }

    fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let part = |part: &Option<String>| part.as_deref().and_then(decode);
        if let Some(parameters) = algorithm.rsa() {
            let Some((n, e)) = part(&self.n).zip(part(&self.e)) else { return false };
            return n.len() >= RSA_BYTES
                && PublicKeyComponents { n, e }.verify(parameters, signed, signature).is_ok();
        }
        if let Some((curve, parameters)) = algorithm.ecdsa() {
            let Some((x, y)) = part(&self.x).zip(part(&self.y)) else { return false };
            let point = [&[4][..], &x, &y].concat();
            return self.crv.as_deref() == Some(curve)
                && UnparsedPublicKey::new(parameters, point).verify(signed, signature).is_ok();
        }
        let Some(x) = part(&self.x) else { return false };
        self.crv.as_deref() == Some("Ed25519")
            && UnparsedPublicKey::new(&signature::ED25519, x).verify(signed, signature).is_ok()
    }
}
