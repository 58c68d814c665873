//! Writing GGUF version 3: the header as bytes, and a [`Writer`] that streams tensors into a file that appears whole or
//! not at all.

use std::io::{self, Write};

use crate::{Array, Metadata, TypeId, Value, reader::ALIGNMENT_DEFAULT};

/// A tensor that is to be written: its data follows later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorSpec {
    /// Name of the tensor, which no other has.
    pub name: String,
    /// Dimensions in GGUF's order: the first is the contiguous one.
    pub dims: Vec<u64>,
    /// Type id that the file will have.
    pub type_id: TypeId,
}

/// The alignment that metadata asks for.
pub(crate) fn alignment(metadata: &Metadata) -> Result<u64, String> {
    crate::reader::alignment(metadata)
}

/// Everything before the tensor data, padded to it. An error is what no reader would accept.
pub(crate) fn header(metadata: &Metadata, tensors: &[TensorSpec]) -> Result<Vec<u8>, String> {
    let alignment = alignment(metadata)?;
    let mut out = Vec::new();
    out.extend_from_slice(&crate::reader::MAGIC);
    out.extend_from_slice(&3u32.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(metadata.iter().len() as u64).to_le_bytes());
    for (key, value) in metadata.iter() {
        put_string(&mut out, key);
        put_value(&mut out, value);
    }
    let mut offset = 0u64;
    for tensor in tensors {
        let n_bytes =
            tensor.type_id.bytes_of(&tensor.dims).map_err(|e| format!("tensor {}: {e}", tensor.name.escape_debug()))?;
        put_string(&mut out, &tensor.name);
        out.extend_from_slice(&(tensor.dims.len() as u32).to_le_bytes());
        tensor.dims.iter().for_each(|dim| out.extend_from_slice(&dim.to_le_bytes()));
        out.extend_from_slice(&tensor.type_id.0.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        let end = offset.checked_add(n_bytes).and_then(|end| end.checked_next_multiple_of(alignment));
        offset = end.ok_or_else(|| format!("tensor {}: offset overflows", tensor.name.escape_debug()))?;
    }
    out.resize(out.len().next_multiple_of(alignment as usize), 0);
    Ok(out)
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    let mut put = |type_id: u32, bytes: &[u8]| {
        out.extend_from_slice(&type_id.to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        Value::U8(v) => put(0, &v.to_le_bytes()),
        Value::I8(v) => put(1, &v.to_le_bytes()),
        Value::U16(v) => put(2, &v.to_le_bytes()),
        Value::I16(v) => put(3, &v.to_le_bytes()),
        Value::U32(v) => put(4, &v.to_le_bytes()),
        Value::I32(v) => put(5, &v.to_le_bytes()),
        Value::F32(v) => put(6, &v.to_le_bytes()),
        Value::Bool(v) => put(7, &[u8::from(*v)]),
        Value::String(v) => {
            put(8, &[]);
            put_string(out, v);
        }
        Value::Array(v) => {
            put(9, &[]);
            put_array(out, v);
        }
        Value::U64(v) => put(10, &v.to_le_bytes()),
        Value::I64(v) => put(11, &v.to_le_bytes()),
        Value::F64(v) => put(12, &v.to_le_bytes()),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    fn put<T: Copy, const N: usize>(out: &mut Vec<u8>, type_id: u32, values: &[T], bytes: impl Fn(T) -> [u8; N]) {
        out.extend_from_slice(&type_id.to_le_bytes());
        out.extend_from_slice(&(values.len() as u64).to_le_bytes());
        values.iter().for_each(|v| out.extend_from_slice(&bytes(*v)));
    }
    match array {
        Array::U8(v) => put(out, 0, v, u8::to_le_bytes),
        Array::I8(v) => put(out, 1, v, i8::to_le_bytes),
        Array::U16(v) => put(out, 2, v, u16::to_le_bytes),
        Array::I16(v) => put(out, 3, v, i16::to_le_bytes),
        Array::U32(v) => put(out, 4, v, u32::to_le_bytes),
        Array::I32(v) => put(out, 5, v, i32::to_le_bytes),
        Array::F32(v) => put(out, 6, v, f32::to_le_bytes),
        Array::Bool(v) => put(out, 7, v, |b| [u8::from(b)]),
        Array::String(v) => {
            put(out, 8, &[] as &[u8], |b| [b]);
            let at = out.len() - 8;
            out[at..].copy_from_slice(&(v.len() as u64).to_le_bytes());
            v.iter().for_each(|s| put_string(out, s));
        }
        Array::U64(v) => put(out, 10, v, u64::to_le_bytes),
        Array::I64(v) => put(out, 11, v, i64::to_le_bytes),
        Array::F64(v) => put(out, 12, v, f64::to_le_bytes),
    }
}

/// Streams a container into any sink: header first, then the data of each tensor in order.
pub struct Writer<W: Write> {
    sink: W,
    tensors: std::vec::IntoIter<TensorSpec>,
    alignment: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the header. Keys, names, shapes and types are held to the reader's rules, so that what is written can be
    /// read.
    pub fn new(mut sink: W, metadata: &Metadata, tensors: Vec<TensorSpec>) -> io::Result<Self> {
        let header = header(metadata, &tensors).map_err(io::Error::other)?;
        sink.write_all(&header)?;
        let alignment = alignment(metadata).unwrap_or(ALIGNMENT_DEFAULT);
        Ok(Self { sink, tensors: tensors.into_iter(), alignment })
    }

    /// Writes the data of the next tensor, which must have exactly its size.
    pub fn tensor(&mut self, data: &[u8]) -> io::Result<()> {
        let Some(tensor) = self.tensors.next() else {
            return Err(io::Error::other("data for one tensor more than the header names"));
        };
        let n_bytes = tensor.type_id.bytes_of(&tensor.dims).map_err(io::Error::other)?;
        if data.len() as u64 != n_bytes {
            let what = format!(
                "tensor {}: {} bytes of data, but its shape has {n_bytes}",
                tensor.name.escape_debug(),
                data.len()
            );
            return Err(io::Error::other(what));
        }
        self.sink.write_all(data)?;
        let padding = (n_bytes.next_multiple_of(self.alignment) - n_bytes) as usize;
        self.sink.write_all(&vec![0; padding])
    }

    /// All data is written: gives the sink back, flushed.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(missing) = self.tensors.next() {
            return Err(io::Error::other(format!("no data for tensor {}", missing.name.escape_debug())));
        }
        self.sink.flush()?;
        Ok(self.sink)
    }
}
