//! The marketplace: plugins are offered, found, installed, rated and updated.

use std::sync::Arc;

use axum::http::Method;
use botbuilder_api::plugins::auto_updates::PluginUpdates;
use botbuilder_domain::{Clock as _, SystemClock, SystemIds};
use botbuilder_store::platform::review_reports;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{Server, id, made, run};

/// A published plugin of the other organization.
async fn plugin(server: &Server) -> (String, Uuid) {
    let (plugin, version) = (id(), id());
    run(
        server,
        "INSERT INTO plugins (id, publisher_organization_id, category_id, slug, name, summary, kind)
         SELECT $1, $2, id, 'weather', 'Weather', 'tells the weather', 'tool' FROM plugin_categories LIMIT 1",
        &[plugin, server.other.org.uuid()],
    )
    .await;
    run(
        server,
        "INSERT INTO plugin_versions (id, plugin_id, version, runtime, permissions, status)
         VALUES ($1, $2, '1.0.0', 'http', '{conversation:read}', 'published')",
        &[version, plugin],
    )
    .await;
    run(
        server,
        "UPDATE plugins SET status = 'published', latest_version_id = $2 WHERE id = $1",
        &[plugin, version],
    )
    .await;
    (plugin.to_string(), version)
}

#[tokio::test]
async fn a_plugin_is_found_installed_rated_and_uninstalled() {
    let server = Server::start().await;
    let (plugin, _) = plugin(&server).await;
    let found = server.get("/v1/plugins/search?q=weather").await.expect(200);
    assert_eq!(found.data()[0]["id"], json!(plugin));
    assert_eq!(server.get("/v1/plugins/search?q=moon").await.expect(200).data(), &json!([]));

    let install = format!("/v1/plugins/{plugin}/install");
    let refused = server.post(&install, json!({ "granted_permissions": [] })).await.expect(409);
    assert_eq!(
        (refused.code(), &refused.body["permissions"]),
        ("permissions_required", &json!(["conversation:read"]))
    );
    server
        .post(&install, json!({ "granted_permissions": ["conversation:read", "billing:read"] }))
        .await
        .expect(400);
    let granted = json!({ "granted_permissions": ["conversation:read"] });
    let installed = server.post(&install, granted.clone()).await.expect(201);
    assert_eq!(server.post(&install, granted.clone()).await.expect(409).code(), "taken");

    let reviews = format!("/v1/plugins/{plugin}/reviews");
    // A review is somebody's: the token's creator's, where it has one.
    assert_eq!(server.post(&reviews, json!({ "rating": 5 })).await.expect(403).code(), "session_required");
    run(
        &server,
        "UPDATE api_tokens t SET user_id = o.owner_id FROM organizations o WHERE o.id = t.organization_id",
        &[],
    )
    .await;
    assert_eq!(server.post(&reviews, json!({ "rating": 5 })).await.expect(409).code(), "not_used");
    run(&server, "UPDATE plugin_installations SET created_at = now() - interval '2 days'", &[]).await;
    let review = server.post(&reviews, json!({ "rating": 5, "title": "good" })).await.expect(201);
    assert_eq!(server.post(&reviews, json!({ "rating": 1 })).await.expect(409).code(), "taken");
    let one = format!("{reviews}/{}", review.id());
    // Everybody reads it, and only its author changes it.
    let other = server.other.token.expose().clone();
    let read = server.call_as(&other, Method::GET, &reviews, &[], None).await.expect(200);
    assert_eq!(read.data()[0]["rating"], 5);
    server.call_as(&other, Method::DELETE, &one, &[], None).await.expect(404);
    let changed = server.call(Method::PATCH, &one, &[], Some(json!({ "rating": 4 }))).await.expect(200);
    assert_eq!(changed.data()["rating"], 4);
    reviews_are_answered(&server, &reviews, &one, &plugin).await;
    server.delete(&one).await.expect(204);

    let path = format!("/v1/installed-plugins/{}", installed.id());
    server.delete(&path).await.expect(204);
    server.delete(&path).await.expect(404);
    let installs = async || {
        let listed = server.get(&format!("/v1/plugins/{plugin}")).await.expect(200);
        listed.data()["install_count"].clone()
    };
    assert_eq!(installs().await, 0);
    server.post(&install, granted).await.expect(201);
    assert_eq!(installs().await, 1);
}

