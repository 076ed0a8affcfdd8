use super::*;

fn none() -> [(String, String); 0] {
    []
}

fn file(text: &str) -> Result<Config, Error> {
    Config::from_sources(Some(("test.toml".to_owned(), text)), none())
}

fn environment(pairs: &[(&str, &str)]) -> Result<Config, Error> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_sources(None, pairs)
}

fn message(result: Result<Config, Error>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let shipped: Config = toml::from_str(DEFAULT_TOML).unwrap();
    assert_eq!(shipped.redacted(), Config::default().redacted());
    shipped.validate().unwrap();
}

/// Every key of every section is written down in the shipped file, the optional ones as comments.
#[test]
fn the_shipped_file_names_every_key() {
    let mut everything = String::new();
    for line in DEFAULT_TOML.lines() {
        // A commented setting is `#key = value`, without a space; a comment has one.
        let setting =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        everything.push_str(setting.unwrap_or(line));
        everything.push('\n');
    }
    let table: toml::Table = everything.parse().unwrap();
    merge::refuse_unknown_keys(&table, "the shipped file").unwrap();
    let missing = merge::missing_keys(&table);
    assert!(missing.is_empty(), "not in botbuilder.default.toml: {missing:?}");
}

#[test]
fn file_then_environment() {
    let text = "[listen]\npublic = \"127.0.0.1:1000\"\ninternal = \"127.0.0.1:1001\"\n";
    let environment = [("BOTBUILDER__LISTEN__PUBLIC".to_owned(), "127.0.0.1:2000".to_owned())];
    let config = Config::from_sources(Some(("test.toml".to_owned(), text)), environment).unwrap();
    assert_eq!(config.listen.public.port(), 2000);
    assert_eq!(config.listen.internal.port(), 1001);
    assert_eq!(config.listen.public_url, None);
}

#[test]
fn environment_values_take_the_type_of_their_key() {
    let config = environment(&[
        ("BOTBUILDER__STREAM__PARTITIONS", "3"),
        ("BOTBUILDER__STREAM__KAFKA__BROKERS", "a:1, b:2"),
        ("BOTBUILDER__STREAM__KAFKA__PASSWORD", "12345"),
        ("BOTBUILDER__DATABASE__MIGRATE", "false"),
        ("BOTBUILDER__TELEMETRY__SAMPLE_RATIO", "0.5"),
        ("BOTBUILDER__ROLES", "gateway,runtime"),
        ("BOTBUILDER__OUTBOUND__PORTS", "8080,8443"),
        ("BOTBUILDER__OUTBOUND__ALLOW", "http://127.0.0.1:9000"),
        ("BOTBUILDER__STREAM__KAFKA__PROPERTIES__ACKS", "all"),
        ("BOTBUILDER__LIMITS__WEBHOOK_BYTES", "2MiB"),
        ("UNRELATED", "1"),
    ])
    .unwrap();
    assert_eq!(config.stream.partitions, 3);
    assert_eq!(config.stream.kafka.brokers, ["a:1", "b:2"]);
    assert_eq!(config.stream.kafka.sasl_password().unwrap().unwrap().expose(), "12345");
    assert!(!config.database.migrate);
    assert!((config.telemetry.sample_ratio - 0.5).abs() < f64::EPSILON);
    assert_eq!(config.roles, [Role::Gateway, Role::Runtime]);
    assert_eq!(config.outbound.ports, [8080, 8443]);
    assert_eq!(config.outbound.allow[0].as_str(), "http://127.0.0.1:9000/");
    assert_eq!(config.stream.kafka.properties["acks"], "all");
    assert_eq!(config.limits.webhook_bytes, 2 << 20);
}

#[test]
fn an_unknown_key_names_itself_and_the_nearest() {
    let error = message(file("[databse]\nurl = \"x\"\n"));
    assert_eq!(error, "unknown key \"databse\" in test.toml, did you mean \"database\"?");
    let error = message(file("[limits.websocket]\nping_intervall = \"1s\"\n"));
    assert!(error.contains("did you mean \"limits.websocket.ping_interval\"?"), "{error}");
    let error = message(environment(&[("BOTBUILDER__STREAM__KAFKA__BROKER", "a:1")]));
    assert!(error.contains("\"stream.kafka.broker\" in the environment"), "{error}");
    assert!(error.contains("did you mean \"stream.kafka.brokers\"?"), "{error}");
    let error = message(file("zzzzzzzz = 1\n"));
    assert!(!error.contains("did you mean"), "{error}");
}

