//! Starts a disposable server, prints its URL and keeps it until standard input ends or the process is ended.

use std::{io::Read as _, path::PathBuf};

use botbuilder_postgres::{Durability, Installation, TemporaryServer, dirs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let installation = Installation::at(&dirs::postgres_installation())?;
    let server = TemporaryServer::start(installation, &parent, Durability::None)?;
    println!("{}", server.url());
    let mut ignored = Vec::new();
    std::io::stdin().read_to_end(&mut ignored)?;
    Ok(())
}
