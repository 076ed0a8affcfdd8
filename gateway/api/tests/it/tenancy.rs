//! Organizations, members, roles, grants and invitations: who may do what, and who may give what away.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::people::{Call, Person, World};

/// An owner, and people with the other built-in roles.
struct Team {
    world: World,
    owner: Person,
    admin: Person,
    member: Person,
    viewer: Person,
    /// Their memberships.
    of_owner: String,
    of_admin: String,
    of_member: String,
    of_viewer: String,
}

impl Team {
    async fn new() -> Self {
        let world = World::new().await;
        let owner = world.person("owner").await;
        world.many_seats().await;
        let (admin, member, viewer) =
            (world.person("admin").await, world.person("member").await, world.person("viewer").await);
        let of_admin = world.join(&owner, &admin, "admin").await;
        let of_member = world.join(&owner, &member, "member").await;
        let of_viewer = world.join(&owner, &viewer, "viewer").await;
        let me = world.get(&owner.access, "/v1/me").await.expect(200);
        let of_owner = me.data()["organization"]["member_id"].as_str().unwrap().to_owned();
        Self { world, owner, admin, member, viewer, of_owner, of_admin, of_member, of_viewer }
    }

    /// A bot of the organization, written as the platform would.
    async fn bot(&self, slug: &str) -> String {
        let (org, bot) = (self.world.organization(&self.owner).await, self.world.id());
        self.world
            .execute(&format!(
                "INSERT INTO bots (organization_id, id, name, slug) VALUES ('{org}', '{bot}', '{slug}', '{slug}')"
            ))
            .await;
        bot.to_string()
    }

    /// A team role with these permissions.
    async fn role(&self, name: &str, permissions: &[&str]) -> String {
        let body = json!({ "name": name, "permissions": permissions });
        self.world.post(&self.owner.access, "/v1/team-roles", body).await.expect(201).id()
    }
}

#[tokio::test]
async fn an_invitation_is_for_its_address_only_and_good_once() {
    let world = World::new().await;
    let (ada, bob, eve) = (world.person("ada").await, world.person("bob").await, world.person("eve").await);
    world.many_seats().await;
    let body = json!({ "email": "Bob@example.org", "message": "come in" });
    let made = world.post(&ada.access, "/v1/invitations", body.clone()).await.expect(201);
    assert_eq!(
        (made.data()["role"].as_str(), made.data()["status"].as_str()),
        (Some("member"), Some("pending"))
    );
    assert_eq!(world.post(&ada.access, "/v1/invitations", body).await.expect(409).code(), "taken");
    let first = world.link("invitation").await;
    let path = format!("/v1/invitations/{}", made.id());
    world.post(&eve.access, &format!("{path}/resend"), json!({})).await.expect(404);
    world.post(&ada.access, &format!("{path}/resend"), json!({})).await.expect(200);
    let second = world.link("invitation").await;
    let accept = |person: &Person, token: &str| {
        let (access, token) = (person.access.clone(), token.to_owned());
        let world = &world;
        async move { world.post(&access, "/v1/invitations/accept", json!({ "token": token })).await }
    };
    accept(&bob, &first).await.expect(400);
    assert_eq!(accept(&eve, &second).await.expect(403).code(), "wrong_address");
    accept(&bob, &second).await.expect(200);
    accept(&bob, &second).await.expect(400);
    let list = world.get(&ada.access, "/v1/members").await.expect(200);
    assert_eq!(list.data().as_array().unwrap().len(), 2);
    assert_eq!(world.get(&ada.access, &path).await.expect(200).data()["status"], "accepted");
    // The free plan has two seats.
    world.execute("UPDATE user_subscriptions SET limits_override = '{}'").await;
    let body = json!({ "email": "eve@example.org" });
    assert_eq!(world.post(&ada.access, "/v1/invitations", body).await.expect(402).code(), "plan_limit");
    world.many_seats().await;
    let body = json!({ "email": "bob@example.org" });
    assert_eq!(world.post(&ada.access, "/v1/invitations", body).await.expect(409).code(), "member");
}

