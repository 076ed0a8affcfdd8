//! Calls the webhook as a provider does: again until it is taken.

use std::{sync::Mutex, time::Duration};

use serde::Serialize;

use super::Error;

/// The first pause between two attempts; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Providers go on for hours; a fake gives up after so many attempts, about a minute.
const ATTEMPTS: u32 = 18;

#[derive(Debug)]
pub(super) struct Caller {
    client: reqwest::Client,
    url: Mutex<Option<reqwest::Url>>,
    calls: Mutex<Calls>,
}

/// What became of calls to the webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Calls {
    /// Requests that were answered with a 2xx.
    pub(super) taken: u64,
    /// Attempts that were not.
    pub(super) failed_attempts: u64,
    /// Requests that were given up.
    pub(super) given_up: u64,
}

impl Caller {
    pub(super) fn new(url: Option<&str>) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()?;
        let caller = Self { client, url: Mutex::default(), calls: Mutex::default() };
        caller.set_url(url)?;
        Ok(caller)
    }

    pub(super) fn set_url(&self, url: Option<&str>) -> Result<(), Error> {
        let checked = url.map(loopback).transpose()?;
        *super::control::lock(&self.url) = checked;
        Ok(())
    }

    pub(super) fn url(&self) -> Option<String> {
        super::control::lock(&self.url).as_ref().map(reqwest::Url::to_string)
    }

    pub(super) fn calls(&self) -> Calls {
        *super::control::lock(&self.calls)
    }

    /// Sends a body with one header until it is taken.
    pub(super) async fn post(&self, body: String, header: (&str, &str)) -> Result<(), Error> {
        let mut pause = PAUSE;
        let mut last = String::new();
        let body = axum::body::Bytes::from(body);
        for attempt in 0..ATTEMPTS {
            if attempt > 1 {
                // The first repetition comes at once.
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            let url = super::control::lock(&self.url).clone().ok_or(Error::NoWebhook)?;
            let request = self
                .client
                .post(url)
                .header("content-type", "application/json")
                .header(header.0, header.1)
                .body(body.clone());
            last = match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    super::control::lock(&self.calls).taken += 1;
                    return Ok(());
                }
                Ok(answer) => format!("it answered {}", answer.status()),
                Err(error) => error.without_url().to_string(),
            };
            super::control::lock(&self.calls).failed_attempts += 1;
        }
        super::control::lock(&self.calls).given_up += 1;
        Err(Error::NotTaken(last))
    }
}

fn loopback(url: &str) -> Result<reqwest::Url, Error> {
    let refused = || Error::NotLoopback(url.to_owned());
    let parsed = reqwest::Url::parse(url).map_err(|_| refused())?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let local =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if local && parsed.scheme() == "http" { Ok(parsed) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        for url in ["http://127.0.0.1:1/x", "http://localhost/", "http://[::1]:9/"] {
            assert!(loopback(url).is_ok(), "{url}");
        }
        for url in
            ["http://example.org/", "https://127.0.0.1/", "http://127.0.0.1.example.org/", "x", "file:///x"]
        {
            assert!(loopback(url).is_err(), "{url}");
        }
    }
}
