//! Codes of authenticator apps (RFC 6238: SHA-1, six digits, 30 seconds), and the backup codes for whoever lost theirs.

use botbuilder_domain::Secret;
use botbuilder_store::{identity::opaque::Hash, secret::SealError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Length of a seed, in bytes.
pub const SEED: usize = 20;
/// Length of a step, in seconds.
const STEP: i64 = 30;
/// How many steps a clock may be off, in either direction.
const TOLERANCE: i64 = 1;
/// How many backup codes there are at a time.
pub const BACKUP_CODES: usize = 10;
/// Random bytes of a backup code: 120 bits, 24 characters.
const BACKUP_BYTES: usize = 15;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new seed.
pub fn new_seed() -> Result<[u8; SEED], SealError> {
    let mut seed = [0; SEED];
    getrandom::fill(&mut seed).map_err(|_| SealError::Randomness)?;
    Ok(seed)
}

/// Bytes in base 32 (RFC 4648) without padding. Ours are always whole groups of five.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(buffer >> bits) as usize & 31]));
        }
    }
    text
}

/// The bytes of base 32. None where it is not.
pub fn of_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for character in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = BASE32.iter().position(|known| *known == character.to_ascii_uppercase())?;
        buffer = (buffer << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 255).ok()?);
        }
    }
    Some(bytes)
}

/// What an app reads from a picture: `otpauth://totp/…`.
pub fn uri(issuer: &str, account: &str, seed: &[u8]) -> String {
    let encode = |text: &str| {
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        encoded.replace('+', "%20")
    };
    let (issuer, account, seed) = (encode(issuer), encode(account), base32(seed));
    format!(
        "otpauth://totp/{issuer}:{account}?secret={seed}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

fn code(seed: &[u8], step: i64) -> Option<u32> {
    let mac =
        Hmac::<Sha1>::new_from_slice(seed).ok()?.chain_update(step.to_be_bytes()).finalize().into_bytes();
    let offset = usize::from(mac.last()? & 0xf);
    let word = mac.get(offset..offset + 4)?.try_into().ok()?;
    Some((u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
}

/// The step of a right code at this Unix time. Steps up to `last`, the one accepted before, are over.
pub fn check(seed: &[u8], presented: &str, unix: i64, last: Option<i64>) -> Option<i64> {
    let digits: String = presented.chars().filter(|character| !character.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let now = unix.div_euclid(STEP);
    (now - TOLERANCE..=now + TOLERANCE).filter(|step| last.is_none_or(|last| *step > last)).find(|step| {
        code(seed, *step).is_some_and(|code| format!("{code:06}").as_bytes().ct_eq(digits.as_bytes()).into())
    })
}

/// New backup codes, as they are shown once.
pub fn new_backup_codes() -> Result<Vec<Secret<String>>, SealError> {
    let make = |_| {
        let mut bytes = [0; BACKUP_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
        let groups: Vec<String> = base32(&bytes)
            .as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        Ok(Secret::new(groups.join("-")))
    };
    (0..BACKUP_CODES).map(make).collect()
}

/// What is stored of a backup code. None where it has not the form of one. Case, spaces and hyphens do not matter.
pub fn backup_hash(pepper: &Secret<[u8; 32]>, presented: &str) -> Option<Hash> {
    let plain: String = presented
        .chars()
        .filter(|character| !character.is_whitespace() && *character != '-')
        .map(|character| character.to_ascii_uppercase())
        .collect();
    if plain.len() != BACKUP_BYTES * 8 / 5 || !plain.bytes().all(|byte| BASE32.contains(&byte)) {
        return None;
    }
    let mac = Hmac::<Sha256>::new_from_slice(pepper.expose()).ok()?;
    Some(mac.chain_update(plain.as_bytes()).finalize().into_bytes().into())
}

/// The code of an app at this Unix time: for tests and development, which have no app.
pub fn code_at(seed: &[u8], unix: i64) -> String {
    format!("{:06}", code(seed, unix.div_euclid(STEP)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_SEED: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (unix, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(RFC_SEED, unix), expected);
            assert_eq!(check(RFC_SEED, expected, unix, None), Some(unix / 30));
        }
    }

    #[test]
    fn a_code_counts_once_and_one_step_around_its_own() {
        let unix = 1_234_567_890;
        let step = unix / 30;
        for (away, accepted) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            assert_eq!(check(RFC_SEED, "005924", unix + away * 30, None).is_some(), accepted, "{away}");
        }
        assert_eq!(check(RFC_SEED, "005924", unix, Some(step)), None, "used");
        assert_eq!(check(RFC_SEED, "005924", unix, Some(step + 1)), None, "a later one was used");
        assert_eq!(check(RFC_SEED, "005 924", unix, Some(step - 1)), Some(step));
        for wrong in ["", "005925", "5924", "0059240", "00592a", "-05924"] {
            assert_eq!(check(RFC_SEED, wrong, unix, None), None, "{wrong}");
        }
    }

    #[test]
    fn base32_is_that_of_the_standard() {
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(of_base32("MZXW 6ytb").unwrap(), b"fooba");
        assert_eq!(of_base32("MZX1"), None);
        assert_eq!(base32(RFC_SEED), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn the_uri_names_issuer_and_account() {
        let uri = uri("Bot Builder", "ada@example.org", RFC_SEED);
        assert!(uri.starts_with("otpauth://totp/Bot%20Builder:ada%40example.org?secret=GEZDGNBV"), "{uri}");
    }

    #[test]
    fn a_backup_code_is_recognised_however_it_is_typed() {
        let pepper = Secret::new([7; 32]);
        let codes = new_backup_codes().unwrap();
        assert_eq!(codes.len(), BACKUP_CODES);
        let shown = codes[0].expose();
        assert_eq!(shown.len(), 29);
        let hash = backup_hash(&pepper, shown).unwrap();
        assert_eq!(backup_hash(&pepper, &shown.to_lowercase().replace('-', " ")), Some(hash));
        assert_ne!(backup_hash(&pepper, codes[1].expose()), Some(hash));
        assert_ne!(backup_hash(&Secret::new([8; 32]), shown), Some(hash));
        assert_eq!(backup_hash(&pepper, &shown[..28]), None);
    }
}
