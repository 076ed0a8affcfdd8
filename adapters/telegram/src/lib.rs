//! The Telegram Bot API channel.
