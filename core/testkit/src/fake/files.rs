//! The files of a fake: what its people send, and what is uploaded to it.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::control::lock;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its type.
    pub mime_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl File {
    /// A file of these bytes.
    pub fn new(name: &str, mime_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self { name: name.to_owned(), mime_type: mime_type.to_owned(), bytes: bytes.into() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Files {
    kept: Mutex<HashMap<String, File>>,
    given: AtomicU64,
}

impl Files {
    /// Keeps a file under a new id.
    pub(super) fn keep(&self, file: File) -> String {
        let id = format!("{}", 700_000 + self.given.fetch_add(1, Ordering::Relaxed));
        self.put(&id, file);
        id
    }

    pub(super) fn put(&self, id: &str, file: File) {
        lock(&self.kept).insert(id.to_owned(), file);
    }

    pub(super) fn get(&self, id: &str) -> Option<File> {
        lock(&self.kept).get(id).cloned()
    }

    pub(super) fn remove(&self, id: &str) {
        lock(&self.kept).remove(id);
    }

    /// Gives out a file.
    pub(super) fn serve(&self, id: &str) -> Response {
        match self.get(id) {
            Some(file) => ([(header::CONTENT_TYPE, file.mime_type)], file.bytes).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// The fields of a form, and the files in it, each with the name of its field.
pub(super) type Form = (Vec<(String, String)>, Vec<(String, File)>);

/// The fields and the files of a form.
pub(super) fn multipart(headers: &HeaderMap, body: &Bytes) -> Option<Form> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = kind.strip_prefix("multipart/form-data")?.split("boundary=").nth(1)?.trim_matches('"');
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    let delimiter = format!("--{boundary}");
    let mut rest = &body[..];
    loop {
        let begin = find(rest, delimiter.as_bytes())? + delimiter.len();
        rest = &rest[begin..];
        if rest.starts_with(b"--") {
            return Some((fields, files));
        }
        let head_end = find(rest, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        rest = &rest[head_end + 4..];
        let end = find(rest, format!("\r\n{delimiter}").as_bytes())?;
        let value = &rest[..end];
        let named = |name: &str| {
            let place = head.find(&format!(" {name}=\""))? + name.len() + 3;
            Some(head[place..].split('"').next()?.to_owned())
        };
        let field = named("name")?;
        match named("filename") {
            Some(name) => {
                let kind = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
                });
                let bytes = Bytes::copy_from_slice(value);
                files.push((field, File { name, mime_type: kind.unwrap_or_default(), bytes }));
            }
            None => fields.push((field, String::from_utf8_lossy(value).into_owned())),
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
