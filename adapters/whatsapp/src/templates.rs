//! Templates at Graph: submitting, reading, removing, and what notifications say of them.

use botbuilder_adapter_kit::{
    Account, ProviderRequest, ProviderResponse, Template, Templates, Trouble,
    json::as_text,
    templates::{Gaps, Listed, Review, gaps},
};
use botbuilder_adapter_meta::{classify, setup};
use botbuilder_domain::{TemplateCategory, TemplateChange, TemplateQuality, TemplateStatus};
use serde_json::{Map, Value, json};

use crate::{Whatsapp, settings::Sending, setup::waba};

/// What is asked about a template.
const FIELDS: &str = "id,name,language,status,category,quality_score,rejected_reason,components";
/// How many at a time.
const PAGE: usize = 100;

impl Templates for Whatsapp {
    fn submit(&self, account: &Account, template: &Template) -> Result<ProviderRequest, Trouble> {
        let components = components(template);
        let access_token = Sending::of(account)?.access_token;
        if let Some(id) = &template.provider_template_id {
            let Sending { base_url, api_version, .. } = Sending::of(account)?;
            let body = json!({ "category": shouted(template.category), "components": components });
            let url = format!("{base_url}/{api_version}/{}", encoded(id));
            return Ok(setup::graph("POST", url, access_token, Some(body)));
        }
        let mut body = json!({
            "name": template.name, "language": template.language,
            "category": shouted(template.category), "components": components,
        });
        if matches!(gaps(&template.body), Ok(Gaps::Named(_))) {
            body["parameter_format"] = "NAMED".into();
        }
        Ok(setup::graph("POST", edge(account)?, access_token, Some(body)))
    }

    /// A changed text is answered with no more than that it was taken; it is reviewed anew.
    fn submitted(&self, before: &Template, response: &ProviderResponse) -> Result<Review, Trouble> {
        let body = setup::answered(response, classify)?;
        let id = body.get("id").and_then(as_text).or_else(|| before.provider_template_id.clone());
        let id =
            id.ok_or(Trouble::passing("provider_unavailable", "meta does not say which template it is"))?;
        let word = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        Ok(Review {
            provider_id: id,
            status: status(word("status")).unwrap_or(TemplateStatus::Pending),
            category: category(word("category")),
        })
    }

    fn list(
        &self,
        account: &Account,
        name: Option<&str>,
        after: Option<&str>,
    ) -> Result<ProviderRequest, Trouble> {
        let mut url = format!("{}?fields={FIELDS}&limit={PAGE}", edge(account)?);
        for (field, value) in [("name", name), ("after", after)] {
            if let Some(value) = value {
                url = format!("{url}&{field}={}", encoded(value));
            }
        }
        Ok(setup::graph("GET", url, Sending::of(account)?.access_token, None))
    }

    fn listed(&self, response: &ProviderResponse) -> Result<Listed, Trouble> {
        let body = setup::answered(response, classify)?;
        let Some(items) = body.get("data").and_then(Value::as_array) else {
            return Err(Trouble::passing("provider_unavailable", "meta does not list the templates"));
        };
        let templates: Vec<Template> = items.iter().filter_map(read).collect();
        // The last piece has a cursor too, and no address of a next one.
        let more = body.pointer("/paging/next").is_some_and(Value::is_string);
        let after = body.pointer("/paging/cursors/after").and_then(as_text).filter(|_| more);
        Ok(Listed { skipped: items.len() - templates.len(), templates, after })
    }

    fn remove(&self, account: &Account, name: &str, provider_id: &str) -> Result<ProviderRequest, Trouble> {
        let url = format!("{}?hsm_id={}&name={}", edge(account)?, encoded(provider_id), encoded(name));
        Ok(setup::graph("DELETE", url, Sending::of(account)?.access_token, None))
    }

