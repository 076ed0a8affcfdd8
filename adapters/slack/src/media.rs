//! Files: fetched with the token from Slack's hosts; ours go up by an address that Slack gives out and are shared in the
//! conversation afterwards (`channels.md` 4.9).

use botbuilder_adapter_kit::{
    Account, Carried, Carry, Download, Fetch, Files, Part, ProviderRequest, ProviderResponse, RequestBody,
    SendError, Uploaded,
    files::{hosts, refused, unreadable},
};
use botbuilder_domain::{Content, Media, Secret};
use serde_json::{Value, json};

use crate::{Slack, mrkdwn::escape, refusal, settings::Calling};

/// Where Slack keeps files.
const HOSTS: [&str; 2] = ["files.slack.com", "*.slack-files.com"];

/// How a reference to a file begins that was uploaded and is not shared yet.
const UPLOADED: &str = "uploaded:";

impl Files for Slack {
    fn fetch(&self, account: &Account, file: &Media) -> Result<Fetch, SendError> {
        let Calling { base_url, bot_token } = Calling::of(account)?;
        if let Some(url) = &file.url {
            return Ok(Fetch::Download(download(account, &base_url, url, bot_token)));
        }
        let id = file.provider_ref.as_deref().ok_or_else(|| refused("the file has no id".to_owned()))?;
        // Shared from another workspace, a file comes without its address.
        Ok(Fetch::Ask(get(&base_url, bot_token, "files.info", &[("file", id)])))
    }

    fn found(&self, account: &Account, response: &ProviderResponse) -> Result<Download, SendError> {
        let Calling { base_url, bot_token } = Calling::of(account)?;
        let body = read(response)?;
        let url = ["/file/url_private_download", "/file/url_private"];
        let url = url.iter().find_map(|place| body.pointer(place).and_then(Value::as_str));
        Ok(download(account, &base_url, url.ok_or_else(|| unreadable(response))?, bot_token))
    }

    fn carry(&self, account: &Account, file: &Carried) -> Result<Carry, SendError> {
        let Calling { base_url, bot_token } = Calling::of(account)?;
        let length = file.bytes.len().to_string();
        let fields = [("filename", file.name.as_str()), ("length", &length)];
        let request = get(&base_url, bot_token, "files.getUploadURLExternal", &fields);
        let request = Box::new(request);
        Ok(Carry::Upload { request, reusable: None, kind: file.kind })
    }

    fn uploaded(
        &self,
        account: &Account,
        file: &Carried,
        response: &ProviderResponse,
    ) -> Result<Uploaded, SendError> {
        let Calling { base_url, .. } = Calling::of(account)?;
        let body = read(response)?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let (Some(url), Some(id)) = (text("upload_url"), text("file_id")) else {
            return Err(unreadable(response));
        };
        let there = Download {
            url: Secret::new(String::new()),
            bearer: None,
            hosts: hosts(account, &HOSTS, &base_url),
            page_is_refusal: false,
        };
        let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        if !host.is_some_and(|host| there.allows(&host)) {
            return Err(refused("the address for the upload is not one of Slack's".to_owned()));
        }
        let request = ProviderRequest {
            method: "POST",
            url: Secret::new(url.to_owned()),
            shown_as: "files.slack.com/upload".to_owned(),
            bearer: None,
            body: RequestBody::File(file.clone()),
        };
        let request = Box::new(request);
        Ok(Uploaded::Put { request, reference: format!("{UPLOADED}{id}") })
    }
}

/// Shares uploaded files in the conversation, in one message. The answer names no message.
pub(crate) fn share(
    account: &Account,
    part: &Part,
    files: &[&Media],
    thread: Option<&str>,
) -> Result<ProviderRequest, SendError> {
    let Calling { base_url, bot_token } = Calling::of(account)?;
    let ids: Vec<Value> =
        files.iter().filter_map(|file| uploaded(file)).map(|id| json!({ "id": id })).collect();
    let mut body = json!({ "files": ids, "channel_id": part.to });
    if let Some(thread) = thread {
        body["thread_ts"] = thread.into();
    }
    let captions: Vec<String> = files.iter().filter_map(|file| file.caption.as_deref()).map(escape).collect();
    if !captions.is_empty() {
        body["initial_comment"] = captions.join("\n").into();
    }
    let url = format!("{base_url}/files.completeUploadExternal");
    Ok(ProviderRequest {
        method: "POST",
        shown_as: url.clone(),
        url: Secret::new(url),
        bearer: Some(bot_token.clone()),
        body: RequestBody::Json(body),
    })
}

/// The id of a file that was uploaded and is not shared yet.
pub(crate) fn uploaded(file: &Media) -> Option<&str> {
    file.provider_ref.as_deref()?.strip_prefix(UPLOADED)
}

/// The files of a content.
pub(crate) fn files(content: &Content) -> &[Media] {
    match content {
        Content::Media(file) => std::slice::from_ref(file),
        Content::Album { items } => items,
        _ => &[],
    }
}

fn download(account: &Account, base_url: &str, url: &str, token: &Secret<String>) -> Download {
    Download {
        url: Secret::new(url.to_owned()),
        bearer: Some(token.clone()),
        hosts: hosts(account, &HOSTS, base_url),
        page_is_refusal: true,
    }
}

/// A method that is called with a query: these take no JSON.
pub(crate) fn get(
    base_url: &str,
    token: &Secret<String>,
    method: &str,
    fields: &[(&str, &str)],
) -> ProviderRequest {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    ProviderRequest {
        method: "GET",
        url: Secret::new(format!("{base_url}/{method}?{query}")),
        shown_as: format!("{base_url}/{method}"),
        bearer: Some(token.clone()),
        body: RequestBody::Empty,
    }
}

/// The body of an answer that is none of a refusal.
pub(crate) fn read(response: &ProviderResponse) -> Result<Value, SendError> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if body.get("ok") == Some(&Value::Bool(true)) {
        Ok(body)
    } else {
        Err(refusal::interpret(response, &body))
    }
}
