//! `[secrets]`: the key that seals everything secret in the database.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, Problem, secret_value};
use botbuilder_domain::Secret;

/// Length of the root key in bytes.
pub const ROOT_KEY_BYTES: usize = 32;

/// File of the root key below the data directory, when nothing else is configured.
const ROOT_KEY_FILE: &str = "root.key";

/// The root key: 64 hexadecimal digits.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// The key itself.
    #[serde(serialize_with = "secret_value::hide")]
    pub root_key: Option<Secret<String>>,
    /// A file that holds the key.
    pub root_key_file: Option<PathBuf>,
    /// The key before this one, while `botbuilder rotate-root-key` has not sealed everything anew.
    #[serde(serialize_with = "secret_value::hide")]
    pub previous_root_key: Option<Secret<String>>,
    /// A file that holds the key before this one.
    pub previous_root_key_file: Option<PathBuf>,
}

impl Secrets {
    /// The root key: configured, or the one in the data directory. `None` when there is none yet.
    pub fn root_key(&self, data_dir: &Path) -> Result<Option<Secret<[u8; ROOT_KEY_BYTES]>>, Error> {
        let default_file = data_dir.join(ROOT_KEY_FILE);
        let configured = self.root_key.is_some() || self.root_key_file.is_some();
        if !configured && !default_file.exists() {
            return Ok(None);
        }
        let file = self.root_key_file.as_deref().unwrap_or(&default_file);
        let Some(text) = secret_value::resolve("secrets.root_key", self.root_key.as_ref(), Some(file))?
        else {
            return Ok(None);
        };
        decoded("secrets.root_key", &text).map(Some)
    }

    /// The root key before this one, if it is still to open what it sealed.
    pub fn previous_root_key(&self) -> Result<Option<Secret<[u8; ROOT_KEY_BYTES]>>, Error> {
        let (value, file) = (self.previous_root_key.as_ref(), self.previous_root_key_file.as_deref());
        let text = secret_value::resolve("secrets.previous_root_key", value, file)?;
        text.map(|text| decoded("secrets.previous_root_key", &text)).transpose()
    }

    /// The root key, made and kept in the data directory if there is none. For development: in production a key
    /// that appears by itself would hide that the real one is missing.
    pub fn root_key_or_generate(&self, data_dir: &Path) -> Result<Secret<[u8; ROOT_KEY_BYTES]>, Error> {
        if let Some(key) = self.root_key(data_dir)? {
            return Ok(key);
        }
        let path = data_dir.join(ROOT_KEY_FILE);
        let mut key = [0; ROOT_KEY_BYTES];
        getrandom::fill(&mut key).map_err(|source| Error::Random { message: source.to_string() })?;
        write_private(&path, hex::encode(key).as_bytes())
            .map_err(|source| Error::WriteKey { path, source })?;
        Ok(Secret::new(key))
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        for (name, value, file) in [
            ("secrets.root_key", &self.root_key, &self.root_key_file),
            ("secrets.previous_root_key", &self.previous_root_key, &self.previous_root_key_file),
        ] {
            secret_value::not_both(name, value.as_ref(), file.as_deref(), problems);
            if let Some(key) = value {
                let is_key = decode(key.expose()).is_some();
                Problem::unless(is_key, name, "must be 64 hexadecimal digits", problems);
            }
        }
    }
}

fn decoded(name: &'static str, text: &Secret<String>) -> Result<Secret<[u8; ROOT_KEY_BYTES]>, Error> {
    decode(text.expose()).ok_or_else(|| {
        let message = format!("must be {} hexadecimal digits", ROOT_KEY_BYTES * 2);
        Error::Invalid(vec![Problem::new(name, message)])
    })
}

fn decode(text: &str) -> Option<Secret<[u8; ROOT_KEY_BYTES]>> {
    let mut key = [0; ROOT_KEY_BYTES];
    hex::decode_to_slice(text.trim(), &mut key).ok()?;
    Some(Secret::new(key))
}

/// Writes a file that only its owner may read. The file appears whole or not at all: it is written beside its
/// place and renamed, because half a key would lock everybody out of what is sealed later.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};

    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let fresh = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_generated_key_is_private_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = Secrets::default();
        assert!(secrets.root_key(directory.path()).unwrap().is_none());
        let made = secrets.root_key_or_generate(directory.path()).unwrap();
        let found = secrets.root_key(directory.path()).unwrap().unwrap();
        assert!(made.expose() == found.expose());
        let mode = directory.path().join(ROOT_KEY_FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_broken_key_file_is_an_error_and_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(ROOT_KEY_FILE), "abc").unwrap();
        assert!(Secrets::default().root_key_or_generate(directory.path()).is_err());
        assert_eq!(std::fs::read(directory.path().join(ROOT_KEY_FILE)).unwrap(), b"abc");
    }

    #[test]
    fn the_key_before_is_read_from_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("before");
        std::fs::write(&file, format!("{}\n", "07".repeat(ROOT_KEY_BYTES))).unwrap();
        let mut secrets = Secrets { previous_root_key_file: Some(file.clone()), ..Secrets::default() };
        assert_eq!(secrets.previous_root_key().unwrap().unwrap().expose(), &[7; ROOT_KEY_BYTES]);
        std::fs::write(&file, "07").unwrap();
        let error = secrets.previous_root_key().err().unwrap().to_string();
        assert!(error.contains("secrets.previous_root_key"), "{error}");
        secrets.previous_root_key_file = None;
        assert!(secrets.previous_root_key().unwrap().is_none());
    }

    #[test]
    fn a_missing_key_file_names_the_key() {
        let secrets = Secrets { root_key_file: Some("/nowhere/key".into()), ..Secrets::default() };
        let error = secrets.root_key(Path::new("/nowhere")).err().unwrap().to_string();
        assert!(error.contains("secrets.root_key_file") && error.contains("/nowhere/key"), "{error}");
    }
}