    fn removed(&self, response: &ProviderResponse) -> Result<(), Trouble> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        // 2593002: there is no such template.
        if body.pointer("/error/error_subcode").and_then(Value::as_i64) == Some(2_593_002) {
            return Ok(());
        }
        setup::succeeded(response, classify)
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The templates of the account's business.
fn edge(account: &Account) -> Result<String, Trouble> {
    let Sending { base_url, api_version, .. } = Sending::of(account)?;
    let waba = waba(account)?.ok_or(Trouble::missing("the setting waba_id"))?;
    Ok(format!("{base_url}/{api_version}/{waba}/message_templates"))
}

fn shouted(category: TemplateCategory) -> String {
    category.as_str().to_uppercase()
}

fn components(template: &Template) -> Vec<Value> {
    let word = |object: &Value, name: &str| object.get(name).cloned().unwrap_or_default();
    let mut components = Vec::new();
    if let Some(format) = template.header.get("format").and_then(Value::as_str) {
        let mut header = json!({ "type": "HEADER", "format": format.to_uppercase() });
        let example = template.header.get("example").filter(|example| example.is_string());
        if format == "text" {
            header["text"] = template.header.get("text").cloned().unwrap_or_default();
            if let Some(example) = example {
                header["example"] = json!({ "header_text": [example] });
            }
        } else if let Some(handle) = example {
            header["example"] = json!({ "header_handle": [handle] });
        }
        components.push(header);
    }
    let mut body = json!({ "type": "BODY", "text": template.body });
    match gaps(&template.body) {
        Ok(Gaps::Named(names)) => {
            let named: Vec<Value> = names
                .iter()
                .zip(&template.variables)
                .map(|(name, example)| json!({ "param_name": name, "example": example }))
                .collect();
            body["example"] = json!({ "body_text_named_params": named });
        }
        _ if !template.variables.is_empty() => {
            body["example"] = json!({ "body_text": [template.variables] });
        }
        _ => {}
    }
    components.push(body);
    if let Some(footer) = template.footer.as_deref().filter(|footer| !footer.is_empty()) {
        components.push(json!({ "type": "FOOTER", "text": footer }));
    }
    let buttons: Vec<Value> = template
        .buttons
        .iter()
        .map(|button| match button.get("type").and_then(Value::as_str) {
            Some("copy_code") => json!({ "type": "COPY_CODE", "example": word(button, "example") }),
            Some("phone_number") => json!({
                "type": "PHONE_NUMBER", "text": word(button, "text"), "phone_number": word(button, "phone_number"),
            }),
            Some("url") => {
                let mut link = json!({
                    "type": "URL", "text": word(button, "text"), "url": word(button, "url"),
                });
                if let Some(example) = button.get("example").filter(|example| example.is_string()) {
                    link["example"] = json!([example]);
                }
                link
            }
            _ => json!({ "type": "QUICK_REPLY", "text": word(button, "text") }),
        })
        .collect();
    if !buttons.is_empty() {
        components.push(json!({ "type": "BUTTONS", "buttons": buttons }));
    }
    components
}

/// A template as Graph lists it; none where it has parts that are not known here (carousels, limited offers).
fn read(item: &Value) -> Option<Template> {
    let word = |name: &str| item.get(name).and_then(Value::as_str);
    let mut template = Template {
        provider_template_id: Some(item.get("id").and_then(as_text)?),
        name: word("name")?.to_owned(),
        language: word("language")?.to_owned(),
        category: category(word("category")?)?,
        header: Map::new(),
        body: String::new(),
        footer: None,
        buttons: Vec::new(),
        variables: Vec::new(),
        status: status(word("status")?)?,
        quality: item
            .pointer("/quality_score/score")
            .and_then(Value::as_str)
            .map(quality)
            .unwrap_or_default(),
        rejection_reason: word("rejected_reason").filter(|reason| *reason != "NONE").map(str::to_owned),
    };
    for component in item.get("components")?.as_array()? {
        let text = component.get("text").and_then(Value::as_str);
        match component.get("type").and_then(Value::as_str)?.to_uppercase().as_str() {
            "HEADER" => {
                let format = component.get("format").and_then(Value::as_str)?.to_lowercase();
                template.header.insert("format".to_owned(), format.into());
                if let Some(text) = text {
                    template.header.insert("text".to_owned(), text.into());
                }
                let shown = ["/example/header_text/0", "/example/header_handle/0"];
                if let Some(example) = shown.iter().find_map(|place| component.pointer(place)) {
                    template.header.insert("example".to_owned(), example.clone());
                }
            }
            "BODY" => {
                text?.clone_into(&mut template.body);
                let named = component.pointer("/example/body_text_named_params").and_then(Value::as_array);
                let numbered = component.pointer("/example/body_text/0").and_then(Value::as_array);
                template.variables = match (named, numbered) {
                    (Some(named), _) => named.iter().filter_map(|one| one.get("example").cloned()).collect(),
                    (None, Some(numbered)) => numbered.clone(),
                    (None, None) => Vec::new(),
                };
            }
            "FOOTER" => template.footer = text.map(str::to_owned),
            "BUTTONS" => {
                for button in component.get("buttons")?.as_array()? {
                    template.buttons.push(self::button(button)?);
                }
            }
            _ => return None,
        }
    }
    (!template.body.is_empty()).then_some(template)
}

fn button(button: &Value) -> Option<Value> {
    let kind = button.get("type").and_then(Value::as_str)?.to_lowercase();
    let mut read = json!({ "type": kind });
    for name in ["text", "url", "phone_number"] {
        if let Some(text) = button.get(name).filter(|text| text.is_string()) {
            read[name] = text.clone();
        }
    }
    if let Some(example) = button.get("example") {
        read["example"] = example.get(0).unwrap_or(example).clone();
    }
    Some(read)
}

/// A state in our words.
fn status(word: &str) -> Option<TemplateStatus> {
    Some(match word {
        "APPROVED" | "REINSTATED" => TemplateStatus::Approved,
        "PENDING" | "IN_APPEAL" => TemplateStatus::Pending,
        "REJECTED" => TemplateStatus::Rejected,
        "PAUSED" | "FLAGGED" => TemplateStatus::Paused,
        "DISABLED" | "PENDING_DELETION" | "DELETED" | "LIMIT_EXCEEDED" | "ARCHIVED" => {
            TemplateStatus::Disabled
        }
        _ => return None,
    })
}

fn quality(word: &str) -> TemplateQuality {
    match word {
        "GREEN" | "HIGH" => TemplateQuality::Green,
        "YELLOW" | "MEDIUM" => TemplateQuality::Yellow,
        "RED" | "LOW" => TemplateQuality::Red,
        _ => TemplateQuality::Unknown,
    }
}

fn category(word: &str) -> Option<TemplateCategory> {
    Some(match word {
        "MARKETING" => TemplateCategory::Marketing,
        "UTILITY" => TemplateCategory::Utility,
        "AUTHENTICATION" => TemplateCategory::Authentication,
        _ => return None,
    })
}

/// What a notification says of a template; none where it is about something else, or says nothing that is known.
pub(crate) fn change(field: &str, value: &Value) -> Option<TemplateChange> {
    let word = |name: &str| value.get(name).and_then(Value::as_str);
    let mut change = TemplateChange {
        provider_id: value.get("message_template_id").and_then(as_text),
        name: word("message_template_name")?.to_owned(),
        language: word("message_template_language").unwrap_or_default().to_owned(),
        ..TemplateChange::default()
    };
    match field {
        "message_template_status_update" => {
            change.status = Some(status(word("event")?)?);
            change.reason = word("reason").filter(|reason| *reason != "NONE").map(str::to_owned);
            let more = ["/rejection_info/reason", "/other_info/description"];
            let more = more.iter().find_map(|place| value.pointer(place).and_then(Value::as_str));
            change.reason = match (change.reason, more) {
                (Some(reason), Some(more)) => Some(format!("{reason}: {more}")),
                (reason, more) => reason.or_else(|| more.map(str::to_owned)),
            };
        }
        "message_template_quality_update" => change.quality = Some(quality(word("new_quality_score")?)),
        // A change that is only announced has `correct_category` and no `new_category`.
        "template_category_update" => change.category = Some(category(word("new_category")?)?),
        _ => return None,
    }
    Some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        serde_json::from_value(json!({
            "name": "order_ready", "language": "en_US", "category": "utility", "status": "approved",
            "provider_template_id": "7", "quality": "green",
            "header": { "format": "text", "text": "Order {{1}}", "example": "1002" },
            "body": "Hello {{1}}, your order {{2}} is ready for you.", "footer": "The shop",
            "buttons": [
                { "type": "quick_reply", "text": "Thanks" },
                { "type": "url", "text": "Track", "url": "https://shop.example/{{1}}", "example": "1002" },
                { "type": "copy_code", "example": "SAVE10" },
            ],
            "variables": ["Ada", "1002"],
        }))
        .unwrap()
    }