/// What others do with a review: the other organization offers the plugin.
async fn reviews_are_answered(server: &Server, reviews: &str, one: &str, plugin: &str) {
    let other = server.other.token.expose().clone();
    let post = async |action: &str, body: Option<Value>| {
        server.call_as(&other, Method::POST, &format!("{one}/{action}"), &[], body).await
    };
    let own = server.post(&format!("{one}/helpful"), json!({})).await.expect(403);
    assert_eq!(own.code(), "own_review");
    for _ in 0..2 {
        // Once for each who says so.
        assert_eq!(post("helpful", None).await.expect(200).data()["helpful_count"], 1);
    }
    let replied = post("reply", Some(json!({ "reply": "thank you" }))).await.expect(200);
    assert_eq!(replied.data()["reply"], "thank you");
    assert!(replied.data()["replied_at"].is_string());
    let foreign = server.post(&format!("{one}/reply"), json!({ "reply": "me too" })).await.expect(403);
    assert_eq!(foreign.code(), "not_yours");
    let gone = post("reply", Some(json!({ "reply": null }))).await.expect(200);
    assert_eq!((&gone.data()["reply"], &gone.data()["replied_at"]), (&Value::Null, &Value::Null));
    assert_eq!(post("reply", Some(json!({ "reply": "" }))).await.expect(400).body["field"], "reply");
    // A count is nobody's change: the publisher's version is as it was before anybody installed or rated it.
    let listed = server.get(&format!("/v1/plugins/{plugin}")).await.expect(200);
    assert_eq!((&listed.data()["install_count"], &listed.data()["rating_count"]), (&json!(1), &json!(1)));
    assert_eq!(listed.data()["lock_version"], 2);
    post("report", None).await.expect(204);
    assert_eq!(server.call_as(&other, Method::GET, reviews, &[], None).await.expect(200).data(), &json!([]));
    post("report", None).await.expect(404);
    // The platform looks at it, and finds nothing wrong with it.
    let mut tx = server.store.begin_admin().await.expect("a transaction");
    let page = botbuilder_store::page::Page::default();
    let waiting = review_reports::list(&mut tx, page).await.expect("reports");
    assert_eq!(waiting[0]["plugin"]["slug"], "weather");
    let id = waiting[0]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    assert!(review_reports::decide(&mut tx, id, true).await.expect("a word").is_some());
    assert!(review_reports::decide(&mut tx, id, false).await.expect("a word").is_none());
    tx.commit().await.expect("a commit");
    let again = server.call_as(&other, Method::GET, reviews, &[], None).await.expect(200);
    assert_eq!(again.data()[0]["rating"], 4);
}

