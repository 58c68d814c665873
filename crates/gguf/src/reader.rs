//! The strict reader: bytes → [`Header`], or the first offence. Never reads past the end, never allocates by a claimed
//! figure before the bytes for it are known to be there, never recurses.

use std::collections::HashMap;

use crate::{Array, Metadata, TensorInfo, TypeId, Value, i2_s, limits, seal};

/// The first bytes of every file.
pub(crate) const MAGIC: [u8; 4] = *b"GGUF";

/// `general.alignment` where a file names none.
pub(crate) const ALIGNMENT_DEFAULT: u64 = 32;

/// Key by which our files say how many weights a block of Q2_0 has, for where sizes do not tell.
pub const Q2_0_BLOCK_LEN: &str = "trinity.q2_0.block_len";

/// Everything before the tensor data, checked against the length of the whole file.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) metadata: Metadata,
    /// Offsets are absolute.
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) alignment: u64,
    /// Where tensor data begins.
    pub(crate) data_offset: u64,
}

/// Parses one part; errors are texts without the file's name. `first` is the metadata of the model's first part, where
/// this is another.
pub(crate) fn parse(bytes: &[u8], part: usize, first: Option<&Metadata>) -> Result<Header, String> {
    let header = parse_directory(&mut Reader::new(bytes, 0), part)?;
    finish(header, bytes, bytes.len() as u64, first)
}

/// Places the tensors of a directory in a file of `file_bytes`, of which `bytes` are the first, and checks the seal.
fn finish(mut header: Header, bytes: &[u8], file_bytes: u64, first: Option<&Metadata>) -> Result<Header, String> {
    let q2_0_len = |metadata: &Metadata| metadata.u64(Q2_0_BLOCK_LEN).map_err(|e| e.to_string());
    // What is said once is said of all parts.
    let q2_0_len = q2_0_len(&header.metadata)?.or(first.map(q2_0_len).transpose()?.flatten());
    place(&mut header.tensors, header.data_offset, header.alignment, file_bytes, q2_0_len)?;
    let before_data = bytes.get(..header.data_offset as usize).unwrap_or(bytes);
    seal::check_header(&header.metadata, &header.tensors, before_data)?;
    Ok(header)
}

/// The first bytes of a file, read as far as they go.
pub(crate) enum Begun {
    /// Everything before the tensor data is there.
    Whole(Header),
    /// So many first bytes are needed to read on.
    Needs(u64),
}

/// Parses the first `bytes` of a file of `file_bytes`; errors are those of [`parse`] over the whole file.
pub(crate) fn parse_begun(bytes: &[u8], file_bytes: u64) -> Result<Begun, String> {
    let beyond = file_bytes.saturating_sub(bytes.len() as u64);
    let mut reader = Reader::new(bytes, beyond);
    let header = match parse_directory(&mut reader, 0) {
        Err(_) if reader.needs > 0 => return Ok(Begun::Needs(reader.needs)),
        header => header?,
    };
    if beyond > 0 && header.data_offset > bytes.len() as u64 {
        return Ok(Begun::Needs(header.data_offset.min(file_bytes)));
    }
    finish(header, bytes, file_bytes, None).map(Begun::Whole)
}

/// Parses a header that has no data behind it yet.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn parse_header(bytes: &[u8]) -> Result<Header, String> {
    parse_directory(&mut Reader::new(bytes, 0), 0)
}

