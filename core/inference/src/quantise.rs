//! A graph of 32-bit numbers turned into one that multiplies bytes: two to three times as fast.
//!
//! Each product of a matrix with stored weights becomes two nodes: one brings the rows to eight bits, by the range they
//! have (`DynamicQuantizeLinear`), the other multiplies and brings the result back (`MatMulIntegerToFloat` of ONNX
//! Runtime). Weights get seven bits, scaled by column: a sum of two products of such a weight and an eight-bit number
//! always fits 16 bits, so processors with and without instructions for it come to the same sums. The rest of the graph
//! stays as it is.
//!
//! The field numbers are those of `onnx.proto`.

use std::collections::{BTreeMap, BTreeSet};

use crate::protobuf::{Field, bytes, fields, varint};

const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_NAME: u64 = 3;
const NODE_KIND: u64 = 4;
const NODE_DOMAIN: u64 = 7;
const TENSOR_DIMS: u64 = 1;
const TENSOR_TYPE: u64 = 2;
const TENSOR_NAME: u64 = 8;
const TENSOR_RAW: u64 = 9;
const TENSOR_EXTERNAL: u64 = 13;
const ENTRY_KEY: u64 = 1;
const ENTRY_VALUE: u64 = 2;

const FLOAT: u64 = 1;
const INT8: u64 = 3;

/// The largest weight after scaling.
const LARGEST: f32 = 64.0;

/// The graph with its products in bytes. `weights` is the file that it keeps its large tensors in.
pub(crate) fn quantised(model: &[u8], weights: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(model.len() + weights.len() / 4);
    for field in fields(model) {
        match field? {
            (MODEL_GRAPH, Field::Bytes(graph), _) => {
                bytes(&mut out, MODEL_GRAPH, &quantised_graph(graph, weights)?);
            }
            (.., raw) => out.extend_from_slice(raw),
        }
    }
    Ok(out)
}

fn quantised_graph(graph: &[u8], weights: &[u8]) -> Result<Vec<u8>, String> {
    let mut matrices = BTreeMap::new();
    let mut products = Vec::new();
    for field in fields(graph) {
        match field? {
            (GRAPH_INITIALIZER, Field::Bytes(tensor), _) => {
                if let Some(matrix) = Matrix::read(tensor)? {
                    matrices.insert(matrix.name.clone(), matrix);
                }
            }
            (GRAPH_NODE, Field::Bytes(node), _) => products.extend(Product::read(node)?),
            _ => {}
        }
    }
    let used: BTreeSet<&str> = products
        .iter()
        .map(|product| product.weights.as_str())
        .filter(|name| matrices.contains_key(*name))
        .collect();
    if used.is_empty() {
        return Err("it has no products with weights".to_owned());
    }

    let mut out = Vec::new();
    let mut brought = BTreeSet::new();
    for field in fields(graph) {
        match field? {
            (GRAPH_NODE, Field::Bytes(node), raw) => match Product::read(node)? {
                Some(product) if used.contains(product.weights.as_str()) => {
                    if brought.insert(product.rows.clone()) {
                        bytes(&mut out, GRAPH_NODE, &product.bring());
                    }
                    bytes(&mut out, GRAPH_NODE, &product.multiply());
                }
                _ => out.extend_from_slice(raw),
            },
            (GRAPH_INITIALIZER, Field::Bytes(tensor), raw) => {
                match Matrix::read(tensor)?.filter(|matrix| used.contains(matrix.name.as_str())) {
                    Some(matrix) => matrix.write(weights, &mut out)?,
                    None => out.extend_from_slice(raw),
                }
            }
            (.., raw) => out.extend_from_slice(raw),
        }
    }
    Ok(out)
}

/// A `MatMul` node.
struct Product {
    name: String,
    rows: String,
    weights: String,
    output: String,
}

impl Product {
    fn read(node: &[u8]) -> Result<Option<Self>, String> {
        let (mut inputs, mut outputs, mut name, mut kind) =
            (Vec::new(), Vec::new(), String::new(), String::new());
        for field in fields(node) {
            match field? {
                (NODE_INPUT, Field::Bytes(text), _) => inputs.push(text_of(text)?),
                (NODE_OUTPUT, Field::Bytes(text), _) => outputs.push(text_of(text)?),
                (NODE_NAME, Field::Bytes(text), _) => name = text_of(text)?,
                (NODE_KIND, Field::Bytes(text), _) => kind = text_of(text)?,
                _ => {}
            }
        }
        let is_product = kind == "MatMul" && inputs.len() == 2 && outputs.len() == 1;
        let (Some(weights), Some(rows), Some(output)) = (inputs.pop(), inputs.pop(), outputs.pop()) else {
            return Ok(None);
        };
        Ok(is_product.then_some(Self { name, rows, weights, output }))
    }

