//! Files from visitors. One is uploaded first; a `file` frame that names the upload makes it a message. An upload's id
//! is a signed text: it says whose it is and which file, so nothing has to be kept of what is never sent.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::{ChannelId, Media, MediaKind, Secret};
use botbuilder_media::{Error, kind, links::Signer, reference};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;

use super::{Known, Refused, Session, enter, session};
use crate::{Gateway, hub::rates::Rate};

/// How long an upload can be sent as a message.
const SENDABLE_FOR: Duration = Duration::from_hours(24);
/// How many of the largest files a visitor may upload in an hour, and all visitors of a widget together.
const FILES_PER_VISITOR: u64 = 10;
const FILES_PER_WIDGET: u64 = 200;
/// Budgets that are whole again are forgotten when there are more than this many.
const SWEEP_ABOVE: usize = 4096;

/// What is known of uploads: who made which, and how much was uploaded lately.
pub struct Uploads {
    signer: Signer,
    budgets: Mutex<HashMap<Payer, Budget>>,
}

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Payer {
    Visitor(ChannelId, String),
    Widget(ChannelId),
}

/// Bytes that may still be uploaded; they come back over an hour.
#[derive(Debug, Clone, Copy)]
struct Budget {
    left: u64,
    at: Instant,
}

impl Budget {
    const PERIOD: Duration = Duration::from_hours(1);

    /// What is left now, of a budget of at most `most`.
    fn left(self, most: u64, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.at).min(Self::PERIOD);
        let back = u128::from(most) * passed.as_millis() / Self::PERIOD.as_millis();
        self.left.saturating_add(u64::try_from(back).unwrap_or(u64::MAX)).min(most)
    }
}

/// What an upload's id says.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    /// The widget's channel.
    c: ChannelId,
    /// The visitor.
    v: String,
    /// The digest.
    h: String,
    /// The type.
    t: String,
    /// The size in bytes.
    s: u64,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    /// The end, in seconds since 1970.
    e: i64,
}

impl Uploads {
    /// With a key for their ids.
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self { signer: Signer::new(key), budgets: Mutex::default() }
    }

    /// The file of an upload of this visitor.
    pub(super) fn claimed(&self, id: &str, channel: ChannelId, visitor: &str, now: i64) -> Option<Media> {
        let claim: Claim = self.signer.open(id)?;
        (claim.c == channel && claim.v == visitor && claim.e > now).then(|| Media {
            media: kind::media(&claim.t),
            provider_ref: None,
            url: Some(reference(&claim.h)),
            voice: false,
            mime_type: Some(claim.t),
            file_name: claim.n,
            size: Some(claim.s),
            sha256: Some(claim.h),
            caption: None,
            failure: None,
        })
    }

    /// Takes bytes from both budgets, or says how long to wait.
    fn spend(
        &self,
        channel: ChannelId,
        visitor: &str,
        bytes: u64,
        largest: u64,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if budgets.len() > SWEEP_ABOVE {
            budgets.retain(|_, budget| now.saturating_duration_since(budget.at) < Budget::PERIOD);
        }
        let payers = [
            (Payer::Visitor(channel, visitor.to_owned()), largest.saturating_mul(FILES_PER_VISITOR)),
            (Payer::Widget(channel), largest.saturating_mul(FILES_PER_WIDGET)),
        ];
        if payers.iter().any(|(payer, most)| left_of(&budgets, payer, *most, now) < bytes) {
            return Err(Budget::PERIOD / u32::try_from(FILES_PER_VISITOR).unwrap_or(1));
        }
        for (payer, most) in payers {
            let left = left_of(&budgets, &payer, most, now).saturating_sub(bytes);
            budgets.insert(payer, Budget { left, at: now });
        }
        Ok(())
    }
}

fn left_of(budgets: &HashMap<Payer, Budget>, payer: &Payer, most: u64, now: Instant) -> u64 {
    budgets.get(payer).map_or(most, |budget| budget.left(most, now))
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    /// The file's name.
    #[serde(default)]
    name: Option<String>,
}