#[tokio::test]
async fn an_invitation_is_declined_taken_back_or_over() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    let invite = || async {
        let body = json!({ "email": "bob@example.org" });
        let id = world.post(&ada.access, "/v1/invitations", body).await.expect(201).id();
        (id, world.link("invitation").await)
    };
    let accept = |token: String| {
        let world = &world;
        let access = bob.access.clone();
        async move {
            world.post(&access, "/v1/invitations/accept", json!({ "token": token })).await.status.as_u16()
        }
    };
    let (id, token) = invite().await;
    world.public("/v1/invitations/decline", json!({ "token": token })).await.expect(204);
    world.public("/v1/invitations/decline", json!({ "token": token })).await.expect(400);
    assert_eq!(accept(token).await, 400);
    let path = format!("/v1/invitations/{id}");
    assert_eq!(world.get(&ada.access, &path).await.expect(200).data()["status"], "declined");
    assert_eq!(world.delete(&ada.access, &path).await.expect(409).code(), "not_pending");
    let (id, token) = invite().await;
    world.delete(&ada.access, &format!("/v1/invitations/{id}")).await.expect(204);
    assert_eq!(accept(token).await, 400);
    let (id, token) = invite().await;
    for _ in 0..5 {
        world.post(&ada.access, &format!("/v1/invitations/{id}/resend"), json!({})).await.expect(200);
    }
    let answer =
        world.post(&ada.access, &format!("/v1/invitations/{id}/resend"), json!({})).await.expect(409);
    assert_eq!(answer.code(), "sent_often");
    assert_eq!(accept(token).await, 400);
    world.pass(TimeDelta::days(7));
    let ada = world.sign_in("ada@example.org").await;
    let list = world.get(&ada.access, "/v1/invitations?filter[status]=expired").await.expect(200);
    assert_eq!(list.data().as_array().unwrap().len(), 1);
    assert_eq!(
        world.get(&ada.access, "/v1/invitations?filter[status]=open").await.expect(400).body["field"],
        "filter[status]"
    );
    // What is over makes room for another.
    world.mail().await;
    world.post(&ada.access, "/v1/invitations", json!({ "email": "bob@example.org" })).await.expect(201);
}

#[tokio::test]
async fn nobody_acts_above_their_own_rights() {
    let team = Team::new().await;
    let world = &team.world;
    let set_role = |by: &Person, member: &str, role: &str| {
        let (access, path, role) = (by.access.clone(), format!("/v1/members/{member}"), role.to_owned());
        async move { world.patch(&access, &path, json!({ "role": role })).await }
    };
    assert_eq!(set_role(&team.admin, &team.of_admin, "owner").await.expect(403).code(), "exceeds_own_rights");
    assert_eq!(
        set_role(&team.admin, &team.of_owner, "viewer").await.expect(403).code(),
        "exceeds_own_rights"
    );
    let owner = format!("/v1/members/{}", team.of_owner);
    assert_eq!(world.delete(&team.admin.access, &owner).await.expect(403).code(), "exceeds_own_rights");
    let suspend = format!("{owner}/suspend");
    assert_eq!(
        world.post(&team.admin.access, &suspend, json!({})).await.expect(403).code(),
        "exceeds_own_rights"
    );
    let invitation = json!({ "email": "eve@example.org", "role": "owner" });
    let answer = world.post(&team.admin.access, "/v1/invitations", invitation).await.expect(403);
    assert_eq!(answer.code(), "exceeds_own_rights");
    let role = json!({ "name": "all", "permissions": ["*"] });
    assert_eq!(
        world.post(&team.admin.access, "/v1/team-roles", role).await.expect(403).code(),
        "exceeds_own_rights"
    );
    let everything = team.role("everything", &["*"]).await;
    let grant = json!({ "team_role_id": everything });
    let path = format!("/v1/members/{}/grants", team.of_admin);
    assert_eq!(
        world.post(&team.admin.access, &path, grant.clone()).await.expect(403).code(),
        "exceeds_own_rights"
    );
    let copy = format!("/v1/team-roles/{everything}/duplicate");
    world.post(&team.admin.access, &copy, json!({ "name": "mine" })).await.expect(403);
    let token = json!({ "name": "ci", "scopes": ["organization:delete"] });
    assert_eq!(
        world.post(&team.admin.access, "/v1/api-tokens", token).await.expect(403).code(),
        "exceeds_own_rights"
    );

    // An admin does what admins do.
    set_role(&team.admin, &team.of_viewer, "member").await.expect(200);
    set_role(&team.admin, &team.of_viewer, "king").await.expect(400);
    // Members and viewers do not.
    for person in [&team.member, &team.viewer] {
        let answer = set_role(person, &team.of_viewer, "admin").await.expect(403);
        assert_eq!(answer.code(), "forbidden");
        world.post(&person.access, &path, grant.clone()).await.expect(403);
        world.get(&person.access, "/v1/audit").await.expect(403);
        world.get(&person.access, "/v1/api-tokens").await.expect(403);
        world.get(&person.access, "/v1/members").await.expect(200);
    }
    // An owner who makes another one an owner.
    set_role(&team.owner, &team.of_admin, "owner").await.expect(200);
    set_role(&team.admin, &team.of_owner, "viewer").await.expect(200);
    world.get(&team.owner.access, "/v1/api-tokens").await.expect(403);
}

