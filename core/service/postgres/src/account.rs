//! The account that the server runs under.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

use crate::{Error, dirs};

/// Accounts that may exist, best first.
const CANDIDATES: [&str; 3] = ["botbuilder", "postgres", "nobody"];

/// Who runs the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever we are.
    Ourselves,
    /// Somebody else, because we are root.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// The account for a server whose data are, or will be, in `data`. Data that exist stay with their owner: another
    /// candidate may have appeared since they were made.
    pub(crate) fn choose(data: &Path) -> Result<Self, Error> {
        if !dirs::is_root() {
            return Ok(Self::Ourselves);
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(Error::io("read /etc/passwd"))?;
        let owner = data.metadata().ok().map(|metadata| metadata.uid()).filter(|uid| *uid != 0);
        match owner {
            Some(owner) => find(&passwd, |_, uid| uid == owner),
            None => CANDIDATES.iter().find_map(|candidate| find(&passwd, |name, _| name == *candidate)),
        }
        .ok_or(Error::NoAccount)
    }

    /// Lets a command run under this account.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Self::Other { uid, gid, .. } = self {
            // The standard library also drops the supplementary groups when root gives up its user id.
            command.uid(*uid).gid(*gid);
        }
    }

    /// Creates a directory that only this account may enter, and what is missing above it.
    pub(crate) fn create_private(&self, path: &Path) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            create_passable(parent)?;
        }
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        self.give(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
    }

    /// Makes this account the owner of a file.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)),
        }
    }

    /// Fails if this account cannot enter `path`.
    pub(crate) fn must_reach(&self, path: &Path) -> Result<(), Error> {
        let Self::Other { name, .. } = self else { return Ok(()) };
        let mut command = Command::new("/bin/true");
        self.apply(&mut command);
        // The directory is entered after the change of account, so this fails exactly if the server would.
        match command.current_dir(path).status() {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::OutOfReach { path: path.to_owned(), account: name.clone() }),
        }
    }
}

/// Creates missing directories so that other accounts can pass through them, whatever the umask says.
fn create_passable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_passable(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) if dirs::is_root() => fs::set_permissions(path, fs::Permissions::from_mode(0o755)),
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The first entry of a password file that fits; never root.
fn find(passwd: &str, fits: impl Fn(&str, u32) -> bool) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0 && fits(name, uid)).then(|| Account::Other { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nbroken line\nnobody:x:65534:65534:nobody:/:/bin/false\n";

    #[test]
    fn entries_are_found_by_name_and_by_number() {
        let nobody = Account::Other { name: "nobody".to_owned(), uid: 65534, gid: 65534 };
        assert_eq!(find(PASSWD, |name, _| name == "nobody"), Some(nobody.clone()));
        assert_eq!(find(PASSWD, |_, uid| uid == 65534), Some(nobody));
    }

    #[test]
    fn root_is_never_chosen() {
        assert_eq!(find(PASSWD, |name, _| name == "root"), None);
        assert_eq!(find(PASSWD, |_, uid| uid == 0), None);
    }
}
