//! `/v1/versions/{type}/{id}/branches`: lines of work over the versions of a thing, and their way back into it.
//!
//! A branch begins at a version and gets versions of its own. A merge joins three states: the version the branch began
//! at, the thing as it is (of a flow its draft), and the branch's newest version. Where both changed the same, the
//! conflicts are named and nothing changes, until the caller says for each which side is taken.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, request::Parts},
};
use botbuilder_flow::{
    Flow,
    merge::{Choices, Merged, merge as join},
};
use botbuilder_store::{
    Tx,
    bots::{
        entity_branches::TABLE,
        entity_versions::{self, Held},
    },
    table::rows::{self, Condition, Place, Query, Row, Test},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    diff::difference,
    entity_versions::{Kind, New, PATH},
};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Cursor, Id, Paging, query_pairs, unknown},
    permission::Verb,
    resource::{
        Answer,
        act::{fields, set},
        broken_rule, changes, created, of_row,
    },
    routes::{Access, DEFINITION_LIMIT, Operation, Routes},
};

/// The routes of this resource. What they need is a right in the area of the type, which the handlers ask for.
pub fn routes() -> Routes {
    let branch = of_row(&TABLE);
    let path = format!("{PATH}/branches");
    let item = format!("{path}/{{branch}}");
    let object = || json!({ "type": "object" });
    let body = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 80 });
    let message = json!({ "type": "string", "maxLength": 500 });
    let sides = json!({ "type": "object", "additionalProperties": { "enum": ["ours", "theirs"] } });
    Routes::new()
        .add(Operation::get(&path, Access::Caller, "the branches of a thing").lists(branch.clone()), list)
        .add(
            Operation::post(
                &path,
                Access::Caller,
                "begins a branch at a version, the newest where none is named",
            )
            .answers(201)
            .takes(body(json!({ "name": name, "version": { "type": "integer", "minimum": 1 } }), &["name"]))
            .gives(branch.clone()),
            begin,
        )
        .add(Operation::delete(&item, Access::Caller, "gives a branch up; its versions stay"), abandon)
        .add(
            Operation::post(format!("{item}/commit"), Access::Caller, "adds a version to a branch")
                .answers(201)
                .takes(body(json!({ "data": { "type": "object" }, "message": message }), &["data"]))
                .gives(of_row(&entity_versions::TABLE))
                .up_to(DEFINITION_LIMIT),
            commit,
        )
        .add(
            Operation::get(
                format!("{item}/compare"),
                Access::Caller,
                "what the branch changes, and where a merge would conflict",
            )
            .gives(object()),
            compare,
        )
        .add(
            Operation::post(
                format!("{item}/merge"),
                Access::Caller,
                "joins the branch with the thing as it is",
            )
            .takes(body(json!({ "choices": sides, "message": message }), &[]))
            .gives(object()),
            merge,
        )
}

/// A branch with the versions between which it lies.
struct Branch {
    row: Row,
    base: Held,
    head: Held,
}

impl Branch {
    async fn held(
        tx: &mut Tx,
        caller: &Caller,
        kind: &Kind,
        id: Uuid,
        branch: Uuid,
    ) -> Result<Self, ApiError> {
        let place = Place { parent: None, id: branch };
        let row = rows::lock(tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
        let own = fields(&row)?;
        let is = |name: &str, value: &str| own.get(name).and_then(Value::as_str) == Some(value);
        if !is("entity_type", kind.name) || !is("entity_id", &id.to_string()) {
            return Err(ApiError::NotFound);
        }
        let base = version(tx, caller, &own, "base_version_id").await?;
        let head = version(tx, caller, &own, "head_version_id").await?;
        Ok(Self { row, base, head })
    }

    fn must_be_open(&self) -> Result<(), ApiError> {
        let status = fields(&self.row)?.remove("status").unwrap_or_default();
        if status == "open" {
            return Ok(());
        }
        Err(ApiError::conflict("wrong_state", "the branch is not open any more")
            .with(json!({ "state": status })))
    }

    async fn set<const N: usize>(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        change: [(&str, Value); N],
    ) -> Result<Row, ApiError> {
        let place = Place { parent: None, id: self.row.id };
        let row = rows::update(tx, &caller.scope, &TABLE, place, set(change)).await;
        row.map_err(|error| broken_rule(&TABLE, error))?.ok_or(ApiError::NotFound)
    }
}

async fn version(
    tx: &mut Tx,
    caller: &Caller,
    branch: &Map<String, Value>,
    column: &str,
) -> Result<Held, ApiError> {
    let id = branch.get(column).and_then(Value::as_str).and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| ApiError::defect("a branch without a version"))?;
    entity_versions::held_by_id(tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)
}

