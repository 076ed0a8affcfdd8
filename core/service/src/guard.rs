//! Which addresses may be called on behalf of others.
//!
//! Every URL that a user, a provider's payload, a document or a model supplied passes [`Guard::check`], and every
//! address its host name resolves to passes [`is_public`] before it is connected to; [`crate::http`] sees to both. What
//! is refused here is what would let an outsider reach the inside: other services on this machine or network, the
//! metadata services of clouds, and every spelling of those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::config::Outbound;

/// Why an address is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not an address at all.
    #[error("the address cannot be read: {0}")]
    Unreadable(url::ParseError),
    /// Neither http nor https.
    #[error("only http and https are called")]
    Scheme,
    /// A user name or password in the address.
    #[error("an address must not hold credentials")]
    Credentials,
    /// A port that is not configured.
    #[error("port {0} is not called")]
    Port(u16),
    /// An address that is not on the public internet, or a name with such an address.
    #[error("{0} is not a public address")]
    NotPublic(IpAddr),
    /// A name without any address.
    #[error("the host has no address")]
    NoAddress,
}

/// How a URL came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Configuration names it: its addresses need not be public.
    Configured,
    /// It may be called if its addresses are public.
    IfPublic,
}

/// The rules of this installation.
#[derive(Debug, Clone)]
pub struct Guard {
    ports: Vec<u16>,
    configured: Vec<Url>,
}

impl Guard {
    /// The rules of the configuration.
    pub fn new(outbound: &Outbound) -> Self {
        Self { ports: outbound.ports.clone(), configured: outbound.allow.clone() }
    }

    /// Judges a URL by what is written in it. Names are judged when they have been resolved.
    pub fn check(&self, url: &Url) -> Result<Verdict, Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        if self.configured.iter().any(|base| is_below(base, url)) {
            return Ok(Verdict::Configured);
        }
        match url.port() {
            Some(port) if !matches!(port, 80 | 443) && !self.ports.contains(&port) => {
                return Err(Refusal::Port(port));
            }
            _ => {}
        }
        // The parser has already turned every spelling of a number (hexadecimal, octal, short) into an address.
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(Verdict::IfPublic),
            None => return Err(Refusal::NoAddress),
        };
        if is_public(address) { Ok(Verdict::IfPublic) } else { Err(Refusal::NotPublic(address)) }
    }
}

/// Parses a URL supplied by somebody else. The result is what must be called: parsing a second time, by another
/// parser, is how checks are got around.
pub fn parse(text: &str) -> Result<Url, Refusal> {
    Url::parse(text).map_err(Refusal::Unreadable)
}

/// All addresses of a name must be public: one that is not would be found by trying often enough.
pub fn all_public(addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Refusal> {
    let mut any = false;
    for address in addresses {
        any = true;
        if !is_public(address) {
            return Err(Refusal::NotPublic(address));
        }
    }
    if any { Ok(()) } else { Err(Refusal::NoAddress) }
}

/// Whether an address is unicast on the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    // The special-purpose registry of IANA, and one address of a cloud that looks public and is not.
    let special = match address.octets() {
        [0 | 10 | 127 | 224..=255, ..]      // this network, private, loopback, multicast and beyond
        | [100, 64..=127, ..]               // shared by carriers
        | [169, 254, ..]                    // link-local, metadata services
        | [172, 16..=31, ..]                // private
        | [192, 0, 0 | 2, _]                // protocol assignments, documentation
        | [192, 88, 99, _]                  // relays of 6to4
        | [192, 168, ..]                    // private
        | [198, 18 | 19, ..]                // benchmarks
        | [198, 51, 100, _]                 // documentation
        | [203, 0, 113, _]                  // documentation
        | [168, 63, 129, 16] => true,       // Azure's services for its guests
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is handed out. That leaves out loopback, unspecified, link-local, unique local, multicast, and
    // IPv4 mapped or translated (::ffff:0:0/96, 64:ff9b::/96).
    let special = match address.segments() {
        // Protocol assignments (Teredo, benchmarks, overlays), and documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..]
        // 6to4, which holds an IPv4 address, and more documentation.
        | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => true,
        [first, ..] => first & 0xe000 != 0x2000,
    };
    !special
}

/// Whether `url` has the origin of `base` and a path below it.
fn is_below(base: &Url, url: &Url) -> bool {
    let directory = base.path().trim_end_matches('/');
    base.scheme() == url.scheme()
        && base.host() == url.host()
        && base.port_or_known_default() == url.port_or_known_default()
        && url.path().strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