    /// The node that brings the rows to eight bits.
    fn bring(&self) -> Vec<u8> {
        let rows = &self.rows;
        let outputs = [format!("{rows}.bytes"), format!("{rows}.scale"), format!("{rows}.zero")];
        node(&format!("{rows}.bring"), "DynamicQuantizeLinear", "", &[rows], &outputs)
    }

    /// The node that multiplies.
    fn multiply(&self) -> Vec<u8> {
        let Self { name, rows, weights, output } = self;
        let inputs = [
            format!("{rows}.bytes"),
            format!("{weights}.bytes"),
            format!("{rows}.scale"),
            format!("{weights}.scale"),
            format!("{rows}.zero"),
        ];
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        node(name, "MatMulIntegerToFloat", "com.microsoft", &inputs, std::slice::from_ref(output))
    }
}

fn node(name: &str, kind: &str, domain: &str, inputs: &[&str], outputs: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for input in inputs {
        bytes(&mut out, NODE_INPUT, input.as_bytes());
    }
    for output in outputs {
        bytes(&mut out, NODE_OUTPUT, output.as_bytes());
    }
    bytes(&mut out, NODE_NAME, name.as_bytes());
    bytes(&mut out, NODE_KIND, kind.as_bytes());
    if !domain.is_empty() {
        bytes(&mut out, NODE_DOMAIN, domain.as_bytes());
    }
    out
}

/// A matrix of 32-bit numbers that lies in the file of weights.
struct Matrix {
    name: String,
    rows: usize,
    columns: usize,
    offset: usize,
}

impl Matrix {
    fn read(tensor: &[u8]) -> Result<Option<Self>, String> {
        let (mut dims, mut kind, mut name, mut offset) = (Vec::new(), 0, String::new(), None);
        for field in fields(tensor) {
            match field? {
                (TENSOR_DIMS, Field::Number(dim), _) => dims.push(dim),
                (TENSOR_DIMS, Field::Bytes(packed), _) => {
                    let mut rest = packed;
                    while !rest.is_empty() {
                        dims.push(varint(&mut rest)?);
                    }
                }
                (TENSOR_TYPE, Field::Number(number), _) => kind = number,
                (TENSOR_NAME, Field::Bytes(text), _) => name = text_of(text)?,
                (TENSOR_EXTERNAL, Field::Bytes(entry), _) => {
                    let (key, value) = entry_of(entry)?;
                    if key == "offset" {
                        offset =
                            Some(value.parse().map_err(|_| format!("the offset of {name} is no number"))?);
                    } else if key == "location" {
                        // A tensor at the beginning of the file needs no offset.
                        offset = offset.or(Some(0));
                    }
                }
                _ => {}
            }
        }
        let (&[rows, columns], FLOAT, Some(offset)) = (dims.as_slice(), kind, offset) else {
            return Ok(None);
        };
        let length = |dim: u64| usize::try_from(dim).map_err(|error| error.to_string());
        Ok(Some(Self { name, rows: length(rows)?, columns: length(columns)?, offset }))
    }

    /// Writes the matrix in bytes, and what each column was divided by.
    fn write(&self, weights: &[u8], graph: &mut Vec<u8>) -> Result<(), String> {
        let count = self.rows.checked_mul(self.columns).filter(|count| *count > 0);
        let end = count.and_then(|count| count.checked_mul(4)?.checked_add(self.offset));
        let cut_off = || format!("{} is cut off", self.name);
        let raw = weights.get(self.offset..end.ok_or_else(cut_off)?).ok_or_else(cut_off)?;
        let values: Vec<f32> = raw
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let mut scales = vec![0.0_f32; self.columns];
        for row in values.chunks_exact(self.columns) {
            for (scale, value) in scales.iter_mut().zip(row) {
                *scale = scale.max(value.abs());
            }
        }
        for scale in &mut scales {
            // A column of zeros may be divided by anything.
            *scale = if *scale > 0.0 { *scale / LARGEST } else { 1.0 };
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is between -64 and 64")]
        let small = |(value, scale): (&f32, &f32)| ((value / scale).round() as i8).to_le_bytes()[0];
        let bytes_of: Vec<u8> =
            values.chunks_exact(self.columns).flat_map(|row| row.iter().zip(&scales).map(small)).collect();
        let scale_bytes: Vec<u8> = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let shape = [self.rows, self.columns];
        bytes(graph, GRAPH_INITIALIZER, &tensor(&format!("{}.bytes", self.name), INT8, &shape, &bytes_of));
        bytes(
            graph,
            GRAPH_INITIALIZER,
            &tensor(&format!("{}.scale", self.name), FLOAT, &shape[1..], &scale_bytes),
        );
        Ok(())
    }
}

fn tensor(name: &str, kind: u64, shape: &[usize], raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 100);
    for dim in shape {
        crate::protobuf::number(&mut out, TENSOR_DIMS, *dim as u64);
    }
    crate::protobuf::number(&mut out, TENSOR_TYPE, kind);
    bytes(&mut out, TENSOR_NAME, name.as_bytes());
    bytes(&mut out, TENSOR_RAW, raw);
    out
}

