//! How many messages a second the WhatsApp fake takes: `cargo run --release -p botbuilder-testkit --example
//! fake_throughput -- 20000`.

use std::time::{Duration, Instant};

use botbuilder_testkit::{fake::whatsapp, local_client::LocalClient};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    const CLIENTS: u32 = 32;
    let count: u32 = std::env::args().nth(1).map_or(Ok(20_000), |count| count.parse())?;
    let fake = whatsapp::Fake::start(whatsapp::Options::default()).await?;
    let client = LocalClient::new(Duration::from_secs(10))?;
    let url = format!("{}/v26.0/106540352242922/messages", fake.base_url());
    let started = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..CLIENTS {
        let (client, url) = (client.clone(), url.clone());
        senders.spawn(async move {
            for number in 0..count / CLIENTS {
                let body = json!({
                    "messaging_product": "whatsapp", "to": format!("1555{sender:07}"), "type": "text",
                    "text": { "body": format!("message {number}") },
                });
                let answer = client.post(&url)?.bearer_auth("fake-access-token").json(&body).send().await?;
                answer.error_for_status()?.bytes().await?;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    while let Some(outcome) = senders.join_next().await {
        outcome?.map_err(|error| error.to_string())?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let accepted = u32::try_from(fake.counters().accepted)?;
    println!("{accepted} messages in {seconds:.2} s: {:.0} a second", f64::from(accepted) / seconds);
    Ok(())
}
