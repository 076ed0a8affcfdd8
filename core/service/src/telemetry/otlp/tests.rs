use std::time::Duration;

use axum::{Router, http::HeaderMap, routing::post};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::{
    config::Limits,
    lifecycle::Service as _,
    server::{Server, bind},
    telemetry::trace,
};

/// A span that goes on with a record's trace reaches the collector as a part of that trace.
#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_a_collector_in_the_trace_of_their_record() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let collect = move |headers: HeaderMap, body: Bytes| async move {
        let protobuf = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
        sender.send((protobuf, body)).unwrap();
    };
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut server = Server::new(
        "collector",
        listener,
        Router::new().route("/v1/traces", post(collect)),
        &Limits::default(),
    );
    let endpoint = Url::parse(&format!("http://{}/v1/traces", server.address().unwrap())).unwrap();
    tokio::spawn(async move { server.run(CancellationToken::new()).await });

    let exporter = Exporter::new(&endpoint, &config::Telemetry::default()).unwrap();
    let subscriber = tracing_subscriber::registry().with(exporter.layer());
    let record =
        botbuilder_domain::TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    let next = tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("turn.conversation.run");
        trace::adopt(&span, &record);
        span.in_scope(|| trace::context(&Span::current(), &record))
    });
    assert_eq!(next.trace_id(), record.trace_id());
    assert_ne!(next, record, "the span is the new parent");

    exporter.shut_down().await;
    let (protobuf, body) =
        tokio::time::timeout(Duration::from_secs(10), received.recv()).await.unwrap().unwrap();
    assert!(protobuf);
    let holds = |bytes: &[u8]| body.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(b"turn.conversation.run") && holds(b"botbuilder"), "{body:?}");
    let trace_id = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128;
    assert!(holds(&trace_id.to_be_bytes()), "the trace is another");
}
