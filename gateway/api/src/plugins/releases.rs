//! Releases of plugins: what they may hold, and publishing them and the plugin.
//!
//! A release goes from draft to review, where staff of the platform approve or reject it (`/admin/v1/plugin-reviews`); the
//! publisher then says when it is published. A plugin is shown once it has a published release.

use std::cmp::Ordering;

use axum::extract::State;
use botbuilder_store::{
    plugins::{plugin_versions, plugins::TABLE},
    table::rows::{self, Place},
    tenancy::rights::Permissions,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{publisher::require_own, settings};
use crate::{
    Api,
    auth::Caller,
    error::{ApiError, FieldError},
    input::Id,
    resource::{
        Answer, Mode,
        act::{act, at, fields, require_state, set},
        answer, broken_rule, changes,
    },
};

/// Checks what a new release says it needs and takes, because nobody can change it later.
pub(super) fn prepare(values: &mut Map<String, Value>, mode: Mode) -> Result<(), ApiError> {
    if mode == Mode::Update {
        return Ok(());
    }
    let mut faults = Vec::new();
    let asked = values.get("permissions").and_then(Value::as_array).into_iter().flatten();
    for (index, name) in asked.filter_map(Value::as_str).enumerate() {
        if name.contains('*') || Permissions::parse(&[name]).is_err() {
            let detail = "must be a permission as `area:verb`, each by its name";
            faults.push(FieldError { field: format!("permissions[{index}]").into(), detail: detail.into() });
        }
    }
    if let Some(schema) = values.get("manifest").and_then(|manifest| manifest.get("settings_schema")) {
        faults.extend(settings::faults_of_schema(schema, "manifest.settings_schema"));
    }
    if faults.is_empty() { Ok(()) } else { Err(ApiError::Invalid(faults)) }
}

/// What a version is compared by: its three numbers, and what stands before the build.
fn parts(version: &str) -> ([u64; 3], Option<&str>) {
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let (numbers, before) = version.split_once('-').map_or((version, None), |(n, b)| (n, Some(b)));
    let mut read = numbers.split('.').map(|number| number.parse().unwrap_or(u64::MAX));
    ([(); 3].map(|()| read.next().unwrap_or_default()), before)
}

/// Which of two versions comes later, by the rules of Semantic Versioning 2.0.0, section 11.
pub(super) fn compared(one: &str, other: &str) -> Ordering {
    let ((one, one_before), (other, other_before)) = (parts(one), parts(other));
    one.cmp(&other).then_with(|| match (one_before, other_before) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => one.split('.').map(word).cmp(other.split('.').map(word)),
    })
}

/// A word before a release: numbers come before words, and are compared as numbers.
fn word(text: &str) -> (bool, u64, &str) {
    match text.parse() {
        Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => (false, number, ""),
        _ => (true, 0, text),
    }
}

/// Publishes a release that was approved. The highest published one is what is installed.
pub(super) async fn publish_version(
    State(api): State<Api>,
    caller: Caller,
    Id((plugin, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let table = &plugin_versions::TABLE;
    let place = Place { parent: Some(plugin), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let listing = rows::lock(&mut tx, &caller.scope, &TABLE, at(plugin)).await?.ok_or(ApiError::NotFound)?;
    let listed = fields(&listing)?;
    require_own(&caller, &listed)?;
    let before = rows::lock(&mut tx, &caller.scope, table, place).await?.ok_or(ApiError::NotFound)?;
    let version = fields(&before)?;
    if version.get("status") == Some(&json!("published")) {
        tx.commit().await?;
        return Ok(answer(before));
    }
    require_state(&version, "status", &["in_review"])?;
    if version.get("scan_report").and_then(|report| report.get("decision")) != Some(&json!("approved")) {
        let detail = "nobody of the platform has approved it yet";
        return Err(ApiError::conflict("not_approved", detail));
    }
    let change = set([("status", json!("published")), ("published_at", json!(api.clock.now()))]);
    let row = rows::update(&mut tx, &caller.scope, table, place, change)
        .await
        .map_err(|error| broken_rule(table, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, table, "published", Some(&before), Some(&row)).await?;

    let latest = listed.get("latest_version_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let latest = match latest {
        Some(id) => {
            let place = Place { parent: Some(plugin), id };
            rows::get(&mut tx, &caller.scope, table, place, None).await?
        }
        None => None,
    };
    let latest = latest.as_ref().map(fields).transpose()?;
    let is_higher = latest.is_none_or(|latest| {
        // What was taken back is not installed, however high its number.
        latest.get("status") != Some(&json!("published"))
            || compared(text(&version, "version"), text(&latest, "version")).is_gt()
    });
    if is_higher {
        let change = set([("latest_version_id", json!(id))]);
        let changed = rows::update(&mut tx, &caller.scope, &TABLE, at(plugin), change)
            .await
            .map_err(|error| broken_rule(&TABLE, error))?;
        changes::note(&api, &mut tx, &caller, &TABLE, "updated", Some(&listing), changed.as_ref()).await?;
    }
    tx.commit().await?;
    Ok(answer(row))
}

pub(super) fn text<'r>(row: &'r Map<String, Value>, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// Shows a plugin in the marketplace, or again after it was deprecated.
pub(super) async fn publish_plugin(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "published", |plugin| {
        require_own(&caller, plugin)?;
        require_state(plugin, "status", &["in_review", "deprecated", "published"])?;
        if plugin.get("latest_version_id").is_none_or(Value::is_null) {
            let detail = "it has no published release; publish one that was approved first";
            return Err(ApiError::conflict("no_release", detail));
        }
        let since = plugin.get("published_at").filter(|since| !since.is_null()).cloned();
        Ok(set([("status", json!("published")), ("published_at", since.unwrap_or_else(|| json!(now)))]))
    })
    .await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_come_in_the_order_of_the_standard() {
        let order = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.10",
            "1.2.0",
            "2.0.0",
        ];
        for pair in order.windows(2) {
            assert_eq!(compared(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compared("1.0.0+one", "1.0.0+two"), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn an_order_is_the_same_from_both_sides(
            one in "[0-9]{1,3}\\.[0-9]\\.[0-9](-[a-z0-9.]{1,6})?",
            other in "[0-9]{1,3}\\.[0-9]\\.[0-9](-[a-z0-9.]{1,6})?",
        ) {
            prop_assert_eq!(compared(&one, &other), compared(&other, &one).reverse());
        }
    }

    #[test]
    fn a_release_asks_for_permissions_by_their_names() {
        let mut values = set([("permissions", json!(["conversation:read", "*", "bot:*", "moon:read"]))]);
        let Err(ApiError::Invalid(faults)) = prepare(&mut values, Mode::Create) else { panic!("refused") };
        let named: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(named, ["permissions[1]", "permissions[2]", "permissions[3]"]);
    }
}
