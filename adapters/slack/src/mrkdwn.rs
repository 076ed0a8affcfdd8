//! Slack's text: `&`, `<` and `>` are escaped, and what stands between `<` and `>` names something.

/// A text as Slack wants it: the three characters that mean something to it are escaped.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text as a person reads it. A mention of `bot` at its beginning calls the bot and is left out.
pub(crate) fn plain(text: &str, bot: Option<&str>) -> String {
    let mut rest = bot.map_or(text, |bot| without_call(text, bot));
    let mut shown = String::with_capacity(rest.len());
    while let Some(start) = rest.find('<') {
        shown.push_str(&unescaped(&rest[..start]));
        let after = &rest[start + 1..];
        let Some(end) = after.find('>') else {
            shown.push('<');
            rest = after;
            continue;
        };
        shown.push_str(&named(&after[..end]));
        rest = &after[end + 1..];
    }
    shown.push_str(&unescaped(rest));
    shown
}

/// Whether a text names a user.
pub(crate) fn mentions(text: &str, user: &str) -> bool {
    text.split("<@").skip(1).any(|after| {
        let id = after.split(['>', '|']).next().unwrap_or_default();
        !id.is_empty() && id == user
    })
}

fn without_call<'t>(text: &'t str, bot: &str) -> &'t str {
    let called = text.trim_start().strip_prefix("<@").and_then(|after| after.strip_prefix(bot));
    let Some(after) = called else { return text };
    // `<@U1>` and `<@U1|name>`.
    let rest = after.strip_prefix('>').or_else(|| {
        let (_, rest) = after.strip_prefix('|')?.split_once('>')?;
        Some(rest)
    });
    rest.map_or(text, |rest| rest.trim_start_matches([' ', ':', ',']))
}

/// What is shown for the inside of `<…>`.
fn named(inside: &str) -> String {
    let (target, label) = match inside.split_once('|') {
        Some((target, label)) => (target, Some(unescaped(label)).filter(|label| !label.is_empty())),
        None => (inside, None),
    };
    let target = unescaped(target);
    if let Some(id) = target.strip_prefix('@') {
        return format!("@{}", label.as_deref().unwrap_or(id).trim_start_matches('@'));
    }
    if let Some(id) = target.strip_prefix('#') {
        return format!("#{}", label.as_deref().unwrap_or(id).trim_start_matches('#'));
    }
    if let Some(command) = target.strip_prefix('!') {
        // `!here`, `!subteam^S1`, `!date^…`: with a label that, else the last word of what is said.
        let word = command.rsplit('^').next().unwrap_or(command);
        return label.unwrap_or_else(|| format!("@{word}"));
    }
    let address = target.strip_prefix("mailto:").or(target.strip_prefix("tel:")).unwrap_or(&target);
    match label {
        Some(label) if label == address || target.ends_with(&label) => target_or(&label, address),
        Some(label) => format!("{label} ({target})"),
        None => address.to_owned(),
    }
}

/// A label that is a part of its address stands for it: `<https://a.example|a.example>` is the whole address.
fn target_or(label: &str, address: &str) -> String {
    if address.contains("://") { address.to_owned() } else { label.to_owned() }
}

fn unescaped(text: &str) -> String {
    // `&amp;` last, so that `&amp;lt;` becomes `&lt;`.
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_person_reads_names_and_addresses() {
        for (written, read) in [
            ("plain", "plain"),
            ("a &lt;b&gt; &amp; c", "a <b> & c"),
            ("&amp;lt;", "&lt;"),
            ("hi <@U1> and <@U2|ada>", "hi @U1 and @ada"),
            ("see <#C1|general> or <#C2>", "see #general or #C2"),
            ("<!here> <!subteam^S1|@team> <!subteam^S1>", "@here @team @S1"),
            ("<!date^1700000000^{date}|14 November>", "14 November"),
            ("<https://a.example/?x=1&amp;y=2>", "https://a.example/?x=1&y=2"),
            ("<https://a.example|a.example>", "https://a.example"),
            ("<https://a.example|our shop>", "our shop (https://a.example)"),
            ("<mailto:a@b.example|a@b.example>", "a@b.example"),
            ("<mailto:a@b.example>", "a@b.example"),
            ("<tel:+4915112345678|+4915112345678>", "+4915112345678"),
            ("1 < 2", "1 < 2"),
            ("<", "<"),
            ("<>", ""),
        ] {
            assert_eq!(plain(written, None), read, "{written}");
        }
    }

    #[test]
    fn a_call_of_the_bot_is_left_out() {
        for (written, read) in [
            ("<@UBOT> order 7", "order 7"),
            ("<@UBOT|shop>: order 7", "order 7"),
            (" <@UBOT>order", "order"),
            ("<@UBOT>", ""),
            ("<@UBOTH> hi", "@UBOTH hi"),
            ("ask <@UBOT>", "ask @UBOT"),
        ] {
            assert_eq!(plain(written, Some("UBOT")), read, "{written}");
        }
    }

    #[test]
    fn a_mention_is_found_anywhere() {
        assert!(mentions("ask <@U1> now", "U1") && mentions("<@U2><@U1|ada>", "U1"));
        assert!(!mentions("ask <@U12>", "U1") && !mentions("@U1", "U1") && !mentions("<@>", ""));
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_again(text in "\\PC{0,60}") {
            prop_assert_eq!(plain(&escape(&text), None), text);
        }

        #[test]
        fn nothing_makes_it_panic(text in "[<>@#!|&a-z^;é]{0,60}") {
            plain(&text, Some("a"));
            mentions(&text, "a");
        }
    }
}
