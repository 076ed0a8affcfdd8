//! Files: asked for by their id and fetched with the token (`channels.md` 1.11), uploaded before they are sent.

use std::time::Duration;

use botbuilder_adapter_kit::{
    Account, Carried, Carry, Download, Fetch, Files, Pictures, ProviderRequest, ProviderResponse,
    RequestBody, SendError, Uploaded,
    files::{hosts, refused, unreadable},
    json::as_text,
};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Media, MediaKind, Secret};
use serde_json::Value;

use crate::{Whatsapp, settings::Sending};

/// Where Graph keeps files.
const HOSTS: [&str; 2] = ["lookaside.fbsbx.com", "*.whatsapp.net"];
/// An upload is good for 30 days; a day less, so that none ends on its way.
const UPLOAD_KEPT: Duration = Duration::from_hours(29 * 24);
const MIB: usize = 1 << 20;
/// The pictures that are shown as such. Stickers are files of their own kind.
const PICTURES: Pictures = Pictures { types: &["image/jpeg", "image/png"], bytes: 5 * MIB, stickers: false };

impl Files for Whatsapp {
    fn fetch(&self, account: &Account, file: &Media) -> Result<Fetch, SendError> {
        let Sending { base_url, api_version, phone_number_id, access_token } = Sending::of(account)?;
        let plain = |id: &&String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let id = file.provider_ref.as_ref().filter(plain);
        let id = id.ok_or_else(|| refused("the file has no id".to_owned()))?;
        // The address in a webhook lives for minutes; asking is always right.
        let url = format!("{base_url}/{api_version}/{id}?phone_number_id={phone_number_id}");
        Ok(Fetch::Ask(ProviderRequest {
            method: "GET",
            shown_as: url.clone(),
            url: Secret::new(url),
            bearer: Some(access_token.clone()),
            body: RequestBody::Empty,
        }))
    }

    fn found(&self, account: &Account, response: &ProviderResponse) -> Result<Download, SendError> {
        let Sending { base_url, access_token, .. } = Sending::of(account)?;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status != 200 {
            return Err(meta::interpret_refusal(response, meta::classify));
        }
        let url = body.get("url").and_then(Value::as_str).ok_or_else(|| unreadable(response))?;
        Ok(Download {
            url: Secret::new(url.to_owned()),
            bearer: Some(access_token.clone()),
            hosts: hosts(account, &HOSTS, &base_url),
            page_is_refusal: false,
        })
    }

    fn pictures(&self) -> Option<Pictures> {
        Some(PICTURES)
    }

    fn carry(&self, account: &Account, file: &Carried) -> Result<Carry, SendError> {
        let Sending { base_url, api_version, phone_number_id, access_token } = Sending::of(account)?;
        let (kind, limit) = taken_as(file);
        if file.bytes.len() > limit {
            let size = file.bytes.len();
            return Err(refused(format!(
                "the network takes {limit} bytes of this kind, the file has {size}"
            )));
        }
        let url = format!("{base_url}/{api_version}/{phone_number_id}/media");
        let request = ProviderRequest {
            method: "POST",
            shown_as: url.clone(),
            url: Secret::new(url),
            bearer: Some(access_token.clone()),
            body: RequestBody::Multipart {
                fields: vec![
                    ("messaging_product".to_owned(), "whatsapp".to_owned()),
                    ("type".to_owned(), file.mime_type.clone()),
                ],
                files: vec![("file".to_owned(), file.clone())],
            },
        };
        let request = Box::new(request);
        Ok(Carry::Upload { request, reusable: Some(UPLOAD_KEPT), kind })
    }

    fn uploaded(
        &self,
        _account: &Account,
        _file: &Carried,
        response: &ProviderResponse,
    ) -> Result<Uploaded, SendError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        match body.get("id").and_then(as_text) {
            Some(id) if response.status == 200 => Ok(Uploaded::Reference(id)),
            _ => Err(meta::interpret_refusal(response, meta::classify)),
        }
    }
}

/// As what a file is sent, and how large it may be then. What is no picture, sound or film to the network goes as a
/// document.
fn taken_as(file: &Carried) -> (MediaKind, usize) {
    let mime_type = file.mime_type.as_str();
    match file.kind {
        MediaKind::Image if PICTURES.types.contains(&mime_type) => (MediaKind::Image, PICTURES.bytes),
        MediaKind::Sticker if mime_type == "image/webp" => (MediaKind::Sticker, MIB / 2),
        MediaKind::Video if matches!(mime_type, "video/mp4" | "video/3gpp") => (MediaKind::Video, 16 * MIB),
        MediaKind::Audio
            if matches!(mime_type, "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg") =>
        {
            (MediaKind::Audio, 16 * MIB)
        }
        _ => (MediaKind::Document, 100 * MIB),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn taken(kind: MediaKind, mime_type: &str) -> MediaKind {
        let bytes = Bytes::from_static(b"x");
        taken_as(&Carried { kind, mime_type: mime_type.into(), name: "a".into(), bytes }).0
    }

    #[test]
    fn what_the_network_cannot_show_goes_as_a_document() {
        assert_eq!(taken(MediaKind::Image, "image/png"), MediaKind::Image);
        assert_eq!(taken(MediaKind::Image, "image/gif"), MediaKind::Document);
        assert_eq!(taken(MediaKind::Video, "video/webm"), MediaKind::Document);
        assert_eq!(taken(MediaKind::Audio, "audio/ogg"), MediaKind::Audio);
        assert_eq!(taken(MediaKind::Audio, "audio/wav"), MediaKind::Document);
    }
}