#[tokio::test]
async fn the_last_owner_cannot_go() {
    let team = Team::new().await;
    let world = &team.world;
    let path = format!("/v1/members/{}", team.of_owner);
    let access = &team.owner.access;
    assert_eq!(world.patch(access, &path, json!({ "role": "admin" })).await.expect(409).code(), "last_owner");
    assert_eq!(world.delete(access, &path).await.expect(409).code(), "last_owner");
    assert_eq!(
        world.post(access, &format!("{path}/suspend"), json!({})).await.expect(409).code(),
        "last_owner"
    );
    assert_eq!(world.get(access, "/v1/me").await.expect(200).data()["organization"]["role"], "owner");

    // Two owners who remove each other at the same time: one of them stays.
    world
        .patch(access, &format!("/v1/members/{}", team.of_admin), json!({ "role": "owner" }))
        .await
        .expect(200);
    let (other, admin) = (format!("/v1/members/{}", team.of_admin), &team.admin.access);
    let (one, two) = tokio::join!(world.delete(access, &other), world.delete(admin, &path));
    let gone = [&one, &two].iter().filter(|answer| answer.status == 204).count();
    assert_eq!(gone, 1, "{one:?} {two:?}");
    assert_eq!(world.count("SELECT count(*) FROM organization_members m JOIN roles r ON r.id = m.role_id JOIN organizations o ON o.id = m.organization_id WHERE r.code = 'owner' AND m.status = 'active' AND o.name = 'owner'").await, 1);
}

#[tokio::test]
async fn who_leaves_loses_everything_at_once() {
    let team = Team::new().await;
    let world = &team.world;
    let grant = team.role("helper", &["token:write"]).await;
    let path = format!("/v1/members/{}/grants", team.of_member);
    world.post(&team.owner.access, &path, json!({ "team_role_id": grant })).await.expect(201);
    let body = json!({ "name": "ci", "scopes": ["bot:read"] });
    let token = world.post(&team.member.access, "/v1/api-tokens", body).await.expect(201);
    let token = token.data()["token"].as_str().unwrap().to_owned();
    world.get(&token, "/v1/roles").await.expect(200);

    let member = format!("/v1/members/{}", team.of_member);
    world.post(&team.owner.access, &format!("{member}/suspend"), json!({})).await.expect(200);
    world.post(&team.owner.access, &format!("{member}/suspend"), json!({})).await.expect(409);
    assert_eq!(world.get(&team.member.access, "/v1/members").await.expect(403).code(), "no_organization");
    world.get(&token, "/v1/roles").await.expect(401);
    world.post(&team.owner.access, &format!("{member}/reactivate"), json!({})).await.expect(200);
    world.get(&token, "/v1/roles").await.expect(200);

    world.delete(&team.owner.access, &member).await.expect(204);
    world.delete(&team.owner.access, &member).await.expect(404);
    world.get(&token, "/v1/roles").await.expect(401);
    assert_eq!(world.get(&team.member.access, "/v1/members").await.expect(403).code(), "no_organization");
    assert_eq!(world.count("SELECT count(*) FROM team_members").await, 0);
    // Let in again, the old token stays dead and the old grant is gone.
    world.mail().await;
    assert_eq!(world.join(&team.owner, &team.member, "member").await, team.of_member);
    world.get(&token, "/v1/roles").await.expect(401);
    world.post(&team.member.access, "/v1/api-tokens", json!({ "name": "x", "scopes": [] })).await.expect(403);
    // One may leave by oneself.
    world.delete(&team.viewer.access, &format!("/v1/members/{}", team.of_viewer)).await.expect(204);
    world.delete(&team.member.access, &format!("/v1/members/{}", team.of_admin)).await.expect(403);
}

