//! What the tests need to call a fake as the platform does, and to be called by it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use botbuilder_adapter_kit::account::Credentials;
use botbuilder_adapter_kit::{
    Account, Channel, Part, ProviderMessageId, ProviderResponse, RawRequest, RequestBody, SendError,
};
use botbuilder_adapter_whatsapp::Whatsapp;
use botbuilder_domain::{
    BotId, ChannelId, ChannelKind, Choice, ChoiceOption, ChoiceStyle, Clock as _, Content, DeliveryStatus,
    Inbound, InboundEvent, MessageId, OrgId, Secret, SystemClock,
};
use botbuilder_testkit::fake::{instagram, slack, telegram, whatsapp};
use botbuilder_testkit::local_client::LocalClient;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;

pub(super) fn account(kind: ChannelKind, base_url: &str, secret: &str) -> Account {
    let settings = json!({ "base_url": base_url, "phone_number_id": "106540352242922" });
    let credentials =
        json!({ "access_token": "fake-access-token", "bot_token": "7000000001:fake-bot-token" });
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None::<BotId>,
        channel: ChannelId::new(Uuid::nil()),
        kind,
        public_id: "main".into(),
        provider_account_id: None,
        settings: settings.as_object().unwrap().clone(),
        credentials: Credentials::from_object(credentials.as_object().unwrap()),
        webhook_secrets: vec![Secret::new(secret.to_owned())],
    }
}

pub(super) fn part(number: u128, to: &str, content: Content) -> Part {
    Part {
        message: MessageId::new(Uuid::from_u128(number)),
        index: 0,
        to: to.into(),
        thread: String::new(),
        content,
        reply_to: None,
    }
}

/// What a send came to: the adapter's verdict, or none where the connection gave no answer.
pub(super) type Outcome = Option<Result<ProviderMessageId, SendError>>;

pub(super) async fn send(channel: &dyn Channel, account: &Account, part: &Part) -> Outcome {
    let http = channel.http().unwrap();
    let request = http.encode(account, part).unwrap().remove(0);
    let client = LocalClient::new(Duration::from_millis(500)).unwrap();
    let mut call = client.post(request.url.expose()).unwrap();
    if let Some(token) = &request.bearer {
        call = call.bearer_auth(token.expose());
    }
    if let RequestBody::Json(body) = &request.body {
        call = call.json(body);
    }
    let answer = call.send().await.ok()?;
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let response = ProviderResponse {
        status: answer.status().as_u16(),
        retry_after: retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
        body: Bytes::new(),
    };
    let body = answer.bytes().await.ok()?;
    Some(http.interpret(&ProviderResponse { body, ..response }))
}

pub(super) fn choice(titles: &[&str]) -> Content {
    let options = titles.iter().enumerate().map(|(index, title)| ChoiceOption {
        id: format!("id{index}"),
        title: (*title).to_owned(),
        description: None,
    });
    Content::Choice(Choice {
        text: "Which?".into(),
        options: options.collect(),
        style: ChoiceStyle::Buttons,
        label: None,
    })
}

/// A webhook that hands on what it gets, after refusing the first `refusals` requests.
pub(super) async fn receiver(refusals: usize) -> (String, mpsc::UnboundedReceiver<RawRequest>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let left = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(refusals));
    let take = async move |State(sender): State<mpsc::UnboundedSender<RawRequest>>,
                           headers: HeaderMap,
                           body: Bytes| {
        use std::sync::atomic::Ordering::SeqCst;
        if left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let headers =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let request = RawRequest {
            method: "POST".into(),
            path: "main".into(),
            query: String::new(),
            headers: headers.collect(),
            body,
            received: SystemClock.now(),
        };
        sender.send(request).unwrap();
        StatusCode::OK
    };
    let router = Router::new().route("/hooks/main", post(take)).with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/main", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receiver)
}

pub(super) async fn events(
    channel: &dyn Channel,
    account: &Account,
    received: &mut mpsc::UnboundedReceiver<RawRequest>,
) -> Vec<InboundEvent> {
    let request = tokio::time::timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    let webhook = channel.webhook().unwrap();
    let verified = webhook.verify(account, &request).unwrap();
    webhook.decode(account, verified).unwrap().events
}

/// The words of the statuses of all messages, in order of arrival, until there are `count`.
pub(super) async fn statuses(
    account: &Account,
    received: &mut mpsc::UnboundedReceiver<RawRequest>,
    count: usize,
) -> Vec<(DeliveryStatus, Option<String>)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        for event in events(&Whatsapp, account, received).await {
            let Inbound::Status { status, correlation, .. } = event.what else { panic!("{event:?}") };
            heard.push((status, correlation));
        }
    }
    heard
}

pub(super) async fn whatsapp_fake(webhook: Option<String>) -> (whatsapp::Fake, Account) {
    let options = whatsapp::Options { webhook_url: webhook, ..whatsapp::Options::default() };
    let fake = whatsapp::Fake::start(options).await.unwrap();
    let account = account(ChannelKind::Whatsapp, &fake.base_url(), "fake-app-secret");
    (fake, account)
}

pub(super) async fn telegram_fake(webhook: Option<String>) -> (telegram::Fake, Account) {
    let options = telegram::Options { webhook_url: webhook, ..telegram::Options::default() };
    let fake = telegram::Fake::start(options).await.unwrap();
    let account = account(ChannelKind::Telegram, &fake.base_url(), "fake-secret-token");
    (fake, account)
}

pub(super) async fn slack_fake(webhook_url: Option<String>) -> (slack::Fake, Account) {
    let options = slack::Options { webhook_url, ..slack::Options::default() };
    let fake = slack::Fake::start(options.clone()).await.unwrap();
    let mut account = account(ChannelKind::Slack, &fake.base_url(), &options.signing_secret);
    let credentials = json!({ "bot_token": options.bot_token });
    account.credentials = Credentials::from_object(credentials.as_object().unwrap());
    account.settings.insert("team_id".into(), options.team_id.into());
    account.settings.insert("app_id".into(), options.app_id.into());
    (fake, account)
}

pub(super) async fn instagram_fake(webhook_url: Option<String>) -> (instagram::Fake, Account) {
    let options = instagram::Options { webhook_url, ..instagram::Options::default() };
    let fake = instagram::Fake::start(options.clone()).await.unwrap();
    let mut account = account(ChannelKind::Instagram, &fake.base_url(), &options.app_secret);
    account.settings.insert("ig_user_id".into(), options.ig_user_id.into());
    (fake, account)
}
