//! What the metadata of a file have to say of the file itself: what the type numbers of its tensors leave open, and whether it is all of a model.

use quant::Format;

use crate::{I2_S_ORDER, I2sOrder, Metadata, Q2_0_BLOCK_LEN, TensorSpec, TypeId, Value};

impl Metadata {
    /// Says of a file of `tensors`, as this crate writes them, what their types leave open, and nothing of types that it does not have. Weights of I2_S are
    /// in `order`.
    pub fn disambiguate(&mut self, tensors: &[TensorSpec], order: I2sOrder) {
        let has = |format: Format| tensors.iter().any(|tensor| Some(tensor.type_id) == TypeId::of(format));
        if has(Format::Q2_0) {
            self.set(Q2_0_BLOCK_LEN, Value::U32(Format::Q2_0.block_len() as u32));
        } else {
            self.remove(Q2_0_BLOCK_LEN);
        }
        if has(Format::I2_S) {
            self.set(I2_S_ORDER, Value::String(order.name().to_owned()));
        } else {
            self.remove(I2_S_ORDER);
        }
    }

    /// Removes what says that a file is one part of several.
    pub fn remove_split(&mut self) {
        for key in ["split.no", "split.count", "split.tensors.count"] {
            self.remove(key);
        }
    }
}
