//! What the program tells about itself: a log on standard error, metrics for the internal listener, traces for a
//! collector if one is configured.
//!
//! The log and the metrics are reached through the facades of `tracing` and `metrics`, which are one per process by
//! their nature; [`start`] is therefore called once, by `main`. How lines, fields and spans are named is in
//! `docs/LOGGING.md`.

#[cfg(feature = "otlp")]
mod otlp;
pub mod trace;

use std::time::Duration;

use async_trait::async_trait;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    config::{self, Log, log::Format},
    lifecycle::{Service, ServiceError},
};

/// Bounds of every histogram, in seconds: from a fast append to the longest turn.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How often recorded values are sorted into their histograms, so that they do not pile up when nobody asks.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Why the program cannot tell about itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log's filter is not understood.
    #[error("log.filter is not understood: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else in this process already receives the log.
    #[error("the log is already set up: {0}")]
    Log(#[from] tracing_subscriber::util::TryInitError),
    /// The metrics cannot be set up.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
    /// The exporter of traces cannot be set up.
    #[error("traces cannot be exported: {0}")]
    Traces(String),
}

/// Log, metrics and traces of a running program.
pub struct Telemetry {
    metrics: Metrics,
    #[cfg(feature = "otlp")]
    traces: Option<otlp::Exporter>,
}

/// The metrics of the process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Sets up log, metrics and traces for the whole process. Must be called inside a tokio runtime.
pub fn start(log: &Log, telemetry: &config::Telemetry) -> Result<Telemetry, Error> {
    let filter = EnvFilter::try_new(&log.filter)?;
    let lines = lines(log.format).with_filter(filter);
    let recorder = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;

    #[cfg(feature = "otlp")]
    let telemetry = {
        let traces =
            telemetry.otlp_endpoint.as_ref().map(|to| otlp::Exporter::new(to, telemetry)).transpose()?;
        let layer = traces.as_ref().map(otlp::Exporter::layer);
        tracing_subscriber::registry().with(lines).with(layer).try_init()?;
        Telemetry { metrics: Metrics(recorder), traces }
    };
    #[cfg(not(feature = "otlp"))]
    let telemetry = {
        if telemetry.otlp_endpoint.is_some() {
            return Err(Error::Traces("this program was built without the feature otlp".to_owned()));
        }
        tracing_subscriber::registry().with(lines).try_init()?;
        Telemetry { metrics: Metrics(recorder) }
    };
    Ok(telemetry)
}

/// The layer that writes the log. Both formats escape control characters, so a value cannot forge a line.
fn lines(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        Format::Json => {
            layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        Format::Pretty => {
            // Colours are for terminals only.
            layer.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).with_target(false).boxed()
        }
    }
}

impl Telemetry {
    /// The metrics, for the internal listener.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// The service that keeps the metrics small.
    pub fn upkeep(&self) -> Upkeep {
        Upkeep(self.metrics())
    }

    /// Sends what has not been sent yet. Call it last.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(clippy::unused_async, reason = "callers need not know the features")
    )]
    pub async fn shut_down(self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces {
            traces.shut_down().await;
        }
    }
}

/// Sorts recorded values into their histograms from time to time.
pub struct Upkeep(Metrics);

#[async_trait]
impl Service for Upkeep {
    fn name(&self) -> &'static str {
        "metrics"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(UPKEEP_INTERVAL) => self.0.0.run_upkeep(),
            }
        }
    }
}
