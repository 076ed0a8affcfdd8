//! What the program says about its configuration, and about what it needs.

use std::path::Path;

use botbuilder_testkit::fake::whatsapp::SIGNATURE_HEADER;

use crate::program::{self, Program, Said, free_addresses};

async fn with_file(arguments: &[&str], text: &str) -> Said {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("botbuilder.toml");
    std::fs::write(&file, text).expect("a file");
    run_in(directory.path(), arguments, &[]).await
}

async fn run_in(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let mut command = program::command(arguments);
    command.current_dir(directory).envs(environment.iter().copied());
    program::run(command).await
}

#[tokio::test]
async fn unknown_key_is_refused_by_name_with_the_nearest_known_one() {
    for (text, key, nearest) in [
        ("[database]\nurll = \"x\"\n", "database.urll", "database.url"),
        ("[databse]\nurl = \"x\"\n", "databse", "database"),
        ("[stream.kafka]\nbroker = []\n", "stream.kafka.broker", "stream.kafka.brokers"),
    ] {
        let said = with_file(&["check-config"], text).await;
        assert!(!said.status.success());
        assert!(said.error.contains(&format!("{key:?}")), "{}", said.error);
        assert!(said.error.contains(&format!("did you mean {nearest:?}?")), "{}", said.error);
        assert!(said.error.contains("botbuilder.toml"), "{}", said.error);
        assert_eq!(said.out, "");
    }
}

#[tokio::test]
async fn unknown_variable_and_wrong_value_are_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, value, words) in [
        ("BOTBUILDER__DATABASE__URLL", "x", "database.urll"),
        ("BOTBUILDER__STREAM__PARTITIONS", "many", "BOTBUILDER__STREAM__PARTITIONS"),
        ("BOTBUILDER__LISTEN__PUBLIC", "nowhere", "listen"),
    ] {
        let said = run_in(directory.path(), &["check-config"], &[(name, value)]).await;
        assert!(!said.status.success(), "{name}");
        assert!(said.error.to_lowercase().contains(&words.to_lowercase()), "{name}: {}", said.error);
    }
}

#[tokio::test]
async fn check_config_shows_what_holds_and_hides_secrets() {
    let text = "[database]\nurl = \"postgres://bot:PASSWORD-A@db.example/bot?sslmode=verify-full\"\n\
                [secrets]\nroot_key = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n\
                [stream.kafka]\nbrokers = [\"kafka.example:9092\"]\nusername = \"u\"\npassword = \"PASSWORD-B\"\n";
    let said = with_file(&["check-config"], text).await;
    assert!(said.status.success(), "{}", said.error);
    assert!(said.out.contains("kafka.example:9092"), "{}", said.out);
    for secret in ["PASSWORD-A", "PASSWORD-B", "00112233"] {
        assert!(!said.out.contains(secret) && !said.error.contains(secret), "{}", said.out);
    }
}

#[tokio::test]
async fn wrong_role_is_refused_with_the_list_of_roles() {
    let directory = tempfile::tempdir().expect("a directory");
    let said = run_in(directory.path(), &["run", "--role", "gatway"], &[]).await;
    assert!(!said.status.success());
    for role in ["gatway", "gateway", "runtime", "voice", "jobs"] {
        assert!(said.error.contains(role), "{role}: {}", said.error);
    }
}

#[tokio::test]
async fn doctor_names_a_database_that_is_not_there() {
    let [nobody, public, internal] = free_addresses();
    let text = format!(
        "data_dir = \"data\"\n[database]\nurl = \"postgres://bot:PASSWORD-A@{nobody}/bot\"\n\
         [listen]\npublic = \"{public}\"\ninternal = \"{internal}\"\n"
    );
    let said = with_file(&["doctor"], &text).await;
    assert!(!said.status.success());
    let wrong: Vec<&str> = said.out.lines().filter(|line| line.starts_with("WRONG")).collect();
    assert!(wrong.iter().any(|line| line.contains("PostgreSQL")), "{}", said.out);
    assert!(!said.out.contains("PASSWORD-A") && !said.error.contains("PASSWORD-A"), "{}", said.out);
    // The rest is looked at all the same.
    assert!(said.out.lines().any(|line| line.starts_with("ok") && line.contains("stream")), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_nothing_wrong_with_a_program_that_can_start() {
    let program = Program::new(&super::echo_flow()).await;
    let said = program.command(&["doctor"]).await;
    assert!(said.status.success(), "{}{}", said.out, said.error);
    assert!(!said.out.contains("WRONG"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_is_put_back_by_the_command_under_its_id_and_done_once() {
    let program = Program::new(&super::echo_flow()).await;
    let running = program.start("all", &[]).await;
    let organization = &program.organization;
    organization.whatsapp.say("491511", "one").await.expect("taken");
    organization.whatsapp_replies("491511", 1).await;
    program.settled().await;
    // A state that nobody can read: the next turn of this conversation cannot be done.
    program.execute("UPDATE conversations SET runtime_state = '{\"flow\": \"damaged\"}'").await;
    let (body, signature) = organization.text("491511", "wamid.two", "two");
    let client = botbuilder_testkit::local_client::LocalClient::new(std::time::Duration::from_secs(10));
    let client = client.expect("an http client");
    let deliver = async || {
        let url = format!("http://{}{}", program.public, organization.whatsapp_path());
        let request = client.post(&url).expect("an address").header(SIGNATURE_HEADER, &signature);
        request.body(body.clone()).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(deliver().await, 200);
    // Somebody behind it in the same partition is answered; the record itself is put aside.
    botbuilder_testkit::platform::eventually("the record is put aside", async || {
        running.log().contains("dead letter").then_some(())
    })
    .await;
    running.stop().await;
    assert_eq!(organization.whatsapp.conversation("491511").len(), 1);

    program.execute("UPDATE conversations SET runtime_state = '{}', active_version_id = NULL").await;
    let said = program.command(&["replay", "--dead-letter", "inbound"]).await;
    assert!(said.status.success(), "{}", said.error);
    assert!(said.out.ends_with("1 dead letters of inbound\n"), "{}", said.out);
    let said = program.command(&["replay", "--dead-letter", "inbound"]).await;
    assert!(said.out.ends_with("0 dead letters of inbound\n"), "each is put back once: {}", said.out);

    let running = program.start("all", &[]).await;
    let replies = organization.whatsapp_replies("491511", 2).await;
    assert!(replies[1].text.as_deref().is_some_and(|text| text.contains("two")), "{replies:?}");
    // The provider delivers it once more: it is known.
    assert_eq!(deliver().await, 200);
    botbuilder_testkit::platform::eventually("the copy is recognised", async || {
        let told = "SELECT count(*) AS n FROM message_events WHERE stage = 'deduplicated'";
        (program.count(told).await == 1).then_some(())
    })
    .await;
    program.settled().await;
    assert_eq!(organization.whatsapp.conversation("491511").len(), 2);
    running.stop().await;
}
