//! The plan catalogue.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    Error,
    billing::subscription_plans,
    platform::{
        admin_audit_log::Act,
        plans::{self, Plan},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Desk, Need,
    audit::{Listing, page_of},
};
use crate::{
    Api,
    error::ApiError,
    identity::sign_in::check_length,
    input::{Body, Id},
    resource::broken_rule,
    routes::{Operation, Routes},
    shape,
};

const FIELDS: [(&str, &str); 10] = [
    ("name", "string?"),
    ("description", "string?"),
    ("currency", "string?"),
    ("price_monthly", "integer?"),
    ("price_yearly", "integer?"),
    ("limits", "object?"),
    ("features", "object?"),
    ("is_public", "boolean?"),
    ("is_active", "boolean?"),
    ("sort_order", "integer?"),
];

/// The routes of plans.
pub(super) fn routes() -> Routes {
    let mut new = FIELDS.to_vec();
    new.push(("code", "string"));
    Routes::new()
        .add(
            Operation::get("/admin/v1/plans", Need::Staff, "the plans, the latest first")
                .lists(json!({ "type": "object" })),
            list,
        )
        .add(
            Operation::post("/admin/v1/plans", Need::Superadmin, "makes a plan")
                .answers(201)
                .takes(shape::object(&new)),
            create,
        )
        .add(
            Operation::patch("/admin/v1/plans/{id}", Need::Superadmin, "changes a plan, for everybody on it")
                .takes(shape::object(&FIELDS)),
            update,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    price_monthly: Option<i64>,
    #[serde(default)]
    price_yearly: Option<i64>,
    #[serde(default)]
    limits: Option<Value>,
    #[serde(default)]
    features: Option<Value>,
    #[serde(default)]
    is_public: Option<bool>,
    #[serde(default)]
    is_active: Option<bool>,
    #[serde(default)]
    sort_order: Option<i32>,
}

impl Given {
    fn plan(&self) -> Result<Plan<'_>, ApiError> {
        if let Some(name) = &self.name {
            check_length("name", name, 80)?;
        }
        if let Some(description) = &self.description {
            check_length("description", description, 1000)?;
        }
        for (field, object) in [("limits", &self.limits), ("features", &self.features)] {
            if object.as_ref().is_some_and(|object| !object.is_object()) {
                return Err(ApiError::invalid(field, "must be an object"));
            }
        }
        for (field, price) in [("price_monthly", self.price_monthly), ("price_yearly", self.price_yearly)] {
            if price.is_some_and(|price| price < 0) {
                return Err(ApiError::invalid(field, "must not be below 0"));
            }
        }
        if self.currency.as_ref().is_some_and(|currency| {
            currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase())
        }) {
            return Err(ApiError::invalid("currency", "must be a code of ISO 4217"));
        }
        Ok(Plan {
            name: self.name.as_deref(),
            description: self.description.as_deref(),
            currency: self.currency.as_deref(),
            price_monthly: self.price_monthly,
            price_yearly: self.price_yearly,
            limits: self.limits.as_ref(),
            features: self.features.as_ref(),
            is_public: self.is_public,
            is_active: self.is_active,
            sort_order: self.sort_order,
        })
    }
}

fn broken(error: Error) -> ApiError {
    broken_rule(&subscription_plans::TABLE, error)
}

async fn list(State(api): State<Api>, _: Desk, Listing(page): Listing) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = plans::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(Json(page_of(page, rows)))
}

async fn create(State(api): State<Api>, desk: Desk, Body(body): Body<Given>) -> Result<Response, ApiError> {
    let is_slug = |code: &&String| {
        (1..=63).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !code.starts_with('-')
            && !code.ends_with('-')
    };
    let code = body.code.as_ref().filter(is_slug);
    let code =
        code.ok_or_else(|| ApiError::invalid("code", "must be lower-case letters, digits and hyphens"))?;
    let id = api.ids.next();
    let mut tx = api.store.begin_admin().await?;
    let row = plans::insert(&mut tx, id, code, &body.plan()?).await.map_err(broken)?;
    desk.note(&api, &mut tx, Act::new("plan.create").to("subscription_plan", id).saying(row.clone())).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": row }))).into_response())
}

async fn update(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(body): Body<Given>,
) -> Result<Json<Value>, ApiError> {
    if body.code.is_some() {
        return Err(ApiError::invalid("code", "stays as it is: other systems know the plan by it"));
    }
    let mut tx = api.store.begin_admin().await?;
    let row = plans::update(&mut tx, id, &body.plan()?).await.map_err(broken)?.ok_or(ApiError::NotFound)?;
    desk.note(&api, &mut tx, Act::new("plan.update").to("subscription_plan", id).saying(row.clone())).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": row })))
}
