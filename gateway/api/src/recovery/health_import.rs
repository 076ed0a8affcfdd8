//! `POST /v1/health/customers/import`: customers whose health somebody else knows, or whose factors somebody else counted.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    recovery::{customer_health_score_history, customer_health_scores::TABLE},
    table::rows::{self, Condition, Query, Test},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::scoring::{Factors, churn_probability, grade, risk};
use crate::{
    Api,
    auth::Caller,
    error::{ApiError, FieldError},
    input::Body,
    permission::{Area, write},
    resource::{
        act::{at, fields, set},
        broken_rule, bulk,
    },
    routes::{Operation, Routes},
};

/// When a score is looked at again.
const NEXT: TimeDelta = TimeDelta::days(1);
/// The largest sum of money, in millionths: what every reader of JSON takes as a whole number.
const MONEY: i64 = 9_007_199_254_740_991;

/// The route of the import.
pub fn routes() -> Routes {
    let percent = json!({ "type": ["number", "null"], "minimum": 0, "maximum": 100 });
    let instant = json!({ "type": ["string", "null"], "format": "date-time" });
    let money = json!({ "type": ["integer", "null"], "minimum": 0, "maximum": MONEY });
    let customer = json!({
        "type": "object",
        "properties": {
            "customer_ref": { "type": "string", "minLength": 1, "maxLength": 255 },
            "contact_id": { "type": ["string", "null"], "format": "uuid" },
            "email": { "type": ["string", "null"], "format": "email", "maxLength": 254 },
            "name": { "type": ["string", "null"], "maxLength": 200 },
            "score": { "type": ["integer", "null"], "minimum": 0, "maximum": 100 },
            "factors": {
                "type": ["object", "null"],
                "properties": {
                    "engagement": percent, "financial": percent, "satisfaction": percent, "tenure": percent,
                    "activity": percent,
                },
                "additionalProperties": false,
            },
            "inputs": { "type": ["object", "null"] },
            "last_activity_at": instant,
            "last_purchase_at": instant,
            "lifetime_value": money,
            "monthly_value": money,
            "currency": { "type": ["string", "null"], "pattern": "^[A-Z]{3}$" },
        },
        "required": ["customer_ref"],
        "additionalProperties": false,
    });
    let counts = json!({ "type": "object", "properties": {
        "created": { "type": "integer" }, "changed": { "type": "integer" },
    } });
    Routes::new().add(
        Operation::post(
            "/v1/health/customers/import",
            write(Area::Health),
            "takes customers with a score, or with factors of which one is made; those that are there are changed",
        )
        .takes(bulk::schema("customers", &customer, bulk::MOST))
        .gives(counts),
        import,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    customers: Vec<Customer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    #[serde(rename = "customer_ref")]
    reference: String,
    contact_id: Option<Uuid>,
    email: Option<String>,
    name: Option<String>,
    score: Option<u8>,
    factors: Option<Given>,
    inputs: Option<Map<String, Value>>,
    last_activity_at: Option<DateTime<Utc>>,
    last_purchase_at: Option<DateTime<Utc>>,
    lifetime_value: Option<i64>,
    monthly_value: Option<i64>,
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    engagement: Option<f64>,
    financial: Option<f64>,
    satisfaction: Option<f64>,
    tenure: Option<f64>,
    activity: Option<f64>,
}

impl Given {
    fn factors(&self) -> Factors {
        let &Self { engagement, financial, satisfaction, tenure, activity } = self;
        Factors { engagement, financial, satisfaction, tenure, activity }
    }
}

impl Customer {
    /// What cannot be taken of it: field and reason.
    fn faults(&self) -> Vec<(&'static str, &'static str)> {
        let mut faults = Vec::new();
        let mut check = |field, is_fine: bool, detail| {
            if !is_fine {
                faults.push((field, detail));
            }
        };
        let short = |text: &str, most: usize| text.chars().count() <= most;
        let reference = &self.reference;
        check(
            "customer_ref",
            !reference.is_empty() && short(reference, 255),
            "must have 1 to 255 characters",
        );
        let email = self.email.as_ref();
        let is_mail = email.is_none_or(|email| crate::identity::sign_in::check_email("email", email).is_ok());
        check("email", is_mail, "must be an e-mail address");
        check(
            "name",
            self.name.as_ref().is_none_or(|name| short(name, 200)),
            "must have at most 200 characters",
        );
        check("score", self.score.is_none_or(|score| score <= 100), "must be from 0 to 100");
        let factors = self.factors.as_ref().map(Given::factors);
        let known = factors.map(Factors::known).unwrap_or_default();
        let is_percent = |value: &Value| value.as_f64().is_some_and(|value| (0.0..=100.0).contains(&value));
        check("factors", known.values().all(is_percent), "must each be from 0 to 100");
        let is_told = self.score.is_some() || !known.is_empty();
        check("score", is_told, "must be there, or a factor of which it is made");
        for (field, value) in [("lifetime_value", self.lifetime_value), ("monthly_value", self.monthly_value)]
        {
            check(
                field,
                value.is_none_or(|value| (0..=MONEY).contains(&value)),
                "must be from 0 to 2^53 - 1",
            );
        }
        let is_code = |code: &String| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        check("currency", self.currency.as_ref().is_none_or(is_code), "must be three capital letters");
        faults
    }

    /// The columns of its row. What is not told stays as it was.
    fn columns(self, now: DateTime<Utc>) -> Map<String, Value> {
        let factors = self.factors.as_ref().map(Given::factors);
        let made = factors.and_then(Factors::score);
        let (score, confidence) = match (self.score, made) {
            // Whoever tells the score tells what it is, not how it came about.
            (Some(score), _) => (score, 0.0),
            (None, Some(made)) => made,
            (None, None) => (0, 0.0),
        };
        let mut columns = set([
            ("score", json!(score)),
            ("grade", json!(grade(score))),
            ("risk", json!(risk(score))),
            ("churn_probability", json!(churn_probability(score))),
            ("confidence", json!(confidence)),
            ("model_version", json!(if self.score.is_some() { "import" } else { "rules-v1" })),
            ("factors", json!(factors.map(Factors::known).unwrap_or_default())),
            ("calculated_at", json!(now)),
            ("next_calculation_at", json!(now + NEXT)),
            ("customer_ref", json!(self.reference)),
            ("contact_id", json!(self.contact_id)),
            ("email", json!(self.email)),
            ("name", json!(self.name)),
            ("inputs", json!(self.inputs)),
            ("last_activity_at", json!(self.last_activity_at)),
            ("last_purchase_at", json!(self.last_purchase_at)),
            ("lifetime_value", json!(self.lifetime_value)),
            ("monthly_value", json!(self.monthly_value)),
            ("currency", json!(self.currency)),
        ]);
        columns.retain(|_, value| !value.is_null());
        columns
    }
}

/// Names every fault of every customer.
fn check(customers: &[Customer]) -> Result<(), ApiError> {
    if customers.len() > bulk::MOST {
        let detail = format!("must have at most {} entries", bulk::MOST);
        return Err(ApiError::invalid("customers", detail));
    }
    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    for (index, customer) in customers.iter().enumerate() {
        let mut found = customer.faults();
        if !seen.insert(&customer.reference) {
            found.push(("customer_ref", "stands there twice"));
        }
        faults.extend(found.into_iter().map(|(field, detail)| FieldError {
            field: format!("customers[{index}].{field}").into(),
            detail: detail.into(),
        }));
    }
    if faults.is_empty() { Ok(()) } else { Err(ApiError::Invalid(faults)) }
}

/// The customers that are there: id and score by reference.
async fn there(
    tx: &mut Tx,
    caller: &Caller,
    customers: &[Customer],
) -> Result<BTreeMap<String, (Uuid, Value)>, ApiError> {
    let column =
        TABLE.column("customer_ref").ok_or_else(|| ApiError::defect("a column that is not described"))?;
    let references = customers.iter().map(|customer| customer.reference.clone()).collect();
    let conditions = vec![Condition { column, test: Test::Among(references) }];
    let fetch = i64::try_from(bulk::MOST).unwrap_or(i64::MAX);
    let found =
        rows::list(tx, &caller.scope, &TABLE, &Query { conditions, fetch, ..Query::default() }).await?;
    let mut there = BTreeMap::new();
    for row in found {
        let known = fields(&row)?;
        let reference = known.get("customer_ref").and_then(Value::as_str).unwrap_or_default();
        there.insert(reference.to_owned(), (row.id, known.get("score").cloned().unwrap_or_default()));
    }
    Ok(there)
}

async fn import(
    State(api): State<Api>,
    caller: Caller,
    Body(Import { customers }): Body<Import>,
) -> Result<Json<Value>, ApiError> {
    check(&customers)?;
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    customer_health_score_history::because(&mut tx, "import").await?;
    let there =
        if customers.is_empty() { BTreeMap::new() } else { there(&mut tx, &caller, &customers).await? };
    let (mut created, mut changed) = (0, 0);
    for customer in customers {
        let known = there.get(&customer.reference);
        let mut columns = customer.columns(now);
        if let Some((id, score)) = known {
            columns.remove("customer_ref");
            columns.insert("previous_score".to_owned(), score.clone());
            let row = rows::update(&mut tx, &caller.scope, &TABLE, at(*id), columns).await;
            row.map_err(|error| broken_rule(&TABLE, error))?.ok_or(ApiError::NotFound)?;
            changed += 1;
        } else {
            let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), columns).await;
            row.map_err(|error| broken_rule(&TABLE, error))?;
            created += 1;
        }
    }
    let counts = json!({ "created": created, "changed": changed });
    let act = Act::new("customer_health_scores.imported", TABLE.name, None).metadata(counts.clone());
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": counts })))
}
