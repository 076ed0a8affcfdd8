//! Starting, finding again and stopping a server.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Durability, Error, Installation, VERSION,
    account::Account,
    dirs::digest,
    process::{postmaster, run, using, wait_until},
    settings,
};

/// The superuser of the server, and the name in its URLs.
const USER: &str = "postgres";

/// Recovery after a crash replays the log; it is bounded by `max_wal_size`, but a slow disk may take a while.
const START_SECONDS: u32 = 300;

/// A fast stop ends sessions and writes a checkpoint.
const STOP_SECONDS: u32 = 60;

/// A lock that was given up is held for a moment longer where another thread of its process is just starting a program:
/// the child has all open files until it runs that program.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// The path of a Unix socket may have 107 bytes, `/.s.PGSQL.5432` included.
const LONGEST_SOCKET_DIRECTORY: usize = 90;

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The programs.
    pub installation: Installation,
    /// A directory for the server alone: data, socket, log. Made if it does not exist.
    pub directory: PathBuf,
    /// A database that shall exist.
    pub database: String,
    /// Most sessions.
    pub max_connections: u32,
    /// What a crash may cost.
    pub durability: Durability,
}

/// A running server. It is stopped when this value goes; [`Server::stop`] does the same and tells about errors.
#[derive(Debug)]
pub struct Server {
    options: Options,
    account: Account,
    data: PathBuf,
    sockets: PathBuf,
    /// Held for as long as this value lives. The operating system lets go of it when the process dies, however that
    /// happens, so it never has to be cleaned up.
    _lock: File,
    stopped: bool,
}

fn url(sockets: &str, database: &str) -> String {
    format!("postgres://{USER}@localhost/{}?host={}", escape(database), escape(sockets))
}

/// The URL of a database of the server that runs in this directory now, whichever process started it. None where none
/// runs.
pub fn url_of_running(directory: &Path, database: &str) -> Option<String> {
    let data = directory.join("data");
    postmaster(&data)?;
    // The fifth line of the file names the directory of the socket.
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Some(url(text.lines().nth(4)?, database))
}

impl Server {
    /// Starts the server: makes its data on the first start, takes over a server that a killed process left behind,
    /// and returns when it answers.
    pub fn start(options: Options) -> Result<Self, Error> {
        let data = options.directory.join("data");
        let account = Account::choose(&data)?;
        account
            .create_private(&options.directory)
            .map_err(Error::io(format!("create {}", options.directory.display())))?;
        account.must_reach(&options.directory)?;
        account.must_reach(&options.installation.root().join("bin"))?;
        let lock = lock(&options.directory)?;
        let sockets = socket_directory(&options.directory, &account)?;
        let server = Self { options, account, data, sockets, _lock: lock, stopped: false };
        server.ensure_running()?;
        Ok(server)
    }

    /// Sees to it that the server runs and answers. Called again, it brings back a server that has died.
    pub fn ensure_running(&self) -> Result<(), Error> {
        self.make_data()?;
        let settings_changed = self.write_settings()?;
        if postmaster(&self.data).is_some() && (settings_changed || !self.can_be_adopted()) {
            self.shut_down()?;
        }
        if postmaster(&self.data).is_none() {
            self.clear_leftovers()?;
            self.launch()?;
        }
        self.make_database()
    }

    /// Whether the server's main process is there.
    pub fn is_running(&self) -> bool {
        postmaster(&self.data).is_some()
    }

    /// The URL of the database named in the options; its user is the superuser.
    pub fn url(&self) -> String {
        url(&self.sockets.display().to_string(), &self.options.database)
    }

    /// The directory of its socket, which is what `psql -h` takes.
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The installation it runs on.
    pub fn installation(&self) -> &Installation {
        &self.options.installation
    }

    /// Stops the server: sessions are ended, everything is written.
    pub fn stop(mut self) -> Result<(), Error> {
        self.stopped = true;
        self.shut_down()
    }

    /// Leaves the server running and lets go of its directory, as the end of the process by a signal would. The next
    /// [`Server::start`] takes it over.
    pub fn abandon(mut self) {
        self.stopped = true;
    }

