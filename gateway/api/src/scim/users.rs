//! People.

use botbuilder_sso::scim::{
    attributes::{Object, get, text},
    error::Error as ScimError,
    filter::Filter,
    schema::Resource,
};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    identity::users,
    integrations::api_tokens,
    sso::{
        domains, people,
        scim_users::{self, ScimUser, Which, Written},
    },
    tenancy::{organization_members, organizations},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{Change, Done, Refused, Shown},
    caller::Provisioner,
};
use crate::{Api, error::ApiError, identity::sign_in::check_email};

/// Where accounts are whose address nobody has proved: nobody can be written to there (RFC 2606).
const NOWHERE: &str = "scim.invalid";

fn shown(by: &Provisioner, user: ScimUser) -> Shown {
    let mut object = match user.attributes {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    // A provider may take the attribute away; it vouches for the person all the same.
    if object.contains_key("active") {
        object.insert("active".to_owned(), json!(user.is_active));
    }
    if let Some(external) = user.external_id {
        object.insert("externalId".to_owned(), json!(external));
    }
    if let Value::Array(groups) = user.groups
        && !groups.is_empty()
    {
        let groups = groups.into_iter().map(|mut group| {
            let id = group["value"].as_str().unwrap_or_default().to_owned();
            group["$ref"] = json!(format!("{}/Groups/{id}", by.base));
            group
        });
        object.insert("groups".to_owned(), groups.collect());
    }
    Shown::new(by, Resource::User, user.id, object, [user.created_at, user.updated_at])
}

/// One person.
pub(crate) async fn read(tx: &mut Tx, by: &Provisioner, id: Uuid) -> Result<Option<Shown>, Refused> {
    Ok(scim_users::get(tx, &by.connection, id).await?.map(|user| shown(by, user)))
}

/// The people who can pass the filter; it is asked of each again.
pub(crate) async fn list(
    tx: &mut Tx,
    by: &Provisioner,
    filter: Option<&Filter>,
) -> Result<Vec<Shown>, Refused> {
    let wants = |name| filter.and_then(|filter| filter.wants(name));
    let which = Which { id: None, user_name: wants("userName"), external_id: wants("externalId") };
    let found = scim_users::list(tx, &by.connection, which).await?;
    Ok(found.into_iter().map(|user| shown(by, user)).collect())
}

/// A person as a whole: active, unless it says otherwise.
fn whole(sent: Object) -> Result<Object, ScimError> {
    let mut kept = Resource::User.accept(sent)?;
    kept.entry("active").or_insert(json!(true));
    Ok(kept)
}

/// Makes, replaces, changes or deletes a person.
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
            let found = scim_users::get(&mut tx, &by.connection, id).await?;
            let found = found.ok_or_else(|| ScimError::status(404, "there is no such resource"))?;
            shown(by, found.clone()).check(if_match)?;
            Some(found)
        }
    };
    let (kept, before) = match (change, before) {
        (Change::Create(sent), _) => (whole(sent)?, None),
        (Change::Replace(_, sent), Some(before)) => (whole(sent)?, Some(before)),
        (Change::Patch(_, patch), Some(before)) => {
            let mut now = shown(by, before.clone()).object;
            now.remove("meta");
            (Resource::User.accept(patch.apply(Resource::User, &now)?)?, Some(before))
        }
        (Change::Delete(id), Some(before)) => {
            leave(api, &mut tx, by, &before).await?;
            scim_users::delete(&mut tx, &by.connection, id).await?;
            note(api, &mut tx, by, "scim.user.delete", id, None).await?;
            tx.commit().await?;
            return Ok(Done::Deleted);
        }
        (_, None) => return Err(ScimError::status(404, "there is no such resource").into()),
    };
    let done = write(api, &mut tx, by, kept, before).await?;
    tx.commit().await?;
    Ok(done)
}

async fn write(
    api: &Api,
    tx: &mut Tx,
    by: &Provisioner,
    mut kept: Object,
    before: Option<ScimUser>,
) -> Result<Done, Refused> {
    let now = api.clock.now();
    let is_active = kept.get("active").is_none_or(|active| *active == true);
    let external_id = kept.remove("externalId").and_then(|id| id.as_str().map(str::to_owned));
    let user_name = text(&kept, "userName").unwrap_or_default().to_owned();
    let id_before = before.as_ref().map(|before| before.id);
    unique(tx, by, &user_name, external_id.as_deref(), id_before).await?;
    let email = address(&kept, &user_name);
    let attributes = Value::Object(kept);
    let written = Written {
        external_id: external_id.as_deref(),
        email: email.as_deref(),
        attributes: &attributes,
        is_active,
    };
    let id = if let Some(before) = &before {
        scim_users::update(tx, &by.connection, before.id, &written, now).await?;
        before.id
    } else {
        let user = account(api, tx, by, email.as_deref(), &attributes).await?;
        // Until the person signs in, the provider's own names stand for what it calls them then.
        let subject = external_id.as_deref().unwrap_or(&user_name);
        scim_users::insert(tx, &by.connection, api.ids.next(), user, subject, &written).await?
    };
    let user = scim_users::get(tx, &by.connection, id).await?;
    let user = user.ok_or_else(|| ApiError::defect("a person who was just written is not there"))?;
    stand(api, tx, by, &user).await?;
    let action = if before.is_some() { "scim.user.update" } else { "scim.user.create" };
    note(api, tx, by, action, id, Some(is_active)).await?;
    let user = scim_users::get(tx, &by.connection, id).await?;
    let user = user.ok_or_else(|| ApiError::defect("a person who was just written is not there"))?;
    let shown = shown(by, user);
    Ok(if before.is_some() { Done::Changed(shown) } else { Done::Made(shown) })
}

