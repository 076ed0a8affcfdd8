//! `botbuilder dev`: everything in one process, with a bot to talk to and providers that are only here.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use botbuilder_api::identity::totp;
use botbuilder_domain::Secret;
use botbuilder_flow::DEMO_FLOW;
use botbuilder_gateway::pages;
use botbuilder_service::config::{Config, Role, log};
use botbuilder_store::{
    OrgScope,
    bots::widget_configs,
    channels::channels::{self, Found},
};
use botbuilder_testkit::{
    fake::{instagram, slack, telegram, whatsapp},
    seed::{self, Plan, Provider},
};
use serde_json::{Value, json};

use super::demo;
use crate::{
    platform::{self, Platform},
    tell::{program, say},
};

/// The demo organization's short name.
const SLUG: &str = "demo";
/// Where the fake providers listen, so that printed lines stay the same from one start to the next.
const FAKE_WHATSAPP: u16 = 8091;
const FAKE_TELEGRAM: u16 = 8092;
const FAKE_SLACK: u16 = 8093;
const FAKE_INSTAGRAM: u16 = 8094;
/// Where platform staff are let in, if the configuration does not say.
const STAFF: u16 = 8082;
/// The demo's member of staff.
const STAFF_EMAIL: &str = "staff@platform.example";

/// Runs everything until a signal ends it.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    config.roles = Role::ALL.to_vec();
    if std::env::var_os("BOTBUILDER__LOG__FORMAT").is_none() {
        config.log.format = log::Format::Pretty;
    }
    if config.listen.admin.is_none() {
        config.listen.admin = Some(local(STAFF));
    }
    let admin = config.listen.admin;
    let data_dir = config.data_dir();
    std::fs::create_dir_all(&data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
    let public_url = config.listen.base_url();

    let whatsapp = whatsapp::Fake::start(whatsapp::Options {
        bind: local(FAKE_WHATSAPP),
        webhook_url: Some(format!("{public_url}/hooks/{SLUG}-whatsapp")),
        ..whatsapp::Options::default()
    })
    .await
    .context("the fake WhatsApp")?;
    let telegram = telegram::Fake::start(telegram::Options {
        bind: local(FAKE_TELEGRAM),
        webhook_url: Some(format!("{public_url}/hooks/{SLUG}-telegram")),
        ..telegram::Options::default()
    })
    .await
    .context("the fake Telegram")?;
    let slack = slack::Fake::start(slack::Options {
        bind: local(FAKE_SLACK),
        webhook_url: Some(format!("{public_url}/hooks/{SLUG}-slack")),
        ..slack::Options::default()
    })
    .await
    .context("the fake Slack")?;
    let instagram = instagram::Fake::start(instagram::Options {
        bind: local(FAKE_INSTAGRAM),
        webhook_url: Some(format!("{public_url}/hooks/{SLUG}-instagram")),
        ..instagram::Options::default()
    })
    .await
    .context("the fake Instagram")?;
    let urls = Urls {
        whatsapp: whatsapp.base_url(),
        telegram: telegram.base_url(),
        slack: slack.base_url(),
        instagram: instagram.base_url(),
    };
    for fake in [&urls.whatsapp, &urls.telegram, &urls.slack, &urls.instagram] {
        config.outbound.allow.push(fake.parse()?);
    }
    config.validate()?;

    let platform = platform::telemetry(&config)?;
    let platform = Platform::start(config, platform, pages::routes()).await?;
    let token = seed(&platform, &data_dir, &urls).await?;
    say(welcome(&public_url, &token, &urls));
    if let Some(address) = admin {
        say(staff(&platform, &data_dir, address).await?);
    }
    platform.run().await.context("the program stopped")
}