async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id)): Id<(String, Uuid)>,
    Paging(page): Paging,
) -> Result<Json<Value>, ApiError> {
    let kind = Kind::parse(&kind)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    kind.held(&mut tx, &caller, id, Verb::Read).await?;
    let mut conditions = Vec::new();
    for (name, value) in [("entity_type", kind.name.to_owned()), ("entity_id", id.to_string())] {
        let column = TABLE.column(name).ok_or_else(|| ApiError::defect("a column that is not described"))?;
        conditions.push(Condition { column, test: Test::Among(vec![value]) });
    }
    let after = page.after.map(|id| (None, id));
    let query = Query { conditions, after, fetch: page.fetch(), ..Query::default() };
    let found = rows::list(&mut tx, &caller.scope, &TABLE, &query).await?;
    tx.commit().await?;
    let (found, more) = page.cut(found);
    let next = found.last().filter(|_| more).map(|last| Cursor::new("id", None, last.id).text());
    let data = found.iter().map(fields).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "data": data, "next_cursor": next })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    name: String,
    version: Option<i32>,
}

async fn begin(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id)): Id<(String, Uuid)>,
    Body(Begin { name, version }): Body<Begin>,
) -> Result<Answer, ApiError> {
    let kind = Kind::parse(&kind)?;
    if name.trim().is_empty() || name.chars().count() > 80 {
        return Err(ApiError::invalid("name", "must have 1 to 80 characters"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    kind.held(&mut tx, &caller, id, Verb::Write).await?;
    let base = entity_versions::held(&mut tx, &caller.scope, kind.name, id, version).await?;
    let base = base.ok_or_else(|| {
        ApiError::invalid("version", "there is no such version; publish or commit one to begin at")
    })?;
    let values = set([
        ("entity_type", json!(kind.name)),
        ("entity_id", json!(id)),
        ("name", json!(name)),
        ("base_version_id", json!(base.id)),
        ("head_version_id", json!(base.id)),
        ("created_by", json!(caller.user())),
    ]);
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, &format!("/v1/versions/{}/{id}/branches", kind.name)))
}

async fn abandon(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id, branch)): Id<(String, Uuid, Uuid)>,
) -> Result<StatusCode, ApiError> {
    let kind = Kind::parse(&kind)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    kind.held(&mut tx, &caller, id, Verb::Write).await?;
    let branch = Branch::held(&mut tx, &caller, &kind, id, branch).await?;
    branch.must_be_open()?;
    let row = branch.set(&mut tx, &caller, [("status", json!("abandoned"))]).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "abandoned", Some(&branch.row), Some(&row)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commit {
    data: Map<String, Value>,
    message: Option<String>,
}

fn check_message(message: Option<&String>) -> Result<(), ApiError> {
    if message.is_some_and(|message| message.chars().count() > 500) {
        return Err(ApiError::invalid("message", "must have at most 500 characters"));
    }
    Ok(())
}

/// A version of a flow is one that could be published.
fn check_flow(kind: &Kind, data: &Value) -> Result<(), ApiError> {
    let problems = match Flow::strict(data) {
        Err(problems) if kind.name == "bot_flow" => problems,
        _ => return Ok(()),
    };
    let detail = format!("the flow has {} problems", problems.len());
    Err(ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, "flow_invalid", detail)
        .about("data")
        .with(json!({ "problems": problems })))
}

async fn commit(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id, branch)): Id<(String, Uuid, Uuid)>,
    Body(Commit { data, message }): Body<Commit>,
) -> Result<Answer, ApiError> {
    let kind = Kind::parse(&kind)?;
    check_message(message.as_ref())?;
    let data = Value::Object(data);
    let mut tx = api.store.begin(&caller.scope).await?;
    kind.held(&mut tx, &caller, id, Verb::Write).await?;
    let branch = Branch::held(&mut tx, &caller, &kind, id, branch).await?;
    branch.must_be_open()?;
    check_flow(&kind, &data)?;
    let (branch_id, parent) = (Some(branch.row.id), Some(branch.head.id));
    let new = New { data, message, branch: branch_id, parent, merged: None };
    let version = kind.add(&api, &mut tx, &caller, id, new).await?;
    branch.set(&mut tx, &caller, [("head_version_id", json!(version.id))]).await?;
    changes::note(&api, &mut tx, &caller, &entity_versions::TABLE, "created", None, Some(&version)).await?;
    tx.commit().await?;
    Ok(created(version, &format!("/v1/versions/{}/{id}", kind.name)))
}

