//! `…/reorder`: puts the rows of a small collection into an order, which they keep as their `priority`.

use axum::{Json, extract::State};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    table::{
        Table,
        rows::{self, Place, Query},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    act::{fields, set},
    broken_rule,
};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::Permission,
    routes::{Operation, Routes},
    shape,
};

/// Most rows of a collection that is put into an order.
const MOST: usize = 1_000;

/// Which priority comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The highest.
    Highest,
    /// The lowest.
    Lowest,
}

impl First {
    /// The priority of what stands at this place of so many.
    fn priority(self, place: usize, of: usize) -> usize {
        match self {
            Self::Highest => of - place,
            Self::Lowest => place + 1,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    ids: Vec<Uuid>,
}

/// Adds `POST {path}/reorder` for a table that hangs below another and has a `priority`.
pub fn reorderable(
    routes: Routes,
    table: &'static Table,
    path: &'static str,
    may: Permission,
    first: First,
) -> Routes {
    let operation = Operation::post(
        format!("{path}/reorder"),
        may,
        "puts them into this order: `ids` names each of them once, the first to be tried first",
    )
    .takes(shape::object(&[("ids", "uuids")]))
    .gives(shape::object(&[("changed", "integer")]));
    routes.add(
        operation,
        async move |State(api): State<Api>,
                    caller: Caller,
                    Id(parent): Id<Uuid>,
                    Body(order): Body<Order>| {
            reorder(&api, &caller, table, parent, order, first).await
        },
    )
}

async fn reorder(
    api: &Api,
    caller: &Caller,
    table: &'static Table,
    parent: Uuid,
    Order { ids }: Order,
    first: First,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = priorities(&mut tx, caller, table, parent).await?;
    let mut named = ids.clone();
    named.sort_unstable();
    let mut there: Vec<Uuid> = before.iter().map(|(id, _)| *id).collect();
    there.sort_unstable();
    if named != there {
        let detail = format!("must name each of the {} there are once", there.len());
        return Err(ApiError::invalid("ids", detail));
    }
    let mut changed = 0_u32;
    for (place, id) in ids.iter().enumerate() {
        let priority = json!(first.priority(place, ids.len()));
        if before.iter().any(|(there, now)| there == id && *now == priority) {
            continue;
        }
        let at = Place { parent: Some(parent), id: *id };
        rows::update(&mut tx, &caller.scope, table, at, set([("priority", priority)]))
            .await
            .map_err(|error| broken_rule(table, error))?;
        changed += 1;
    }
    let act = Act::new(format!("{}.reordered", table.name), table.name, Some(parent));
    caller.audit(api, &mut tx, act.metadata(json!({ "changed": changed }))).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "changed": changed } })))
}

/// The rows below this one, with their priorities.
async fn priorities(
    tx: &mut Tx,
    caller: &Caller,
    table: &'static Table,
    parent: Uuid,
) -> Result<Vec<(Uuid, Value)>, ApiError> {
    let above = table.parent.as_ref().ok_or_else(|| ApiError::defect("a table that hangs below none"))?;
    if !rows::exists(tx, &caller.scope, above.table, parent).await? {
        return Err(ApiError::NotFound);
    }
    let fetch = i64::try_from(MOST).unwrap_or(i64::MAX).saturating_add(1);
    let query = Query { parent: Some(parent), fetch, ..Query::default() };
    let found = rows::list(tx, &caller.scope, table, &query).await?;
    if found.len() > MOST {
        let detail = format!("there are more than {MOST}; give them a priority one by one");
        return Err(ApiError::conflict("too_many", detail));
    }
    found.iter().map(|row| Ok((row.id, fields(row)?.get("priority").cloned().unwrap_or_default()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_has_the_priority_that_is_tried_first() {
        assert_eq!([0, 1, 2].map(|place| First::Highest.priority(place, 3)), [3, 2, 1]);
        assert_eq!([0, 1, 2].map(|place| First::Lowest.priority(place, 3)), [1, 2, 3]);
    }
}
