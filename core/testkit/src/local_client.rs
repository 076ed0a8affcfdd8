//! An HTTP client for tests that calls this machine and nothing else.

use std::time::Duration;

pub use reqwest::{Method, RequestBuilder, Response, Url};

/// Calls loopback addresses by plain HTTP; everything else is refused before it is on the network.
#[derive(Debug, Clone)]
pub struct LocalClient(reqwest::Client);

/// The address is not one of this machine.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not an http address of this machine")]
pub struct NotLocal(String);

impl LocalClient {
    /// A client whose calls take no longer than `timeout`. It knows no proxy and follows no redirect.
    #[expect(clippy::disallowed_methods, reason = "every address is checked by `request`")]
    pub fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let redirects = reqwest::redirect::Policy::none();
        reqwest::Client::builder().no_proxy().redirect(redirects).timeout(timeout).build().map(Self)
    }

    /// A request to be completed and sent.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, NotLocal> {
        Ok(self.0.request(method, local(url)?))
    }

    /// `GET`.
    pub fn get(&self, url: &str) -> Result<RequestBuilder, NotLocal> {
        self.request(Method::GET, url)
    }

    /// `POST`.
    pub fn post(&self, url: &str) -> Result<RequestBuilder, NotLocal> {
        self.request(Method::POST, url)
    }
}

/// Reads an address of this machine.
pub fn local(url: &str) -> Result<Url, NotLocal> {
    let refused = || NotLocal(url.to_owned());
    let parsed = Url::parse(url).map_err(|_| refused())?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if here && parsed.scheme() == "http" { Ok(parsed) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        for url in ["http://127.0.0.1:1/x", "http://localhost/", "http://[::1]:9/"] {
            assert!(local(url).is_ok(), "{url}");
        }
        for url in
            ["http://example.org/", "https://127.0.0.1/", "http://127.0.0.1.example.org/", "x", "file:///x"]
        {
            assert!(local(url).is_err(), "{url}");
        }
    }
}
