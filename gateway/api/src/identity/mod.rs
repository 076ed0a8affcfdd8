//! Accounts: signing in and out, passwords, second factors, links by mail, and the account's own pages under `/v1/me`.

mod avatar;
pub(crate) mod factor;
mod links;
pub(crate) mod mail;
mod me;
mod page;
pub mod passwords;
pub(crate) mod session;
pub(crate) mod sign_in;
pub mod throttle;
pub mod totp;
mod two_factor;

use botbuilder_domain::Secret;
use botbuilder_store::secret::{DataKeys, RootKey};

use self::{passwords::Passwords, throttle::Throttle};
use crate::{
    auth::{rate::Rates, refusals::Refusals},
    routes::Routes,
};

/// The routes of identity.
pub fn routes() -> Routes {
    Routes::new()
        .merge(sign_in::routes())
        .merge(session::routes())
        .merge(links::routes())
        .merge(me::routes())
        .merge(avatar::routes())
        .merge(page::routes())
        .merge(two_factor::routes())
}

/// The label of the key of the backup codes' hashes.
const BACKUP_CODES: &str = "botbuilder.backup-codes.p1";

/// What one process keeps for identity.
pub struct Identity {
    /// Hashes and compares passwords.
    pub passwords: Passwords,
    /// Delays after failures.
    pub throttle: Throttle,
    /// Rates of callers.
    pub rates: Rates,
    /// Refusals noted lately.
    pub refusals: Refusals,
    /// The key of the backup codes' hashes.
    pub pepper: Secret<[u8; 32]>,
    /// The one before it, while the root key is being replaced.
    pub previous_pepper: Option<Secret<[u8; 32]>>,
    /// The keys of what belongs to an account.
    pub keys: DataKeys,
}

impl Identity {
    /// Everything, with the keys that the root key leads to.
    pub fn new(root: &RootKey) -> Self {
        Self {
            passwords: Passwords::new(),
            throttle: Throttle::default(),
            rates: Rates::default(),
            refusals: Refusals::default(),
            pepper: root.derive(BACKUP_CODES),
            previous_pepper: root.derive_previous(BACKUP_CODES),
            keys: root.platform_keys(),
        }
    }
}
