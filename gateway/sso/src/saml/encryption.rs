//! An assertion that a provider encrypted for us (XML Encryption 1.1): the key for it by RSA-OAEP, the assertion by AES-GCM.
//!
//! Everything else is refused by name. AES-CBC tells by its errors what was encrypted, and RSA with PKCS #1 v1.5 the key;
//! with these two, whatever does not open gives the same answer.

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey},
    rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_domain::Secret;
use roxmltree::Node;

use super::{SIGNATURE, own::Pair, response::Error};

/// Names of elements of encryption.
pub const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
/// Bytes of a nonce, which stands before what is encrypted (XML Encryption 5.2.4).
const NONCE: usize = 12;
/// Most copies of the key: one for each certificate that the provider knows.
const COPIES: usize = 4;

const REFUSED: Error =
    Error::Form("its assertion is encrypted with what is not taken here: use RSA-OAEP and AES-GCM");
const SHUT: Error = Error::Form("its assertion is encrypted, and does not open with a key of ours");

fn only<'a, 'd>(node: Node<'a, 'd>, namespace: &str, name: &str) -> Option<Node<'a, 'd>> {
    let mut found = node.children().filter(|child| child.has_tag_name((namespace, name)));
    found.next().filter(|_| found.next().is_none())
}

fn value(node: Node<'_, '_>) -> Option<Vec<u8>> {
    let value = only(only(node, ENCRYPTION, "CipherData")?, ENCRYPTION, "CipherValue")?;
    let text: String = value.text()?.chars().filter(|character| !character.is_whitespace()).collect();
    STANDARD.decode(text).ok()
}

/// How the key was encrypted: the hash and its mask belong together here, as they do in the libraries that do it.
fn transport(key: Node<'_, '_>) -> Option<&'static OaepAlgorithm> {
    let method = only(key, ENCRYPTION, "EncryptionMethod")?;
    let digest = only(method, SIGNATURE, "DigestMethod").and_then(|digest| digest.attribute("Algorithm"));
    let mask = only(method, ENCRYPTION_11, "MGF").and_then(|mask| mask.attribute("Algorithm"));
    let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
    let with_sha1 = digest.is_none_or(|digest| digest == sha1)
        && mask.is_none_or(|mask| mask.strip_prefix(ENCRYPTION_11) == Some("mgf1sha1"));
    let with_sha256 = digest.is_some_and(|digest| digest.strip_prefix(ENCRYPTION) == Some("sha256"))
        && mask.is_some_and(|mask| mask.strip_prefix(ENCRYPTION_11) == Some("mgf1sha256"));
    match method.attribute("Algorithm")? {
        // The mask of the older one is always that of SHA-1.
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" | "http://www.w3.org/2009/xmlenc11#rsa-oaep"
            if with_sha1 =>
        {
            Some(&OAEP_SHA1_MGF1SHA1)
        }
        "http://www.w3.org/2009/xmlenc11#rsa-oaep" if with_sha256 => Some(&OAEP_SHA256_MGF1SHA256),
        _ => None,
    }
}

fn cipher(data: Node<'_, '_>) -> Option<&'static Algorithm> {
    let method = only(data, ENCRYPTION, "EncryptionMethod")?.attribute("Algorithm")?;
    match method.strip_prefix(ENCRYPTION_11)? {
        "aes128-gcm" => Some(&AES_128_GCM),
        "aes256-gcm" => Some(&AES_256_GCM),
        _ => None,
    }
}

/// The XML of the assertion in an `EncryptedAssertion`. Nothing of it is proved yet: whoever has our certificate can
/// encrypt for us.
pub(super) fn opened(node: Node<'_, '_>, own: &[Pair]) -> Result<String, Error> {
    let data = only(node, ENCRYPTION, "EncryptedData").ok_or(REFUSED)?;
    if data.attribute("Type") != Some(ELEMENT) {
        return Err(REFUSED);
    }
    let cipher = cipher(data).ok_or(REFUSED)?;
    let encrypted = value(data).ok_or(REFUSED)?;
    // Beside what is encrypted, or in what is said of its key.
    let keys = node.descendants().filter(|node| node.has_tag_name((ENCRYPTION, "EncryptedKey")));
    let mut is_of_form = false;
    for key in keys.take(COPIES) {
        let (Some(transport), Some(wrapped)) = (transport(key), value(key)) else { continue };
        is_of_form = true;
        for pair in own {
            let opened = unwrapped(pair, transport, &wrapped).and_then(|key| open(cipher, &key, &encrypted));
            if let Some(text) = opened {
                return Ok(text);
            }
        }
    }
    Err(if is_of_form { SHUT } else { REFUSED })
}

fn unwrapped(pair: &Pair, transport: &'static OaepAlgorithm, wrapped: &[u8]) -> Option<Secret<Vec<u8>>> {
    let mut room = vec![0; pair.opening().min_output_size()];
    let key = pair.opening().decrypt(transport, wrapped, &mut room, None).ok()?;
    Some(Secret::new(key.to_vec()))
}

fn open(cipher: &'static Algorithm, key: &Secret<Vec<u8>>, encrypted: &[u8]) -> Option<String> {
    let key = LessSafeKey::new(UnboundKey::new(cipher, key.expose()).ok()?);
    let (nonce, rest) = encrypted.split_first_chunk::<NONCE>()?;
    let mut rest = rest.to_vec();
    let plain = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut rest).ok()?;
    String::from_utf8(plain.to_vec()).ok()
}

#[cfg(test)]
mod tests;