#[tokio::test]
async fn a_publisher_sees_and_changes_what_is_theirs() {
    let server = Server::start().await;
    let (foreign, foreign_version) = plugin(&server).await;
    let categories = server.get("/v1/plugin-categories").await.expect(200);
    let path = "/v1/publisher/plugins";
    let body = json!({
        "category_id": categories.data()[0]["id"], "slug": "mine", "name": "Mine", "summary": "does it", "kind": "tool",
    });
    let mine = made(&server, path, body).await;
    let listed = server.get(path).await.expect(200);
    assert_eq!(listed.data().as_array().map(Vec::len), Some(1));
    // Another's is in the marketplace, and not here.
    server.get(&format!("/v1/plugins/{foreign}")).await.expect(200);
    server.get(&format!("{path}/{foreign}")).await.expect(404);
    server.get(&format!("{path}/{foreign}/stats")).await.expect(404);
    server.get(&format!("{path}/{foreign}/versions")).await.expect(404);
    server.get(&format!("{path}/{foreign}/versions/{foreign_version}")).await.expect(404);
    let yank = format!("{path}/{foreign}/versions/{foreign_version}/yank");
    server.post(&yank, json!({})).await.expect(404);

    let versions = format!("{path}/{mine}/versions");
    let version = json!({ "version": "1.0.0", "runtime": "declarative", "permissions": [] });
    let version = made(&server, &versions, version.clone()).await;
    let submit = format!("{versions}/{version}/submit");
    assert_eq!(server.post(&submit, json!({})).await.expect(200).data()["status"], "in_review");
    // Nobody of the platform has looked at it.
    let publish = format!("{versions}/{version}/publish");
    assert_eq!(server.post(&publish, json!({})).await.expect(409).code(), "not_approved");
    let early = server.post(&format!("{path}/{mine}/publish"), json!({})).await.expect(409);
    assert_eq!(early.code(), "wrong_state");
    let stats = server.get(&format!("{path}/{mine}/stats")).await.expect(200);
    assert_eq!(stats.data()["versions"], json!({ "in_review": 1 }));
    let deprecate = server.post(&format!("{path}/{mine}/deprecate"), json!({})).await.expect(409);
    assert_eq!(deprecate.code(), "wrong_state");
}

