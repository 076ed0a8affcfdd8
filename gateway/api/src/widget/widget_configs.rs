//! `/v1/bots/{id}/widget`: the chat of a bot on a website. A bot has one at most.

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_domain::ChannelKind;
use botbuilder_store::{
    Tx,
    bots::widget_configs::identity_place,
    channels::channels,
    secret::new_secret,
    table::rows::{self, Condition, Place, Query, Row, Test},
    tenancy::organizations,
    widget::widget_configs::TABLE,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::ApiError,
    etag::IfMatch,
    input::{Body, Id, Object},
    permission::{Area, manage, read, write},
    resource::{
        Answer, Mode,
        act::{act, at, set},
        answer, broken_rule,
        changes::note,
        check, of_input, of_row, sealed_columns,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/bots/{id}/widget";
/// Characters of a public key. It is no secret: it stands in the page.
const PUBLIC_KEY: usize = 24;

/// The routes of this resource.
pub fn routes() -> Routes {
    let secret = json!({ "type": "object", "properties": { "identity_secret": { "type": "string" } } });
    Routes::new()
        .add(Operation::get(PATH, read(Area::Widget), "the chat of a bot").gives(of_row(&TABLE)), get)
        .add(
            Operation::post(
                PATH,
                write(Area::Widget),
                "makes the chat of a bot, with a channel of its own where the bot has none for websites",
            )
            .answers(201)
            .takes(of_input(&TABLE, Mode::Create))
            .gives(of_row(&TABLE)),
            create,
        )
        .add(
            Operation::patch(PATH, write(Area::Widget), "changes the chat of a bot")
                .takes(of_input(&TABLE, Mode::Update))
                .gives(of_row(&TABLE))
                .matches(),
            update,
        )
        .add(
            Operation::post(
                format!("{PATH}/rotate-key"),
                manage(Area::Widget),
                "a new public key; pages with the one before show no chat any more",
            )
            .gives(of_row(&TABLE)),
            rotate_key,
        )
        .add(
            Operation::post(
                format!("{PATH}/rotate-identity-secret"),
                manage(Area::Widget),
                "a new secret for the site to sign with who its visitors are, shown once; the one before ends",
            )
            .gives(secret)
            .secret(),
            rotate_identity_secret,
        )
}

/// The widget of a bot, which is the row below it.
pub(super) async fn of_bot(tx: &mut Tx, caller: &Caller, bot: Uuid) -> Result<Row, ApiError> {
    let query = Query { parent: Some(bot), fetch: 1, ..Query::default() };
    let rows = rows::list(tx, &caller.scope, &TABLE, &query).await?;
    rows.into_iter().next().ok_or(ApiError::NotFound)
}

async fn get(State(api): State<Api>, caller: Caller, Id(bot): Id) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = of_bot(&mut tx, &caller, bot).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    Body(mut values): Body<Object>,
) -> Result<Answer, ApiError> {
    check(&TABLE, &values, Mode::Create, &[])?;
    values.retain(|_, value| !value.is_null());
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &botbuilder_store::bots::bots::TABLE, bot).await? {
        return Err(ApiError::NotFound);
    }
    let channel = channel(&api, &mut tx, &caller, bot).await?;
    values.extend(set([
        ("bot_id", json!(bot)),
        ("channel_id", json!(channel)),
        ("public_key", json!(public_key()?)),
    ]));
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    (api.channels_changed)();
    Ok(Answer { status: StatusCode::CREATED, row, location: Some(format!("/v1/bots/{bot}/widget")) })
}

/// The bot's channel for websites; one is made if there is none.
async fn channel(api: &Api, tx: &mut Tx, caller: &Caller, bot: Uuid) -> Result<Uuid, ApiError> {
    let table = &channels::TABLE;
    let is = |name: &str, value: String| {
        table.column(name).map(|column| Condition { column, test: Test::Among(vec![value]) })
    };
    let web = ChannelKind::Web.as_str();
    let conditions =
        [is("bot_id", bot.to_string()), is("type", web.to_owned()), is("status", "active".to_owned())];
    let query =
        Query { conditions: conditions.into_iter().flatten().collect(), fetch: 1, ..Query::default() };
    if let Some(row) = rows::list(tx, &caller.scope, table, &query).await?.into_iter().next() {
        return Ok(row.id);
    }
    limits::room_for(tx, &caller.scope, table).await?;
    let new = set([
        ("bot_id", json!(bot)),
        ("type", json!(web)),
        ("name", json!("Website")),
        ("status", json!("active")),
        ("public_id", json!(public_key()?)),
        ("created_by", json!(caller.user())),
    ]);
    let row = rows::insert(tx, &caller.scope, table, api.ids.next(), new)
        .await
        .map_err(|error| broken_rule(table, error))?;
    note(api, tx, caller, table, "created", None, Some(&row)).await?;
    Ok(row.id)
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    if_match: IfMatch,
    Body(values): Body<Object>,
) -> Result<Answer, ApiError> {
    check(&TABLE, &values, Mode::Update, &[])?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = Place { parent: Some(bot), id: of_bot(&mut tx, &caller, bot).await?.id };
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    if if_match.demand()?.is_some_and(|wanted| before.version != Some(wanted)) {
        return Err(ApiError::Stale);
    }
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place, values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    note(&api, &mut tx, &caller, &TABLE, "updated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    (api.channels_changed)();
    Ok(answer(row))
}

async fn rotate_key(State(api): State<Api>, caller: Caller, Id(bot): Id) -> Result<Answer, ApiError> {
    let id = id_of_bot(&api, &caller, bot).await?;
    let key = public_key()?;
    let rotated =
        act(&api, &caller, &TABLE, at(id), "key_rotated", |_| Ok(set([("public_key", json!(key))]))).await?;
    (api.channels_changed)();
    Ok(rotated)
}

/// The secret is the text itself, so that a site signs with what it was shown.
async fn rotate_identity_secret(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
) -> Result<Json<Value>, ApiError> {
    let id = id_of_bot(&api, &caller, bot).await?;
    let secret = new_secret().map_err(botbuilder_store::Error::from)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    tx.commit().await?;
    let sealed = keys.seal(identity_place(id), secret.expose().as_bytes());
    let sealed = sealed.map_err(botbuilder_store::Error::from)?;
    let columns: Map<String, Value> = sealed_columns("identity_secret", &sealed).into_iter().collect();
    act(&api, &caller, &TABLE, at(id), "identity_secret_rotated", |_| Ok(columns)).await?;
    Ok(Json(json!({ "data": { "identity_secret": secret.expose() } })))
}

async fn id_of_bot(api: &Api, caller: &Caller, bot: Uuid) -> Result<Uuid, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = of_bot(&mut tx, caller, bot).await?;
    tx.commit().await?;
    Ok(row.id)
}

fn public_key() -> Result<String, ApiError> {
    let random = new_secret().map_err(botbuilder_store::Error::from)?;
    Ok(random.expose().chars().take(PUBLIC_KEY).collect())
}
