//! A new root key in the place of another.

use botbuilder_domain::{Ids as _, Secret, SystemIds};
use botbuilder_store::{OrgScope, Store, identity::users, secret::RootKey, tenancy::organizations};
use botbuilder_testkit::platform::ROOT_KEY;

use crate::program::{self, Program, Said};

/// The new key.
const NEW: [u8; 32] = [0x6b; 32];

/// Runs the command with these keys, as hexadecimal digits.
async fn rotate(program: &Program, key: &str, previous: Option<&str>) -> Said {
    let mut command = program::command(&["rotate-root-key"]);
    command
        .current_dir(program.directory.path())
        .env("BOTBUILDER__DATABASE__URL", program.database_url())
        .env("BOTBUILDER__SECRETS__ROOT_KEY", key);
    if let Some(previous) = previous {
        command.env("BOTBUILDER__SECRETS__PREVIOUS_ROOT_KEY", previous);
    }
    program::run(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_key_before_sealed_is_sealed_with_the_new_one_and_opens_with_it_alone() {
    let program = Program::new(&super::echo_flow()).await;
    let store = Store::connect(program.database_url(), 2).await.expect("the database");
    let before = RootKey::new(Secret::new(ROOT_KEY));
    let alone = RootKey::new(Secret::new(NEW));
    let user = SystemIds.next();
    let mut tx = store.begin_auth().await.expect("the database");
    users::insert(&mut tx, user, "ada@acme.example", "Ada").await.expect("an account");
    users::set_seed(&mut tx, user, &before.platform_keys(), b"seed").await.expect("a seed");
    tx.commit().await.expect("written");
    let versions = "SELECT sum(lock_version) AS n FROM organizations";
    let version = program.count(versions).await;

    let (old, new) = ("5a".repeat(32), "6b".repeat(32));
    let said = rotate(&program, &new, None).await;
    assert!(!said.status.success() && said.error.contains("no key is being replaced"), "{}", said.error);
    // A key that is not the one before opens nothing, and nothing is lost for it.
    let said = rotate(&program, &new, Some(&"7c".repeat(32))).await;
    assert!(!said.status.success() && said.error.contains("open with neither key"), "{}", said.error);
    let said = rotate(&program, &new, Some(&old)).await;
    assert!(said.status.success(), "{} {}", said.out, said.error);
    for done in ["organizations.data_keys: 1 sealed anew", "users.two_factor_secret: 1 sealed anew"] {
        assert!(said.out.contains(done), "{}", said.out);
    }
    let again = rotate(&program, &new, Some(&old)).await;
    assert!(again.out.contains("organizations.data_keys: 0 sealed anew"), "{}", again.out);

    let scope = OrgScope::of_service(program.organization.seeded.org);
    let mut tx = store.begin(&scope).await.expect("the database");
    assert!(organizations::data_keys(&mut tx, &scope, &alone).await.is_ok());
    assert!(organizations::data_keys(&mut tx, &scope, &before).await.is_err());
    tx.commit().await.expect("read");
    let mut tx = store.begin_auth().await.expect("the database");
    let known = users::second_factor(&mut tx, user).await.expect("the database").expect("an account");
    let seed = known.open_seed(user, &alone.platform_keys()).expect("it opens").expect("a seed");
    assert_eq!(seed.expose(), b"seed");
    tx.commit().await.expect("read");
    store.close().await;
    assert_eq!(program.count(versions).await, version, "sealing anew is nobody's change");
    let acts = "SELECT count(*) AS n FROM admin_audit_log WHERE action = 'root_key.rotate'";
    assert_eq!(program.count(acts).await, 3);
}
