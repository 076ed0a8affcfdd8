//! Sends the mails that wait in `email_notifications`: to a server, or as files into a folder where there is none.
//!
//! A mail is claimed with its attempt counted, sent, and settled. A program that dies in between leaves it claimed until
//! its lease is over; then it is sent again, under the same message id, so that a mailbox can tell.

mod templates;

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::Secret;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error,
    integrations::email_notifications::{self, Claimed, Outcome},
    secret::DataKeys,
};
use chrono::TimeDelta;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Runtime;

/// How often mails are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Most mails of one look.
const MOST: i64 = 20;
/// How long a claimed mail is nobody else's. Longer than sending [`MOST`] of them may take.
const LEASE: TimeDelta = TimeDelta::minutes(15);
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a failed mail waits; each further time four times as long.
const FIRST_WAIT: TimeDelta = TimeDelta::minutes(1);

/// What cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The sender is no address.
    #[error("email.from is no e-mail address: {0}")]
    From(#[from] lettre::address::AddressError),
    /// The server's address cannot be understood. It is not repeated: it holds a password.
    #[error("email.smtp_url cannot be understood")]
    Server,
    /// The folder cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    Outbox {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Where mails go.
pub enum Transport {
    /// To a server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// Into a folder, one file each.
    Outbox(PathBuf),
}

impl Transport {
    /// To a server: `smtps://user:password@host:465`.
    pub fn smtp(url: &Secret<String>) -> Result<Self, SetupError> {
        let builder =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose()).map_err(|_| SetupError::Server)?;
        Ok(Self::Smtp(builder.timeout(Some(PATIENCE)).build()))
    }

    /// Into a folder, which is made if it is missing.
    pub fn outbox(path: PathBuf) -> Result<Self, SetupError> {
        std::fs::create_dir_all(&path).map_err(|source| SetupError::Outbox { path: path.clone(), source })?;
        Ok(Self::Outbox(path))
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Outbox(_) => "outbox",
        }
    }
}

/// Why a mail was not taken.
struct Refused {
    /// Without the address, and without what the server said, which may hold it.
    error: String,
    /// Whether it will never be.
    for_good: bool,
}

/// The job.
pub struct Mailer {
    runtime: Runtime,
    keys: DataKeys,
    transport: Transport,
    from: Mailbox,
    base_url: String,
    worker: String,
}

impl Mailer {
    /// A mailer that sends as `from` and links to the public listener at `base_url`.
    pub fn new(
        runtime: Runtime,
        keys: DataKeys,
        transport: Transport,
        from: &str,
        base_url: String,
    ) -> Result<Self, SetupError> {
        let from = from.parse()?;
        let worker = format!("mailer-{}", runtime.ids.next());
        Ok(Self { runtime, keys, transport, from, base_url, worker })
    }

    /// Sends what is due. Returns how many were taken in hand.
    pub async fn look(&self) -> Result<usize, Error> {
        let now = self.runtime.clock.now();
        let mut tx = self.runtime.store.begin_worker().await?;
        let claimed = email_notifications::claim(&mut tx, &self.worker, MOST, now, now + LEASE).await?;
        tx.commit().await?;
        for mail in &claimed {
            self.send(mail).await?;
        }
        Ok(claimed.len())
    }

    async fn send(&self, mail: &Claimed) -> Result<(), Error> {
        let message_id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let mut subject = String::new();
        let result = if mail.suppressed {
            None
        } else {
            Some(match self.message(mail, &message_id) {
                Ok((text, message)) => {
                    subject = text;
                    self.deliver(mail, message).await
                }
                Err(error) => Err(Refused { error, for_good: true }),
            })
        };
        let now = self.runtime.clock.now();
        let outcome = match &result {
            None => Outcome::Suppressed,
            Some(Ok(())) => {
                Outcome::Sent { provider: self.transport.name(), message_id: &message_id, subject: &subject }
            }
            Some(Err(refused)) if refused.for_good || mail.is_last => {
                warn!(email.id = %mail.id, email.template = mail.template, error = refused.error, "mail was given up");
                Outcome::Failed { error: &refused.error }
            }
            Some(Err(refused)) => {
                let wait = FIRST_WAIT * 4_i32.pow(u32::try_from(mail.attempt - 1).unwrap_or(0).min(6));
                Outcome::Again { error: &refused.error, at: now + wait }
            }
        };
        let mut tx = self.runtime.store.begin_worker().await?;
        email_notifications::settle(&mut tx, mail.id, mail.attempt, outcome, now).await?;
        tx.commit().await
    }

    fn message(&self, mail: &Claimed, message_id: &str) -> Result<(String, Message), String> {
        let secrets = mail.open_secrets(&self.keys).map_err(|error| error.to_string())?;
        let secrets: serde_json::Value =
            serde_json::from_str(secrets.expose()).map_err(|_| "secrets cannot be read".to_owned())?;
        let token = secrets["token"].as_str();
        let text = templates::render(&mail.template, &mail.variables, token, &self.base_url)
            .ok_or_else(|| format!("there is no template {}", mail.template))?;
        let from = match &mail.from {
            Some(from) => {
                let address = from.parse().map_err(|_| "the sender is no address".to_owned())?;
                Mailbox::new(mail.variables["from_name"].as_str().map(str::to_owned), address)
            }
            None => self.from.clone(),
        };
        let to = mail.to.parse().map_err(|_| "the recipient is no address that can be sent to".to_owned())?;
        let message = Message::builder()
            .from(from)
            .to(Mailbox::new(None, to))
            .subject(text.subject.as_str())
            .date(self.runtime.clock.now().into())
            .message_id(Some(message_id.to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(text.body)
            .map_err(|error| error.to_string())?;
        Ok((text.subject, message))
    }

    async fn deliver(&self, mail: &Claimed, message: Message) -> Result<(), Refused> {
        match &self.transport {
            Transport::Smtp(server) => match tokio::time::timeout(PATIENCE, server.send(message)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(of_smtp(&error)),
                Err(_) => Err(Refused { error: "the server took too long".to_owned(), for_good: false }),
            },
            Transport::Outbox(folder) => {
                let path = folder.join(format!("{}.eml", mail.id));
                let bytes = message.formatted();
                let written = tokio::task::spawn_blocking(move || write_private(&path, &bytes)).await;
                let failed = |error: String| Refused { error, for_good: false };
                written.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
            }
        }
    }
}

fn of_smtp(error: &smtp::Error) -> Refused {
    let error_text = match error.status() {
        Some(code) => format!("the server answered {code}"),
        None if error.is_timeout() => "the server took too long".to_owned(),
        None if error.is_tls() => "no secure connection to the server".to_owned(),
        None => "the server cannot be reached".to_owned(),
    };
    Refused { error: error_text, for_good: error.is_permanent() }
}

/// Writes a file that only its owner may read, because it holds links; it appears whole or not at all.
fn write_private(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

#[async_trait]
impl Service for Mailer {
    fn name(&self) -> &'static str {
        "mailer"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        if let Transport::Outbox(folder) = &self.transport {
            info!(path = %folder.display(), "no mail server is configured: mails are written into a folder");
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.look().await {
                warn!(error = %error, "mails wait");
            }
        }
    }
}

#[cfg(test)]
mod tests;