#[test]
fn a_wrong_type_shows_its_line() {
    let error = message(file("[stream]\npartitions = \"many\"\n"));
    assert!(error.contains("test.toml") && error.contains("partitions = \"many\""), "{error}");
    let error = message(environment(&[("BOTBUILDER__STREAM__PARTITIONS", "many")]));
    assert!(error.contains("BOTBUILDER__STREAM__PARTITIONS: expected a whole number"), "{error}");
    let error = message(file("roles = [\"gatway\"]\n"));
    assert!(error.contains("expected one of gateway, runtime, voice, jobs"), "{error}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = "roles = []\n[stream]\nbackend = \"kafka\"\npartitions = 0\n[listen]\ninternal = \"127.0.0.1:8080\"\n[log]\nfilter = \"a=b=c\"\n";
    let error = file(text).ok().unwrap().validate().unwrap_err();
    let Error::Invalid(problems) = error else { panic!("{error}") };
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["roles", "stream.partitions", "stream.kafka.brokers", "listen.internal", "log.filter"]);
}

#[test]
fn the_backend_follows_the_brokers() {
    assert_eq!(Config::default().stream.chosen_backend(), stream::Backend::Embedded);
    let config = file("[stream.kafka]\nbrokers = [\"127.0.0.1:9092\"]\n").ok().unwrap();
    assert_eq!(config.stream.chosen_backend(), stream::Backend::Kafka);
}

/// A canary in every secret there is must not be found in what `check-config` prints.
#[test]
fn no_secret_is_rendered() {
    const CANARY: &str = "c0ffee5ec2e7";
    let text = format!(
        "[database]\nurl = \"postgres://{CANARY}\"\n[stream.kafka]\npassword = \"{CANARY}\"\n[secrets]\nroot_key = \"{CANARY}\"\n"
    );
    let shown = file(&text).ok().unwrap().redacted();
    assert!(!shown.contains(CANARY), "{shown}");
    assert_eq!(shown.matches("(hidden)").count(), 3, "{shown}");
}

#[test]
fn a_database_elsewhere_is_not_spoken_to_in_the_clear_by_accident() {
    let said = |url: &str| file(&format!("[database]\nurl = {url:?}\n")).ok().unwrap().validate().is_ok();
    for fine in [
        "postgres://a:b@127.0.0.1/c",
        "postgres://a:b@localhost:5432/c",
        "postgres://a:b@[::1]/c",
        "postgres:///c?host=/run/postgresql",
        "postgres://%2Frun%2Fpostgresql/c",
        "postgres://a:b@db.example.org/c?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgres://a:b@10.0.0.7/c?sslmode=disable",
        "postgres://a:b@127.0.0.1:5432/c?sslmode=prefer",
    ] {
        assert!(said(fine), "{fine}");
    }
    for wrong in [
        "postgres://a:b@db.example.org/c",
        "postgres://a:b@10.0.0.7/c?application_name=x",
        "postgres://a:b@db.example.org/c?sslmode=prefer",
        "postgres://a:b@db.example.org/c?sslmode=allow",
    ] {
        assert!(!said(wrong), "{wrong}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("url");
    std::fs::write(&path, "postgres://a@db.example.org/c").unwrap();
    let config = file(&format!("[database]\nurl_file = {path:?}\n")).ok().unwrap();
    assert!(config.database.connection_url().unwrap_err().to_string().contains("sslmode=verify-full"));
}

#[test]
fn a_secret_may_be_a_file_but_not_both() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("url");
    std::fs::write(&path, "postgres://a@localhost/c\n").unwrap();
    let text = format!("[database]\nurl_file = {path:?}\n");
    let config = file(&text).ok().unwrap();
    assert_eq!(config.database.connection_url().unwrap().unwrap().expose(), "postgres://a@localhost/c");
    let config = file(&format!("{text}url = \"postgres://x\"\n")).ok().unwrap();
    assert!(config.validate().unwrap_err().to_string().contains("database.url is given twice"));
}
