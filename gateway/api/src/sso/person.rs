//! What a provider says of a person, read with the connection's mapping of claims or attributes.

use serde_json::{Map, Value};

/// Somebody at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// What identifies them there, for good.
    pub subject: String,
    /// Their address, if the provider does not say itself that it is not proved.
    pub email: Option<String>,
    /// How they are called.
    pub name: Option<String>,
    /// Their groups; none where the provider says nothing of groups.
    pub groups: Option<Vec<String>>,
}

/// The names under which a thing may stand: those of the mapping, else the usual ones.
fn names<'a>(mapping: &'a Value, what: &str, usual: &[&'a str]) -> Vec<&'a str> {
    match mapping.get(what) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => usual.to_vec(),
    }
}

fn first<'c>(claims: &'c Map<String, Value>, names: &[&str]) -> Option<&'c Value> {
    names.iter().find_map(|name| claims.get(*name)).filter(|value| !value.is_null())
}

/// A text, or the first of several.
fn text(value: &Value) -> Option<&str> {
    value
        .as_str()
        .or_else(|| value.as_array()?.first()?.as_str())
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

impl Person {
    /// Reads claims or attributes. `subject` is what the protocol itself identifies them by, `usual` the names under
    /// which an address, a name and groups stand where the mapping says nothing.
    pub fn read(
        subject: &str,
        claims: &Map<String, Value>,
        mapping: &Value,
        usual: [&[&'static str]; 3],
    ) -> Option<Self> {
        let [emails, full_names, groups] = usual;
        let found = |what: &str, usual: &[&'static str]| first(claims, &names(mapping, what, usual));
        let subject = match mapping.get("user_id") {
            None => subject,
            Some(_) => found("user_id", &[]).and_then(text)?,
        };
        let is_disproved = claims.get("email_verified").is_some_and(|said| said == false || said == "false");
        let email = found("email", emails).and_then(text).filter(|_| !is_disproved);
        let parts: Vec<&str> = [("given_name", "given_name"), ("family_name", "family_name")]
            .into_iter()
            .filter_map(|(what, usual)| first(claims, &names(mapping, what, &[usual])).and_then(text))
            .collect();
        let name = found("name", full_names).and_then(text).map(str::to_owned);
        let name = name.or_else(|| (!parts.is_empty()).then(|| parts.join(" ")));
        let groups = found("groups", groups).map(|value| match value {
            Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).take(1000).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect(),
        });
        (!subject.is_empty() && subject.chars().count() <= 255).then(|| Self {
            subject: subject.to_owned(),
            email: email
                .filter(|email| crate::identity::sign_in::check_email("email", email).is_ok())
                .map(str::to_owned),
            name: name.map(|name| name.chars().take(120).collect()),
            groups,
        })
    }

    /// The domain of the address.
    pub fn domain(&self) -> Option<&str> {
        self.email.as_deref()?.rsplit_once('@').map(|(_, domain)| domain)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value, mapping: &Value) -> Option<Person> {
        Person::read("7", claims.as_object().unwrap(), mapping, [&["email"], &["name"], &["groups"]])
    }

    #[test]
    fn claims_are_read_where_the_mapping_says() {
        let claims = json!({
            "email": "ada@example.org", "given_name": "Ada", "family_name": "B", "oid": "x1",
            "mail": ["m@example.org"], "roles": ["a", "b"],
        });
        let person = read(&claims, &json!({})).unwrap();
        assert_eq!((person.subject.as_str(), person.name.as_deref()), ("7", Some("Ada B")));
        assert_eq!((person.domain(), &person.groups), (Some("example.org"), &None));
        let mapping = json!({ "user_id": "oid", "email": ["upn", "mail"], "groups": "roles" });
        let person = read(&claims, &mapping).unwrap();
        assert_eq!((person.subject.as_str(), person.email.as_deref()), ("x1", Some("m@example.org")));
        assert_eq!(person.groups.unwrap(), ["a", "b"]);
        // A mapping that finds nothing identifies nobody.
        assert_eq!(read(&claims, &json!({ "user_id": "missing" })), None);
    }

    #[test]
    fn an_address_that_the_provider_does_not_stand_for_is_none() {
        for said in [json!(false), json!("false")] {
            let claims = json!({ "email": "ada@example.org", "email_verified": said });
            assert_eq!(read(&claims, &json!({})).unwrap().email, None);
        }
        assert_eq!(read(&json!({ "email": "no address" }), &json!({})).unwrap().email, None);
    }
}
