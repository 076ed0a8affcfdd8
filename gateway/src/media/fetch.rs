//! Files that came in are fetched from their network soon after their message is stored, and never before: a turn does
//! not wait for them. What is had lies in the store; what is not is tried again for some hours, and then stands on the
//! message with its reason.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::http::{Method, StatusCode, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_adapter_kit::{Account, Download, Fetch, SendError};
use botbuilder_domain::{Content, Media, MediaKind, OrgId};
use botbuilder_media::{Stored, kind, referred};
use botbuilder_service::{
    http,
    lifecycle::{Backoff, OnExit, Service, ServiceError},
};
use botbuilder_store::{
    OrgScope,
    channels::media::{self, Awaited},
};
use chrono::TimeDelta;
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;

use crate::{Gateway, dispatcher::ProviderHttp};

/// How often it is looked whether there is anything to fetch.
const EVERY: Duration = Duration::from_millis(500);
/// How many messages' files are fetched side by side, and how many of them may be of one organization: a slow host of one
/// keeps nobody else waiting.
const SIDE_BY_SIDE: usize = 8;
const OF_ONE: usize = 3;
/// How long whoever took a file has for it; then another tries. It begins anew with each file of a message.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// Time for one answer, and for one file with all that has to be asked for it: less than the lease.
const TIMEOUT: Duration = Duration::from_mins(2);
const ONE_FILE: Duration = Duration::from_mins(4);
/// The pauses between attempts, in seconds; after the last of them it is given up.
const PAUSES: [i64; 7] = [5, 30, 120, 600, 1_800, 7_200, 14_400];
/// Redirects that are followed, all within the provider's hosts.
const REDIRECTS: usize = 3;

/// The code of what the network does not have any more.
const EXPIRED: &str = "expired";

/// The job.
#[derive(Clone)]
pub struct Fetcher {
    gateway: Gateway,
    client: http::Client,
    provider: Arc<ProviderHttp>,
}

