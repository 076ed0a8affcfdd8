//! Provisioning, by hand and by the checker that others wrote.

use std::process::Command;

use axum::{
    body::Body,
    http::{Method, Request},
};
use botbuilder_testkit::foreign::{Packages, packages};
use serde_json::{Value, json};

use crate::{
    foreign::Bound,
    harness::{Answer, Server},
};

const CHECKER: [&str; 2] = ["scim2-cli==0.6.0", "scim2-tester==0.5.2"];
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A connection that takes provisioning, and a token for it.
async fn token(server: &Server, settings: Value) -> String {
    let roles = server.get("/v1/roles").await.expect(200);
    let viewer = roles.data().as_array().expect("roles").iter().find(|role| role["code"] == "viewer");
    let mut connection = json!({
        "protocol": "oidc", "name": "them", "scim_enabled": true, "default_role_id": viewer.expect("a role")["id"],
    });
    connection.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
    let connection = server.post("/v1/sso/configurations", connection).await.expect(201).id();
    let path = format!("/v1/sso/configurations/{connection}/scim-token");
    server.post(&path, json!({})).await.expect(201).data()["token"].as_str().expect("a token").to_owned()
}

async fn call(server: &Server, token: &str, method: Method, path: &str, tag: &str, body: Value) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("/scim/v2{path}"));
    request = request.header("authorization", format!("Bearer {token}"));
    if !tag.is_empty() {
        request = request.header("if-match", tag);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    server.send(request.header("content-type", "application/scim+json").body(body).expect("a request")).await
}

