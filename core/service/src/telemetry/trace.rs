//! Carrying a trace through the stream: the envelope holds a W3C `traceparent`, spans hold their own form of it.
//!
//! A trace exists whether or not anything is exported: the gateway begins one for every envelope
//! ([`TraceContext::starting`]) and everybody else goes on with it. With a collector configured, [`adopt`] also makes a
//! span part of that trace, and [`context`] names that span as the parent of what comes next.

use std::{fmt, str::FromStr};

use botbuilder_domain::TraceContext;
use tracing::Span;

/// The parts of a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span that is the parent; never 0.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// Not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent of the W3C")]
pub struct Malformed;

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

impl FromStr for TraceParent {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut fields = text.split('-');
        let mut next = |digits| fields.next().filter(|field| is_hex(field, digits)).ok_or(Malformed);
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        // A later version may add fields, this one has none; ff is forbidden.
        if version == "ff" || (version == "00" && fields.next().is_some()) {
            return Err(Malformed);
        }
        let trace_id = u128::from_str_radix(trace, 16).map_err(|_| Malformed)?;
        let span_id = u64::from_str_radix(span, 16).map_err(|_| Malformed)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| Malformed)?;
        if trace_id == 0 || span_id == 0 {
            return Err(Malformed);
        }
        Ok(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

/// Upper case is not allowed, so that two forms of one trace are never two texts.
fn is_hex(field: &str, digits: usize) -> bool {
    field.len() == digits && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Makes `span` a part of the trace that a record belongs to. Does nothing when no traces are exported.
pub fn adopt(span: &Span, record: &TraceContext) {
    #[cfg(feature = "otlp")]
    if let Ok(parent) = record.0.parse() {
        super::otlp::set_parent(span, parent);
    }
    #[cfg(not(feature = "otlp"))]
    let _ = (span, record);
}

/// What a record made inside `span` carries: the span itself when traces are exported, otherwise what the record it
/// was made for carried.
pub fn context(span: &Span, record: &TraceContext) -> TraceContext {
    #[cfg(feature = "otlp")]
    if let Some(parent) = super::otlp::parent_of(span) {
        return TraceContext(parent.to_string());
    }
    #[cfg(not(feature = "otlp"))]
    let _ = span;
    record.clone()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_standard_is_read() {
        let parent: TraceParent = EXAMPLE.parse().unwrap();
        assert_eq!(parent.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((parent.span_id, parent.sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert_eq!(parent.to_string(), EXAMPLE);
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert!(format!("01{}-more", &EXAMPLE[2..]).parse::<TraceParent>().is_ok());
        assert!(format!("{EXAMPLE}-more").parse::<TraceParent>().is_err());
        assert!(format!("ff{}", &EXAMPLE[2..]).parse::<TraceParent>().is_err());
    }

    #[test]
    fn what_is_not_one_is_refused() {
        for text in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_trace_goes_on_when_nothing_is_exported() {
        let record = TraceContext(EXAMPLE.to_owned());
        let span = tracing::info_span!("turn.run");
        adopt(&span, &record);
        assert_eq!(context(&span, &record), record);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(trace_id in 1_u128.., span_id in 1_u64.., sampled: bool) {
            let parent = TraceParent { trace_id, span_id, sampled };
            prop_assert_eq!(parent.to_string().parse(), Ok(parent));
        }

        #[test]
        fn no_text_is_a_surprise(text in "\\PC{0,60}") {
            if let Ok(parent) = text.parse::<TraceParent>() {
                prop_assert!(parent.trace_id != 0 && parent.span_id != 0);
            }
        }
    }
}
