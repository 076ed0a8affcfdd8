//! `[media]`: where files are kept, and how large they may be.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use botbuilder_domain::Secret;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Error, Problem, secret_value, units};

/// Files that came in or go out.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The folder they are kept in while no bucket is named. Relative to the data directory.
    pub directory: PathBuf,
    /// How long a link to one is good.
    #[serde(with = "units::duration")]
    pub link_lifetime: Duration,
    /// Largest file that is fetched from a provider.
    #[serde(with = "units::bytes")]
    pub fetch_bytes: u64,
    /// Largest file that the management API takes; a widget has a limit of its own below it.
    #[serde(with = "units::bytes")]
    pub upload_bytes: u64,
    /// Largest document for a knowledge base.
    #[serde(with = "units::bytes")]
    pub document_bytes: u64,
    /// A bucket of a service that speaks S3.
    pub s3: S3,
}

/// A bucket of a service that speaks S3. Without a bucket's name there is none.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// The bucket.
    pub bucket: Option<String>,
    /// The service's address, where it is not Amazon's.
    pub endpoint: Option<Url>,
    /// The region.
    pub region: String,
    /// The name of the key.
    pub access_key_id: Option<String>,
    /// The key.
    #[serde(serialize_with = "secret_value::hide")]
    pub secret_access_key: Option<Secret<String>>,
    /// A file that holds it.
    pub secret_access_key_file: Option<PathBuf>,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("media"),
            link_lifetime: Duration::from_hours(1),
            fetch_bytes: 100 << 20,
            upload_bytes: 25 << 20,
            document_bytes: 50 << 20,
            s3: S3::default(),
        }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            bucket: None,
            endpoint: None,
            region: "us-east-1".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            secret_access_key_file: None,
        }
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl S3 {
    /// The key, if one is given.
    pub fn secret_key(&self) -> Result<Option<Secret<String>>, Error> {
        secret_value::resolve(
            "media.s3.secret_access_key",
            self.secret_access_key.as_ref(),
            self.secret_access_key_file.as_deref(),
        )
    }
}

impl Media {
    /// The folder they are kept in while no bucket is named.
    pub fn directory(&self, data_dir: &Path) -> PathBuf {
        data_dir.join(&self.directory)
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        for (key, value) in [
            ("media.fetch_bytes", self.fetch_bytes),
            ("media.upload_bytes", self.upload_bytes),
            ("media.document_bytes", self.document_bytes),
        ] {
            Problem::unless(value > 0, key, "must be at least 1", problems);
        }
        let lifetime = self.link_lifetime;
        Problem::unless(
            lifetime >= Duration::from_secs(1) && lifetime <= Duration::from_hours(24 * 7),
            "media.link_lifetime",
            "must be between 1s and 7d",
            problems,
        );
        let (value, file) = (self.s3.secret_access_key.as_ref(), self.s3.secret_access_key_file.as_deref());
        secret_value::not_both("media.s3.secret_access_key", value, file, problems);
        if self.s3.bucket.is_some() {
            let has_key = value.is_some() || file.is_some();
            Problem::unless(
                self.s3.access_key_id.is_some() == has_key,
                "media.s3.access_key_id",
                "and media.s3.secret_access_key are given together",
                problems,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(media: &Media) -> Vec<Problem> {
        let mut problems = Vec::new();
        media.validate(&mut problems);
        problems
    }

    #[test]
    fn half_a_key_is_refused_and_shown_nowhere() {
        assert!(problems(&Media::default()).is_empty());
        let s3 = S3 {
            bucket: Some("files".to_owned()),
            secret_access_key: Some(Secret::new("hunter2".to_owned())),
            ..S3::default()
        };
        let half = Media { s3, ..Media::default() };
        assert_eq!(problems(&half).len(), 1);
        assert!(!format!("{half:?}").contains("hunter2"));
        let whole = Media { s3: S3 { access_key_id: Some("id".to_owned()), ..half.s3 }, ..Media::default() };
        assert!(problems(&whole).is_empty());
    }
}
