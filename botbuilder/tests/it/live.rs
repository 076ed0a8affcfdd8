//! Live views: what happens is told as it happens, to whoever may know, as long as they may.

use std::time::Duration;

use botbuilder_testkit::{
    local_client::Method,
    platform::{TestPlatform, eventually, execute},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpStream, tcp::OwnedReadHalf},
    time::timeout,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of server-sent events, read by hand.
struct Stream {
    lines: Lines<BufReader<OwnedReadHalf>>,
    _writing: tokio::net::tcp::OwnedWriteHalf,
}

#[derive(Debug)]
struct Told {
    id: String,
    event: String,
    data: Value,
}

impl Stream {
    async fn open(platform: &TestPlatform, token: &str, query: &str, last: &str) -> Self {
        let address = platform.base_url().replace("http://", "");
        let (reading, mut writing) = TcpStream::connect(&address).await.expect("a connection").into_split();
        let request = format!(
            "GET /v1/events?{query} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             last-event-id: {last}\r\nconnection: close\r\n\r\n"
        );
        writing.write_all(request.as_bytes()).await.expect("it is taken");
        let mut stream = Self { lines: BufReader::new(reading).lines(), _writing: writing };
        let status = stream.line().await.expect("an answer");
        assert!(status.contains(" 200 "), "{status}");
        stream
    }

    async fn line(&mut self) -> Option<String> {
        timeout(PATIENCE, self.lines.next_line()).await.expect("in time").ok().flatten()
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Told> {
        let (mut id, mut event) = (String::new(), String::new());
        loop {
            let line = self.line().await?;
            if let Some(value) = line.strip_prefix("id: ") {
                value.clone_into(&mut id);
            } else if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut event);
            } else if let Some(value) = line.strip_prefix("data: ") {
                return Some(Told { id, event, data: serde_json::from_str(value).expect("JSON") });
            }
        }
    }

    /// The next event of that type.
    async fn until(&mut self, event: &str) -> Told {
        loop {
            let told = self.next().await.expect("an event");
            if told.event == event {
                return told;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_told_as_it_comes_and_what_was_missed_when_one_comes_back() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let token = acme.seeded.token.expose().clone();
    let mut live = Stream::open(&platform, &token, "topics=messages,conversations", "").await;
    acme.whatsapp.say("491511", "good day").await.expect("taken");
    live.until("conversation.opened").await;
    let first = live.until("message.received").await;
    assert_eq!(first.data["data"]["text"], "good day");
    drop(live);
    acme.whatsapp_replies("491511", 2).await;
    acme.whatsapp.say("491511", "1002").await.expect("taken");
    platform.settled().await;

    let mut back = Stream::open(&platform, &token, "topics=messages", &first.id).await;
    let missed = loop {
        let told = back.until("message.received").await;
        // It may come twice, with the same id.
        if told.id != first.id {
            break told;
        }
    };
    assert_eq!(missed.data["data"]["text"], "1002");
    // An id that is not kept any more is no place to go on from.
    let mut lost = Stream::open(&platform, &token, "topics=messages", "999999999.0").await;
    assert_eq!(lost.next().await.expect("an answer").event, "reset");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_read_a_topic_watches_it_and_whoever_loses_the_right_goes() {
    let platform = TestPlatform::start().await;
    let token = platform.acme().seeded.token.expose().clone();
    let bearer = format!("Bearer {token}");
    let get = async |path: &str| {
        platform.call(Method::GET, path, &[("authorization", bearer.as_str())], "").await.status
    };
    assert_eq!(get("/v1/events?topics=moons").await, 400);
    assert_eq!(get("/v1/events").await, 400);
    assert_eq!(get("/v1/ws?topics=messages").await, 426);
    assert_eq!(platform.call(Method::GET, "/v1/events?topics=messages", &[], "").await.status, 401);

    let mut live = Stream::open(&platform, &token, "topics=messages", "").await;
    execute(&platform.pool, "UPDATE api_tokens SET scopes = '{bot:read}'").await;
    let over = timeout(Duration::from_secs(5), live.until("over")).await;
    assert!(over.is_ok(), "the right was lost");
    assert!(live.next().await.is_none(), "and the stream ends");
    assert_eq!(get("/v1/events?topics=messages").await, 403);
    eventually("a token that is gone", async || {
        execute(&platform.pool, "UPDATE api_tokens SET revoked_at = now()").await;
        (get("/v1/events?topics=bots").await == 401).then_some(())
    })
    .await;
}