/// What an upload is answered with.
#[derive(Debug, Serialize)]
struct Uploaded {
    id: String,
    url: String,
    media: MediaKind,
    #[serde(rename = "type")]
    mime_type: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// `POST /widget/v1/{public_key}/uploads?name=…`: the body is the file.
pub(super) async fn take(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    Query(named): Query<Named>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let taken = async {
        let known = enter(&gateway, &public_key, &headers).await?;
        let session = session::of_headers(&gateway, &public_key, &known, &headers)?;
        store(&gateway, &known, &session, named, &headers, body).await
    };
    match taken.await {
        Ok(uploaded) => {
            let no_store = [(header::CACHE_CONTROL, "no-store")];
            (StatusCode::CREATED, no_store, Json(json!(uploaded))).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

async fn store(
    gateway: &Gateway,
    known: &Known,
    session: &Session,
    named: Named,
    headers: &HeaderMap,
    body: Body,
) -> Result<Uploaded, Refused> {
    let widget = &known.widget;
    if !widget.uploads_enabled {
        return Err(Refused::UploadsOff);
    }
    let limit = widget.max_upload_bytes.min(gateway.media.upload_bytes);
    let header = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let announced = header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Refused::TooLarge { limit });
    }
    let visitor = (widget.channel, session.visitor.clone());
    let now = Instant::now();
    let rate = Rate::per_minute(widget.rate_per_minute);
    gateway.hub.rates.take(&visitor, Some(rate), now).map_err(Refused::TooFast)?;
    // What is not announced is counted as the largest it may be.
    let bytes = announced.unwrap_or(limit);
    gateway.uploads.spend(widget.channel, &session.visitor, bytes, limit, now).map_err(Refused::TooFast)?;

    let declared = header(header::CONTENT_TYPE).map(str::to_owned);
    let mut incoming = gateway.media.begin(widget.org, gateway.ids.next(), limit);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else { return Err(Refused::Bad("the file did not come whole".to_owned())) };
        incoming.write(piece).await?;
    }
    let kind = incoming.mime_type(declared.as_deref());
    if incoming.size() > 0 && !kind::may_be_uploaded(&kind) {
        incoming.abandon().await;
        return Err(Refused::FileType(kind));
    }
    let stored = incoming.finish(declared.as_deref()).await?;
    gateway.media.note_upload(widget.org, &stored.sha256).await?;
    let name = named.name.as_deref().and_then(kind::name);
    let instant = gateway.clock.now();
    let seconds = i64::try_from(SENDABLE_FOR.as_secs()).unwrap_or(i64::MAX);
    let claim = Claim {
        c: widget.channel,
        v: session.visitor.clone(),
        h: stored.sha256.clone(),
        t: stored.mime_type.clone(),
        s: stored.size,
        n: name.clone(),
        e: instant.timestamp().saturating_add(seconds),
    };
    let url =
        gateway.media.link(widget.org, &stored.sha256, Some(&stored.mime_type), name.as_deref(), instant)?;
    Ok(Uploaded {
        id: gateway.uploads.signer.sign(&claim)?,
        url,
        media: stored.kind,
        mime_type: stored.mime_type,
        size: stored.size,
        name,
    })
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::TooLarge { limit } => Self::TooLarge { limit },
            Error::Empty => Self::Bad("the file is empty".to_owned()),
            other => {
                warn!(error = %other, "file of a visitor was not kept");
                Self::Unavailable
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LARGEST: u64 = 1000;

    #[test]
    fn an_upload_is_its_visitors_alone_and_ends() {
        let uploads = Uploads::new(Secret::new([1; 32]));
        let channel = ChannelId::new(Uuid::from_u128(1));
        let claim = Claim {
            c: channel,
            v: "v1".into(),
            h: "ab".repeat(32),
            t: "image/png".into(),
            s: 9,
            n: Some("a.png".into()),
            e: 100,
        };
        let id = uploads.signer.sign(&claim).unwrap();
        let media = uploads.claimed(&id, channel, "v1", 99).unwrap();
        assert_eq!(
            (media.media, media.size, media.url),
            (MediaKind::Image, Some(9), Some(reference(&claim.h)))
        );
        assert!(uploads.claimed(&id, channel, "v1", 100).is_none());
        assert!(uploads.claimed(&id, channel, "v2", 99).is_none());
        assert!(uploads.claimed(&id, ChannelId::new(Uuid::from_u128(2)), "v1", 99).is_none());
        assert!(uploads.claimed("x.y", channel, "v1", 99).is_none());
    }

    #[test]
    fn a_visitor_and_a_widget_have_budgets_that_come_back() {
        let uploads = Uploads::new(Secret::new([1; 32]));
        let channel = ChannelId::new(Uuid::from_u128(1));
        let begin = Instant::now();
        let spend = |visitor: &str, at| uploads.spend(channel, visitor, LARGEST, LARGEST, at).is_ok();
        for _ in 0..FILES_PER_VISITOR {
            assert!(spend("v1", begin));
        }
        assert!(!spend("v1", begin));
        assert!(spend("v2", begin));
        assert!(spend("v1", begin + Budget::PERIOD));
        let later = begin + Budget::PERIOD * 2;
        let mut taken = 0;
        for visitor in 0..FILES_PER_WIDGET * 2 {
            taken += u64::from(spend(&format!("w{visitor}"), later));
        }
        assert_eq!(taken, FILES_PER_WIDGET);
    }
}
