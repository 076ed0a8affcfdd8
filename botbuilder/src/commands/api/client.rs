//! Calls the API with a token, or with the session that `login` left on this machine, which it renews.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use axum::http::{HeaderName, Method};
use botbuilder_domain::Secret;
use botbuilder_service::{
    config::{Config, Outbound},
    http::{self, Request},
};
use serde_json::{Value, json};
use url::Url;

use crate::tell::say;

/// Where the API is, and with which credentials.
#[derive(clap::Args)]
pub struct Where {
    /// The public listener; the configured one by default.
    #[arg(long, global = true, env = "BOTBUILDER_URL")]
    url: Option<Url>,
    /// An API token; without one, the session of `botbuilder api login`.
    #[arg(long, global = true, env = "BOTBUILDER_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A client of one API.
pub struct Client {
    http: http::Client,
    base: String,
    token: Option<Secret<String>>,
    session: PathBuf,
}

/// An answer of success.
pub struct Answer {
    /// The body; null where there is none.
    pub body: Value,
    /// The version of what was answered.
    pub etag: Option<String>,
}

impl Client {
    /// A client of the API there.
    pub fn open(config: &Config, at: &Where) -> anyhow::Result<Self> {
        let base = match &at.url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => config.listen.base_url(),
        };
        let outbound = Outbound { allow: vec![base.parse()?], ..config.outbound.clone() };
        let home = std::env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
        let session = home.context("neither XDG_STATE_HOME nor HOME is set")?.join("botbuilder/session.json");
        Ok(Self {
            http: http::Client::new(&outbound)?,
            base,
            token: at.token.clone().map(Secret::new),
            session,
        })
    }

    /// Signs in, and keeps the session.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
        code: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let body = json!({ "email": email, "password": password });
        let mut answer = self.send(&Method::POST, "/v1/auth/login", &[], Some(&body), &[], None).await?.body;
        if let Some(challenge) = answer.pointer("/data/challenge").cloned() {
            let body = json!({ "challenge": challenge, "code": code()? });
            answer = self.send(&Method::POST, "/v1/auth/login/2fa", &[], Some(&body), &[], None).await?.body;
        }
        self.keep(&answer)?;
        say(format_args!("signed in at {} as {email}", self.base));
        Ok(())
    }

    /// Ends the session.
    pub async fn logout(&self) -> anyhow::Result<()> {
        if let Some((access, _)) = self.kept()? {
            // It may have ended by itself.
            let _ = self.send(&Method::POST, "/v1/auth/logout", &[], None, &[], Some(&access)).await;
            fs::remove_file(&self.session).context("the session cannot be forgotten")?;
        }
        Ok(())
    }

    /// Makes a call; renews the session if it is over.
    pub async fn call(
        &mut self,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
        headers: &[(&'static str, String)],
    ) -> anyhow::Result<Answer> {
        if let Some(token) = &self.token {
            return Ok(self.send(method, path, query, body, headers, Some(token)).await?);
        }
        let Some((access, refresh)) = self.kept()? else {
            bail!("sign in first with `botbuilder api login`, or give a token in BOTBUILDER_TOKEN");
        };
        match self.send(method, path, query, body, headers, Some(&access)).await {
            Err(Problem::Answered { status: 401, .. }) => {}
            done => return Ok(done?),
        }
        let asked = json!({ "refresh_token": refresh.expose() });
        let renewed = self.send(&Method::POST, "/v1/auth/refresh", &[], Some(&asked), &[], None).await;
        self.keep(&renewed.context("the session is over; sign in again")?.body)?;
        let (access, _) = self.kept()?.context("the session was not kept")?;
        Ok(self.send(method, path, query, body, headers, Some(&access)).await?)
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
        headers: &[(&'static str, String)],
        token: Option<&Secret<String>>,
    ) -> Result<Answer, Problem> {
        let mut url = Url::parse(&format!("{}{path}", self.base)).map_err(|_| Problem::Address)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::new(method.clone(), url.as_str())?;
        if let Some(token) = token {
            request = request.bearer(token)?;
        }
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), value)?;
        }
        if let Some(body) = body {
            request = request.json(body.to_string());
        }
        let answer = self.http.send(request).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !answer.status.is_success() {
            let mut text =
                body.get("detail").and_then(Value::as_str).unwrap_or("no reason was given").to_owned();
            for error in body.get("errors").and_then(Value::as_array).into_iter().flatten().skip(1) {
                let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
                text.extend(["\n  ", part("field"), ": ", part("detail")]);
            }
            return Err(Problem::Answered { status: answer.status.as_u16(), text });
        }
        let etag = answer.headers.get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        Ok(Answer { body, etag })
    }

    /// The tokens of the session at this address.
    fn kept(&self) -> anyhow::Result<Option<(Secret<String>, Secret<String>)>> {
        let Ok(text) = fs::read_to_string(&self.session) else { return Ok(None) };
        let all: Value = serde_json::from_str(&text).context("the kept session cannot be read")?;
        let kept = all.get(&self.base);
        let token = |name: &str| kept?.get(name)?.as_str().map(|token| Secret::new(token.to_owned()));
        Ok(token("access_token").zip(token("refresh_token")))
    }

    /// Keeps the tokens of an answer, for nobody but this account of the machine to read.
    fn keep(&self, answer: &Value) -> anyhow::Result<()> {
        let token = |name: &str| answer.pointer(&format!("/data/{name}")).and_then(Value::as_str);
        let (Some(access), Some(refresh)) = (token("access_token"), token("refresh_token")) else {
            bail!("the answer holds no session");
        };
        let folder = self.session.parent().context("a file without a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let before = fs::read_to_string(&self.session).unwrap_or_default();
        let mut all: Value = serde_json::from_str(&before).unwrap_or_else(|_| json!({}));
        all[&self.base] = json!({ "access_token": access, "refresh_token": refresh });
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.session)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(file.write_all(all.to_string().as_bytes())?)
    }
}

/// Why there is no answer of success.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{text} ({status})")]
    Answered { status: u16, text: String },
    #[error("that is no address")]
    Address,
    #[error(transparent)]
    Http(#[from] http::Error),
}
