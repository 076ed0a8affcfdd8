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
/// The bounded run: single calls, then calls along the links of the document, 25 seconds together.
const BOUNDED: &[&str] = &[
    "--phases examples,coverage,fuzzing --max-examples 1 --max-time 15 --seed 1",
    "--phases stateful --max-examples 40 --max-time 10 --seed 1",
];
/// The ids of what the caller is, parted by commas: the hooks leave them alone. Whoever ends its own token or membership
/// makes all that follows a refusal.
const SPARED: &str = "BOTBUILDER_SCHEMATHESIS_SPARED";

/// Who calls.
struct Principal {
    token: String,
    /// The ids of its token and its membership.
    spared: [String; 2],
}

/// A new member with this role, and a token good for all that the role allows.
async fn principal(platform: &TestPlatform, role: &str) -> Principal {
    let store = &platform.gateway.store;
    let scope = OrgScope::of_service(platform.acme().seeded.org);
    let user = SystemIds.next();
    let mut tx = store.begin_auth().await.expect("the database");
    users::insert(&mut tx, user, &format!("{role}@acme.example"), role).await.expect("an account");
    let now = SystemClock.now();
    users::verify_email(&mut tx, user, now).await.expect("an account");
    let known = roles::by_code(&mut tx, role).await.expect("roles").expect("a built-in role");
    let member = SystemIds.next();
    people::join(&mut tx, &scope, member, user, known.id, "invite", now).await.expect("a member");
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
    let id = SystemIds.next();
    api_tokens::create(&mut tx, &scope, id, &new, &issued).await.expect("a token");
    tx.commit().await.expect("written");
    Principal { token: issued.token.expose().clone(), spared: [id, member].map(|id| id.to_string()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_finds_what_the_document_says() {
    let Some(folder) = packages(env!("CARGO_TARGET_TMPDIR"), Packages::Pip(&[PROGRAM])) else { return };
    let mut platform = TestPlatform::start().await;
    // What is made up is sent to nobody's address.
    platform.expected.anything = true;
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let document = format!("{}/v1/openapi.json", platform.base_url());
    let asked = std::env::var(ARGUMENTS).ok();
    let runs: Vec<&str> = asked.as_deref().map_or_else(|| BOUNDED.to_vec(), |arguments| vec![arguments]);
    let roles = std::env::var(ROLES).unwrap_or_else(|_| ALL.to_owned());
    for role in roles.split(',') {
        let Principal { token, spared } = principal(&platform, role).await;
        for arguments in &runs {
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
                .env(SPARED, spared.join(","))
                .env("NO_PROXY", "127.0.0.1")
                .current_dir(env!("CARGO_TARGET_TMPDIR"));
            let output = tokio::task::spawn_blocking(move || run.output()).await;
            let output = output.expect("it runs").expect("python3");
            let said = String::from_utf8_lossy(&output.stdout);
            println!("as {role}:\n{said}");
            assert!(output.status.success(), "as {role}: {said}");
            assert!(said.contains("No issues found"), "as {role}: {said}");
        }
        let bearer = format!("Bearer {token}");
        let still = platform.call(Method::GET, "/v1/bots", &[("authorization", &bearer)], "").await;
        assert_eq!(still.status, 200, "{role} lost its token on the way: {}", still.body);
    }
}

/// Streams do not end, and the page of the document is for people.
const EXCLUDED: &str = r"^/v1/(ws|events|docs)$";