#[tokio::test]
async fn a_grant_holds_in_its_bot_and_until_its_date() {
    let team = Team::new().await;
    let world = &team.world;
    let (mine, theirs) = (team.bot("mine").await, team.bot("theirs").await);
    let trainer = team.role("trainer", &["nlu:write", "nlu:read"]).await;
    let until = botbuilder_domain::Clock::now(&*world.clock) + TimeDelta::minutes(10);
    let path = format!("/v1/members/{}/grants", team.of_viewer);
    let body = json!({ "team_role_id": trainer, "bot_id": mine, "expires_at": until });
    let grant = world.post(&team.owner.access, &path, body.clone()).await.expect(201);
    assert_eq!(world.post(&team.owner.access, &path, body).await.expect(409).code(), "taken");
    let intents = |bot: &str, name: &str| {
        let (path, name) = (format!("/v1/bots/{bot}/intents"), name.to_owned());
        let viewer = &team.viewer.access;
        async move { world.post(viewer, &path, json!({ "name": name })).await }
    };
    let intent = intents(&mine, "one").await.expect(201).id();
    // It holds below what is the bot's, too, and below nothing of others.
    let text = json!({ "text": "good morning" });
    let examples = format!("/v1/intents/{intent}/examples");
    world.post(&team.viewer.access, &examples, text.clone()).await.expect(201);
    let foreign = format!("/v1/bots/{theirs}/intents");
    let other = world.post(&team.owner.access, &foreign, json!({ "name": "one" })).await.expect(201).id();
    for other in [other, world.id().to_string()] {
        let examples = format!("/v1/intents/{other}/examples");
        let refused = world.post(&team.viewer.access, &examples, text.clone()).await.expect(403);
        assert_eq!(refused.body["permission"], "nlu:write");
    }
    assert_eq!(intents(&theirs, "one").await.expect(403).body["permission"], "nlu:write");
    let me = world.get(&team.viewer.access, "/v1/me").await.expect(200);
    assert_eq!(me.data()["organization"]["bots"][0]["bot_id"], mine);
    world.pass(TimeDelta::minutes(10));
    intents(&mine, "two").await.expect(403);
    let list = world.get(&team.owner.access, &path).await.expect(200);
    assert_eq!(list.data().as_array().unwrap().len(), 1);
    world.delete(&team.owner.access, &format!("{path}/{}", grant.id())).await.expect(204);
    world.delete(&team.owner.access, &format!("{path}/{}", grant.id())).await.expect(404);

    for (field, body) in [
        ("team_role_id", json!({ "team_role_id": world.id() })),
        ("bot_id", json!({ "team_role_id": trainer, "bot_id": world.id() })),
        ("expires_at", json!({ "team_role_id": trainer, "expires_at": "2020-01-01T00:00:00Z" })),
    ] {
        assert_eq!(world.post(&team.owner.access, &path, body).await.expect(400).body["field"], field);
    }
    let nobody = format!("/v1/members/{}/grants", world.id());
    world.post(&team.owner.access, &nobody, json!({ "team_role_id": trainer })).await.expect(404);
}

