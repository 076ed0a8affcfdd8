//! The attributes that are kept, what may be done with them, and the documents that tell clients so (RFC 7643, 7).

use serde_json::{Map, Value, json};

use super::{
    attributes::{Attribute, Object, get, take},
    error::Error,
};

/// The schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// What companies add to users.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The longest text that is kept, in characters.
const LONGEST: usize = 1000;
/// The most values of one attribute.
const MOST: usize = 10_000;

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text, compared letter for letter.
    Exact,
    /// True or false.
    Boolean,
    /// An address of something outside.
    External,
    /// The address of a resource of ours.
    Reference(&'static [&'static str]),
    /// Attributes of its own.
    Complex(&'static [Definition]),
}

/// Who sets an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// The client, whenever it likes.
    ReadWrite,
    /// We do.
    ReadOnly,
    /// The client, once.
    Immutable,
}

/// An attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it has several values.
    pub is_many: bool,
    /// Whether it must be there.
    pub is_required: bool,
    /// Who sets it.
    pub mutability: Mutability,
    /// Whether no two resources have the same.
    pub is_unique: bool,
}

impl Definition {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            is_many: false,
            is_required: false,
            mutability: Mutability::ReadWrite,
            is_unique: false,
        }
    }

    const fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text)
    }

    const fn many(mut self) -> Self {
        self.is_many = true;
        self
    }

    const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    const fn unique(mut self) -> Self {
        self.is_unique = true;
        self
    }

    const fn set_by(mut self, mutability: Mutability) -> Self {
        self.mutability = mutability;
        self
    }

    /// The attributes below it.
    pub const fn inner(&self) -> &'static [Self] {
        match self.kind {
            Kind::Complex(inner) => inner,
            _ => &[],
        }
    }

    fn document(&self) -> Value {
        let (kind, is_exact) = match self.kind {
            Kind::Text => ("string", false),
            Kind::Exact => ("string", true),
            Kind::Boolean => ("boolean", false),
            Kind::External | Kind::Reference(_) => ("reference", true),
            Kind::Complex(_) => ("complex", false),
        };
        let mut document = json!({
            "name": self.name,
            "type": kind,
            "multiValued": self.is_many,
            "description": self.name,
            "required": self.is_required,
            "caseExact": is_exact,
            "mutability": match self.mutability {
                Mutability::ReadWrite => "readWrite",
                Mutability::ReadOnly => "readOnly",
                Mutability::Immutable => "immutable",
            },
            "returned": "default",
            "uniqueness": if self.is_unique { "server" } else { "none" },
        });
        match self.kind {
            Kind::Complex(inner) => {
                document["subAttributes"] = inner.iter().map(Self::document).collect();
            }
            Kind::External => document["referenceTypes"] = json!(["external"]),
            Kind::Reference(types) => document["referenceTypes"] = json!(types),
            _ => {}
        }
        document
    }
}

const VALUE_OF_LIST: [Definition; 4] = [
    Definition::text("value"),
    Definition::text("display"),
    Definition::text("type"),
    Definition::new("primary", Kind::Boolean),
];

const NAME: [Definition; 6] = [
    Definition::text("formatted"),
    Definition::text("familyName"),
    Definition::text("givenName"),
    Definition::text("middleName"),
    Definition::text("honorificPrefix"),
    Definition::text("honorificSuffix"),
];

const GROUP_OF_USER: [Definition; 3] = [
    Definition::new("value", Kind::Exact).set_by(Mutability::ReadOnly),
    Definition::new("$ref", Kind::Reference(&["Group"])).set_by(Mutability::ReadOnly),
    Definition::text("display").set_by(Mutability::ReadOnly),
];

const USER_ATTRIBUTES: [Definition; 13] = [
    Definition::text("userName").required().unique(),
    Definition::new("name", Kind::Complex(&NAME)),
    Definition::text("displayName"),
    Definition::text("nickName"),
    Definition::text("title"),
    Definition::text("userType"),
    Definition::text("preferredLanguage"),
    Definition::text("locale"),
    Definition::text("timezone"),
    Definition::new("active", Kind::Boolean),
    Definition::new("emails", Kind::Complex(&VALUE_OF_LIST)).many(),
    Definition::new("phoneNumbers", Kind::Complex(&VALUE_OF_LIST)).many(),
    Definition::new("groups", Kind::Complex(&GROUP_OF_USER)).many().set_by(Mutability::ReadOnly),
];

const MANAGER: [Definition; 3] = [
    Definition::new("value", Kind::Exact),
    Definition::new("$ref", Kind::Reference(&["User"])),
    Definition::text("displayName").set_by(Mutability::ReadOnly),
];

