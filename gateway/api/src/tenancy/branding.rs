//! `/v1/branding`: how an organization looks to its customers, and the domain under which it does.

use axum::{Json, extract::State};
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
        answer, broken_rule, changes, check, of_input, of_row,
    },
    routes::{Operation, Routes},
};

pub(super) const PATH: &str = "/v1/branding";
/// Below which name the record stands that proves the domain.
const LABEL: &str = "_botbuilder-challenge";

/// The routes of branding.
pub fn routes() -> Routes {
    let area = Area::Organization;
    Routes::new()
        .add(
            Operation::get(
                PATH,
                read(area),
                "how the organization looks; null where it looks like everybody",
            )
            .gives(json!({ "anyOf": [schema(), { "type": "null" }] })),
            get,
        )
        .add(
            Operation::patch(
                PATH,
                manage(area),
                "changes how it looks; the first time brand_name must be there",
            )
            .takes(of_input(&TABLE, Mode::Update))
            .gives(schema()),
            update,
        )
        .add(
            Operation::post(
                format!("{PATH}/domain/verify"),
                manage(area),
                "looks for domain_token at _botbuilder-challenge.<custom_domain>, which proves the domain",
            )
            .gives(schema()),
            verify,
        )
        .add(
            Operation::post(
                format!("{PATH}/mail-domain/verify"),
                manage(area),
                "looks for domain_token at _botbuilder-challenge.<domain of mail_from_address>, which proves the domain; mail_sent_from says where invitations come from",
            )
            .gives(schema()),
            verify_mail,
        )
}

/// Who an organization's mails come from, where that is not the platform.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The name beside it.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// The organization's own sender: an address of a domain that it has proved, where the mail server may send for such.
pub(crate) async fn sender(api: &Api, tx: &mut Tx, caller: &Caller) -> Result<Option<Sender>, ApiError> {
    if !api.outside.sender.may_be_theirs {
        return Ok(None);
    }
    let row = current(tx, caller).await?;
    Ok(row.as_ref().map(fields).transpose()?.as_ref().and_then(sender_in))
}

fn sender_in(brand: &Map<String, Value>) -> Option<Sender> {
    if brand.get("mail_domain_status") != Some(&json!("verified")) {
        return None;
    }
    let text = |name: &str| brand.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Sender {
        name: text("mail_from_name").or_else(|| text("brand_name")),
        address: text("mail_from_address")?,
    })
}

/// The row as it is shown: with the address that mails really come from.
pub(super) fn shown(api: &Api, mut row: Row) -> Result<Row, ApiError> {
    let mut brand = fields(&row)?;
    let sender = &api.outside.sender;
    let own = sender_in(&brand).filter(|_| sender.may_be_theirs);
    let from = own.map_or_else(|| sender.platform.clone(), |own| own.address);
    brand.insert("mail_sent_from".to_owned(), json!(from));
    row.json = Value::Object(brand).to_string();
    Ok(row)
}

/// The schema of a row as it is shown.
pub(super) fn schema() -> Value {
    let mut schema = of_row(&TABLE);
    schema["properties"]["mail_sent_from"] = json!({
        "type": "string",
        "description": "the address that invitations come from: mail_from_address once its domain is proved and the platform's mail server may send for it, else the platform's own",
    });
    schema
}

/// The organization's row, if it has one.
pub(super) async fn current(tx: &mut Tx, caller: &Caller) -> Result<Option<Row>, ApiError> {
    let query = Query { fetch: 1, ..Query::default() };
    Ok(rows::list(tx, &caller.scope, &TABLE, &query).await?.pop())
}

async fn get(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = current(&mut tx, &caller).await?;
    tx.commit().await?;
    let row = row.map(|row| shown(&api, row)).transpose()?;
    Ok(Json(json!({ "data": row.as_ref().map(fields).transpose()? })))
}

/// The domain of a mail address.
fn mail_domain(address: &Value) -> Option<String> {
    Some(address.as_str()?.rsplit_once('@')?.1.to_ascii_lowercase())
}

