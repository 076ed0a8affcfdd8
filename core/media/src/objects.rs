//! The place where files lie: a folder, a bucket, or memory.

use std::{path::Path as FilePath, sync::Arc};

use botbuilder_domain::OrgId;
use botbuilder_service::config;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, aws::AmazonS3Builder, local::LocalFileSystem,
    path::Path,
};

use crate::{Error, Media};

/// A file's bytes, as they come.
pub type Body = BoxStream<'static, Result<Bytes, Error>>;

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first byte, from 0.
    pub first: u64,
    /// The last byte; to the end if there is none.
    pub last: Option<u64>,
}

/// A file, or a part of it.
pub struct Found {
    /// The size of the whole file in bytes.
    pub size: u64,
    /// The first byte of the part.
    pub first: u64,
    /// The last byte of the part.
    pub last: u64,
    /// The bytes.
    pub body: Body,
}

impl Found {
    /// The bytes at once. For files whose size is known to be small.
    pub async fn all(self) -> Result<Bytes, Error> {
        let pieces: Vec<Bytes> = self.body.try_collect().await?;
        Ok(pieces.concat().into())
    }
}

/// Opens what the configuration names.
pub(crate) fn open(
    settings: &config::media::Media,
    data_dir: &FilePath,
) -> Result<Arc<dyn ObjectStore>, Error> {
    let Some(bucket) = &settings.s3.bucket else {
        let folder = settings.directory(data_dir);
        std::fs::create_dir_all(&folder).map_err(|source| Error::Folder { path: folder.clone(), source })?;
        let folder = LocalFileSystem::new_with_prefix(&folder)?.with_automatic_cleanup(true);
        return Ok(Arc::new(folder));
    };
    let s3 = &settings.s3;
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(&s3.region);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_allow_http(endpoint.scheme() == "http");
    }
    if let (Some(id), Some(key)) = (&s3.access_key_id, s3.secret_key()?) {
        builder = builder.with_access_key_id(id).with_secret_access_key(key.expose());
    }
    Ok(Arc::new(builder.build()?))
}

/// Where a file of an organization lies.
pub(crate) fn place(org: OrgId, sha256: &str) -> Path {
    Path::from_iter([org.to_string().as_str(), "media", sha256])
}

impl Media {
    /// A file of an organization, or a part of it. None if there is no such file, or no such part.
    pub async fn read(&self, org: OrgId, sha256: &str, range: Option<Range>) -> Result<Option<Found>, Error> {
        let place = place(org, sha256);
        let range = range.map(|range| match range.last {
            Some(last) => GetRange::Bounded(range.first..last.saturating_add(1)),
            None => GetRange::Offset(range.first),
        });
        let options = GetOptions { range, ..GetOptions::default() };
        let result = match self.objects.get_opts(&place, options).await {
            Ok(result) => result,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (size, part) = (result.meta.size, result.range.clone());
        Ok(Some(Found {
            size,
            first: part.start,
            last: part.end.saturating_sub(1),
            body: result.into_stream().map_err(Error::from).boxed(),
        }))
    }

    /// The size of a file of an organization in bytes; none if there is no such file.
    pub async fn size(&self, org: OrgId, sha256: &str) -> Result<Option<u64>, Error> {
        match self.objects.head(&place(org, sha256)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file of an organization, if it is there.
    pub async fn remove(&self, org: OrgId, sha256: &str) -> Result<(), Error> {
        match self.objects.delete(&place(org, sha256)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
