//! A socket that the provider writes to, and the next one before that one is closed.
//!
//! Each socket is a task. What comes is acknowledged once it is durable. When the provider says that it is going to close
//! a socket, the next one is opened first, and the old one is read until it is closed, so nothing falls between the two.

use std::{sync::Arc, time::Duration};

use botbuilder_adapter_kit::{Account, Delivery, Frame, Socket, Trouble};
use botbuilder_domain::ChannelId;
use botbuilder_service::http;
use chrono::{DateTime, Utc};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    sync::mpsc,
    time::{Instant, interval_at, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::account::{Run, Shown};

/// How often we ask whether the other side is there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// A socket that is silent for so long is gone.
const SILENT_FOR: Duration = Duration::from_secs(45);
/// The provider gives an envelope so long to be acknowledged, less what the way back takes.
const KEEP_WITHIN: Duration = Duration::from_millis(2_500);
/// The pause before something is kept once more.
const KEEP_AGAIN: Duration = Duration::from_millis(100);
/// How long an old socket is read while the provider goes on to use it.
const OLD_FOR: Duration = Duration::from_secs(10);
/// How long the provider may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(15);

/// What a socket tells whoever looks after both.
enum Told {
    /// It is ready.
    Hello,
    /// The next one is to be opened.
    Refresh,
    /// It is closed, and why.
    Ended(Result<(), Trouble>),
}

/// A socket's number, and what it tells.
type Telling = mpsc::UnboundedSender<(u64, Told)>;

pub(super) async fn run(
    run: &Run<'_>,
    channel: &dyn Socket,
    shown: &mut Option<Shown>,
    stop: &CancellationToken,
) -> Result<(), Trouble> {
    let (telling, mut told) = mpsc::unbounded_channel();
    let mut sockets = futures_util::stream::FuturesUnordered::new();
    let mut current: (u64, CancellationToken) = (0, stop.child_token());
    sockets.push(one(run, channel, telling.clone(), 0, current.1.clone()));
    // The one before, which is closed once the current one is ready.
    let mut old: Option<CancellationToken> = None;
    loop {
        let (number, what) = tokio::select! {
            told = told.recv() => match told {
                Some(told) => told,
                None => return Ok(()),
            },
            Some(()) = sockets.next() => continue,
        };
        let is_current = number == current.0;
        match what {
            Told::Hello => {
                run.is_well(shown).await;
                if let Some(old) = old.take().filter(|_| is_current) {
                    old.cancel();
                }
            }
            Told::Refresh if is_current => {
                info!(channel.id = %run.account.channel, "the provider closes the socket: the next one is opened");
                let next = (number + 1, stop.child_token());
                sockets.push(one(run, channel, telling.clone(), next.0, next.1.clone()));
                old = Some(std::mem::replace(&mut current, next).1);
            }
            Told::Ended(outcome) if is_current => {
                if stop.is_cancelled() {
                    return Ok(());
                }
                outcome?;
                return Err(Trouble::passing("provider_unavailable", "the socket was closed"));
            }
            Told::Refresh | Told::Ended(_) => {}
        }
    }
}

/// One socket, from its opening to its end.
async fn one(run: &Run<'_>, channel: &dyn Socket, telling: Telling, number: u64, stop: CancellationToken) {
    let outcome = tokio::select! {
        opened = open(run, channel) => match opened {
            Ok(socket) => read(run, channel, socket, &telling, number, &stop).await,
            Err(trouble) => Err(trouble),
        },
        () = stop.cancelled() => Ok(()),
    };
    // Whoever listens is gone where everything ends.
    let _ = telling.send((number, Told::Ended(outcome)));
}

async fn open(run: &Run<'_>, channel: &dyn Socket) -> Result<http::Socket, Trouble> {
    let answer = run.http.call(channel.open(run.account)?).await?;
    let address = channel.address(&answer)?;
    let refused = |error: http::Error| Trouble::passing("provider_unavailable", error.to_string());
    run.http.socket(&address).await.map_err(refused)
}

async fn read(
    run: &Run<'_>,
    channel: &dyn Socket,
    mut socket: http::Socket,
    telling: &Telling,
    number: u64,
    stop: &CancellationToken,
) -> Result<(), Trouble> {
    let broken =
        |what: String| Trouble::passing("provider_unavailable", format!("the socket broke ({what})"));
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = Instant::now();
    let mut greeted = false;
    let mut leaving: Option<Instant> = None;
    loop {
        let patience = if greeted { SILENT_FOR } else { HELLO_WITHIN };
        let until = leaving.unwrap_or(heard + patience);
        let frame = tokio::select! {
            frame = socket.next() => frame,
            () = stop.cancelled(), if leaving.is_none() => {
                // It is read on until the other side has closed it: what it wrote before is not lost.
                leaving = Some(Instant::now() + OLD_FOR);
                let _ = timeout(KEEP_WITHIN, socket.close(None)).await;
                continue;
            }
            _ = pings.tick(), if leaving.is_none() => {
                socket.send(Message::Ping(Vec::new().into())).await.map_err(|error| broken(error.to_string()))?;
                continue;
            }
            () = tokio::time::sleep_until(until) => {
                return if leaving.is_some() { Ok(()) } else { Err(broken("silence".to_owned())) };
            }
        };
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => return Ok(()),
            // Pings are answered by the library.
            Some(Ok(_)) => {
                heard = Instant::now();
                continue;
            }
            Some(Err(_)) if leaving.is_some() => return Ok(()),
            Some(Err(error)) => return Err(broken(error.to_string())),
        };
        heard = Instant::now();
        let received = run.gateway.clock.now();
        match channel.read(run.account, &text, received) {
            Frame::Hello => {
                greeted = true;
                let _ = telling.send((number, Told::Hello));
            }
            Frame::Refresh => {
                let _ = telling.send((number, Told::Refresh));
            }
            Frame::Refused(trouble) => return Err(trouble),
            Frame::Ignored => {}
            Frame::Delivery { delivery, acknowledge } => {
                if keep(run, run.account, delivery, received).await {
                    acknowledged(&mut socket, acknowledge).await;
                }
            }
            Frame::Foreign { accounts } => {
                if let Some(acknowledge) = pass_on(run, channel, &text, &accounts, received).await {
                    acknowledged(&mut socket, acknowledge).await;
                }
            }
        }
    }
}

