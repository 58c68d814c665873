//! The safetensors container: eight bytes of header length, a JSON header, the tensors' bytes one after another.
//!
//! Strict: names are unique, every tensor has exactly the bytes of its type and shape, and together they are the whole
//! rest of the file, without gap or overlap. The crate `safetensors` is not used: it keeps the last of two equal names
//! and does not mind unknown fields. Format: the README of github.com/huggingface/safetensors (0.8). Start at
//! [`SafeTensors::open`].

mod checkpoint;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    ops::Range,
    path::Path,
};

use gguf::MappedFile;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

pub use checkpoint::{Checkpoint, Place};

use crate::{Error, json, json::Entries};

/// Largest size of the header in bytes: the format's own limit.
pub const HEADER_BYTES_MAX: u64 = 100_000_000;
/// Largest number of dimensions of a tensor.
pub const DIMS_MAX: usize = 8;
/// Key of the header that is no tensor's name.
const METADATA: &str = "__metadata__";

/// Element types, called as in the header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[allow(non_camel_case_types, missing_docs, reason = "the format's own names")]
pub enum Dtype {
    BOOL,
    U8,
    I8,
    F8_E4M3,
    F8_E5M2,
    F8_E8M0,
    U16,
    I16,
    F16,
    BF16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
}

impl Dtype {
    /// Number of bytes of an element.
    pub fn n_bytes(self) -> u64 {
        match self {
            Self::BOOL | Self::U8 | Self::I8 | Self::F8_E4M3 | Self::F8_E5M2 | Self::F8_E8M0 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// A tensor of the header: its unique name, its element type, its dimensions, outermost first (the last is the
/// contiguous one), and the range of its bytes, counted from the beginning of the file.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorInfo {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub range: Range<usize>,
}

/// The header's entry of a tensor, as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: Dtype,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header as it is read: a tensor under each name, and free text under `__metadata__`.
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;

        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
                let (mut entries, mut seen) = (Vec::new(), HashSet::new());
                while let Some(name) = map.next_key::<String>()? {
                    let refuse = |what: String| M::Error::custom(format!("{}: {what}", name.escape_debug()));
                    if !seen.insert(name.clone()) {
                        return Err(refuse("stands twice".to_owned()));
                    }
                    if name == METADATA {
                        map.next_value::<Entries<String>>().map_err(|e| refuse(e.to_string()))?;
                    } else {
                        let entry = map.next_value().map_err(|e| refuse(e.to_string()))?;
                        entries.push((name, entry));
                    }
                }
                Ok(Header(entries))
            }
        }

        deserializer.deserialize_map(Tensors)
    }
}

/// A safetensors file that was checked, with its bytes mapped.
pub struct SafeTensors {
    name: String,
    bytes: MappedFile,
    tensors: Vec<TensorInfo>,
    index: HashMap<String, usize>,
}

impl SafeTensors {
    /// Maps `path` and checks everything but the weights' values.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = MappedFile::open(path)?;
        let tensors = parse(&bytes).map_err(|what| json::invalid(path, what))?;
        let index = tensors.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();
        Ok(Self { name: path.display().to_string(), bytes, tensors, index })
    }

    /// Path of the file, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the tensors in the order of their bytes.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Returns the tensor called `name`.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.index.get(name).and_then(|&i| self.tensors.get(i))
    }

    /// Returns the bytes of `tensor`; none if it is not of this file.
    pub fn bytes(&self, tensor: &TensorInfo) -> &[u8] {
        self.bytes.get(tensor.range.clone()).unwrap_or_default()
    }
}

/// Parses the header in `bytes`; returns the tensors in the order of their bytes.
fn parse(bytes: &[u8]) -> Result<Vec<TensorInfo>, String> {
    let (length, rest) =
        bytes.split_first_chunk::<8>().ok_or_else(|| format!("{} bytes, expected 8 or more", bytes.len()))?;
    let n_header = u64::from_le_bytes(*length);
    if n_header > HEADER_BYTES_MAX {
        return Err(format!("header of {n_header} bytes, expected at most {HEADER_BYTES_MAX} (HEADER_BYTES_MAX)"));
    }
    let Some((header, data)) = rest.split_at_checked(n_header as usize) else {
        return Err(format!("header of {n_header} bytes, but {} are left in the file", rest.len()));
    };
    if header.first() != Some(&b'{') {
        return Err(format!("header begins with {:?}, expected \"{{\"", header.first().map(|&b| char::from(b))));
    }
    let header: Header = serde_json::from_slice(header).map_err(|e| format!("header: {e}"))?;
    let start = bytes.len() - data.len();
    let tensors = header.0.into_iter().map(|(name, entry)| tensor(name, entry, start, data.len()));
    let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
    contiguous(tensors, start, bytes.len())
}

