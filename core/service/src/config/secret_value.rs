//! Secrets in the configuration: given as a value, or as the name of a file that holds it.

use std::path::Path;

use serde::Serializer;

use super::{Error, Problem};
use botbuilder_domain::Secret;

/// Shown in place of a secret.
const HIDDEN: &str = "(hidden)";

/// Serialises a secret as a placeholder, so that a rendered configuration never holds one.
#[expect(clippy::ref_option, reason = "the signature serde calls")]
pub(super) fn hide<S: Serializer>(value: &Option<Secret<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(_) => serializer.serialize_some(HIDDEN),
        None => serializer.serialize_none(),
    }
}

/// Reads a secret that is given as `key` or as `key_file`. White space around the file's text is dropped, because
/// editors and `echo` end a file with a line break.
pub(super) fn resolve(
    key: &str,
    value: Option<&Secret<String>>,
    file: Option<&Path>,
) -> Result<Option<Secret<String>>, Error> {
    match (value, file) {
        (Some(value), _) => Ok(Some(value.clone())),
        (None, None) => Ok(None),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(Secret::new(text.trim().to_owned()))),
            Err(source) => {
                Err(Error::SecretFile { key: format!("{key}_file"), path: path.to_owned(), source })
            }
        },
    }
}

/// Complains when both forms of one secret are given.
pub(super) fn not_both(
    key: &str,
    value: Option<&Secret<String>>,
    file: Option<&Path>,
    problems: &mut Vec<Problem>,
) {
    if value.is_some() && file.is_some() {
        problems.push(Problem::new(key, format!("is given twice, as a value and as {key}_file: keep one")));
    }
}
