//! `/v1/contacts`.

use std::pin::Pin;

use axum::{Json, extract::State, http::request::Parts};
use botbuilder_domain::ChannelKind;
use botbuilder_store::{
    Tx,
    channels::{
        addresses,
        batches::{self, To},
        channel_contacts::TABLE,
        channel_messages, channels, conversations,
        inbox::{self, search_contacts},
        media,
        merging::{self, Merged},
    },
    page::Page,
    table::{
        Table,
        rows::{self, Condition, Query, Test},
    },
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracing::warn;
use uuid::Uuid;

use super::batch;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Cursor, Id, limit, query_pairs, unknown},
    permission::{Area, delete, read, write},
    resource::{
        Answer, Resource, Writing,
        act::{act, at, fields, retagged, set},
        answer, changes, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/contacts";
/// Most rows of each kind in an export.
const MOST: i64 = 100_000;

/// The routes of this resource.
pub fn routes() -> Routes {
    let action = |action: &str, summary: &str| {
        Operation::post(format!("{PATH}/{{id}}/{action}"), write(Area::Contact), summary)
            .gives(of_row(&TABLE))
    };
    Resource::new(&TABLE, "contact", Area::Contact, PATH)
        .full()
        .completed(spelled)
        .routes()
        .add(
            Operation::get(
                format!("{PATH}/search"),
                read(Area::Contact),
                "contacts by name, address and tags",
            )
            .lists(json!({ "type": "object" }))
            .with_query("q", json!({ "type": "string" }), "a part of a name, or an address")
            .with_query(
                "tag",
                json!({ "type": "string" }),
                "a tag the contact must have; may be repeated",
            ),
            search,
        )
        .add(
            Operation::get(
                format!("{PATH}/{{id}}/merge-suggestions"),
                read(Area::Contact),
                "contacts that may be the same person: they share a number, an address or a reference",
            )
            .gives(json!({ "type": "array", "items": { "type": "object" } })),
            suggestions,
        )
        .add(
            action(
                "merge",
                "makes another contact one with this: on one channel it moves here, on two they are linked",
            )
            .takes(json!({
                "type": "object",
                "properties": { "contact_id": { "type": "string", "format": "uuid" } },
                "required": ["contact_id"],
                "additionalProperties": false,
            })),
            merge,
        )
        .add(action("block", "no messages go to this contact any more"), block)
        .add(action("unblock", "messages go to this contact again"), unblock)
        .add(action("opt-out", "no campaign reaches this contact any more"), opt_out)
        .add(action("tag", "adds and removes tags").takes(tags_schema()), tag)
        .add(
            Operation::get(
                format!("{PATH}/{{id}}/export"),
                read(Area::Contact),
                "everything kept about a contact",
            )
            .gives(json!({ "type": "object" })),
            export,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/erase"),
                delete(Area::Contact),
                "takes the person out of the contact and of every message; counters stay",
            )
            .gives(json!({ "type": "object", "properties": { "messages": { "type": "integer" } } })),
            erase,
        )
}

/// The body of an action on tags.
pub(super) fn tags_schema() -> Value {
    let list = json!({ "type": "array", "items": { "type": "string", "maxLength": 64 }, "maxItems": 100 });
    json!({
        "type": "object",
        "properties": { "add": list, "remove": list },
        "additionalProperties": false,
    })
}

/// Tags to add and to remove.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tags {
    #[serde(default)]
    pub add: Vec<String>,
    #[serde(default)]
    pub remove: Vec<String>,
}

impl Tags {
    /// The tags of a row after this.
    pub fn of(&self, before: &Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
        let fits = |tag: &String| (1..=64).contains(&tag.chars().count());
        if !self.add.iter().all(fits) {
            return Err(ApiError::invalid("add", "tags have 1 to 64 characters"));
        }
        let tags = retagged(before.get("tags"), &self.add, &self.remove);
        if tags.len() > 100 {
            return Err(ApiError::invalid("add", "at most 100 tags"));
        }
        Ok(set([("tags", json!(tags))]))
    }
}

