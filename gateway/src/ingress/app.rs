//! Callbacks of a provider app of the platform, `/hooks/app/{provider}`: its secret is configuration, and one request may
//! hold events of many accounts. Each account is found by the provider's id of it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Path, Request, State},
    response::Response,
};
use botbuilder_adapter_kit::{Account, Locator, RawRequest, Webhook, account::Credentials};
use botbuilder_domain::{ChannelId, ChannelKind, OrgId, Secret};
use botbuilder_service::config::{Apps, Error};
use serde_json::Map;
use tracing::{debug, warn};
use uuid::Uuid;

use super::{Refusal, answer, append, busy, decode, most, read, respond};
use crate::Gateway;

/// The apps that are configured, as accounts: what proves a callback is in the place where a channel has it.
#[derive(Debug, Default)]
pub struct PlatformApps(HashMap<ChannelKind, Account>);

impl PlatformApps {
    /// Opens the apps' secrets.
    pub fn open(apps: &Apps) -> Result<Self, Error> {
        let mut opened = HashMap::new();
        for (provider, app) in apps.all() {
            let secrets = app.secrets(provider)?;
            let Some(kind) = ChannelKind::parse(provider).filter(|_| !secrets.is_empty()) else { continue };
            opened.insert(kind, account(kind, secrets, app.verify_token.as_ref()));
        }
        Ok(Self(opened))
    }
}

fn account(
    kind: ChannelKind,
    webhook_secrets: Vec<Secret<String>>,
    verify_token: Option<&Secret<String>>,
) -> Account {
    let token = verify_token.map(|token| ("verify_token".to_owned(), token.expose().clone().into()));
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None,
        channel: ChannelId::new(Uuid::nil()),
        kind,
        public_id: format!("app/{}", kind.as_str()),
        provider_account_id: None,
        settings: Map::new(),
        credentials: Credentials::from_object(&token.into_iter().collect()),
        webhook_secrets,
    }
}

pub(super) async fn callback(
    State(gateway): State<Gateway>,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    answer(receive(&gateway, &provider, request).await)
}

#[tracing::instrument(level = "debug", name = "gateway.app_webhook.receive", skip_all)]
async fn receive(gateway: &Gateway, provider: &str, request: Request) -> Result<Response, Refusal> {
    let app =
        ChannelKind::parse(provider).and_then(|kind| gateway.apps.0.get(&kind)).ok_or(Refusal::Unknown)?;
    let webhook = gateway.channels.channel(app.kind).webhook().ok_or(Refusal::Unknown)?;
    let raw = read(gateway, format!("app/{provider}"), request, most(gateway, app.kind)).await?;
    // Believed first, so that nobody learns here which accounts there are.
    let (handshake, _) = decode(gateway, webhook, app, &raw)?;
    let accounts = accounts(gateway, webhook, app.kind, &raw).await?;
    let mut reply = None;
    for account in accounts {
        // The app's secret is good for each of its accounts.
        let of_account = Account { webhook_secrets: app.webhook_secrets.clone(), ..Account::clone(&account) };
        let (received, verified_at) = decode(gateway, webhook, &of_account, &raw)?;
        let count = received.events.len();
        let inside = gateway.load.enter(account.org).ok_or_else(|| busy(&account))?;
        append(gateway, &account, received.events, &raw.body, raw.received, verified_at).await?;
        drop(inside);
        metrics::counter!("ingress_events_total", "channel" => app.kind.as_str()).increment(count as u64);
        reply = Some(received.reply);
    }
    Ok(respond(reply.unwrap_or(handshake.reply)))
}

/// The connected accounts that the request has something for. An account that nobody has connected here, or not any more,
/// is passed over: its events are nobody's, and an error would hold back those of the others.
async fn accounts(
    gateway: &Gateway,
    webhook: &dyn Webhook,
    kind: ChannelKind,
    raw: &RawRequest,
) -> Result<Vec<Arc<Account>>, Refusal> {
    let ids = match webhook.locate(raw) {
        Ok(Locator::ProviderAccounts(ids)) => ids,
        Ok(Locator::PublicId(_)) | Err(_) => return Err(Refusal::Unknown),
    };
    let mut found: Vec<Arc<Account>> = Vec::new();
    for id in ids {
        let accounts = gateway.accounts.by_provider_account(kind, &id).await.map_err(|error| {
            warn!(error = %error, "account of a callback cannot be looked up");
            Refusal::Unavailable
        })?;
        if accounts.is_empty() {
            debug!(provider = kind.as_str(), "callback for an account that is not connected");
            metrics::counter!("ingress_unconnected_total", "channel" => kind.as_str()).increment(1);
        }
        for account in accounts {
            if found.iter().all(|known| known.channel != account.channel) {
                found.push(account);
            }
        }
    }
    Ok(found)
}