/// Tells that something is durable; where this is not heard it comes again, and is known.
async fn acknowledged(socket: &mut http::Socket, acknowledge: String) {
    if let Err(error) = socket.send(Message::text(acknowledge)).await {
        debug!(error = %error, "something that was kept was not acknowledged");
    }
}

/// Keeps what came for other accounts of the app, and gives what to write back. None where it is kept for nobody: it comes
/// again, perhaps to somebody who knows whose it is.
async fn pass_on(
    run: &Run<'_>,
    channel: &dyn Socket,
    frame: &str,
    accounts: &[String],
    received: DateTime<Utc>,
) -> Option<String> {
    let kind = run.account.kind;
    let mut answer = None;
    let mut done: Vec<ChannelId> = Vec::new();
    for id in accounts {
        let found = run.gateway.accounts.by_provider_account(kind, id).await;
        let found = found.inspect_err(|error| {
            warn!(error = %error, "account of something that came over a socket cannot be looked up");
        });
        for account in found.ok()? {
            // Whoever has another app's token is not told what this app hears.
            if done.contains(&account.channel) || !channel.is_same_app(run.account, &account) {
                continue;
            }
            let Frame::Delivery { delivery, acknowledge } = channel.read(&account, frame, received) else {
                continue;
            };
            if !keep(run, &account, delivery, received).await {
                return None;
            }
            done.push(account.channel);
            answer = Some(acknowledge);
        }
    }
    if answer.is_none() {
        debug!(channel.id = %run.account.channel, "something came over a socket for an account that is not connected");
        metrics::counter!("ingress_unconnected_total", "channel" => kind.as_str()).increment(1);
    }
    answer
}

/// Keeps what came, while the provider waits for it. What it sends once more if it hears nothing; taps and commands it
/// does not, so a moment without the stream is waited out.
async fn keep(run: &Run<'_>, account: &Arc<Account>, delivery: Delivery, received: DateTime<Utc>) -> bool {
    let deadline = Instant::now() + KEEP_WITHIN;
    loop {
        match run.keep_for(account, vec![delivery.clone()], received).await {
            Ok(()) => return true,
            Err(_) if Instant::now() + KEEP_AGAIN < deadline => sleep(KEEP_AGAIN).await,
            Err(_) => return false,
        }
    }
}