const ENTERPRISE_ATTRIBUTES: [Definition; 6] = [
    Definition::text("employeeNumber"),
    Definition::text("costCenter"),
    Definition::text("organization"),
    Definition::text("division"),
    Definition::text("department"),
    Definition::new("manager", Kind::Complex(&MANAGER)),
];

// No `display` and no `type`: who is in a group is looked up by the id.
const MEMBER: [Definition; 2] = [
    Definition::new("value", Kind::Exact).set_by(Mutability::Immutable),
    Definition::new("$ref", Kind::Reference(&["User"])).set_by(Mutability::Immutable),
];

const GROUP_ATTRIBUTES: [Definition; 2] =
    [Definition::text("displayName").required(), Definition::new("members", Kind::Complex(&MEMBER)).many()];

/// What every resource has; no schema lists it.
const COMMON: [Definition; 4] = [
    Definition::new("id", Kind::Exact).set_by(Mutability::ReadOnly),
    Definition::new("externalId", Kind::Exact),
    Definition::new("meta", Kind::Complex(&[])).set_by(Mutability::ReadOnly),
    Definition::new("schemas", Kind::Exact).many().set_by(Mutability::ReadOnly),
];

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// People.
    User,
    /// What they belong to.
    Group,
}

impl Resource {
    /// Both.
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// Its address, below `/scim/v2`.
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// Its schema.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
        }
    }

    const fn attributes(self) -> &'static [Definition] {
        match self {
            Self::User => &USER_ATTRIBUTES,
            Self::Group => &GROUP_ATTRIBUTES,
        }
    }

    /// The document that says where it is.
    pub fn document(self, base: &str) -> Value {
        let extensions = match self {
            Self::User => json!([{ "schema": ENTERPRISE, "required": false }]),
            Self::Group => json!([]),
        };
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": self.name(), "name": self.name(), "description": self.name(),
            "endpoint": self.endpoint(), "schema": self.schema(), "schemaExtensions": extensions,
            "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", self.name()) },
        })
    }

    /// The definition an attribute's path leads to, with that of the attribute above it.
    pub fn find(self, path: &Attribute) -> Result<(&'static Definition, Option<&'static Definition>), Error> {
        let unknown = || Error::path(format!("{:?} is no attribute of a {}", path.name, self.name()));
        let known: &[Definition] = match path.schema.as_deref() {
            None => self.attributes(),
            Some(schema) if schema.eq_ignore_ascii_case(self.schema()) => self.attributes(),
            Some(schema) if self == Self::User && schema.eq_ignore_ascii_case(ENTERPRISE) => {
                &ENTERPRISE_ATTRIBUTES
            }
            Some(_) => return Err(unknown()),
        };
        let common = COMMON.iter().filter(|_| path.extension().is_none());
        let is_it = |definition: &&Definition| definition.name.eq_ignore_ascii_case(&path.name);
        let definition = known.iter().chain(common).find(is_it).ok_or_else(unknown)?;
        let Some(sub) = &path.sub else { return Ok((definition, None)) };
        let inner = definition.inner().iter().find(|inner| inner.name.eq_ignore_ascii_case(sub));
        inner.map(|inner| (inner, Some(definition))).ok_or_else(unknown)
    }

    /// What is kept of what a client sends: known attributes under their own names, without those that only we set.
    pub fn accept(self, mut sent: Object) -> Result<Object, Error> {
        let mut kept = accept_all(self.attributes(), &sent, "")?;
        if let Some(external) = take(&mut sent, "externalId") {
            kept.extend(accept_one(&COMMON[1], &external, "")?.map(|value| ("externalId".to_owned(), value)));
        }
        if self == Self::User
            && let Some(Value::Object(extension)) = get(&sent, ENTERPRISE)
        {
            let extension = accept_all(&ENTERPRISE_ATTRIBUTES, extension, "")?;
            if !extension.is_empty() {
                kept.insert(ENTERPRISE.to_owned(), Value::Object(extension));
            }
        }
        for definition in self.attributes().iter().filter(|definition| definition.is_required) {
            let text = kept.get(definition.name).and_then(Value::as_str);
            if text.is_none_or(|text| text.trim().is_empty()) {
                return Err(Error::value(format!("{} must be there", definition.name)));
            }
        }
        Ok(kept)
    }
}

fn accept_all(known: &[Definition], sent: &Object, above: &str) -> Result<Object, Error> {
    let mut kept = Map::new();
    for definition in known {
        // What only we set is passed over, as the RFC asks.
        let Some(value) = get(sent, definition.name) else { continue };
        if definition.mutability == Mutability::ReadOnly {
            continue;
        }
        let value = if definition.is_many {
            accept_many(definition, value)?
        } else {
            accept_one(definition, value, above)?
        };
        kept.extend(value.map(|value| (definition.name.to_owned(), value)));
    }
    Ok(kept)
}

