//! A small organization to try the program with: a bot with a published flow, a web channel with its widget, and
//! channels of the networks whose provider is wherever the caller says.

use botbuilder_domain::{BotId, ChannelId, ChannelKind, Clock, FlowId, Ids, OrgId, Secret, VersionId};
use botbuilder_store::{
    Error, OrgScope, Store,
    bots::{bot_flows, bots, entity_versions, widget_configs},
    channels::channels,
    identity::users,
    integrations::api_tokens::{self, Issued},
    secret::RootKey,
    tenancy::organizations,
};
use serde_json::{Value, json};

use crate::fake::whatsapp::WABA_ID;

/// What the organization is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its short name; there is one organization of that name.
    pub slug: String,
    /// The definition of the bot's flow.
    pub flow: Value,
    /// Where the WhatsApp channel's provider is.
    pub whatsapp_url: String,
    /// The access token that provider wants.
    pub whatsapp_token: String,
    /// The number the channel sends from.
    pub phone_number_id: String,
    /// What that provider signs webhooks with.
    pub app_secret: String,
    /// Where the Telegram channel's provider is.
    pub telegram_url: String,
    /// The bot token that provider wants.
    pub telegram_token: String,
    /// What that provider sends along with each webhook.
    pub telegram_secret: String,
    /// Where the Slack channel's provider is; no channel without one. Its account is the workspace.
    pub slack: Option<Provider>,
    /// Where the Instagram channel's provider is; no channel without one. Its account is the professional account.
    pub instagram: Option<Provider>,
}

/// Where a channel's provider is, and what it wants.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its address.
    pub url: String,
    /// The id of the account there.
    pub account: String,
    /// The token it wants.
    pub token: String,
    /// What it signs webhooks with.
    pub secret: String,
    /// The token it gives sockets for, where it does.
    pub app_token: Option<String>,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Seeded {
    /// The organization.
    pub org: OrgId,
    /// Its bot.
    pub bot: BotId,
    /// The web channel.
    pub web: ChannelId,
    /// The WhatsApp channel.
    pub whatsapp: ChannelId,
    /// The Telegram channel.
    pub telegram: ChannelId,
    /// The Slack channel, if there is one.
    pub slack: ChannelId,
    /// The Instagram channel, if there is one.
    pub instagram: ChannelId,
    /// The widget's public key.
    pub widget_key: String,
    /// The last segment of the WhatsApp callback address.
    pub whatsapp_public_id: String,
    /// The last segment of the Telegram callback address.
    pub telegram_public_id: String,
    /// The last segment of the Slack callback address.
    pub slack_public_id: String,
    /// The last segment of the Instagram callback address.
    pub instagram_public_id: String,
    /// An API token with every right.
    pub token: Secret<String>,
}

/// Makes the organization.
pub async fn seed(
    store: &Store,
    root: &RootKey,
    clock: &dyn Clock,
    ids: &dyn Ids,
    plan: &Plan,
) -> Result<Seeded, Error> {
    let email = format!("operator@{}.example", plan.slug);
    let mut tx = store.begin_auth().await?;
    let owner = if let Some(owner) = users::find_by_email(&mut tx, &email).await? {
        owner
    } else {
        let owner = ids.next();
        users::insert(&mut tx, owner, &email, "Operator").await?;
        owner
    };
    tx.commit().await?;

    let seeded = Seeded {
        org: OrgId::new(ids.next()),
        bot: BotId::new(ids.next()),
        web: ChannelId::new(ids.next()),
        whatsapp: ChannelId::new(ids.next()),
        telegram: ChannelId::new(ids.next()),
        slack: ChannelId::new(ids.next()),
        instagram: ChannelId::new(ids.next()),
        widget_key: format!("{}-web", plan.slug),
        whatsapp_public_id: format!("{}-whatsapp", plan.slug),
        telegram_public_id: format!("{}-telegram", plan.slug),
        slack_public_id: format!("{}-slack", plan.slug),
        instagram_public_id: format!("{}-instagram", plan.slug),
        token: Secret::new(String::new()),
    };
    let scope = OrgScope::of_service(seeded.org);
    let mut tx = store.begin(&scope).await?;
    let organization = organizations::New {
        id: seeded.org,
        name: format!("{} organization", plan.slug),
        slug: plan.slug.clone(),
        owner,
    };
    organizations::insert(&mut tx, &scope, &organization, root).await?;
    // A plan without limits: what is tried here is everything else.
    organizations::subscribe(&mut tx, &scope, ids.next(), owner, "enterprise", clock.now()).await?;
    let keys = organizations::data_keys(&mut tx, &scope, root).await?;

    let fallback = "Sorry, I did not get that. Write \"menu\" to see what I can do.";
    bots::insert(&mut tx, &scope, seeded.bot, "Demo shop", "demo-shop", fallback).await?;
    let (flow, version) = (FlowId::new(ids.next()), VersionId::new(ids.next()));
    entity_versions::insert_flow(&mut tx, &scope, version, flow.uuid(), &plan.flow).await?;
    bot_flows::insert_published(&mut tx, &scope, flow, seeded.bot, "Main", &plan.flow, version).await?;

    let networks = [slack_channel(plan, &seeded), instagram_channel(plan, &seeded)];
    for channel in channels_of(plan, &seeded).into_iter().chain(networks.into_iter().flatten()) {
        channels::insert(&mut tx, &scope, &keys, &channel, clock.now()).await?;
    }
    widget_configs::insert(&mut tx, &scope, ids.next(), seeded.bot, seeded.web, &seeded.widget_key, &[])
        .await?;
    let issued = Issued::generate()?;
    api_tokens::insert(&mut tx, &scope, ids.next(), "development", &issued).await?;
    tx.commit().await?;
    Ok(Seeded { token: issued.token, ..seeded })
}

