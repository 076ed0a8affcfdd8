//! Templates are read from their providers every hour: what a notification did not tell, this does.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_adapter_kit::Act;
use botbuilder_domain::{ChannelId, OrgId};
use botbuilder_store::{
    Error, OrgScope, Tx,
    channels::{channel_templates, channels::Opened},
};
use chrono::{DateTime, Utc};
use serde_json::json;
use tracing::debug;

use crate::visits::{Failed, Tools, Visit, Visits};

/// Most channels of one look at the database.
const PAGE: i64 = 100;

/// The job.
pub type TemplateSync = Visits<Reading>;

/// Reads the templates of an account that has some.
#[derive(Debug, Default)]
pub struct Reading;

#[async_trait]
impl Visit for Reading {
    type Due = (OrgId, ChannelId);
    const NAME: &'static str = "templates";
    const FIRST: Duration = Duration::from_mins(2);
    const EVERY: Duration = Duration::from_hours(1);

    async fn due(
        &self,
        tx: &mut Tx,
        _: DateTime<Utc>,
        after: Option<ChannelId>,
    ) -> Result<Vec<Self::Due>, Error> {
        channel_templates::channels(tx, after, PAGE).await
    }

    async fn visit(&self, tools: &Tools, (org, channel): &Self::Due, opened: Opened) -> Result<bool, Failed> {
        let Some(templates) = tools.connecting.act(opened, Act::List(None)).await?.templates else {
            return Ok(false);
        };
        let (scope, given) = (OrgScope::of_service(*org), json!(templates));
        let (gateway, now) = (&tools.gateway, tools.gateway.clock.now());
        let mut tx = gateway.store.begin(&scope).await?;
        let synced = channel_templates::sync(&mut tx, &scope, *channel, &given, true, now).await?;
        tx.commit().await?;
        let channel_templates::Synced { added, updated, gone } = synced;
        debug!(channel.id = %channel, added, updated, gone, "templates were read");
        Ok(true)
    }
}
