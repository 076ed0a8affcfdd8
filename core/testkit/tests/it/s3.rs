//! Files in a bucket of a server that others wrote (`moto`, which checks signatures and keys as Amazon's does).

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use botbuilder_domain::{Ids as _, OrgId, Secret, SystemIds};
use botbuilder_media::{Error, Media, Range};
use botbuilder_service::config;
use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use crate::foreign::packages;

/// A running server. It ends with its input.
struct Server {
    child: Child,
    said: Value,
}

impl Server {
    fn start() -> Option<Self> {
        let folder = packages("s3")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/s3_server.py");
        let mut child = Command::new("python3")
            .arg(script)
            .env("PYTHONPATH", folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("it speaks");
        Some(Self { child, said: serde_json::from_str(&line).expect("it says where it is") })
    }

    fn text(&self, name: &str) -> String {
        self.said[name].as_str().expect("a text").to_owned()
    }

    /// Files in its bucket, with this key.
    fn open(&self, bucket: &str, key: &str) -> Media {
        let mut settings = config::media::Media::default();
        settings.s3.bucket = Some(bucket.to_owned());
        settings.s3.endpoint = Some(self.text("endpoint").parse().expect("an address"));
        settings.s3.access_key_id = Some(self.text("id"));
        settings.s3.secret_access_key = Some(Secret::new(key.to_owned()));
        Media::open(&settings, Path::new("."), "http://127.0.0.1", Secret::new([7; 32])).expect("a store")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

async fn keep(media: &Media, org: OrgId, pieces: &[Bytes]) -> Result<botbuilder_media::Stored, Error> {
    let mut incoming = media.begin(org, SystemIds.next(), 64 << 20);
    for piece in pieces {
        incoming.write(piece.clone()).await?;
    }
    incoming.finish(Some("text/plain")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_read_in_parts_and_removed() {
    let Some(server) = Server::start() else { return };
    let media = server.open("files", &server.text("secret"));
    let (org, other) = (OrgId::new(Uuid::from_u128(1)), OrgId::new(Uuid::from_u128(2)));
    let small = keep(&media, org, &[Bytes::from_static(b"0123456789")]).await.expect("kept");
    assert_eq!(media.size(org, &small.sha256).await.unwrap(), Some(10));
    let again = keep(&media, org, &[Bytes::from_static(b"01234"), Bytes::from_static(b"56789")]).await;
    assert_eq!(again.unwrap(), small);
    let all = media.read(org, &small.sha256, None).await.unwrap().unwrap();
    assert_eq!(all.all().await.unwrap(), "0123456789");
    for (range, wanted) in [
        (Range { first: 2, last: Some(4) }, "234"),
        (Range { first: 7, last: None }, "789"),
        (Range { first: 9, last: Some(9) }, "9"),
    ] {
        let part = media.read(org, &small.sha256, Some(range)).await.unwrap().unwrap();
        assert_eq!((part.size, part.first), (10, range.first));
        assert_eq!(part.all().await.unwrap(), wanted);
    }
    // More than one piece, which goes up in several requests and is moved to its place.
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let large = keep(&media, org, &vec![piece; 19]).await.expect("kept");
    assert_eq!(media.size(org, &large.sha256).await.unwrap(), Some(19 << 20));
    let end = Range { first: (19 << 20) - 3, last: None };
    let part = media.read(org, &large.sha256, Some(end)).await.unwrap().unwrap();
    assert_eq!(part.all().await.unwrap(), "xxx");

    assert!(media.read(other, &small.sha256, None).await.unwrap().is_none(), "another organization's");
    media.note_upload(org, &small.sha256).await.unwrap();
    let noted = media.uploads_before(chrono::DateTime::<chrono::Utc>::MAX_UTC, 9).await.unwrap();
    assert_eq!((noted.len(), &noted[0].sha256), (1, &small.sha256));
    media.forget_upload(&noted[0]).await.unwrap();
    media.remove(org, &small.sha256).await.unwrap();
    media.remove(org, &small.sha256).await.unwrap();
    assert!(media.read(org, &small.sha256, None).await.unwrap().is_none());
    assert_eq!(media.size(org, &small.sha256).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_missing_buckets_are_errors_and_not_missing_files() {
    let Some(server) = Server::start() else { return };
    let org = OrgId::new(Uuid::from_u128(1));
    let digest = "ab".repeat(32);
    let right = server.open("files", &server.text("secret"));
    assert_eq!(right.size(org, &digest).await.expect("an answer"), None);
    let wrong = server.open("files", "not the key");
    assert!(matches!(wrong.read(org, &digest, None).await, Err(Error::Store(_))));
    assert!(matches!(keep(&wrong, org, &[Bytes::from_static(b"x")]).await, Err(Error::Store(_))));
    let nowhere = server.open("nowhere", &server.text("secret"));
    assert!(keep(&nowhere, org, &[Bytes::from_static(b"x")]).await.is_err());
}
