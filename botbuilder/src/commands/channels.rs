//! `botbuilder channels`.

use crate::tell::say;

/// Lists the channels and what each can show.
pub fn run() {
    say(format_args!(
        "{:<10} {:>6} {:>8} {:>6} {:>6}  {:<6} {:<9} {}",
        "channel", "text", "buttons", "list", "media", "read", "window", "arrives by"
    ));
    for channel in botbuilder_adapters::registry().all() {
        let can = channel.capabilities();
        let window = can.reply_window_hours.map_or_else(|| "none".to_owned(), |hours| format!("{hours} h"));
        let yes = |can: bool| if can { "yes" } else { "no" };
        say(format_args!(
            "{:<10} {:>6} {:>8} {:>6} {:>6}  {:<6} {:<9} {}",
            channel.kind(),
            can.text_max,
            can.buttons_max,
            can.list_rows_max,
            yes(can.media),
            yes(can.read_receipts),
            window,
            if channel.webhook().is_some() { "/hooks/{public_id}" } else { "/widget/v1/{public_key}" },
        ));
    }
}
