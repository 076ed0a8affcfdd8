//! `/v1/sso/domains`.

use axum::extract::State;
use botbuilder_store::{
    Error,
    secret::new_secret,
    sso::{domains, sso_domains::TABLE},
    table::rows,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    connection::fresh,
    domain_checks::{Found, look_up, verdict},
};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, Permission, Verb},
    resource::{Answer, Mode, Resource, act::at, answer, changes, of_row},
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let may = Permission { area: Area::Sso, verb: Verb::Manage };
    Resource::new(&TABLE, "single sign-on domain", Area::Sso, "/v1/sso/domains")
        .log()
        .creatable()
        .deletable()
        .prepared(challenged)
        .asking(|api, _, caller, _, _| Box::pin(async move { fresh(api, caller) }))
        .routes()
        .add(
            Operation::post(
                "/v1/sso/domains/{id}/verify",
                may,
                "looks for the text at _botbuilder-challenge.<domain>, which proves the domain",
            )
            .gives(of_row(&TABLE)),
            verify,
        )
}

/// A new domain gets the text that has to stand in its DNS, and is looked up from now on.
fn challenged(values: &mut Map<String, Value>, mode: Mode) -> Result<(), ApiError> {
    if mode == Mode::Create {
        let method = values.get("method").and_then(Value::as_str);
        if method.is_some_and(|method| method != "dns_txt") {
            return Err(ApiError::invalid("method", "must be dns_txt: the others are not looked up yet"));
        }
        let token = new_secret().map_err(Error::from)?;
        values.insert("verification_token".to_owned(), json!(token.expose().get(..32)));
        values.insert("next_check_at".to_owned(), json!("now"));
    }
    Ok(())
}

async fn verify(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let due = domains::lock(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    // Nothing is held while somebody else's name server takes its time.
    let found = look_up(api.outside.dns.as_ref(), &due).await;
    let mut tx = api.store.begin(&caller.scope).await?;
    let due = domains::lock(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    let before = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?;
    domains::checked(&mut tx, id, &verdict(&due, &found, now), now).await.map_err(|error| match error {
        Error::Conflict { .. } => {
            ApiError::conflict("taken", "another organization has proved this domain").about("domain")
        }
        other => other.into(),
    })?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "checked", before.as_ref(), Some(&row)).await?;
    tx.commit().await?;
    match found {
        Found::Proved => Ok(answer(row)),
        Found::Missing(why) => Err(ApiError::conflict("not_proved", why)),
    }
}
