//! `/v1/branding`: how an organization looks to its customers, and the domain under which it does.

use axum::{Json, extract::State, http::Method};
use botbuilder_sso::dns;
use botbuilder_store::{
    Error, Tx,
    billing::user_subscriptions,
    secret::new_secret,
    table::rows::{self, Query, Row},
    tenancy::whitelabel_settings::TABLE,
};
use serde_json::{Map, Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Body,
    permission::{Area, manage, read},
    resource::{
        Answer, Mode,
        act::{at, fields, set},
        answer, broken_rule, changes, check, missing, of_input, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/branding";
/// Below which name the record stands that proves the domain.
const LABEL: &str = "_botbuilder-challenge";

/// The routes of branding.
pub fn routes() -> Routes {
    let area = Area::Organization;
    let routes = Routes::new()
        .add(
            Operation::get(
                PATH,
                read(area),
                "how the organization looks; null where it looks like everybody",
            )
            .gives(json!({ "anyOf": [of_row(&TABLE), { "type": "null" }] })),
            get,
        )
        .add(
            Operation::patch(
                PATH,
                manage(area),
                "changes how it looks; the first time brand_name must be there",
            )
            .takes(of_input(&TABLE, Mode::Update))
            .gives(of_row(&TABLE)),
            update,
        )
        .add(
            Operation::post(
                format!("{PATH}/domain/verify"),
                manage(area),
                "looks for domain_token at _botbuilder-challenge.<custom_domain>, which proves the domain",
            )
            .gives(of_row(&TABLE)),
            verify,
        );
    [
        ("logo", "pictures are not made anew yet; give logo_url"),
        ("mail-domain/verify", "mail is sent from the platform's own address yet"),
    ]
    .into_iter()
    .fold(routes, |routes, (action, what)| {
        missing(routes, &Method::POST, format!("{PATH}/{action}"), manage(area), what)
    })
}

/// The organization's row, if it has one.
async fn current(tx: &mut Tx, caller: &Caller) -> Result<Option<Row>, ApiError> {
    let query = Query { fetch: 1, ..Query::default() };
    Ok(rows::list(tx, &caller.scope, &TABLE, &query).await?.pop())
}

async fn get(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = current(&mut tx, &caller).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": row.as_ref().map(fields).transpose()? })))
}

/// What a change of the domain brings along: it has to be proved anew.
fn domain_changed(
    values: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
) -> Result<(), ApiError> {
    let Some(domain) = values.get("custom_domain") else { return Ok(()) };
    let was = before.and_then(|before| before.get("custom_domain")).unwrap_or(&Value::Null);
    if domain == was {
        return Ok(());
    }
    let is_gone = domain.is_null();
    let token = new_secret().map_err(Error::from)?;
    let token = if is_gone { Value::Null } else { json!(token.expose().get(..32)) };
    values.extend(set([
        ("domain_status", json!(if is_gone { "none" } else { "pending" })),
        ("domain_token", token),
        ("domain_verified_at", Value::Null),
        ("tls_status", json!("none")),
        ("tls_not_after", Value::Null),
    ]));
    Ok(())
}

/// The plan has to have what removes our name.
async fn require_feature(tx: &mut Tx, caller: &Caller, values: &Map<String, Value>) -> Result<(), ApiError> {
    if values.get("show_powered_by") != Some(&json!(false)) {
        return Ok(());
    }
    let plan = user_subscriptions::plan(tx, &caller.scope).await?;
    if plan["subscription"]["features"]["remove_powered_by"] == json!(true) {
        return Ok(());
    }
    let detail = "the plan does not allow to remove the platform's name";
    let refused = ApiError::refused(axum::http::StatusCode::PAYMENT_REQUIRED, "plan_feature", detail);
    Err(refused.about("show_powered_by").with(json!({ "feature": "remove_powered_by" })))
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Body(mut values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    check(&TABLE, &values, Mode::Update, &[])?;
    let mut tx = api.store.begin(&caller.scope).await?;
    require_feature(&mut tx, &caller, &values).await?;
    let before = current(&mut tx, &caller).await?;
    let row = if let Some(before) = &before {
        domain_changed(&mut values, Some(&fields(before)?))?;
        let place = at(before.id);
        rows::update(&mut tx, &caller.scope, &TABLE, place, values)
            .await
            .map(|row| row.ok_or(ApiError::NotFound))
    } else {
        check(&TABLE, &values, Mode::Create, &[])?;
        values.retain(|_, value| !value.is_null());
        domain_changed(&mut values, None)?;
        rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values).await.map(Ok)
    };
    let row = row.map_err(|error| broken_rule(&TABLE, error))??;
    changes::note(&api, &mut tx, &caller, &TABLE, "updated", before.as_ref(), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// Looks the record up; why it proves nothing, in words.
async fn look_up(resolver: Option<&dns::Resolver>, domain: &str, token: &str) -> Result<(), String> {
    let resolver = resolver.ok_or_else(|| "no name server is configured".to_owned())?;
    let name = format!("{LABEL}.{domain}");
    match resolver.texts(&name).await {
        Ok(texts) if texts.iter().any(|text| text.trim() == token) => Ok(()),
        Ok(texts) if texts.is_empty() => Err(format!("{name} has no TXT record")),
        Ok(_) => Err(format!("the TXT record of {name} holds another text")),
        Err(error) => Err(format!("{name} cannot be looked up: {error}")),
    }
}

async fn verify(State(api): State<Api>, caller: Caller) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = current(&mut tx, &caller).await?;
    tx.commit().await?;
    let known = row.as_ref().map(fields).transpose()?.unwrap_or_default();
    let text = |name: &str| known.get(name).and_then(Value::as_str);
    let (Some(row), Some(domain), Some(token)) = (&row, text("custom_domain"), text("domain_token")) else {
        return Err(ApiError::conflict("no_domain", "there is no domain to prove; set custom_domain"));
    };
    // Nothing is held while somebody else's name server takes its time.
    let found = look_up(api.outside.dns.as_ref(), domain, token).await;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(row.id)).await?.ok_or(ApiError::NotFound)?;
    if fields(&before)?.get("domain_token").and_then(Value::as_str) != Some(token) {
        return Err(ApiError::conflict("busy", "the domain was changed meanwhile; try again"));
    }
    let change = match &found {
        Ok(()) => set([("domain_status", json!("verified")), ("domain_verified_at", json!(api.clock.now()))]),
        Err(_) => set([("domain_status", json!("failed")), ("domain_verified_at", Value::Null)]),
    };
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(row.id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "domain_checked", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    match found {
        Ok(()) => Ok(answer(row)),
        Err(why) => Err(ApiError::conflict("not_proved", why)),
    }
}
