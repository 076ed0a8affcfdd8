//! The OpenAPI document against the API, by a program that others wrote: every operation is called with what its
//! document allows and what it does not, by each of the built-in roles. `docs/API-DESIGN.md` says how to run it whole.

use std::{path::Path, process::Command};

use botbuilder_domain::{Clock as _, Ids as _, SystemClock, SystemIds};
use botbuilder_store::{
    OrgScope,
    identity::users,
    integrations::api_tokens::{self, Issued, New},
    sso::people,
    tenancy::roles,
};
use botbuilder_testkit::{
    foreign::{Packages, packages},
    local_client::Method,
    platform::TestPlatform,
};

/// It, by its pinned version.
const PROGRAM: &str = "schemathesis==4.32.5";
/// Arguments in place of those of the bounded run, parted by white space.
const ARGUMENTS: &str = "BOTBUILDER_SCHEMATHESIS";
/// The roles that call in place of all, parted by commas.
const ROLES: &str = "BOTBUILDER_SCHEMATHESIS_ROLES";
/// Whoever may do most comes last: it deletes what the others look at.
const ALL: &str = "viewer,member,admin,owner";
/// The bounded run.
const BOUNDED: &str = "--phases examples,coverage,fuzzing,stateful --max-examples 1 --max-time 25 --seed 1";

/// A token of a new member with this role, good for all that the role allows.
async fn token_of(platform: &TestPlatform, role: &str) -> String {
    let store = &platform.gateway.store;
    let scope = OrgScope::of_service(platform.acme().seeded.org);
    let user = SystemIds.next();
    let mut tx = store.begin_auth().await.expect("the database");
    users::insert(&mut tx, user, &format!("{role}@acme.example"), role).await.expect("an account");
    let now = SystemClock.now();
    users::verify_email(&mut tx, user, now).await.expect("an account");
    let known = roles::by_code(&mut tx, role).await.expect("roles").expect("a built-in role");
    people::join(&mut tx, &scope, SystemIds.next(), user, known.id, "invite", now).await.expect("a member");
    tx.commit().await.expect("written");
    let issued = Issued::generate().expect("a token");
    let new = New {
        kind: "personal",
        name: role,
        user: Some(user),
        scopes: &["*".to_owned()],
        bots: &[],
        allowed_cidrs: &[],
        rate_per_minute: 60_000,
        expires_at: None,
        rotated_from: None,
        sso_configuration: None,
    };
    let mut tx = store.begin(&scope).await.expect("the database");
    api_tokens::create(&mut tx, &scope, SystemIds.next(), &new, &issued).await.expect("a token");
    tx.commit().await.expect("written");
    issued.token.expose().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_finds_what_the_document_says() {
    let Some(folder) = packages(env!("CARGO_TARGET_TMPDIR"), Packages::Pip(&[PROGRAM])) else { return };
    let mut platform = TestPlatform::start().await;
    // What is made up is sent to nobody's address.
    platform.expected.anything = true;
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let document = format!("{}/v1/openapi.json", platform.base_url());
    let arguments = std::env::var(ARGUMENTS).unwrap_or_else(|_| BOUNDED.to_owned());
    let roles = std::env::var(ROLES).unwrap_or_else(|_| ALL.to_owned());
    for role in roles.split(',') {
        let token = token_of(&platform, role).await;
        let mut run = Command::new("python3");
        run.args(["-m", "schemathesis.cli", "--config-file"])
            .arg(beside.join("schemathesis.toml"))
            .args(["run", &document, "--no-color", "--warnings", "off"])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(arguments.split_whitespace())
            .args(["--generation-database", "none"])
            .args(["--exclude-path-regex", EXCLUDED])
            .env("PYTHONPATH", format!("{}:{}", folder.display(), beside.display()))
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .env("NO_PROXY", "127.0.0.1")
            .current_dir(env!("CARGO_TARGET_TMPDIR"));
        let output = tokio::task::spawn_blocking(move || run.output()).await;
        let output = output.expect("it runs").expect("python3");
        let said = String::from_utf8_lossy(&output.stdout);
        println!("as {role}:\n{said}");
        assert!(output.status.success(), "as {role}: {said}");
        assert!(said.contains("No issues found"), "as {role}: {said}");
        let bearer = format!("Bearer {token}");
        let still = platform.call(Method::GET, "/v1/bots", &[("authorization", &bearer)], "").await;
        assert_eq!(still.status, 200, "{role} lost its token on the way: {}", still.body);
    }
}

/// Streams do not end, and the page of the document is for people. Tokens and members that are there are left alone:
/// whoever ends the caller's own makes all that follows a refusal.
const EXCLUDED: &str = r"^/v1/(ws|events|docs)$|^/v1/(api-tokens|members)/\{";