fn entry_of(entry: &[u8]) -> Result<(String, String), String> {
    let (mut key, mut value) = (String::new(), String::new());
    for field in fields(entry) {
        match field? {
            (ENTRY_KEY, Field::Bytes(text), _) => key = text_of(text)?,
            (ENTRY_VALUE, Field::Bytes(text), _) => value = text_of(text)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn text_of(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external(name: &str, dims: &[usize], offset: usize) -> Vec<u8> {
        let mut out = tensor(name, FLOAT, dims, &[]);
        for (key, value) in [("location", "weights".to_owned()), ("offset", offset.to_string())] {
            let mut entry = Vec::new();
            bytes(&mut entry, ENTRY_KEY, key.as_bytes());
            bytes(&mut entry, ENTRY_VALUE, value.as_bytes());
            bytes(&mut out, TENSOR_EXTERNAL, &entry);
        }
        out
    }

    /// `x · w + b`, with `w` of two rows and columns behind a number that is none of it.
    fn model() -> (Vec<u8>, Vec<u8>) {
        let mut graph = Vec::new();
        bytes(&mut graph, GRAPH_NODE, &node("product", "MatMul", "", &["x", "w"], &["y".to_owned()]));
        bytes(&mut graph, GRAPH_NODE, &node("sum", "Add", "", &["y", "b"], &["z".to_owned()]));
        bytes(&mut graph, GRAPH_INITIALIZER, &external("w", &[2, 2], 4));
        bytes(&mut graph, GRAPH_INITIALIZER, &external("b", &[2], 0));
        let mut model = Vec::new();
        bytes(&mut model, MODEL_GRAPH, &graph);
        let weights = [9.0_f32, 1.0, 0.0, -2.0, 0.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        (model, weights)
    }

    #[test]
    fn products_with_weights_become_products_of_bytes() -> Result<(), String> {
        let (model, weights) = model();
        let out = quantised(&model, &weights)?;
        let Some(Ok((MODEL_GRAPH, Field::Bytes(graph), _))) = fields(&out).next() else { panic!("no graph") };
        let (mut kinds, mut tensors) = (Vec::new(), BTreeMap::new());
        for field in fields(graph) {
            let (number, Field::Bytes(message), _) = field? else { panic!("a number in the graph") };
            let part = |wanted: u64| {
                fields(message).find_map(|field| match field {
                    Ok((number, Field::Bytes(part), _)) if number == wanted => Some(part.to_vec()),
                    _ => None,
                })
            };
            if number == GRAPH_NODE {
                kinds.push(text_of(&part(NODE_KIND).unwrap())?);
            } else {
                tensors.insert(text_of(&part(TENSOR_NAME).unwrap())?, part(TENSOR_RAW).unwrap_or_default());
            }
        }
        assert_eq!(kinds, ["DynamicQuantizeLinear", "MatMulIntegerToFloat", "Add"]);
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["b", "w.bytes", "w.scale"]);
        assert_eq!(tensors["w.bytes"], [32, 0, 256_u16.wrapping_sub(64).to_le_bytes()[0], 0]);
        let scales = [2.0_f32 / LARGEST, 1.0].map(f32::to_le_bytes).concat();
        assert_eq!(tensors["w.scale"], scales);
        Ok(())
    }

    #[test]
    fn what_is_cut_or_has_no_products_is_refused() {
        let (model, weights) = model();
        assert!(quantised(&model, &weights[..12]).is_err());
        assert!(quantised(&model[..model.len() - 3], &weights).is_err());
        let mut empty = Vec::new();
        bytes(&mut empty, MODEL_GRAPH, &[]);
        assert!(quantised(&empty, &weights).is_err());
    }
}
