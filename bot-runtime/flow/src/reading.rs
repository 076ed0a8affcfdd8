//! Reads answers that people type: numbers, addresses, days, times. Each gives the one form that is kept, or
//! nothing.

use chrono::NaiveDate;

/// A number with a point or a comma before its decimals, without thousands marks.
pub(crate) fn number(answer: &str) -> Option<f64> {
    let digits = answer.strip_prefix(['-', '+']).unwrap_or(answer);
    let is_plain = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '.' || letter == ',');
    if !is_plain {
        return None;
    }
    answer.replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite())
}

/// An e-mail address as people have them: no quotes, no comments, a domain with a dot.
pub(crate) fn email(answer: &str) -> Option<String> {
    let (local, domain) = answer.rsplit_once('@')?;
    let is_local = (1..=64).contains(&local.len())
        && local.chars().all(|letter| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    (is_local && is_host(domain)).then(|| format!("{local}@{}", domain.to_lowercase()))
}

/// A host with at least two labels.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.contains('.') && host.split('.').all(is_label)
}

/// A telephone number: the digits, with the plus it came with; `00` in front counts as a plus.
pub(crate) fn phone(answer: &str) -> Option<String> {
    let mut digits = String::new();
    for (index, letter) in answer.char_indices() {
        match letter {
            '0'..='9' => digits.push(letter),
            '+' if index == 0 => {}
            ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}' => {}
            _ => return None,
        }
    }
    let international = digits.strip_prefix("00").filter(|_| !answer.starts_with('+'));
    let (plus, digits) = match international {
        Some(digits) => ("+", digits),
        None if answer.starts_with('+') => ("+", digits.as_str()),
        None => ("", digits.as_str()),
    };
    (7..=15).contains(&digits.len()).then(|| format!("{plus}{digits}"))
}

/// A web address, with its scheme.
pub(crate) fn url(answer: &str) -> Option<String> {
    if answer.len() > 2_048 || answer.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return None;
    }
    let (scheme, rest) = answer.split_once("://").unwrap_or(("https", answer));
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let fits = ["http", "https"].contains(&scheme.as_str())
        && is_host(host)
        && port.is_none_or(|port| port.parse::<u16>().is_ok());
    fits.then(|| format!("{scheme}://{rest}"))
}

/// A day: year first with dashes, or day first with dots or slashes.
pub(crate) fn date(answer: &str) -> Option<String> {
    let separator = answer.chars().find(|letter| !letter.is_ascii_digit())?;
    let parts: Vec<&str> = answer.split(separator).collect();
    let &[first, month, last] = parts.as_slice() else { return None };
    let (year, day) = match separator {
        '-' => (first, last),
        '.' | '/' => (last, first),
        _ => return None,
    };
    let is_digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || ![year, month, day].iter().all(is_digits) {
        return None;
    }
    let day = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    Some(day.format("%Y-%m-%d").to_string())
}

/// A time of day, on a clock of 24 hours or with am or pm.
pub(crate) fn time(answer: &str) -> Option<String> {
    let answer = answer.to_ascii_lowercase();
    let (clock, afternoon) = if let Some(clock) = answer.strip_suffix("pm") {
        (clock.trim_end(), Some(true))
    } else if let Some(clock) = answer.strip_suffix("am") {
        (clock.trim_end(), Some(false))
    } else {
        (answer.as_str(), None)
    };
    let (hour, minute) = match clock.split_once([':', '.']) {
        Some((hour, minute)) if minute.len() == 2 => (hour, minute),
        // A lone number is an hour only with am or pm behind it.
        None if afternoon.is_some() => (clock, "00"),
        _ => return None,
    };
    let is_digits =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(hour) || !is_digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    (hour < 24 && minute < 60).then(|| format!("{hour:02}:{minute:02}"))
}

/// A rating from 1 to `best`: the number, the number out of `best`, or so many stars.
pub(crate) fn rating(answer: &str, best: u32) -> Option<u32> {
    let answer = answer.trim();
    let stars = answer.chars().filter(|letter| !matches!(letter, ' ' | '\u{fe0f}' | '☆'));
    let mark = if answer.contains(['★', '⭐']) {
        let mut count = 0;
        for letter in stars {
            count += matches!(letter, '★' | '⭐').then_some(1)?;
        }
        count
    } else {
        let (mark, of) =
            answer.split_once('/').map_or((answer, None), |(mark, of)| (mark.trim(), Some(of.trim())));
        if of.is_some_and(|of| of.parse() != Ok(best)) {
            return None;
        }
        mark.parse().ok()?
    };
    (1..=best).contains(&mark).then_some(mark)
}

