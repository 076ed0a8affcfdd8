//! Traces, sent to an OpenTelemetry collector with OTLP over HTTP.

use async_trait::async_trait;
use axum::{body::Bytes, http as http_types};
use opentelemetry::{
    Context,
    trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
    },
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider, Tracer},
};
use tracing::{Span, Subscriber, warn};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use super::{Error, trace::TraceParent};
use crate::{
    config::{self, Outbound},
    http::{Client, Request},
};

/// Collects ended spans and sends them in batches, on a thread of its own.
pub(super) struct Exporter {
    provider: SdkTracerProvider,
}

impl Exporter {
    pub(super) fn new(endpoint: &Url, settings: &config::Telemetry) -> Result<Self, Error> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OwnClient::new(endpoint)?)
            .with_endpoint(endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| Error::Traces(error.to_string()))?;
        let resource = Resource::builder().with_service_name(settings.service_name.clone()).build();
        // What another process decided for a trace holds; only traces that begin here are drawn.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// The layer that turns spans into parts of traces.
    pub(super) fn layer<S>(&self) -> OpenTelemetryLayer<S, Tracer>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        OpenTelemetryLayer::new(self.provider.tracer("botbuilder"))
    }

    /// Sends what is left.
    pub(super) async fn shut_down(self) {
        // It waits for its thread, which in turn waits for this runtime to send.
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = ended {
            warn!("the last traces were not sent: {error}");
        }
    }
}

/// Our own client under the exporter, whose thread knows nothing of our runtime.
struct OwnClient {
    client: Client,
    runtime: tokio::runtime::Handle,
}

impl OwnClient {
    fn new(endpoint: &Url) -> Result<Self, Error> {
        let outbound = Outbound { allow: vec![endpoint.clone()], ..Outbound::default() };
        let client = Client::new(&outbound).map_err(|error| Error::Traces(error.to_string()))?;
        Ok(Self { client, runtime: tokio::runtime::Handle::current() })
    }
}

impl std::fmt::Debug for OwnClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnClient")
    }
}

#[async_trait]
impl HttpClient for OwnClient {
    async fn send_bytes(
        &self,
        request: http_types::Request<Bytes>,
    ) -> Result<http_types::Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let call = Request::from_parts(parts.method, &parts.uri.to_string(), parts.headers, body)?;
        let client = self.client.clone();
        let answer = self.runtime.spawn(async move { client.send(call).await }).await??;
        let mut response = http_types::Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// Makes a span the child of another process's.
pub(super) fn set_parent(span: &Span, parent: TraceParent) {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let context = SpanContext::new(
        TraceId::from(parent.trace_id),
        SpanId::from(parent.span_id),
        flags,
        true,
        TraceState::default(),
    );
    // It fails where no layer turns spans into traces, or the span has begun to be one; both are fine.
    let _ = span.set_parent(Context::new().with_remote_span_context(context));
}

/// The form of a span that others can carry on. None when no layer turns spans into traces.
pub(super) fn parent_of(span: &Span) -> Option<TraceParent> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| TraceParent {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        sampled: span.is_sampled(),
    })
}

#[cfg(test)]
mod tests;
