//! Bots, flows, versions.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Server, flow};

async fn flow_with(server: &Server, definition: Value) -> (String, crate::harness::Answer) {
    let path = format!("/v1/bots/{}/flows", server.bot());
    let made =
        server.post(&path, json!({ "name": "Second", "draft_definition": definition })).await.expect(201);
    (format!("{path}/{}", made.id()), made)
}

#[tokio::test]
async fn a_flow_is_drafted_published_changed_and_rolled_back() {
    let server = Server::start().await;
    let (item, made) = flow_with(&server, flow()).await;
    assert_eq!(made.data()["status"], "draft");
    assert_eq!(made.data()["validation_report"]["valid"], true);
    let published = server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    assert_eq!(
        (&published.data()["status"], &published.data()["published_version"]),
        (&json!("published"), &json!(1))
    );
    assert_eq!(server.get(&format!("{item}/diff")).await.expect(200).data()["difference"], json!({}));

    let mut other = flow();
    other["nodes"][1]["data"]["text"] = json!("good day");
    let changed =
        server.patch(&item, &published.etag(), json!({ "draft_definition": other })).await.expect(200);
    let diff = server.get(&format!("{item}/diff")).await.expect(200);
    assert_eq!(diff.data()["difference"]["nodes"]["changed"], json!([{ "id": "hello", "keys": ["data"] }]));
    let stale =
        server.call(Method::POST, &format!("{item}/publish"), &[("if-match", &made.etag())], None).await;
    assert_eq!(stale.expect(412).code(), "stale");
    let headers = [("if-match", changed.etag())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let second = server.call(Method::POST, &format!("{item}/publish"), &headers, None).await.expect(200);
    assert_eq!(second.data()["published_version"], 2);

    let back = server.post(&format!("{item}/rollback"), json!({ "version": 1 })).await.expect(200);
    assert_eq!(back.data()["published_version"], 3);
    let versions = format!("/v1/versions/bot_flow/{}", made.id());
    let list = server.get(&versions).await.expect(200);
    assert_eq!(list.data().as_array().map(Vec::len), Some(3));
    let (first, third) =
        (server.get(&format!("{versions}/1")).await, server.get(&format!("{versions}/3")).await);
    assert_eq!(first.expect(200).data()["data"], third.expect(200).data()["data"]);
    let between = server.get(&format!("{versions}/diff?from=1&to=2")).await.expect(200);
    assert_eq!(between.data()["difference"]["nodes"]["changed"][0]["id"], "hello");
    server.post(&format!("{item}/rollback"), json!({ "version": 9 })).await.expect(400);
    server.get(&format!("{versions}/9")).await.expect(404);
}

#[tokio::test]
async fn a_flow_that_is_wrong_is_kept_as_a_draft_and_not_published() {
    let server = Server::start().await;
    let definition = json!({ "schema": 1, "nodes": [{ "id": "a", "type": "start" }, { "id": "b", "type": "end" },
        { "id": "c", "type": "end" }], "edges": [{ "id": "e", "source": "a", "target": "b" }] });
    let (item, made) = flow_with(&server, definition).await;
    assert_eq!(made.data()["validation_report"]["valid"], false);
    let report = server.post(&format!("{item}/validate"), json!({})).await.expect(200);
    assert_eq!(report.data()["problems"][0]["node"], "c");
    let refused = server.post(&format!("{item}/publish"), json!({})).await.expect(422);
    assert_eq!(refused.code(), "flow_invalid");
    assert_eq!(refused.body["problems"], report.data()["problems"]);
    assert_eq!(server.get(&item).await.expect(200).data()["status"], "draft");
}

#[tokio::test]
async fn what_a_flow_uses_must_be_there_to_publish_it() {
    let server = Server::start().await;
    let definition = json!({ "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "route", "type": "nlu_router", "data": { "intents": ["buy"], "entities": { "size": "number" } } },
            { "id": "look_up", "type": "api_call", "data": {
                "url": "https://shop.example/", "headers": { "x-key": "{{ secret.shop }}" } } },
            { "id": "call", "type": "call_flow", "data": { "flow": "01890000-0000-7000-8000-000000000000" } },
            { "id": "chat", "type": "ai_response", "data": { "agent": "nobody" } },
        ],
        "edges": [
            { "source": "start", "target": "route" },
            { "source": "route", "port": "default", "target": "look_up" },
            { "source": "look_up", "target": "call" },
            { "source": "call", "target": "chat" },
        ],
        "variables": [{ "name": "size", "type": "number" }] });
    let (item, made) = flow_with(&server, definition.clone()).await;
    let nodes = |problems: &Value| {
        let problems = problems.as_array().unwrap().iter();
        let named = problems.map(|problem| (problem["code"].clone(), problem["node"].clone()));
        named.collect::<Vec<_>>()
    };
    let missing = |node: &str| (json!("missing_reference"), json!(node));
    let refused = server.post(&format!("{item}/publish"), json!({})).await.expect(422);
    let all = ["route", "route", "look_up", "call", "chat"].map(missing);
    // It is kept all the same, and what is missing is told with it.
    let saved = &made.data()["validation_report"];
    assert_eq!((&saved["valid"], nodes(&saved["problems"])), (&json!(false), all.to_vec()));
    assert_eq!((refused.code(), nodes(&refused.body["problems"])), ("flow_invalid", all.to_vec()));
    let report = server.post(&format!("{item}/validate"), json!({})).await.expect(200);
    assert_eq!((&report.data()["valid"], nodes(&report.data()["problems"])), (&json!(false), all.to_vec()));

    let bot = format!("/v1/bots/{}", server.bot());
    server.post(&format!("{bot}/intents"), json!({ "name": "buy" })).await.expect(201);
    server.post(&format!("{bot}/entities/create-system"), json!({ "types": ["number"] })).await.expect(200);
    server.post("/v1/secrets", json!({ "name": "shop", "value": "k-1" })).await.expect(201);
    let refused = server.post(&format!("{item}/publish"), json!({})).await.expect(422);
    assert_eq!(nodes(&refused.body["problems"]), ["call", "chat"].map(missing));

    // It may call itself, and needs no agent of its own.
    let mut fitting = definition;
    fitting["nodes"][3]["data"]["flow"] = json!(made.id());
    fitting["nodes"][4]["data"] = json!({});
    server.patch(&item, "*", json!({ "draft_definition": fitting })).await.expect(200);
    server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    assert_eq!(server.count("SELECT count(*) FROM entity_versions WHERE entity_type = 'bot_flow'").await, 3);
}

