//! Reads the index of a unit: which records and values it holds, and where.
//!
//! Used only to build a damaged log anew; otherwise the engine reads its own files. Numbers are base-128,
//! little end first.

use super::check::UNIT_HEADER;

/// What a unit says about one group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A record: number, and where it begins within the unit, and its length.
    Entry { index: u64, at: u64, length: u64 },
    /// A value; `None` if it was removed.
    Value { key: &'a [u8], value: Option<&'a [u8]> },
}

/// All items of a whole unit, with their groups; `None` if the index is not what the engine writes.
pub(super) fn items(unit: &[u8]) -> Option<Vec<(u64, Item<'_>)>> {
    let index = usize::try_from(u64::from_be_bytes(unit.get(8..16)?.try_into().ok()?)).ok()?;
    let mut rest = unit.get(index..unit.len().checked_sub(4)?)?;
    let mut items = Vec::new();
    let mut entries_end = 0;
    for _ in 0..number(&mut rest)? {
        let region = number(&mut rest)?;
        match byte(&mut rest)? {
            1 => {
                let count = number(&mut rest)?;
                let first = if count > 0 { number(&mut rest)? } else { 0 };
                for place in 0..count {
                    let end = number(&mut rest)?;
                    let length = end.checked_sub(entries_end)?;
                    items.push((
                        region,
                        Item::Entry { index: first + place, at: UNIT_HEADER + entries_end, length },
                    ));
                    entries_end = end;
                }
            }
            // Dropping records: each partition stores where it begins, which says the same.
            2 => match byte(&mut rest)? {
                1 => {}
                2 => {
                    number(&mut rest)?;
                }
                _ => return None,
            },
            3 => {
                let operation = byte(&mut rest)?;
                let key = bytes(&mut rest)?;
                let value = match operation {
                    1 => Some(bytes(&mut rest)?),
                    2 => None,
                    _ => return None,
                };
                items.push((region, Item::Value { key, value }));
            }
            _ => return None,
        }
    }
    Some(items)
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, left) = rest.split_first()?;
    *rest = left;
    Some(*first)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let next = byte(rest)?;
        value |= u64::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest)?).ok()?;
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_end_in_an_answer(unit in prop::collection::vec(any::<u8>(), 0..200)) {
            items(&unit);
        }
    }
}
