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