#[tokio::test]
async fn what_channels_show_otherwise_is_told_with_the_exact_rendering() {
    let server = Server::start().await;
    let mut long = flow();
    long["nodes"][1]["data"]["text"] = json!("long words ".repeat(400));
    let (item, made) = flow_with(&server, long).await;
    let told = server.post(&format!("{item}/validate"), json!({})).await.expect(200);
    assert_eq!(told.data()["valid"], true);
    let channels = |list: &Value| {
        let list = list.as_array().unwrap().iter();
        let mut channels: Vec<String> = list
            .inspect(|entry| assert_eq!(entry["node"], "hello", "{entry}"))
            .map(|entry| entry["channel"].as_str().unwrap().to_owned())
            .collect();
        channels.sort();
        channels
    };
    assert_eq!(channels(&told.data()["findings"]), ["telegram", "whatsapp"]);
    assert_eq!(channels(&told.data()["previews"]), ["telegram", "whatsapp"]);
    let preview = &told.data()["previews"][0];
    assert_eq!(preview["downgrades"][0]["to"], "several_messages");
    assert!(preview["parts"].as_array().is_some_and(|parts| parts.len() == 2), "{preview}");
    assert_eq!(&made.data()["validation_report"], told.data());
    let mut short = flow();
    short["nodes"][1]["data"]["text"] = json!("few words");
    let saved = server.patch(&item, "*", json!({ "draft_definition": short })).await.expect(200);
    assert_eq!(saved.data()["validation_report"]["findings"], json!([]));
    let published = server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    assert_eq!(published.data()["validation_report"], saved.data()["validation_report"]);
}

