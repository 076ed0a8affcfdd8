//! Who a person is: a telephone number, a business-scoped user id (BSUID), or both.

use botbuilder_domain::{Sender, phone};

use crate::wire::Contact;

/// Whether an id is business-scoped: a country, a dot, and up to 128 letters and digits.
pub(crate) fn is_bsuid(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else { return false };
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether an id is a telephone number, with or without its plus.
pub(crate) fn is_phone(id: &str) -> bool {
    let digits = id.strip_prefix('+').unwrap_or(id);
    (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The two ids of a person, each where it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) bsuid: Option<String>,
    pub(crate) phone: Option<String>,
}

impl Ids {
    /// Sorts two fields of a payload. A BSUID also occurs where a telephone number is expected.
    pub(crate) fn of(phone_field: Option<&str>, user_field: Option<&str>) -> Self {
        let (bsuid_in_phone, phone) = match phone_field {
            Some(id) if is_bsuid(id) => (Some(id), None),
            other => (None, other),
        };
        Self { bsuid: user_field.or(bsuid_in_phone).map(str::to_owned), phone: phone.map(str::to_owned) }
    }

    fn is(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        same(&self.bsuid, &other.bsuid) || same(&self.phone, &other.phone)
    }

    /// The sender with these ids: the BSUID is the address, the telephone number where it is missing, which stands in its
    /// canonical spelling, so that one number is one contact however it is written. `contacts` come beside the messages and are matched by id, never by position.
    pub(crate) fn sender(mut self, contacts: &[Contact]) -> Option<Sender> {
        let contact = contacts.iter().find(|contact| contact.ids().is(&self));
        if let Some(contact) = contact {
            let known = contact.ids();
            self.bsuid = self.bsuid.or(known.bsuid);
            self.phone = self.phone.or(known.phone);
        }
        let profile = contact.and_then(|contact| contact.profile.as_ref());
        let phone = self.phone.as_deref().filter(|phone| is_phone(phone));
        let e164 = phone.map(|phone| format!("+{}", phone.trim_start_matches('+')));
        let canonical = self.phone.as_deref().map(|phone| phone::canonical(phone.trim_start_matches('+')));
        let (address, alt_address) = match (self.bsuid, self.phone) {
            (Some(bsuid), _) => (bsuid, canonical),
            // A contact may be known from before under the spelling of the network.
            (None, Some(phone)) => match canonical {
                Some(canonical) if canonical != phone => (canonical, Some(phone)),
                _ => (phone, None),
            },
            (None, None) => return None,
        };
        Some(Sender {
            address,
            alt_address,
            display_name: profile.and_then(|profile| profile.name.clone()),
            username: profile
                .and_then(|profile| profile.username.as_deref())
                .map(|name| name.trim_start_matches('@').to_owned()),
            phone: e164,
            locale: None,
            speaker: None,
            reply_via: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart() {
        assert!(is_bsuid("US.13491208655302741918"));
        for other in ["15550783881", "US.", "us.1", "USA.1", "US.1.2", ".1", "US.1-2"] {
            assert!(!is_bsuid(other), "{other}");
        }
        assert!(is_phone("15550783881") && is_phone("+15550783881"));
        assert!(!is_phone("US.1") && !is_phone("") && !is_phone("Y2FwaV9ncm91cA=="));
    }

    #[test]
    fn the_bsuid_is_the_address_wherever_it_stands() {
        let bsuid = Some("US.1".to_owned());
        assert_eq!(Ids::of(Some("US.1"), None), Ids { bsuid: bsuid.clone(), phone: None });
        let both = Ids::of(Some("1555"), Some("US.1"));
        let sender = both.sender(&[]).unwrap();
        assert_eq!((sender.address.as_str(), sender.alt_address.as_deref()), ("US.1", Some("1555")));
        assert_eq!(sender.phone.as_deref(), Some("+1555"));
        assert!(Ids::default().sender(&[]).is_none());
    }

    #[test]
    fn a_number_is_found_in_each_of_its_spellings() {
        let addresses = |phone: &str, user: Option<&str>| {
            let sender = Ids::of(Some(phone), user).sender(&[]).unwrap();
            (sender.address, sender.alt_address)
        };
        let other = |number: &str| Some(number.to_owned());
        assert_eq!(addresses("555187654321", None), ("5551987654321".into(), other("555187654321")));
        assert_eq!(addresses("5551987654321", None), ("5551987654321".into(), None));
        assert_eq!(addresses("5215512345678", None), ("5215512345678".into(), None));
        assert_eq!(addresses("525512345678", Some("MX.1")), ("MX.1".into(), other("5215512345678")));
        assert_eq!(addresses("15550783881", Some("US.1")), ("US.1".into(), other("15550783881")));
        let sender = Ids::of(Some("555187654321"), None).sender(&[]).unwrap();
        assert_eq!(sender.phone.as_deref(), Some("+555187654321"), "as the network tells it");
    }
}
