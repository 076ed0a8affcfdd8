//! Groups.

use botbuilder_sso::scim::{
    attributes::{Object, get, text},
    error::Error as ScimError,
    schema::Resource,
};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    sso::{
        scim_groups::{self, ScimGroup},
        scim_users,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{Change, Done, Refused, Shown},
    caller::Provisioner,
};
use crate::{Api, error::ApiError};

/// The longest name, in characters.
const LONGEST: usize = 80;

fn shown(by: &Provisioner, group: ScimGroup) -> Shown {
    let mut object = Object::new();
    object.insert("displayName".to_owned(), json!(group.name));
    if let Some(external) = group.external_id {
        object.insert("externalId".to_owned(), json!(external));
    }
    if let Value::Array(members) = group.members
        && !members.is_empty()
    {
        let members = members.into_iter().map(|member| {
            let id = member["value"].as_str().unwrap_or_default();
            json!({ "value": id, "$ref": format!("{}/Users/{id}", by.base) })
        });
        object.insert("members".to_owned(), members.collect());
    }
    Shown::new(by, Resource::Group, group.id, object, [group.created_at, group.updated_at])
}

/// One group.
pub(crate) async fn read(tx: &mut Tx, by: &Provisioner, id: Uuid) -> Result<Option<Shown>, Refused> {
    Ok(scim_groups::list(tx, &by.connection, Some(id)).await?.pop().map(|group| shown(by, group)))
}

/// Every group.
pub(crate) async fn list(tx: &mut Tx, by: &Provisioner) -> Result<Vec<Shown>, Refused> {
    let found = scim_groups::list(tx, &by.connection, None).await?;
    Ok(found.into_iter().map(|group| shown(by, group)).collect())
}

/// Makes, replaces, changes or deletes a group.
pub(crate) async fn change(
    api: &Api,
    by: &Provisioner,
    change: Change,
    if_match: Option<&str>,
) -> Result<Done, Refused> {
    let mut tx = api.store.begin_auth().await?;
    scim_users::hold(&mut tx, &by.connection).await?;
    let before = match change.id() {
        None => None,
        Some(id) => {
            let found = read(&mut tx, by, id).await?;
            let found = found.ok_or_else(|| ScimError::status(404, "there is no such resource"))?;
            found.check(if_match)?;
            Some((id, found))
        }
    };
    let (kept, id) = match (change, before) {
        (Change::Create(sent), _) => (Resource::Group.accept(sent)?, None),
        (Change::Replace(_, sent), Some((id, _))) => (Resource::Group.accept(sent)?, Some(id)),
        (Change::Patch(_, patch), Some((id, before))) => {
            let mut now = before.object;
            now.remove("meta");
            (Resource::Group.accept(patch.apply(Resource::Group, &now)?)?, Some(id))
        }
        (Change::Delete(id), _) => {
            scim_groups::delete(&mut tx, &by.connection, id).await?;
            let act = Act::new("scim.group.delete", "team_role", Some(id));
            by.audit(api, &mut tx, act).await?;
            tx.commit().await?;
            return Ok(Done::Deleted);
        }
        (_, None) => return Err(ScimError::status(404, "there is no such resource").into()),
    };
    let done = write(api, &mut tx, by, &kept, id).await?;
    tx.commit().await?;
    Ok(done)
}

async fn write(
    api: &Api,
    tx: &mut Tx,
    by: &Provisioner,
    kept: &Object,
    before: Option<Uuid>,
) -> Result<Done, Refused> {
    let name = text(kept, "displayName").unwrap_or_default();
    if name.chars().count() > LONGEST {
        return Err(ScimError::value(format!("displayName has at most {LONGEST} characters")).into());
    }
    let external = text(kept, "externalId");
    let id = before.unwrap_or_else(|| api.ids.next());
    match before {
        Some(id) => scim_groups::update(tx, &by.connection, id, name, external).await?,
        None => scim_groups::insert(tx, &by.connection, id, name, external).await?,
    }
    let people = members(kept)?;
    let found = scim_groups::set_members(tx, &by.connection, id, &people).await?;
    if found < people.len() {
        return Err(ScimError::value("a member is nobody who is kept here").into());
    }
    let action = if before.is_some() { "scim.group.update" } else { "scim.group.create" };
    let act = Act::new(action, "team_role", Some(id)).metadata(json!({ "name": name, "members": found }));
    by.audit(api, tx, act).await?;
    let shown = read(tx, by, id).await?;
    let shown = shown.ok_or_else(|| ApiError::defect("a group that was just written is not there"))?;
    Ok(if before.is_some() { Done::Changed(shown) } else { Done::Made(shown) })
}

/// Who is in it, each once.
fn members(kept: &Object) -> Result<Vec<Uuid>, ScimError> {
    let mut people = Vec::new();
    for member in get(kept, "members").and_then(Value::as_array).into_iter().flatten() {
        let id = member.as_object().and_then(|member| text(member, "value"));
        let id = id.and_then(|id| id.parse().ok());
        let id: Uuid = id.ok_or_else(|| ScimError::value("a member is named by the id of a User"))?;
        if !people.contains(&id) {
            people.push(id);
        }
    }
    Ok(people)
}
