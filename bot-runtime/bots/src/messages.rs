//! `bot_messages` as the engine has them.

use botbuilder_domain::{BotId, ChannelKind};
use botbuilder_flow::{
    Authored, IntentAnswer, Keyword, KeywordMatch, Messages,
    authored::{Pattern, read_content},
};
use botbuilder_store::{bots::bot_messages::Written, nlu::taught::Answered};
use tracing::warn;

/// What is done about an intent. None where nothing is: it names no flow, and its message cannot be said.
pub(crate) fn intent_answer(bot: BotId, row: Answered) -> Option<IntentAnswer> {
    let said = row.message.zip(row.content);
    let reply = said.and_then(|(id, content)| {
        let channels = row.channel_types.unwrap_or_default();
        authored(bot, id.to_string(), row.language.unwrap_or_default(), &channels, &content)
    });
    let flow = row.flow.map(|flow| flow.to_string());
    (flow.is_some() || reply.is_some()).then_some(IntentAnswer { intent: row.intent, flow, reply })
}

/// A message as the engine has it. None where it cannot be said, or is for networks that this program does not know.
fn authored(
    bot: BotId,
    id: String,
    language: String,
    channel_types: &[String],
    content: &serde_json::Value,
) -> Option<Authored> {
    let parts = read_content(content)
        .inspect_err(|error| warn!(bot.id = %bot, message.id = %id, error, "message cannot be said"))
        .ok()?;
    let channels: Vec<ChannelKind> =
        channel_types.iter().filter_map(|name| ChannelKind::parse(name)).collect();
    let is_for_us = !channels.is_empty() || channel_types.is_empty();
    is_for_us.then_some(Authored { id, language, channels, parts })
}

/// The messages by their kinds, and those that answer single words.
pub(crate) fn sorted(bot: BotId, rows: Vec<Written>) -> (Messages, Vec<Keyword>) {
    let (mut messages, mut keywords) = (Messages::default(), Vec::new());
    for row in rows {
        let said = authored(bot, row.id.to_string(), row.language, &row.channel_types, &row.content);
        let Some(said) = said else { continue };
        match row.kind.as_str() {
            "welcome" => messages.welcome.push(said),
            "fallback" => messages.fallback.push(said),
            "handoff" => messages.handoff.push(said),
            "away" => messages.away.push(said),
            "error" => messages.error.push(said),
            "keyword" => keywords.push(keyword(bot, &row.match_mode, row.trigger_keywords, said)),
            // `canned` is for people.
            _ => {}
        }
    }
    (messages, keywords)
}

fn keyword(bot: BotId, mode: &str, words: Vec<String>, reply: Authored) -> Keyword {
    if mode != "pattern" {
        let matches = if mode == "contains" { KeywordMatch::Contains } else { KeywordMatch::Exact };
        return Keyword { words, matches, patterns: Vec::new(), reply };
    }
    let read = |word: String| {
        Pattern::try_from(word)
            .inspect_err(|error| warn!(bot.id = %bot, message.id = %reply.id, error, "pattern is left out"))
            .ok()
    };
    let patterns = words.into_iter().filter_map(read).collect();
    Keyword { words: Vec::new(), matches: KeywordMatch::Exact, patterns, reply }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn rows_become_messages_and_keywords() {
        let row = |kind: &str, mode: &str, words: &[&str], channels: &[&str], content| Written {
            id: Uuid::nil(),
            kind: kind.to_owned(),
            language: "en".to_owned(),
            trigger_keywords: words.iter().map(|word| (*word).to_owned()).collect(),
            match_mode: mode.to_owned(),
            channel_types: channels.iter().map(|kind| (*kind).to_owned()).collect(),
            content,
        };
        let hello = json!({ "text": "Hello" });
        let (messages, keywords) = sorted(
            BotId::new(Uuid::nil()),
            vec![
                row("welcome", "none", &[], &[], hello.clone()),
                row("welcome", "none", &[], &["web", "fax"], hello.clone()),
                row("welcome", "none", &[], &["fax"], hello.clone()),
                row("error", "none", &[], &[], json!({ "media": { "type": "poem" } })),
                row("canned", "none", &[], &[], hello.clone()),
                row("keyword", "contains", &["price"], &[], hello.clone()),
                row("keyword", "pattern", &["^h[ae]lp$", "("], &[], hello),
            ],
        );
        assert_eq!((messages.welcome.len(), messages.error.len()), (2, 0));
        assert_eq!(messages.welcome[1].channels, [ChannelKind::Web]);
        assert_eq!(keywords[0].matches, KeywordMatch::Contains);
        assert_eq!((keywords[1].words.len(), keywords[1].patterns.len()), (0, 1));
    }
}
