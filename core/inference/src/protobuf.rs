//! Protocol buffers, as far as a graph needs them: the fields of a message one after the other, and how they are written.

/// What a field holds.
pub(crate) enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
    /// A number of fixed length.
    Fixed,
}

/// The number of a field, what it holds, and its bytes as they stand in the message.
pub(crate) type Read<'m> = Result<(u64, Field<'m>, &'m [u8]), String>;

/// The fields of a message. The first that cannot be read is the last.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Read<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let all = rest;
        let read = field(&mut rest);
        if read.is_err() {
            rest = &[];
        }
        Some(read.map(|(number, field)| (number, field, &all[..all.len() - rest.len()])))
    })
}

fn field<'m>(rest: &mut &'m [u8]) -> Result<(u64, Field<'m>), String> {
    let tag = varint(rest)?;
    let field = match tag & 7 {
        0 => Field::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Field::Fixed)?,
        2 => {
            let length = usize::try_from(varint(rest)?).map_err(|error| error.to_string())?;
            Field::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Field::Fixed)?,
        other => return Err(format!("a field of kind {other}")),
    };
    Ok((tag >> 3, field))
}

fn take<'m>(rest: &mut &'m [u8], length: usize) -> Result<&'m [u8], String> {
    let (taken, left) = rest.split_at_checked(length).ok_or("it is cut off")?;
    *rest = left;
    Ok(taken)
}

/// A number of seven bits a byte, the lowest first.
pub(crate) fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number without an end".to_owned())
}

/// Writes a field that holds a number.
pub(crate) fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    write_varint(out, field << 3);
    write_varint(out, value);
}

/// Writes a field that holds bytes: a text, a message, or just bytes.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    write_varint(out, field << 3 | 2);
    write_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_is_refused() {
        let mut message = Vec::new();
        number(&mut message, 1, 300);
        bytes(&mut message, 200, b"text");
        let read: Vec<_> = fields(&message).collect::<Result<_, _>>().unwrap_or_default();
        assert!(matches!(read[0], (1, Field::Number(300), raw) if raw.len() == 3));
        assert!(matches!(read[1], (200, Field::Bytes(b"text"), _)));
        for end in 1..message.len() {
            let whole = fields(&message[..end]).all(|field| field.is_ok());
            assert_eq!(whole, end == 3, "{end}");
        }
        assert!(fields(&[0xff; 11]).any(|field| field.is_err()));
    }
}