/// What a change of a domain brings along: it has to be proved anew. Both domains are proved by the same text, which is
/// there while one of them is.
fn domains_changed(
    values: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
) -> Result<(), ApiError> {
    let was = |name: &str| before.and_then(|before| before.get(name)).cloned().unwrap_or_default();
    let is = |name: &str| values.get(name).cloned().unwrap_or_else(|| was(name));
    let (domain, mail) = (is("custom_domain"), mail_domain(&is("mail_from_address")));
    let has_new_domain = domain != was("custom_domain");
    let has_new_mail = mail != mail_domain(&was("mail_from_address"));
    let (has_domain, has_mail) = (!domain.is_null(), mail.is_some());
    let state = |is_there: bool| json!(if is_there { "pending" } else { "none" });
    if has_new_domain {
        values.extend(set([
            ("domain_status", state(has_domain)),
            ("domain_verified_at", Value::Null),
            ("tls_status", json!("none")),
            ("tls_not_after", Value::Null),
        ]));
    }
    if has_new_mail {
        values.insert("mail_domain_status".to_owned(), state(has_mail));
    }
    if !has_domain && !has_mail {
        values.insert("domain_token".to_owned(), Value::Null);
    } else if (has_new_domain && has_domain) || was("domain_token").is_null() {
        let token = new_secret().map_err(Error::from)?;
        values.insert("domain_token".to_owned(), json!(token.expose().get(..32)));
    }
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
        domains_changed(&mut values, Some(&fields(before)?))?;
        let place = at(before.id);
        rows::update(&mut tx, &caller.scope, &TABLE, place, values)
            .await
            .map(|row| row.ok_or(ApiError::NotFound))
    } else {
        check(&TABLE, &values, Mode::Create, &[])?;
        values.retain(|_, value| !value.is_null());
        domains_changed(&mut values, None)?;
        rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values).await.map(Ok)
    };
    let row = row.map_err(|error| broken_rule(&TABLE, error))??;
    changes::note(&api, &mut tx, &caller, &TABLE, "updated", before.as_ref(), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(shown(&api, row)?))
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

/// A domain that is proved.
struct Proof {
    /// What is said where there is none.
    missing: &'static str,
    /// The column of its state.
    status: &'static str,
    /// The column of the instant at which it was proved, if there is one.
    verified_at: Option<&'static str>,
    /// What the trail calls it.
    verb: &'static str,
}

async fn verify(State(api): State<Api>, caller: Caller) -> Result<Answer, ApiError> {
    let proof = Proof {
        missing: "there is no domain to prove; set custom_domain",
        status: "domain_status",
        verified_at: Some("domain_verified_at"),
        verb: "domain_checked",
    };
    prove(&api, &caller, proof, |known| known.get("custom_domain")?.as_str().map(str::to_owned)).await
}

async fn verify_mail(State(api): State<Api>, caller: Caller) -> Result<Answer, ApiError> {
    let proof = Proof {
        missing: "there is no domain to prove; set mail_from_address",
        status: "mail_domain_status",
        verified_at: None,
        verb: "mail_domain_checked",
    };
    prove(&api, &caller, proof, |known| mail_domain(known.get("mail_from_address")?)).await
}

/// Looks for the text that proves a domain, and notes what was found.
async fn prove(
    api: &Api,
    caller: &Caller,
    proof: Proof,
    domain: impl Fn(&Map<String, Value>) -> Option<String>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = current(&mut tx, caller).await?;
    tx.commit().await?;
    let known = row.as_ref().map(fields).transpose()?.unwrap_or_default();
    let token = known.get("domain_token").and_then(Value::as_str);
    let (Some(row), Some(proved), Some(token)) = (&row, domain(&known), token) else {
        return Err(ApiError::conflict("no_domain", proof.missing));
    };
    // Nothing is held while somebody else's name server takes its time.
    let found = look_up(api.outside.dns.as_ref(), &proved, token).await;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(row.id)).await?.ok_or(ApiError::NotFound)?;
    let now = fields(&before)?;
    let is_same = now.get("domain_token").and_then(Value::as_str) == Some(token);
    if !is_same || domain(&now).as_ref() != Some(&proved) {
        return Err(ApiError::conflict("busy", "the domain was changed meanwhile; try again"));
    }
    let mut change = set([(proof.status, json!(if found.is_ok() { "verified" } else { "failed" }))]);
    if let Some(column) = proof.verified_at {
        change.insert(column.to_owned(), found.as_ref().map_or(Value::Null, |()| json!(api.clock.now())));
    }
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(row.id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(api, &mut tx, caller, &TABLE, proof.verb, Some(&before), Some(&row)).await?;
    tx.commit().await?;
    match found {
        Ok(()) => Ok(answer(shown(api, row)?)),
        Err(why) => Err(ApiError::conflict("not_proved", why)),
    }
}