    /// A command that stops the server at once and deletes its directory when its standard input ends.
    pub(crate) fn undertaker(&self) -> std::process::Command {
        // It keeps our account, because only that may delete the directory wherever it is. SIGQUIT is what an immediate
        // stop sends; the lock file goes last.
        const SCRIPT: &str = r#"
            read -r _
            kill -QUIT "$(head -n 1 "$1/postmaster.pid")"
            for _ in $(seq 500); do [ -e "$1/postmaster.pid" ] || break; sleep 0.02; done
            rm -rf "$2" "$3"
        "#;
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "undertaker"]);
        command.arg(&self.data).arg(&self.options.directory).arg(&self.sockets).current_dir("/");
        command
    }

    /// Gives up the duty to stop the server.
    pub(crate) fn disown(&mut self) {
        self.stopped = true;
    }

    fn command(&self, program: &str) -> std::process::Command {
        self.options.installation.command(program, &self.account, &self.options.directory)
    }

    /// Makes the data in a directory beside their place and renames it, so that a start that was cut off leaves
    /// nothing that looks complete.
    fn make_data(&self) -> Result<(), Error> {
        if let Ok(found) = fs::read_to_string(self.data.join("PG_VERSION")) {
            let found = found.trim();
            return if found == VERSION {
                Ok(())
            } else {
                Err(Error::OtherVersion { path: self.data.clone(), found: found.to_owned() })
            };
        }
        let fresh = self.options.directory.join("data.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(Error::io(format!("remove {}", fresh.display())))?;
        }
        let mut initdb = self.command("initdb");
        initdb.arg("--pgdata").arg(&fresh).args(["--username", USER]);
        initdb.args(["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]);
        // Whoever can enter the directory of the socket is the account itself, or root.
        initdb.args(["--auth-local=trust", "--auth-host=reject", "--data-checksums", "--no-instructions"]);
        if self.options.durability == Durability::None {
            initdb.arg("--no-sync");
        }
        run(&mut initdb)?;
        fs::rename(&fresh, &self.data).map_err(Error::io(format!("create {}", self.data.display())))
    }

    /// Writes the configuration file and tells whether it is another than before.
    fn write_settings(&self) -> Result<bool, Error> {
        let path = self.data.join("postgresql.conf");
        let text = settings::render(&self.sockets, self.options.max_connections, self.options.durability);
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            return Ok(false);
        }
        let doing = || format!("write {}", path.display());
        fs::write(&path, text).map_err(Error::io(doing()))?;
        self.account.give(&path).map_err(Error::io(doing()))?;
        Ok(true)
    }

    /// A server that is already there is as good as a new one if it came from the same binaries and answers.
    fn can_be_adopted(&self) -> bool {
        let postgres = self.options.installation.program("postgres");
        let started_as = fs::read_to_string(self.data.join("postmaster.opts")).unwrap_or_default();
        let same = started_as.starts_with(&*postgres.to_string_lossy());
        // It may still be recovering.
        same && wait_until(Duration::from_secs(10), || self.query("SELECT 1").is_ok())
    }

    /// Waits for the last processes of a killed server, then removes its lock files. PostgreSQL clears stale files
    /// itself, except when the process id in them has been given to somebody else since, as happens in containers,
    /// or belongs to a dead process whose parent has not asked after it.
    fn clear_leftovers(&self) -> Result<(), Error> {
        if !self.wait_for_processes() {
            return Err(Error::Lingering { path: self.data.clone(), pids: using(&self.data) });
        }
        for file in [self.data.join("postmaster.pid"), self.sockets.join(".s.PGSQL.5432.lock")] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(format!("remove {}", file.display()))(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits until no process uses the data any more, and tells whether that came true.
    fn wait_for_processes(&self) -> bool {
        wait_until(Duration::from_secs(10), || using(&self.data).is_empty())
    }

    fn launch(&self) -> Result<(), Error> {
        let log = self.options.directory.join("start.log");
        // Whose file it is may differ, and only the last start is of interest.
        let _ = fs::remove_file(&log);
        let mut pg_ctl = self.command("pg_ctl");
        // The log must not be our standard error: the server would keep it open for as long as it lives.
        pg_ctl.args(["start", "-s", "-w", "-t", &START_SECONDS.to_string(), "-D"]).arg(&self.data);
        pg_ctl.arg("-l").arg(&log);
        run(&mut pg_ctl).map_err(|error| match error {
            Error::Failed { program, output } => {
                let said = [log, newest(&self.data.join("log"))].map(|file| last_lines(&file));
                Error::Failed { program, output: format!("{output}\n{}", said.join("\n")) }
            }
            other => other,
        })?;
        Ok(())
    }

    fn make_database(&self) -> Result<(), Error> {
        let name = &self.options.database;
        let literal = name.replace('\'', "''");
        let found = self.query(&format!("SELECT 1 FROM pg_database WHERE datname = '{literal}'"))?;
        if found.trim().is_empty() {
            self.query(&format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")))?;
        }
        Ok(())
    }

    fn query(&self, sql: &str) -> Result<String, Error> {
        let mut psql = self.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", "postgres", "-h"]);
        run(psql.arg(&self.sockets).args(["-c", sql]))
    }

    /// Stops the server. [`Server::ensure_running`] starts it again.
    pub fn shut_down(&self) -> Result<(), Error> {
        if postmaster(&self.data).is_none() {
            return Ok(());
        }
        let stop = |mode: &str| {
            let mut pg_ctl = self.command("pg_ctl");
            pg_ctl.args(["stop", "-s", "-w", "-t", &STOP_SECONDS.to_string(), "-m", mode, "-D"]);
            run(pg_ctl.arg(&self.data)).map(drop)
        };
        // What a fast stop cannot end, an immediate one can; the next start then recovers from the log.
        stop("fast").or_else(|_| stop("immediate"))?;
        // The lock file goes a moment before the process.
        self.wait_for_processes();
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.stopped {
            // There is nobody left to tell; the next start takes over whatever is still there.
            let _ = self.shut_down();
        }
    }
}

/// The file of `directory` that was written last.
fn newest(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let dated = entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
    dated.max().map(|(_, path)| path).unwrap_or_default()
}

/// The end of a file, which is where the reason is.
fn last_lines(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join("lock");
    let doing = || format!("open {}", path.display());
    let file =
        File::options().write(true).create(true).truncate(false).open(&path).map_err(Error::io(doing()))?;
    let mut tried = file.try_lock();
    wait_until(LOCK_PATIENCE, || {
        if matches!(tried, Err(TryLockError::WouldBlock)) {
            tried = file.try_lock();
        }
        !matches!(tried, Err(TryLockError::WouldBlock))
    });
    match tried {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::io(format!("lock {}", path.display()))(error)),
    }
}

/// The server's own directory, or a short one where that is too long for a socket's path.
fn socket_directory(directory: &Path, account: &Account) -> Result<PathBuf, Error> {
    if directory.as_os_str().len() <= LONGEST_SOCKET_DIRECTORY {
        return Ok(directory.to_owned());
    }
    let short = std::env::temp_dir().join(format!("botbuilder-{:016x}", digest(directory)));
    let doing = || format!("create {}", short.display());
    account.create_private(&short).map_err(Error::io(doing()))?;
    // Everybody may write to the directory for temporary files: what was there before must be ours.
    let found = fs::symlink_metadata(&short).map_err(Error::io(doing()))?;
    let expected = match account {
        Account::Ourselves => directory.metadata().map_err(Error::io(doing()))?.uid(),
        Account::Other { uid, .. } => *uid,
    };
    if found.is_dir() && found.uid() == expected { Ok(short) } else { Err(Error::InUse { path: short }) }
}

/// Percent-encodes what has a meaning in a URL.
fn escape(text: &str) -> String {
    use std::fmt::Write as _;

    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_in_urls() {
        assert_eq!(escape("/var/lib/bot builder/ä&?"), "/var/lib/bot%20builder/%C3%A4%26%3F");
    }

    #[test]
    fn a_directory_without_binaries_says_what_to_do() {
        let error = Installation::at(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.contains("/nowhere") && error.contains("cargo xtask setup"), "{error}");
    }
}
