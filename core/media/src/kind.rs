//! What a file is, by its bytes.

use botbuilder_domain::MediaKind;

/// So many bytes of the beginning are looked at.
pub(crate) const HEAD: usize = 8 << 10;
/// Longest name of a file that is kept, in characters.
pub const NAME_MAX: usize = 200;

/// What nothing is known of.
pub const UNKNOWN: &str = "application/octet-stream";

/// The type of a file that begins with these bytes. What is declared decides only among types that begin alike: the
/// sound and the film of one container, the many forms of plain text.
pub fn of(head: &[u8], declared: Option<&str>) -> String {
    let declared = declared.map(essence).unwrap_or_default();
    let Some(found) = infer::get(head).map(|found| found.mime_type()) else {
        return if is_text(head) { text(head, &declared) } else { UNKNOWN.to_owned() };
    };
    let alike = match found {
        "video/webm" | "video/x-matroska" => &["audio/webm", "video/webm"][..],
        "video/mp4" | "audio/m4a" => &["audio/mp4", "audio/m4a", "audio/x-m4a", "video/mp4", "video/3gpp"],
        "audio/ogg" | "video/ogg" | "application/ogg" | "audio/opus" => {
            &["audio/ogg", "audio/opus", "video/ogg"]
        }
        // Only as sound does it stand alone.
        "audio/mpeg" => &["audio/mpeg", "audio/mp3"],
        "audio/x-wav" => &["audio/wav", "audio/x-wav", "audio/wave"],
        "application/zip" => &[
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/epub+zip",
        ],
        _ => &[],
    };
    match found {
        _ if alike.contains(&declared.as_str()) => declared,
        "audio/m4a" => "audio/mp4".to_owned(),
        "audio/x-wav" => "audio/wav".to_owned(),
        other => other.to_owned(),
    }
}

/// A type without its parameters, in lower case.
pub fn essence(declared: &str) -> String {
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Text has no control characters but those that shape lines, and is UTF-8 as far as it was read.
fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may have been cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !head.is_empty()
        && !whole.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t' | '\u{c}'))
}

/// Which text it is. Markup that a browser would run is told apart, whatever it is declared to be.
fn text(head: &[u8], declared: &str) -> String {
    let begin = String::from_utf8_lossy(&head[..head.len().min(1024)]).to_ascii_lowercase();
    let begin = begin.trim_start_matches('\u{feff}').trim_start();
    if begin.starts_with('<') {
        let known = [("<svg", "image/svg+xml"), ("<html", "text/html"), ("<!doctype html", "text/html")];
        let named = known.iter().find(|(tag, _)| begin.contains(tag)).map(|(_, kind)| *kind);
        return named.unwrap_or(if begin.starts_with("<?xml") { "text/xml" } else { "text/html" }).to_owned();
    }
    if begin.starts_with("#!") {
        return "text/x-shellscript".to_owned();
    }
    let plain = [
        "text/csv",
        "text/markdown",
        "text/calendar",
        "text/vcard",
        "text/x-vcard",
        "application/json",
        "text/tab-separated-values",
    ];
    if plain.contains(&declared) { declared.to_owned() } else { "text/plain".to_owned() }
}