/// Where the fake providers are.
struct Urls {
    whatsapp: String,
    telegram: String,
    slack: String,
    instagram: String,
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Makes the demo organization, once; its token is kept in the data directory for the next start to show again.
async fn seed(platform: &Platform, data_dir: &Path, urls: &Urls) -> anyhow::Result<Secret<String>> {
    let kept = data_dir.join("demo-token");
    let gateway = &platform.gateway;
    let mut tx = gateway.store.begin_auth().await?;
    let known = channels::lookup(&mut tx, &format!("{SLUG}-whatsapp")).await?;
    tx.commit().await?;
    if let Some(Found { org, .. }) = known {
        let token = std::fs::read_to_string(&kept)
            .with_context(|| format!("the demo's token cannot be read from {}", kept.display()))?;
        let scope = OrgScope::of_service(org);
        let mut tx = gateway.store.begin(&scope).await?;
        for channel in channels::list(&mut tx, &scope).await? {
            let url = match channel.kind.as_str() {
                "whatsapp" => &urls.whatsapp,
                "telegram" => &urls.telegram,
                "slack" => &urls.slack,
                "instagram" => &urls.instagram,
                _ => continue,
            };
            let id = channel.id.into();
            channels::set_base_url(&mut tx, &scope, id, url).await?;
        }
        tx.commit().await?;
        return Ok(Secret::new(token.trim().to_owned()));
    }
    let (meta, bot) = (whatsapp::Options::default(), telegram::Options::default());
    let (workspace, profile) = (slack::Options::default(), instagram::Options::default());
    let plan = Plan {
        slug: SLUG.to_owned(),
        flow: serde_json::from_str(DEMO_FLOW)?,
        whatsapp_url: urls.whatsapp.clone(),
        whatsapp_token: meta.access_token,
        phone_number_id: meta.default_phone_number_id,
        app_secret: meta.app_secret,
        telegram_url: urls.telegram.clone(),
        telegram_token: bot.bot_token,
        telegram_secret: bot.secret_token,
        slack: Some(Provider {
            url: urls.slack.clone(),
            account: workspace.team_id,
            token: workspace.bot_token,
            secret: workspace.signing_secret,
            app_token: Some(workspace.app_token),
        }),
        instagram: Some(Provider {
            url: urls.instagram.clone(),
            account: profile.ig_user_id,
            token: profile.access_token,
            secret: profile.app_secret,
            app_token: None,
        }),
    };
    let seeded = seed::seed(&gateway.store, &platform.root, &*gateway.clock, &*gateway.ids, &plan).await?;
    let scope = OrgScope::of_service(seeded.org);
    let mut tx = gateway.store.begin(&scope).await?;
    widget_configs::allow_uploads(&mut tx, &scope, &seeded.widget_key).await?;
    tx.commit().await?;
    gateway.accounts.forget();
    let scope = OrgScope::of_service(seeded.org);
    let mut tx = gateway.store.begin(&scope).await?;
    demo::teach(&mut tx, &scope, seeded.bot, &*gateway.ids).await.context("the demo bot is not taught")?;
    tx.commit().await?;
    write_private(&kept, seeded.token.expose())?;
    Ok(seeded.token)
}

/// Makes the demo's member of staff, once, and says how they sign in: what is shown once elsewhere is kept in the data
/// directory here.
async fn staff(platform: &Platform, data_dir: &Path, address: SocketAddr) -> anyhow::Result<String> {
    let kept = data_dir.join("demo-staff");
    if !kept.exists() {
        let made =
            super::staff::add(&platform.gateway.store, &platform.root, STAFF_EMAIL, "Staff", "superadmin")
                .await?;
        let (Some(password), Some(seed)) = (made.password, made.seed) else {
            return Ok(format!("  platform administration at http://{address}/admin/v1, as {STAFF_EMAIL}"));
        };
        write_private(&kept, &format!("{} {}", password.expose(), totp::base32(&seed)))?;
    }
    let text = std::fs::read_to_string(&kept).with_context(|| format!("cannot read {}", kept.display()))?;
    let (password, seed) = text.trim().split_once(' ').unwrap_or_default();
    let program = program();
    Ok(format!(
        "  platform administration at http://{address}/admin/v1: as {STAFF_EMAIL}, password {password},\n  \
         second factor {seed} (`{program} staff code {seed}` makes its codes)\n    \
         curl -s http://{address}/admin/v1/auth/login -H 'content-type: application/json' \\\n      \
         -d '{{\"email\":\"{STAFF_EMAIL}\",\"password\":\"{password}\",\"code\":\"CODE\"}}'\n"
    ))
}

fn write_private(path: &PathBuf, text: &str) -> anyhow::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| writeln!(file, "{text}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// What to try, as it is printed.
fn welcome(public_url: &str, token: &Secret<String>, urls: &Urls) -> String {
    let Urls { whatsapp: whatsapp_url, telegram: telegram_url, slack: slack_url, instagram: instagram_url } =
        urls;
    let (body, signature) = whatsapp::message_webhook(
        &whatsapp::Options::default().app_secret,
        &whatsapp::Options::default().default_phone_number_id,
        "4915112345678",
        "wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFkRFTU8",
        "hello",
    );
    let update: Value = json!({
        "update_id": 1,
        "message": {
            "message_id": 1,
            "date": 1_700_000_000,
            "chat": { "id": 42, "type": "private", "first_name": "Ada" },
            "from": { "id": 42, "is_bot": false, "first_name": "Ada" },
            "text": "hello",
        },
    });
    let program = program();
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    line(format_args!(""));
    line(format_args!("BotBuilder is running. Try it:"));
    line(format_args!(""));
    line(format_args!("  in a browser    {public_url}/demo/{SLUG}-web"));
    line(format_args!("  in a terminal   {program} chat --url {public_url}"));
    line(format_args!(""));
    line(format_args!("  as WhatsApp would call, signed:"));
    line(format_args!(
        "    curl -i {public_url}/hooks/{SLUG}-whatsapp -H 'content-type: application/json' \\"
    ));
    line(format_args!("      -H '{}: {signature}' -d '{body}'", whatsapp::SIGNATURE_HEADER));
    line(format_args!("    the reply arrived here: curl -s {whatsapp_url}/__fake/messages"));
    line(format_args!(""));
    line(format_args!("  as Telegram would call:"));
    line(format_args!(
        "    curl -i {public_url}/hooks/{SLUG}-telegram -H 'content-type: application/json' \\"
    ));
    line(format_args!(
        "      -H 'x-telegram-bot-api-secret-token: {}' -d '{update}'",
        telegram::Options::default().secret_token
    ));
    line(format_args!("    the reply arrived here: curl -s {telegram_url}/__fake/messages"));
    line(format_args!(""));
    // Slack's address ends with what its methods begin with; the fake's own routes are beside it.
    let slack_url = slack_url.trim_end_matches("/api");
    line(format_args!("  as a person on Slack or Instagram, whose signatures the fakes make:"));
    line(format_args!(
        "    curl -s {slack_url}/__fake/say -H 'content-type: application/json' -d '{{\"from\":\"U0ADA\",\"text\":\"hello\"}}'"
    ));
    line(format_args!(
        "    curl -s {instagram_url}/__fake/say -H 'content-type: application/json' -d '{{\"from\":\"42\",\"text\":\"hello\"}}'"
    ));
    line(format_args!(
        "    the replies arrived here: curl -s {slack_url}/__fake/messages {instagram_url}/__fake/messages"
    ));
    line(format_args!(""));
    line(format_args!("  the story of a message: {program} trail MESSAGE_ID, or"));
    line(format_args!(
        "    curl -s {public_url}/v1/messages/MESSAGE_ID/trail -H 'authorization: Bearer {}'",
        token.expose()
    ));
    line(format_args!(
        "  (MESSAGE_ID is the `tag` or `biz_opaque_callback_data` of a reply at the fake provider)"
    ));
    text
}
