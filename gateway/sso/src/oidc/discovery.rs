//! What a provider says about itself (`OpenID Connect` Discovery 1.0).

use serde::{Deserialize, Serialize};
use url::Url;

/// Why a provider's description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not the JSON that is asked for.
    #[error("the provider's description cannot be read: {0}")]
    Unreadable(String),
    /// It is the description of somebody else.
    #[error("the provider names itself {found:?}, and not as configured")]
    WrongIssuer {
        /// How it names itself.
        found: String,
    },
    /// An address of it is none, or goes without TLS where the issuer has it.
    #[error("the provider's {0} cannot be used")]
    Endpoint(&'static str),
}

/// The addresses of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its name, and the `iss` of its tokens.
    pub issuer: String,
    /// Where browsers are sent.
    pub authorization_endpoint: String,
    /// Where codes are exchanged.
    pub token_endpoint: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where more is said of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// Where browsers are sent to sign out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// How clients may show their secret; nothing means `client_secret_basic`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether answers to browsers name the provider (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Provider {
    /// Where the description of an issuer is.
    pub fn address(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads a description. It must be that of `issuer`, letter for letter, and its addresses may not give up TLS.
    pub fn parse(issuer: &str, body: &[u8]) -> Result<Self, Error> {
        let provider: Self =
            serde_json::from_slice(body).map_err(|error| Error::Unreadable(error.to_string()))?;
        if provider.issuer != issuer {
            return Err(Error::WrongIssuer { found: provider.issuer.chars().take(200).collect() });
        }
        let with_tls = issuer.starts_with("https://");
        for (name, address) in [
            ("authorization_endpoint", Some(&provider.authorization_endpoint)),
            ("token_endpoint", Some(&provider.token_endpoint)),
            ("jwks_uri", Some(&provider.jwks_uri)),
            ("userinfo_endpoint", provider.userinfo_endpoint.as_ref()),
            ("end_session_endpoint", provider.end_session_endpoint.as_ref()),
        ] {
            let Some(address) = address else { continue };
            let scheme = Url::parse(address).map_err(|_| Error::Endpoint(name))?.scheme().to_owned();
            if scheme != "https" && (with_tls || scheme != "http") {
                return Err(Error::Endpoint(name));
            }
        }
        Ok(provider)
    }

    /// Whether the secret goes into the body, because the provider does not take it as a header.
    pub fn takes_secret_in_body(&self) -> bool {
        let methods = &self.token_endpoint_auth_methods_supported;
        let takes = |name: &str| methods.iter().any(|method| method == name);
        takes("client_secret_post") && !takes("client_secret_basic")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(issuer: &str, keys: &str) -> Vec<u8> {
        json!({
            "issuer": issuer, "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token", "jwks_uri": keys,
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn a_description_is_taken_from_its_issuer_only() {
        let good = document("https://id.example", "https://id.example/keys");
        assert!(Provider::parse("https://id.example", &good).is_ok());
        for other in ["https://id.example/", "https://id.example.attacker.test", "http://id.example"] {
            let refused = Provider::parse(other, &good);
            assert_eq!(refused, Err(Error::WrongIssuer { found: "https://id.example".to_owned() }));
        }
    }

    #[test]
    fn an_issuer_with_tls_has_no_address_without() {
        for keys in ["http://id.example/keys", "ftp://id.example/keys", "keys", "javascript:alert(1)"] {
            let refused = Provider::parse("https://id.example", &document("https://id.example", keys));
            assert_eq!(refused, Err(Error::Endpoint("jwks_uri")), "{keys}");
        }
    }
}
