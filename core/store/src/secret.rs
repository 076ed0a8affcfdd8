//! Envelope encryption of what must be read back: a root key wraps one data key per organization, and a data key
//! seals values with their table, column and row as associated data, so that a ciphertext moved to another row
//! does not open. XChaCha20-Poly1305, nonce first.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_domain::{OrgId, Secret};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;
use uuid::Uuid;

const NONCE: usize = 24;
const KEY: usize = 32;

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key that sealed it is not known.
    #[error("key {0} is not known")]
    UnknownKey(String),
    /// The ciphertext does not open: wrong key, wrong row, or damaged.
    #[error("ciphertext does not open")]
    Refused,
    /// The machine gave no randomness.
    #[error("no randomness available")]
    Randomness,
}

/// The key that wraps the organizations' keys. While it takes the place of another, that one still opens what it sealed.
#[derive(Clone)]
pub struct RootKey {
    key: Secret<[u8; KEY]>,
    previous: Option<Secret<[u8; KEY]>>,
}

/// A sealed value: what goes into `<name>_ct` and `<name>_kid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Nonce and ciphertext.
    pub ciphertext: Vec<u8>,
    /// The name of the key.
    pub key_id: String,
}

/// Where a sealed value lives; bound to the ciphertext.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The column, without `_ct`.
    pub column: &'static str,
    /// The row's id.
    pub row: Uuid,
}

impl Place {
    fn associated_data(self) -> String {
        format!("{}.{}:{}", self.table, self.column, self.row)
    }
}

/// The opened data keys of one organization.
#[derive(Clone)]
pub struct DataKeys {
    current: String,
    keys: HashMap<String, Secret<[u8; KEY]>>,
    /// The same key from the root key before this one. It opens, and seals nothing.
    previous: Option<Secret<[u8; KEY]>>,
}

fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
    Ok(bytes)
}

fn seal(key: &Secret<[u8; KEY]>, plain: &[u8], aad: &str) -> Result<Vec<u8>, SealError> {
    let nonce = random::<NONCE>()?;
    let sealed = XChaCha20Poly1305::new(key.expose().into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: aad.as_bytes() })
        .map_err(|_| SealError::Refused)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(key: &Secret<[u8; KEY]>, sealed: &[u8], aad: &str) -> Result<Vec<u8>, SealError> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or(SealError::Refused)?;
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: aad.as_bytes() })
        .map_err(|_| SealError::Refused)
}

/// A new secret of 256 bits as text, for others to sign with.
pub fn new_secret() -> Result<Secret<String>, SealError> {
    random::<KEY>().map(|bytes| Secret::new(hex::encode(bytes)))
}

impl RootKey {
    /// A new random root key.
    pub fn generate() -> Result<Self, SealError> {
        random().map(|bytes| Self::new(Secret::new(bytes)))
    }

    /// This key.
    pub const fn new(key: Secret<[u8; KEY]>) -> Self {
        Self { key, previous: None }
    }

    /// The same in the place of another, which is still good for opening.
    #[must_use]
    pub fn replacing(self, previous: Secret<[u8; KEY]>) -> Self {
        Self { previous: Some(previous), ..self }
    }

    /// Whether another key is being replaced by this one.
    pub const fn is_replacing(&self) -> bool {
        self.previous.is_some()
    }

    /// A key for one purpose that is not an organization's, derived from the root key: HMAC-SHA-256 of its label.
    pub fn derive(&self, label: &str) -> Secret<[u8; KEY]> {
        derived(&self.key, label)
    }

    /// What [`Self::derive`] gave before this key took the place of another, while that one is still good.
    pub fn derive_previous(&self, label: &str) -> Option<Secret<[u8; KEY]>> {
        self.previous.as_ref().map(|previous| derived(previous, label))
    }

