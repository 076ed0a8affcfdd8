//! An organization of the platform, with the providers of its channels.

use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Secret, SystemClock, SystemIds};
use botbuilder_store::{Store, secret::RootKey};
use serde_json::{Value, json};

use crate::{
    fake::{Delivered, instagram, slack, telegram, whatsapp},
    local_client::Url,
    seed::{self, Plan, Provider, Seeded},
};

/// An organization.
pub struct Organization {
    /// What it is made of.
    pub seeded: Seeded,
    /// Its WhatsApp. What people say there is sent to the platform.
    pub whatsapp: whatsapp::Fake,
    /// Its Telegram.
    pub telegram: telegram::Fake,
    /// Its Slack.
    pub slack: slack::Fake,
    /// Its Instagram.
    pub instagram: instagram::Fake,
    /// What its WhatsApp signs with.
    pub app_secret: String,
    /// What its Telegram sends along.
    pub telegram_secret: String,
    /// The number its WhatsApp channel sends from.
    pub phone_number_id: String,
}

/// What an organization is made of.
#[derive(Clone, Copy)]
pub struct New<'a> {
    /// Its short name.
    pub slug: &'a str,
    /// The flow of its bot.
    pub flow: &'a Value,
    /// What its WhatsApp signs with; a text of its own if none is given.
    pub app_secret: Option<&'a str>,
    /// Whether its WhatsApp names people by business-scoped ids, too.
    pub user_ids: bool,
    /// Where the platform's public listener is.
    pub base_url: &'a str,
}

impl Organization {
    /// Makes one in this database, whose providers call the public listener at `base_url`.
    ///
    /// # Panics
    ///
    /// If that does not work, or there is one of that name.
    pub async fn make(plan: New<'_>, store: &Store, root: &RootKey) -> Self {
        let New { slug, flow, app_secret, user_ids, base_url } = plan;
        let meta = whatsapp::Options {
            app_secret: app_secret.map_or_else(|| format!("app-secret-of-{slug}"), str::to_owned),
            webhook_url: Some(format!("{base_url}/hooks/{slug}-whatsapp")),
            user_ids,
            ..whatsapp::Options::default()
        };
        let bot = telegram::Options {
            secret_token: format!("secret-token-of-{slug}"),
            webhook_url: Some(format!("{base_url}/hooks/{slug}-telegram")),
            ..telegram::Options::default()
        };
        let whatsapp = whatsapp::Fake::start(meta.clone()).await.expect("a fake whatsapp");
        let telegram = telegram::Fake::start(bot.clone()).await.expect("a fake telegram");
        let workspace = slack::Options {
            signing_secret: format!("signing-secret-of-{slug}"),
            webhook_url: Some(format!("{base_url}/hooks/{slug}-slack")),
            ..slack::Options::default()
        };
        let profile = instagram::Options {
            app_secret: format!("instagram-secret-of-{slug}"),
            webhook_url: Some(format!("{base_url}/hooks/{slug}-instagram")),
            ..instagram::Options::default()
        };
        let slack = slack::Fake::start(workspace.clone()).await.expect("a fake slack");
        let instagram = instagram::Fake::start(profile.clone()).await.expect("a fake instagram");
        let plan = Plan {
            slug: slug.to_owned(),
            flow: flow.clone(),
            whatsapp_url: whatsapp.base_url(),
            whatsapp_token: meta.access_token,
            phone_number_id: meta.default_phone_number_id.clone(),
            app_secret: meta.app_secret.clone(),
            telegram_url: telegram.base_url(),
            telegram_token: bot.bot_token,
            telegram_secret: bot.secret_token.clone(),
            slack: Some(Provider {
                url: slack.base_url(),
                account: workspace.team_id,
                token: workspace.bot_token,
                secret: workspace.signing_secret,
                app_token: Some(workspace.app_token),
            }),
            instagram: Some(Provider {
                url: instagram.base_url(),
                account: profile.ig_user_id,
                token: profile.access_token,
                secret: profile.app_secret,
                app_token: None,
            }),
        };
        let seeded = seed::seed(store, root, &SystemClock, &SystemIds, &plan).await.expect("an organization");
        Self {
            seeded,
            whatsapp,
            telegram,
            slack,
            instagram,
            app_secret: meta.app_secret,
            telegram_secret: bot.secret_token,
            phone_number_id: meta.default_phone_number_id,
        }
    }

    /// The addresses of its providers.
    ///
    /// # Panics
    ///
    /// Never: they are addresses.
    pub fn provider_urls(&self) -> [Url; 4] {
        let urls = [
            self.whatsapp.base_url(),
            self.telegram.base_url(),
            self.slack.base_url(),
            self.instagram.base_url(),
        ];
        urls.map(|url| url.parse().expect("an address"))
    }

    /// The path of its WhatsApp callback.
    pub fn whatsapp_path(&self) -> String {
        format!("/hooks/{}", self.seeded.whatsapp_public_id)
    }

    /// The path of its Telegram callback.
    pub fn telegram_path(&self) -> String {
        format!("/hooks/{}", self.seeded.telegram_public_id)
    }

    /// What its WhatsApp signs a body with: the value of [`whatsapp::SIGNATURE_HEADER`].
    pub fn sign(&self, body: &[u8]) -> String {
        meta::sign(&Secret::new(self.app_secret.clone()), body)
    }

    /// A notification as its WhatsApp writes them, with these lists (`messages`, `statuses` …) in it, and its signature.
    ///
    /// # Panics
    ///
    /// If `lists` is no object.
    pub fn notification(&self, lists: &Value) -> (String, String) {
        let mut value = lists.clone();
        value["messaging_product"] = "whatsapp".into();
        value["metadata"] =
            json!({ "display_phone_number": "15550783881", "phone_number_id": self.phone_number_id });
        let body = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "102290129340398", "changes": [{ "field": "messages", "value": value }] }],
        })
        .to_string();
        let signature = self.sign(body.as_bytes());
        (body, signature)
    }

    /// A text as its WhatsApp announces it, and its signature.
    pub fn text(&self, from: &str, id: &str, text: &str) -> (String, String) {
        whatsapp::message_webhook(&self.app_secret, &self.phone_number_id, from, id, text)
    }

    /// What a person was sent over WhatsApp, once it is `count` messages.
    pub async fn whatsapp_replies(&self, to: &str, count: usize) -> Vec<Delivered> {
        super::eventually(&format!("{count} replies to {to} over WhatsApp"), async || {
            Some(self.whatsapp.conversation(to)).filter(|replies| replies.len() >= count)
        })
        .await
    }

    /// What a person or channel was sent over Slack, once it is `count` messages.
    pub async fn slack_replies(&self, to: &str, count: usize) -> Vec<Delivered> {
        super::eventually(&format!("{count} replies to {to} over Slack"), async || {
            Some(self.slack.conversation(to)).filter(|replies| replies.len() >= count)
        })
        .await
    }

    /// What a person was sent over Instagram, once it is `count` messages.
    pub async fn instagram_replies(&self, to: &str, count: usize) -> Vec<Delivered> {
        super::eventually(&format!("{count} replies to {to} over Instagram"), async || {
            Some(self.instagram.conversation(to)).filter(|replies| replies.len() >= count)
        })
        .await
    }

    /// What a chat was sent over Telegram, once it is `count` messages.
    pub async fn telegram_replies(&self, chat: i64, count: usize) -> Vec<Delivered> {
        super::eventually(&format!("{count} replies to {chat} over Telegram"), async || {
            Some(self.telegram.conversation(&chat.to_string())).filter(|replies| replies.len() >= count)
        })
        .await
    }
}
