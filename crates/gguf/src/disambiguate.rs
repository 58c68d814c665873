//! What the metadata of a file have to say of the file itself: what the type numbers of its tensors leave open, and
//! whether it is all of a model.

use quant::Format;

use crate::{
    Container, I2_S_ORDER, I2sOrder, Metadata, Q2_0_BLOCK_LEN, TensorInfo, TensorSpec, TypeId, Value, split_keys,
};

/// Says how weights are rotated, if they are (PrismML).
const ROTATION: &str = "prism.hadamard.version";

/// Says, in files of ours, that weights of PrismML's types are not rotated.
pub const FOLDED: &str = "trinity.hadamard.folded";

/// PrismML's types, whose weights are usually rotated.
const PRISM: [Format; 2] = [Format::PQ2_0, Format::PTQ1_0];

impl Metadata {
    /// Says of a file of `tensors`, as this crate writes them, what their types leave open, and nothing of types that
    /// it does not have. Weights of I2_S are in `order`.
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
        // Whatever is written was read from what said how it is rotated, or cannot be (`Container::unsaid_rotation`).
        if PRISM.into_iter().any(has) && self.get(ROTATION).is_none() {
            self.set(FOLDED, Value::Bool(false));
        } else {
            self.remove(FOLDED);
        }
    }

    /// Removes what says that a file is one part of several.
    pub fn remove_split(&mut self) {
        for key in [split_keys::NO, split_keys::COUNT, split_keys::TENSORS, split_keys::MODEL] {
            self.remove(key);
        }
    }
}

impl Container {
    /// A tensor of a type whose weights are usually rotated, in a file that says neither how nor that they are not:
    /// computing with it would be guessing. (Q2_0 of 128 weights, which has the same bytes under an older number, was
    /// never rotated.)
    pub fn unsaid_rotation(&self) -> Option<&TensorInfo> {
        let metadata = self.metadata();
        if metadata.get(ROTATION).is_some() || metadata.get(FOLDED) == Some(&Value::Bool(false)) {
            return None;
        }
        let is_prism = |tensor: &&TensorInfo| PRISM.map(TypeId::of).contains(&Some(tensor.type_id));
        self.tensors().iter().find(is_prism)
    }
}
