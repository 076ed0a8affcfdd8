//! `botbuilder chat`: a visitor of the website's chat, in the terminal.

use std::time::Duration;

use anyhow::{Context as _, bail};
use botbuilder_service::config::Config;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_tungstenite::{client_async, tungstenite::Message};
use url::Url;

use crate::tell::say;

/// With which bot, where.
#[derive(clap::Args)]
pub struct Arguments {
    /// The widget's public key.
    #[arg(default_value = "demo-web")]
    widget: String,
    /// Where the public listener is; the configured address by default.
    #[arg(long)]
    url: Option<Url>,
}

/// After the end of the input, the conversation is over when the bot has said nothing for so long.
const QUIET: Duration = Duration::from_secs(2);

/// Talks until the end of the input.
pub async fn run(config: &Config, arguments: Arguments) -> anyhow::Result<()> {
    let address = match &arguments.url {
        Some(url) => match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) if url.scheme() == "http" => format!("{host}:{port}"),
            _ => bail!("--url has to be an http address with a host"),
        },
        None => config.listen.public.to_string(),
    };
    let stream = tokio::net::TcpStream::connect(&address)
        .await
        .with_context(|| format!("nothing listens on {address}; start `botbuilder dev` first"))?;
    let target = format!("ws://{address}/widget/v1/{}/ws", arguments.widget);
    let (mut socket, _) = client_async(target, stream).await.context("the chat was refused")?;
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut secret).context("no randomness")?;
    let secret = hex::encode(secret);
    let mut sent = 0_u32;
    let mut next_id = move || {
        sent += 1;
        sent.to_string()
    };
    let text = |value: Value| Message::Text(value.to_string().into());
    socket.send(text(json!({ "type": "hello", "secret": secret }))).await?;
    socket.send(text(json!({ "type": "opened", "client_msg_id": next_id() }))).await?;
    say(format_args!("talking with {} at {address}; end with ctrl-d", arguments.widget));

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut more = true;
    loop {
        tokio::select! {
            line = lines.next_line(), if more => match line? {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    let message = json!({ "type": "message", "client_msg_id": next_id(), "text": line });
                    socket.send(text(message)).await?;
                }
                None => more = false,
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(frame))) => {
                    show(&serde_json::from_str(&frame)?);
                }
                Some(Ok(Message::Close(_))) | None => bail!("the chat was closed"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the chat broke off"),
            },
            // After the end of the input, answers are waited for until none has come for a while.
            () = tokio::time::sleep(QUIET), if !more => break,
        }
    }
    socket.close(None).await?;
    Ok(())
}

/// Prints a frame.
fn show(frame: &Value) {
    let is_own = frame.get("role").and_then(Value::as_str) == Some("visitor");
    match frame.get("type").and_then(Value::as_str) {
        Some("frame") if is_own => {}
        Some("frame") => {
            let content = frame.get("content").unwrap_or(&Value::Null);
            let text = content.get("text").or_else(|| content.get("caption")).and_then(Value::as_str);
            say(format_args!("bot> {}", text.unwrap_or("[no text]")));
            let options = content.get("options").and_then(Value::as_array);
            for (index, option) in options.into_iter().flatten().enumerate() {
                let title = option.get("title").and_then(Value::as_str).unwrap_or_default();
                say(format_args!("     {}. {title}", index + 1));
            }
        }
        Some("error") => {
            say(format_args!("error: {}", frame.get("detail").and_then(Value::as_str).unwrap_or_default()));
        }
        _ => {}
    }
}
