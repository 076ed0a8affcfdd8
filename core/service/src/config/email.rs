//! `[email]`: mails about accounts and invitations.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, Problem, secret_value};
use botbuilder_domain::Secret;

/// Mails.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// Who they come from.
    pub from: String,
    /// The server that takes them: `smtps://user:password@host:465`, or `smtp://host:587?tls=required`.
    #[serde(serialize_with = "secret_value::hide")]
    pub smtp_url: Option<Secret<String>>,
    /// A file that holds it.
    pub smtp_url_file: Option<PathBuf>,
    /// Where they are written as files while there is no server. Relative to the data directory.
    pub outbox: PathBuf,
    /// Whether the server may also send from the addresses of organizations that have proved their mail domain: it signs
    /// for their domains, or their domains name it in their SPF record. Otherwise receivers would take such mail for forged.
    pub organizations_senders: bool,
}

impl Default for Email {
    fn default() -> Self {
        Self {
            from: "BotBuilder <no-reply@localhost>".to_owned(),
            smtp_url: None,
            smtp_url_file: None,
            outbox: PathBuf::from("outbox"),
            organizations_senders: false,
        }
    }
}

impl Email {
    /// The address of the server, if there is one.
    pub fn server(&self) -> Result<Option<Secret<String>>, Error> {
        secret_value::resolve("email.smtp_url", self.smtp_url.as_ref(), self.smtp_url_file.as_deref())
    }

    /// The folder of mails that no server takes.
    pub fn outbox(&self, data_dir: &Path) -> PathBuf {
        data_dir.join(&self.outbox)
    }

    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        let (value, file) = (self.smtp_url.as_ref(), self.smtp_url_file.as_deref());
        secret_value::not_both("email.smtp_url", value, file, problems);
        Problem::unless(self.from.contains('@'), "email.from", "must hold an e-mail address", problems);
        if let Some(url) = value {
            Problem::unless(
                ["smtp://", "smtps://"].iter().any(|scheme| url.expose().starts_with(scheme)),
                "email.smtp_url",
                "must begin with smtps:// or smtp://",
                problems,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(email: &Email) -> usize {
        let mut problems = Vec::new();
        email.validate(&mut problems);
        problems.len()
    }

    #[test]
    fn a_server_is_named_once_and_by_its_protocol() {
        assert_eq!(problems(&Email::default()), 0);
        let smtp = |url: &str| Email { smtp_url: Some(Secret::new(url.to_owned())), ..Email::default() };
        assert_eq!(problems(&smtp("smtps://mail.example.org")), 0);
        assert_eq!(problems(&smtp("mail.example.org")), 1);
        let twice = Email { smtp_url_file: Some("/x".into()), ..smtp("smtps://mail.example.org") };
        assert_eq!(problems(&twice), 1);
        assert_eq!(problems(&Email { from: "nobody".to_owned(), ..Email::default() }), 1);
    }
}