fn patch(operations: &Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_that_others_wrote_finds_no_error() {
    let Some(package) = packages(env!("CARGO_TARGET_TMPDIR"), Packages::Pip(&CHECKER)) else { return };
    let at = Bound::new().await.start(&[]).await;
    let token = token(&at.server, json!({})).await;
    let url = format!("{}/scim/v2", at.base_url);
    let run = move || {
        Command::new("python3")
            .arg(package.join("bin/scim2"))
            .args(["--url", &url, "--header", &format!("Authorization: Bearer {token}"), "test"])
            .env("PYTHONPATH", &package)
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .expect("python3")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let faults: Vec<&str> =
        said.lines().filter(|line| line.starts_with("ERROR") || line.starts_with("CRITICAL")).collect();
    assert!(
        output.status.success() && faults.is_empty(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.matches("SUCCESS").count() >= 24, "{said}");
}

#[tokio::test]
async fn people_come_change_and_go() {
    let server = Server::start().await;
    let token = token(&server, json!({})).await;
    let send =
        async |method, path: &str, tag: &str, body| call(&server, &token, method, path, tag, body).await;
    let ada = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Ada@example.org", "externalId": "x1",
        "name": { "givenName": "Ada", "familyName": "B" }, "emails": [{ "value": "ada@example.org", "primary": true }],
    });
    let made = send(Method::POST, "/Users", "", ada.clone()).await.expect(201);
    let id = made.body["id"].as_str().expect("an id").to_owned();
    let path = format!("/Users/{id}");
    assert_eq!(made.body["active"], true);
    // A user name is taken whatever its case.
    let twin = json!({ "userName": "ada@EXAMPLE.org" });
    let taken = send(Method::POST, "/Users", "", twin).await.expect(409);
    assert_eq!(taken.body["scimType"], "uniqueness");
    let found = send(
        Method::GET,
        "/Users?filter=userName%20eq%20%22ADA@example.org%22&attributes=userName",
        "",
        Value::Null,
    )
    .await;
    assert_eq!(
        (&found.body["totalResults"], &found.body["Resources"][0]["emails"]),
        (&json!(1), &Value::Null)
    );
    // Its state has a tag.
    let off = patch(&json!([{ "op": "Replace", "path": "active", "value": "False" }]));
    send(Method::PATCH, &path, "W/\"old\"", off.clone()).await.expect(412);
    let members =
        server.count("SELECT count(*) FROM organization_members WHERE source = 'scim' AND status = 'active'");
    assert_eq!(members.await, 1);
    sqlx::query(
        "INSERT INTO user_sessions (user_id, active_organization_id, auth_method, token_hash, expires_at) \
         SELECT user_id, organization_id, 'sso', sha256('t'), now() + interval '1 hour' FROM sso_user_mappings",
    )
    .execute(&server.pool)
    .await
    .expect("a session");
    let changed = send(Method::PATCH, &path, &made.etag(), off).await.expect(200);
    assert_eq!(changed.body["active"], false);
    let suspended =
        "SELECT count(*) FROM organization_members WHERE source = 'scim' AND status = 'suspended'";
    assert_eq!(server.count(suspended).await, 1);
    let ended = "SELECT count(*) FROM user_sessions WHERE revoke_reason = 'sso_deprovision'";
    assert_eq!(server.count(ended).await, 1);
    // A whole new state brings them back, without what it does not say.
    let replaced = json!({ "userName": "ada", "active": true });
    let replaced = send(Method::PUT, &path, "*", replaced).await.expect(200);
    assert_eq!((&replaced.body["userName"], &replaced.body["name"]), (&json!("ada"), &Value::Null));
    assert_eq!(server.count(suspended).await, 0);
    send(Method::DELETE, &path, "", Value::Null).await.expect(204);
    send(Method::GET, &path, "", Value::Null).await.expect(404);
    // The account stays, without a way in; what was done is written down.
    assert_eq!(server.count("SELECT count(*) FROM users WHERE email LIKE '%@scim.invalid'").await, 1);
    assert_eq!(server.count("SELECT count(*) FROM audit_logs WHERE actor_type = 'scim'").await, 4);
}

#[tokio::test]
async fn groups_give_their_people_a_team_role() {
    let server = Server::start().await;
    let token = token(&server, json!({ "scim_deprovision": "remove" })).await;
    let send = async |method, path: &str, body| call(&server, &token, method, path, "", body).await;
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": { "userName": "ada" } },
            { "method": "POST", "path": "/Users", "bulkId": "b", "data": { "userName": "bob" } },
            { "method": "POST", "path": "/Users", "bulkId": "c", "data": { "userName": "ADA" } },
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "displayName": "Staff", "members": [{ "value": "bulkId:a" }, { "value": "bulkId:b" }] } },
        ],
    });
    let done = send(Method::POST, "/Bulk", bulk).await.expect(200);
    let status = |at: usize| done.body["Operations"][at]["status"].clone();
    assert_eq!([status(0), status(1), status(2), status(3)], ["201", "201", "409", "201"], "{done:?}");
    let groups = send(Method::GET, "/Groups", Value::Null).await.expect(200);
    let group = &groups.body["Resources"][0];
    assert_eq!(group["members"].as_array().map(Vec::len), Some(2));
    let path = format!("/Groups/{}", group["id"].as_str().expect("an id"));
    let roles = server.get("/v1/team-roles").await.expect(200);
    assert_eq!((&roles.data()[0]["name"], &roles.data()[0]["scim_managed"]), (&json!("Staff"), &json!(true)));
    let grants = "SELECT count(*) FROM team_members";
    assert_eq!(server.count(grants).await, 2);
    // As Azure removes members, and as the RFC does.
    let ada = group["members"][0]["value"].clone();
    send(
        Method::PATCH,
        &path,
        patch(&json!([{ "op": "Remove", "path": "members", "value": [{ "value": ada }] }])),
    )
    .await
    .expect(200);
    assert_eq!(server.count(grants).await, 1);
    let bob = group["members"][1]["value"].as_str().expect("an id").to_owned();
    let user = send(Method::GET, &format!("/Users/{bob}"), Value::Null).await.expect(200);
    assert_eq!(user.body["groups"][0]["display"], "Staff");
    let by_filter = format!("members[value eq \"{bob}\"]");
    send(Method::PATCH, &path, patch(&json!([{ "op": "remove", "path": by_filter }]))).await.expect(200);
    assert_eq!(server.count(grants).await, 0);
    // Nobody who is not kept here becomes a member.
    let stranger =
        patch(&json!([{ "op": "add", "path": "members", "value": [{ "value": crate::harness::id() }] }]));
    assert_eq!(send(Method::PATCH, &path, stranger).await.expect(400).body["scimType"], "invalidValue");
    // Whoever goes loses the membership, where the connection says so.
    send(Method::DELETE, &format!("/Users/{bob}"), Value::Null).await.expect(204);
    assert_eq!(server.count("SELECT count(*) FROM organization_members WHERE status = 'removed'").await, 1);
    send(Method::DELETE, &path, Value::Null).await.expect(204);
    assert_eq!(server.get("/v1/team-roles").await.expect(200).data(), &json!([]));
}

#[tokio::test]
async fn a_token_keeps_the_people_of_its_connection_only() {
    let server = Server::start().await;
    let token_a = token(&server, json!({})).await;
    let token_b = token(&server, json!({ "name": "others" })).await;
    let made =
        call(&server, &token_a, Method::POST, "/Users", "", json!({ "userName": "ada" })).await.expect(201);
    let path = format!("/Users/{}", made.body["id"].as_str().expect("an id"));
    call(&server, &token_b, Method::GET, &path, "", Value::Null).await.expect(404);
    call(&server, &token_b, Method::DELETE, &path, "", Value::Null).await.expect(404);
    let listed = call(&server, &token_b, Method::GET, "/Users", "", Value::Null).await.expect(200);
    assert_eq!(listed.body["totalResults"], 0);
    // It is no token of the API, and theirs are none here.
    server.call_as(&token_a, Method::GET, "/v1/bots", &[], None).await.expect(401);
    let own = server.acme.token.expose().clone();
    for wrong in ["", "x", &own] {
        let refused = call(&server, wrong, Method::GET, "/Users", "", Value::Null).await.expect(401);
        assert_eq!(refused.body["status"], "401");
    }
    // Switched off at once.
    sqlx::query("UPDATE sso_configurations SET scim_enabled = false")
        .execute(&server.pool)
        .await
        .expect("a change");
    call(&server, &token_a, Method::GET, &path, "", Value::Null).await.expect(401);
}
