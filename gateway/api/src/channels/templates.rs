//! `/v1/channels/{channel_id}/templates`.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use botbuilder_adapter_kit::{
    Act, Outcome, Template,
    templates::{Gaps, Review, check, fit, gaps},
};
use botbuilder_domain::{TemplateMessage, TemplateStatus};
use botbuilder_store::{
    audit::audit_logs,
    channels::channel_templates::{self, TABLE},
    table::rows::{self, Place},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::connecting::{open, problem};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, delete as may_delete, publish, read, write},
    resource::{
        Answer, Mode, Resource, Transition,
        act::{act, fields, set},
        of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/channels/{channel_id}/templates";
/// What a caller is told where the channel's network approves nothing beforehand.
const NONE_HERE: &str = "templates on this kind of channel";

fn resource() -> Resource {
    Resource::new(&TABLE, "template", Area::Template, PATH).prepared(prepare)
}

/// The routes of this resource.
pub fn routes() -> Routes {
    let item = |action: &str| format!("{PATH}/{{id}}/{action}");
    let fillings = json!({
        "type": "object",
        "properties": {
            "variables": { "type": "array", "items": { "type": "string" } },
            "header": { "type": "object" },
            "buttons": { "type": "array", "items": { "type": "object" } },
        },
        "additionalProperties": false,
    });
    let count = json!({ "type": "integer" });
    let synced =
        json!({ "type": "object", "properties": { "added": count, "updated": count, "gone": count } });
    resource()
        .log()
        .creatable()
        .updatable()
        .restorable()
        .moving(
            Transition::new("disable", &["approved", "paused", "rejected", "draft"], "disabled")
                .noting(&["disabled_at"]),
        )
        .routes()
        .add(
            Operation::delete(
                format!("{PATH}/{{id}}"),
                may_delete(Area::Template),
                "deletes one template, at the provider too",
            ),
            remove,
        )
        .add(
            Operation::post(
                item("submit"),
                publish(Area::Template),
                "asks the provider to approve the template",
            )
            .gives(of_row(&TABLE)),
            submit,
        )
        .add(
            Operation::post(
                item("sync"),
                write(Area::Template),
                "reads how far the provider is with the template, also of one that was disabled here",
            )
            .gives(of_row(&TABLE)),
            sync_one,
        )
        .add(
            Operation::post(
                format!("{PATH}/sync"),
                write(Area::Template),
                "reads all templates of the channel from the provider",
            )
            .gives(synced),
            sync_all,
        )
        .add(
            Operation::post(
                item("preview"),
                read(Area::Template),
                "what the template says with these values",
            )
            .takes(fillings)
            .gives(json!({ "type": "object" })),
            preview,
        )
}

/// A template is checked as far as it is there; a changed one has to be approved anew.
fn prepare(values: &mut Map<String, Value>, mode: Mode) -> Result<(), ApiError> {
    match mode {
        Mode::Create => {
            let mut whole = values.clone();
            whole.entry("language").or_insert_with(|| json!("en"));
            checked(&whole).map(|_| ())
        }
        Mode::Update => {
            if !values.is_empty() {
                values.insert("status".to_owned(), json!(TemplateStatus::Draft));
                values.insert("disabled_at".to_owned(), Value::Null);
            }
            Ok(())
        }
    }
}

/// The template in a row's fields, if a provider can be asked to approve it.
fn checked(fields: &Map<String, Value>) -> Result<Template, ApiError> {
    let template = template(fields)?;
    check(&template).map_err(|broken| ApiError::invalid(broken.field, broken.message))?;
    Ok(template)
}

fn template(fields: &Map<String, Value>) -> Result<Template, ApiError> {
    Template::deserialize(Value::Object(fields.clone()))
        .map_err(|error| ApiError::invalid("body", format!("is no template: {error}")))
}

/// The ids in an item's address.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Item {
    channel_id: Uuid,
    id: Uuid,
}

impl Item {
    const fn place(self) -> Place {
        Place { parent: Some(self.channel_id), id: self.id }
    }

    async fn fields(self, api: &Api, caller: &Caller) -> Result<Map<String, Value>, ApiError> {
        let mut tx = api.store.begin(&caller.scope).await?;
        let row = rows::get(&mut tx, &caller.scope, &TABLE, self.place(), None).await?;
        tx.commit().await?;
        fields(&row.ok_or(ApiError::NotFound)?)
    }
}

async fn at_provider(api: &Api, caller: &Caller, channel: Uuid, act: Act) -> Result<Outcome, ApiError> {
    let opened = open(api, caller, channel).await?;
    (api.at_provider)(opened, act).await.map_err(|trouble| problem(&trouble))
}