    /// The components of Graph as it lists them.
    fn listed(template: &Template) -> Value {
        json!({
            "id": 7, "name": template.name, "language": template.language, "category": "UTILITY",
            "status": "APPROVED", "quality_score": { "score": "GREEN" }, "rejected_reason": "NONE",
            "components": components(template),
        })
    }

    #[test]
    fn what_is_submitted_is_read_back_as_it_was() {
        let numbered = template();
        let mut read_back = read(&listed(&numbered)).unwrap();
        // A code is shown on a button whose words are the provider's.
        assert_eq!(read_back, numbered);
        let mut named = template();
        named.body = "Hello {{name}}, your order {{order}} is ready for you.".into();
        read_back = read(&listed(&named)).unwrap();
        assert_eq!(read_back, named);
        let mut carousel = listed(&numbered);
        carousel["components"][0]["type"] = "CAROUSEL".into();
        assert_eq!(read(&carousel), None);
    }

    #[test]
    fn a_list_goes_on_where_graph_says() {
        let page = |paging: Value| {
            let body = json!({ "data": [listed(&template()), { "id": "8" }], "paging": paging }).to_string();
            let response =
                ProviderResponse { status: 200, retry_after: None, body: body.into_bytes().into() };
            Whatsapp.listed(&response).unwrap()
        };
        let cursors = json!({ "cursors": { "after": "abc" }, "next": "https://graph.facebook.com/next" });
        let first = page(cursors);
        assert_eq!((first.templates.len(), first.skipped, first.after.as_deref()), (1, 1, Some("abc")));
        assert_eq!(page(json!({ "cursors": { "after": "abc" } })).after, None);
    }

