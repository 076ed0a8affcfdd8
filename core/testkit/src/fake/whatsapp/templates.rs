//! Templates of the fake's business account: submitted, listed, changed, removed, reviewed; and what a message made of
//! one has to bring along.

use std::sync::{Arc, Mutex};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::{Clock as _, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Inner, WABA_ID, limits::Refusal, refuse, webhook};
use crate::fake::{
    Error,
    control::{lock, taken},
    graph,
};

/// Templates that are approved from the beginning: name, language, text.
const APPROVED: [(&str, &str, &str); 4] = [
    ("hello_world", "en_US", "Hello world, welcome to the shop."),
    ("order_ready", "en_US", "Hello {{1}}, there is news about your order: {{2}} and more."),
    ("news", "en", "There is news in the shop."),
    ("are_you_there", "en", "Hello {{1}}, we have an answer to your question for you."),
];

/// The templates, as Graph lists them.
#[derive(Debug)]
pub(super) struct Templates(Mutex<Vec<Value>>);

/// What people think of a template, and since when.
fn scored(score: &str) -> Value {
    json!({ "score": score, "date": SystemClock.now().timestamp() })
}

impl Default for Templates {
    fn default() -> Self {
        let listed = |(place, (name, language, text)): (usize, (&str, &str, &str))| {
            json!({
                "id": (1_000 + place).to_string(), "name": name, "language": language, "category": "UTILITY",
                "status": "APPROVED", "quality_score": scored("GREEN"), "rejected_reason": "NONE",
                "parameter_format": "POSITIONAL",
                "components": [{ "type": "BODY", "text": text }],
            })
        };
        Self(Mutex::new(APPROVED.into_iter().enumerate().map(listed).collect()))
    }
}

