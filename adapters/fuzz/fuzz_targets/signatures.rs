//! Headers that prove where a callback is from: none that was not made with the secret is believed.
//!
//! The input's first byte chooses the network, the rest up to a zero byte is the header's value, then the body.
#![no_main]

use botbuilder_adapter_kit::Channel;
use botbuilder_adapters_fuzz::{account, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((which, rest)) = input.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let value = String::from_utf8_lossy(&rest[..end]).into_owned();
    let body = rest.get(end + 1..).unwrap_or_default();
    let (channel, header): (&dyn Channel, &str) = match which % 4 {
        0 => (&botbuilder_adapter_whatsapp::Whatsapp, "x-hub-signature-256"),
        1 => (&botbuilder_adapter_instagram::Instagram, "x-hub-signature-256"),
        2 => (&botbuilder_adapter_telegram::Telegram, botbuilder_adapter_telegram::SECRET_HEADER),
        _ => (&botbuilder_adapter_slack::Slack, botbuilder_adapter_slack::SIGNATURE_HEADER),
    };
    let timestamp = (botbuilder_adapter_slack::TIMESTAMP_HEADER.to_owned(), "0".to_owned());
    let posted = request(vec![(header.to_owned(), value.clone()), timestamp], body);
    let Some(webhook) = channel.webhook() else { return };
    let mut account = account(channel.kind());
    // A secret that no input can name by chance.
    account.webhook_secrets = vec![botbuilder_domain::Secret::new("f1e9c3a07d5b4826".repeat(4))];
    assert!(webhook.verify(&account, &posted).is_err(), "{value:?} is believed");
});
