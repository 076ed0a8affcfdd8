//! Lists: filtered, sorted, cut.

use axum::{http::StatusCode, response::Response};
use botbuilder_sso::scim::{
    attributes::Attribute,
    error::Error as ScimError,
    filter::Filter,
    project::{Projection, sort_key},
    schema::Resource,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Refused, Shown, with_body},
    caller::Provisioner,
    groups, users,
};
use crate::Api;

/// Most resources of one answer.
pub(crate) const MOST: usize = 1000;

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Query {
    filter: Option<String>,
    sort_by: Option<String>,
    descending: bool,
    start: Option<i64>,
    count: Option<i64>,
    attributes: Option<String>,
    without: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    sort_by: Option<String>,
    #[serde(default)]
    sort_order: Option<String>,
    #[serde(default)]
    start_index: Option<i64>,
    #[serde(default)]
    count: Option<i64>,
    #[serde(default)]
    attributes: Option<Vec<String>>,
    #[serde(default)]
    excluded_attributes: Option<Vec<String>>,
}

impl Query {
    /// The parameters of an address. What is not known is passed over.
    pub fn of_address(query: Option<&str>) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = value.into_owned();
            match name.to_ascii_lowercase().as_str() {
                "filter" => asked.filter = Some(value),
                "sortby" => asked.sort_by = Some(value),
                "sortorder" => asked.descending = value.eq_ignore_ascii_case("descending"),
                "startindex" => asked.start = value.parse().ok(),
                "count" => asked.count = value.parse().ok(),
                "attributes" => asked.attributes = Some(value),
                "excludedattributes" => asked.without = Some(value),
                _ => {}
            }
        }
        asked
    }

    /// A search as a body.
    pub fn of_body(body: &[u8]) -> Result<Self, ScimError> {
        let search: Search =
            serde_json::from_slice(body).map_err(|error| ScimError::syntax(format!("no search: {error}")))?;
        Ok(Self {
            filter: search.filter,
            sort_by: search.sort_by,
            descending: search.sort_order.is_some_and(|order| order.eq_ignore_ascii_case("descending")),
            start: search.start_index,
            count: search.count,
            attributes: search.attributes.map(|names| names.join(",")),
            without: search.excluded_attributes.map(|names| names.join(",")),
        })
    }

    /// Which attributes are shown.
    pub fn projection(&self) -> Result<Projection, ScimError> {
        Projection::parse(self.attributes.as_deref(), self.without.as_deref())
    }
}

/// The page that is asked for. Positions count from one, and what is out of bounds is brought in, as the RFC asks.
pub(crate) async fn answer(
    api: &Api,
    by: &Provisioner,
    resources: &[Resource],
    query: &Query,
) -> Result<Response, Refused> {
    let projection = query.projection()?;
    let filter = query.filter.as_deref().map(Filter::parse).transpose()?;
    let sort = query.sort_by.as_deref().map(Attribute::parse).transpose();
    let sort = sort.map_err(|error| ScimError::value(error.detail))?;
    let mut tx = api.store.begin_auth().await?;
    let mut found = Vec::new();
    for resource in resources {
        found.extend(match resource {
            Resource::User => users::list(&mut tx, by, filter.as_ref()).await?,
            Resource::Group => groups::list(&mut tx, by).await?,
        });
    }
    tx.commit().await?;
    if let Some(filter) = &filter {
        found.retain(|shown| filter.matches(&shown.object));
    }
    if let Some(sort) = &sort {
        // Who has no value comes last.
        let key = |shown: &Shown| sort_key(sort, &shown.object).map_or((1, String::new()), |key| (0, key));
        found.sort_by_cached_key(key);
        if query.descending {
            found.reverse();
        }
    }
    let total = found.len();
    let start = usize::try_from(query.start.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
    let count = query.count.map_or(MOST, |count| usize::try_from(count.max(0)).unwrap_or(MOST)).min(MOST);
    let page: Vec<Value> = found
        .into_iter()
        .skip(start - 1)
        .take(count)
        .map(|shown| Value::Object(projection.of(shown.object)))
        .collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": page.len(),
        "Resources": page,
    });
    Ok(with_body(StatusCode::OK, &body))
}
