//! Tokens that mean nothing by themselves: 256 random bits behind a prefix that says what they are. The database
//! holds their SHA-256 only.

use botbuilder_domain::Secret;
use sha2::{Digest as _, Sha256};

use crate::secret::SealError;

/// The SHA-256 of a token.
pub type Hash = [u8; 32];

/// A token as it is given away once.
#[derive(Debug, Clone)]
pub struct Opaque {
    /// The whole token.
    pub token: Secret<String>,
    /// What is stored of it.
    pub hash: Hash,
}

impl Opaque {
    /// A new token that begins with this prefix.
    pub fn generate(prefix: &str) -> Result<Self, SealError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
        let token = format!("{prefix}{}", hex::encode(bytes));
        Ok(Self { hash: hash(&token), token: Secret::new(token) })
    }
}

/// What is stored of a token.
pub fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// The hash of a presented token. None where it has not the form of one with this prefix.
pub fn presented(prefix: &str, token: &str) -> Option<Hash> {
    let secret = token.strip_prefix(prefix)?;
    let is_hex = secret.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (secret.len() == 64 && is_hex).then(|| hash(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_by_its_kind_and_form() {
        let made = Opaque::generate("bbs_").unwrap();
        let token = made.token.expose();
        assert_eq!(presented("bbs_", token), Some(made.hash));
        assert_eq!(presented("bbr_", token), None);
        assert_eq!(presented("bbs_", &token[..67]), None);
        assert_eq!(presented("bbs_", &token.to_uppercase()), None);
        assert_ne!(made.hash, Opaque::generate("bbs_").unwrap().hash);
    }
}
