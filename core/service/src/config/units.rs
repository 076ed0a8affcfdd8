//! Quantities as people write them: `"10s"`, `"250ms"`, `"7d"`, `"64KiB"`, `"10GiB"`.
//!
//! Use as `#[serde(with = "units::duration")]` on a [`std::time::Duration`] and `#[serde(with = "units::bytes")]`
//! on a `u64`.

use std::time::Duration;

/// Factors of the units a duration may carry, in milliseconds.
const DURATIONS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Factors of the units a size may carry, in bytes.
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Parses a whole number followed by a unit, e.g. `10s`. Milliseconds are the finest step.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, &DURATIONS).map(Duration::from_millis)
}

/// Parses a whole number followed by a unit of 1024, e.g. `64KiB`; a bare number is bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    match text.trim().parse() {
        Ok(bytes) => Ok(bytes),
        Err(_) => parse(text, &SIZES),
    }
}

/// Writes a duration in the largest unit that divides it.
pub fn format_duration(value: Duration) -> String {
    let millis = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    format_in(millis, &DURATIONS)
}

/// Writes a number of bytes in the largest unit that divides it.
pub fn format_bytes(value: u64) -> String {
    format_in(value, &SIZES)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let expected = || {
        let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
        format!("expected a whole number and one of {}, got {text:?}", names.join(", "))
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    let unit = unit.trim();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(expected)?;
    number.checked_mul(*factor).ok_or_else(|| format!("{text:?} is too large"))
}

fn format_in(value: u64, units: &[(&str, u64)]) -> String {
    let (name, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor))
        .unwrap_or(&units[0]);
    format!("{}{name}", value / factor)
}

/// Serde helpers for durations.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Reads a duration written with a unit.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text).map_err(D::Error::custom)
    }

    /// Writes a duration with a unit.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_duration(*value))
    }
}

/// Serde helpers for sizes in bytes.
pub mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }

    /// Reads a size: a number of bytes, or text with a unit.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(bytes),
            Written::Text(text) => super::parse_bytes(&text).map_err(D::Error::custom),
        }
    }

    /// Writes a size with a unit.
    pub fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_bytes(*value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_understood() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("10 s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_hours(168)));
        assert_eq!(parse_bytes("4MiB"), Ok(4 << 20));
        assert_eq!(parse_bytes("123"), Ok(123));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "s", "-1s", "1.5s", "10", "10 parsecs", "99999999999999999999s", "18446744073709551615d"]
        {
            assert!(parse_duration(text).is_err(), "{text:?} was accepted");
        }
        for text in ["", "KiB", "1KB", "-1", "18446744073709551615GiB"] {
            assert!(parse_bytes(text).is_err(), "{text:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0_u64..u64::MAX / 2, bytes: u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            prop_assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }
    }
}
