//! Bodies that nobody should send. They are refused or kept; none makes the adapter panic, and none takes its
//! neighbours along.

use std::collections::HashSet;

use botbuilder_domain::Inbound;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Contract, snapshot, text_of};

impl Contract<'_> {
    /// What is no JSON object, or nested too deeply, is a decode error, which is answered 400.
    pub fn unreadable_bodies_are_refused(&self) {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let objects = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        let mut bodies: Vec<Bytes> =
            ["", " ", "null", "[]", "1", "\"text\"", "{", "{}}", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "NaN"]
                .map(|text| Bytes::from_static(text.as_bytes()))
                .into();
        bodies.extend([nested(64), nested(100_000), objects].map(Bytes::from));
        bodies.extend(
            [&b"\xff"[..], b"{\"a\":\"\xff\"}", b"{\"a\":\"\xed\xa0\x80\"}", b"\x1f\x8b\x08\x00"]
                .map(Bytes::from_static),
        );
        for body in bodies {
            let start = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert!(self.decode(body).is_err(), "{start:?} is decoded");
        }
    }

    /// Each value of each fixture is replaced by others and left out, and bytes of it are changed, doubled and cut out: the
    /// adapter may keep the item or refuse the body, but it returns.
    pub fn changed_fixtures_do_not_panic(&self) {
        let others = [
            Value::Null,
            json!(true),
            json!(-1),
            json!(1.5e300),
            json!(u64::MAX),
            json!(""),
            json!("\u{0}é😀"),
            json!([]),
            json!([null]),
            json!({}),
            json!({ "id": {}, "type": [] }),
        ];
        for fixture in snapshot::fixtures(&self.fixtures.join("inbound")) {
            let whole: Value = fixture.read();
            for turn in 0..BROKEN {
                let _ = self.decode(broken(&fixture.bytes, turn).into());
            }
            let mut places = Vec::new();
            collect(&whole, String::new(), &mut places);
            for place in places {
                for other in &others {
                    let mut changed = whole.clone();
                    if let Some(value) = changed.pointer_mut(&place) {
                        value.clone_from(other);
                    }
                    let _ = self.decode(changed.to_string().into());
                }
                let (parent, key) = place.rsplit_once('/').unwrap_or_default();
                let mut changed = whole.clone();
                if let Some(Value::Object(object)) = changed.pointer_mut(parent) {
                    object.remove(&key.replace("~1", "/").replace("~0", "~"));
                    let _ = self.decode(changed.to_string().into());
                }
            }
        }
    }

    /// A malformed item is kept, and its neighbours are read. Where the provider sends one item a request there
    /// is nothing to check.
    pub fn a_malformed_item_does_not_lose_its_neighbours(&self) {
        let Some(batch) = self.batch else { return };
        let malformed = [
            json!(null),
            json!(1),
            json!("x"),
            json!([]),
            json!({}),
            json!({ "id": "m", "from": "15550001111", "type": 5 }),
            json!({ "id": "m", "from": "15550001111", "type": "text", "text": "no object" }),
            json!({ "id": null, "from": null, "type": null }),
        ];
        for item in malformed {
            let body = (batch.body)(vec![(batch.item)(1), item.clone(), (batch.item)(2)]);
            let events = self.decode(body.to_string().into()).expect("the body is decoded").events;
            assert_eq!(events.len(), 3, "{item}");
            assert!(text_of(&events[0]).is_some() && text_of(&events[2]).is_some(), "{item}");
            assert!(matches!(events[1].what, Inbound::Unsupported { .. }), "{item}: {:?}", events[1]);
        }
    }

    /// As many items as one request may carry come out in their order, each under its own key.
    pub fn a_thousand_items_are_read_in_order(&self) {
        const COUNT: usize = 1_000;
        let Some(batch) = self.batch else { return };
        let body = (batch.body)((0..COUNT).map(batch.item).collect());
        let events = self.decode(body.to_string().into()).expect("the body is decoded").events;
        assert_eq!(events.len(), COUNT);
        let one_by_one: Vec<_> = (0..COUNT)
            .flat_map(|number| {
                let body = (batch.body)(vec![(batch.item)(number)]);
                self.decode(body.to_string().into()).expect("the body is decoded").events
            })
            .collect();
        assert_eq!(events, one_by_one);
        let keys: HashSet<&str> = events.iter().map(|event| event.dedupe.as_str()).collect();
        assert_eq!(keys.len(), COUNT);
    }
}

/// So often each fixture is broken.
const BROKEN: u64 = 300;

/// What is put into bodies.
const TOKENS: [&[u8]; 10] =
    [b"\"", b"{", b"}", b"[", b"]", b"null", b"-1e999", b"\\u0000", b"\xed\xa0\x80", b"99999999999999999999"];

/// A body of which a few pieces were changed, doubled or cut out; the same for the same number.
fn broken(body: &[u8], number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(body.len() as u64);
    // SplitMix64, by Sebastiano Vigna (public domain).
    let mut next = move |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below.max(1) as u64).unwrap_or(0)
    };
    let mut bytes = body.to_vec();
    for _ in 0..=next(4) {
        let at = next(bytes.len());
        let end = (at + next(20)).min(bytes.len());
        match next(4) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            2 => drop(bytes.splice(at..at, TOKENS[next(TOKENS.len())].iter().copied())),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= u8::try_from(1 + next(255)).unwrap_or(1);
                }
            }
        }
    }
    bytes
}

/// The places of all values in a value, as JSON pointers.
fn collect(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                collect(inner, format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                collect(inner, format!("{place}/{index}"), places);
            }
        }
        _ => {}
    }
    if !place.is_empty() {
        places.push(place);
    }
}
