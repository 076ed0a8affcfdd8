//! Sentence vectors from a table: the mean of the tokens' rows, of length 1. No runtime, a few microseconds.

use serde::Deserialize;

use crate::bpe::Bpe;
use crate::files::{Files, TABLE_VECTORS, TABLE_WORDS};
use crate::{Error, normalise};

/// Letters of a text that are looked at.
const LETTERS: usize = 2_000;

/// The table with its words.
pub struct Table {
    words: Bpe,
    /// One row of half-precision numbers after the other.
    rows: Vec<u16>,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Table {
    /// Its name in the product.
    pub const NAME: &str = "builtin-static-256";
    /// Length of a vector.
    pub const DIMENSIONS: usize = 256;

    /// Reads the table and its words.
    pub fn load(files: &Files) -> Result<Self, Error> {
        let format = |path: &str| {
            let path = path.to_owned();
            move |reason: String| Error::Format { path, reason }
        };
        let words = Bpe::from_json(&files.read(TABLE_WORDS)?).map_err(format(TABLE_WORDS.path))?;
        let rows = rows(&files.read(TABLE_VECTORS)?).map_err(format(TABLE_VECTORS.path))?;
        Ok(Self { words, rows })
    }

    /// One vector for each text, in order.
    pub fn embed(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        texts.iter().map(|text| self.vector(text)).collect()
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let end = text.char_indices().nth(LETTERS).map_or(text.len(), |(at, _)| at);
        let mut sum = vec![0.0_f32; Self::DIMENSIONS];
        for token in self.words.tokens(&text[..end]) {
            let first = token as usize * Self::DIMENSIONS;
            let Some(row) = self.rows.get(first..first + Self::DIMENSIONS) else { continue };
            for (sum, half) in sum.iter_mut().zip(row) {
                *sum += single(*half);
            }
        }
        normalise(&mut sum);
        sum
    }
}

/// The one tensor of a safetensors file: a length, a JSON header, the numbers.
fn rows(bytes: &[u8]) -> Result<Vec<u16>, String> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("it is too short")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|error| error.to_string())?;
    let (header, data) = rest.split_at_checked(length).ok_or("its header is cut off")?;
    let header: serde_json::Value = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    let tensor = Tensor::deserialize(&header["embedding.weight"]).map_err(|error| error.to_string())?;
    if tensor.dtype != "F16" || tensor.shape.get(1) != Some(&Table::DIMENSIONS) {
        return Err(format!("a tensor of {} numbers of type {}", Table::DIMENSIONS, tensor.dtype));
    }
    let data = data.get(tensor.data_offsets.0..tensor.data_offsets.1).ok_or("its numbers are cut off")?;
    Ok(data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// A half-precision number (IEEE 754 binary16) in single precision.
fn single(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half & 0x3ff);
    match exponent {
        // zero, and numbers below 2^-14: the fraction counts in steps of 2^-24
        0 => {
            #[expect(clippy::cast_precision_loss, reason = "ten bits fit")]
            let value = fraction as f32 / 16_777_216.0;
            if sign == 0 { value } else { -value }
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision() {
        for (half, wanted) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0000, 0.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8)]
        {
            assert!((single(half) - wanted).abs() <= f32::EPSILON * wanted.abs(), "{half:x}");
        }
    }

    #[test]
    fn a_file_that_is_cut_is_refused() {
        assert!(rows(&[1, 2, 3]).is_err());
        assert!(rows(&[255, 0, 0, 0, 0, 0, 0, 0, b'{']).is_err());
    }
}
