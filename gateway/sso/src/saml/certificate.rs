//! The public key of a certificate. Nothing else of it matters: the organization names the certificates that it trusts,
//! whoever issued them and however old they are.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A public key.
#[derive(Debug, Clone)]
pub struct Key {
    /// `SubjectPublicKeyInfo`, in DER.
    info: Vec<u8>,
}

/// How something is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Rsa256,
    Rsa384,
    Rsa512,
    Ecdsa256,
    Ecdsa384,
}

impl Method {
    /// By its name in a signature. SHA-1 and everything with a shared key is none.
    pub fn parse(uri: &str) -> Option<Self> {
        Some(match uri.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#")? {
            "rsa-sha256" => Self::Rsa256,
            "rsa-sha384" => Self::Rsa384,
            "rsa-sha512" => Self::Rsa512,
            "ecdsa-sha256" => Self::Ecdsa256,
            "ecdsa-sha384" => Self::Ecdsa384,
            _ => return None,
        })
    }

    fn algorithm(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rsa256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rsa384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rsa512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ecdsa256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Ecdsa384 => &signature::ECDSA_P384_SHA384_FIXED,
        }
    }
}

/// One value of DER.
struct Value<'d> {
    tag: u8,
    /// All of its bytes.
    whole: &'d [u8],
    content: &'d [u8],
    /// What comes after it.
    behind: &'d [u8],
}

fn value(bytes: &[u8]) -> Option<Value<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (count, mut length) = (usize::from(first & 0x7f), 0_usize);
        if !(1..=3).contains(&count) {
            return None;
        }
        for byte in rest.get(..count)? {
            length = length << 8 | usize::from(*byte);
        }
        (length, &rest[count..])
    };
    let content = rest.get(..length)?;
    let behind = &rest[length..];
    Some(Value { tag, whole: &bytes[..bytes.len() - behind.len()], content, behind })
}

impl Key {
    /// The key of a certificate, as PEM or as the base64 within.
    pub fn of_certificate(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.collect::<String>().replace(' ', "")).ok()?;
        let certificate = value(&der)?;
        let mut fields = value(certificate.content)?.content;
        // version (may be missing), serial number, algorithm, issuer, validity, subject, key
        let first = value(fields)?;
        if first.tag == 0xa0 {
            fields = first.behind;
        }
        for _ in 0..5 {
            fields = value(fields)?.behind;
        }
        let key = value(fields)?;
        (key.tag == 0x30).then(|| Self { info: key.whole.to_vec() })
    }

    pub(super) fn verifies(&self, method: Method, signed: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(method.algorithm(), &self.info).verify(signed, signature).is_ok()
    }
}
