//! The connected accounts, with their secrets opened. Kept for a minute, so that the path of a webhook touches no
//! database; an unknown address is remembered too, so that guessing costs nothing.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_adapter_kit::{Account, account::Credentials};
use botbuilder_domain::{ChannelId, ChannelKind, OrgId};
use botbuilder_store::{
    Error, OrgScope, Store,
    channels::channels::{self, Found, Opened},
    secret::RootKey,
};
use tokio::sync::watch;

/// How long an account is believed.
const BELIEVED_FOR: Duration = Duration::from_mins(1);
/// How long an address is believed to be unknown.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// How long somebody else's look-up of the same account is waited for.
const ASKED_WITHIN: Duration = Duration::from_secs(1);
/// Most entries kept of each kind. Beyond it all are dropped and loaded again as they are needed.
const MOST: usize = 50_000;

type Kept<K, V = Arc<Account>> = Mutex<HashMap<K, (Instant, Option<V>)>>;

/// A connected account, and how messages go out by it.
#[derive(Debug, Clone)]
pub struct Connected {
    /// The account.
    pub account: Arc<Account>,
    /// Whether nothing goes out for now: an operator paused it, or has to look at what is wrong. What comes in is taken.
    pub waits: bool,
    /// The most messages in a second, where operators set it.
    pub rate_per_second: Option<f64>,
}

/// Finds accounts.
pub struct Accounts {
    store: Store,
    root: RootKey,
    by_public_id: Kept<String>,
    by_channel: Kept<ChannelId, Connected>,
    by_provider_account: Kept<(ChannelKind, String), Arc<Vec<Found>>>,
    asking_by_public_id: Asking,
    asking_by_channel: Asking,
    changed: watch::Sender<()>,
}

/// Whoever asks the database holds the lock of what is asked for, so that a burst of callbacks of an account that is not
/// known yet asks once. Some accounts share a lock, which costs them a wait and nothing else.
#[derive(Default)]
struct Asking([tokio::sync::Mutex<()>; 32]);

impl Asking {
    /// The lock; none if whoever has it takes long, and then each asks for itself.
    async fn turn(&self, key: &impl Hash) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let digest = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        let place = usize::try_from(digest % 32).unwrap_or(0);
        tokio::time::timeout(ASKED_WITHIN, self.0[place].lock()).await.ok()
    }
}