/// What kind of file a type is.
pub fn media(mime_type: &str) -> MediaKind {
    match mime_type.split('/').next() {
        // Drawings are markup: they are handed over, not shown.
        Some("image") if mime_type != "image/svg+xml" => MediaKind::Image,
        Some("video") => MediaKind::Video,
        Some("audio") => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

/// Whether a browser may show it in place: pictures, sound and films that hold no program.
pub fn may_be_shown(mime_type: &str) -> bool {
    matches!(
        mime_type,
        "image/png"
            | "image/jpeg"
            | "image/gif"
            | "image/webp"
            | "image/avif"
            | "image/bmp"
            | "video/mp4"
            | "video/webm"
            | "video/ogg"
            | "video/3gpp"
            | "video/quicktime"
            | "audio/mpeg"
            | "audio/mp3"
            | "audio/mp4"
            | "audio/m4a"
            | "audio/x-m4a"
            | "audio/aac"
            | "audio/ogg"
            | "audio/opus"
            | "audio/wav"
            | "audio/x-wav"
            | "audio/wave"
            | "audio/webm"
            | "audio/amr"
            | "audio/x-flac"
            | "text/plain"
    )
}

/// Whether a stranger may hand it in: pictures, sound, films, documents, text and plain archives; no programs, no pages.
pub fn may_be_uploaded(mime_type: &str) -> bool {
    if may_be_shown(mime_type) {
        return true;
    }
    matches!(
        mime_type,
        "image/heif"
            | "image/heic"
            | "image/tiff"
            | "video/x-matroska"
            | "video/mpeg"
            | "audio/flac"
            | "application/pdf"
            | "application/rtf"
            | "application/zip"
            | "application/epub+zip"
            | "application/json"
            | "application/msword"
            | "application/vnd.ms-excel"
            | "application/vnd.ms-powerpoint"
            | "text/csv"
            | "text/markdown"
            | "text/calendar"
            | "text/vcard"
            | "text/x-vcard"
            | "text/tab-separated-values"
    ) || mime_type.starts_with("application/vnd.openxmlformats-officedocument.")
        || mime_type.starts_with("application/vnd.oasis.opendocument.")
}

/// A name for a file that has none.
pub fn file_name(mime_type: &str) -> String {
    let ending = match mime_type {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "audio/mpeg" => "mp3",
        "audio/ogg" => "ogg",
        "audio/mp4" => "m4a",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "text/csv" => "csv",
        kind if kind.starts_with("text/") => "txt",
        _ => "bin",
    };
    format!("file.{ending}")
}

/// The name of a file as it is kept: without folders, without control characters, not too long. None if nothing is left.
pub fn name(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|one| !one.is_control()).take(NAME_MAX).collect();
    let kept = kept.trim().trim_start_matches('.').trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn the_content_decides_whatever_is_declared() {
        assert_eq!(of(PNG, Some("text/html")), "image/png");
        assert_eq!(of(b"%PDF-1.7\n", Some("image/png")), "application/pdf");
        assert_eq!(of(b"<!DOCTYPE html><p>x", Some("image/png")), "text/html");
        assert_eq!(of(b"\xef\xbb\xbf <svg onload=alert(1)>", Some("image/png")), "image/svg+xml");
        assert_eq!(of(b"<script>alert(1)</script>", Some("text/plain")), "text/html");
        assert_eq!(of(b"#!/bin/sh\nrm", Some("text/plain")), "text/x-shellscript");
        assert_eq!(of(b"MZ\x90\0\x03", None), "application/vnd.microsoft.portable-executable");
        assert_eq!(of(&[0, 1, 2, 3], Some("image/png")), UNKNOWN);
        assert_eq!(of(b"", None), UNKNOWN);
    }

    #[test]
    fn among_what_begins_alike_the_declaration_decides() {
        assert_eq!(of(b"a,b\n1,2\n", Some("text/csv; charset=utf-8")), "text/csv");
        assert_eq!(of(b"a,b\n1,2\n", Some("image/png")), "text/plain");
        assert_eq!(
            of(b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0OpusHead", Some("audio/ogg")),
            "audio/ogg"
        );
        assert_eq!(of("Grüße 🎈".as_bytes(), None), "text/plain");
        // A character that the limit of what is looked at has cut.
        assert_eq!(of(&"ü".as_bytes()[..1], None), "text/plain");
    }

    #[test]
    fn programs_and_pages_are_neither_shown_nor_taken() {
        for bad in [
            "text/html",
            "image/svg+xml",
            "text/xml",
            "text/x-shellscript",
            UNKNOWN,
            "text/javascript",
            "application/vnd.microsoft.portable-executable",
            "application/x-executable",
        ] {
            assert!(!may_be_shown(bad) && !may_be_uploaded(bad), "{bad}");
        }
        assert!(may_be_uploaded("application/pdf") && !may_be_shown("application/pdf"));
    }

    #[test]
    fn names_lead_nowhere() {
        assert_eq!(name("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(name("C:\\temp\\übersicht.pdf").as_deref(), Some("übersicht.pdf"));
        assert_eq!(name("a\r\nb\0.txt").as_deref(), Some("ab.txt"));
        assert_eq!(name(".htaccess").as_deref(), Some("htaccess"));
        assert_eq!(name("  .. "), None);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(head in proptest::collection::vec(any::<u8>(), 0..600), declared in ".{0,40}") {
            let kind = of(&head, Some(&declared));
            prop_assert!(!kind.is_empty());
        }
    }
}
