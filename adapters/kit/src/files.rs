//! How files come from a provider, and how they go to it. All of it is pure; the gateway does the network.

use std::time::Duration;

use botbuilder_domain::{Media, MediaKind, Secret};
use bytes::Bytes;
use serde_json::Value;

use crate::{Account, ProviderRequest, ProviderResponse, SendError};

/// How the address begins that stands in a request for a file that rides along with it; its number follows, from 0.
pub const ATTACHED: &str = "attach://file";

/// A channel that carries files.
pub trait Files: Send + Sync {
    /// How to get a file that came in.
    fn fetch(&self, account: &Account, file: &Media) -> Result<Fetch, SendError>;

    /// Where the file is, from the answer to [`Fetch::Ask`].
    fn found(&self, _account: &Account, response: &ProviderResponse) -> Result<Download, SendError> {
        Err(unreadable(response))
    }

    /// The pictures that the network shows; none where it shows all that there are, or tells so itself. Others are turned
    /// into one of them before [`Files::carry`] is asked, where that is possible.
    fn pictures(&self) -> Option<Pictures> {
        None
    }

    /// How a file of ours goes out. By a link, where nothing else is said.
    fn carry(&self, _account: &Account, file: &Carried) -> Result<Carry, SendError> {
        Ok(Carry::Link { kind: file.kind })
    }

    /// What the answer to [`Carry::Upload`] says.
    fn uploaded(
        &self,
        _account: &Account,
        _file: &Carried,
        response: &ProviderResponse,
    ) -> Result<Uploaded, SendError> {
        Err(unreadable(response))
    }

    /// The request that sends a message with the files in it that it names, for [`Carry::Attach`]. Each file comes with
    /// the address that stands for it in the request.
    fn attach(&self, request: ProviderRequest, _files: &[(String, Carried)]) -> ProviderRequest {
        request
    }
}

/// How to get a file that came in.
#[derive(Debug)]
pub enum Fetch {
    /// The provider has to be asked where it is.
    Ask(ProviderRequest),
    /// It is there.
    Download(Download),
}

/// Where a file is, and how it is got.
#[derive(Debug)]
pub struct Download {
    /// The address. It may hold a secret.
    pub url: Secret<String>,
    /// The token it wants. It goes to no host but the first.
    pub bearer: Option<Secret<String>>,
    /// The hosts that may be called: names, or `*.name` for those below one. Redirects lead nowhere else.
    pub hosts: Vec<String>,
    /// Whether a page in place of a file means that the token was refused.
    pub page_is_refusal: bool,
}

impl Download {
    /// Whether a host may be called.
    pub fn allows(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| match known.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
            }
            None => known == host,
        })
    }
}

/// The hosts a provider keeps its files at: the setting `media_hosts`, or the usual ones; and that of its API.
pub fn hosts(account: &Account, usual: &[&str], base_url: &str) -> Vec<String> {
    let set = account.settings.get("media_hosts").and_then(Value::as_array);
    let mut hosts: Vec<String> = match set {
        Some(set) => set.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => usual.iter().map(|&host| host.to_owned()).collect(),
    };
    let own = url::Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    hosts.extend(own);
    hosts
}

/// The pictures that a network shows. `image/jpeg` and `image/png` have to be among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pictures {
    /// Their types.
    pub types: &'static [&'static str],
    /// The largest, in bytes.
    pub bytes: usize,
    /// Whether a sticker is sent as one.
    pub stickers: bool,
}

/// A file of ours on its way out.
#[derive(Clone)]
pub struct Carried {
    /// As what it is sent.
    pub kind: MediaKind,
    /// Its type, by its content.
    pub mime_type: String,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carried")
            .field("kind", &self.kind)
            .field("mime_type", &self.mime_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// How a file of ours goes out.
#[derive(Debug)]
pub enum Carry {
    /// The provider fetches it by a link.
    Link {
        /// As what it is sent.
        kind: MediaKind,
    },
    /// It rides in the request that sends the message; [`ATTACHED`] with a number stands for its address.
    Attach,
    /// It is uploaded first; the message then has the provider's reference to it.
    Upload {
        /// The first request of the upload.
        request: Box<ProviderRequest>,
        /// How long the reference is good for further messages; none where it is good for one.
        reusable: Option<Duration>,
        /// As what it is sent: a picture that the provider takes for no picture goes as a document.
        kind: MediaKind,
    },
}

/// What the answer to an upload says.
#[derive(Debug)]
pub enum Uploaded {
    /// It is there, under this reference.
    Reference(String),
    /// The bytes go there; then it is there, under this reference.
    Put {
        /// The request with the bytes.
        request: Box<ProviderRequest>,
        /// The reference.
        reference: String,
    },
}

/// A file that the provider does not take.
pub fn refused(message: String) -> SendError {
    SendError::Permanent { code: "file_not_taken".to_owned(), message }
}

/// An answer that does not say what was asked.
pub fn unreadable(response: &ProviderResponse) -> SendError {
    SendError::Transient {
        code: response.status.to_string(),
        message: "the provider did not say where the file is".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_are_called() {
        let download = Download {
            url: Secret::new(String::new()),
            bearer: None,
            hosts: vec!["files.example.com".into(), "*.cdn.example".into()],
            page_is_refusal: false,
        };
        for host in ["files.example.com", "a.cdn.example", "a.b.cdn.example"] {
            assert!(download.allows(host), "{host}");
        }
        for host in
            ["example.com", "evil-cdn.example", "cdn.example", ".cdn.example", "files.example.com.evil", ""]
        {
            assert!(!download.allows(host), "{host}");
        }
    }
}
