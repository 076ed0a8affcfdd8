//! Releases of plugins before staff: what waits, the word that is given, and who is told.

use serde_json::json;

use crate::{admin::Staff, people::World};

#[tokio::test]
async fn releases_of_plugins_are_approved_or_rejected_and_their_publisher_reads_why() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let staff = Staff::new(&world, "sam", "superadmin").await;
    staff.elevate(&world).await;
    let categories = world.get(&ada.access, "/v1/plugin-categories").await.expect(200);
    let path = "/v1/publisher/plugins";
    let body = json!({
        "category_id": categories.data()[0]["id"], "slug": "mine", "name": "Mine", "summary": "does it", "kind": "tool",
    });
    let plugin = world.post(&ada.access, path, body).await.expect(201).id();
    world.post(&ada.access, &format!("{path}/{plugin}/submit"), json!({})).await.expect(200);
    let versions = format!("{path}/{plugin}/versions");
    let mut submitted = Vec::new();
    for number in ["1.0.0", "1.1.0"] {
        let body = json!({ "version": number, "runtime": "declarative" });
        let version = world.post(&ada.access, &versions, body).await.expect(201).id();
        world.post(&ada.access, &format!("{versions}/{version}/submit"), json!({})).await.expect(200);
        submitted.push(version);
    }
    let reviews = "/admin/v1/plugin-reviews";
    let waiting = staff.get(&world, reviews).await.expect(200);
    assert_eq!(
        (
            &waiting.data()[0]["id"],
            &waiting.data()[0]["plugin"]["slug"],
            waiting.data().as_array().map(Vec::len)
        ),
        (&json!(submitted[1]), &json!("mine"), Some(2))
    );
    let word = |version: &str, word: &str| format!("{reviews}/{version}/{word}");
    let why = staff.post(&world, &word(&submitted[0], "reject"), json!({})).await.expect(400);
    assert_eq!(why.body["field"], "note");
    let no = json!({ "note": "says nothing of its permissions" });
    let rejected = staff.post(&world, &word(&submitted[0], "reject"), no).await.expect(200);
    assert_eq!(rejected.data()["status"], "rejected");
    let listing = world.get(&ada.access, &format!("{path}/{plugin}")).await.expect(200);
    assert_eq!(
        (&listing.data()["status"], &listing.data()["review_note"]),
        (&json!("rejected"), &json!("says nothing of its permissions"))
    );
    let yes = staff.post(&world, &word(&submitted[1], "approve"), json!({})).await.expect(200);
    assert_eq!(yes.data()["scan_report"]["decision"], "approved");
    // Once is enough.
    staff.post(&world, &word(&submitted[1], "reject"), json!({ "note": "no" })).await.expect(404);
    assert_eq!(staff.get(&world, reviews).await.expect(200).data(), &json!([]));
    let refused = world.post(&ada.access, &format!("{versions}/{}/publish", submitted[0]), json!({})).await;
    assert_eq!(refused.expect(409).code(), "wrong_state");
    world.post(&ada.access, &format!("{versions}/{}/publish", submitted[1]), json!({})).await.expect(200);
    // The publisher's own audit log says who decided.
    let audit = world.get(&ada.access, "/v1/audit?filter[action]=platform.plugin.approve").await.expect(200);
    assert_eq!(audit.data()[0]["actor_type"], "admin");
}
