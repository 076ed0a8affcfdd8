//! Which file of ours a link to a file of a message means.

use botbuilder_domain::{Media, OrgId};
use botbuilder_media::{links::OfMessage, reference};
use botbuilder_store::{Error, OrgScope, channels::media};
use serde_json::Value;

use crate::Gateway;

/// A file of a message.
pub(super) enum Owned {
    /// It is kept.
    Kept { sha256: String, mime_type: Option<String>, name: Option<String> },
    /// It is still fetched.
    Awaited,
    /// It was not to be had, or was removed with its message.
    Gone,
}

/// Looks it up.
pub(super) async fn of_message(gateway: &Gateway, asked: OfMessage) -> Result<Owned, Error> {
    let scope = OrgScope::of_service(asked.org);
    let mut tx = gateway.store.begin(&scope).await?;
    let files = media::of_message(&mut tx, &scope, asked.message).await?;
    let emptied = files.is_none() || media::is_emptied(&mut tx, &scope, asked.message).await?;
    tx.commit().await?;
    let Some(Value::Array(files)) = files.filter(|_| !emptied) else { return Ok(Owned::Gone) };
    if files.is_empty() {
        return Ok(Owned::Awaited);
    }
    let text = |name: &str| files.get(asked.index)?.get(name)?.as_str().map(str::to_owned);
    Ok(match text("sha256") {
        Some(sha256) => Owned::Kept { sha256, mime_type: text("type"), name: text("name") },
        None => Owned::Gone,
    })
}

/// The same file named as ours, where its address is a link that we gave out: what a bot was told of, it can send on.
pub(super) async fn named(gateway: &Gateway, org: OrgId, file: &Media) -> Option<Media> {
    let (media, now) = (&gateway.media, gateway.clock.now());
    let token = media.token_in(file.url.as_deref()?)?;
    if let Some(link) = media.open_link(token, now).filter(|link| link.org == org) {
        return Some(Media { url: Some(reference(&link.sha256)), provider_ref: None, ..file.clone() });
    }
    let asked = media.open_message_link(token, now).filter(|link| link.org == org)?;
    match of_message(gateway, asked).await.ok()? {
        Owned::Kept { sha256, mime_type, name } => Some(Media {
            url: Some(reference(&sha256)),
            provider_ref: None,
            mime_type: file.mime_type.clone().or(mime_type),
            file_name: file.file_name.clone().or(name),
            ..file.clone()
        }),
        Owned::Awaited | Owned::Gone => None,
    }
}
