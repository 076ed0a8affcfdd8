//! Changes of a field: absent, cleared, or a value.

use serde::{Deserialize, Deserializer};

/// A field of a change. A missing field stays as it is; `null` clears; a value replaces. Fields take
/// `#[serde(default)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The field stays.
    #[default]
    Keep,
    /// The field becomes empty.
    Clear,
    /// The field becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field changes.
    pub const fn is_change(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// Changes a field that may be empty.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    /// The new value, if there is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Change {
        #[serde(default)]
        name: Patch<String>,
    }

    #[test]
    fn absent_null_and_a_value_are_told_apart() {
        let change = |json: &str| serde_json::from_str::<Change>(json).unwrap().name;
        assert_eq!(change("{}"), Patch::Keep);
        assert_eq!(change(r#"{"name":null}"#), Patch::Clear);
        assert_eq!(change(r#"{"name":"a"}"#), Patch::Set("a".to_owned()));
    }
}
