//! Files on their way out: our own copies become a link, an upload or a part of the request, as the channel wants it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use botbuilder_adapter_kit::{
    Account, Carried, Carry, Channel, Downgrade, ProviderRequest, SendError, Uploaded, files::ATTACHED,
};
use botbuilder_domain::{ChannelId, Content, Media, MediaKind, TemplateHeader, TemplateMessage};
use botbuilder_media::{kind, referred};

use super::{owned, pictures};
use crate::{Gateway, dispatcher::ProviderHttp};

/// More uploads than this are not remembered.
const MOST: usize = 100_000;

/// The providers' references to what was uploaded, so that a file that goes to many people goes up once.
#[derive(Default)]
pub struct Uploads(Mutex<HashMap<Key, Upload>>);

/// The same file as a picture and as a document is uploaded twice: the picture may have gone up in another form.
type Key = (ChannelId, String, MediaKind);

/// An upload, and until when it is good. The kind was settled when it was made.
#[derive(Clone)]
struct Upload {
    kind: MediaKind,
    reference: String,
    /// What was done to the file.
    notes: Vec<Downgrade>,
    until: Instant,
}

impl Uploads {
    fn get(&self, key: &Key) -> Option<Upload> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|upload| Instant::now() < upload.until).cloned()
    }

    fn keep(&self, key: Key, upload: Upload) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, upload);
    }

    /// Forgets an upload: the provider does not know it any more.
    fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// A content whose files the channel can carry.
pub(crate) struct Ready {
    pub(crate) content: Content,
    /// Files that ride along, each with the address that stands for it.
    attached: Vec<(String, Carried)>,
    /// The uploads it uses.
    uploaded: Vec<Key>,
    /// What was done to its files, because the network does not show them as they are.
    pub(crate) notes: Vec<Downgrade>,
}

impl Ready {
    /// The requests with the files in them that ride along.
    pub(crate) fn attach(
        &self,
        channel: &dyn Channel,
        requests: Vec<ProviderRequest>,
    ) -> Vec<ProviderRequest> {
        match (self.attached.is_empty(), channel.files()) {
            (false, Some(files)) => {
                requests.into_iter().map(|request| files.attach(request, &self.attached)).collect()
            }
            _ => requests,
        }
    }

    /// The provider refused the message for good: the next one uploads its files anew.
    pub(crate) fn refused(&self, gateway: &Gateway) {
        for upload in &self.uploaded {
            gateway.sent_files.forget(upload);
        }
    }
}

/// Makes a content ready. One without a file of ours is ready as it is. The file in a template's header goes as a
/// message's own does.
pub(crate) async fn prepare(
    gateway: &Gateway,
    http: &ProviderHttp,
    account: &Account,
    channel: &dyn Channel,
    content: &Content,
) -> Result<Ready, SendError> {
    let mut ready =
        Ready { content: content.clone(), attached: Vec::new(), uploaded: Vec::new(), notes: Vec::new() };
    let files = match &mut ready.content {
        Content::Media(file) => std::slice::from_mut(file),
        Content::Album { items } => items.as_mut_slice(),
        Content::Template(TemplateMessage { header: Some(header), .. }) => match &mut **header {
            TemplateHeader::Media(file) => std::slice::from_mut(file),
            _ => &mut [],
        },
        _ => &mut [],
    };
    for file in files {
        if let Some(ours) = owned::named(gateway, account.org, file).await {
            *file = ours;
        }
        let made =
            Made { attached: &mut ready.attached, uploaded: &mut ready.uploaded, notes: &mut ready.notes };
        *file = carried(gateway, http, account, channel, file, made).await?;
    }
    Ok(ready)
}

/// What becomes of a file beside its place in the content.
struct Made<'a> {
    attached: &'a mut Vec<(String, Carried)>,
    uploaded: &'a mut Vec<Key>,
    notes: &'a mut Vec<Downgrade>,
}

