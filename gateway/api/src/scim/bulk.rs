//! Several changes in one request (RFC 7644, 3.7), in their order, each in a transaction of its own.

use std::collections::HashMap;

use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
};
use botbuilder_sso::scim::{error::Error as ScimError, schema::Resource};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{Done, Refused, with_body},
    caller::Provisioner,
    change,
};
use crate::Api;

/// Most changes of one request.
pub(crate) const MOST: usize = 1000;

#[derive(Deserialize)]
struct Bulk {
    #[serde(default, rename = "failOnErrors")]
    most_errors: Option<usize>,
    #[serde(rename = "Operations")]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
    #[serde(default, rename = "bulkId")]
    bulk_id: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    data: Value,
}

/// Puts the ids of what was made before in the place of `bulkId:…`.
fn resolve(value: &mut Value, made: &HashMap<String, String>) -> Result<(), ScimError> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("bulkId:") {
                let id = made.get(name);
                let unknown = || ScimError::value(format!("nothing was made before as {name:?}"));
                id.ok_or_else(unknown)?.clone_into(text);
            }
            Ok(())
        }
        Value::Array(all) => all.iter_mut().try_for_each(|one| resolve(one, made)),
        Value::Object(fields) => fields.values_mut().try_for_each(|one| resolve(one, made)),
        _ => Ok(()),
    }
}

/// `/Users`, or `/Users/id`.
fn target(path: &str, made: &HashMap<String, String>) -> Result<(Resource, Option<Uuid>), ScimError> {
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let name = parts.next().unwrap_or_default();
    let resource = Resource::ALL.into_iter().find(|resource| resource.endpoint()[1..] == *name);
    let resource = resource.ok_or_else(|| ScimError::path(format!("{path:?} is no resource")))?;
    let Some(id) = parts.next() else { return Ok((resource, None)) };
    let id = id.strip_prefix("bulkId:").map_or(Some(id), |name| made.get(name).map(String::as_str));
    let id = id.and_then(|id| id.parse().ok());
    Ok((resource, Some(id.ok_or_else(|| ScimError::status(404, "there is no such resource"))?)))
}

async fn apply(
    api: &Api,
    by: &Provisioner,
    operation: &mut Operation,
    made: &HashMap<String, String>,
) -> Result<Done, Refused> {
    let method: Method = operation
        .method
        .to_ascii_uppercase()
        .parse()
        .map_err(|_| ScimError::syntax(format!("{:?} is no method", operation.method)))?;
    if method == Method::POST && operation.bulk_id.is_none() {
        return Err(ScimError::syntax("what is made needs a bulkId").into());
    }
    let (resource, id) = target(&operation.path, made)?;
    resolve(&mut operation.data, made)?;
    let body = operation.data.to_string();
    change(api, by, resource, &method, id, operation.version.as_deref(), body.as_bytes()).await
}

pub(crate) async fn run(State(api): State<Api>, by: Provisioner, body: Bytes) -> Result<Response, Refused> {
    let bulk: Bulk =
        serde_json::from_slice(&body).map_err(|error| ScimError::syntax(format!("no bulk: {error}")))?;
    if bulk.operations.len() > MOST {
        return Err(ScimError::status(413, format!("a bulk has at most {MOST} operations")).into());
    }
    let mut made = HashMap::new();
    let mut results = Vec::new();
    let mut errors = 0;
    for mut operation in bulk.operations {
        if bulk.most_errors.is_some_and(|most| errors >= most.max(1)) {
            break;
        }
        let mut result = json!({ "method": operation.method.to_ascii_uppercase() });
        if let Some(id) = &operation.bulk_id {
            result["bulkId"] = json!(id);
        }
        let path = operation.path.trim_start_matches('/').to_owned();
        match apply(&api, &by, &mut operation, &made).await {
            Ok(Done::Deleted) => {
                result["location"] = json!(format!("{}/{path}", by.base));
                result["status"] = json!("204");
            }
            Ok(Done::Made(shown)) => {
                if let (Some(name), Some(id)) = (operation.bulk_id, shown.object["id"].as_str()) {
                    made.insert(name, id.to_owned());
                }
                result["location"] = json!(shown.location());
                result["version"] = json!(shown.tag());
                result["status"] = json!("201");
            }
            Ok(Done::Changed(shown)) => {
                result["location"] = json!(shown.location());
                result["version"] = json!(shown.tag());
                result["status"] = json!("200");
            }
            Err(refused) => {
                errors += 1;
                let (status, body, _) = refused.parts();
                result["status"] = json!(status.as_u16().to_string());
                result["response"] = body;
            }
        }
        results.push(result);
    }
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": results,
    });
    Ok(with_body(StatusCode::OK, &body))
}
