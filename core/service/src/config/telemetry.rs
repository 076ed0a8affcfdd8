//! `[telemetry]`: where traces go.

use serde::{Deserialize, Serialize};
use url::Url;

use super::Problem;

/// Traces. Metrics are always served by the internal listener.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// An OpenTelemetry collector that takes OTLP over HTTP; none means that no trace leaves the process.
    pub otlp_endpoint: Option<Url>,
    /// Share of traces that are sent, from 0 to 1.
    pub sample_ratio: f64,
    /// What this program is called in traces.
    pub service_name: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_ratio: 1.0, service_name: "botbuilder".to_owned() }
    }
}

impl Telemetry {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        Problem::unless(
            (0.0..=1.0).contains(&self.sample_ratio),
            "telemetry.sample_ratio",
            "must be between 0 and 1",
            problems,
        );
        Problem::unless(
            !self.service_name.is_empty(),
            "telemetry.service_name",
            "must not be empty",
            problems,
        );
    }
}
