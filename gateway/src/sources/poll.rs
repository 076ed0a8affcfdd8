//! Asking again and again. A question confirms what the one before it brought, so it is put once that is durable.

use std::time::Duration;

use botbuilder_adapter_kit::{Poll, Trouble};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::account::{Run, Shown};

/// How much longer than the provider's patience an answer may take.
const GRACE: Duration = Duration::from_secs(15);

pub(super) async fn run(
    run: &Run<'_>,
    channel: &dyn Poll,
    shown: &mut Option<Shown>,
    stop: &CancellationToken,
) -> Result<(), Trouble> {
    for request in channel.prepare(run.account)? {
        let answer = run.http.call(request).await?;
        channel.prepared(&answer)?;
    }
    let mut confirm: Option<String> = None;
    let mut first = true;
    loop {
        let question = channel.ask(run.account, confirm.as_deref(), first)?;
        first = false;
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            answer = run.http.call_within(question, channel.patience() + GRACE) => answer?,
        };
        let received = run.gateway.clock.now();
        let polled = channel.read(run.account, &answer)?;
        run.is_well(shown).await;
        if polled.skipped > 0 {
            warn!(channel.id = %run.account.channel, count = polled.skipped, "items without a number are left out");
        }
        run.keep(polled.deliveries, received).await?;
        confirm = polled.confirm.or(confirm);
    }
}