    /// The keys of what belongs to an account or to the platform, and to no organization.
    pub fn platform_keys(&self) -> DataKeys {
        let current = "p1".to_owned();
        let label = "botbuilder.platform-key.p1";
        let keys = HashMap::from([(current.clone(), self.derive(label))]);
        DataKeys { current, keys, previous: self.derive_previous(label) }
    }

    fn wrapping_place(org: OrgId, key_id: &str) -> String {
        format!("organizations.data_keys:{org}:{key_id}")
    }

    /// A first data key for an organization: what goes into `organizations.data_keys`.
    pub fn new_data_keys(&self, org: OrgId) -> Result<Value, SealError> {
        let key_id = "k1";
        let wrapped = seal(&self.key, &random::<KEY>()?, &Self::wrapping_place(org, key_id))?;
        Ok(serde_json::json!({ "current": key_id, "keys": { key_id: STANDARD.encode(wrapped) } }))
    }

    /// The stored keys with a new one that is current from now on. The others stay, to open what they sealed.
    pub fn rotate_data_keys(
        &self,
        org: OrgId,
        mut stored: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Value, SealError> {
        let Some(Value::Object(keys)) = stored.get_mut("keys") else {
            return Err(SealError::UnknownKey("keys".to_owned()));
        };
        let number = |name: &String| name.strip_prefix('k').and_then(|number| number.parse::<u32>().ok());
        let key_id = format!("k{}", keys.keys().filter_map(number).max().unwrap_or(0) + 1);
        let wrapped = seal(&self.key, &random::<KEY>()?, &Self::wrapping_place(org, &key_id))?;
        keys.insert(key_id.clone(), STANDARD.encode(wrapped).into());
        stored.insert("current".to_owned(), key_id.into());
        stored.insert("rotated_at".to_owned(), now.to_rfc3339().into());
        Ok(Value::Object(stored))
    }

    /// The stored keys with those wrapped anew that only the previous root key opens. None where there are none.
    pub fn rewrap_data_keys(
        &self,
        org: OrgId,
        mut stored: Map<String, Value>,
    ) -> Result<Option<Value>, SealError> {
        let Some(Value::Object(keys)) = stored.get_mut("keys") else {
            return Err(SealError::UnknownKey("keys".to_owned()));
        };
        let mut changed = false;
        for (key_id, wrapped) in keys {
            let place = Self::wrapping_place(org, key_id);
            let bytes = unpacked(key_id, wrapped)?;
            if open(&self.key, &bytes, &place).is_ok() {
                continue;
            }
            let key = Secret::new(self.unwrap_key(&bytes, &place)?);
            *wrapped = STANDARD.encode(seal(&self.key, key.expose(), &place)?).into();
            changed = true;
        }
        Ok(changed.then_some(Value::Object(stored)))
    }

    fn unwrap_key(&self, wrapped: &[u8], place: &str) -> Result<[u8; KEY], SealError> {
        let key = match (open(&self.key, wrapped, place), &self.previous) {
            (Err(SealError::Refused), Some(previous)) => open(previous, wrapped, place)?,
            (opened, _) => opened?,
        };
        key.try_into().map_err(|_| SealError::Refused)
    }

    /// Opens `organizations.data_keys`.
    pub fn open_data_keys(&self, org: OrgId, stored: &Map<String, Value>) -> Result<DataKeys, SealError> {
        let current = stored.get("current").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut keys = HashMap::new();
        for (key_id, wrapped) in stored.get("keys").and_then(Value::as_object).into_iter().flatten() {
            let wrapped = unpacked(key_id, wrapped)?;
            let key = self.unwrap_key(&wrapped, &Self::wrapping_place(org, key_id))?;
            keys.insert(key_id.clone(), Secret::new(key));
        }
        if keys.contains_key(&current) {
            Ok(DataKeys { current, keys, previous: None })
        } else {
            Err(SealError::UnknownKey(current))
        }
    }
}

/// A wrapped key as it is stored.
fn unpacked(key_id: &str, wrapped: &Value) -> Result<Vec<u8>, SealError> {
    let bytes = wrapped.as_str().and_then(|text| STANDARD.decode(text).ok());
    bytes.ok_or_else(|| SealError::UnknownKey(key_id.to_owned()))
}

fn derived(key: &Secret<[u8; KEY]>, label: &str) -> Secret<[u8; KEY]> {
    let mac = Hmac::<Sha256>::new_from_slice(key.expose()).map(|mac| mac.chain_update(label).finalize());
    // HMAC takes keys of every length, so there is always a result.
    Secret::new(mac.map(|mac| mac.into_bytes().into()).unwrap_or_default())
}

impl DataKeys {
    /// The name of the key that seals.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Seals a value for its place with the current key.
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<Sealed, SealError> {
        let key = self.keys.get(&self.current).ok_or_else(|| SealError::UnknownKey(self.current.clone()))?;
        let ciphertext = seal(key, plain, &place.associated_data())?;
        Ok(Sealed { ciphertext, key_id: self.current.clone() })
    }

