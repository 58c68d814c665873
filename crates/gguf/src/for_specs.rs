//! What `specs/gguf_scalars.vibee` judges and no other crate may call. For `tests/runner.rs` and nobody else.

use crate::{Metadata, TensorInfo, TypeId, Value, reader};

/// The alignment of a file that names one, or none.
pub fn alignment(named: Option<u32>) -> Result<u64, String> {
    let mut metadata = Metadata::default();
    if let Some(named) = named {
        metadata.set("general.alignment", Value::U32(named));
    }
    reader::alignment(&metadata)
}

/// Where the last of tensors ends, each an offset behind `data_offset` and a size, in a file of `file_bytes`.
pub fn end_of(tensors: &[(u64, u64)], data_offset: u64, alignment: u64, file_bytes: u64) -> Result<u64, String> {
    let type_id = TypeId(0);
    let layout = type_id.layout().ok_or("F32 has no layout")?;
    let tensor = |(i, &(offset, n_bytes)): (usize, &(u64, u64))| TensorInfo {
        name: format!("t{i}"),
        dims: vec![1],
        type_id,
        layout,
        part: 0,
        offset,
        n_bytes,
    };
    let tensors: Vec<TensorInfo> = tensors.iter().enumerate().map(tensor).collect();
    reader::end_of(&tensors, data_offset, alignment, file_bytes)
}
