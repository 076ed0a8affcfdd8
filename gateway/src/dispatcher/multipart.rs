//! Fields and files in one body (RFC 7578).

use botbuilder_adapter_kit::Carried;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// The content type and the body. The boundary is made of the files, so it is in none of them but by intent, and a file
/// that holds its own digest cannot be made.
pub(super) fn write(fields: &[(String, String)], files: &[(String, Carried)]) -> (String, Bytes) {
    let digest = files.iter().fold(Sha256::new(), |digest, (_, file)| digest.chain_update(&file.bytes));
    let boundary = format!("bb-{}", &hex::encode(digest.finalize())[..40]);
    let length: usize = files.iter().map(|(_, file)| file.bytes.len()).sum();
    let mut body = Vec::with_capacity(length + 1024);
    for (name, value) in fields {
        let head =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"\r\n\r\n", quoted(name));
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    for (field, file) in files {
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\ncontent-type: {}\r\n\r\n",
            quoted(field),
            quoted(&file.name),
            quoted(&file.mime_type),
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&file.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body.into())
}

/// As browsers write it: what would end the name or its line is written with percent signs.
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::MediaKind;

    use super::*;

    #[test]
    fn a_name_cannot_leave_its_line() {
        let file = Carried {
            kind: MediaKind::Document,
            mime_type: "text/plain".into(),
            name: "a\"\r\nx: y.txt".into(),
            bytes: Bytes::from_static(b"hello"),
        };
        let (kind, body) = write(&[("chat_id".into(), "1".into())], &[("file".into(), file)]);
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(body.matches(boundary).count(), 3);
        assert!(body.contains("name=\"chat_id\"\r\n\r\n1\r\n"));
        assert!(
            body.contains("filename=\"a%22%0D%0Ax: y.txt\"\r\ncontent-type: text/plain\r\n\r\nhello\r\n")
        );
    }
}