#[tokio::test]
async fn variables_of_a_flow_may_be_declared_beside_its_definition() {
    let server = Server::start().await;
    let mut asking = flow();
    asking["nodes"][1]["data"]["text"] = json!("size {{ size }}");
    let (item, made) = flow_with(&server, asking).await;
    let problem = &made.data()["validation_report"]["problems"][0];
    assert_eq!(problem["code"], "undeclared_variable");
    let path = format!("/v1/flows/{}/variables", made.id());
    let size = |more: Value| {
        let mut new = json!({ "name": "size", "value_type": "number" });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        new
    };
    for (more, field) in [
        (json!({ "validation": { "pattern": "^4" } }), "validation"),
        (json!({ "validation": { "least": 4 } }), "validation"),
        (json!({ "default_value": "large" }), "default_value"),
        (json!({ "default_value": 3, "validation": { "min": 4 } }), "default_value"),
        (json!({ "scope": "contact" }), "scope"),
    ] {
        let refused = server.post(&path, size(more)).await.expect(400);
        assert_eq!(refused.body["field"], field, "{}", refused.body);
    }
    let made = server
        .post(&path, size(json!({ "default_value": 40, "validation": { "min": 4 } })))
        .await
        .expect(201);
    let one = format!("{path}/{}", made.id());
    let broken = server.patch(&one, "*", json!({ "validation": { "min": 41 } })).await.expect(400);
    assert_eq!(broken.body["field"], "default_value");

    // Simulated, and published with it; the draft stays as it was written.
    let steps = json!({ "steps": [{ "say": "hi" }] });
    let played = server.post(&format!("{item}/test-run"), steps).await.expect(200);
    assert_eq!(played.data()["steps"][0]["said"][0]["text"], "size 40");
    let published = server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    assert_eq!(published.data()["draft_definition"].get("variables"), flow().get("variables"));
    let version = server.get(&format!("/v1/versions/bot_flow/{}/1", published.id())).await.expect(200);
    let declared = &version.data()["data"]["variables"];
    assert_eq!((&declared[0]["name"], &declared[0]["validation"]), (&json!("size"), &json!({ "min": 4 })));
    assert_eq!(server.get(&format!("{item}/diff")).await.expect(200).data()["difference"], json!({}));
}

#[tokio::test]
async fn one_flow_is_the_default() {
    let server = Server::start().await;
    let (item, made) = flow_with(&server, flow()).await;
    assert_eq!(
        server.post(&format!("{item}/set-default"), json!({})).await.expect(200).data()["is_default"],
        true
    );
    let path = format!("/v1/bots/{}/flows?filter[is_default]=true", server.bot());
    let defaults = server.get(&path).await.expect(200);
    assert_eq!(defaults.data().as_array().map(Vec::len), Some(1));
    assert_eq!(defaults.data()[0]["id"], made.id());
    let copy = server.post(&format!("{item}/duplicate"), json!({ "name": "Third" })).await.expect(201);
    assert_eq!(copy.data()["draft_definition"], made.data()["draft_definition"]);
    assert_eq!(copy.data()["is_default"], false);
    server.post(&format!("{item}/duplicate"), json!({ "name": "Third" })).await.expect(409);
}

#[tokio::test]
async fn a_bot_lives_through_its_states() {
    let server = Server::start().await;
    let made = server.post("/v1/bots", json!({ "name": "Shop", "slug": "shop" })).await.expect(201);
    let item = format!("/v1/bots/{}", made.id());
    assert_eq!(made.data()["status"], "draft");
    let active = server.post(&format!("{item}/publish"), json!({})).await.expect(200);
    assert_eq!(active.data()["status"], "active");
    assert!(active.data()["published_at"].is_string());
    server.post(&format!("{item}/resume"), json!({})).await.expect(200);
    server.post(&format!("{item}/pause"), json!({})).await.expect(200);
    server.post(&format!("{item}/archive"), json!({})).await.expect(200);
    assert_eq!(server.post(&format!("{item}/publish"), json!({})).await.expect(409).code(), "wrong_state");
    server.post(&format!("{item}/unarchive"), json!({})).await.expect(200);
    server.delete(&item).await.expect(204);
    server.get(&format!("{item}/flows")).await.expect(404);
    server.post(&format!("{item}/restore"), json!({})).await.expect(200);
    server.get(&format!("{item}/flows")).await.expect(200);
}

#[tokio::test]
async fn a_bots_webhook_needs_a_secret_that_is_shown_once() {
    let server = Server::start().await;
    let item = format!("/v1/bots/{}", server.bot());
    let change = json!({ "webhook_url": "https://hooks.example/a" });
    let refused = server.patch(&item, "*", change.clone()).await.expect(400);
    assert_eq!(refused.body["field"], "webhook_url");
    let key = [("idempotency-key", "rotate")];
    let path = format!("{item}/webhook/rotate-secret");
    let first = server.call(Method::POST, &path, &key, None).await.expect(200);
    let again = server.call(Method::POST, &path, &key, None).await.expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(first.data()["secret"].as_str().map(str::len), Some(64));
    let clear =
        "SELECT count(*) FROM idempotency_keys WHERE response_body IS NOT NULL OR response_ct IS NULL";
    assert_eq!(server.count(clear).await, 0, "the kept answer is sealed");
    server.patch(&item, "*", change).await.expect(200);
    let other = server.post(&path, json!({})).await.expect(200);
    assert_ne!(other.data()["secret"], first.data()["secret"]);
}

