//! `/v1/public/experiments/…`: what pages of an organization's site ask and tell of their visitors, by the public key of
//! its widget. Only experiments whose subjects are visitors are meant, of the widget's bot or of none.
//!
//! Which variant a visitor is shown is a function of the experiment and of what the site calls the visitor, so asking
//! stores nothing, and nobody can be counted for another variant than that. Pages of sites that the widget does not list
//! are refused; what comes from no page is taken, as the widget takes it.

use std::{collections::BTreeMap, net::IpAddr};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::options,
};
use botbuilder_flow::experiment::Experiment;
use botbuilder_store::{
    OrgScope, Tx,
    bots::widget_configs::{self, Widget},
    experiments::{self, Reached, Running, Shown},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    Api,
    auth::Client,
    error::ApiError,
    input::Body,
    routes::{Access, Operation, Routes},
};

const PATH: &str = "/v1/public/experiments";
/// Most entries of one call.
const MOST: usize = 100;
/// The longest name of a visitor.
const SUBJECT: usize = 128;
/// The largest value that is measured, either way.
const VALUE: f64 = 1e9;
/// Calls of one address in a minute: many people may share one.
const ADDRESS_PER_MINUTE: i32 = 600;
/// Calls with one widget's key in a minute.
const WIDGET_PER_MINUTE: i32 = 12_000;

/// The routes of pages.
pub fn routes() -> Routes {
    let text = |most: usize| json!({ "type": "string", "minLength": 1, "maxLength": most });
    let (subject, uuid) = (text(SUBJECT), json!({ "type": "string", "format": "uuid" }));
    let body = |name: &str, properties: Value, required: Value| {
        json!({
            "type": "object",
            "properties": { "key": text(64), name: { "type": "array", "maxItems": MOST, "items": {
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            } } },
            "required": ["key", name],
            "additionalProperties": false,
        })
    };
    let counted = json!({ "type": "object", "properties": { "counted": { "type": "integer" } } });
    let post =
        |action: &str, summary: &str| Operation::post(format!("{PATH}/{action}"), Access::Public, summary);
    Routes::new()
        .add(
            post("assign", "which variants a visitor is shown; `key` is the public key of the widget")
                .takes(json!({
                    "type": "object",
                    "properties": {
                        "key": text(64),
                        "subject": subject,
                        "experiments": { "type": ["array", "null"], "items": uuid, "maxItems": MOST },
                    },
                    "required": ["key", "subject"],
                    "additionalProperties": false,
                }))
                .gives(json!({ "type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "experiment": uuid,
                        "variant": { "type": ["string", "null"] },
                        "config": {},
                    },
                } })),
            called::<Assign>,
        )
        .add(
            post("expose", "tells that visitors were shown what they were assigned")
                .takes(body(
                    "exposures",
                    json!({ "experiment": uuid, "subject": subject }),
                    json!(["experiment", "subject"]),
                ))
                .gives(counted.clone()),
            called::<Expose>,
        )
        .add(
            post("convert", "tells that visitors reached a goal; those who were shown nothing do not count")
                .takes(body(
                    "conversions",
                    json!({
                        "subject": subject,
                        "goal": text(64),
                        "value": { "type": ["number", "null"], "minimum": -VALUE, "maximum": VALUE },
                    }),
                    json!(["subject", "goal"]),
                ))
                .gives(counted),
            called::<Convert>,
        )
}

/// What a browser asks before a page of another site may send JSON. It is no call, so it stands in no table.
pub fn preflights() -> Router<Api> {
    ["assign", "expose", "convert"]
        .into_iter()
        .fold(Router::new(), |router, action| router.route(&format!("{PATH}/{action}"), options(preflight)))
}

async fn preflight(headers: HeaderMap) -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "7200"),
    ];
    shared(&headers, (StatusCode::NO_CONTENT, allowed).into_response())
}

