//! Pictures of ours that a network does not show, as pictures that it does.
//!
//! Where the network fetches by a link, the other form has to lie somewhere. It is kept as an upload that nobody has sent:
//! that ends by itself a day later ([`super::sweep`]), long after its last link.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_adapter_kit::{Account, Carried, Downgrade, Files, SendError, files::refused};
use botbuilder_domain::{ChannelKind, Media, MediaKind, OrgId};
use botbuilder_media::{pictures, reference};
use tokio::sync::Semaphore;

use crate::Gateway;

/// So many are turned into another form side by side: each takes a processor and up to some hundred megabytes.
const SIDE_BY_SIDE: usize = 2;
/// How long a form that is kept is used again, which with the lifetime of a link is less than it is kept.
const USED_FOR: Duration = Duration::from_hours(12);
/// More forms than this are not remembered.
const MOST: usize = 10_000;

/// Turns pictures into other forms, and remembers those that are kept.
pub struct Pictures {
    slots: Semaphore,
    kept: Mutex<HashMap<Key, Kept>>,
}

/// A form that is kept.
#[derive(Clone)]
pub(super) struct Kept {
    /// The digest of its bytes.
    sha256: String,
    mime_type: String,
    /// As what it is sent.
    kind: MediaKind,
    /// What was done to the picture.
    pub(super) note: Downgrade,
    until: Instant,
}

impl Default for Pictures {
    fn default() -> Self {
        Self { slots: Semaphore::new(SIDE_BY_SIDE), kept: Mutex::default() }
    }
}

/// The same file as the network shows it, and what was done to it. A file that is no picture, or is one that the network
/// shows, or one that we cannot read, is left as it is.
pub(super) async fn fitting(
    gateway: &Gateway,
    files: &dyn Files,
    file: Carried,
) -> Result<(Carried, Option<Downgrade>), SendError> {
    let Some(shown) = files.pictures() else { return Ok((file, None)) };
    let is_picture = file.kind == MediaKind::Image || (file.kind == MediaKind::Sticker && shown.stickers);
    let mime_type = file.mime_type.as_str();
    if !is_picture || shown.types.contains(&mime_type) || !pictures::is_convertible(mime_type) {
        return Ok((file, None));
    }
    // Closed only if the gateway is gone.
    let slot = gateway.pictures.slots.acquire().await;
    let (bytes, of, limit) = (file.bytes.clone(), file.mime_type.clone(), shown.bytes);
    let made = tokio::task::spawn_blocking(move || pictures::convert(&bytes, &of, limit)).await;
    drop(slot);
    let made = match made {
        Ok(Ok(made)) => made,
        Ok(Err(reason)) => return Err(refused(reason.to_string())),
        Err(error) => return Err(refused(format!("the picture cannot be read: {error}"))),
    };
    let note = Downgrade {
        from: file.mime_type.clone(),
        to: made.mime_type.to_owned(),
        reason: format!("of pictures the network shows {}", shown.types.join(", ")),
    };
    let name = renamed(&file.name, made.mime_type);
    Ok((Carried { mime_type: made.mime_type.to_owned(), name, bytes: made.bytes, ..file }, Some(note)))
}

/// Keeps a form of the file `of`, so that a link leads to it.
pub(super) async fn keep(
    gateway: &Gateway,
    account: &Account,
    of: &str,
    form: &Carried,
    kind: MediaKind,
    note: Downgrade,
) -> Result<Kept, SendError> {
    let sha256 = put(gateway, account.org, form).await.map_err(|error| SendError::Transient {
        code: "file_store".to_owned(),
        message: error.to_string(),
    })?;
    let mime_type = form.mime_type.clone();
    let kept = Kept { sha256, mime_type, kind, note, until: Instant::now() + USED_FOR };
    gateway.pictures.remember(key(account, of), kept.clone());
    Ok(kept)
}

async fn put(gateway: &Gateway, org: OrgId, form: &Carried) -> Result<String, botbuilder_media::Error> {
    let mut incoming = gateway.media.begin(org, gateway.ids.next(), form.bytes.len() as u64);
    incoming.write(form.bytes.clone()).await?;
    let stored = incoming.finish(Some(&form.mime_type)).await?;
    gateway.media.note_upload(org, &stored.sha256).await?;
    Ok(stored.sha256)
}

/// A form is one for a network: each shows other pictures.
type Key = (ChannelKind, OrgId, String);

fn key(account: &Account, sha256: &str) -> Key {
    (account.kind, account.org, sha256.to_owned())
}

impl Kept {
    /// The file in this form.
    pub(super) fn of(&self, file: &Media) -> Media {
        Media {
            media: self.kind,
            url: Some(reference(&self.sha256)),
            provider_ref: None,
            mime_type: Some(self.mime_type.clone()),
            file_name: file.file_name.as_deref().map(|name| renamed(name, &self.mime_type)),
            ..file.clone()
        }
    }
}

impl Pictures {
    /// The form of a picture that is kept for this network.
    pub(super) fn known(&self, account: &Account, sha256: &str) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&key(account, sha256)).filter(|kept| Instant::now() < kept.until).cloned()
    }

    fn remember(&self, key: Key, form: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, form);
    }
}

/// A name with the ending of another type.
fn renamed(name: &str, mime_type: &str) -> String {
    let ending = if mime_type == "image/png" { "png" } else { "jpg" };
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    format!("{stem}.{ending}")
}
