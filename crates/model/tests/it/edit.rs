//! Golden files with something changed: read whole, edited in memory, written as GGUF version 3.

use gguf::{Array, Container, Value};

use crate::session::golden_path;

/// Alignment of tensor data, in bytes.
const ALIGNMENT: usize = 32;

/// A tensor of the file to be written.
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dims: Vec<u64>,
    pub(crate) type_id: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A GGUF file to be changed.
pub(crate) struct Edit {
    metadata: Vec<(String, Value)>,
    pub(crate) tensors: Vec<Tensor>,
}

impl Edit {
    /// Opens a golden model for changes.
    pub(crate) fn golden(name: &str) -> Self {
        Self::of(&Container::open(&golden_path(name)).unwrap())
    }

    pub(crate) fn of(container: &Container) -> Self {
        let tensor = |t: &gguf::TensorInfo| Tensor {
            name: t.name.clone(),
            dims: t.dims.clone(),
            type_id: t.type_id.0,
            bytes: container.bytes(t).to_vec(),
        };
        Self {
            metadata: container.metadata().iter().map(|(k, v)| (k.to_owned(), v.clone())).collect(),
            tensors: container.tensors().iter().map(tensor).collect(),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> &mut Self {
        self.metadata.retain(|(k, _)| k != key);
        self
    }

    pub(crate) fn set(&mut self, key: &str, value: Value) -> &mut Self {
        self.remove(key).metadata.push((key.to_owned(), value));
        self
    }

    /// Renames the architecture, with all its keys.
    pub(crate) fn rename_architecture(&mut self, from: &str, to: &str) -> &mut Self {
        for (key, _) in &mut self.metadata {
            if let Some(rest) = key.strip_prefix(&format!("{from}.")) {
                *key = format!("{to}.{rest}");
            }
        }
        self.set("general.architecture", Value::String(to.to_owned()))
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|t| t.name == name).unwrap_or_else(|| panic!("no tensor {name}"))
    }

    pub(crate) fn drop_tensors(&mut self, prefix: &str) -> &mut Self {
        self.tensors.retain(|t| !t.name.starts_with(prefix));
        self
    }

    pub(crate) fn add(&mut self, name: &str, dims: &[u64], values: &[f32]) -> &mut Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensors.push(Tensor { name: name.to_owned(), dims: dims.to_vec(), type_id: 0, bytes });
        self
    }

    /// Makes the file, called `edited.gguf`.
    pub(crate) fn container(&self) -> Container {
        Container::from_bytes("edited.gguf", self.bytes()).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            string(&mut out, key);
            write_value(&mut out, value);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            string(&mut out, &tensor.name);
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(tensor.type_id.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset += tensor.bytes.len().next_multiple_of(ALIGNMENT);
        }
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(&tensor.bytes);
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// Writes a value under the type ids of the GGUF document.
fn write_value(out: &mut Vec<u8>, value: &Value) {
    macro_rules! scalar {
        ($id:expr, $v:expr) => {{
            out.extend(u32::to_le_bytes($id));
            out.extend($v.to_le_bytes());
        }};
    }
    macro_rules! array {
        ($id:expr, $values:expr) => {{
            array_head(out, $id, $values.len());
            $values.iter().for_each(|v| out.extend(v.to_le_bytes()));
        }};
    }
    match value {
        Value::U8(v) => scalar!(0, v),
        Value::I8(v) => scalar!(1, v),
        Value::U16(v) => scalar!(2, v),
        Value::I16(v) => scalar!(3, v),
        Value::U32(v) => scalar!(4, v),
        Value::I32(v) => scalar!(5, v),
        Value::F32(v) => scalar!(6, v),
        Value::Bool(v) => scalar!(7, u8::from(*v)),
        Value::String(v) => {
            out.extend(8u32.to_le_bytes());
            string(out, v);
        }
        Value::U64(v) => scalar!(10, v),
        Value::I64(v) => scalar!(11, v),
        Value::F64(v) => scalar!(12, v),
        Value::Array(Array::U8(v)) => array!(0, v),
        Value::Array(Array::I8(v)) => array!(1, v),
        Value::Array(Array::U16(v)) => array!(2, v),
        Value::Array(Array::I16(v)) => array!(3, v),
        Value::Array(Array::U32(v)) => array!(4, v),
        Value::Array(Array::I32(v)) => array!(5, v),
        Value::Array(Array::F32(v)) => array!(6, v),
        Value::Array(Array::Bool(v)) => {
            array_head(out, 7, v.len());
            out.extend(v.iter().map(|&b| u8::from(b)));
        }
        Value::Array(Array::String(v)) => {
            array_head(out, 8, v.len());
            v.iter().for_each(|s| string(out, s));
        }
        Value::Array(Array::U64(v)) => array!(10, v),
        Value::Array(Array::I64(v)) => array!(11, v),
        Value::Array(Array::F64(v)) => array!(12, v),
    }
}

fn array_head(out: &mut Vec<u8>, element_id: u32, n: usize) {
    out.extend(9u32.to_le_bytes());
    out.extend(element_id.to_le_bytes());
    out.extend((n as u64).to_le_bytes());
}