/// Where a flow has no draft yet, its published version stands for it.
async fn present(
    tx: &mut Tx,
    caller: &Caller,
    kind: &Kind,
    row: &Row,
    base: &Held,
) -> Result<Value, ApiError> {
    let now = kind.snapshot(tx, caller, row).await?;
    let is_empty = now.as_object().is_none_or(Map::is_empty);
    Ok(if is_empty && kind.name == "bot_flow" { base.data.clone() } else { now })
}

async fn compare(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id, branch)): Id<(String, Uuid, Uuid)>,
    parts: Parts,
) -> Result<Json<Value>, ApiError> {
    if let Some((name, _)) = query_pairs(&parts).into_iter().next() {
        return Err(ApiError::invalid(name.clone(), unknown(&name, [])));
    }
    let kind = Kind::parse(&kind)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = kind.held(&mut tx, &caller, id, Verb::Read).await?;
    let branch = Branch::held(&mut tx, &caller, &kind, id, branch).await?;
    let (base, head) = (&branch.base, &branch.head);
    let now = present(&mut tx, &caller, &kind, &row, base).await?;
    tx.commit().await?;
    let Merged { conflicts, .. } = join(&base.data, &now, &head.data, &Choices::new());
    Ok(Json(json!({ "data": {
        "base": base.version,
        "head": head.version,
        "branch": difference(&base.data, &head.data),
        "meanwhile": difference(&base.data, &now),
        "conflicts": conflicts,
    } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    #[serde(default)]
    choices: Choices,
    message: Option<String>,
}

async fn merge(
    State(api): State<Api>,
    caller: Caller,
    Id((kind, id, branch)): Id<(String, Uuid, Uuid)>,
    Body(Merge { choices, message }): Body<Merge>,
) -> Result<Json<Value>, ApiError> {
    let kind = Kind::parse(&kind)?;
    check_message(message.as_ref())?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = kind.held(&mut tx, &caller, id, Verb::Write).await?;
    let branch = Branch::held(&mut tx, &caller, &kind, id, branch).await?;
    branch.must_be_open()?;
    let now = present(&mut tx, &caller, &kind, &before, &branch.base).await?;
    let Merged { definition, conflicts } = join(&branch.base.data, &now, &branch.head.data, &choices);
    if !conflicts.is_empty() {
        let detail = format!("{} things were changed on both sides; choose a side for each", conflicts.len());
        return Err(ApiError::conflict("merge_conflict", detail).with(json!({ "conflicts": conflicts })));
    }
    // What may be published is kept as a version; another draft waits for its author.
    let problems = if kind.name == "bot_flow" {
        Flow::strict(&definition).err().unwrap_or_default()
    } else {
        Vec::new()
    };
    let version = if problems.is_empty() {
        let parent = entity_versions::held(&mut tx, &caller.scope, kind.name, id, None).await?;
        let new = New {
            data: definition.clone(),
            message,
            branch: None,
            parent: parent.map(|parent| parent.id),
            merged: Some(branch.head.id),
        };
        Some(kind.add(&api, &mut tx, &caller, id, new).await?)
    } else {
        None
    };
    let after = kind.restore(&api, &mut tx, &caller, &before, definition).await?;
    let row = branch
        .set(
            &mut tx,
            &caller,
            [
                ("status", json!("merged")),
                ("merged_version_id", json!(version.as_ref().map(|version| version.id))),
                ("merged_at", json!(api.clock.now())),
                ("merged_by", json!(caller.user())),
            ],
        )
        .await?;
    changes::note(&api, &mut tx, &caller, kind.table, "merged", Some(&before), Some(&after)).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "merged", Some(&branch.row), Some(&row)).await?;
    tx.commit().await?;
    let number = version.as_ref().map(fields).transpose()?.and_then(|mut version| version.remove("version"));
    Ok(Json(json!({ "data": {
        "branch": fields(&row)?, "version": number, "problems": problems, "merged": fields(&after)?,
    } })))
}