#[tokio::test]
async fn a_bot_is_exported_and_made_again() {
    let server = Server::start().await;
    let bot = format!("/v1/bots/{}", server.bot());
    let (_, flow) = flow_with(&server, flow()).await;
    let intent = json!({ "name": "greet", "target_flow_id": flow.id() });
    let intent = server.post(&format!("{bot}/intents"), intent).await.expect(201);
    let example = format!("/v1/intents/{}/examples", intent.id());
    server.post(&example, json!({ "text": "hello there" })).await.expect(201);
    let entity = server.post(&format!("{bot}/entities"), json!({ "name": "size" })).await.expect(201);
    server
        .post(&format!("/v1/entities/{}/values", entity.id()), json!({ "value": "large" }))
        .await
        .expect(201);
    let variable = json!({ "name": "order_no", "value_type": "number" });
    server.post(&format!("/v1/flows/{}/variables", flow.id()), variable).await.expect(201);

    let copy = json!({ "name": "Copy", "slug": "copy" });
    let copy = server.post(&format!("{bot}/duplicate"), copy).await.expect(201);
    assert_eq!((&copy.data()["name"], &copy.data()["status"]), (&json!("Copy"), &json!("draft")));
    let copied = format!("/v1/bots/{}", copy.id());
    let intents = server.get(&format!("{copied}/intents")).await.expect(200);
    let flows = server.get(&format!("{copied}/flows?filter[name]=Second")).await.expect(200);
    assert_eq!(intents.data()[0]["target_flow_id"], flows.data()[0]["id"]);
    assert_ne!(flows.data()[0]["id"], flow.data()["id"]);

    // Two exports say the same but for names and ids, which a third organization's import shows too.
    let document = server.get(&format!("{copied}/export")).await.expect(200).data().clone();
    for (part, count) in [
        ("flows", 2),
        ("intents", 1),
        ("examples", 1),
        ("entities", 1),
        ("entity_values", 1),
        ("variables", 1),
    ] {
        assert_eq!(document[part].as_array().map(Vec::len), Some(count), "{part}");
    }
    let token = server.other.token.expose().clone();
    let path = "/v1/bots/import";
    let imported = server.call_as(&token, Method::POST, path, &[], Some(document.clone())).await.expect(201);
    let there = format!("/v1/bots/{}/export", imported.id());
    let other = server.call_as(&token, Method::GET, &there, &[], None).await.expect(200);
    assert_eq!(other.data()["flows"][0]["draft_definition"], document["flows"][0]["draft_definition"]);
    assert_eq!(other.data()["examples"][0]["text"], "hello there");
}

#[tokio::test]
async fn a_document_that_is_wrong_is_refused_whole_with_its_place() {
    let server = Server::start().await;
    let bot = json!({ "id": "00000000-0000-7000-8000-000000000001", "name": "Bot", "slug": "imported" });
    let with = |part: &str, rows: Value| {
        let mut document = json!({ "format": "botbuilder.bot", "version": 1, "bot": bot.clone() });
        document[part] = rows;
        document
    };
    let bot_id = bot["id"].clone();
    for (document, field) in [
        (json!({}), "format"),
        (json!({ "format": "botbuilder.bot", "version": 2 }), "version"),
        (with("intnets", json!([])), "intnets"),
        (with("intents", json!([7])), "intents"),
        (with("intents", json!([{ "bot_id": bot_id, "name": "No Ident" }])), "intents[0].name"),
        (with("flows", json!([{ "bot_id": bot_id, "name": "f", "nmae": 1 }])), "flows[0].nmae"),
        (
            with("intents", json!([{ "bot_id": bot_id, "name": "a" }, { "bot_id": bot_id, "name": "a" }])),
            "intents[1].name",
        ),
    ] {
        let answer = server.post("/v1/bots/import", document).await;
        assert!(answer.status == 400 || answer.status == 409, "{answer:#?}");
        assert_eq!(answer.body["field"], field);
    }
    let kept = server.get("/v1/bots?filter[slug]=imported").await.expect(200);
    assert_eq!(kept.data(), &json!([]));
}

