//! The program with everything around it: a database, an organization whose bot runs the load flow, and providers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use botbuilder_domain::{Secret, SystemClock, SystemIds};
use botbuilder_store::{Store, secret::RootKey};
use botbuilder_testkit::{
    fake::{telegram, whatsapp},
    seed::{self, Plan, Provider, Seeded},
};
use serde_json::Value;

use crate::{
    database::Scratch,
    input::{Channel, Secrets},
    program::{Program, Settings},
};

/// The root key of every run; what it seals are secrets of fakes.
const ROOT_KEY: [u8; 32] = [0x5a; 32];

/// A run's surroundings.
#[derive(Debug)]
pub struct Platform {
    /// The database.
    pub database: Scratch,
    /// The organization.
    pub seeded: Seeded,
    /// What the providers prove themselves with.
    pub secrets: Secrets,
    /// The program.
    pub program: Program,
    /// The files of the run.
    pub directory: PathBuf,
}

/// What surroundings are made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What the run is for; a word.
    pub purpose: &'a str,
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// The files of the run.
    pub directory: PathBuf,
    /// Where WhatsApp is.
    pub whatsapp_url: String,
    /// Where Telegram is.
    pub telegram_url: String,
    /// What the program logs.
    pub log: &'a str,
}

impl Platform {
    /// Puts everything together. Nothing runs yet.
    pub async fn assemble(parts: Parts<'_>) -> Result<Self> {
        Self::with_flow(parts, serde_json::from_str(botbuilder_flow::TEN_NODE_FLOW)?).await
    }

    /// The same, with a bot that runs this flow.
    pub async fn with_flow(parts: Parts<'_>, flow: Value) -> Result<Self> {
        Self::with(parts, flow, None, None).await
    }

    /// The same, with Slack and Instagram where their providers are named.
    pub async fn with_networks(
        parts: Parts<'_>,
        slack: Option<Provider>,
        instagram: Option<Provider>,
    ) -> Result<Self> {
        let flow = serde_json::from_str(botbuilder_flow::TEN_NODE_FLOW)?;
        Self::with(parts, flow, slack, instagram).await
    }

    async fn with(
        parts: Parts<'_>,
        flow: Value,
        slack: Option<Provider>,
        instagram: Option<Provider>,
    ) -> Result<Self> {
        let Parts { purpose, server, binary, directory, whatsapp_url, telegram_url, log } = parts;
        let whatsapp = whatsapp::Options::default();
        let telegram = telegram::Options::default();
        let secrets = Secrets::default();
        let database = Scratch::create(server, purpose).await?;
        let mut providers = vec![whatsapp_url.clone(), telegram_url.clone()];
        providers.extend([&slack, &instagram].into_iter().flatten().map(|provider| provider.url.clone()));
        let plan = Plan {
            slug: purpose.to_owned(),
            flow,
            whatsapp_url,
            whatsapp_token: whatsapp.access_token,
            phone_number_id: secrets.phone_number_id.clone(),
            app_secret: secrets.app_secret.clone(),
            telegram_url,
            telegram_token: telegram.bot_token,
            telegram_secret: secrets.telegram_secret.clone(),
            slack,
            instagram,
        };
        let store = Store::connect(database.url(), 2).await?;
        let root = RootKey::new(Secret::new(ROOT_KEY));
        let seeded = seed::seed(&store, &root, &SystemClock, &SystemIds, &plan)
            .await
            .context("the organization cannot be made")?;
        store.close().await;
        let settings = Settings {
            database_url: database.url().to_owned(),
            root_key: "5a".repeat(ROOT_KEY.len()),
            providers,
            log: log.to_owned(),
            kafka: None,
        };
        let program = Program::prepare(binary, &directory, settings)?;
        Ok(Self { database, seeded, secrets, program, directory })
    }

    /// Makes another organization beside the first; the program must not run yet. Its WhatsApp is at this address.
    pub async fn another(&mut self, slug: &str, whatsapp_url: String) -> Result<(Seeded, Secrets)> {
        self.program.allow(whatsapp_url.clone())?;
        let telegram = telegram::Options::default();
        let secrets = Secrets {
            app_secret: format!("the secret of {slug}"),
            phone_number_id: slug.bytes().map(|byte| byte.to_string()).collect(),
            telegram_secret: format!("{slug}-telegram"),
            ..Secrets::default()
        };
        let plan = Plan {
            slug: slug.to_owned(),
            flow: serde_json::from_str(botbuilder_flow::TEN_NODE_FLOW)?,
            telegram_url: whatsapp_url.clone(),
            whatsapp_url,
            whatsapp_token: whatsapp::Options::default().access_token,
            phone_number_id: secrets.phone_number_id.clone(),
            app_secret: secrets.app_secret.clone(),
            telegram_token: telegram.bot_token,
            telegram_secret: secrets.telegram_secret.clone(),
            slack: None,
            instagram: None,
        };
        let store = Store::connect(self.database.url(), 2).await?;
        let root = RootKey::new(Secret::new(ROOT_KEY));
        let seeded = seed::seed(&store, &root, &SystemClock, &SystemIds, &plan)
            .await
            .with_context(|| format!("the organization {slug} cannot be made"))?;
        store.close().await;
        Ok((seeded, secrets))
    }

    /// The path that callbacks of a channel go to.
    pub fn path(&self, channel: Channel) -> String {
        let public_id = match channel {
            Channel::Whatsapp => &self.seeded.whatsapp_public_id,
            Channel::Telegram => &self.seeded.telegram_public_id,
            Channel::Slack => &self.seeded.slack_public_id,
            Channel::Instagram => &self.seeded.instagram_public_id,
        };
        format!("/hooks/{public_id}")
    }

    /// Removes the database and the files.
    pub async fn remove(self) -> Result<()> {
        self.database.remove().await?;
        std::fs::remove_dir_all(&self.directory)?;
        Ok(())
    }
}
