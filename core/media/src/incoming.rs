//! A file on its way in: counted, hashed and put down as it comes, so that none is ever whole in memory.

use botbuilder_domain::{MediaKind, OrgId};
use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, path::Path};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{Error, Media, kind, objects::place};

/// What is held in memory before it is put down. Services that speak S3 take no smaller piece than 5 MiB, save the last.
const PIECE: usize = 8 << 20;

/// A file on its way in. Dropped before it is finished, it leaves nothing that is ever read.
pub struct Incoming {
    media: Media,
    org: OrgId,
    /// Where it lies while its digest is not known.
    resting: Path,
    limit: u64,
    size: u64,
    digest: Sha256,
    head: Vec<u8>,
    held: Vec<Bytes>,
    held_bytes: usize,
    upload: Option<Box<dyn MultipartUpload>>,
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The digest of its bytes, in hex digits.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its type, by its content.
    pub mime_type: String,
    /// What kind of file that is.
    pub kind: MediaKind,
}

impl Media {
    /// Begins to take a file of at most `limit` bytes. `id` is one that nothing else has.
    pub fn begin(&self, org: OrgId, id: Uuid, limit: u64) -> Incoming {
        Incoming {
            media: self.clone(),
            org,
            resting: Path::from_iter([org.to_string(), "incoming".to_owned(), id.to_string()]),
            limit,
            size: 0,
            digest: Sha256::new(),
            head: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            upload: None,
        }
    }
}

impl Incoming {
    /// Takes the next bytes.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            self.drop_upload().await;
            return Err(Error::TooLarge { limit: self.limit });
        }
        self.digest.update(&bytes);
        let missing = kind::HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.held_bytes += bytes.len();
        self.held.push(bytes);
        if self.held_bytes >= PIECE {
            self.put_down().await?;
        }
        Ok(())
    }

    /// How many bytes have come so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The type of what has come so far, by its first bytes.
    pub fn mime_type(&self, declared: Option<&str>) -> String {
        kind::of(&self.head, declared)
    }

    /// Ends the file and gives it its place. The declared type helps only where several types begin alike.
    pub async fn finish(mut self, declared: Option<&str>) -> Result<Stored, Error> {
        if self.size == 0 {
            return Err(Error::Empty);
        }
        let sha256 = hex::encode(std::mem::take(&mut self.digest).finalize());
        let mime_type = self.mime_type(declared);
        let stored = Stored { kind: kind::media(&mime_type), size: self.size, mime_type, sha256 };
        let place = place(self.org, &stored.sha256);
        let objects = self.media.objects.clone();
        let known = match objects.head(&place).await {
            Ok(_) => true,
            Err(object_store::Error::NotFound { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if self.upload.is_none() {
            if !known {
                objects.put(&place, self.held.drain(..).collect::<PutPayload>()).await?;
            }
            return Ok(stored);
        }
        if known {
            self.drop_upload().await;
            return Ok(stored);
        }
        self.put_down().await?;
        if let Some(mut upload) = self.upload.take() {
            upload.complete().await?;
        }
        objects.rename(&self.resting, &place).await?;
        Ok(stored)
    }

    async fn put_down(&mut self) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece: PutPayload = self.held.drain(..).collect();
        self.held_bytes = 0;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => self.upload.insert(self.media.objects.put_multipart(&self.resting).await?),
        };
        Ok(upload.put_part(piece).await?)
    }

    /// Takes back what was put down.
    pub async fn abandon(mut self) {
        self.drop_upload().await;
    }

    /// What cannot be taken back costs a little space and is never read.
    async fn drop_upload(&mut self) {
        if let Some(mut upload) = self.upload.take() {
            let _taken_back = upload.abort().await;
        }
    }
}
