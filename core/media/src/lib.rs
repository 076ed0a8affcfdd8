//! Files: kept once per organization by their content, typed by their content, shown by links that end.
//!
//! A file comes in as a stream ([`Media::begin`]); it is counted and hashed on its way and lies at
//! `<organization>/media/<sha256>` afterwards, in a folder or in a bucket. Contents name it by the address
//! `object:<sha256>` ([`reference`]), which means the same in every message of the organization and ends with none of
//! them; whoever shows a content replaces it by a [link](links) of the moment. What a file is, [`kind`] tells from its
//! bytes, whatever was declared; [`pictures`] gives one another form.

mod error;
mod incoming;
pub mod kind;
pub mod links;
mod objects;
pub mod pictures;
mod unsent;

use std::{path::Path as FilePath, sync::Arc, time::Duration};

use botbuilder_domain::{Media as File, MessageId, OrgId, Secret};
use botbuilder_service::config;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::{ObjectStore, memory::InMemory};
use serde_json::Value;

use self::links::{Link, Signer};
pub use self::{
    error::Error,
    incoming::{Incoming, Stored},
    objects::{Body, Found, Range},
    unsent::Unsent,
};

/// How an address of our own copy begins.
const SCHEME: &str = "object:";

/// How long a link to a file of a message is good.
const MESSAGE_LINK: TimeDelta = TimeDelta::days(7);

/// What a key for the signatures is derived with.
pub const LINK_KEY: &str = "botbuilder.media-link.1";
/// What a key for the claims of uploads is derived with.
pub const UPLOAD_KEY: &str = "botbuilder.media-upload.1";

/// The files of the installation. Cheap to clone.
#[derive(Clone)]
pub struct Media {
    objects: Arc<dyn ObjectStore>,
    links: Arc<Signer>,
    base_url: Arc<str>,
    lifetime: TimeDelta,
    /// Largest file that is fetched from a provider, in bytes.
    pub fetch_bytes: u64,
    /// Largest file that is uploaded, in bytes.
    pub upload_bytes: u64,
    /// Largest document of a knowledge base, in bytes.
    pub document_bytes: u64,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").field("objects", &self.objects).finish_non_exhaustive()
    }
}

/// The address of our own copy of a file.
pub fn reference(sha256: &str) -> String {
    format!("{SCHEME}{sha256}")
}