/// One file as the channel takes it.
async fn carried(
    gateway: &Gateway,
    http: &ProviderHttp,
    account: &Account,
    channel: &dyn Channel,
    file: &Media,
    made: Made<'_>,
) -> Result<Media, SendError> {
    let Some(sha256) = file.url.as_deref().and_then(referred) else { return Ok(file.clone()) };
    let by_reference = |reference: String, kind| Media {
        media: kind,
        provider_ref: Some(reference),
        url: None,
        ..file.clone()
    };
    let (Some(files), true) = (channel.files(), channel.capabilities().media) else {
        return by_link(gateway, account, file);
    };
    let key = (account.channel, sha256.to_owned(), file.media);
    if let Some(Upload { kind, reference, notes, .. }) = gateway.sent_files.get(&key) {
        made.uploaded.push(key);
        made.notes.extend(notes);
        return Ok(by_reference(reference, kind));
    }
    if let Some(kept) = gateway.pictures.known(account, sha256) {
        made.notes.push(kept.note.clone());
        return by_link(gateway, account, &kept.of(file));
    }
    let read = read(gateway, account, file, sha256).await?;
    let (carried, note) = pictures::fitting(gateway, files, read).await?;
    let mut notes: Vec<Downgrade> = note.iter().cloned().collect();
    let carry = files.carry(account, &carried)?;
    if let Carry::Link { kind } | Carry::Upload { kind, .. } = &carry
        && *kind != file.media
    {
        let reason = format!("of the type {} that is how the network takes it", carried.mime_type);
        notes.push(Downgrade { from: file.media.as_str().into(), to: kind.as_str().into(), reason });
    }
    made.notes.extend(notes.iter().cloned());
    match carry {
        Carry::Link { kind } => {
            if let Some(note) = note {
                let kept = pictures::keep(gateway, account, sha256, &carried, kind, note).await?;
                return by_link(gateway, account, &kept.of(file));
            }
            // Whoever follows the link is told the type that the file has, and not what it was said to have.
            let mime_type = Some(carried.mime_type);
            by_link(gateway, account, &Media { media: kind, mime_type, ..file.clone() })
        }
        Carry::Attach => {
            let address = format!("{ATTACHED}{}", made.attached.len());
            made.attached.push((address.clone(), carried));
            Ok(Media { provider_ref: None, url: Some(address), ..file.clone() })
        }
        Carry::Upload { request, reusable, kind } => {
            let answer = http.call(*request).await.map_err(safe)?;
            let reference = match files.uploaded(account, &carried, &answer)? {
                Uploaded::Reference(reference) => reference,
                Uploaded::Put { request, reference } => {
                    let put = http.call(*request).await.map_err(safe)?;
                    if !(200..300).contains(&put.status) {
                        let message = "the provider did not take the file".to_owned();
                        return Err(SendError::Transient { code: put.status.to_string(), message });
                    }
                    reference
                }
            };
            if let Some(lives) = reusable {
                let until = Instant::now() + lives;
                let upload = Upload { kind, reference: reference.clone(), notes, until };
                gateway.sent_files.keep(key.clone(), upload);
                made.uploaded.push(key);
            }
            Ok(by_reference(reference, kind))
        }
    }
}

fn by_link(gateway: &Gateway, account: &Account, file: &Media) -> Result<Media, SendError> {
    let shown = gateway.media.shown(account.org, file.clone(), gateway.clock.now());
    shown.map_err(|error| gone(&error.to_string()))
}

async fn read(
    gateway: &Gateway,
    account: &Account,
    file: &Media,
    sha256: &str,
) -> Result<Carried, SendError> {
    let unreadable = |error: botbuilder_media::Error| SendError::Transient {
        code: "file_store".to_owned(),
        message: error.to_string(),
    };
    let found = gateway.media.read(account.org, sha256, None).await.map_err(unreadable)?;
    let found = found.ok_or_else(|| gone("the file is not kept any more"))?;
    let bytes = found.all().await.map_err(unreadable)?;
    let mime_type = kind::of(&bytes[..bytes.len().min(8 << 10)], file.mime_type.as_deref());
    let name = file.file_name.as_deref().and_then(kind::name).unwrap_or_else(|| kind::file_name(&mime_type));
    Ok(Carried { kind: file.media, mime_type, name, bytes })
}

fn gone(message: &str) -> SendError {
    SendError::Permanent { code: "file_gone".to_owned(), message: message.to_owned() }
}

/// A call that was perhaps made and has shown nobody anything may be made again.
pub(crate) fn safe(error: SendError) -> SendError {
    match error {
        SendError::Uncertain { message } => SendError::Transient { code: "no_answer".to_owned(), message },
        other => other,
    }
}