/// Writes a new contact's addresses as contacts are kept, and refuses one that is known in another spelling.
fn spelled(writing: Writing<'_>) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + '_>> {
    Box::pin(async move {
        let Writing { tx, caller, before: None, values, .. } = writing else { return Ok(()) };
        let word = |values: &Map<String, Value>, name: &str| {
            values.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let Ok(channel) = word(values, "channel_id").parse::<Uuid>() else { return Ok(()) };
        // A channel that is not there is refused as such, by the row.
        let Some(row) = rows::get(tx, &caller.scope, &channels::TABLE, at(channel), None).await? else {
            return Ok(());
        };
        let Some(kind) = ChannelKind::parse(&word(&fields(&row)?, "type")) else { return Ok(()) };
        for name in ["external_id", "alt_external_id"] {
            let typed = word(values, name);
            if typed.is_empty() {
                continue;
            }
            let (address, alternatives) = batch::spelled(kind, &typed);
            if address != typed {
                values.insert(name.to_owned(), json!(address));
            }
            let to = To::Address { address, alternatives };
            let known = batches::recipients(tx, &caller.scope, channel.into(), &[to]).await?;
            if known.first().is_some_and(Option::is_some) {
                let detail =
                    format!("{name}: is taken: there is a contact with this address, or spelling of it");
                return Err(ApiError::conflict("taken", detail).about(name));
            }
        }
        Ok(())
    })
}

async fn search(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (mut query, mut tags, mut page) = (String::new(), Vec::new(), Page::default());
    for (name, value) in query_pairs(&parts) {
        if value.contains('\0') {
            return Err(ApiError::invalid(name, "must not hold the character U+0000"));
        }
        match name.as_str() {
            "q" => query = value,
            "tag" => tags.push(value),
            "limit" => page.limit = limit(&value)?,
            "cursor" => page.after = Some(Cursor::parse(&value, "seen")?.id),
            other => {
                return Err(ApiError::invalid(name.clone(), unknown(other, ["q", "tag", "limit", "cursor"])));
            }
        }
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = search_contacts(&mut tx, &query, &tags, page.after, i32::from(page.limit)).await?;
    tx.commit().await?;
    Ok(Json(found(rows, page, "seen")))
}

/// A piece of a search. A full one may have more behind it: the search itself gives at most a page.
pub(super) fn found(rows: Vec<(Uuid, Value)>, page: Page, sort: &str) -> Value {
    let next = rows.last().filter(|_| rows.len() == usize::from(page.limit));
    let next = next.map(|(id, _)| Cursor::new(sort, None, *id).text());
    let data: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    json!({ "data": data, "next_cursor": next })
}

async fn suggestions(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let others = merging::suggestions(&mut tx, &caller.scope, id.into()).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": others })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    contact_id: Uuid,
}

async fn merge(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Merge { contact_id }): Body<Merge>,
) -> Result<Answer, ApiError> {
    if contact_id == id {
        return Err(ApiError::invalid("contact_id", "must be another contact"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let merged = merging::merge(&mut tx, &caller.scope, id.into(), contact_id.into()).await?;
    if merged == Merged::Unknown {
        return Err(ApiError::invalid("contact_id", "is no contact"));
    }
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "merged", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn block(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    let change = set([("blocked_at", json!(now)), ("blocked_by", json!("us"))]);
    act(&api, &caller, &TABLE, at(id), "blocked", |_| Ok(change)).await
}

async fn unblock(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    let change = set([("blocked_at", Value::Null), ("blocked_by", Value::Null)]);
    act(&api, &caller, &TABLE, at(id), "unblocked", |_| Ok(change)).await
}

async fn opt_out(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    let change = set([("consent", json!("opted_out")), ("consent_at", json!(now))]);
    act(&api, &caller, &TABLE, at(id), "opted_out", |_| Ok(change)).await
}

async fn tag(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(tags): Body<Tags>,
) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "tagged", |before| tags.of(before)).await
}

/// The rows of a table that belong to a contact, all of them or an error: an export that leaves out the rest in silence
/// would be taken for the whole.
pub(super) async fn rows_of(
    tx: &mut Tx,
    caller: &Caller,
    table: &'static Table,
    column: &str,
    id: Uuid,
) -> Result<Vec<Map<String, Value>>, ApiError> {
    let column = table.column(column).ok_or_else(|| ApiError::defect("a column that is not described"))?;
    let conditions = vec![Condition { column, test: Test::Among(vec![id.to_string()]) }];
    let query = Query { conditions, fetch: MOST + 1, ..Query::default() };
    let rows = rows::list(tx, &caller.scope, table, &query).await?;
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > MOST {
        let detail = format!(
            "there are more than {MOST} rows; read them page by page, from /v1/conversations/{{id}}/messages"
        );
        return Err(ApiError::conflict("too_many", detail));
    }
    rows.iter().map(fields).collect()
}

async fn export(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let addresses = addresses::of(&mut tx, &caller.scope, id.into()).await?;
    let talks = rows_of(&mut tx, &caller, &conversations::TABLE, "contact_id", id).await?;
    let messages = rows_of(&mut tx, &caller, &channel_messages::TABLE, "contact_id", id).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "exported", Some(&row), Some(&row)).await?;
    tx.commit().await?;
    let contact = fields(&row)?;
    let all =
        json!({ "contact": contact, "addresses": addresses, "conversations": talks, "messages": messages });
    Ok(Json(json!({ "data": all })))
}

async fn erase(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let files = media::only_of_contact(&mut tx, &caller.scope, id.into()).await?;
    let messages = inbox::erase(&mut tx, &caller.scope, id.into()).await?.ok_or(ApiError::NotFound)?;
    // The entry says that it was done, and nothing of who it was.
    let act = botbuilder_store::audit::audit_logs::Act::new("channel_contacts.erased", TABLE.name, Some(id))
        .metadata(json!({ "messages": messages }));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    for file in files {
        // Its rows are empty already; a file that stays is one nobody can find, and the log says so.
        if let Err(error) = api.media.remove(caller.scope.org(), &file).await {
            warn!(contact.id = %id, error = %error, "file of an erased contact was not removed");
        }
    }
    Ok(Json(json!({ "data": { "messages": messages } })))
}