/// Lets the page that asked read the answer. No cookie is involved, so an answer holds nothing that a page could misuse.
fn shared(headers: &HeaderMap, mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = headers.get(header::ORIGIN) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

/// What a page may tell or ask with the key of a widget.
trait Told: DeserializeOwned + Send {
    /// The public key of the widget.
    fn key(&self) -> &str;

    /// Refuses what cannot be taken, before anything is looked up.
    fn check(&self) -> Result<(), ApiError>;

    /// Does it, in the transaction of the widget's organization.
    async fn take(self, page: &mut Entered<'_>) -> Result<Value, ApiError>;
}

/// A page that may use its widget.
struct Entered<'a> {
    api: &'a Api,
    scope: OrgScope,
    widget: Widget,
    tx: Tx,
}

/// Every call of a page: checked, let in, done, and readable for the page whatever came of it.
async fn called<T: Told>(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
    body: Result<Body<T>, ApiError>,
) -> Response {
    let done = async {
        let Body(told) = body?;
        told.check()?;
        let mut page = enter(&api, &client, &headers, told.key()).await?;
        let data = told.take(&mut page).await?;
        page.tx.commit().await?;
        Ok::<_, ApiError>(data)
    };
    let response = match done.await {
        Ok(data) => axum::Json(json!({ "data": data })).into_response(),
        Err(error) => error.into_response(),
    };
    shared(&headers, response)
}

/// The bucket of an address. A household has a whole network of the newer addresses.
fn bucket(ip: Option<IpAddr>) -> Uuid {
    let network = match ip {
        Some(IpAddr::V6(ip)) => u128::from(ip) >> 64 << 64,
        Some(IpAddr::V4(ip)) => u128::from(u32::from(ip)),
        None => 0,
    };
    let digest: [u8; 32] = Sha256::digest(format!("visitor:{network:x}").as_bytes()).into();
    Uuid::from_slice(&digest[..16]).unwrap_or_default()
}

/// The widget of a key, if this page may use it and there are not too many calls.
async fn enter<'a>(
    api: &'a Api,
    client: &Client,
    headers: &HeaderMap,
    key: &str,
) -> Result<Entered<'a>, ApiError> {
    api.identity.rates.take(bucket(client.ip), ADDRESS_PER_MINUTE)?;
    let unknown = || ApiError::invalid("key", "is the public key of no enabled widget");
    let mut tx = api.store.begin_auth().await?;
    let org = widget_configs::lookup(&mut tx, key).await?.ok_or_else(unknown)?;
    tx.commit().await?;
    let scope = OrgScope::of_service(org);
    let mut tx = api.store.begin(&scope).await?;
    let widget = widget_configs::get(&mut tx, &scope, key).await?.ok_or_else(unknown)?;
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host = text(header::HOST);
    if text(header::ORIGIN).is_some_and(|origin| !widget.may_be_shown_by(origin, host)) {
        let detail = "this site is not among the widget's allowed origins";
        return Err(ApiError::refused(StatusCode::FORBIDDEN, "origin_not_allowed", detail));
    }
    api.identity.rates.take(widget.id, WIDGET_PER_MINUTE)?;
    Ok(Entered { api, scope, widget, tx })
}

fn check_text(field: String, text: &str, most: usize) -> Result<(), ApiError> {
    if text.is_empty() || text.chars().count() > most {
        return Err(ApiError::invalid(field, format!("must have 1 to {most} characters")));
    }
    Ok(())
}

fn check_count(field: &'static str, count: usize) -> Result<(), ApiError> {
    if count > MOST {
        return Err(ApiError::invalid(field, format!("must have at most {MOST} entries")));
    }
    Ok(())
}

/// A running experiment as it is computed with; none if its variants cannot be read.
fn readable(row: Running) -> Option<(Uuid, Experiment)> {
    let variants = serde_json::from_value(row.variants).ok()?;
    let traffic_bp = u32::try_from(row.traffic_bp).unwrap_or_default();
    let (salt, goal) = (row.salt, row.goal_event);
    Some((row.id, Experiment { salt, traffic_bp, variants, goal, ..Experiment::default() }))
}

