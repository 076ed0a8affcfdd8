//! Fixtures, and what they come to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

const EXPECTED: &str = ".expected.json";

/// A file that is read, and the name of the file that it is compared with.
pub(super) struct Fixture {
    pub(super) name: String,
    pub(super) bytes: Bytes,
    expected: PathBuf,
}

/// The fixtures of a folder, by name.
pub(super) fn fixtures(folder: &Path) -> Vec<Fixture> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut fixtures = Vec::new();
    for entry in entries {
        let path = entry.expect("the folder can be listed").path();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let Some(name) = file.strip_suffix(".json").filter(|_| !file.ends_with(EXPECTED)) else { continue };
        fixtures.push(Fixture {
            name: name.to_owned(),
            bytes: fs::read(&path).expect("the fixture can be read").into(),
            expected: folder.join(format!("{name}{EXPECTED}")),
        });
    }
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    fixtures
}

impl Fixture {
    pub(super) fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Compares with the snapshot, or writes it where `UPDATE_SNAPSHOTS` is set.
    pub(super) fn expect(&self, found: &Value) {
        let found_text = format!("{found:#}\n");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&self.expected, found_text).expect("the snapshot can be written");
            return;
        }
        let expected = fs::read_to_string(&self.expected)
            .unwrap_or_else(|_| panic!("{} has no snapshot; UPDATE_SNAPSHOTS=1 writes it", self.name));
        let expected: Value = serde_json::from_str(&expected).expect("the snapshot is JSON");
        assert!(
            expected == *found,
            "{} differs from its snapshot\n--- expected\n{expected:#}\n--- found\n{found_text}",
            self.name
        );
    }
}
