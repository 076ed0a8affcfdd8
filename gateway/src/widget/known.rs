//! The widgets that were asked for lately, so that a storm of reconnecting visitors asks the database once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_adapter_kit::Account;
use botbuilder_store::{
    OrgScope, Store,
    bots::widget_configs::{self, Appearance, Widget},
};

use crate::{Gateway, accounts::can_be_public};

/// A change is seen after this time at the latest.
const FRESH: Duration = Duration::from_secs(5);
/// While the database is away, what is this old still serves.
const STALE: Duration = Duration::from_mins(10);
/// More than this many are not kept: somebody is guessing keys.
const MOST: usize = 10_000;

/// A widget with what belongs to it.
#[derive(Debug)]
pub struct Known {
    /// The widget.
    pub widget: Widget,
    /// The account of its channel.
    pub account: Arc<Account>,
    /// Its looks.
    pub appearance: Appearance,
}

type Entry = (Instant, Option<Arc<Known>>);

/// The widgets by public key.
#[derive(Default)]
pub struct Widgets {
    entries: Mutex<HashMap<String, Entry>>,
}

impl Widgets {
    /// The enabled widget of a public key; none if there is none.
    pub(super) async fn find(
        &self,
        gateway: &Gateway,
        public_key: &str,
    ) -> Result<Option<Arc<Known>>, botbuilder_store::Error> {
        if !can_be_public(public_key) {
            return Ok(None);
        }
        let now = Instant::now();
        let kept = self.get(public_key).filter(|(at, _)| now.duration_since(*at) < STALE);
        if let Some((at, known)) = &kept
            && now.duration_since(*at) < FRESH
        {
            return Ok(known.clone());
        }
        match load(gateway, &gateway.store, public_key).await {
            Ok(known) => {
                let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
                if entries.len() >= MOST {
                    entries.clear();
                }
                entries.insert(public_key.to_owned(), (now, known.clone()));
                Ok(known)
            }
            Err(error) => match kept {
                Some((_, known)) if error.is_passing() => Ok(known),
                _ => Err(error),
            },
        }
    }

    fn get(&self, public_key: &str) -> Option<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(public_key).cloned()
    }

    /// Looks everything up anew: a widget was changed.
    pub fn forget(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn load(
    gateway: &Gateway,
    store: &Store,
    public_key: &str,
) -> Result<Option<Arc<Known>>, botbuilder_store::Error> {
    let mut tx = store.begin_auth().await?;
    let org = widget_configs::lookup(&mut tx, public_key).await?;
    tx.commit().await?;
    let Some(org) = org else { return Ok(None) };
    let scope = OrgScope::of_service(org);
    let mut tx = store.begin(&scope).await?;
    let widget = widget_configs::get(&mut tx, &scope, public_key).await?;
    let appearance = widget_configs::appearance(&mut tx, &scope, public_key).await?;
    tx.commit().await?;
    let (Some(widget), Some(appearance)) = (widget, appearance) else { return Ok(None) };
    let account = gateway.accounts.by_channel(widget.org, widget.channel).await?;
    Ok(account.map(|account| Arc::new(Known { widget, account, appearance })))
}