impl Accounts {
    /// Accounts of this database.
    pub fn new(store: Store, root: RootKey) -> Self {
        Self {
            store,
            root,
            by_public_id: Mutex::default(),
            by_channel: Mutex::default(),
            by_provider_account: Mutex::default(),
            asking_by_public_id: Asking::default(),
            asking_by_channel: Asking::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Tells when everything was forgotten, after a change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The connected account of a callback address.
    pub async fn by_public_id(&self, public_id: &str) -> Result<Option<Arc<Account>>, Error> {
        if !can_be_public(public_id) {
            return Ok(None);
        }
        if let Recalled::Answer(known) = recall(&self.by_public_id, public_id) {
            return Ok(known);
        }
        let _turn = self.asking_by_public_id.turn(&public_id).await;
        if let Recalled::Answer(known) = recall(&self.by_public_id, public_id) {
            return Ok(known);
        }
        let mut tx = self.store.begin_auth().await?;
        let found = channels::lookup(&mut tx, public_id).await?;
        tx.commit().await?;
        let account = match found {
            Some(Found { org, id }) => self.by_channel(org, id).await?,
            None => None,
        };
        keep(&self.by_public_id, public_id.to_owned(), account.as_ref());
        Ok(account)
    }

    /// The connected accounts that a provider means by this id: one, or all below an account of several numbers.
    pub async fn by_provider_account(&self, kind: ChannelKind, id: &str) -> Result<Vec<Arc<Account>>, Error> {
        let mut accounts = Vec::new();
        for Found { org, id } in self.known_as(kind, id).await?.iter().flat_map(|found| found.iter()) {
            accounts.extend(self.by_channel(*org, *id).await?);
        }
        Ok(accounts)
    }

    /// The channels that a provider means by this id; none where there are none.
    async fn known_as(&self, kind: ChannelKind, id: &str) -> Result<Option<Arc<Vec<Found>>>, Error> {
        if !can_be_provider_account(id) {
            return Ok(None);
        }
        let key = (kind, id.to_owned());
        if let Recalled::Answer(known) = recall(&self.by_provider_account, &key) {
            return Ok(known);
        }
        let _turn = self.asking_by_public_id.turn(&key).await;
        if let Recalled::Answer(known) = recall(&self.by_provider_account, &key) {
            return Ok(known);
        }
        let mut tx = self.store.begin_auth().await?;
        let found = channels::lookup_accounts(&mut tx, kind, id).await?;
        tx.commit().await?;
        let found = (!found.is_empty()).then(|| Arc::new(found));
        keep(&self.by_provider_account, key, found.as_ref());
        Ok(found)
    }

    /// The connected account of a channel.
    pub async fn by_channel(&self, org: OrgId, channel: ChannelId) -> Result<Option<Arc<Account>>, Error> {
        Ok(self.connected(org, channel).await?.map(|connected| connected.account))
    }

    /// The same, with how messages go out by it.
    pub async fn connected(&self, org: OrgId, channel: ChannelId) -> Result<Option<Connected>, Error> {
        if let Recalled::Answer(known) = recall(&self.by_channel, &channel) {
            return Ok(known);
        }
        let _turn = self.asking_by_channel.turn(&channel).await;
        if let Recalled::Answer(known) = recall(&self.by_channel, &channel) {
            return Ok(known);
        }
        self.load(org, channel).await
    }

    /// The connected account of a channel from the database, whatever is remembered.
    pub async fn fresh(&self, org: OrgId, channel: ChannelId) -> Result<Option<Arc<Account>>, Error> {
        Ok(self.load(org, channel).await?.map(|connected| connected.account))
    }

    async fn load(&self, org: OrgId, channel: ChannelId) -> Result<Option<Connected>, Error> {
        let scope = OrgScope::of_service(org);
        let mut tx = self.store.begin(&scope).await?;
        let opened = channels::open(&mut tx, &scope, &self.root, channel).await?;
        tx.commit().await?;
        let opened = opened.filter(|opened| opened.active || opened.waits);
        let connected = opened.map(|opened| Connected {
            waits: opened.waits,
            rate_per_second: opened.rate_per_second,
            account: Arc::new(account(opened)),
        });
        keep(&self.by_channel, channel, connected.as_ref());
        Ok(connected)
    }

    /// Forgets everything, after a change.
    pub fn forget(&self) {
        self.by_public_id.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.by_channel.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.by_provider_account.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.changed.send_replace(());
    }
}

/// Whether a text can be the public name of a channel or a widget. What cannot is neither asked for, since the database
/// refuses some of it, nor remembered, since it may be long.
pub(crate) fn can_be_public(text: &str) -> bool {
    const MOST: usize = 40;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=MOST).contains(&text.len()) && text.bytes().all(legal)
}

/// Whether a text can be a provider's id of an account; what cannot is not asked for (see [`can_be_public`]).
fn can_be_provider_account(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is remembered about a key.
enum Recalled<V> {
    /// Nothing, or nothing recent.
    Nothing,
    /// Whether there is such an account.
    Answer(Option<V>),
}

fn recall<K, V, Q>(kept: &Kept<K, V>, key: &Q) -> Recalled<V>
where
    K: Eq + Hash + std::borrow::Borrow<Q>,
    V: Clone,
    Q: Eq + Hash + ?Sized,
{
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((since, account)) = kept.get(key) else { return Recalled::Nothing };
    let limit = if account.is_some() { BELIEVED_FOR } else { UNKNOWN_FOR };
    if since.elapsed() < limit { Recalled::Answer(account.clone()) } else { Recalled::Nothing }
}

fn keep<K: Eq + Hash, V: Clone>(kept: &Kept<K, V>, key: K, account: Option<&V>) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MOST {
        kept.clear();
    }
    kept.insert(key, (Instant::now(), account.cloned()));
}

/// A channel's row as adapters see it.
pub(crate) fn account(opened: Opened) -> Account {
    Account {
        org: opened.org,
        bot: opened.bot,
        channel: opened.id,
        kind: opened.kind,
        public_id: opened.public_id,
        provider_account_id: opened.provider_account_id,
        settings: opened.settings,
        credentials: Credentials::from_object(&opened.credentials),
        webhook_secrets: opened.webhook_secrets,
    }
}