/// Checks one entry; the data of the file begins at byte `start` and has `n_data` bytes.
fn tensor(name: String, entry: Entry, start: usize, n_data: usize) -> Result<TensorInfo, String> {
    let Entry { dtype, shape, data_offsets: [begin, end] } = entry;
    let refuse = |what: String| format!("tensor {}: {what}", name.escape_debug());
    if shape.len() > DIMS_MAX {
        return Err(refuse(format!("{} dimensions, expected at most {DIMS_MAX} (DIMS_MAX)", shape.len())));
    }
    let n_bytes = shape.iter().try_fold(dtype.n_bytes(), |n, &dim| n.checked_mul(dim));
    let Some(n_bytes) = n_bytes else {
        return Err(refuse(format!("shape {shape:?} of {dtype:?} overflows")));
    };
    if begin > end || end > n_data as u64 {
        return Err(refuse(format!("data_offsets [{begin}, {end}], expected a range within {n_data} bytes of data")));
    }
    if end - begin != n_bytes {
        return Err(refuse(format!(
            "data_offsets [{begin}, {end}] hold {} bytes, but shape {shape:?} of {dtype:?} has {n_bytes}",
            end - begin
        )));
    }
    Ok(TensorInfo { dtype, shape, range: start + begin as usize..start + end as usize, name })
}

/// Sorts tensors by their place, and checks that they cover `start..end` exactly.
fn contiguous(mut tensors: Vec<TensorInfo>, start: usize, end: usize) -> Result<Vec<TensorInfo>, String> {
    tensors.sort_by_key(|t| (t.range.start, t.range.end));
    let mut at = start;
    for t in &tensors {
        if t.range.start != at {
            let what = if t.range.start < at { "overlaps the tensor before it" } else { "leaves a gap before it" };
            let (got, expected) = (t.range.start - start, at - start);
            return Err(format!("tensor {}: begins at {got} and {what}, expected {expected}", t.name.escape_debug()));
        }
        at = t.range.end;
    }
    if at != end {
        return Err(format!("{} bytes of data, but the tensors have {}", end - start, at - start));
    }
    Ok(tensors)
}

/// Checks that any bytes are refused, or are a header that can be written again and then says the same. `data` without
/// a length in front of it gets further into the parser: it is tried a second time as a header that ends at its last
/// brace.
///
/// # Panics
/// If that is not so.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    check(data);
    let n_header = data.iter().rposition(|&b| b == b'}').map_or(0, |at| at as u64 + 1);
    check(&[&n_header.to_le_bytes(), data].concat());
}

fn check(data: &[u8]) {
    let Ok(tensors) = parse(data) else { return };
    let start = tensors.first().map_or(data.len(), |t| t.range.start);
    let entry = |t: &TensorInfo| {
        let offsets = [t.range.start - start, t.range.end - start];
        let value = serde_json::json!({"dtype": format!("{:?}", t.dtype), "shape": t.shape, "data_offsets": offsets});
        (t.name.clone(), value)
    };
    let header = serde_json::Value::Object(tensors.iter().map(entry).collect()).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&data[start..]);
    let again = parse(&bytes).unwrap_or_else(|e| panic!("accepted, but not read again: {e}"));
    assert_eq!(by_name(&again), by_name(&tensors));
    let taken: usize = again.iter().map(|t| t.range.len()).sum();
    assert_eq!(taken, data.len() - start, "the tensors are not the whole file");
}

fn by_name(tensors: &[TensorInfo]) -> BTreeMap<&str, (Dtype, &[u64])> {
    tensors.iter().map(|t| (t.name.as_str(), (t.dtype, t.shape.as_slice()))).collect()
}