/// A review, as `/__fake/template` takes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reviewed {
    /// The template's name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// Graph's word for how far it is.
    pub status: Option<String>,
    /// Graph's word for what people think of it.
    pub quality: Option<String>,
    /// Graph's word for what it is for.
    pub category: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Templates {
    /// Whether a message may be made of the template that it names, with what it brings along. The answer is the
    /// template's category.
    pub(super) fn check(&self, sent: &Value) -> Result<String, Refusal> {
        let word = |place: &str| sent.pointer(place).and_then(Value::as_str).unwrap_or_default();
        let (name, language) = (word("/name"), word("/language/code"));
        let all = lock(&self.0);
        let known = all.iter().find(|known| known["name"] == name && known["language"] == language);
        let refusal = |code, details: &str| Err(Refusal { code, details: details.to_owned() });
        let Some(template) = known else {
            return refusal(132_001, "template name does not exist in the translation");
        };
        match template["status"].as_str() {
            Some("APPROVED") => {}
            Some("PAUSED") => return refusal(132_015, "template is paused"),
            Some("DISABLED") => return refusal(132_016, "template is disabled"),
            _ => return refusal(132_001, "template is not approved"),
        }
        let nothing = Vec::new();
        let sent = sent.get("components").and_then(Value::as_array).unwrap_or(&nothing);
        for (kind, wanted) in wanted(template) {
            let given = sent.iter().filter(|part| kind.is(part)).count();
            let parameters =
                sent.iter().filter(|part| kind.is(part)).find_map(|part| part["parameters"].as_array());
            let parameters = parameters.unwrap_or(&nothing);
            if given > 1 || parameters.len() != wanted.len() {
                return refusal(132_000, "number of parameters does not match the expected number of params");
            }
            if parameters.iter().zip(&wanted).any(|(parameter, wanted)| parameter["type"] != *wanted) {
                return refusal(132_012, "parameter format does not match format in the created template");
            }
        }
        Ok(template["category"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn approve(&self, name: &str, language: &str) {
        let status = Some("APPROVED".to_owned());
        self.review(&Reviewed {
            name: name.to_owned(),
            language: language.to_owned(),
            status,
            ..Reviewed::default()
        });
    }

    /// Reviews a template. The answer is what notifications say of it, by their fields.
    fn review(&self, review: &Reviewed) -> Option<Vec<(&'static str, Value)>> {
        let mut all = lock(&self.0);
        let template = all
            .iter_mut()
            .find(|known| known["name"] == review.name && known["language"] == review.language)?;
        let id: u64 = template["id"].as_str()?.parse().ok()?;
        let about = |more: Value| {
            let mut value = json!({
                "message_template_id": id, "message_template_name": review.name,
                "message_template_language": review.language,
            });
            if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
                value.extend(more);
            }
            value
        };
        let mut told = Vec::new();
        if let Some(status) = &review.status {
            let reason = review.reason.as_deref().unwrap_or("NONE");
            template["status"] = json!(status);
            template["rejected_reason"] = json!(reason);
            told.push((
                "message_template_status_update",
                about(json!({ "event": status, "reason": reason })),
            ));
        }
        if let Some(quality) = &review.quality {
            let before = template["quality_score"]["score"].take();
            template["quality_score"] = scored(quality);
            let scores = json!({ "previous_quality_score": before, "new_quality_score": quality });
            told.push(("message_template_quality_update", about(scores)));
        }
        if let Some(category) = &review.category {
            let before = template["category"].take();
            template["category"] = json!(category);
            let categories = json!({ "previous_category": before, "new_category": category });
            told.push(("template_category_update", about(categories)));
        }
        Some(told)
    }
}

impl Inner {
    /// Reviews a template and tells the webhook of it.
    pub(super) async fn review(&self, review: &Reviewed) -> Result<(), Error> {
        let told = self.templates.review(review);
        let told = told.ok_or_else(|| Error::NotTaken("there is no such template".into()))?;
        for (field, value) in told {
            let body = json!({
                "object": "whatsapp_business_account",
                "entry": [{
                    "id": WABA_ID, "time": SystemClock.now().timestamp(),
                    "changes": [{ "field": field, "value": value }],
                }],
            });
            let (body, signature) = webhook::signed(&self.options.app_secret, &body);
            self.control.caller.post(body, (webhook::SIGNATURE_HEADER, &signature)).await?;
        }
        Ok(())
    }
}

/// A part of a message that a template needs.
enum Needed {
    Header,
    Body,
    Button(usize),
}

impl Needed {
    fn is(&self, part: &Value) -> bool {
        // Some write the word in capitals, as in the definition.
        let kind = part["type"].as_str().unwrap_or_default().to_lowercase();
        match self {
            Self::Header => kind == "header",
            Self::Body => kind == "body",
            // A number is tolerated in the place of its text.
            Self::Button(index) => {
                let place = part["index"].as_str().and_then(|text| text.parse().ok());
                kind == "button" && (place == Some(*index) || part["index"] == *index)
            }
        }
    }
}

/// What fills a template: the types of parameters, by its parts.
fn wanted(template: &Value) -> Vec<(Needed, Vec<&'static str>)> {
    let gaps = |text: &Value| text.as_str().map_or(0, |text| text.matches("{{").count());
    let mut wanted = Vec::new();
    for component in template["components"].as_array().into_iter().flatten() {
        match component["type"].as_str() {
            Some("BODY") => wanted.push((Needed::Body, vec!["text"; gaps(&component["text"])])),
            Some("HEADER") => {
                let kinds = match component["format"].as_str() {
                    Some("IMAGE") => vec!["image"],
                    Some("VIDEO") => vec!["video"],
                    Some("DOCUMENT") => vec!["document"],
                    Some("LOCATION") => vec!["location"],
                    _ => vec!["text"; gaps(&component["text"])],
                };
                wanted.push((Needed::Header, kinds));
            }
            Some("BUTTONS") => {
                for (index, button) in component["buttons"].as_array().into_iter().flatten().enumerate() {
                    match button["type"].as_str() {
                        Some("URL") => {
                            wanted.push((Needed::Button(index), vec!["text"; gaps(&button["url"])]));
                        }
                        Some("COPY_CODE") => wanted.push((Needed::Button(index), vec!["coupon_code"])),
                        // What a quick reply brings back may be left out.
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    wanted
}

fn authorized(state: &Inner, waba: Option<&str>, headers: &HeaderMap) -> Option<Response> {
    if !graph::is_authorized(headers, &state.options.access_token) {
        return Some(refuse(&state.control, StatusCode::UNAUTHORIZED, 190, "invalid token"));
    }
    let unknown = waba.is_some_and(|waba| waba != WABA_ID);
    unknown
        .then(|| refuse(&state.control, StatusCode::BAD_REQUEST, 100, "Object with that ID does not exist"))
}

/// What Graph refuses of a template's parts; none if it takes them.
fn refused_parts(components: &Value) -> Option<&'static str> {
    let Some(parts) = components.as_array() else { return Some("components must be a list") };
    let Some(body) = parts.iter().find(|part| part["type"] == "BODY") else { return Some("BODY is missing") };
    let text = body["text"].as_str().unwrap_or_default();
    let gaps = text.matches("{{").count();
    let numbered = body.pointer("/example/body_text/0").and_then(Value::as_array).map_or(0, Vec::len);
    let named = body.pointer("/example/body_text_named_params").and_then(Value::as_array).map_or(0, Vec::len);
    if text.is_empty() || text.chars().count() > 1024 {
        return Some("the text of BODY must have 1 to 1024 characters");
    }
    if numbered.max(named) != gaps {
        return Some("BODY needs an example for each of its variables");
    }
    let leading = text.starts_with("{{") || text.ends_with("}}");
    leading.then_some("variables can't be at the start or end of the template")
}

pub(super) async fn submit(
    State(state): State<Arc<Inner>>,
    Path((_version, waba)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = authorized(&state, Some(&waba), &headers) {
        return refused;
    }
    let refuse = |details: &str| refuse(&state.control, StatusCode::BAD_REQUEST, 100, details);
    let Ok(mut template) = serde_json::from_slice::<Value>(&body) else { return refuse("body is not JSON") };
    let known = ["MARKETING", "UTILITY", "AUTHENTICATION"];
    if !known.iter().any(|category| template["category"] == *category) {
        return refuse("category is not known");
    }
    if let Some(details) = refused_parts(&template["components"]) {
        return refuse(details);
    }
    let mut all = lock(&state.templates.0);
    if all.iter().any(|other| other["name"] == template["name"] && other["language"] == template["language"])
    {
        return refuse("there is already content in this language for this template");
    }
    let id = (1_000 + all.len()).to_string();
    template["id"] = json!(id);
    template["status"] = json!("PENDING");
    template["rejected_reason"] = json!("NONE");
    if template.get("parameter_format").is_none() {
        template["parameter_format"] = json!("POSITIONAL");
    }
    template["quality_score"] = scored("UNKNOWN");
    let answer = json!({ "id": id, "status": "PENDING", "category": template["category"] });
    all.push(template);
    Json(answer).into_response()
}

/// A template's new text, which is reviewed anew.
pub(super) async fn edit(
    State(state): State<Arc<Inner>>,
    Path((_version, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = authorized(&state, None, &headers) {
        return refused;
    }
    let refuse = |details: &str| refuse(&state.control, StatusCode::BAD_REQUEST, 100, details);
    let Ok(change) = serde_json::from_slice::<Value>(&body) else { return refuse("body is not JSON") };
    if let Some(details) = refused_parts(&change["components"]) {
        return refuse(details);
    }
    let mut all = lock(&state.templates.0);
    let Some(template) = all.iter_mut().find(|template| template["id"] == id) else {
        return refuse("Object with that ID does not exist");
    };
    if template["status"] == "PENDING" {
        return refuse("a template that is being reviewed cannot be edited");
    }
    template["components"] = change["components"].clone();
    template["status"] = json!("PENDING");
    Json(json!({ "success": true })).into_response()
}

/// Which templates are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    name: Option<String>,
    hsm_id: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    summary: Option<String>,
}

pub(super) async fn list(
    State(state): State<Arc<Inner>>,
    Path((_version, waba)): Path<(String, String)>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = authorized(&state, Some(&waba), &headers) {
        return refused;
    }
    let all = lock(&state.templates.0);
    let matching = all.iter().filter(|it| which.name.as_ref().is_none_or(|name| it["name"] == *name));
    let from = which.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0);
    let most = which.limit.unwrap_or(25);
    let page: Vec<&Value> = matching.clone().skip(from).take(most).collect();
    let mut paging =
        json!({ "cursors": { "before": from.to_string(), "after": (from + page.len()).to_string() } });
    let count = matching.count();
    if count > from + page.len() {
        paging["next"] = json!("https://graph.facebook.com/next");
    }
    let mut answer = json!({ "data": page, "paging": paging });
    if which.summary.is_some() {
        answer["summary"] = json!({
            "total_count": count, "message_template_count": all.len(), "message_template_limit": 250,
            "are_translations_complete": true,
        });
    }
    Json(answer).into_response()
}

pub(super) async fn remove(
    State(state): State<Arc<Inner>>,
    Path((_version, waba)): Path<(String, String)>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = authorized(&state, Some(&waba), &headers) {
        return refused;
    }
    let mut all = lock(&state.templates.0);
    let before = all.len();
    all.retain(|template| {
        let named = which.name.as_ref().is_some_and(|name| template["name"] == *name);
        !(named && which.hsm_id.as_ref().is_none_or(|id| template["id"] == *id))
    });
    if all.len() == before {
        return refuse(&state.control, StatusCode::BAD_REQUEST, 100, "there is no such template");
    }
    Json(json!({ "success": true })).into_response()
}

pub(super) async fn reviewed(State(state): State<Arc<Inner>>, Json(review): Json<Reviewed>) -> Response {
    taken(state.review(&review).await)
}
