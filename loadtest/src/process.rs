//! What a process takes of the machine, as the kernel counts it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// Ticks of a second in `/proc/PID/stat`; the kernel shows the same number to every program.
const TICKS: u32 = 100;

/// Bytes of memory that a process, and those it started, have in use.
pub fn memory(id: u32) -> Result<u64> {
    let mut kilobytes = 0;
    for id in family(id)? {
        let status = fs::read_to_string(format!("/proc/{id}/status")).context("the process is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        kilobytes += line.trim().trim_end_matches(" kB").parse::<u64>().context("VmRSS is no number")?;
    }
    Ok(kilobytes * 1024)
}

/// Time that a process, and those it started, have had on processors.
pub fn time(id: u32) -> Result<Duration> {
    let mut ticks = 0;
    for id in family(id)? {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("the process is gone")?;
        // The name is in parentheses and may hold anything; what follows it begins with field 3.
        let (_, rest) = stat.rsplit_once(") ").context("stat has no name")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        for field in [11, 12] {
            ticks += fields.get(field).context("stat is short")?.parse::<u32>()?;
        }
    }
    Ok(Duration::from_secs(1) * ticks / TICKS)
}

/// A process and those it started.
fn family(id: u32) -> Result<Vec<u32>> {
    let children =
        fs::read_to_string(format!("/proc/{id}/task/{id}/children")).context("the process is gone")?;
    let children = children.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    Ok([id].into_iter().chain(children).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let id = std::process::id();
        assert!(memory(id).unwrap() > 1 << 20);
        assert!(time(id).unwrap() < Duration::from_hours(1));
        assert!(memory(u32::MAX).is_err());
    }
}