/// Everything but where the tensors lie.
fn parse_directory(reader: &mut Reader<'_>, part: usize) -> Result<Header, String> {
    let magic = reader.array::<4>("magic")?;
    if magic != MAGIC {
        return Err(format!("not a GGUF file: it begins with \"{}\", expected \"GGUF\"", magic.escape_ascii()));
    }
    let version = reader.u32("version")?;
    if version != 2 && version != 3 {
        let swapped = if matches!(version.swap_bytes(), 1..=3) { " (big-endian)" } else { "" };
        return Err(format!("GGUF version {version}{swapped}, expected 2 or 3"));
    }
    let n_tensors = reader.count("tensor count", limits::TENSORS_MAX)?;
    let n_keys = reader.count("metadata key count", limits::KEYS_MAX)?;
    let mut metadata = Metadata::default();
    for i in 0..n_keys {
        let key = reader.string(&format!("metadata key {i}"), limits::KEY_BYTES_MAX)?;
        if key.is_empty() {
            return Err(format!("metadata key {i} is empty"));
        }
        if key.contains('\0') {
            return Err(format!("metadata key {i} ({}) contains a NUL byte", key.escape_debug()));
        }
        let value = reader.value(&key)?;
        if metadata.get(&key).is_some() {
            return Err(format!("metadata key {} stands twice", key.escape_debug()));
        }
        metadata.set(key, value);
    }
    let alignment = alignment(&metadata)?;
    let mut tensors = Vec::new();
    let mut names = HashMap::new();
    for i in 0..n_tensors {
        let tensor = reader.tensor(i, part)?;
        if names.insert(tensor.name.clone(), i).is_some() {
            return Err(format!("tensor {} stands twice", tensor.name.escape_debug()));
        }
        tensors.push(tensor);
    }
    let data_offset = (reader.at as u64).next_multiple_of(alignment);
    if data_offset > limits::HEADER_BYTES_MAX {
        return Err(format!(
            "{data_offset} bytes before the tensor data, at most {} are read",
            limits::HEADER_BYTES_MAX
        ));
    }
    Ok(Header { version, metadata, tensors, alignment, data_offset })
}

pub(crate) fn alignment(metadata: &Metadata) -> Result<u64, String> {
    let alignment = match metadata.get("general.alignment") {
        None => return Ok(ALIGNMENT_DEFAULT),
        Some(Value::U32(alignment)) => u64::from(*alignment),
        Some(other) => return Err(format!("general.alignment is a {}, expected u32", other.type_name())),
    };
    if !alignment.is_power_of_two() || alignment > limits::ALIGNMENT_MAX {
        return Err(format!("general.alignment {alignment}, expected a power of two up to {}", limits::ALIGNMENT_MAX));
    }
    Ok(alignment)
}

/// Turns relative offsets into absolute ones. Tensors lie one behind the other in directory order, padded to the
/// alignment, and inside the file: what llama.cpp demands, and it excludes overlaps. Of ids with two meanings that one
/// is taken by which tensors lie where they do. Where both fit, `q2_0_len` says how many weights a block of Q2_0 has.
fn place(
    tensors: &mut [TensorInfo],
    data_offset: u64,
    alignment: u64,
    file_bytes: u64,
    q2_0_len: Option<u64>,
) -> Result<(), String> {
    let mut ambiguous: Vec<TypeId> =
        tensors.iter().map(|t| t.type_id).filter(|id| id.other_layout().is_some()).collect();
    ambiguous.sort_unstable_by_key(|id| id.0);
    ambiguous.dedup();
    let end = |tensors: &[TensorInfo]| end_of(tensors, data_offset, alignment, file_bytes);
    let mut fitting = Vec::new();
    for choice in 0..1u32 << ambiguous.len() {
        let mut placed = tensors.to_vec();
        for tensor in &mut placed {
            if let Some(i) = ambiguous.iter().position(|id| *id == tensor.type_id)
                && let Some(other) = tensor.type_id.other_layout().filter(|_| choice >> i & 1 == 1)
            {
                tensor.layout = other;
                tensor.n_bytes = other.bytes_of(&tensor.dims).unwrap_or(u64::MAX);
            }
        }
        match end(&placed) {
            Ok(end) => fitting.push((placed, end)),
            Err(what) if ambiguous.is_empty() => return Err(what),
            Err(_) => {}
        }
    }
    // Writers leave nothing behind the last tensor but padding: where several meanings fit, only those that end with
    // the file count.
    let ends_the_file = |end: &u64| end.checked_next_multiple_of(alignment).is_some_and(|padded| file_bytes <= padded);
    if fitting.iter().any(|(_, end)| ends_the_file(end)) && fitting.len() > 1 {
        fitting.retain(|(_, end)| ends_the_file(end));
    }
    if let (Some(len), true) = (q2_0_len, fitting.len() > 1) {
        let is_other = |t: &TensorInfo| t.type_id.0 == 42 && t.format().is_some_and(|f| f.block_len() as u64 != len);
        fitting.retain(|(placed, _)| !placed.iter().any(is_other));
    }
    match fitting.as_slice() {
        [(placed, _)] => tensors.clone_from_slice(placed),
        [] => return end(tensors).map(drop),
        several => {
            let of = |(placed, _): &(Vec<TensorInfo>, u64)| {
                let first = placed.iter().find(|t| ambiguous.contains(&t.type_id));
                first.map_or_else(String::new, |t| format!("{} with {} bytes", t.layout.full_name(), t.n_bytes))
            };
            let meanings = several.iter().map(of).collect::<Vec<_>>().join(" or ");
            let ids = ambiguous.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(", ");
            return Err(format!("tensors of type {ids} may be {meanings}: sizes and offsets fit both"));
        }
    }
    tensors.iter_mut().for_each(|tensor| tensor.offset += data_offset);
    Ok(())
}

