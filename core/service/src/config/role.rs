//! The roles a process can take.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A part of the platform that a process may run. One process can have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Webhooks, widget sockets, API, sign-in, admin, channel sources, dispatcher.
    Gateway,
    /// Consumes inbound events and runs the turns of bots.
    Runtime,
    /// Calls.
    Voice,
    /// The outbox relay and everything scheduled.
    Jobs,
}

impl Role {
    /// Every role, in the order in which they are started.
    pub const ALL: [Self; 4] = [Self::Jobs, Self::Runtime, Self::Voice, Self::Gateway];

    /// The name used in configuration, on the command line and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Runtime => "runtime",
            Self::Voice => "voice",
            Self::Jobs => "jobs",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A role that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("unknown role {0:?}, expected one of gateway, runtime, voice, jobs")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_back_from_its_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
        }
    }

    #[test]
    fn a_wrong_role_lists_the_choices() {
        let error = "gatway".parse::<Role>().unwrap_err().to_string();
        assert!(Role::ALL.iter().all(|role| error.contains(role.name())), "{error}");
    }
}
