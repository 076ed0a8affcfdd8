//! Experiments: as the engine has those that run, and how they are judged.

use std::collections::BTreeMap;

use botbuilder_domain::BotId;
use botbuilder_flow::{
    authored::read_content,
    experiment::{Counts, Experiment, Goal, Outcome, Results, Rules, Unit, Variant, judge},
};
use botbuilder_store::{
    Error, OrgScope, Tx,
    experiments::{self, Running},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;
use uuid::Uuid;

/// A running experiment as the engine has it, with its id.
pub(crate) fn running(bot: BotId, row: Running) -> Option<(String, Experiment)> {
    let mut variants: Vec<Variant> = serde_json::from_value(row.variants)
        .inspect_err(
            |error| warn!(bot.id = %bot, experiment.id = %row.id, %error, "experiment cannot be read"),
        )
        .ok()?;
    for variant in &mut variants {
        // What is shown instead is all that the engine needs of it.
        let config = std::mem::take(&mut variant.config);
        match row.target_type.as_str() {
            "message" => variant.parts = parts(bot, &variant.key, &config),
            "flow" => {
                variant.version = config.get("version_id").and_then(|id| Deserialize::deserialize(id).ok());
            }
            _ => {}
        }
    }
    let about = |kind: &str| row.target_id.filter(|_| row.target_type == kind).map(|id| id.to_string());
    let experiment = Experiment {
        unit: if row.unit == "conversation" { Unit::Conversation } else { Unit::Contact },
        traffic_bp: u32::try_from(row.traffic_bp).unwrap_or_default(),
        message: about("message"),
        flow: about("flow"),
        salt: row.salt,
        variants,
        goal: row.goal_event,
        secondary: row.secondary_goals,
    };
    Some((row.id.to_string(), experiment))
}

/// What a variant of a message says. One that cannot be read says what the message does.
fn parts(bot: BotId, variant: &str, config: &Value) -> Vec<botbuilder_domain::Content> {
    let Some(content) = config.get("content") else { return Vec::new() };
    read_content(content)
        .inspect_err(|error| warn!(bot.id = %bot, variant, error, "variant cannot be said"))
        .unwrap_or_default()
}

/// What the row of an experiment says about how it is judged.
#[derive(Debug, Deserialize)]
pub struct Judged {
    /// Its variants.
    pub variants: Vec<Variant>,
    goal_kind: Goal,
    secondary_goals: Vec<String>,
    min_per_variant: u64,
    min_hours: u32,
    confidence: f64,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    /// Where it stands in its life.
    pub status: String,
}

/// What came of an experiment.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// By its goal.
    #[serde(flatten)]
    pub results: Results,
    /// By each of the goals that are counted beside it, which decide nothing: the share of those who reached it.
    pub secondary: BTreeMap<String, Vec<Outcome>>,
}

impl Judged {
    /// Judges it by what was counted until now.
    pub async fn verdict(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Verdict, Error> {
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let counted = experiments::counts(tx, scope, id).await?;
        let counts: BTreeMap<String, Counts> = counted
            .into_iter()
            .map(|row| {
                let (exposed, converted) = (count(row.exposed), count(row.converted));
                let counts = Counts { exposed, converted, n: count(row.n), sum: row.sum, sum_sq: row.sum_sq };
                (row.variant, counts)
            })
            .collect();
        let mut reached: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        let noted = experiments::secondary(tx, scope, id).await?;
        for (variant, goal, number) in &noted {
            reached.entry(goal).or_default().insert(variant.clone(), count(*number));
        }
        let until = self.ended_at.unwrap_or(now);
        let hours = self.started_at.map_or(0.0, |start| (until - start).as_seconds_f64() / 3_600.0);
        let rules = Rules {
            goal: self.goal_kind,
            confidence: self.confidence,
            min_per_variant: self.min_per_variant,
            min_hours: self.min_hours.into(),
        };
        let secondary = self.secondary_goals.iter().map(|goal| {
            let of_goal = reached.get(goal.as_str());
            let counts = counts.iter().map(|(variant, counts)| {
                let converted = of_goal.and_then(|reached| reached.get(variant)).copied().unwrap_or_default();
                let counts = Counts { exposed: counts.exposed, converted, ..Counts::default() };
                (variant.clone(), counts)
            });
            let rules = Rules { goal: Goal::Proportion, ..rules };
            (goal.clone(), judge(&self.variants, &counts.collect(), rules, hours).variants)
        });
        let secondary = secondary.collect();
        Ok(Verdict { results: judge(&self.variants, &counts, rules, hours), secondary })
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::VersionId;
    use serde_json::json;

    use super::*;

    fn row(target_type: &str, configs: [Value; 2]) -> Running {
        let [a, b] = configs;
        Running {
            id: Uuid::nil(),
            salt: "salt".to_owned(),
            traffic_bp: 10_000,
            variants: json!([
                { "key": "a", "name": "A", "weight_bp": 5_000, "is_control": true, "config": a },
                { "key": "b", "name": "B", "weight_bp": 5_000, "config": b },
            ]),
            goal_event: "order".to_owned(),
            secondary_goals: vec!["visit".to_owned()],
            unit: "conversation".to_owned(),
            target_type: target_type.to_owned(),
            target_id: Some(Uuid::from_u128(7)),
        }
    }

    #[test]
    fn variants_show_messages_and_versions_of_flows() {
        let bot = BotId::new(Uuid::nil());
        let hello = json!({ "content": { "text": "Hello" } });
        let (_, said) = running(bot, row("message", [json!({}), hello])).unwrap();
        assert_eq!(
            (said.unit, said.variants[0].parts.len(), said.variants[1].parts.len()),
            (Unit::Conversation, 0, 1)
        );
        assert_eq!((said.message.is_some(), said.flow), (true, None));
        assert_eq!(said.variants[1].config, Value::Null);

        let version = Uuid::from_u128(9);
        let (_, run) =
            running(bot, row("flow", [json!({}), json!({ "version_id": version, "definition": {} })]))
                .unwrap();
        let versions: Vec<_> = run.variants.iter().map(|one| one.version.map(VersionId::uuid)).collect();
        assert_eq!((versions, run.message, run.flow.is_some()), (vec![None, Some(version)], None, true));
    }
}
