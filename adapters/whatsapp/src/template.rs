//! A message made of an approved template, as Graph takes it.

use botbuilder_adapter_kit::SendError;
use botbuilder_domain::{MediaKind, TemplateHeader, TemplateMessage, TemplateValue};
use serde_json::{Value, json};

use crate::outbound::{media, refused};

/// The object `template` of a request. Only what has gaps is mentioned in it.
pub(crate) fn encode(message: &TemplateMessage) -> Result<Value, SendError> {
    if message.language.is_empty() {
        return Err(refused("the template has no language"));
    }
    let mut components = Vec::new();
    if let Some(header) = &message.header {
        components.push(json!({ "type": "header", "parameters": [self::header(header)?] }));
    }
    if !message.variables.is_empty() {
        let named = message.names.iter().map(Some).chain(std::iter::repeat(None));
        let parameters: Vec<Value> = message
            .variables
            .iter()
            .zip(named)
            .map(|(variable, name)| {
                let mut parameter = json!({ "type": "text", "text": one_line(variable) });
                if let Some(name) = name {
                    parameter["parameter_name"] = name.as_str().into();
                }
                parameter
            })
            .collect();
        components.push(json!({ "type": "body", "parameters": parameters }));
    }
    for button in &message.buttons {
        let (kind, parameter) = match &button.value {
            TemplateValue::Payload(payload) => {
                ("quick_reply", json!({ "type": "payload", "payload": payload }))
            }
            TemplateValue::UrlSuffix(suffix) => ("url", json!({ "type": "text", "text": suffix })),
            TemplateValue::Code(code) => ("copy_code", json!({ "type": "coupon_code", "coupon_code": code })),
        };
        components.push(json!({
            "type": "button", "sub_type": kind, "index": button.index.to_string(), "parameters": [parameter],
        }));
    }
    let mut template = json!({ "name": message.name, "language": { "code": message.language } });
    if !components.is_empty() {
        template["components"] = components.into();
    }
    Ok(template)
}

fn header(header: &TemplateHeader) -> Result<Value, SendError> {
    match header {
        TemplateHeader::Text { text } => Ok(json!({ "type": "text", "text": one_line(text) })),
        TemplateHeader::Location(place) => {
            let name = place.name.as_deref().or(place.address.as_deref()).unwrap_or_default();
            let address = place.address.as_deref().or(place.name.as_deref()).unwrap_or_default();
            Ok(json!({ "type": "location", "location": {
                "latitude": place.latitude, "longitude": place.longitude, "name": name, "address": address,
            } }))
        }
        TemplateHeader::Media(file) => {
            if matches!(file.media, MediaKind::Audio | MediaKind::Sticker) {
                return Err(refused("a header shows pictures, films and documents"));
            }
            let (kind, mut object) = media(file)?;
            if let Some(object) = object.as_object_mut() {
                object.remove("caption");
            }
            let mut parameter = json!({ "type": kind });
            parameter[kind] = object;
            Ok(parameter)
        }
    }
}

/// Line breaks, tabs and long runs of spaces are refused inside a variable (132012): they become one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
