use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use botbuilder_domain::{Clock as _, Ids as _, ManualClock, SystemClock};
use botbuilder_store::{
    Store,
    integrations::email_notifications::{Category, New},
    secret::RootKey,
};
use botbuilder_stream::{default_topics, memory};
use botbuilder_testkit::database::TestDatabase;
use botbuilder_understanding::{Models, Understandings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::*;

struct Desk {
    mailer: Mailer,
    clock: Arc<ManualClock>,
    store: Store,
    keys: DataKeys,
    database: TestDatabase,
}

impl Desk {
    async fn new(transport: Transport) -> Self {
        let database = TestDatabase::new().await;
        let store = Store::connect(database.url(), 2).await.unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let keys = RootKey::generate().unwrap().platform_keys();
        let runtime = Runtime {
            store: store.clone(),
            stream: memory::open(memory::MemoryConfig::new(default_topics(1))).unwrap(),
            bots: Arc::default(),
            clock: Arc::clone(&clock) as _,
            ids: Arc::clone(&clock) as _,
            understandings: Arc::new(Understandings::new(store.clone(), Arc::new(Models::none()))),
            options: crate::Options::default(),
        };
        let from = "Bots <bots@platform.example>";
        let mailer =
            Mailer::new(runtime, keys.clone(), transport, from, "https://bots.example".to_owned()).unwrap();
        Self { mailer, clock, store, keys, database }
    }

    async fn queue(&self, to: &str, template: &'static str) -> uuid::Uuid {
        let id = self.clock.next();
        let Value::Object(secrets) = json!({ "token": "bbv_canary" }) else { unreachable!() };
        let new = New {
            id,
            org: None,
            user: None,
            to,
            from: None,
            template,
            locale: "en",
            variables: json!({ "minutes": 1440 }),
            secrets,
            category: Category::Account,
        };
        let mut tx = self.store.begin_auth().await.unwrap();
        email_notifications::insert(&mut tx, &self.keys, new, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Queues the invitation of an organization that has an address of its own.
    async fn queue_from(&self, from: &str, name: &str) -> uuid::Uuid {
        let id = self.clock.next();
        let Value::Object(secrets) = json!({ "token": "bbi_canary" }) else { unreachable!() };
        let new = New {
            id,
            org: None,
            user: None,
            to: "ada@example.org",
            from: Some(from),
            template: "invitation",
            locale: "en",
            variables: json!({ "organization": "Acme", "days": 7, "role": "viewer", "from_name": name }),
            secrets,
            category: Category::Team,
        };
        let mut tx = self.store.begin_auth().await.unwrap();
        email_notifications::insert(&mut tx, &self.keys, new, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Status, attempts and whether the secrets are still there.
    async fn state(&self, id: uuid::Uuid) -> (String, i32, bool) {
        sqlx::query_as(
            "SELECT status, attempts, secret_variables_ct IS NOT NULL FROM email_notifications WHERE id = $1",
        )
        .bind(id)
        .fetch_one(&self.database.pool().await)
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn without_a_server_a_mail_becomes_a_private_file_and_its_secrets_go() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(Transport::outbox(folder.path().join("outbox")).unwrap()).await;
    let id = desk.queue("ada@example.org", "verify_email").await;
    assert_eq!(desk.mailer.look().await.unwrap(), 1);
    let path = folder.path().join("outbox").join(format!("{id}.eml"));
    let text = std::fs::read_to_string(&path).unwrap().replace("=\r\n", "").replace("=3D", "=");
    for part in [
        "From: Bots <bots@platform.example>",
        "To: ada@example.org",
        "Subject: Confirm your e-mail address",
        &format!("Message-ID: <{id}@platform.example>"),
        "https://bots.example/v1/auth/open#verify=bbv_canary",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(desk.state(id).await, ("sent".to_owned(), 1, false));
    assert_eq!(desk.mailer.look().await.unwrap(), 0);
}

#[tokio::test]
async fn a_mail_comes_from_the_organizations_own_address_where_it_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(Transport::outbox(folder.path().to_owned()).unwrap()).await;
    let id = desk.queue_from("hello@acme.example", "Acme, Inc.").await;
    assert_eq!(desk.mailer.look().await.unwrap(), 1);
    let text = std::fs::read_to_string(folder.path().join(format!("{id}.eml"))).unwrap();
    // A name with a comma goes as an encoded word (RFC 2047): "Acme, Inc.".
    assert!(text.contains("From: =?utf-8?b?QWNtZSwgSW5jLg==?= <hello@acme.example>"), "{text}");
}

#[tokio::test]
async fn a_mail_that_cannot_be_made_is_given_up_and_one_for_a_bounced_address_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(Transport::outbox(folder.path().to_owned()).unwrap()).await;
    let unknown = desk.queue("ada@example.org", "nothing").await;
    desk.mailer.look().await.unwrap();
    assert_eq!(desk.state(unknown).await, ("failed".to_owned(), 1, false));
    sqlx::query("UPDATE email_notifications SET status = 'bounced'")
        .execute(&desk.database.pool().await)
        .await
        .unwrap();
    let again = desk.queue("ADA@example.org", "verify_email").await;
    desk.mailer.look().await.unwrap();
    assert_eq!(desk.state(again).await, ("suppressed".to_owned(), 1, false));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_mail_whose_sender_died_is_sent_when_its_lease_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(Transport::outbox(folder.path().to_owned()).unwrap()).await;
    let id = desk.queue("ada@example.org", "verify_email").await;
    let now = desk.clock.now();
    let mut tx = desk.store.begin_worker().await.unwrap();
    email_notifications::claim(&mut tx, "dead", 10, now, now + LEASE).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(desk.mailer.look().await.unwrap(), 0);
    desk.clock.advance(LEASE + TimeDelta::seconds(1));
    assert_eq!(desk.mailer.look().await.unwrap(), 1);
    assert_eq!(desk.state(id).await, ("sent".to_owned(), 2, false));
}

/// A server of one conversation after the other, which answers each recipient with the next line it was given.
async fn server(recipients: Vec<&'static str>) -> (Secret<String>, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("smtp://{}", listener.local_addr().unwrap()));
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        for answer in recipients {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            write.write_all(b"220 fake\r\n").await.unwrap();
            let mut lines = BufReader::new(read).lines();
            let mut in_data = false;
            while let Ok(Some(line)) = lines.next_line().await {
                let reply = match line.as_str() {
                    "." if in_data => {
                        in_data = false;
                        "250 taken".to_owned()
                    }
                    _ if in_data => {
                        heard.push(line);
                        continue;
                    }
                    "DATA" => {
                        in_data = true;
                        "354 go on".to_owned()
                    }
                    line if line.starts_with("RCPT") => answer.to_owned(),
                    "QUIT" => {
                        let _ = write.write_all(b"221 bye\r\n").await;
                        break;
                    }
                    _ => "250 fine".to_owned(),
                };
                write.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
            }
        }
        heard
    });
    (url, heard)
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let (url, heard) = server(vec!["451 ada@example.org is busy", "250 fine", "550 no such user"]).await;
    let desk = Desk::new(Transport::smtp(&url).unwrap()).await;
    let id = desk.queue("ada@example.org", "verify_email").await;
    desk.mailer.look().await.unwrap();
    assert_eq!(desk.state(id).await, ("queued".to_owned(), 1, true));
    let error: String = sqlx::query_scalar("SELECT last_error FROM email_notifications")
        .fetch_one(&desk.database.pool().await)
        .await
        .unwrap();
    assert_eq!(error, "the server answered 451");
    assert_eq!(desk.mailer.look().await.unwrap(), 0, "it waits first");
    desk.clock.advance(TimeDelta::minutes(1));
    desk.mailer.look().await.unwrap();
    assert_eq!(desk.state(id).await, ("sent".to_owned(), 2, false));
    let refused = desk.queue("eve@example.org", "verify_email").await;
    desk.mailer.look().await.unwrap();
    assert_eq!(desk.state(refused).await, ("failed".to_owned(), 1, false));
    let heard = heard.await.unwrap().join("\n");
    assert!(heard.contains("To: ada@example.org") && !heard.contains("eve@example.org"), "{heard}");
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_as_often_as_agreed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("smtp://{}", listener.local_addr().unwrap()));
    drop(listener);
    let desk = Desk::new(Transport::smtp(&url).unwrap()).await;
    let id = desk.queue("ada@example.org", "verify_email").await;
    for _ in 0..5 {
        assert_eq!(desk.mailer.look().await.unwrap(), 1);
        desk.clock.advance(TimeDelta::hours(5));
    }
    assert_eq!(desk.state(id).await, ("failed".to_owned(), 5, false));
    assert_eq!(desk.mailer.look().await.unwrap(), 0);
}
