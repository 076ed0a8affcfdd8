//! Files on their way out: our own copies become a link, an upload or a part of the request, as the channel wants it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use botbuilder_adapter_kit::{
    Account, Carried, Carry, Channel, ProviderRequest, SendError, Uploaded, files::ATTACHED,
};
use botbuilder_domain::{ChannelId, Content, Media, MediaKind, TemplateHeader, TemplateMessage};
use botbuilder_media::{kind, referred};

use super::owned;
use crate::{Gateway, dispatcher::ProviderHttp};

/// More uploads than this are not remembered.
const MOST: usize = 100_000;

/// The providers' references to what was uploaded, so that a file that goes to many people goes up once.
#[derive(Default)]
pub struct Uploads(Mutex<HashMap<(ChannelId, String), Upload>>);

/// An upload, and until when it is good. The kind was settled when it was made.
#[derive(Clone)]
struct Upload {
    kind: MediaKind,
    reference: String,
    until: Instant,
}

impl Uploads {
    fn get(&self, channel: ChannelId, sha256: &str) -> Option<Upload> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(channel, sha256.to_owned())).filter(|upload| Instant::now() < upload.until).cloned()
    }

    fn keep(&self, channel: ChannelId, sha256: &str, upload: Upload) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert((channel, sha256.to_owned()), upload);
    }

    /// Forgets an upload: the provider does not know it any more.
    fn forget(&self, channel: ChannelId, sha256: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(channel, sha256.to_owned()));
    }
}

/// A content whose files the channel can carry.
pub(crate) struct Ready {
    pub(crate) content: Content,
    /// Files that ride along, each with the address that stands for it.
    attached: Vec<(String, Carried)>,
    /// The uploads it uses.
    uploaded: Vec<String>,
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
    pub(crate) fn refused(&self, gateway: &Gateway, channel: ChannelId) {
        for sha256 in &self.uploaded {
            gateway.sent_files.forget(channel, sha256);
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
    let mut ready = Ready { content: content.clone(), attached: Vec::new(), uploaded: Vec::new() };
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
        let made = Made { attached: &mut ready.attached, uploaded: &mut ready.uploaded };
        *file = carried(gateway, http, account, channel, file, made).await?;
    }
    Ok(ready)
}

/// What becomes of a file beside its place in the content.
struct Made<'a> {
    attached: &'a mut Vec<(String, Carried)>,
    uploaded: &'a mut Vec<String>,
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
    if let Some(Upload { kind, reference, .. }) = gateway.sent_files.get(account.channel, sha256) {
        made.uploaded.push(sha256.to_owned());
        return Ok(by_reference(reference, kind));
    }
    let carried = read(gateway, account, file, sha256).await?;
    match files.carry(account, &carried)? {
        Carry::Link => by_link(gateway, account, file),
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
                let upload = Upload { kind, reference: reference.clone(), until: Instant::now() + lives };
                gateway.sent_files.keep(account.channel, sha256, upload);
                made.uploaded.push(sha256.to_owned());
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
