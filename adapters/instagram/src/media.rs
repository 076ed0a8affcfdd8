//! Files: fetched from the network's distribution servers, without a token and soon (`channels.md` 2.6); ours go out by
//! link, as far as the network takes their type and size (`channels.md` 2.4).

use botbuilder_adapter_kit::{
    Account, Carried, Carry, Download, Fetch, Files, Pictures, SendError,
    files::{hosts, refused},
};
use botbuilder_domain::{Media, MediaKind, Secret};

use crate::{Instagram, settings::Sending};

/// Where the network keeps files.
const HOSTS: [&str; 3] = ["*.fbcdn.net", "*.cdninstagram.com", "lookaside.fbsbx.com"];
const MIB: usize = 1 << 20;
/// The pictures that are shown. A sticker of ours goes as a picture.
const PICTURES: Pictures =
    Pictures { types: &["image/jpeg", "image/png", "image/gif"], bytes: 8 * MIB, stickers: true };
/// The largest file of any other kind, in bytes.
const OTHERS_MAX: usize = 25 * MIB;

impl Files for Instagram {
    fn fetch(&self, account: &Account, file: &Media) -> Result<Fetch, SendError> {
        let url = file.url.as_deref().ok_or_else(|| refused("the file has no address".to_owned()))?;
        Ok(Fetch::Download(Download {
            url: Secret::new(url.to_owned()),
            bearer: None,
            hosts: hosts(account, &HOSTS, &Sending::of(account)?.base_url),
            page_is_refusal: false,
        }))
    }

    fn pictures(&self) -> Option<Pictures> {
        Some(PICTURES)
    }

    fn carry(&self, _account: &Account, file: &Carried) -> Result<Carry, SendError> {
        let mime_type = file.mime_type.as_str();
        let kind = taken_as(mime_type)
            .ok_or_else(|| refused(format!("the network takes no files of the type {mime_type}")))?;
        let limit = if kind == MediaKind::Image { PICTURES.bytes } else { OTHERS_MAX };
        let size = file.bytes.len();
        if size > limit {
            let reason = format!("the network takes {limit} bytes of this kind, the file has {size}");
            return Err(refused(reason));
        }
        Ok(Carry::Link { kind })
    }
}

/// As what a file of that type is sent; none where the network takes none of them.
fn taken_as(mime_type: &str) -> Option<MediaKind> {
    match mime_type {
        picture if PICTURES.types.contains(&picture) => Some(MediaKind::Image),
        "audio/aac" | "audio/mp4" | "audio/m4a" | "audio/x-m4a" | "audio/wav" | "audio/x-wav"
        | "audio/wave" => Some(MediaKind::Audio),
        "video/mp4" | "video/ogg" | "video/x-msvideo" | "video/quicktime" | "video/webm" => {
            Some(MediaKind::Video)
        }
        "application/pdf" => Some(MediaKind::Document),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_sent_as_its_type_says() {
        assert_eq!(taken_as("image/gif"), Some(MediaKind::Image));
        assert_eq!(taken_as("audio/mp4"), Some(MediaKind::Audio));
        assert_eq!(taken_as("video/quicktime"), Some(MediaKind::Video));
        assert_eq!(taken_as("application/pdf"), Some(MediaKind::Document));
        for other in ["image/webp", "image/svg+xml", "audio/ogg", "audio/mpeg", "text/csv", "application/zip"]
        {
            assert_eq!(taken_as(other), None, "{other}");
        }
    }
}
