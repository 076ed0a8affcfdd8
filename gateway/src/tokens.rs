//! Tokens that end are renewed in time: Instagram's live 60 days.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_adapter_kit::{Renewed, Trouble};
use botbuilder_domain::{ChannelId, OrgId};
use botbuilder_store::{
    Error, OrgScope, Tx,
    channels::{
        channels::{self, Health, Opened},
        tokens::{self, Due},
    },
    tenancy::organizations,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, json};
use tracing::{info, warn};

use crate::{
    Gateway,
    visits::{self, Failed, Tools, Visit, Visits},
};

/// A token is renewed so long before its end: there is time for many attempts, and for an operator.
const BEFORE: TimeDelta = TimeDelta::days(30);
/// A token has to be a day old before it can be renewed; an hour more, for clocks that differ.
const TOO_NEW: TimeDelta = TimeDelta::hours(25);
/// Most channels of one look at the database.
const PAGE: i64 = 100;

/// The job: renews every token that ends within thirty days.
pub type TokenRenewal = Visits<Renewal>;

/// Renews the token of an account.
#[derive(Debug, Default)]
pub struct Renewal;

impl visits::Due for Due {
    fn place(&self) -> (OrgId, ChannelId) {
        (self.org, self.id)
    }
}

#[async_trait]
impl Visit for Renewal {
    type Due = Due;
    const NAME: &'static str = "tokens";
    const FIRST: Duration = Duration::from_mins(3);
    const EVERY: Duration = Duration::from_hours(6);

    async fn due(
        &self,
        tx: &mut Tx,
        now: DateTime<Utc>,
        after: Option<ChannelId>,
    ) -> Result<Vec<Self::Due>, Error> {
        tokens::due(tx, now + BEFORE, now - TOO_NEW, after, PAGE).await
    }

    async fn visit(&self, tools: &Tools, due: &Due, opened: Opened) -> Result<bool, Failed> {
        let renewed = renew(tools, due, opened).await;
        if let Err(Failed::Provider(trouble)) = &renewed {
            show(&tools.gateway, due, trouble).await;
        }
        renewed
    }
}

async fn renew(tools: &Tools, due: &Due, opened: Opened) -> Result<bool, Failed> {
    let (gateway, scope) = (&tools.gateway, OrgScope::of_service(due.org));
    let mut tx = gateway.store.begin(&scope).await?;
    let keys = organizations::data_keys(&mut tx, &scope, &tools.root).await?;
    tx.commit().await?;
    let mut credentials: Map<_, _> = opened.credentials.clone();
    let Some(Renewed { credential, token, good_for }) = tools.connecting.renew(opened).await? else {
        return Ok(false);
    };
    credentials.insert(credential.to_owned(), json!(token.expose()));
    let now = gateway.clock.now();
    let end = now + TimeDelta::from_std(good_for).unwrap_or(TimeDelta::days(1));
    let mut tx = gateway.store.begin(&scope).await?;
    let written = tokens::renew(&mut tx, &scope, &keys, due, &credentials, end, now).await?;
    tx.commit().await?;
    if written {
        gateway.accounts.forget();
        info!(channel.id = %due.id, until = %end, "token was renewed");
    }
    Ok(written)
}

/// An operator has a month to see it.
async fn show(gateway: &Gateway, due: &Due, trouble: &Trouble) {
    if trouble.passes {
        return;
    }
    let scope = OrgScope::of_service(due.org);
    let failure = ("token_not_renewed", format!("the token ends, and was not renewed: {trouble}"));
    let written = async {
        let mut tx = gateway.store.begin(&scope).await?;
        let now = gateway.clock.now();
        channels::set_health(&mut tx, &scope, due.id, Health::Degraded, Some(&failure), now).await?;
        tx.commit().await
    };
    if let Err(error) = written.await {
        warn!(channel.id = %due.id, error = %error, "trouble with a token was not noted");
    }
}
