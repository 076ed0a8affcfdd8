//! Everything that reads what this network sends: callbacks, answers, and what is fetched.
#![no_main]

use botbuilder_adapter_telegram::Telegram;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| botbuilder_adapters_fuzz::read(&Telegram, body));