impl Entered<'_> {
    /// The experiments that visitors of the page's site take part in.
    async fn running(&mut self) -> Result<BTreeMap<Uuid, Experiment>, ApiError> {
        let rows = experiments::running_for_visitors(&mut self.tx, &self.scope, self.widget.bot).await?;
        Ok(rows.into_iter().filter_map(readable).collect())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    key: String,
    subject: String,
    experiments: Option<Vec<Uuid>>,
}

impl Told for Assign {
    fn key(&self) -> &str {
        &self.key
    }

    fn check(&self) -> Result<(), ApiError> {
        check_text("subject".to_owned(), &self.subject, SUBJECT)?;
        check_count("experiments", self.experiments.as_ref().map_or(0, Vec::len))
    }

    async fn take(self, page: &mut Entered<'_>) -> Result<Value, ApiError> {
        let running = page.running().await?;
        let asked = |id: &Uuid| self.experiments.as_ref().is_none_or(|asked| asked.contains(id));
        let shown = running.iter().filter(|(id, _)| asked(id)).map(|(id, experiment)| {
            let variant = experiment.variant(&self.subject);
            json!({
                "experiment": id,
                "variant": variant.map(|variant| &variant.key),
                "config": variant.map(|variant| &variant.config),
            })
        });
        Ok(shown.collect())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expose {
    key: String,
    exposures: Vec<Exposure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exposure {
    experiment: Uuid,
    subject: String,
}

impl Told for Expose {
    fn key(&self) -> &str {
        &self.key
    }

    fn check(&self) -> Result<(), ApiError> {
        check_count("exposures", self.exposures.len())?;
        self.exposures.iter().enumerate().try_for_each(|(index, exposure)| {
            check_text(format!("exposures[{index}].subject"), &exposure.subject, SUBJECT)
        })
    }

    async fn take(self, page: &mut Entered<'_>) -> Result<Value, ApiError> {
        let mut told: BTreeMap<(Uuid, &str), i32> = BTreeMap::new();
        for exposure in &self.exposures {
            *told.entry((exposure.experiment, &exposure.subject)).or_default() += 1;
        }
        let running = page.running().await?;
        let mut shown = Vec::new();
        for ((id, subject), times) in told {
            if let Some(variant) = running.get(&id).and_then(|experiment| experiment.variant(subject)) {
                let (subject, variant) = (subject.to_owned(), variant.key.clone());
                shown.push(Shown { id: page.api.ids.next(), experiment: id, subject, variant, times });
            }
        }
        experiments::expose_visitors(&mut page.tx, &page.scope, &shown, page.api.clock.now()).await?;
        Ok(json!({ "counted": shown.iter().map(|shown| shown.times).sum::<i32>() }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Convert {
    key: String,
    conversions: Vec<Conversion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversion {
    subject: String,
    goal: String,
    value: Option<f64>,
}

impl Told for Convert {
    fn key(&self) -> &str {
        &self.key
    }

    fn check(&self) -> Result<(), ApiError> {
        check_count("conversions", self.conversions.len())?;
        for (index, Conversion { subject, goal, value }) in self.conversions.iter().enumerate() {
            check_text(format!("conversions[{index}].subject"), subject, SUBJECT)?;
            check_text(format!("conversions[{index}].goal"), goal, 64)?;
            if value.is_some_and(|value| value.abs() > VALUE) {
                let detail = format!("must be between -{VALUE} and {VALUE}");
                return Err(ApiError::invalid(format!("conversions[{index}].value"), detail));
            }
        }
        Ok(())
    }

    async fn take(self, page: &mut Entered<'_>) -> Result<Value, ApiError> {
        let reached: Vec<Reached> = self
            .conversions
            .into_iter()
            .map(|Conversion { subject, goal, value }| Reached { subject, goal, value })
            .collect();
        let (bot, now) = (page.widget.bot, page.api.clock.now());
        let counted = experiments::convert_visitors(&mut page.tx, &page.scope, bot, &reached, now).await?;
        Ok(json!({ "counted": counted }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_a_network_share_a_bucket() {
        let of = |ip: &str| bucket(Some(ip.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("192.0.2.1"), bucket(None));
    }
}