    /// Opens a value of that place.
    pub fn open(&self, place: Place, ciphertext: &[u8], key_id: &str) -> Result<Secret<Vec<u8>>, SealError> {
        let key = self.keys.get(key_id).ok_or_else(|| SealError::UnknownKey(key_id.to_owned()))?;
        let aad = place.associated_data();
        let opened = match (open(key, ciphertext, &aad), &self.previous) {
            (Err(SealError::Refused), Some(previous)) => open(previous, ciphertext, &aad),
            (opened, _) => opened,
        };
        opened.map(Secret::new)
    }

    /// The value sealed anew, where only the key from before the present root key opens it; none where the present one
    /// does.
    pub fn renew(&self, place: Place, ciphertext: &[u8], key_id: &str) -> Result<Option<Sealed>, SealError> {
        let key = self.keys.get(key_id).ok_or_else(|| SealError::UnknownKey(key_id.to_owned()))?;
        if open(key, ciphertext, &place.associated_data()).is_ok() {
            return Ok(None);
        }
        let plain = self.open(place, ciphertext, key_id)?;
        self.seal(place, plain.expose()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(row: u128) -> Place {
        Place { table: "channels", column: "credentials", row: Uuid::from_u128(row) }
    }

    fn keys(root: &RootKey, org: OrgId) -> DataKeys {
        let stored = root.new_data_keys(org).unwrap();
        root.open_data_keys(org, stored.as_object().unwrap()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_only() {
        let org = OrgId::new(Uuid::from_u128(1));
        let keys = keys(&RootKey::generate().unwrap(), org);
        let sealed = keys.seal(place(1), b"token").unwrap();
        assert_eq!(keys.open(place(1), &sealed.ciphertext, &sealed.key_id).unwrap().expose(), b"token");
        assert_eq!(keys.open(place(2), &sealed.ciphertext, &sealed.key_id).unwrap_err(), SealError::Refused);
        assert_eq!(
            keys.open(place(1), &sealed.ciphertext, "k9").unwrap_err(),
            SealError::UnknownKey("k9".into())
        );
    }

    #[test]
    fn a_rotated_key_seals_and_the_one_before_still_opens() {
        let (root, org) = (RootKey::generate().unwrap(), OrgId::new(Uuid::from_u128(1)));
        let first = root.new_data_keys(org).unwrap();
        let before = root.open_data_keys(org, first.as_object().unwrap()).unwrap();
        let old = before.seal(place(1), b"token").unwrap();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let rotated = root.rotate_data_keys(org, first.as_object().unwrap().clone(), now).unwrap();
        let after = root.open_data_keys(org, rotated.as_object().unwrap()).unwrap();
        assert_eq!((before.current(), after.current()), ("k1", "k2"));
        assert_eq!(after.open(place(1), &old.ciphertext, &old.key_id).unwrap().expose(), b"token");
        let new = after.seal(place(1), b"token").unwrap();
        assert_eq!(
            before.open(place(1), &new.ciphertext, &new.key_id).unwrap_err(),
            SealError::UnknownKey("k2".into())
        );
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let keys = keys(&RootKey::generate().unwrap(), OrgId::new(Uuid::from_u128(1)));
        let sealed = keys.seal(place(1), b"token").unwrap();
        for bit in 0..sealed.ciphertext.len() * 8 {
            let mut damaged = sealed.ciphertext.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.open(place(1), &damaged, &sealed.key_id).is_err());
        }
    }

    #[test]
    fn derived_keys_differ_by_label_and_root() {
        let root = RootKey::new(Secret::new([7; KEY]));
        assert_eq!(root.derive("a").expose(), root.derive("a").expose());
        assert_ne!(root.derive("a").expose(), root.derive("b").expose());
        assert_ne!(root.derive("a").expose(), RootKey::new(Secret::new([8; KEY])).derive("a").expose());
        let sealed = root.platform_keys().seal(place(1), b"seed").unwrap();
        let opened = root.platform_keys().open(place(1), &sealed.ciphertext, &sealed.key_id).unwrap();
        assert_eq!(opened.expose(), b"seed");
    }

    #[test]
    fn another_organization_or_root_key_does_not_open_the_data_keys() {
        let root = RootKey::generate().unwrap();
        let stored = root.new_data_keys(OrgId::new(Uuid::from_u128(1))).unwrap();
        let stored = stored.as_object().unwrap();
        assert!(root.open_data_keys(OrgId::new(Uuid::from_u128(2)), stored).is_err());
        assert!(RootKey::generate().unwrap().open_data_keys(OrgId::new(Uuid::from_u128(1)), stored).is_err());
    }

    #[test]
    fn a_new_root_key_opens_what_the_one_before_sealed_until_it_is_sealed_anew() {
        let org = OrgId::new(Uuid::from_u128(1));
        let before = Secret::new([7; KEY]);
        let old = RootKey::new(before.clone());
        let stored = old.new_data_keys(org).unwrap();
        let stored = stored.as_object().unwrap();
        let token = old.open_data_keys(org, stored).unwrap().seal(place(1), b"token").unwrap();
        let seed = old.platform_keys().seal(place(1), b"seed").unwrap();

        let alone = RootKey::new(Secret::new([8; KEY]));
        let both = alone.clone().replacing(before);
        assert!(alone.open_data_keys(org, stored).is_err());
        assert!(
            alone.rewrap_data_keys(org, stored.clone()).is_err(),
            "nothing is lost behind a key nobody has"
        );
        let opened = both.open_data_keys(org, stored).unwrap();
        assert_eq!(opened.open(place(1), &token.ciphertext, &token.key_id).unwrap().expose(), b"token");
        let wrapped = both.rewrap_data_keys(org, stored.clone()).unwrap().unwrap();
        let wrapped = wrapped.as_object().unwrap();
        assert_eq!(both.rewrap_data_keys(org, wrapped.clone()).unwrap(), None, "once");
        let opened = alone.open_data_keys(org, wrapped).unwrap();
        assert_eq!(opened.open(place(1), &token.ciphertext, &token.key_id).unwrap().expose(), b"token");
        assert!(old.open_data_keys(org, wrapped).is_err());

        let renewed = both.platform_keys().renew(place(1), &seed.ciphertext, "p1").unwrap().unwrap();
        let opened = alone.platform_keys().open(place(1), &renewed.ciphertext, &renewed.key_id).unwrap();
        assert_eq!(opened.expose(), b"seed");
        assert_eq!(both.platform_keys().renew(place(1), &renewed.ciphertext, "p1").unwrap(), None);
        assert_eq!(both.derive_previous("a").unwrap().expose(), old.derive("a").expose());
    }
}
