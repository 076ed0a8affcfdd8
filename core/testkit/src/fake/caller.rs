//! Calls the webhook as a provider does: again until it is taken.

use std::{sync::Mutex, time::Duration};

use serde::Serialize;

use super::{Error, control::lock};
use crate::local_client::{LocalClient, local};

/// The first pause between two attempts; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Providers go on for hours; a fake gives up after so many attempts, about a minute.
const ATTEMPTS: u32 = 18;

#[derive(Debug)]
pub(super) struct Caller {
    client: LocalClient,
    url: Mutex<Option<String>>,
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
        let client = LocalClient::new(Duration::from_secs(10))?;
        let caller = Self { client, url: Mutex::default(), calls: Mutex::default() };
        caller.set_url(url)?;
        Ok(caller)
    }

    pub(super) fn set_url(&self, url: Option<&str>) -> Result<(), Error> {
        let checked = url.map(local).transpose()?.map(String::from);
        *lock(&self.url) = checked;
        Ok(())
    }

    pub(super) fn url(&self) -> Option<String> {
        lock(&self.url).clone()
    }

    pub(super) fn calls(&self) -> Calls {
        *lock(&self.calls)
    }

    /// Asks an address of this machine; the status and the text that it answers.
    pub(super) async fn get(&self, url: &str) -> Result<(u16, String), Error> {
        let answer = self.client.get(url)?.send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.map_err(reqwest::Error::without_url)?))
    }

    /// The type of what lies at an address of this machine; none where nothing does.
    pub(super) async fn type_of(&self, url: &str) -> Result<Option<String>, Error> {
        let answer = self.client.get(url)?.send().await.map_err(reqwest::Error::without_url)?;
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        Ok(kind.filter(|_| answer.status().is_success()).map(str::to_owned))
    }

    /// Sends a body of JSON with one header until it is taken.
    pub(super) async fn post(&self, body: String, header: (&str, &str)) -> Result<(), Error> {
        self.post_as(body, "application/json", &[header]).await
    }

    /// Sends a body with these headers until it is taken.
    pub(super) async fn post_as(
        &self,
        body: String,
        content_type: &str,
        headers: &[(&str, &str)],
    ) -> Result<(), Error> {
        self.post_answered(body, content_type, headers).await.map(|_| ())
    }

    /// The same, and gives the text that it is answered.
    pub(super) async fn post_answered(
        &self,
        body: String,
        content_type: &str,
        headers: &[(&str, &str)],
    ) -> Result<String, Error> {
        let mut pause = PAUSE;
        let mut last = String::new();
        let body = axum::body::Bytes::from(body);
        for attempt in 0..ATTEMPTS {
            if attempt > 1 {
                // The first repetition comes at once.
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            let url = lock(&self.url).clone().ok_or(Error::NoWebhook)?;
            let mut request = self.client.post(&url)?.header("content-type", content_type);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(body.clone());
            last = match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    lock(&self.calls).taken += 1;
                    return Ok(answer.text().await.unwrap_or_default());
                }
                Ok(answer) => format!("it answered {}", answer.status()),
                Err(error) => error.without_url().to_string(),
            };
            lock(&self.calls).failed_attempts += 1;
        }
        lock(&self.calls).given_up += 1;
        Err(Error::NotTaken(last))
    }
}
