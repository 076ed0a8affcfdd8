//! What is sent to a provider: the browser with a question, and the code that came back.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use botbuilder_domain::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded::Serializer};

use super::discovery::Provider;

/// How we are known to the provider.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name for us.
    pub id: String,
    /// What we show to prove it.
    pub secret: Secret<String>,
    /// Where browsers come back to.
    pub redirect_uri: String,
}

/// A sign-in that waits for the browser to come back. Sealed by the caller, and given to that browser only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Comes back in the address.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Proves to the provider that whoever has the code began the sign-in.
    pub verifier: String,
}

/// The machine gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no randomness available")]
pub struct NoRandomness;

fn random() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl Started {
    /// A new sign-in.
    pub fn new() -> Result<Self, NoRandomness> {
        Ok(Self { state: random()?, nonce: random()?, verifier: random()? })
    }

    /// Where the browser is sent. None where the provider's address is none.
    pub fn address(
        &self,
        provider: &Provider,
        client: &Client,
        scopes: &[String],
        hint: Option<&str>,
    ) -> Option<Url> {
        let mut url = Url::parse(&provider.authorization_endpoint).ok()?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()));
        let mut words: Vec<&str> = vec!["openid"];
        words.extend(scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", &client.redirect_uri)
            .append_pair("scope", &words.join(" "))
            .append_pair("state", &self.state)
            .append_pair("nonce", &self.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(hint) = hint {
            url.query_pairs_mut().append_pair("login_hint", hint);
        }
        Some(url)
    }
}

/// The request that turns a code into tokens.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The `Authorization` header, if the secret goes there.
    pub authorization: Option<Secret<String>>,
    /// The body, as a form.
    pub body: Secret<String>,
}

/// Makes that request.
pub fn exchange(provider: &Provider, client: &Client, code: &str, verifier: &str) -> Exchange {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &client.redirect_uri)
        .append_pair("code_verifier", verifier);
    let authorization = if provider.takes_secret_in_body() {
        form.append_pair("client_id", &client.id).append_pair("client_secret", client.secret.expose());
        None
    } else {
        // RFC 6749, 2.3.1: both are form-encoded before they are joined.
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&client.id), encoded(client.secret.expose()));
        Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
    };
    Exchange { authorization, body: Secret::new(form.finish()) }
}

/// The provider's answer to a code. What else it says is not looked at.
#[derive(Deserialize)]
pub struct Tokens {
    /// Who signed in.
    pub id_token: String,
    /// What lets us ask for more about them.
    #[serde(default)]
    pub access_token: Option<Secret<String>>,
}

/// Where a browser is sent to sign out there too. None where the provider has no such place.
pub fn sign_out(provider: &Provider, client_id: &str, back: &str) -> Option<Url> {
    let mut url = Url::parse(provider.end_session_endpoint.as_deref()?).ok()?;
    url.query_pairs_mut().append_pair("client_id", client_id).append_pair("post_logout_redirect_uri", back);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(methods: &[&str]) -> Provider {
        Provider {
            issuer: "https://id.example".to_owned(),
            authorization_endpoint: "https://id.example/auth?tenant=1".to_owned(),
            token_endpoint: "https://id.example/token".to_owned(),
            jwks_uri: "https://id.example/keys".to_owned(),
            userinfo_endpoint: None,
            end_session_endpoint: None,
            token_endpoint_auth_methods_supported: methods.iter().map(|text| (*text).to_owned()).collect(),
            authorization_response_iss_parameter_supported: false,
        }
    }

    fn client() -> Client {
        Client {
            id: "a b".to_owned(),
            secret: Secret::new("s:1".to_owned()),
            redirect_uri: "https://we.example/sso/oidc/callback".to_owned(),
        }
    }

    #[test]
    fn a_browser_is_sent_with_everything_that_ties_the_answer_to_it() {
        let started = Started::new().unwrap();
        let url = started.address(&provider(&[]), &client(), &["email".to_owned()], None).unwrap();
        let pairs: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs["tenant"], "1");
        assert_eq!(pairs["scope"], "openid email");
        assert_eq!((&pairs["state"], &pairs["nonce"]), (&started.state, &started.nonce));
        assert_eq!(pairs["code_challenge_method"], "S256");
        assert_ne!(pairs["code_challenge"], started.verifier);
        assert_ne!(Started::new().unwrap(), started);
    }

    #[test]
    fn the_secret_goes_where_the_provider_takes_it() {
        let as_header = exchange(&provider(&[]), &client(), "c", "v");
        // Seen with RFC 6749's own encoding: "a+b:s%3A1".
        assert_eq!(as_header.authorization.unwrap().expose(), "Basic YStiOnMlM0Ex");
        assert!(!as_header.body.expose().contains("secret"));
        let in_body = exchange(&provider(&["client_secret_post"]), &client(), "c", "v");
        assert!(in_body.authorization.is_none());
        assert!(in_body.body.expose().ends_with("client_id=a+b&client_secret=s%3A1"));
    }
}
