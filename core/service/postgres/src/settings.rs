//! The server's configuration file. It is written at each start, so that an upgrade of the program brings its settings
//! along; `custom.conf` beside it is for people.

use std::path::Path;

/// What a crash may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    Full,
    /// Everything: for tests, whose data nobody wants back.
    None,
}

const DURABLE: &str = "\
fsync = on
synchronous_commit = on
full_page_writes = on
# Full pages after a checkpoint are most of the log, and shrink well.
wal_compression = on
max_wal_size = 2GB
checkpoint_timeout = 15min
autovacuum = on
";

const DISPOSABLE: &str = "\
# The machine may die with the data, the server may not: tests rely on what was committed.
fsync = off
synchronous_commit = on
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 1h
autovacuum = off
";

/// The text of `postgresql.conf`.
pub(crate) fn render(sockets: &Path, max_connections: u32, durability: Durability) -> String {
    let sockets = sockets.display().to_string().replace('\'', "''");
    let durability = match durability {
        Durability::Full => DURABLE,
        Durability::None => DISPOSABLE,
    };
    format!(
        "\
# Written by BotBuilder at each start. Put settings of your own into custom.conf.
listen_addresses = ''
unix_socket_directories = '{sockets}'
# Only the account that runs the server, and root.
unix_socket_permissions = 0700
max_connections = {max_connections}
# A partitioned table takes a lock for each partition.
max_locks_per_transaction = 256
shared_buffers = 128MB
dynamic_shared_memory_type = posix
# Compiling a query costs more than it saves on short statements.
jit = off
timezone = UTC
log_timezone = UTC
logging_collector = on
log_directory = 'log'
# One file for each day of the week, so that the log has an end.
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_size = 0
{durability}include_if_exists = 'custom.conf'
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_path_stays_inside_its_value() {
        let text = render(Path::new("/tmp/o'clock"), 10, Durability::Full);
        assert!(text.contains("unix_socket_directories = '/tmp/o''clock'\n"), "{text}");
    }

    #[test]
    fn only_disposable_servers_skip_syncing() {
        assert!(render(Path::new("/s"), 10, Durability::Full).contains("\nfsync = on\n"));
        assert!(render(Path::new("/s"), 10, Durability::None).contains("\nfsync = off\n"));
    }
}
