//! Programs of the operating system: found, or installed with its package manager.

use std::{path::Path, process::Command};

use botbuilder_postgres::dirs;

use crate::shell::{Outcome, capture, exists, program, run, say};

/// Something that must be on the machine.
pub struct Tool {
    /// Tells whether it is there.
    pub found: fn() -> bool,
    /// Debian's packages that bring it.
    pub packages: &'static [&'static str],
    /// What it is for.
    pub purpose: &'static str,
}

/// What a build needs.
pub const BUILD: &[Tool] = &[
    Tool {
        found: || exists("cc") && exists("c++") && exists("make"),
        packages: &["build-essential"],
        purpose: "a C and C++ compiler and make, for the Kafka client and cryptography",
    },
    Tool {
        found: || capture(program("python3").args(["-m", "pip", "--version"])).is_ok(),
        packages: &["python3", "python3-pip"],
        purpose: "Python 3 with pip, to fetch PostgreSQL",
    },
];

/// What the Redis suites need.
pub const REDIS: &[Tool] =
    &[Tool { found: || exists("redis-server"), packages: &["redis-server"], purpose: "a Redis server" }];

/// What the suites need that prove us with what others wrote.
pub const FOREIGN: &[Tool] = &[
    Tool {
        found: || exists("node") && exists("npm"),
        packages: &["nodejs", "npm"],
        purpose: "Node.js with npm",
    },
    Tool { found: || exists("openssl"), packages: &["openssl"], purpose: "openssl, to make certificates" },
    Tool {
        found: || exists("xmlsec1"),
        packages: &["xmlsec1"],
        purpose: "xmlsec1, which an identity provider signs with",
    },
];

/// What the chat for websites is checked with.
pub const BROWSERS: &[Tool] = &[
    Tool {
        found: || exists("node") && exists("npm"),
        packages: &["nodejs", "npm"],
        purpose: "Node.js with npm, for the widget",
    },
    Tool {
        found: || exists("chromium"),
        packages: &["chromium"],
        purpose: "Chromium, for the browsers' tests",
    },
    Tool {
        found: || exists("firefox-esr"),
        packages: &["firefox-esr"],
        purpose: "Firefox, for the browsers' tests",
    },
];

/// What the measurements compare with.
pub const LOAD: &[Tool] = &[
    Tool {
        // It is not where ordinary programs are.
        found: || exists("nginx") || Path::new("/usr/sbin/nginx").is_file(),
        packages: &["nginx-light"],
        purpose: "nginx, to compare with",
    },
    Tool {
        found: || Path::new("/usr/lib/nginx/modules/ngx_nchan_module.so").is_file(),
        packages: &["libnginx-mod-nchan"],
        purpose: "nchan, to compare sockets with",
    },
    Tool {
        found: || exists("node") && exists("npm"),
        packages: &["nodejs", "npm"],
        purpose: "Node.js with npm, to compare sockets with",
    },
];

/// What the Kafka suites need.
pub const KAFKA: &[Tool] = &[
    Tool { found: || exists("java"), packages: &["openjdk-17-jre-headless"], purpose: "Java, to run Kafka" },
    Tool { found: || exists("mvn"), packages: &["maven"], purpose: "Maven, to fetch Kafka" },
];

/// Installs what is not there, or says what to type.
pub fn ensure(tools: &[Tool]) -> Outcome {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !(tool.found)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for tool in &missing {
        say(&format!("missing: {}", tool.purpose));
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    install(&packages)?;
    match missing.iter().find(|tool| !(tool.found)()) {
        None => Ok(()),
        Some(tool) => Err(format!("still missing after installing it: {}", tool.purpose).into()),
    }
}

fn install(packages: &[&str]) -> Outcome {
    let wanted = packages.join(" ");
    if !exists("apt-get") {
        return Err(format!(
            "there is no apt-get here; install what these Debian packages hold and run this again: {wanted}"
        )
        .into());
    }
    let by_sudo = !dirs::is_root();
    if by_sudo && capture(program("sudo").args(["-n", "true"])).is_err() {
        return Err(format!(
            "type this and run the command again:\n  sudo apt-get update && sudo apt-get install --no-install-recommends {wanted}"
        )
        .into());
    }
    // A fresh machine has no package lists, an old one has stale ones.
    run(apt(by_sudo).args(["update", "-q"]))?;
    run(apt(by_sudo).args(["install", "-q", "-y", "--no-install-recommends"]).args(packages))
}

fn apt(by_sudo: bool) -> Command {
    let mut command = if by_sudo { program("sudo") } else { program("env") };
    if by_sudo {
        command.args(["-n", "env"]);
    }
    // With this run level packages do not start the services they bring: the tests start their own.
    command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]);
    command
}