fn slack_channel(plan: &Plan, seeded: &Seeded) -> Option<channels::New> {
    let Provider { url, account, token, secret, app_token } = plan.slack.clone()?;
    Some(channels::New {
        id: seeded.slack,
        bot: seeded.bot,
        kind: ChannelKind::Slack,
        name: "Slack".to_owned(),
        public_id: seeded.slack_public_id.clone(),
        provider_account_id: None,
        settings: json!({ "base_url": url, "team_id": account, "limits": no_limits() }),
        credentials: Some(Secret::new(json!({ "bot_token": token, "app_token": app_token }).to_string())),
        webhook_secrets: vec![Secret::new(secret)],
    })
}

fn instagram_channel(plan: &Plan, seeded: &Seeded) -> Option<channels::New> {
    let Provider { url, account, token, secret, app_token: _ } = plan.instagram.clone()?;
    let credentials = json!({ "access_token": token, "verify_token": secret });
    Some(channels::New {
        id: seeded.instagram,
        bot: seeded.bot,
        kind: ChannelKind::Instagram,
        name: "Instagram".to_owned(),
        public_id: seeded.instagram_public_id.clone(),
        provider_account_id: None,
        settings: json!({ "base_url": url, "ig_user_id": account, "limits": no_limits() }),
        credentials: Some(Secret::new(credentials.to_string())),
        webhook_secrets: vec![Secret::new(secret)],
    })
}

fn channels_of(plan: &Plan, seeded: &Seeded) -> [channels::New; 3] {
    let secret = |text: &str| Secret::new(text.to_owned());
    [
        channels::New {
            id: seeded.web,
            bot: seeded.bot,
            kind: ChannelKind::Web,
            name: "Website".to_owned(),
            public_id: seeded.widget_key.clone(),
            provider_account_id: None,
            settings: json!({}),
            credentials: None,
            webhook_secrets: Vec::new(),
        },
        channels::New {
            id: seeded.whatsapp,
            bot: seeded.bot,
            kind: ChannelKind::Whatsapp,
            name: "WhatsApp".to_owned(),
            public_id: seeded.whatsapp_public_id.clone(),
            // One account is one channel in the whole database; the demo's number may be in several.
            provider_account_id: None,
            settings: json!({
                "base_url": plan.whatsapp_url,
                "phone_number_id": plan.phone_number_id,
                "waba_id": WABA_ID,
                "limits": no_limits(),
            }),
            credentials: Some(Secret::new(
                json!({ "access_token": plan.whatsapp_token, "verify_token": plan.app_secret }).to_string(),
            )),
            webhook_secrets: vec![secret(&plan.app_secret)],
        },
        channels::New {
            id: seeded.telegram,
            bot: seeded.bot,
            kind: ChannelKind::Telegram,
            name: "Telegram".to_owned(),
            public_id: seeded.telegram_public_id.clone(),
            provider_account_id: None,
            settings: json!({ "base_url": plan.telegram_url, "limits": no_limits() }),
            credentials: Some(Secret::new(json!({ "bot_token": plan.telegram_token }).to_string())),
            webhook_secrets: vec![secret(&plan.telegram_secret)],
        },
    ]
}

/// A fake takes as much as it gets.
fn no_limits() -> Value {
    json!({ "messages_per_second": 0, "recipient_seconds": 0 })
}