/// No two people of a connection have one user name, whatever its case, or one external id.
async fn unique(
    tx: &mut Tx,
    by: &Provisioner,
    user_name: &str,
    external_id: Option<&str>,
    but: Option<Uuid>,
) -> Result<(), Refused> {
    let by_name = Which { user_name: Some(user_name), ..Which::default() };
    let by_external = external_id.map(|id| Which { external_id: Some(id), ..Which::default() });
    for which in std::iter::once(by_name).chain(by_external) {
        let found = scim_users::list(tx, &by.connection, which).await?;
        if found.iter().any(|other| Some(other.id) != but) {
            return Err(ScimError::uniqueness("there is somebody of that userName or externalId").into());
        }
    }
    Ok(())
}

/// The primary address, else the first, else the user name if it is one.
fn address(kept: &Object, user_name: &str) -> Option<String> {
    let emails: Vec<&Object> = get(kept, "emails")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .collect();
    let primary = emails.iter().find(|email| email.get("primary") == Some(&json!(true)));
    let chosen = primary.or(emails.first()).and_then(|email| text(email, "value"));
    let chosen = chosen.or(Some(user_name));
    chosen.filter(|email| check_email("email", email).is_ok()).map(str::to_owned)
}

/// The account of a new person. By an address whose domain the organization has proved, the account of that address;
/// else one that nobody can sign in to but through the provider.
async fn account(
    api: &Api,
    tx: &mut Tx,
    by: &Provisioner,
    email: Option<&str>,
    attributes: &Value,
) -> Result<Uuid, Refused> {
    let name = attributes["displayName"].as_str().or(attributes["name"]["formatted"].as_str());
    let name = name.or(attributes["userName"].as_str()).unwrap_or("somebody");
    let name: String = name.chars().take(120).collect();
    let domain = email.and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
    let is_proved = match domain {
        Some(domain) => domains::is_proved(tx, &by.scope(), domain).await?,
        None => false,
    };
    let id = api.ids.next();
    let Some(email) = email.filter(|_| is_proved) else {
        users::insert(tx, id, &format!("{id}@{NOWHERE}"), &name).await?;
        return Ok(id);
    };
    if let Some(user) = users::find_by_email(tx, email).await? {
        return Ok(user);
    }
    users::insert(tx, id, email, &name).await?;
    users::verify_email(tx, id, api.clock.now()).await?;
    Ok(id)
}

/// Makes the membership what `active` says.
async fn stand(api: &Api, tx: &mut Tx, by: &Provisioner, user: &ScimUser) -> Result<(), Refused> {
    let scope = by.scope();
    let now = api.clock.now();
    if !user.is_active {
        return leave(api, tx, by, user).await;
    }
    match people::membership(tx, &scope, user.user).await? {
        Some(member) if member.status == "active" => {}
        Some(member) if member.status == "suspended" => {
            organization_members::set_suspended(tx, &scope, member.id, false).await?;
        }
        _ => {
            if !organizations::can_create(tx, &scope, "members").await? {
                return Err(ScimError::status(403, "every seat of the plan is taken").into());
            }
            let role = by.connection.default_role;
            let id = people::join(tx, &scope, api.ids.next(), user.user, role, "scim", now).await?;
            by.tell(api, tx, &Act::new("member.join", "member", Some(id))).await?;
        }
    }
    Ok(())
}

/// Suspends or ends the membership at once, with sessions and tokens. The account stays: it may belong to others.
async fn leave(api: &Api, tx: &mut Tx, by: &Provisioner, user: &ScimUser) -> Result<(), Refused> {
    let scope = by.scope();
    let now = api.clock.now();
    if let Some(member) = people::membership(tx, &scope, user.user).await? {
        if by.connection.scim_deprovision == "remove" {
            if organization_members::remove(tx, &scope, member.id, now).await? {
                by.tell(api, tx, &Act::new("member.remove", "member", Some(member.id))).await?;
            }
        } else if member.status == "active" {
            organization_members::set_suspended(tx, &scope, member.id, true).await?;
        }
    }
    people::end_sessions(tx, &by.connection, user.user, now).await?;
    api_tokens::revoke_of(tx, &scope, user.user, now).await?;
    Ok(())
}

async fn note(
    api: &Api,
    tx: &mut Tx,
    by: &Provisioner,
    action: &'static str,
    id: Uuid,
    is_active: Option<bool>,
) -> Result<(), ApiError> {
    let act = Act::new(action, "sso_user_mapping", Some(id)).metadata(json!({ "active": is_active }));
    by.audit(api, tx, act).await
}