/// Degrees north and east, with a comma or a blank between them.
pub(crate) fn coordinates(answer: &str) -> Option<(f64, f64)> {
    let mut parts = answer.split([',', ' ', ';']).filter(|part| !part.is_empty());
    let (latitude, longitude) = (parts.next()?.parse::<f64>().ok()?, parts.next()?.parse::<f64>().ok()?);
    let fits = parts.next().is_none() && latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    fits.then_some((latitude, longitude))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(read: fn(&str) -> Option<String>, cases: &[(&str, Option<&str>)]) {
        for (answer, expected) in cases {
            assert_eq!(read(answer).as_deref(), *expected, "{answer}");
        }
    }

    #[test]
    fn numbers() {
        for (answer, expected) in [
            ("12", Some(12.0)),
            ("-3", Some(-3.0)),
            ("+3", Some(3.0)),
            ("12.5", Some(12.5)),
            ("12,5", Some(12.5)),
            ("1,234.5", None),
            ("1e5", None),
            ("inf", None),
            ("twelve", None),
            ("", None),
            ("-", None),
            (".", None),
        ] {
            assert_eq!(number(answer), expected, "{answer}");
        }
        assert_eq!(number(&"9".repeat(400)), None);
    }

    #[test]
    fn emails() {
        all(
            email,
            &[
                ("a@b.de", Some("a@b.de")),
                ("First.Last+x@Example.ORG", Some("First.Last+x@example.org")),
                ("jörg@müller.de", Some("jörg@müller.de")),
                ("a@b", None),
                ("@b.de", None),
                ("a b@c.de", None),
                ("a@b..de", None),
                ("a.@b.de", None),
                ("a@@b.de", None),
                ("a@-b.de", None),
                ("a", None),
            ],
        );
    }

    #[test]
    fn phones() {
        all(
            phone,
            &[
                ("+49 (89) 123-4567", Some("+49891234567")),
                ("0049 89 1234567", Some("+49891234567")),
                ("089/1234567", Some("0891234567")),
                ("12345", None),
                ("1234567890123456", None),
                ("12345a7", None),
                ("123+4567", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn urls() {
        all(
            url,
            &[
                ("https://a.de/x?y#z", Some("https://a.de/x?y#z")),
                ("HTTP://a.de", Some("http://a.de")),
                ("example.org/path", Some("https://example.org/path")),
                ("a.de:8080", Some("https://a.de:8080")),
                ("a.de:99999", None),
                ("ftp://a.de", None),
                ("javascript:alert(1)", None),
                ("https://user@a.de", None),
                ("https://a b.de", None),
                ("nonsense", None),
                ("https://", None),
            ],
        );
    }

    #[test]
    fn dates() {
        all(
            date,
            &[
                ("2026-01-31", Some("2026-01-31")),
                ("31.1.2026", Some("2026-01-31")),
                ("31/01/2026", Some("2026-01-31")),
                ("2026-02-30", None),
                ("31.1.26", None),
                ("2026-1", None),
                ("31-01-2026", None),
                ("tomorrow", None),
                ("", None),
                ("2026-+1-01", None),
            ],
        );
    }

    #[test]
    fn ratings() {
        let read = |answer| rating(answer, 5);
        let marks = ["4", " 4 / 5 ", "★★★☆☆", "⭐⭐", "⭐\u{fe0f}", "0", "6", "4/10", "★ very good", "four"]
            .map(read);
        assert_eq!(marks, [Some(4), Some(4), Some(3), Some(2), Some(1), None, None, None, None, None]);
    }

    #[test]
    fn places() {
        assert_eq!(coordinates("48.137, 11.575"), Some((48.137, 11.575)));
        assert_eq!(coordinates("-33.9 151.2"), Some((-33.9, 151.2)));
        for answer in ["91, 0", "0, 181", "48.1", "1 2 3", "NaN, 1", "here, there"] {
            assert_eq!(coordinates(answer), None, "{answer}");
        }
    }

    #[test]
    fn times() {
        all(
            time,
            &[
                ("14:30", Some("14:30")),
                ("9.05", Some("09:05")),
                ("2:30 pm", Some("14:30")),
                ("2PM", Some("14:00")),
                ("12am", Some("00:00")),
                ("12 pm", Some("12:00")),
                ("13pm", None),
                ("24:00", None),
                ("14:3", None),
                ("14", None),
                ("pm", None),
                ("", None),
            ],
        );
    }
}