/// A second release of the other organization's plugin, with a schema for settings; it asks for one permission more.
async fn second_release(server: &Server, plugin: &str) -> Uuid {
    let version = id();
    run(
        server,
        "INSERT INTO plugin_versions (id, plugin_id, version, runtime, permissions, status, manifest)
         VALUES ($1, $2, '1.1.0', 'http', '{conversation:read,contact:read}', 'published',
                 '{\"settings_schema\": {\"type\": \"object\", \"additionalProperties\": false,
                   \"properties\": {\"city\": {\"type\": \"string\", \"minLength\": 2}}}}')",
        &[version, plugin.parse().expect("an id")],
    )
    .await;
    run(server, "UPDATE plugins SET latest_version_id = $1", &[version]).await;
    version
}

#[tokio::test]
async fn an_update_that_wants_more_waits_until_it_is_granted() {
    let server = Server::start().await;
    let (plugin, first) = plugin(&server).await;
    let install = format!("/v1/plugins/{plugin}/install");
    let granted = json!({ "granted_permissions": ["conversation:read"], "settings": { "city": "Oslo" } });
    // This release has no settings.
    assert_eq!(server.post(&install, granted).await.expect(400).body["field"], "settings.city");
    let installed = made(&server, &install, json!({ "granted_permissions": ["conversation:read"] })).await;
    let item = format!("/v1/installed-plugins/{installed}");
    let (update, approve) = (format!("{item}/update"), format!("{item}/approve-permissions"));
    let same = server.post(&update, json!({})).await.expect(200);
    assert_eq!((&same.data()["version_id"], same.etag()), (&json!(first), "\"1\"".to_owned()));
    let all = json!({ "granted_permissions": ["conversation:read", "contact:read"] });
    assert_eq!(server.post(&approve, all.clone()).await.expect(409).code(), "nothing_waits");

    let second = second_release(&server, &plugin).await;
    let waiting = server.post(&update, json!({})).await.expect(200);
    assert_eq!(
        (&waiting.data()["version_id"], &waiting.data()["update_version_id"]),
        (&json!(first), &json!(second))
    );
    let some = json!({ "granted_permissions": ["conversation:read"] });
    let refused = server.post(&approve, some).await.expect(409);
    assert_eq!(refused.code(), "permissions_required");
    let done = server.post(&approve, all).await.expect(200);
    assert_eq!(
        (&done.data()["version_id"], &done.data()["update_version_id"], &done.data()["granted_permissions"]),
        (&json!(second), &Value::Null, &json!(["conversation:read", "contact:read"]))
    );

    // Settings keep to the schema of the release that is in place.
    for (settings, field) in
        [(json!({ "city": "O" }), "settings.city"), (json!({ "town": "Oslo" }), "settings.town")]
    {
        let refused = server.patch(&item, "*", json!({ "settings": settings })).await.expect(400);
        assert_eq!(refused.body["field"], field);
    }
    let set = server.patch(&item, "*", json!({ "settings": { "city": "Oslo" } })).await.expect(200);
    assert_eq!(set.data()["settings"], json!({ "city": "Oslo" }));
    server.patch(&item, "\"1\"", json!({ "auto_update": false })).await.expect(412);
    // Those settings do not fit the first release, to which one could go back.
    let back = server.post(&update, json!({ "version_id": first })).await.expect(409);
    assert_eq!(
        (back.code(), &back.body["errors"][0]["field"]),
        ("settings_invalid", &json!("settings.city"))
    );
    server.patch(&item, "*", json!({ "settings": {} })).await.expect(200);
    let back = server.post(&update, json!({ "version_id": first })).await.expect(200);
    assert_eq!(
        (&back.data()["version_id"], &back.data()["granted_permissions"]),
        (&json!(first), &json!(["conversation:read"]))
    );
    let nowhere = server.post(&update, json!({ "version_id": id() })).await.expect(400);
    assert_eq!(nowhere.body["field"], "version_id");
    server.delete(&item).await.expect(204);
    server.post(&update, json!({})).await.expect(404);
}

/// Puts a release of these permissions into the marketplace, the newest of its plugin.
async fn release(server: &Server, plugin: &str, number: &str, permissions: &[&str]) -> Uuid {
    let version = id();
    sqlx::query(
        "INSERT INTO plugin_versions (id, plugin_id, version, runtime, permissions, status)
         VALUES ($1, $2, $3, 'http', $4, 'published')",
    )
    .bind(version)
    .bind(plugin.parse::<Uuid>().expect("an id"))
    .bind(number)
    .bind(permissions)
    .execute(&server.pool)
    .await
    .expect("a release");
    run(server, "UPDATE plugins SET latest_version_id = $1", &[version]).await;
    version
}

#[tokio::test]
async fn releases_are_put_in_place_by_themselves_unless_they_want_more() {
    let server = Server::start().await;
    let (plugin, _) = plugin(&server).await;
    let install = format!("/v1/plugins/{plugin}/install");
    let installed = made(&server, &install, json!({ "granted_permissions": ["conversation:read"] })).await;
    let item = format!("/v1/installed-plugins/{installed}");
    let clock = Arc::new(SystemClock);
    let job = PluginUpdates::new(server.store.clone(), clock, Arc::new(SystemIds));
    let once = async || job.once(&CancellationToken::new()).await.expect("a look");
    let read = async || server.get(&item).await.expect(200).data().clone();
    assert_eq!(once().await, 0);

    let second = release(&server, &plugin, "1.1.0", &["conversation:read"]).await;
    assert_eq!((once().await, once().await), (1, 0));
    assert_eq!(read().await["version_id"], json!(second));
    let log = server.get("/v1/audit?filter[action]=plugin_installations.release_updated").await.expect(200);
    assert_eq!(log.data()[0]["actor_type"], "system");

    let third = release(&server, &plugin, "1.2.0", &["conversation:read", "contact:read"]).await;
    assert_eq!((once().await, once().await), (1, 0));
    let waiting = read().await;
    assert_eq!((&waiting["version_id"], &waiting["update_version_id"]), (&json!(second), &json!(third)));

    // One that the settings do not fit is left alone, and says why.
    run(&server, "UPDATE plugin_installations SET settings = '{\"town\": 1}'", &[]).await;
    let newest = release(&server, &plugin, "2.0.0", &["conversation:read"]).await;
    assert_eq!((once().await, once().await), (1, 0));
    let held = read().await;
    assert_eq!(held["version_id"], json!(second));
    assert!(held["error_message"].as_str().expect("why").contains("2.0.0"), "{held}");
    run(&server, "UPDATE plugin_installations SET settings = '{}'", &[]).await;
    assert_eq!(once().await, 1);
    let done = read().await;
    assert_eq!((&done["version_id"], &done["error_message"]), (&json!(newest), &Value::Null));

    // Whoever wants to stay says so.
    server.patch(&item, "*", json!({ "auto_update": false })).await.expect(200);
    release(&server, &plugin, "3.0.0", &["conversation:read"]).await;
    assert_eq!(once().await, 0);
}

#[tokio::test]
async fn nobody_grants_a_plugin_what_they_may_not_do() {
    let server = Server::start().await;
    let (plugin, _) = plugin(&server).await;
    run(&server, "UPDATE api_tokens SET scopes = '{plugin:*}'", &[]).await;
    let install = format!("/v1/plugins/{plugin}/install");
    let granted = json!({ "granted_permissions": ["conversation:read"] });
    assert_eq!(server.post(&install, granted.clone()).await.expect(403).code(), "exceeds_own_rights");
    run(&server, "UPDATE api_tokens SET scopes = '{plugin:*,conversation:read}'", &[]).await;
    server.post(&install, granted).await.expect(201);
}

/// What staff say of a release, as the platform's own surface writes it.
async fn approved(server: &Server, version: &str) {
    let mut tx = server.store.begin_admin().await.expect("a transaction");
    let by = sqlx::query_scalar("SELECT owner_id FROM organizations LIMIT 1").fetch_one(&server.pool).await;
    let word = botbuilder_store::platform::plugin_reviews::Word {
        is_approved: true,
        note: None,
        by: by.expect("somebody"),
        at: SystemClock.now(),
    };
    let decided =
        botbuilder_store::platform::plugin_reviews::decide(&mut tx, version.parse().expect("an id"), &word)
            .await;
    assert!(decided.expect("a word").is_some());
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn what_was_approved_is_published_and_the_highest_release_is_installed() {
    let server = Server::start().await;
    let categories = server.get("/v1/plugin-categories").await.expect(200);
    let path = "/v1/publisher/plugins";
    let body = json!({
        "category_id": categories.data()[0]["id"], "slug": "mine", "name": "Mine", "summary": "does it", "kind": "tool",
    });
    let plugin = made(&server, path, body).await;
    let versions = format!("{path}/{plugin}/versions");
    let wrong = json!({
        "version": "0.1.0", "runtime": "http", "permissions": ["bot:*"],
        "manifest": { "settings_schema": { "oneOf": [] } },
    });
    let refused = server.post(&versions, wrong).await.expect(400);
    let fields: Vec<&Value> =
        refused.body["errors"].as_array().into_iter().flatten().map(|fault| &fault["field"]).collect();
    assert_eq!(fields, ["permissions[0]", "manifest.settings_schema.oneOf"]);

    let mut published = Vec::new();
    for number in ["1.2.0", "1.10.0", "1.9.0"] {
        let version = made(&server, &versions, json!({ "version": number, "runtime": "http" })).await;
        server.post(&format!("{versions}/{version}/submit"), json!({})).await.expect(200);
        approved(&server, &version).await;
        let done = server.post(&format!("{versions}/{version}/publish"), json!({})).await.expect(200);
        assert_eq!(done.data()["status"], "published");
        assert!(done.data()["published_at"].is_string());
        published.push(version);
    }
    let item = format!("{path}/{plugin}");
    assert_eq!(server.get(&item).await.expect(200).data()["latest_version_id"], json!(published[1]));
    server.post(&format!("{item}/submit"), json!({})).await.expect(200);
    let shown = server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    assert_eq!(shown.data()["status"], "published");
    let found = server.get("/v1/plugins/search?q=mine").await.expect(200);
    assert_eq!(found.data()[0]["id"], json!(plugin));
    server.post(&format!("{item}/deprecate"), json!({})).await.expect(200);
    server.post(&format!("{item}/publish"), json!({})).await.expect(200);
}