/// The digest in an address of our own copy; none if it is another address.
pub fn referred(url: &str) -> Option<&str> {
    url.strip_prefix(SCHEME).filter(|digest| is_digest(digest))
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Media {
    /// The store of the configuration. `base_url` is what the outside calls the public listener; `key` signs links.
    pub fn open(
        settings: &config::media::Media,
        data_dir: &FilePath,
        base_url: &str,
        key: Secret<[u8; 32]>,
    ) -> Result<Self, Error> {
        let objects = objects::open(settings, data_dir)?;
        Ok(Self::over(objects, settings, base_url, key))
    }

    /// A store in memory, with the usual limits.
    pub fn in_memory(base_url: &str, key: Secret<[u8; 32]>) -> Self {
        Self::over(Arc::new(InMemory::new()), &config::media::Media::default(), base_url, key)
    }

    fn over(
        objects: Arc<dyn ObjectStore>,
        settings: &config::media::Media,
        base_url: &str,
        key: Secret<[u8; 32]>,
    ) -> Self {
        // Checked with the configuration to be at most days.
        let lifetime = TimeDelta::from_std(settings.link_lifetime).unwrap_or(TimeDelta::hours(1));
        Self {
            objects,
            links: Arc::new(Signer::new(key)),
            base_url: base_url.trim_end_matches('/').into(),
            lifetime,
            fetch_bytes: settings.fetch_bytes,
            upload_bytes: settings.upload_bytes,
            document_bytes: settings.document_bytes,
        }
    }

    /// How long a link is good.
    pub fn link_lifetime(&self) -> Duration {
        self.lifetime.to_std().unwrap_or_default()
    }

    /// A link to a file of an organization, good from now on for a while. The type decides whether a browser shows it
    /// or saves it.
    pub fn link(
        &self,
        org: OrgId,
        sha256: &str,
        mime_type: Option<&str>,
        name: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<String, Error> {
        // To the quarter of an hour, so that the same file keeps its address for a while and browsers keep the file.
        let step = 900.min(self.lifetime.num_seconds().max(1));
        let end = (now + self.lifetime).timestamp();
        let link = Link {
            org,
            sha256: sha256.to_owned(),
            mime_type: mime_type.map(str::to_owned),
            name: name.map(|name| name.chars().take(kind::NAME_MAX).collect()),
            end: end - end.rem_euclid(step) + step,
        };
        Ok(format!("{}/media/{}", self.base_url, self.links.sign(&link)?))
    }

    /// A link to a file of a message, by its place among the message's files. It leads to the file as soon as that is
    /// kept, and is good for a week: whoever a bot tells of a file looks for it later than a person would.
    pub fn message_link(
        &self,
        org: OrgId,
        message: MessageId,
        index: usize,
        now: DateTime<Utc>,
    ) -> Result<String, Error> {
        let link = links::OfMessage { org, message, index, end: (now + MESSAGE_LINK).timestamp() };
        Ok(format!("{}/media/{}", self.base_url, self.links.sign(&link)?))
    }

    /// What a link to a file of a message names, if it is good now.
    pub fn open_message_link(&self, token: &str, now: DateTime<Utc>) -> Option<links::OfMessage> {
        self.links.open::<links::OfMessage>(token).filter(|link| link.end > now.timestamp())
    }

    /// The token in a link of ours; none if the address is another's.
    pub fn token_in<'u>(&self, url: &'u str) -> Option<&'u str> {
        url.strip_prefix(&*self.base_url)?.strip_prefix("/media/").filter(|token| token.contains('.'))
    }

    /// What a link names, if it is good now.
    pub fn open_link(&self, token: &str, now: DateTime<Utc>) -> Option<Link> {
        self.links.open::<Link>(token).filter(|link| link.end > now.timestamp() && is_digest(&link.sha256))
    }

    /// The same file with a link in place of the address of our own copy; a file of another address as it is.
    pub fn shown(&self, org: OrgId, file: File, now: DateTime<Utc>) -> Result<File, Error> {
        let Some(digest) = file.url.as_deref().and_then(referred) else { return Ok(file) };
        let link = self.link(org, digest, file.mime_type.as_deref(), file.file_name.as_deref(), now)?;
        Ok(File { url: Some(link), ..file })
    }

    /// The same for a content as JSON: the `url` of each file becomes a link. Whatever has none stays as it is.
    pub fn show(&self, org: OrgId, content: &mut Value, now: DateTime<Utc>) {
        if content.get("kind").and_then(Value::as_str) == Some("album") {
            let items = content.get_mut("items").and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                self.show_file(org, item, now);
            }
            return;
        }
        if content.get("kind").and_then(Value::as_str) != Some("media") {
            return;
        }
        self.show_file(org, content, now);
    }

    /// The entries of a message's `media`, each with a link as `url` if its file is kept.
    pub fn show_files(&self, org: OrgId, files: &mut Value, now: DateTime<Utc>) {
        for file in files.as_array_mut().into_iter().flatten() {
            let text = |name: &str| file.get(name).and_then(Value::as_str);
            let Some(digest) = text("sha256").filter(|digest| is_digest(digest)) else { continue };
            let link = self.link(org, digest, text("type"), text("name"), now);
            if let (Ok(link), Some(fields)) = (link, file.as_object_mut()) {
                fields.insert("url".to_owned(), link.into());
            }
        }
    }

    fn show_file(&self, org: OrgId, content: &mut Value, now: DateTime<Utc>) {
        let text = |name: &str| content.get(name).and_then(Value::as_str);
        let Some(digest) = text("url").and_then(referred) else { return };
        let link = self.link(org, digest, text("mime_type"), text("file_name"), now);
        if let (Ok(link), Some(fields)) = (link, content.as_object_mut()) {
            fields.insert("url".to_owned(), link.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn media() -> Media {
        Media::in_memory("https://bots.example/", Secret::new([7; 32]))
    }

    fn org(n: u128) -> OrgId {
        OrgId::new(Uuid::from_u128(n))
    }

    async fn store(media: &Media, org: OrgId, pieces: &[&'static [u8]]) -> Stored {
        let mut incoming = media.begin(org, Uuid::from_u128(9), 1 << 20);
        for piece in pieces {
            incoming.write(Bytes::from_static(piece)).await.unwrap();
        }
        incoming.finish(None).await.unwrap()
    }

    #[tokio::test]
    async fn the_same_bytes_are_one_file_of_an_organization_and_no_file_of_another() {
        let media = media();
        let first = store(&media, org(1), &[b"%PDF-1.7 one", b" two"]).await;
        let second = store(&media, org(1), &[b"%PDF-1.7 one two"]).await;
        assert_eq!((&first.sha256, first.size), (&second.sha256, 16));
        assert_eq!(first.mime_type, "application/pdf");
        let found = media.read(org(1), &first.sha256, None).await.unwrap().unwrap();
        assert_eq!(found.all().await.unwrap(), "%PDF-1.7 one two");
        assert!(media.read(org(2), &first.sha256, None).await.unwrap().is_none());
        media.remove(org(1), &first.sha256).await.unwrap();
        assert!(media.read(org(1), &first.sha256, None).await.unwrap().is_none());
        media.remove(org(1), &first.sha256).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_larger_than_allowed_is_refused_while_it_comes() {
        let media = media();
        let mut incoming = media.begin(org(1), Uuid::from_u128(9), 5);
        incoming.write(Bytes::from_static(b"12345")).await.unwrap();
        assert!(matches!(incoming.write(Bytes::from_static(b"6")).await, Err(Error::TooLarge { limit: 5 })));
    }

    #[tokio::test]
    async fn a_file_larger_than_what_is_held_in_memory_arrives_whole() {
        let media = media();
        let mut incoming = media.begin(org(1), Uuid::from_u128(9), 64 << 20);
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        for _ in 0..19 {
            incoming.write(piece.clone()).await.unwrap();
        }
        let stored = incoming.finish(Some("text/plain")).await.unwrap();
        assert_eq!(stored.size, 19 << 20);
        let found =
            media.read(org(1), &stored.sha256, Some(Range { first: 5, last: Some(9) })).await.unwrap();
        let found = found.unwrap();
        assert_eq!((found.size, found.first, found.last), (19 << 20, 5, 9));
        assert_eq!(found.all().await.unwrap(), "xxxxx");
    }

    #[test]
    fn a_link_is_good_for_its_file_and_its_time_and_cannot_be_changed() {
        let media = media();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let digest = "ab".repeat(32);
        let link = media.link(org(1), &digest, Some("image/png"), Some("a.png"), now).unwrap();
        let token = link.strip_prefix("https://bots.example/media/").unwrap();
        let opened = media.open_link(token, now).unwrap();
        assert_eq!((opened.org, opened.sha256, opened.name.as_deref()), (org(1), digest, Some("a.png")));
        assert!(media.open_link(token, now + TimeDelta::minutes(60)).is_some());
        assert!(media.open_link(token, now + TimeDelta::minutes(76)).is_none());
        for place in 0..token.len() {
            let mut bytes = token.as_bytes().to_vec();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(media.open_link(&changed, now).is_none_or(|link| link.org == org(1)), "{place}");
            }
        }
        let other = Media::in_memory("", Secret::new([8; 32]));
        assert!(other.open_link(token, now).is_none());
    }

    #[test]
    fn only_our_own_copies_become_links() {
        let media = media();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mut ours = json!({ "kind": "media", "media": "image", "url": reference(&"0a".repeat(32)) });
        media.show(org(1), &mut ours, now);
        assert!(ours["url"].as_str().unwrap().starts_with("https://bots.example/media/"));
        for url in ["https://a.example/x.png", "object:", "object:../../x", "object:0A"] {
            let mut theirs = json!({ "kind": "media", "media": "image", "url": url });
            media.show(org(1), &mut theirs, now);
            assert_eq!(theirs["url"], url);
        }
    }
}
