//! Files: `getFile`, then a download below the token's address (`channels.md` 3.4); ours ride in the request that sends
//! them.

use botbuilder_adapter_kit::{
    Account, Carried, Carry, Download, Fetch, Files, ProviderRequest, ProviderResponse, RequestBody,
    SendError,
    files::{hosts, refused, unreadable},
};
use botbuilder_domain::{Media, MediaKind, Secret};
use serde_json::{Value, json};

use crate::{Telegram, refusal, settings::Calling};

const MIB: usize = 1 << 20;

impl Files for Telegram {
    fn fetch(&self, account: &Account, file: &Media) -> Result<Fetch, SendError> {
        let Calling { base_url, bot_token } = Calling::of(account)?;
        let id = file.provider_ref.as_deref().ok_or_else(|| refused("the file has no id".to_owned()))?;
        Ok(Fetch::Ask(ProviderRequest {
            method: "POST",
            url: Secret::new(format!("{base_url}/bot{bot_token}/getFile")),
            shown_as: format!("{base_url}/bot…/getFile"),
            bearer: None,
            body: RequestBody::Json(json!({ "file_id": id })),
        }))
    }

    fn found(&self, account: &Account, response: &ProviderResponse) -> Result<Download, SendError> {
        let Calling { base_url, bot_token } = Calling::of(account)?;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if body.get("ok") != Some(&Value::Bool(true)) {
            return Err(refusal::interpret(response, &body));
        }
        let path = body.pointer("/result/file_path").and_then(Value::as_str);
        let is_plain = |path: &&str| !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        let path = path.filter(is_plain).ok_or_else(|| unreadable(response))?;
        Ok(Download {
            url: Secret::new(format!("{base_url}/file/bot{bot_token}/{path}")),
            bearer: None,
            hosts: hosts(account, &[], &base_url),
            page_is_refusal: false,
        })
    }

    fn carry(&self, _account: &Account, file: &Carried) -> Result<Carry, SendError> {
        let limit = if file.kind == MediaKind::Image { 10 * MIB } else { 50 * MIB };
        if file.bytes.len() > limit {
            let size = file.bytes.len();
            return Err(refused(format!(
                "the network takes {limit} bytes of this kind, the file has {size}"
            )));
        }
        Ok(Carry::Attach)
    }

    fn attach(&self, request: ProviderRequest, files: &[(String, Carried)]) -> ProviderRequest {
        let body = match request.body {
            RequestBody::Json(Value::Object(parameters)) => {
                let written = |value: Value| match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                let fields: Vec<(String, String)> =
                    parameters.into_iter().map(|(name, value)| (name, written(value))).collect();
                let is_named = |address: &str| {
                    let quoted = format!("\"{address}\"");
                    fields.iter().any(|(_, value)| value == address || value.contains(&quoted))
                };
                let named = files.iter().filter(|(address, _)| is_named(address));
                let files = named.filter_map(|(address, file)| {
                    Some((address.strip_prefix("attach://")?.to_owned(), file.clone()))
                });
                RequestBody::Multipart { files: files.collect(), fields }
            }
            other => other,
        };
        ProviderRequest { body, ..request }
    }
}
