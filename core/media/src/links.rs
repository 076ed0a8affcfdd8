//! Signed texts: what a link to a file says, and what an upload is claimed by. Nothing has to be stored to check them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use botbuilder_domain::{MessageId, OrgId, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::Error;

/// Longest text that is looked at.
const TOKEN_MAX: usize = 2048;

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Whose file it is.
    #[serde(rename = "o")]
    pub org: OrgId,
    /// Its digest, in hex digits.
    #[serde(rename = "h")]
    pub sha256: String,
    /// Its type.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The end, in seconds since 1970.
    #[serde(rename = "e")]
    pub end: i64,
}

/// What a link to a file of a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfMessage {
    /// Whose message it is.
    #[serde(rename = "o")]
    pub org: OrgId,
    /// The message.
    #[serde(rename = "m")]
    pub message: MessageId,
    /// Which of its files, from 0.
    #[serde(rename = "i")]
    pub index: usize,
    /// The end, in seconds since 1970.
    #[serde(rename = "e")]
    pub end: i64,
}

/// Signs claims and reads them again.
pub struct Signer {
    key: Secret<[u8; 32]>,
}

impl Signer {
    /// With this key.
    pub const fn new(key: Secret<[u8; 32]>) -> Self {
        Self { key }
    }

    fn mac(&self, claims: &str) -> Option<Hmac<Sha256>> {
        Hmac::<Sha256>::new_from_slice(self.key.expose()).ok().map(|mac| mac.chain_update(claims))
    }

    /// The claims with their signature, in characters that addresses carry.
    pub fn sign<T: Serialize>(&self, claims: &T) -> Result<String, Error> {
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).map_err(Error::Link)?);
        // HMAC takes keys of every length.
        let mac = self.mac(&claims).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
        Ok(format!("{claims}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// The claims of a text that this key signed.
    pub fn open<T: DeserializeOwned>(&self, text: &str) -> Option<T> {
        if text.len() > TOKEN_MAX {
            return None;
        }
        let (claims, mac) = text.split_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.mac(claims)?.verify_slice(&mac).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_but_what_was_signed_is_opened(text in "[A-Za-z0-9_.-]{0,200}") {
            prop_assert!(Signer::new(Secret::new([3; 32])).open::<serde_json::Value>(&text).is_none());
        }

        #[test]
        fn what_was_signed_is_opened(claims in proptest::collection::vec(any::<u8>(), 0..100)) {
            let signer = Signer::new(Secret::new([3; 32]));
            let signed = signer.sign(&claims).unwrap();
            prop_assert_eq!(signer.open::<Vec<u8>>(&signed), Some(claims));
        }
    }
}
