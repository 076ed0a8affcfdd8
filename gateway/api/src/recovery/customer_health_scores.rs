//! `/v1/health/customers`.

use axum::{Json, extract::State, http::request::Parts};
use botbuilder_store::{
    page::Page,
    recovery::customer_health_scores::TABLE,
    table::rows::{self, Condition, Query, Test},
};
use serde_json::{Map, Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Cursor, limit, query_pairs, unknown},
    permission::{Area, read},
    resource::{Mode, Resource, act::fields, of_row},
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/health/customers";
/// How this list is sorted, as its cursors name it.
const SORT: &str = "-churn_probability";

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "customer health score", Area::Health, PATH).prepared(checked);
    plain.log().updatable().routes().add(
        Operation::get(
            "/v1/health/customers/at-risk",
            read(Area::Health),
            "customers of high and critical risk, the likeliest to leave first",
        )
        .lists(of_row(&TABLE)),
        at_risk,
    )
}

/// Refuses factors that no score could be made of.
fn checked(values: &mut Map<String, Value>, _: Mode) -> Result<(), ApiError> {
    let inputs = values.get("inputs").and_then(Value::as_object);
    for name in ["engagement", "financial", "satisfaction", "tenure", "activity"] {
        let given = inputs.and_then(|inputs| inputs.get(name)).filter(|given| !given.is_null());
        let fits = |given: &Value| given.as_f64().is_some_and(|given| (0.0..=100.0).contains(&given));
        if given.is_some_and(|given| !fits(given)) {
            return Err(ApiError::invalid(format!("inputs.{name}"), "must be a number from 0 to 100"));
        }
    }
    Ok(())
}

async fn at_risk(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (mut page, mut after) = (Page::default(), None);
    for (name, value) in query_pairs(&parts) {
        match name.as_str() {
            "limit" => page.limit = limit(&value)?,
            "cursor" => {
                let cursor = Cursor::parse(&value, SORT)?;
                if !cursor.key.as_deref().is_some_and(|key| key.parse::<f64>().is_ok_and(f64::is_finite)) {
                    return Err(ApiError::invalid("cursor", "is none of ours; take `next_cursor` as it is"));
                }
                after = Some((cursor.key, cursor.id));
            }
            other => {
                let hint = unknown(other, ["limit", "cursor"]);
                return Err(ApiError::invalid(name, hint));
            }
        }
    }
    let column = |name| TABLE.column(name).ok_or_else(|| ApiError::defect("a column that is not described"));
    let risks = ["high", "critical"].map(str::to_owned).to_vec();
    let query = Query {
        conditions: vec![Condition { column: column("risk")?, test: Test::Among(risks) }],
        sort: Some(column("churn_probability")?),
        is_descending: true,
        after,
        fetch: page.fetch(),
        ..Query::default()
    };
    let mut tx = api.store.begin(&caller.scope).await?;
    let found = rows::list(&mut tx, &caller.scope, &TABLE, &query).await?;
    tx.commit().await?;
    let (found, more) = page.cut(found);
    let next = found.last().filter(|_| more);
    let next = next.map(|last| Cursor::new(SORT, last.sort_key.clone(), last.id).text());
    let data = found.iter().map(fields).collect::<Result<Vec<_>, ApiError>>()?;
    Ok(Json(json!({ "data": data, "next_cursor": next })))
}