/// Where the last tensor ends, if each lies where it should and within the file.
pub(crate) fn end_of(tensors: &[TensorInfo], data_offset: u64, alignment: u64, file_bytes: u64) -> Result<u64, String> {
    let (mut expected, mut last_end) = (0u64, data_offset);
    for tensor in tensors {
        let name = tensor.name.escape_debug();
        if tensor.offset != expected {
            return Err(format!("tensor {name}: offset {}, expected {expected}", tensor.offset));
        }
        let overflow = || format!("tensor {name}: offset {} + {} bytes overflows", tensor.offset, tensor.n_bytes);
        let end = tensor.offset.checked_add(tensor.n_bytes).ok_or_else(overflow)?;
        last_end = end.checked_add(data_offset).ok_or_else(overflow)?;
        if last_end > file_bytes {
            return Err(format!("tensor {name}: ends at byte {last_end}, but the file has {file_bytes}"));
        }
        expected = end.checked_next_multiple_of(alignment).ok_or_else(overflow)?;
    }
    Ok(last_end)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes of the file behind `bytes`.
    beyond: u64,
    /// Number of first bytes without which it could not read on; 0 if it did not meet the end of `bytes`, or the file
    /// ends there.
    needs: u64,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], beyond: u64) -> Self {
        Self { bytes, at: 0, beyond, needs: 0 }
    }

    fn remaining(&self) -> u64 {
        ((self.bytes.len() - self.at) as u64).saturating_add(self.beyond)
    }

    fn take(&mut self, n: u64, what: &str) -> Result<&'a [u8], String> {
        let slice = usize::try_from(n).ok().and_then(|n| self.bytes.get(self.at..)?.get(..n));
        let Some(slice) = slice else {
            if n <= self.remaining() {
                self.needs = (self.at as u64).saturating_add(n);
            }
            return Err(format!(
                "{}: {n} bytes at byte {}, but the file has {}",
                what.escape_debug(),
                self.at,
                (self.bytes.len() as u64).saturating_add(self.beyond)
            ));
        };
        self.at += slice.len();
        Ok(slice)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        let slice = self.take(N as u64, what)?;
        Ok(slice.try_into().unwrap_or([0; N]))
    }

    fn u32(&mut self, what: &str) -> Result<u32, String> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, String> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count that must not exceed `max`, nor the bytes that are left.
    fn count(&mut self, what: &str, max: u64) -> Result<u64, String> {
        let n = self.u64(what)?;
        if n > max {
            return Err(format!("{what} {n}, at most {max} are read"));
        }
        if n > self.remaining() {
            return Err(format!("{what} {n}, but only {} bytes follow", self.remaining()));
        }
        Ok(n)
    }

    fn string(&mut self, what: &str, bytes_max: u64) -> Result<String, String> {
        let n = self.u64(what)?;
        if n > bytes_max {
            return Err(format!("{}: {n} bytes long, at most {bytes_max} are allowed", what.escape_debug()));
        }
        let bytes = self.take(n, what)?;
        String::from_utf8(bytes.to_vec())
            .map_err(|e| format!("{}: not UTF-8 at byte {} of it", what.escape_debug(), e.utf8_error().valid_up_to()))
    }

    fn bool(&mut self, key: &str) -> Result<bool, String> {
        match self.array::<1>(key)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(format!("metadata {}: boolean byte {other}, expected 0 or 1", key.escape_debug())),
        }
    }

    fn value(&mut self, key: &str) -> Result<Value, String> {
        let type_id = self.u32(key)?;
        Ok(match type_id {
            0 => Value::U8(u8::from_le_bytes(self.array(key)?)),
            1 => Value::I8(i8::from_le_bytes(self.array(key)?)),
            2 => Value::U16(u16::from_le_bytes(self.array(key)?)),
            3 => Value::I16(i16::from_le_bytes(self.array(key)?)),
            4 => Value::U32(u32::from_le_bytes(self.array(key)?)),
            5 => Value::I32(i32::from_le_bytes(self.array(key)?)),
            6 => Value::F32(f32::from_le_bytes(self.array(key)?)),
            7 => Value::Bool(self.bool(key)?),
            8 => Value::String(self.string(key, u64::MAX)?),
            9 => Value::Array(self.array_value(key)?),
            10 => Value::U64(u64::from_le_bytes(self.array(key)?)),
            11 => Value::I64(i64::from_le_bytes(self.array(key)?)),
            12 => Value::F64(f64::from_le_bytes(self.array(key)?)),
            other => return Err(format!("metadata {}: value type {other}, expected 0 to 12", key.escape_debug())),
        })
    }

    fn array_value(&mut self, key: &str) -> Result<Array, String> {
        let type_id = self.u32(key)?;
        let n = self.u64(key)?;
        Ok(match type_id {
            0 => Array::U8(self.numbers(key, n, u8::from_le_bytes)?),
            1 => Array::I8(self.numbers(key, n, i8::from_le_bytes)?),
            2 => Array::U16(self.numbers(key, n, u16::from_le_bytes)?),
            3 => Array::I16(self.numbers(key, n, i16::from_le_bytes)?),
            4 => Array::U32(self.numbers(key, n, u32::from_le_bytes)?),
            5 => Array::I32(self.numbers(key, n, i32::from_le_bytes)?),
            6 => Array::F32(self.numbers(key, n, f32::from_le_bytes)?),
            7 => {
                self.fits(key, n, 1)?;
                Array::Bool((0..n).map(|_| self.bool(key)).collect::<Result<_, _>>()?)
            }
            8 => {
                // A string takes at least its length field.
                self.fits(key, n, 8)?;
                Array::String((0..n).map(|_| self.string(key, u64::MAX)).collect::<Result<_, _>>()?)
            }
            9 => {
                return Err(format!(
                    "metadata {}: an array of arrays, which GGUF readers do not take",
                    key.escape_debug()
                ));
            }
            10 => Array::U64(self.numbers(key, n, u64::from_le_bytes)?),
            11 => Array::I64(self.numbers(key, n, i64::from_le_bytes)?),
            12 => Array::F64(self.numbers(key, n, f64::from_le_bytes)?),
            other => {
                return Err(format!("metadata {}: array element type {other}, expected 0 to 12", key.escape_debug()));
            }
        })
    }

    fn fits(&self, key: &str, n: u64, element_bytes: u64) -> Result<u64, String> {
        n.checked_mul(element_bytes).filter(|&bytes| bytes <= self.remaining()).ok_or_else(|| {
            format!(
                "metadata {}: {n} elements of {element_bytes} bytes or more, but only {} bytes follow",
                key.escape_debug(),
                self.remaining()
            )
        })
    }

    fn numbers<T, const N: usize>(&mut self, key: &str, n: u64, read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let n_bytes = self.fits(key, n, N as u64)?;
        Ok(self.take(n_bytes, key)?.as_chunks::<N>().0.iter().map(|b| read(*b)).collect())
    }

    fn tensor(&mut self, i: u64, part: usize) -> Result<TensorInfo, String> {
        let name = self.string(&format!("name of tensor {i}"), limits::NAME_BYTES_MAX)?;
        let n_dims = self.u32(&name)?;
        let named = |what: String| format!("tensor {}: {what}", name.escape_debug());
        if n_dims > limits::DIMS_MAX {
            return Err(named(format!("{n_dims} dimensions, at most {} are allowed", limits::DIMS_MAX)));
        }
        let mut dims = Vec::with_capacity(n_dims as usize);
        for _ in 0..n_dims {
            let dim = self.u64(&name)?;
            // One of 0 would make any number of rows cost nothing.
            if dim == 0 || i64::try_from(dim).is_err() {
                return Err(named(format!("dimension {dim}, expected 1 to 2^63 - 1")));
            }
            dims.push(dim);
        }
        let type_id = TypeId(self.u32(&name)?);
        let offset = self.u64(&name)?;
        let Some(layout) = i2_s::layout_by_size(type_id, dims.first().copied().unwrap_or(1)) else {
            return Err(named(format!("tensor type {} is {}", type_id.0, type_id.name())));
        };
        // A type with another meaning may have a size by that one only.
        let n_bytes = match layout.bytes_of(&dims) {
            Err(what) if type_id.other_layout().is_none() => return Err(named(what)),
            n_bytes => n_bytes.unwrap_or(u64::MAX),
        };
        Ok(TensorInfo { name: name.clone(), dims, type_id, layout, part, offset, n_bytes })
    }
}
