//! Programs that others wrote, to be run against what is under test. They are installed beside the build on their first
//! use.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// What is to be installed.
#[derive(Debug, Clone, Copy)]
pub enum Packages<'a> {
    /// One from the registry of Node.js.
    Npm {
        /// Its name.
        name: &'a str,
        /// Its version.
        version: &'a str,
    },
    /// Some from Python's, each by its pinned version (`name==1.2`).
    Pip(&'a [&'a str]),
    /// Some from Python's, each file pinned by its digest in a requirements file.
    Requirements(&'a Path),
}

impl Packages<'_> {
    /// What is installed where, in a word that is a folder's name.
    fn name(self) -> String {
        match self {
            Self::Npm { name, version } => format!("{name}-{version}"),
            Self::Pip(packages) => packages[0].replace("==", "-"),
            Self::Requirements(file) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.trim_end_matches(".requirements.txt").to_owned()
            }
        }
    }

    /// By what an installation is known to be this one.
    fn fingerprint(self) -> String {
        match self {
            Self::Npm { name, version } => format!("{name}@{version}"),
            Self::Pip(packages) => packages.join("\n"),
            Self::Requirements(file) => fs::read_to_string(file).expect("the requirements"),
        }
    }

    fn installer(self, folder: &Path) -> Command {
        match self {
            Self::Npm { name, version } => {
                let mut npm = Command::new("npm");
                npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
                npm.arg(format!("{name}@{version}"));
                npm
            }
            Self::Pip(packages) => {
                let mut pip = pip(folder);
                pip.args(packages);
                pip
            }
            Self::Requirements(file) => {
                let mut pip = pip(folder);
                pip.args(["--require-hashes", "--only-binary", ":all:", "-r"]).arg(file);
                pip
            }
        }
    }
}

fn pip(folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--target"]).arg(folder);
    pip
}

/// The folder of packages, below `beside` (a test's `CARGO_TARGET_TMPDIR`). None where they cannot be had.
///
/// Whoever comes second waits for the first, and an installation that was broken off begins anew.
///
/// # Panics
///
/// Under `CI`, if they cannot be had: what is not tried must not count as passed.
pub fn packages(beside: &str, wanted: Packages<'_>) -> Option<PathBuf> {
    let folder = Path::new(beside).join(format!("foreign-{}", wanted.name()));
    let (done, fingerprint) = (folder.join("installed"), wanted.fingerprint());
    let lock = File::create(folder.with_extension("lock")).expect("a lock");
    lock.lock().expect("the lock");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == fingerprint) {
        return Some(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old installation goes");
    }
    fs::create_dir_all(&folder).expect("a folder");
    let output = wanted.installer(&folder).output();
    if output.as_ref().is_ok_and(|output| output.status.success()) {
        fs::write(&done, fingerprint).expect("a note of what is there");
        return Some(folder);
    }
    let why = match output {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    assert!(std::env::var_os("CI").is_none(), "{} cannot be had: {why}", wanted.name());
    eprintln!("{} cannot be had, and is not tried: {why}", wanted.name());
    None
}
