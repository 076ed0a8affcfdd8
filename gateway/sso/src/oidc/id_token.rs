//! Who signed in: an ID token, checked as `OpenID Connect` Core 3.1.3.7 asks.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::jws::{self, Keys};

/// How long ago a token may have been made, whatever it says of its end.
const OLDEST: TimeDelta = TimeDelta::minutes(15);

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// Whom it was made for: us.
    pub client_id: &'a str,
    /// What we gave the browser along.
    pub nonce: &'a str,
    /// How far the clocks may be apart.
    pub skew: TimeDelta,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its signature proves nothing.
    #[error(transparent)]
    Signature(#[from] jws::Error),
    /// A claim is missing or of a wrong type.
    #[error("the claim {0} is missing or no such thing")]
    Claim(&'static str),
    /// Somebody else made it.
    #[error("it comes from another issuer")]
    Issuer,
    /// It was made for somebody else.
    #[error("it is meant for somebody else")]
    Audience,
    /// It is over, or not made yet, or made too long ago.
    #[error("it is not of this time")]
    Time,
    /// It belongs to another sign-in.
    #[error("it belongs to another sign-in")]
    Nonce,
}

/// What the provider says of a person.
pub type Claims = Map<String, Value>;

/// Checks a token and gives its claims. `sub` is there and no longer than 255 characters.
pub fn verify(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, Error> {
    let payload = keys.verify(token)?;
    let claims: Claims = serde_json::from_slice(&payload).map_err(|_| jws::Error::Malformed)?;
    if text(&claims, "iss")? != expected.issuer {
        return Err(Error::Issuer);
    }
    check_audience(&claims, expected.client_id)?;
    check_time(&claims, expected)?;
    let nonce = text(&claims, "nonce").map_err(|_| Error::Nonce)?;
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Error::Nonce);
    }
    let subject = text(&claims, "sub")?;
    if subject.is_empty() || subject.chars().count() > 255 {
        return Err(Error::Claim("sub"));
    }
    Ok(claims)
}

/// More claims about the person, if they are about the same one (Core 5.3.2). The ID token's own win.
pub fn with_userinfo(claims: Claims, userinfo: Claims) -> Result<Claims, Error> {
    if userinfo.get("sub") != claims.get("sub") {
        return Err(Error::Claim("sub"));
    }
    let mut all = userinfo;
    all.extend(claims);
    Ok(all)
}

fn text<'c>(claims: &'c Claims, name: &'static str) -> Result<&'c str, Error> {
    claims.get(name).and_then(Value::as_str).ok_or(Error::Claim(name))
}

/// The audience must hold us; of several, the authorized party must be us.
fn check_audience(claims: &Claims, client_id: &str) -> Result<(), Error> {
    let party = claims.get("azp");
    if party.is_some_and(|party| party != client_id) {
        return Err(Error::Audience);
    }
    match claims.get("aud") {
        Some(Value::String(one)) if one == client_id => Ok(()),
        Some(Value::Array(all)) if all.iter().any(|one| one == client_id) => {
            if all.len() > 1 && party.is_none() { Err(Error::Audience) } else { Ok(()) }
        }
        Some(Value::String(_) | Value::Array(_)) => Err(Error::Audience),
        _ => Err(Error::Claim("aud")),
    }
}