#[tokio::test]
async fn a_team_role_counts_for_everybody_who_has_it() {
    let team = Team::new().await;
    let world = &team.world;
    let owner = &team.owner.access;
    let auditor = team.role("auditor", &["audit:read"]).await;
    let path = format!("/v1/team-roles/{auditor}");
    let again = json!({ "name": "AUDITOR", "permissions": [] });
    assert_eq!(world.post(owner, "/v1/team-roles", again).await.expect(409).code(), "taken");
    let unknown = json!({ "name": "x", "permissions": ["cat:read"] });
    assert_eq!(world.post(owner, "/v1/team-roles", unknown).await.expect(400).body["field"], "permissions");
    world.get(&team.viewer.access, "/v1/audit").await.expect(403);
    let grants = format!("/v1/members/{}/grants", team.of_viewer);
    let grant = world.post(owner, &grants, json!({ "team_role_id": auditor })).await.expect(201).id();
    world.get(&team.viewer.access, "/v1/audit").await.expect(200);
    world
        .patch(owner, &path, json!({ "permissions": ["usage:read"], "description": "looks" }))
        .await
        .expect(200);
    world.get(&team.viewer.access, "/v1/audit").await.expect(403);
    assert_eq!(world.delete(owner, &path).await.expect(409).code(), "in_use");
    world.delete(owner, &format!("{grants}/{grant}")).await.expect(204);
    let copy = world.post(owner, &format!("{path}/duplicate"), json!({ "name": "copy" })).await.expect(201);
    assert_eq!(copy.data()["permissions"], json!(["usage:read"]));
    world.delete(owner, &path).await.expect(204);
    world.get(owner, &path).await.expect(404);
    let eve = world.person("eve").await;
    let copy = format!("/v1/team-roles/{}", copy.id());
    world.get(&eve.access, &copy).await.expect(404);
    world.patch(&eve.access, &copy, json!({ "name": "x" })).await.expect(404);
    world.delete(&eve.access, &copy).await.expect(404);
}

