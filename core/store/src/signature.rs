//! Signatures of what is sent to customers' addresses, in two forms over the same secrets, so that verifiers of either work:
//! `BotBuilder-Signature: t=<unix>,v1=<hex>` over `t.body` with the secret's text as the key, and the headers of
//! Standard Webhooks, `webhook-signature: v1,<base64>` over `id.t.body` with the secret's decoded bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_domain::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Both signatures, each by every secret, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// For `BotBuilder-Signature`.
    pub timed: String,
    /// For `webhook-signature`.
    pub standard: String,
}

/// Signs a body sent at an instant, in seconds since 1970. `delivery` is the same when it is sent again.
pub fn sign(secrets: &[Secret<String>], delivery: &str, at: i64, body: &[u8]) -> Signatures {
    let mut timed = format!("t={at}");
    let mut standard = Vec::new();
    for secret in secrets {
        let text = secret.expose().as_str();
        let code = mac(text.as_bytes(), &[at.to_string().as_bytes(), b".", body]);
        timed.push_str(",v1=");
        timed.push_str(&hex::encode(code));
        // A secret of another form, as those of bots are, is its own text there too.
        let key = text.strip_prefix("whsec_").and_then(|rest| STANDARD.decode(rest).ok());
        let key = key.unwrap_or_else(|| text.as_bytes().to_vec());
        let start = format!("{delivery}.{at}.");
        standard.push(format!("v1,{}", STANDARD.encode(mac(&key, &[start.as_bytes(), body]))));
    }
    Signatures { timed, standard: standard.join(" ") }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_known_message_has_its_known_signature() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let code = mac(&key, &[b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", br#"{"test": 2432232314}"#]);
        assert_eq!(STANDARD.encode(code), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let signed = sign(&[secret], "delivery", 1_614_265_330, b"{}");
        assert!(signed.timed.starts_with("t=1614265330,v1="));
        assert!(signed.standard.starts_with("v1,"));
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let secrets = [Secret::new("new".to_owned()), Secret::new("old".to_owned())];
        let signed = sign(&secrets, "delivery", 1, b"{}");
        assert_eq!(signed.timed.matches("v1=").count(), 2);
        assert_eq!(signed.standard.split(' ').count(), 2);
        let alone = sign(&secrets[1..], "delivery", 1, b"{}");
        assert!(signed.timed.ends_with(alone.timed.split(',').next_back().unwrap()));
    }
}
