//! `X-Hub-Signature-256`: HMAC-SHA256 over the raw bytes, keyed with the app secret.

use botbuilder_adapter_kit::{RawRequest, Rejection};
use botbuilder_domain::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The header that carries the signature, in lower case.
pub const HEADER: &str = "x-hub-signature-256";

const PREFIX: &str = "sha256=";

/// The header's value for a body: `sha256=` and 64 lower-case hex digits.
pub fn sign(secret: &Secret<String>, body: &[u8]) -> String {
    format!("{PREFIX}{}", hex::encode(mac(secret, body)))
}

/// Checks the signature of a request with each of the secrets. Empty secrets verify nothing.
///
/// The body is taken as it came: Meta escapes characters in some deliveries, so JSON that was parsed and
/// written again has another signature. The old `X-Hub-Signature` (SHA-1) is ignored.
pub fn verify(secrets: &[Secret<String>], request: &RawRequest) -> Result<(), Rejection> {
    if secrets.iter().all(|secret| secret.expose().is_empty()) {
        return Err(Rejection::SecretMissing);
    }
    let header = request.header(HEADER).ok_or(Rejection::SignatureMissing)?;
    let presented = decoded(header).ok_or(Rejection::SignatureMalformed)?;
    let matches = secrets
        .iter()
        .filter(|secret| !secret.expose().is_empty())
        .any(|secret| bool::from(mac(secret, &request.body).ct_eq(&presented)));
    if matches { Ok(()) } else { Err(Rejection::SignatureMismatch) }
}

fn mac(secret: &Secret<String>, body: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        unreachable!("hmac takes keys of every length")
    };
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The 32 bytes of a well-formed header. Providers send lower case, so upper case is not one of theirs.
fn decoded(header: &str) -> Option<[u8; 32]> {
    let digits = header.strip_prefix(PREFIX)?;
    if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "app_secret_for_tests";

    fn request(body: &[u8], signature: &str) -> RawRequest {
        RawRequest {
            method: "POST".into(),
            path: "main".into(),
            query: String::new(),
            headers: vec![(HEADER.into(), signature.into())],
            body: body.to_vec().into(),
            received: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn outcome(secrets: &[&str], body: &[u8], signature: &str) -> Result<(), Rejection> {
        let secrets: Vec<_> = secrets.iter().map(|text| secret(text)).collect();
        verify(&secrets, &request(body, signature))
    }

    const VECTORS: [(&str, &str); 4] = [
        (
            r#"{"object":"instagram","entry":[]}"#,
            "sha256=b1b7300565c57fcdf2ef82e4bb473fd9d09bfc60ed3c3beb91abf729e3ef6fe4",
        ),
        (
            "{\"object\":\"instagram\",\"entry\":[]}\n",
            "sha256=dbfcfb02dabfa7b21dbba8a2604d82fb6c8e73cf4cd2f0f8b726138fdb8e7b91",
        ),
        (
            r#"{"object":"whatsapp_business_account","entry":[],"t":"caf\u00e9 \ud83d\ude00"}"#,
            "sha256=6303acb2677879cc081708eb7d77b8f96e60e1249cb3722dae4063916b7d66fe",
        ),
        (
            r#"{"object":"whatsapp_business_account","entry":[],"t":"café 😀"}"#,
            "sha256=172e275dff1cb294c48130836a628cd9fc38d15f2b77fe82e80d8d2a3d19f04c",
        ),
    ];

    #[test]
    fn each_vector_verifies_with_its_own_signature_only() {
        for (index, (body, signature)) in VECTORS.iter().enumerate() {
            assert_eq!(sign(&secret(SECRET), body.as_bytes()), *signature);
            for (other, (_, foreign)) in VECTORS.iter().enumerate() {
                let expected = if index == other { Ok(()) } else { Err(Rejection::SignatureMismatch) };
                assert_eq!(outcome(&[SECRET], body.as_bytes(), foreign), expected);
            }
        }
    }

    #[test]
    fn either_secret_of_a_rotation_verifies() {
        let (body, signature) = VECTORS[0];
        assert_eq!(outcome(&["new", SECRET], body.as_bytes(), signature), Ok(()));
        assert_eq!(outcome(&[SECRET, "new"], body.as_bytes(), signature), Ok(()));
        assert_eq!(outcome(&["new"], body.as_bytes(), signature), Err(Rejection::SignatureMismatch));
    }

    #[test]
    fn an_empty_secret_verifies_nothing() {
        let body = b"{}";
        let signature = sign(&secret(""), body);
        assert_eq!(outcome(&[""], body, &signature), Err(Rejection::SecretMissing));
        assert_eq!(outcome(&[], body, &signature), Err(Rejection::SecretMissing));
        assert_eq!(outcome(&["", SECRET], body, &signature), Err(Rejection::SignatureMismatch));
    }

    #[test]
    fn malformed_headers_are_refused() {
        let (body, signature) = VECTORS[0];
        let digits = signature.strip_prefix(PREFIX).unwrap();
        for header in [
            String::new(),
            "sha256=".into(),
            digits.into(),
            format!("sha1={digits}"),
            format!("SHA256={digits}"),
            format!("sha256={}", digits.to_uppercase()),
            format!("sha256={}", &digits[1..]),
            format!("sha256={digits}00"),
            format!("sha256= {digits}"),
            format!("sha256={digits} "),
            format!("sha256={}zz", &digits[..62]),
            format!("sha256={}é", &digits[..62]),
        ] {
            assert_eq!(
                outcome(&[SECRET], body.as_bytes(), &header),
                Err(Rejection::SignatureMalformed),
                "{header}"
            );
        }
        let mut bare = request(body.as_bytes(), signature);
        bare.headers.clear();
        assert_eq!(verify(&[secret(SECRET)], &bare), Err(Rejection::SignatureMissing));
    }

    proptest! {
        #[test]
        fn a_changed_body_or_signature_is_refused(
            body in proptest::collection::vec(any::<u8>(), 1..200),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let signature = sign(&secret(SECRET), &body);
            prop_assert_eq!(outcome(&[SECRET], &body, &signature), Ok(()));

            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(outcome(&[SECRET], &changed, &signature), Err(Rejection::SignatureMismatch));

            let mut forged = signature.clone().into_bytes();
            let place = at.index(forged.len());
            forged[place] ^= 1 << (bit % 7);
            let forged = String::from_utf8(forged).unwrap();
            prop_assert!(outcome(&[SECRET], &body, &forged).is_err());
        }

        #[test]
        fn any_header_is_answered_without_a_panic(header in ".*", body in proptest::collection::vec(any::<u8>(), 0..50)) {
            prop_assert!(outcome(&[SECRET], &body, &header).is_err());
        }
    }
}
