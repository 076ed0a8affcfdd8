//! What a step depends on besides its flow, the session and the input: the bot's texts and settings, its limits, which
//! flows may be called and how they follow each other. Authors change it at any time, so a recorded step names what held
//! then. It is the same for thousands of steps: it is kept once, under its digest.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use botbuilder_domain::VersionId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::{
    bot::{Bot, Library, Limits, Settings},
    flow::Flow,
    orchestration::Orchestration,
};

/// What a step depends on besides its flow, the session and the input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Circumstances {
    /// The bot's texts and settings.
    pub settings: Settings,
    /// How much a turn may do.
    pub limits: Limits,
    /// The id of the flow, by which an orchestration knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<String>,
    /// How flows follow each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orchestration: Option<Orchestration>,
    /// The versions that calls take, by the ids of their flows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flows: BTreeMap<String, VersionId>,
}

/// The same, as it is stored.
#[derive(Debug)]
pub struct Kept {
    /// The SHA-256 of the document.
    pub digest: [u8; 32],
    /// The document.
    pub json: Json,
    /// Until when it counts as stored, in seconds of Unix time.
    stored_until: AtomicI64,
}

/// What is used for longer is stored anew, so that it is not removed as something that nobody names any more.
const STORED_FOR: TimeDelta = TimeDelta::hours(12);

impl Kept {
    /// Whether somebody has stored it lately, as far as this copy knows.
    pub fn is_stored(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() < self.stored_until.load(Ordering::Relaxed)
    }

    /// Notes that it is stored.
    pub fn note_stored(&self, now: DateTime<Utc>) {
        self.stored_until.store((now + STORED_FOR).timestamp(), Ordering::Relaxed);
    }
}

/// What was made of a bot once. A copy of the bot may become another one, so a copy of this is empty.
#[derive(Debug, Default)]
pub(crate) struct Once(OnceLock<Arc<Kept>>);

impl Clone for Once {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Circumstances {
    /// Those of a bot.
    pub fn of(bot: &Bot) -> Self {
        Self {
            settings: bot.settings.clone(),
            limits: bot.limits,
            flow_id: bot.flow_id.clone(),
            orchestration: bot.orchestration.as_deref().cloned(),
            flows: bot.library.current().map(|(id, version)| (id.to_owned(), version)).collect(),
        }
    }

    /// The bot that made a step of this version: the flows it could call are those that `find` has.
    pub fn bot(
        self,
        version: VersionId,
        flow: Arc<Flow>,
        mut find: impl FnMut(VersionId) -> Option<Arc<Flow>>,
    ) -> Bot {
        let mut library = Library::default();
        for version in self.settings.versions() {
            if let Some(flow) = find(version) {
                library.add(version, flow);
            }
        }
        for (id, version) in self.flows {
            if let Some(flow) = find(version) {
                library.publish(id, version, flow);
            }
        }
        let bot = Bot::of(version, flow, self.settings).with_limits(self.limits).with_library(library);
        match (self.flow_id, self.orchestration) {
            (Some(id), Some(orchestration)) => bot.among(id, Arc::new(orchestration)),
            _ => bot,
        }
    }
}

impl Bot {
    /// What its steps depend on, as it is stored. It is written once for a bot.
    pub fn circumstances(&self) -> Arc<Kept> {
        let make = || {
            // Nothing in it has a key that is no text: it always becomes a document.
            let json = serde_json::to_value(Circumstances::of(self)).unwrap_or_default();
            let digest = Sha256::digest(json.to_string()).into();
            Arc::new(Kept { digest, json, stored_until: AtomicI64::new(i64::MIN) })
        };
        Arc::clone(self.kept.0.get_or_init(make))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_long_ago_is_stored_anew() {
        let kept = Kept { digest: [0; 32], json: Json::Null, stored_until: AtomicI64::new(i64::MIN) };
        let now = DateTime::<Utc>::UNIX_EPOCH;
        assert!(!kept.is_stored(now));
        kept.note_stored(now);
        assert!(kept.is_stored(now + STORED_FOR - TimeDelta::seconds(1)));
        assert!(!kept.is_stored(now + STORED_FOR));
    }
}
