//! Nothing that is not proved to come from the provider is believed.

use botbuilder_domain::Secret;
use bytes::Bytes;

use super::{Contract, snapshot};
use crate::{Account, RawRequest, Rejection};

impl Contract<'_> {
    /// The right proof passes, and so does that of either secret while one is being replaced; every other proof
    /// is refused with 401.
    pub fn bad_signatures_are_refused(&self) {
        let body = snapshot::fixtures(&self.fixtures.join("inbound")).remove(0).bytes;
        let good = self.request(body);
        let (name, value) = good.headers[0].clone();
        let verdict = |account: &Account, request: &RawRequest| {
            self.webhook().verify(account, request).map(|_| ()).map_err(Rejection::status)
        };
        let with =
            |value: String| RawRequest { headers: self.headers((name.clone(), value)), ..good.clone() };
        assert_eq!(verdict(&self.account, &good), Ok(()));

        let mut forged: Vec<String> = Vec::new();
        for place in 0..value.len() {
            for bit in 0..7 {
                let mut bytes = value.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                forged.push(String::from_utf8(bytes).expect("still ASCII"));
            }
        }
        let digits = value.split_once('=').map_or(value.as_str(), |(_, digits)| digits);
        forged.extend([
            String::new(),
            value.to_uppercase(),
            format!("sha1={digits}"),
            format!("v0={digits}"),
            value[1..].to_owned(),
            value[..value.len() - 1].to_owned(),
            format!("{value}0"),
            format!("{value}{value}"),
            format!("{value} "),
            format!(" {value}"),
            format!("{}zz", &value[..value.len() - 2]),
            format!("{}é", &value[..value.len() - 2]),
            "0".repeat(10_000),
        ]);
        for value in forged.iter().filter(|forged| **forged != value) {
            assert_eq!(verdict(&self.account, &with(value.clone())), Err(401), "{value:?} passes");
        }
        for missing in 0..good.headers.len() {
            let mut headers = good.headers.clone();
            headers.remove(missing);
            let bare = RawRequest { headers, ..good.clone() };
            assert_eq!(verdict(&self.account, &bare), Err(401));
        }

        if self.covers_body {
            for place in 0..good.body.len() {
                let mut changed = good.body.to_vec();
                changed[place] ^= 1;
                let changed = RawRequest { body: changed.into(), ..good.clone() };
                assert_eq!(verdict(&self.account, &changed), Err(401), "a change at byte {place} passes");
            }
            let longer = Bytes::from([&good.body[..], b"\n"].concat());
            assert_eq!(verdict(&self.account, &RawRequest { body: longer, ..good.clone() }), Err(401));
        }

        let secret = |text: &str| Secret::new(text.to_owned());
        let holding =
            |secrets: Vec<Secret<String>>| Account { webhook_secrets: secrets, ..self.account.clone() };
        let known = self.account.webhook_secrets[0].clone();
        for secrets in [vec![known.clone(), secret("another")], vec![secret("another"), known]] {
            assert_eq!(verdict(&holding(secrets), &good), Ok(()));
        }
        assert_eq!(verdict(&holding(vec![secret("another")]), &good), Err(401));

        let (name, of_nothing) = (self.sign)(&secret(""), &good.body);
        let signed_with_nothing = RawRequest { headers: self.headers((name, of_nothing)), ..good.clone() };
        for secrets in [Vec::new(), vec![secret("")], vec![secret(""), secret("")]] {
            assert_eq!(verdict(&holding(secrets.clone()), &good), Err(401));
            assert_eq!(verdict(&holding(secrets), &signed_with_nothing), Err(401));
        }
        for method in ["PUT", "DELETE", "HEAD", "get", ""] {
            let request = RawRequest { method: method.into(), ..good.clone() };
            assert!(verdict(&self.account, &request).is_err(), "{method} passes");
        }
    }

    /// A good proof in which some characters were changed is refused, however often that is tried. Each change is another
    /// character of those that proofs are written with, so most are of the right form and only wrong.
    pub fn mutated_signatures_are_refused(&self, count: u32) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Short, since what is to be tried is the proof.
        let good = self.request(Bytes::from_static(b"{}"));
        let (name, value) = good.headers[0].clone();
        // A generator of its own, so that a run can be repeated.
        let mut state = 0x853c_49e6_748f_ea9b_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or(0) % below
        };
        let mut request = good.clone();
        for _ in 0..count {
            let mut bytes = value.clone().into_bytes();
            for _ in 0..=draw(3) {
                let place = draw(bytes.len());
                bytes[place] = DIGITS[draw(DIGITS.len())];
            }
            if bytes == value.as_bytes() {
                continue;
            }
            let mutated = String::from_utf8(bytes).expect("still ASCII");
            request.headers[0] = (name.clone(), mutated);
            let verdict = self.webhook().verify(&self.account, &request);
            assert!(verdict.is_err(), "{:?} passes", request.headers[0].1);
        }
    }

    /// The address names the account; an address of another shape is not ours.
    pub fn addresses_are_told_apart(&self) {
        let located = |path: &str| {
            let request = RawRequest { path: path.to_owned(), ..self.request(Bytes::from_static(b"{}")) };
            self.webhook().locate(&request)
        };
        assert_eq!(located("abc-1_Z"), Ok(crate::Locator::PublicId("abc-1_Z".into())));
        for path in ["", "/", "a/b", "../x", "a b", "a%20b", "ä", "app/", "app/nobody", &"x".repeat(129)] {
            assert!(located(path).is_err(), "{path:?} is taken for an address");
        }
    }
}
