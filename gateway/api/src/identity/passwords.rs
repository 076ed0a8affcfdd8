//! Passwords: which are taken, and argon2id over them on a bounded number of threads.
//!
//! Hashing is made to be slow and to need memory, so it happens away from the threads that serve connections: at most as
//! many at once as there are cores, a few more waiting, and whoever comes beyond that is told to come back.
//!
//! `common_passwords.txt` holds the passwords of eight characters and more among the 20 000 most common ones, in lower
//! case and sorted: the list that Django ships (`common_passwords.LICENSE`), collected by Royce Williams from public
//! breaches.

use std::{num::NonZero, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use axum::http::StatusCode;
use botbuilder_domain::Secret;
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Memory of one hash, in KiB: 19 MiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes of one hash.
const LANES: u32 = 1;
/// How many may wait for a core.
const QUEUE: usize = 32;

static COMMON: &str = include_str!("common_passwords.txt");

/// Words of the context in which these passwords are used, in lower case and letters alone: what somebody who guesses at
/// this product's passwords tries with a number behind it. The person's name and address, and the organization's name,
/// are added where they are known.
const CONTEXT: [&str; 12] = [
    "botbuilder",
    "botbuilderadmin",
    "chatbot",
    "chatbots",
    "mybot",
    "messenger",
    "whatsapp",
    "instagram",
    "telegram",
    "slack",
    "webhook",
    "helpdesk",
];

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// Shorter than 8 or longer than 256 characters.
    Length,
    /// Everybody's first guess.
    Common,
    /// The name or address of its owner, or of the organization.
    Personal,
    /// A word of the context, with nothing but digits and signs about it.
    Context,
}

impl Weak {
    /// A sentence for people, to be read after the name of the field.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Length => "must have 8 to 256 characters",
            Self::Common => "is one of the most common ones, which are tried first; take another",
            Self::Personal => {
                "must not be a name or address of yours, whatever digits and signs are about it"
            }
            Self::Context => "must not be a word of this product, whatever digits and signs are about it",
        }
    }
}

/// Whether a password may be chosen. Any characters do; `personal` are texts that would be guessed.
pub fn check(password: &str, personal: &[&str]) -> Result<(), Weak> {
    if !(8..=256).contains(&password.chars().count()) {
        return Err(Weak::Length);
    }
    let lower = password.to_lowercase();
    if is_common(&lower) {
        return Err(Weak::Common);
    }
    let letters = letters_of(&lower);
    if CONTEXT.contains(&letters.as_str()) {
        return Err(Weak::Context);
    }
    // A short name in a long password is no reason: only what is left of the whole password counts.
    let is_personal = |text: &&str| {
        let text = text.to_lowercase();
        let name = letters_of(text.split('@').next().unwrap_or_default());
        text == lower || (name.chars().count() >= 3 && name == letters)
    };
    if personal.iter().any(is_personal) { Err(Weak::Personal) } else { Ok(()) }
}

fn letters_of(text: &str) -> String {
    text.chars().filter(|character| character.is_alphabetic()).collect()
}