fn accept_many(definition: &Definition, value: &Value) -> Result<Option<Value>, Error> {
    let all = match value {
        Value::Null => return Ok(None),
        Value::Array(all) if all.len() <= MOST => all.as_slice(),
        Value::Array(_) => return Err(Error::value(format!("{} has too many values", definition.name))),
        one => std::slice::from_ref(one),
    };
    let mut kept: Vec<Value> = Vec::new();
    for one in all {
        let Some(one) = accept_one(definition, one, "")? else { continue };
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    let first = kept.iter().position(|value| value["primary"] == true);
    for (at, value) in kept.iter_mut().enumerate() {
        if first.is_some_and(|first| at != first) && value["primary"] == true {
            value["primary"] = json!(false);
        }
    }
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

fn accept_one(definition: &Definition, value: &Value, above: &str) -> Result<Option<Value>, Error> {
    let name = format!("{above}{}", definition.name);
    match (definition.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Boolean, Value::Bool(_)) => Ok(Some(value.clone())),
        // Azure writes them as texts.
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(json!(true))),
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(json!(false))),
        (Kind::Boolean, _) => Err(Error::value(format!("{name} must be true or false"))),
        (Kind::Complex(inner), Value::Object(fields)) => {
            let kept = accept_all(inner, fields, &format!("{name}."))?;
            Ok((!kept.is_empty()).then_some(Value::Object(kept)))
        }
        // A manager or a member may be sent as its id alone.
        (Kind::Complex(inner), Value::String(_)) if inner.iter().any(|inner| inner.name == "value") => {
            accept_one(definition, &json!({ "value": value }), above)
        }
        (Kind::Complex(_), _) => Err(Error::value(format!("{name} must be an object"))),
        (_, Value::String(text)) if text.chars().count() <= LONGEST && !text.contains('\0') => {
            Ok((!text.is_empty()).then(|| value.clone()))
        }
        _ => Err(Error::value(format!("{name} must be a text of at most {LONGEST} characters"))),
    }
}

/// The document of a schema, if it is one of ours.
pub fn document(id: &str, base: &str) -> Option<Value> {
    let (id, name, attributes): (_, _, &[Definition]) = match id {
        _ if id.eq_ignore_ascii_case(USER) => (USER, "User", &USER_ATTRIBUTES),
        _ if id.eq_ignore_ascii_case(GROUP) => (GROUP, "Group", &GROUP_ATTRIBUTES),
        _ if id.eq_ignore_ascii_case(ENTERPRISE) => (ENTERPRISE, "EnterpriseUser", &ENTERPRISE_ATTRIBUTES),
        _ => return None,
    };
    let attributes: Vec<Value> = attributes.iter().map(Definition::document).collect();
    Some(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": id, "name": name, "description": name, "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{id}") },
    }))
}

/// The document that says what is supported.
pub fn provider(base: &str, most_operations: usize, most_bytes: usize, most_results: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": true, "maxOperations": most_operations, "maxPayloadSize": most_bytes },
        "filter": { "supported": true, "maxResults": most_results },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token", "primary": true,
            "description": "a token of the configuration, as a bearer token",
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(sent: &Value) -> Result<Object, Error> {
        Resource::User.accept(sent.as_object().unwrap().clone())
    }

    #[test]
    fn known_attributes_are_kept_under_their_own_names() {
        let kept = accept(&json!({
            "id": "mine", "USERNAME": "ada", "active": "True", "shoeSize": 38, "externalId": "7", "groups": [{ "value": "g" }],
            "emails": [{ "value": "a@b", "primary": true }, { "value": "c@d", "primary": "true" }, { "value": "a@b", "primary": true }],
            ENTERPRISE: { "manager": "m1" }, "name": { "familyname": "Byron" }, "title": null,
        }));
        let expected = json!({
            "userName": "ada", "active": true, "externalId": "7", "name": { "familyName": "Byron" },
            "emails": [{ "value": "a@b", "primary": true }, { "value": "c@d", "primary": false }],
            ENTERPRISE: { "manager": { "value": "m1" } },
        });
        assert_eq!(Value::Object(kept.unwrap()), expected);
    }

    #[test]
    fn values_of_a_wrong_type_are_refused() {
        for wrong in [
            json!({}),
            json!({ "userName": "  " }),
            json!({ "userName": 7 }),
            json!({ "userName": "a", "active": "maybe" }),
            json!({ "userName": "a", "name": [] }),
            json!({ "userName": "a", "emails": [true] }),
            json!({ "userName": "x".repeat(LONGEST + 1) }),
        ] {
            assert_eq!(accept(&wrong).unwrap_err().kind, Some("invalidValue"), "{wrong}");
        }
    }
}