async fn submit(State(api): State<Api>, caller: Caller, Id(item): Id<Item>) -> Result<Answer, ApiError> {
    let template = checked(&item.fields(&api, &caller).await?)?;
    if matches!(template.status, TemplateStatus::Pending | TemplateStatus::Disabled) {
        let state = template.status.as_str();
        return Err(
            ApiError::conflict("wrong_state", format!("it is {state}")).with(json!({ "state": state }))
        );
    }
    let outcome = at_provider(&api, &caller, item.channel_id, Act::Submit(Box::new(template))).await?;
    let Review { provider_id, status, category } = outcome.review.ok_or(ApiError::NotAvailable(NONE_HERE))?;
    act(&api, &caller, &TABLE, item.place(), "submitted", |_| {
        let mut change = set([
            ("provider_template_id", json!(provider_id)),
            ("status", json!(status)),
            ("submitted_at", json!(api.clock.now())),
            ("rejection_reason", Value::Null),
        ]);
        if let Some(category) = category {
            change.insert("category".to_owned(), json!(category));
        }
        Ok(change)
    })
    .await
}

/// Makes templates here those of the provider: all of the channel, or those of one name.
async fn sync(
    api: &Api,
    caller: &Caller,
    channel: Uuid,
    name: Option<String>,
) -> Result<channel_templates::Synced, ApiError> {
    let whole = name.is_none();
    let outcome = at_provider(api, caller, channel, Act::List(name)).await?;
    let templates = outcome.templates.ok_or(ApiError::NotAvailable(NONE_HERE))?;
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let given = json!(templates);
    let synced = channel_templates::sync(&mut tx, &caller.scope, channel.into(), &given, whole, now).await?;
    caller.audit(api, &mut tx, audit_logs::Act::new("channel_templates.synced", TABLE.name, None)).await?;
    tx.commit().await?;
    Ok(synced)
}

async fn sync_one(State(api): State<Api>, caller: Caller, Id(item): Id<Item>) -> Result<Answer, ApiError> {
    let name = item.fields(&api, &caller).await?.get("name").and_then(Value::as_str).map(str::to_owned);
    sync(&api, &caller, item.channel_id, name).await?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, item.place(), None).await?;
    tx.commit().await?;
    Ok(crate::resource::answer(row.ok_or(ApiError::NotFound)?))
}

async fn sync_all(State(api): State<Api>, caller: Caller, Id(channel): Id) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "data": sync(&api, &caller, channel, None).await? })))
}

/// One that the provider has is removed there first: what it keeps would come back with the next sync.
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Id(item): Id<Item>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let template = template(&item.fields(&api, &caller).await?)?;
    if let Some(provider_id) = template.provider_template_id {
        let act = Act::Remove { name: template.name, provider_id };
        at_provider(&api, &caller, item.channel_id, act).await?;
    }
    resource().delete(&api, &caller, request).await
}

/// What fills a template, as a preview takes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fillings {
    variables: Vec<String>,
    header: Option<Value>,
    buttons: Vec<Value>,
}

/// What a template says with these values, and what would be in the way of sending it so. Whether it is approved does
/// not matter here.
async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Id(item): Id<Item>,
    Body(given): Body<Fillings>,
) -> Result<Json<Value>, ApiError> {
    let template = template(&item.fields(&api, &caller).await?)?;
    let message: TemplateMessage = serde_json::from_value(json!({
        "name": template.name, "language": template.language, "variables": given.variables,
        "header": given.header, "buttons": given.buttons,
    }))
    .map_err(|error| ApiError::invalid("header", format!("or the buttons cannot be read: {error}")))?;
    let approved = Template { status: TemplateStatus::Approved, ..template.clone() };
    let unfit = fit(&message, &[approved], None).err();
    let header = template.header.get("text").and_then(Value::as_str);
    let header_value = given.header.as_ref().and_then(|header| header["text"].as_str()).map(str::to_owned);
    Ok(Json(json!({
        "data": {
            "status": template.status,
            "header": header.map(|text| filled(text, &header_value.into_iter().collect::<Vec<_>>())),
            "body": filled(&template.body, &message.variables),
            "footer": template.footer,
            "buttons": template.buttons,
            "problem": unfit.map(|unfit| json!({ "code": unfit.code, "detail": unfit.reason })),
        }
    })))
}

/// A text with its gaps filled; one without a value stays.
fn filled(text: &str, values: &[String]) -> String {
    let names = match gaps(text) {
        Ok(Gaps::Numbered(count)) => (1..=count).map(|number| number.to_string()).collect(),
        Ok(Gaps::Named(names)) => names,
        Err(_) => Vec::new(),
    };
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, behind)) = after.split_once("}}") else { break };
        shown.push_str(before);
        let value = names.iter().position(|name| name == inside.trim()).and_then(|place| values.get(place));
        match value {
            Some(value) => shown.push_str(value),
            None => shown.extend(["{{", inside, "}}"]),
        }
        rest = behind;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_in_any_order() {
        let values = ["Ada".to_owned(), "1002".to_owned()];
        assert_eq!(filled("{{2}} for {{ 1 }}.", &values), "1002 for Ada.");
        assert_eq!(filled("{{order}} for {{name}}", &values), "Ada for 1002");
        assert_eq!(filled("{{1}} and {{2}} and {{3}}", &values), "Ada and 1002 and {{3}}");
        assert_eq!(filled("{{1}} {{", &values), "{{1}} {{");
    }
}