    #[test]
    fn notifications_come_to_our_words() {
        let about = |more: Value| {
            let mut value = json!({
                "message_template_id": 7, "message_template_name": "a", "message_template_language": "en",
            });
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            value
        };
        let paused = about(json!({ "event": "PAUSED", "other_info": { "description": "for 3 hours" } }));
        let paused = change("message_template_status_update", &paused).unwrap();
        assert_eq!((paused.status, paused.provider_id.as_deref()), (Some(TemplateStatus::Paused), Some("7")));
        assert_eq!(paused.reason.as_deref(), Some("for 3 hours"));
        let quality = about(json!({ "previous_quality_score": "GREEN", "new_quality_score": "RED" }));
        let quality = change("message_template_quality_update", &quality).unwrap();
        assert_eq!((quality.quality, quality.status), (Some(TemplateQuality::Red), None));
        let moved = about(json!({ "previous_category": "UTILITY", "new_category": "MARKETING" }));
        let moved = change("template_category_update", &moved).unwrap();
        assert_eq!(moved.category, Some(TemplateCategory::Marketing));
        assert_eq!(change("template_category_update", &about(json!({ "correct_category": "X" }))), None);
        assert_eq!(change("message_template_status_update", &about(json!({ "event": "NEW_WORD" }))), None);
        assert_eq!(change("security", &about(json!({}))), None);
    }
}