#[tokio::test]
async fn another_organizations_people_are_nowhere() {
    let team = Team::new().await;
    let world = &team.world;
    let eve = world.person("eve").await;
    let org = world.organization(&team.owner).await;
    for path in [
        format!("/v1/members/{}", team.of_member),
        format!("/v1/members/{}/grants", team.of_member),
        format!("/v1/organizations/{org}"),
    ] {
        world.get(&eve.access, &path).await.expect(404);
    }
    world
        .patch(&eve.access, &format!("/v1/members/{}", team.of_member), json!({ "title": "x" }))
        .await
        .expect(404);
    world.delete(&eve.access, &format!("/v1/members/{}", team.of_member)).await.expect(404);
    world.post(&eve.access, &format!("/v1/organizations/{org}/switch"), json!({})).await.expect(404);
    world.delete(&eve.access, &format!("/v1/organizations/{org}")).await.expect(404);
    let list = world.get(&eve.access, "/v1/members").await.expect(200);
    assert_eq!(list.data().as_array().unwrap().len(), 1);
    let list = world.get(&eve.access, "/v1/organizations").await.expect(200);
    assert_eq!(list.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn organizations_are_founded_changed_entered_and_closed() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let first = world.organization(&ada).await;
    let made = world
        .post(&ada.access, "/v1/organizations", json!({ "name": "Second", "slug": "second" }))
        .await
        .expect(201);
    let path = format!("/v1/organizations/{}", made.id());
    let taken = json!({ "name": "Third", "slug": "second" });
    assert_eq!(world.post(&ada.access, "/v1/organizations", taken).await.expect(409).code(), "taken");
    let bad = json!({ "name": "Third", "slug": "-x" });
    assert_eq!(world.post(&ada.access, "/v1/organizations", bad).await.expect(400).body["field"], "slug");
    // One acts in one at a time.
    world.get(&ada.access, &path).await.expect(404);
    world.post(&ada.access, &format!("{path}/switch"), json!({})).await.expect(200);
    let read = world.get(&ada.access, &path).await.expect(200);
    world.get(&ada.access, &format!("/v1/organizations/{first}")).await.expect(404);

    let patch = |tag: Option<String>, body: Value| {
        let headers = tag.into_iter().map(|tag| ("if-match", tag)).collect();
        let from = ([192, 0, 2, 1], 4000).into();
        let credentials = Some(ada.access.as_str());
        world.make(Call { credentials, method: Method::PATCH, path: &path, headers, from, body: Some(body) })
    };
    patch(None, json!({ "name": "x" })).await.expect(428);
    let changed = patch(Some(read.etag()), json!({ "name": "New", "billing_email": "b@example.org" }))
        .await
        .expect(200);
    patch(Some(read.etag()), json!({ "name": "Newer" })).await.expect(412);
    let settings = json!({ "settings": { "colour": "red" } });
    assert_eq!(patch(Some(changed.etag()), settings).await.expect(400).body["field"], "settings");
    let changed = patch(Some("*".to_owned()), json!({ "billing_email": null })).await.expect(200);
    assert_eq!(changed.data()["billing_email"], Value::Null);
    assert_eq!(changed.data()["name"], "New");

    let closing = world.delete(&ada.access, &path).await.expect(200);
    assert_eq!(closing.data()["status"], "closing");
    assert_eq!(world.delete(&ada.access, &path).await.expect(409).code(), "already_closing");
    world.post(&ada.access, &format!("{path}/cancel-closing"), json!({})).await.expect(200);
    assert_eq!(
        world.post(&ada.access, &format!("{path}/cancel-closing"), json!({})).await.expect(409).code(),
        "not_closing"
    );
    let export = world.post(&ada.access, &format!("{path}/export"), json!({})).await.expect(200);
    let lines: Vec<Value> = export
        .body
        .as_str()
        .expect("lines")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of = |table: &str| lines.iter().filter(|line| line["table"] == table).count();
    assert_eq!((of("organizations"), of("organization_members")), (1, 1));
    assert_eq!(lines.last().expect("an end"), &json!({ "end": true, "rows": lines.len() - 1 }));
    world.execute("UPDATE organizations SET status = 'suspended'").await;
    assert_eq!(world.get(&ada.access, &path).await.expect(403).code(), "organization_suspended");
    world.get(&ada.access, "/v1/me").await.expect(200);
}

#[tokio::test]
async fn an_organization_is_given_to_another_member() {
    let team = Team::new().await;
    let world = &team.world;
    let org = world.organization(&team.owner).await;
    let path = format!("/v1/organizations/{org}/transfer-ownership");
    world.post(&team.admin.access, &path, json!({ "member_id": team.of_admin })).await.expect(403);
    world.post(&team.owner.access, &path, json!({ "member_id": world.id() })).await.expect(400);
    world.post(&team.owner.access, &path, json!({ "member_id": team.of_member })).await.expect(200);
    let role = |person: &Person| {
        let access = person.access.clone();
        async move { world.get(&access, "/v1/me").await.expect(200).data()["organization"]["role"].clone() }
    };
    assert_eq!((role(&team.owner).await, role(&team.member).await), (json!("admin"), json!("owner")));
    world.pass(TimeDelta::minutes(11));
    let answer =
        world.post(&team.member.access, &path, json!({ "member_id": team.of_owner })).await.expect(403);
    assert_eq!(answer.code(), "step_up_required");
}

#[tokio::test]
async fn an_organization_may_ask_for_a_second_factor() {
    let team = Team::new().await;
    let world = &team.world;
    world.execute("UPDATE organizations SET settings = '{\"require_2fa\": true}' WHERE name = 'owner'").await;
    let answer = world.get(&team.member.access, "/v1/members").await.expect(403);
    assert_eq!(answer.code(), "two_factor_required");
    let (seed, _) = world.enrol(&team.member).await;
    world.get(&team.member.access, "/v1/members").await.expect(200);
    world.pass(TimeDelta::seconds(30));
    let body = json!({ "password": crate::people::PASSWORD, "code": world.code(&seed) });
    assert_eq!(
        world.post(&team.member.access, "/v1/me/2fa/disable", body).await.expect(409).code(),
        "two_factor_required"
    );
}

#[tokio::test]
async fn only_certain_domains_are_invited_where_that_is_set() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world
        .execute("UPDATE organizations SET settings = '{\"allowed_email_domains\": [\"acme.example\"]}'")
        .await;
    let answer =
        world.post(&ada.access, "/v1/invitations", json!({ "email": "eve@evil.example" })).await.expect(400);
    assert_eq!(answer.body["field"], "email");
    world.post(&ada.access, "/v1/invitations", json!({ "email": "bob@ACME.example" })).await.expect(201);
}

#[tokio::test]
async fn built_in_roles_are_listed_with_what_they_allow() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let list = world.get(&ada.access, "/v1/roles").await.expect(200);
    let codes: Vec<&str> =
        list.data().as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["owner", "admin", "member", "viewer"]);
    let id = list.data()[0]["id"].as_str().unwrap();
    assert_eq!(
        world.get(&ada.access, &format!("/v1/roles/{id}")).await.expect(200).data()["permissions"],
        json!(["*"])
    );
    world.get(&ada.access, &format!("/v1/roles/{}", world.id())).await.expect(404);
}
