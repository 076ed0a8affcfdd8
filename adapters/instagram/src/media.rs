//! Files: fetched from the network's distribution servers, without a token and soon (`channels.md` 2.6); ours go out by
//! link.

use botbuilder_adapter_kit::{
    Account, Download, Fetch, Files, SendError,
    files::{hosts, refused},
};
use botbuilder_domain::{Media, Secret};

use crate::{Instagram, settings::Sending};

/// Where the network keeps files.
const HOSTS: [&str; 3] = ["*.fbcdn.net", "*.cdninstagram.com", "lookaside.fbsbx.com"];

impl Files for Instagram {
    fn fetch(&self, account: &Account, file: &Media) -> Result<Fetch, SendError> {
        let url = file.url.as_deref().ok_or_else(|| refused("the file has no address".to_owned()))?;
        Ok(Fetch::Download(Download {
            url: Secret::new(url.to_owned()),
            bearer: None,
            hosts: hosts(account, &HOSTS, &Sending::of(account)?.base_url),
            page_is_refusal: false,
        }))
    }
}