fn check_time(claims: &Claims, expected: &Expected<'_>) -> Result<(), Error> {
    let instant = |name: &'static str| -> Result<DateTime<Utc>, Error> {
        let number = claims.get(name).and_then(Value::as_f64).ok_or(Error::Claim(name))?;
        #[expect(clippy::cast_possible_truncation, reason = "beyond the range is refused below")]
        DateTime::from_timestamp(number as i64, 0).ok_or(Error::Claim(name))
    };
    let Expected { skew, now, .. } = *expected;
    let issued = instant("iat")?;
    if instant("exp")? + skew <= now || issued - skew > now || issued + OLDEST + skew < now {
        return Err(Error::Time);
    }
    if claims.contains_key("nbf") && instant("nbf")? - skew > now {
        return Err(Error::Time);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::KeySize,
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
            RsaKeyPair,
        },
    };
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// A provider with two keys.
    struct Provider {
        rsa: RsaKeyPair,
        ec: EcdsaKeyPair,
        keys: Keys,
    }

    fn encoded(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    impl Provider {
        fn new() -> Self {
            let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            // RSAPublicKey in DER: the modulus behind nine bytes of headings, the exponent at the end.
            let der = rsa.public_key().as_ref();
            let (modulus, exponent) = (&der[9..265], &der[der.len() - 3..]);
            let point = ec.public_key().as_ref();
            let set = json!({ "keys": [
                { "kty": "oct", "k": "c2VjcmV0", "kid": "r" },
                { "kty": "RSA", "kid": "r", "use": "sig", "n": encoded(modulus), "e": encoded(exponent) },
                { "kty": "RSA", "kid": "enc", "use": "enc", "n": encoded(modulus), "e": encoded(exponent) },
                { "kty": "EC", "kid": "e", "alg": "ES256", "crv": "P-256",
                  "x": encoded(&point[1..33]), "y": encoded(&point[33..]) },
            ] });
            let keys = Keys::parse(set.to_string().as_bytes()).unwrap();
            Self { rsa, ec, keys }
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
            let random = SystemRandom::new();
            let signature = if header["alg"] == "ES256" {
                self.ec.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
            } else {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                let padding = if header["alg"] == "PS256" {
                    &RSA_PSS_SHA256 as &dyn aws_lc_rs::signature::RsaEncoding
                } else {
                    &RSA_PKCS1_SHA256
                };
                self.rsa.sign(padding, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            };
            format!("{signed}.{}", encoded(signature))
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "aud": "us", "sub": "7", "nonce": "n", "iat": NOW - 5, "exp": NOW + 300,
        })
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://id.example",
            client_id: "us",
            nonce: "n",
            skew: TimeDelta::seconds(60),
            now: DateTime::from_timestamp(NOW, 0).unwrap(),
        }
    }

    #[test]
    fn a_token_of_the_provider_is_taken_whatever_key_it_used() {
        let provider = Provider::new();
        for header in [
            json!({ "alg": "RS256", "kid": "r" }),
            json!({ "alg": "PS256", "kid": "r" }),
            json!({ "alg": "RS256" }),
            json!({ "alg": "ES256", "kid": "e" }),
        ] {
            let token = provider.sign(&header, &claims());
            assert_eq!(verify(&token, &provider.keys, &expected()).unwrap()["sub"], "7", "{header}");
        }
    }

    #[test]
    fn attacks_with_the_header_are_refused() {
        let provider = Provider::new();
        let refused = |header: Value| {
            verify(&provider.sign(&header, &claims()), &provider.keys, &expected()).unwrap_err()
        };
        for algorithm in ["none", "None", "HS256", "HS512", "RS1", ""] {
            let error = refused(json!({ "alg": algorithm, "kid": "r" }));
            assert!(matches!(error, Error::Signature(jws::Error::Algorithm(_))), "{algorithm}");
        }
        let unknown = Error::Signature(jws::Error::UnknownKey);
        assert_eq!(refused(json!({ "alg": "RS256", "kid": "new" })), unknown);
        // A key for other purposes, and one of another kind.
        assert_eq!(refused(json!({ "alg": "RS256", "kid": "enc" })), unknown);
        assert_eq!(refused(json!({ "alg": "RS256", "kid": "e" })), unknown);
        let critical = refused(json!({ "alg": "RS256", "kid": "r", "crit": ["exp"] }));
        assert_eq!(critical, Error::Signature(jws::Error::Critical));
        // Signed by somebody else who has a key of the same name, also one that comes along in the header.
        let attacker = Provider::new();
        let token = attacker.sign(&json!({ "alg": "RS256", "kid": "r", "jwk": { "kty": "RSA" } }), &claims());
        let error = verify(&token, &provider.keys, &expected()).unwrap_err();
        assert_eq!(error, Error::Signature(jws::Error::Signature));
        // Without any signature.
        let token = provider.sign(&json!({ "alg": "RS256", "kid": "r" }), &claims());
        let (signed, _) = token.rsplit_once('.').unwrap();
        for token in [format!("{signed}."), signed.to_owned(), String::new(), "a.b.c".to_owned()] {
            assert!(verify(&token, &provider.keys, &expected()).is_err(), "{token}");
        }
    }

    #[test]
    fn a_token_that_says_something_else_is_refused() {
        let provider = Provider::new();
        for (fault, name, value) in [
            (Error::Issuer, "iss", json!("https://id.example/")),
            (Error::Issuer, "iss", json!("https://other.example")),
            (Error::Audience, "aud", json!("them")),
            (Error::Audience, "aud", json!(["them"])),
            (Error::Audience, "aud", json!(["us", "them"])),
            (Error::Claim("aud"), "aud", json!(null)),
            (Error::Audience, "azp", json!("them")),
            (Error::Time, "exp", json!(NOW - 60)),
            (Error::Time, "iat", json!(NOW + 61)),
            (Error::Time, "iat", json!(NOW - 15 * 60 - 61)),
            (Error::Time, "nbf", json!(NOW + 61)),
            (Error::Claim("exp"), "exp", json!("soon")),
            (Error::Claim("iat"), "iat", json!(null)),
            (Error::Claim("exp"), "exp", json!(1e30)),
            (Error::Nonce, "nonce", json!("m")),
            (Error::Nonce, "nonce", json!(null)),
            (Error::Claim("sub"), "sub", json!("")),
            (Error::Claim("sub"), "sub", json!(7)),
            (Error::Claim("sub"), "sub", json!("x".repeat(256))),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            let token = provider.sign(&json!({ "alg": "RS256", "kid": "r" }), &claims);
            assert_eq!(verify(&token, &provider.keys, &expected()), Err(fault), "{name} {value}");
        }
        let mut several = claims();
        (several["aud"], several["azp"]) = (json!(["us", "them"]), json!("us"));
        let token = provider.sign(&json!({ "alg": "ES256", "kid": "e" }), &several);
        assert!(verify(&token, &provider.keys, &expected()).is_ok());
    }

    #[test]
    fn more_is_taken_about_the_same_person_only() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let claims = object(json!({ "sub": "7", "email": "a@b" }));
        let more = object(json!({ "sub": "7", "email": "x@y", "groups": ["g"] }));
        let all = with_userinfo(claims.clone(), more).unwrap();
        assert_eq!(Value::Object(all), json!({ "sub": "7", "email": "a@b", "groups": ["g"] }));
        assert!(with_userinfo(claims.clone(), object(json!({ "sub": "8" }))).is_err());
        assert!(with_userinfo(claims, object(json!({}))).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_changed_token_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            static PROVIDER: std::sync::LazyLock<(Provider, String)> = std::sync::LazyLock::new(|| {
                let provider = Provider::new();
                let token = provider.sign(&json!({ "alg": "ES256", "kid": "e" }), &claims());
                (provider, token)
            });
            let (provider, token) = &*PROVIDER;
            let at = at.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != *token);
            prop_assert!(verify(&changed, &provider.keys, &expected()).is_err());
        }
    }
}
