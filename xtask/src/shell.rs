//! Running other programs and telling about it.

use std::{
    error::Error,
    ffi::OsStr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// How a command ends. The error is shown to whoever typed it.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Tells what is being done. Standard error, so that the output of programs can be piped.
pub fn say(message: &str) {
    eprintln!("xtask: {message}");
}

/// Whether this is a run that nobody watches and nothing may be left out of.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// The top of the repository.
pub fn root() -> PathBuf {
    // Cargo sets it when it runs us; the compiled-in value serves a binary started by hand.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// The directory of compiled programs.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root().join(directory),
        None => root().join("target"),
    }
}

/// A program to be run at the top of the repository.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Cargo, without what the cargo that runs us has told us about our own package.
pub fn cargo() -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    command
}

/// Shows a command and runs it to its end. Fails if it does.
pub fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    say(&format!("$ {shown}"));
    let status = command.status().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}").into()) }
}

/// Runs a command quietly and returns what it printed. What it complained about is in the error.
pub fn capture(command: &mut Command) -> Outcome<String> {
    let shown = show(command);
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{shown}: {}: {complaint}", output.status).into())
}

/// Whether a variable is set to something.
pub fn given(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Whether a program can be found.
pub fn exists(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    // Cargo and others are started by their full path, which says nothing to the reader.
    let name = words[0].rsplit('/').next().map(str::to_owned);
    words[0] = name.unwrap_or_default();
    words.join(" ")
}

/// A server that ends when this value, or this process, does: a shell waits for the end of a pipe that only this
/// process holds, then ends the server and deletes its directory.
pub struct Guarded {
    shell: Child,
}

impl Guarded {
    /// Starts a server that keeps its files in `directory`.
    pub fn start(server: &Command, directory: &std::path::Path) -> Outcome<Self> {
        use std::os::unix::process::CommandExt as _;

        const SCRIPT: &str = r#"
            directory=$1; shift
            "$@" < /dev/null & server=$!
            read -r _
            kill -TERM $server; wait $server
            rm -rf "$directory"
        "#;
        let mut command = program("/bin/sh");
        command
            .args(["-c", SCRIPT, "guard"])
            .arg(directory)
            .arg(server.get_program())
            .args(server.get_args());
        // An interrupt from the terminal must not end it before it has ended the server.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Self { shell: command.spawn()? })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // If it cannot be waited for, it finishes without us.
        let _ = self.shell.wait();
    }
}
