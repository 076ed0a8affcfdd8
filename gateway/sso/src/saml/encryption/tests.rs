use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey};
use chrono::DateTime;
use roxmltree::Document;

use super::*;

fn pair() -> Pair {
    Pair::generate("we", DateTime::from_timestamp(1_800_000_000, 0).unwrap()).unwrap()
}

fn public(pair: &Pair) -> PublicEncryptingKey {
    let kept: serde_json::Value = serde_json::from_str(pair.kept().expose()).unwrap();
    let key = STANDARD.decode(kept["key"].as_str().unwrap()).unwrap();
    PrivateDecryptingKey::from_pkcs8(&key).unwrap().public_key()
}

/// What a provider makes of a text, by the names of the algorithms.
struct Made {
    cipher: &'static str,
    transport: &'static str,
    more: &'static str,
    oaep: &'static OaepAlgorithm,
}

const USUAL: Made = Made {
    cipher: "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    transport: "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
    more: "",
    oaep: &OAEP_SHA1_MGF1SHA1,
};

fn encrypted(made: &Made, pair: &Pair, text: &str) -> String {
    let algorithm = if made.cipher.ends_with("128-gcm") { &AES_128_GCM } else { &AES_256_GCM };
    let key = vec![7; algorithm.key_len()];
    let mut bytes = text.as_bytes().to_vec();
    let sealing = LessSafeKey::new(UnboundKey::new(algorithm, &key).unwrap());
    sealing
        .seal_in_place_append_tag(Nonce::assume_unique_for_key([9; NONCE]), Aad::empty(), &mut bytes)
        .unwrap();
    let value = STANDARD.encode([&[9; NONCE][..], &bytes].concat());
    let public = OaepPublicEncryptingKey::new(public(pair)).unwrap();
    let mut room = vec![0; public.ciphertext_size()];
    let wrapped = STANDARD.encode(public.encrypt(made.oaep, &key, &mut room, None).unwrap());
    let Made { cipher, transport, more, .. } = made;
    format!(
        r#"<e xmlns:x="{ENCRYPTION}" xmlns:y="{ENCRYPTION_11}" xmlns:d="{SIGNATURE}"><x:EncryptedData Type="{ELEMENT}"><x:EncryptionMethod Algorithm="{cipher}"/><d:KeyInfo><x:EncryptedKey><x:EncryptionMethod Algorithm="{transport}">{more}</x:EncryptionMethod><x:CipherData><x:CipherValue>{wrapped}</x:CipherValue></x:CipherData></x:EncryptedKey></d:KeyInfo><x:CipherData><x:CipherValue>{value}</x:CipherValue></x:CipherData></x:EncryptedData></e>"#
    )
}

fn read(text: &str, own: &[Pair]) -> Result<String, Error> {
    let document = Document::parse(text).unwrap();
    opened(document.root_element(), own)
}

#[test]
fn what_is_encrypted_for_us_opens_with_either_hash_and_length() {
    let own = [pair(), pair()];
    let sha256 = r#"<d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><y:MGF Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/>"#;
    let sha1 = r#"<d:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>"#;
    let newer = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
    for made in [
        USUAL,
        Made { more: sha1, ..USUAL },
        Made { cipher: "http://www.w3.org/2009/xmlenc11#aes128-gcm", ..USUAL },
        Made { transport: newer, more: sha256, oaep: &OAEP_SHA256_MGF1SHA256, ..USUAL },
        Made { transport: newer, ..USUAL },
    ] {
        // Also with the key before the present one.
        for pair in &own {
            assert_eq!(read(&encrypted(&made, pair, "<a/>"), &own).unwrap(), "<a/>", "{}", made.transport);
        }
    }
}

#[test]
fn every_other_way_is_refused_by_name() {
    let own = [pair()];
    let good = encrypted(&USUAL, &own[0], "<a/>");
    for (from, to) in [
        ("xmlenc11#aes256-gcm", "xmlenc11#aes192-gcm"),
        ("2009/xmlenc11#aes256-gcm", "2001/04/xmlenc#aes256-cbc"),
        ("2009/xmlenc11#aes256-gcm", "2001/04/xmlenc#tripledes-cbc"),
        ("xmlenc#rsa-oaep-mgf1p", "xmlenc#rsa-1_5"),
        ("xmlenc#Element", "xmlenc#Content"),
        ("x:EncryptedKey", "x:AgreementMethod"),
        ("x:CipherValue", "x:CipherReference"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        assert_eq!(read(&changed, &own), Err(REFUSED), "{from} to {to}");
    }
    let mixed =
        Made { more: r#"<d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>"#, ..USUAL };
    assert_eq!(read(&encrypted(&mixed, &own[0], "<a/>"), &own), Err(REFUSED));
}

/// A flipped bit of the key, the text or the tag, another's key, and no key at all: one answer.
#[test]
fn whatever_does_not_open_gives_the_same_answer() {
    let (own, strangers) = ([pair()], pair());
    assert_eq!(read(&encrypted(&USUAL, &strangers, "<a/>"), &own), Err(SHUT));
    let good = encrypted(&USUAL, &own[0], "<a/>");
    assert_eq!(read(&good, &[]), Err(SHUT));
    let values: Vec<_> = good.match_indices("<x:CipherValue>").map(|(at, tag)| at + tag.len()).collect();
    for at in values.into_iter().flat_map(|start| [start, start + 18, start + 24, start + 36]) {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(read(&String::from_utf8(changed).unwrap(), &own), Err(SHUT), "byte {at}");
    }
}