fn is_common(lower: &str) -> bool {
    // The list is sorted by bytes; a search over its lines needs no copy of it.
    let (mut low, mut high) = (0, COMMON.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let start =
            COMMON.as_bytes()[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = COMMON.as_bytes()[middle..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(COMMON.len(), |at| middle + at);
        match COMMON[start..end].cmp(lower) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

/// What became of comparing a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Whether it is the one.
    pub right: bool,
    /// Whether it is hashed more cheaply than it would be today.
    pub outdated: bool,
}

/// Hashes and compares passwords.
#[derive(Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    cost: Params,
    /// The hash of something nobody knows, to be compared where there is no account: the same work, the same answer.
    nobody: Secret<String>,
}

impl Passwords {
    /// As strong as they should be.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        // Constants that argon2 knows to be good.
        Self::with(Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default(), cores, QUEUE)
    }

    fn with(cost: Params, parallel: usize, queue: usize) -> Self {
        // The digest belongs to no password, so nothing compares equal to it. Its costs are those of `cost`.
        let nobody = format!(
            "$argon2id$v=19$m={},t={},p={}$bm9ib2R5IGlzIGhlcmU$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            cost.m_cost(),
            cost.t_cost(),
            cost.p_cost()
        );
        Self {
            running: Arc::new(Semaphore::new(parallel)),
            admitted: Arc::new(Semaphore::new(parallel + queue)),
            cost,
            nobody: Secret::new(nobody),
        }
    }

    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, ApiError> {
        let argon = self.argon();
        self.run(move || {
            let hash = argon.hash_password(password.expose().as_bytes()).map_err(ApiError::defect)?;
            Ok(Secret::new(hash.to_string()))
        })
        .await
    }

    /// Compares a password with a hash; without one, with nobody's, which is never equal.
    pub async fn compare(
        &self,
        password: Secret<String>,
        hash: Option<Secret<String>>,
    ) -> Result<Compared, ApiError> {
        let is_somebody = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let (argon, cost) = (self.argon(), self.cost.clone());
        self.run(move || {
            let parsed = PasswordHash::new(hash.expose()).map_err(ApiError::defect)?;
            // The costs are those in the hash.
            let right = argon.verify_password(password.expose().as_bytes(), &parsed).is_ok();
            let was = Params::try_from(&parsed).map_err(ApiError::defect)?;
            let outdated = was.m_cost() < cost.m_cost() || was.t_cost() < cost.t_cost();
            Ok(Compared { right: right && is_somebody, outdated })
        })
        .await
    }

    fn argon(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.clone())
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let busy = || {
            ApiError::refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many people are signing in at this moment; try again in a second",
            )
            .after(1)
        };
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| busy())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(ApiError::defect)?;
        // Both permits go with the work: a caller that has gone away does not stop it.
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((running, admitted));
            done
        });
        work.await.map_err(ApiError::defect)?
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(parallel: usize, queue: usize) -> Passwords {
        Passwords::with(Params::new(64, 1, 1, None).unwrap(), parallel, queue)
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn any_long_enough_password_that_is_not_common_is_taken() {
        for good in ["correct horse battery", "пароль-из-слов", "        ", &"x".repeat(256), "ß∂ƒ©˙∆˚¬"]
        {
            assert_eq!(check(good, &[]), Ok(()), "{good}");
        }
        assert_eq!(check("seven77", &[]), Err(Weak::Length));
        assert_eq!(check(&"x".repeat(257), &[]), Err(Weak::Length));
        assert_eq!(check("ada@example.org", &["Ada@Example.org"]), Err(Weak::Personal));
    }

    #[test]
    fn words_of_the_context_and_names_are_refused_with_digits_about_them() {
        for word in CONTEXT {
            assert_eq!(check(&format!("{word}-2026!"), &[]), Err(Weak::Context), "{word}");
        }
        assert_eq!(check("Bot.Builder_77", &[]), Err(Weak::Context));
        for personal in ["Ada Lovelace", "ada.lovelace@example.org"] {
            assert_eq!(check("AdaLovelace1815", &[personal]), Err(Weak::Personal), "{personal}");
        }
        assert_eq!(check("99-acme-works-99", &["Acme Works"]), Err(Weak::Personal));
        assert_eq!(check("the botbuilder of my dreams", &["dreams"]), Ok(()));
        assert_eq!(check("12345-54321-99", &["", "7"]), Ok(()));
    }

    #[test]
    fn every_common_password_is_found_whatever_its_case() {
        for common in COMMON.lines() {
            assert!(is_common(common), "{common}");
        }
        assert_eq!(check("PassWord1", &[]), Err(Weak::Common));
        assert!(COMMON.lines().count() > 3000);
        assert!(!is_common("") && !is_common("zzzzzzzzzzzzzzzz-not") && !is_common("!"));
    }

    #[tokio::test]
    async fn only_the_whole_password_compares_equal() {
        let passwords = cheap(1, 4);
        let hash = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        for (text, right) in [("correct horse", true), ("correct hors", false), ("Correct horse", false)] {
            assert_eq!(
                passwords.compare(secret(text), Some(hash.clone())).await.unwrap().right,
                right,
                "{text}"
            );
        }
        let long = "x".repeat(200);
        let hash = passwords.hash(secret(&long)).await.unwrap();
        assert!(
            !passwords.compare(secret(&long[..199]), Some(hash)).await.unwrap().right,
            "nothing is cut off"
        );
    }

    #[tokio::test]
    async fn a_hash_of_lower_cost_is_right_and_outdated() {
        let hash = cheap(1, 1).hash(secret("correct horse")).await.unwrap();
        let stronger = Passwords::with(Params::new(128, 1, 1, None).unwrap(), 1, 1);
        let compared = stronger.compare(secret("correct horse"), Some(hash)).await.unwrap();
        assert_eq!(compared, Compared { right: true, outdated: true });
    }

    #[tokio::test]
    async fn without_an_account_the_same_work_is_done_and_nothing_is_right() {
        let passwords = Passwords::new();
        let parsed = PasswordHash::new(passwords.nobody.expose()).unwrap();
        let cost = Params::try_from(&parsed).unwrap();
        assert_eq!((cost.m_cost(), cost.t_cost(), cost.p_cost()), (MEMORY_KIB, PASSES, LANES));
        let compared = passwords.compare(secret("anything"), None).await.unwrap();
        assert_eq!(compared, Compared { right: false, outdated: false });
    }

    #[tokio::test]
    async fn beyond_the_queue_callers_are_told_to_come_back() {
        let passwords = cheap(1, 1);
        let running = Arc::clone(&passwords.running).acquire_owned().await.unwrap();
        let mut waiting = Box::pin(passwords.hash(secret("one")));
        let mut second = Box::pin(passwords.hash(secret("two")));
        // Polled once each: both are admitted, and wait for the core that is taken.
        assert!(futures_poll(&mut waiting).await.is_none());
        assert!(futures_poll(&mut second).await.is_none());
        assert!(matches!(passwords.hash(secret("three")).await, Err(ApiError::Refused(_))));
        drop(running);
        waiting.await.unwrap();
        second.await.unwrap();
        passwords.hash(secret("three")).await.unwrap();
    }

    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