/// Why a file was not had.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// It will not be had.
    #[error("{reason}")]
    Never { code: &'static str, reason: String },
    /// It may be had later.
    #[error("{reason}")]
    NotNow { code: &'static str, reason: String },
}

fn never(code: &'static str, reason: impl Into<String>) -> Failed {
    Failed::Never { code, reason: reason.into() }
}

fn not_now(code: &'static str, reason: impl Into<String>) -> Failed {
    Failed::NotNow { code, reason: reason.into() }
}

impl Fetcher {
    /// A job of this gateway that calls through this client.
    pub fn new(gateway: Gateway, client: http::Client) -> Self {
        let provider = Arc::new(ProviderHttp::new(client.clone()));
        Self { gateway, client, provider }
    }

    /// Takes the message whose file is due first, of none of these organizations.
    async fn take(&self, busy: &[OrgId]) -> Result<Option<Awaited>, botbuilder_store::Error> {
        let now = self.gateway.clock.now();
        let mut tx = self.gateway.store.begin_worker().await?;
        let due = media::claim(&mut tx, now, now + LEASE, busy).await?;
        tx.commit().await?;
        Ok(due)
    }

    async fn fetch(self, awaited: Awaited) -> OrgId {
        let (org, message) = (awaited.org, awaited.id);
        if let Err(error) = self.deal(awaited).await {
            // The lease ends and somebody takes it again.
            warn!(message.id = %message, error = %error, "what became of a file was not written");
        }
        org
    }

    async fn deal(&self, awaited: Awaited) -> Result<(), botbuilder_store::Error> {
        let scope = OrgScope::of_service(awaited.org);
        let content = serde_json::from_value::<Content>(awaited.payload.clone()).ok();
        let files = content.as_ref().map_or(&[][..], Content::files);
        let mut entries = Vec::with_capacity(files.len().max(1));
        let mut kept = Vec::with_capacity(files.len());
        let mut first = None;
        for (index, file) in files.iter().enumerate() {
            if index > 0 {
                let mut tx = self.gateway.store.begin(&scope).await?;
                media::renew(&mut tx, &scope, awaited.id, self.gateway.clock.now() + LEASE).await?;
                tx.commit().await?;
            }
            let mut entry = json!({
                "status": "failed", "name": file.file_name, "type": file.mime_type, "provider_ref": file.provider_ref,
            });
            let got = timeout(ONE_FILE, self.get(&awaited, file)).await;
            let got =
                got.unwrap_or_else(|_| Err(not_now("provider_unavailable", "the file comes too slowly")));
            match got {
                Ok(stored) => {
                    entry["status"] = "stored".into();
                    entry["sha256"] = stored.sha256.as_str().into();
                    entry["type"] = stored.mime_type.as_str().into();
                    entry["size"] = stored.size.into();
                    kept.push(stored);
                }
                Err(Failed::NotNow { code, reason }) if pause(code, awaited.attempt).is_some() => {
                    // All of them are tried again, so that they come to stand in their order; what is had is had.
                    let at = self.gateway.clock.now() + pause(code, awaited.attempt).unwrap_or_default();
                    let mut tx = self.gateway.store.begin(&scope).await?;
                    media::put_off(&mut tx, &scope, awaited.id, at, code, &reason).await?;
                    tx.commit().await?;
                    info!(message.id = %awaited.id, code, attempt = awaited.attempt, "file was not had");
                    return Ok(());
                }
                Err(Failed::NotNow { code, reason } | Failed::Never { code, reason }) => {
                    entry["reason"] = reason.as_str().into();
                    warn!(message.id = %awaited.id, code, "file will not be had");
                    first = first.or(Some((code, reason)));
                }
            }
            entries.push(entry);
        }
        let mut tx = self.gateway.store.begin(&scope).await?;
        if kept.is_empty() {
            let (code, reason) = first.unwrap_or(("no_file", "the message holds no file".to_owned()));
            if entries.is_empty() {
                entries.push(json!({ "status": "failed", "reason": reason }));
            }
            media::failed(&mut tx, &scope, awaited.id, &entries, code, &reason).await?;
            return tx.commit().await;
        }
        let noted = media::stored(&mut tx, &scope, awaited.id, &entries).await?;
        let emptied = !noted && media::is_emptied(&mut tx, &scope, awaited.id).await?;
        tx.commit().await?;
        if noted {
            debug!(message.id = %awaited.id, files = kept.len(), "files are kept");
        }
        // Where another part has come instead, somebody fetches all of them and counts on those that are there.
        if !emptied {
            return Ok(());
        }
        for stored in &kept {
            self.drop_unless_used(&scope, stored).await;
        }
        Ok(())
    }

    /// The message was emptied while its file was on the way. Another message may have the same file.
    async fn drop_unless_used(&self, scope: &OrgScope, stored: &Stored) {
        let used = async {
            let mut tx = self.gateway.store.begin(scope).await?;
            let used = media::is_used(&mut tx, scope, &stored.sha256).await?;
            tx.commit().await?;
            Ok::<_, botbuilder_store::Error>(used)
        };
        match used.await {
            Ok(true) => {}
            Ok(false) => {
                if let Err(error) = self.gateway.media.remove(scope.org(), &stored.sha256).await {
                    warn!(error = %error, "file of an emptied message was not removed");
                }
            }
            Err(error) => warn!(error = %error, "file of an emptied message was not looked up"),
        }
    }

    async fn get(&self, awaited: &Awaited, file: &Media) -> Result<Stored, Failed> {
        if let Some(failure) = &file.failure {
            return Err(never("refused_by_provider", failure.message.clone()));
        }
        if let Some(sha256) = file.url.as_deref().and_then(referred) {
            return self.ours(awaited, file, sha256).await;
        }
        let accounts = &self.gateway.accounts;
        let account = accounts.by_channel(awaited.org, awaited.channel).await;
        let account = account.map_err(|error| not_now("unavailable", error.to_string()))?;
        let account = account.ok_or_else(|| not_now("disconnected", "the channel is not connected"))?;
        let channel = self.gateway.channels.channel(account.kind);
        let files = channel.files().ok_or_else(|| never("no_file", "the channel has no files"))?;
        let download = match files.fetch(&account, file).map_err(|error| of_provider(&error))? {
            Fetch::Download(download) => download,
            Fetch::Ask(request) => {
                let answer = self.provider.call(request).await.map_err(|error| of_provider(&error))?;
                files.found(&account, &answer).map_err(|error| of_provider(&error))?
            }
        };
        let stored = self.download(&account, file, &download).await?;
        match file.sha256.as_deref().and_then(digest) {
            Some(declared) if declared != stored.sha256 => {
                Err(not_now("digest_differs", "the file is not the one that was announced"))
            }
            _ => Ok(stored),
        }
    }

    /// A file that lies in the store already: a visitor uploaded it.
    async fn ours(&self, awaited: &Awaited, file: &Media, sha256: &str) -> Result<Stored, Failed> {
        let size = self.gateway.media.size(awaited.org, sha256).await;
        let size = size.map_err(|error| not_now("file_store", error.to_string()))?;
        let size = size.ok_or_else(|| never("file_gone", "the file is not kept any more"))?;
        let mime_type = file.mime_type.clone().unwrap_or_else(|| kind::UNKNOWN.to_owned());
        Ok(Stored { sha256: sha256.to_owned(), size, kind: kind::media(&mime_type), mime_type })
    }

    async fn download(&self, account: &Account, file: &Media, download: &Download) -> Result<Stored, Failed> {
        let mut url = Url::parse(download.url.expose())
            .map_err(|_| never("address", "the provider's address of the file cannot be read"))?;
        let first = url.host_str().map(str::to_owned);
        for _ in 0..=REDIRECTS {
            if !url.host_str().is_some_and(|host| download.allows(host)) {
                return Err(never("host", "the file lies at a host that is not one of the provider's"));
            }
            let mut request =
                http::Request::new(Method::GET, url.as_str()).map_err(|error| of_call(&error))?;
            // A token is never shown to another host than the one it was meant for.
            if let Some(token) = download.bearer.as_ref().filter(|_| url.host_str() == first.as_deref()) {
                request = request.bearer(token).map_err(|error| of_call(&error))?;
            }
            let limit = self.gateway.media.fetch_bytes;
            let answer =
                self.client.open(request.timeout(TIMEOUT), limit).await.map_err(|error| of_call(&error))?;
            if !answer.status.is_redirection() {
                return self.keep(account, file, download, answer).await;
            }
            let to = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            url = to.ok_or_else(|| not_now("redirect", "the provider leads to nowhere"))?;
        }
        Err(not_now("redirect", "the provider leads in circles"))
    }

    async fn keep(
        &self,
        account: &Account,
        file: &Media,
        download: &Download,
        mut answer: http::Opened,
    ) -> Result<Stored, Failed> {
        of_status(answer.status, download.bearer.is_some())?;
        let declared = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let declared = declared.map(kind::essence);
        let is_page = declared.as_deref() == Some("text/html");
        let announced = file.mime_type.as_deref().map(kind::essence);
        if is_page && download.page_is_refusal && announced.as_deref() != Some("text/html") {
            return Err(never("credentials_refused", "the network answered with a page to sign in"));
        }
        let limit = self.gateway.media.fetch_bytes;
        let mut incoming = self.gateway.media.begin(account.org, self.gateway.ids.next(), limit);
        loop {
            match answer.next().await {
                Ok(Some(piece)) => incoming.write(piece).await.map_err(|error| of_store(&error))?,
                Ok(None) => break,
                Err(error) => {
                    incoming.abandon().await;
                    return Err(of_call(&error));
                }
            }
        }
        // What the message says comes first: some networks answer everything as bytes.
        let declared = announced.or(declared);
        // Networks answer with a page where something is wrong, and not always with a status that says so.
        if file.media != MediaKind::Document && incoming.mime_type(declared.as_deref()) == "text/html" {
            incoming.abandon().await;
            return Err(not_now("not_a_file", "a page came in the place of the file"));
        }
        incoming.finish(declared.as_deref()).await.map_err(|error| of_store(&error))
    }
}

/// The pause after an attempt; none after the last. What is gone is asked for once more, by a fresh address.
fn pause(code: &str, attempt: i32) -> Option<TimeDelta> {
    if code == EXPIRED && attempt > 1 {
        return None;
    }
    let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
    PAUSES.get(index).copied().map(TimeDelta::seconds)
}

fn of_status(status: StatusCode, with_token: bool) -> Result<(), Failed> {
    match status.as_u16() {
        200..=299 => Ok(()),
        401 | 403 if with_token => {
            Err(not_now("credentials_refused", "the network does not hand over the file"))
        }
        401 | 403 | 404 | 410 => Err(not_now(EXPIRED, "the network does not have the file any more")),
        413 => Err(never("too_large", "the network says that the file is too large")),
        429 | 500.. => Err(not_now("provider_unavailable", format!("the network answered {status}"))),
        _ => Err(never("refused", format!("the network answered {status}"))),
    }
}

fn of_provider(error: &SendError) -> Failed {
    let reason = error.to_string();
    match error {
        SendError::Permanent { .. } | SendError::RecipientGone { .. } => never("refused", reason),
        SendError::NotConfigured { .. } => never("provider_not_configured", reason),
        SendError::AuthBroken { .. } => not_now("credentials_refused", reason),
        _ => not_now("provider_unavailable", reason),
    }
}

fn of_call(error: &http::Error) -> Failed {
    let reason = error.to_string();
    match error {
        http::Error::Refused(_) | http::Error::Header(_) => never("address", reason),
        http::Error::TooLarge { .. } => never("too_large", reason),
        _ => not_now("provider_unavailable", reason),
    }
}

fn of_store(error: &botbuilder_media::Error) -> Failed {
    let reason = error.to_string();
    match error {
        botbuilder_media::Error::TooLarge { .. } => never("too_large", reason),
        botbuilder_media::Error::Empty => not_now("empty", reason),
        _ => not_now("file_store", reason),
    }
}

/// A declared digest as hex digits: providers write it so, or as base64.
fn digest(declared: &str) -> Option<String> {
    let bytes = hex::decode(declared).ok().or_else(|| STANDARD.decode(declared).ok())?;
    (bytes.len() == 32).then(|| hex::encode(bytes))
}

#[async_trait]
impl Service for Fetcher {
    fn name(&self) -> &'static str {
        "files"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut fetching = JoinSet::new();
        let mut held: HashMap<OrgId, usize> = HashMap::new();
        loop {
            while fetching.len() < SIDE_BY_SIDE {
                let busy: Vec<OrgId> =
                    held.iter().filter(|(_, count)| **count >= OF_ONE).map(|(org, _)| *org).collect();
                match self.take(&busy).await {
                    Ok(Some(awaited)) => {
                        *held.entry(awaited.org).or_default() += 1;
                        fetching.spawn(self.clone().fetch(awaited));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        warn!(error = %error, "files that came in wait");
                        break;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(done) = fetching.join_next() => {
                    let org = done?;
                    if let Some(count) = held.get_mut(&org) {
                        *count -= 1;
                    }
                    held.retain(|_, count| *count > 0);
                }
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_compared_whatever_their_form() {
        let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(digest(hex).as_deref(), Some(hex));
        assert_eq!(digest("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=").as_deref(), Some(hex));
        for other in ["", "abcd", "not a digest"] {
            assert_eq!(digest(other), None, "{other}");
        }
    }

    #[test]
    fn attempts_end() {
        assert_eq!(pause("x", 1), Some(TimeDelta::seconds(5)));
        assert_eq!(pause("x", 7), Some(TimeDelta::hours(4)));
        assert_eq!((pause("x", 8), pause("x", 0), pause("x", -1)), (None, None, None));
        assert_eq!((pause(EXPIRED, 1), pause(EXPIRED, 2)), (Some(TimeDelta::seconds(5)), None));
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let of = |status| of_status(status, true);
        assert!(of(StatusCode::OK).is_ok());
        assert!(matches!(of(StatusCode::BAD_GATEWAY), Err(Failed::NotNow { .. })));
        assert!(matches!(of(StatusCode::NOT_FOUND), Err(Failed::NotNow { code: EXPIRED, .. })));
        assert!(matches!(of(StatusCode::FORBIDDEN), Err(Failed::NotNow { code: "credentials_refused", .. })));
        assert!(matches!(of(StatusCode::BAD_REQUEST), Err(Failed::Never { .. })));
    }
}