#[tokio::test]
async fn anything_with_versions_goes_back_to_one() {
    let server = Server::start().await;
    let versions = format!("/v1/versions/bot/{}", server.bot());
    let first =
        server.post(&format!("{versions}/commit"), json!({ "message": "as it was" })).await.expect(201);
    assert_eq!(first.data()["version"], 1);
    let item = format!("/v1/bots/{}", server.bot());
    let before = server.get(&item).await.expect(200).data()["name"].clone();
    server.patch(&item, "*", json!({ "name": "Other" })).await.expect(200);
    server.post(&format!("{versions}/rollback"), json!({ "version": 1 })).await.expect(200);
    assert_eq!(server.get(&item).await.expect(200).data()["name"], before);
    server.get("/v1/versions/teapot/00000000-0000-7000-8000-000000000001").await.expect(404);
}

#[tokio::test]
async fn flows_of_other_programs_become_drafts() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/flows/import", server.bot());
    let message = |uuid: &str, text: &str, exit: &str| {
        json!({ "uuid": uuid, "actions": [{ "uuid": "00000000-0000-4000-8000-00000000000a", "type": "send_msg", "text": text },
            { "uuid": "00000000-0000-4000-8000-00000000000b", "type": "enter_flow", "flow":
                { "uuid": "00000000-0000-4000-8000-0000000000f2", "name": "Second part" } }],
            "exits": [{ "uuid": exit }] })
    };
    let flow = |uuid: &str, name: &str, nodes: Value| json!({ "uuid": uuid, "name": name, "spec_version": "13.1.0", "language": "eng", "type": "messaging", "nodes": nodes });
    let first = message(
        "00000000-0000-4000-8000-000000000001",
        "Hi @contact.name",
        "00000000-0000-4000-8000-0000000000e1",
    );
    let mut last =
        message("00000000-0000-4000-8000-000000000002", "Bye", "00000000-0000-4000-8000-0000000000e2");
    last["actions"] = json!([last["actions"][0]]);
    let source = json!({ "flows": [
        flow("00000000-0000-4000-8000-0000000000f1", "First part", json!([first])),
        flow("00000000-0000-4000-8000-0000000000f2", "Second part", json!([last])),
    ]});
    let dry = server.post(&path, json!({ "source": source, "dry_run": true })).await.expect(200);
    assert_eq!((&dry.data()["format"], &dry.data()["flows"][0]["id"]), (&json!("goflow"), &Value::Null));
    let made = server.post(&path, json!({ "source": source, "format": "goflow" })).await.expect(200);
    assert_eq!(made.data()["flows"][0]["problems"], json!([]));
    assert_eq!(made.data()["flows"][0]["source_id"], "00000000-0000-4000-8000-0000000000f1");
    assert_eq!(made.data()["report"]["lines"][0]["outcome"], "mapped");
    let id = |index: usize| made.data()["flows"][index]["id"].as_str().unwrap().to_owned();
    let flows = format!("/v1/bots/{}/flows", server.bot());
    let draft = server.get(&format!("{flows}/{}", id(0))).await.expect(200);
    assert_eq!((&draft.data()["name"], &draft.data()["status"]), (&json!("First part"), &json!("draft")));
    // The call names the flow by the id that it has here.
    let nodes = draft.data()["draft_definition"]["nodes"].as_array().unwrap();
    let call = nodes.iter().find(|node| node["type"] == "call_flow").unwrap();
    assert_eq!(call["data"]["flow"], id(1));
    // What is called is published first.
    let refused = server.post(&format!("{flows}/{}/publish", id(0)), json!({})).await.expect(422);
    assert_eq!(refused.body["problems"][0]["code"], "missing_reference");
    server.post(&format!("{flows}/{}/publish", id(1)), json!({})).await.expect(200);
    server.post(&format!("{flows}/{}/publish", id(0)), json!({})).await.expect(200);
    // A second time the names are taken, and nothing is written.
    server.post(&path, json!({ "source": source })).await.expect(409);

    let mut broken = source.clone();
    broken["flows"][1]["nodes"][0]["exits"] = json!([]);
    let refused = server.post(&path, json!({ "source": broken })).await.expect(422);
    assert_eq!(refused.code(), "not_importable");
    assert_eq!(refused.body["faults"][0]["node"], "00000000-0000-4000-8000-000000000002");
    server.post(&path, json!({ "source": { "hello": 1 } })).await.expect(400);
    server.post(&path, json!({ "source": source, "format": "paper" })).await.expect(400);
    let nowhere = "/v1/bots/00000000-0000-7000-8000-000000000000/flows/import";
    server.post(nowhere, json!({ "source": source })).await.expect(404);
}
