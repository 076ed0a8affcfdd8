//! Uploads that nobody has sent yet: each has a mark beside it, so that what is never sent can be found and removed.

use botbuilder_domain::OrgId;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutPayload, path::Path};
use uuid::Uuid;

use crate::{Error, Media, is_digest};

/// Where the marks lie. The last segments of a mark are its organization and the digest.
const MARKS: &str = "uploads";

/// A file that was uploaded and may not have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Whose it is.
    pub org: OrgId,
    /// Its digest.
    pub sha256: String,
}

fn mark(org: OrgId, sha256: &str) -> Path {
    Path::from_iter([MARKS, org.to_string().as_str(), sha256])
}

impl Media {
    /// Notes that a file was uploaded, now.
    pub async fn note_upload(&self, org: OrgId, sha256: &str) -> Result<(), Error> {
        self.objects.put(&mark(org, sha256), PutPayload::from_static(b"1")).await?;
        Ok(())
    }

    /// At most so many files that were uploaded before then and are noted still.
    pub async fn uploads_before(&self, before: DateTime<Utc>, most: usize) -> Result<Vec<Unsent>, Error> {
        let mut found = Vec::new();
        let mut marks = self.objects.list(Some(&Path::from(MARKS)));
        while let Some(meta) = marks.try_next().await? {
            let mut segments = meta.location.parts().map(|part| part.as_ref().to_owned());
            let (Some(_), Some(org), Some(sha256)) = (segments.next(), segments.next(), segments.next())
            else {
                continue;
            };
            let Ok(org) = org.parse::<Uuid>() else { continue };
            if meta.last_modified < before && is_digest(&sha256) {
                found.push(Unsent { org: OrgId::new(org), sha256 });
            }
            if found.len() >= most {
                break;
            }
        }
        Ok(found)
    }

    /// Takes the note back: the file has been sent, or is gone.
    pub async fn forget_upload(&self, upload: &Unsent) -> Result<(), Error> {
        match self.objects.delete(&mark(upload.org, &upload.sha256)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::Secret;

    use super::*;

    #[tokio::test]
    async fn uploads_are_found_until_they_are_forgotten() {
        let media = Media::in_memory("", Secret::new([7; 32]));
        let org = OrgId::new(Uuid::from_u128(1));
        let digest = "ab".repeat(32);
        media.note_upload(org, &digest).await.unwrap();
        media.note_upload(org, &digest).await.unwrap();
        let later = DateTime::<Utc>::MAX_UTC;
        assert_eq!(media.uploads_before(DateTime::UNIX_EPOCH, 9).await.unwrap(), []);
        let found = media.uploads_before(later, 9).await.unwrap();
        assert_eq!(found, [Unsent { org, sha256: digest }]);
        media.forget_upload(&found[0]).await.unwrap();
        media.forget_upload(&found[0]).await.unwrap();
        assert_eq!(media.uploads_before(later, 9).await.unwrap(), []);
    }
}
