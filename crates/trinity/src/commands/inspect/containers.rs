//! What tensor types are called here, and what each is in one sentence.

use gguf::{Layout, TensorInfo, TypeId};
use quant::{
    Format,
    tri::{Packing, Span, TriBlocks, TriRows},
};

/// Q2_0 as older files of PrismML have it: the id of ggml's type, twice its weights in a block.
pub(super) const OLD_Q2_0: &str = "Q2_0/128";

/// The name of a tensor's type, which no two types share.
pub(super) fn name(tensor: &TensorInfo) -> &'static str {
    if is_old_q2_0(tensor) { OLD_Q2_0 } else { tensor.type_name() }
}

fn is_old_q2_0(tensor: &TensorInfo) -> bool {
    tensor.format() == Some(Format::PQ2_0) && Some(tensor.type_id) == TypeId::of(Format::Q2_0)
}

/// A sentence on what the type of a tensor is.
pub(super) fn sentence(tensor: &TensorInfo) -> String {
    let fixed = match tensor.layout {
        Layout::Weights(Format::TriRows(TriRows { packing, span, scale })) => {
            let places = match span {
                Span::Tensor => format!("one {} scale behind the tensor", scale.name()),
                Span::Row => format!("an {} scale for each row behind all rows", scale.name()),
            };
            return format!("trinity's ternary: {}, {places}", packed(packing));
        }
        Layout::Weights(Format::TriBlocks(blocks)) => return tri_blocks(blocks),
        Layout::Weights(_) if is_old_q2_0(tensor) => {
            "PrismML's 2-bit type under its older number 42, which llama.cpp gives to blocks of 64: an f16 scale for 128"
        }
        Layout::Weights(format) => return of_format(format),
        Layout::Tl1 => {
            "bitnet.cpp's look-up layout for ARM: pairs of weights, ordered by tables that the file does not hold"
        }
        Layout::Tl2 => {
            "bitnet.cpp's look-up layout for x86: threes of weights, ordered by tables that the file does not hold"
        }
        _ => "numbers, not weights",
    };
    fixed.to_owned()
}

/// What a format is: in words where its blocks do not explain themselves.
fn of_format(format: Format) -> String {
    let words = match format {
        Format::F32 => "32-bit floats",
        Format::F16 => "IEEE halves",
        Format::BF16 => "bfloat16",
        Format::TQ1_0 => "llama.cpp's ternary: five weights a byte, an f16 scale for 256",
        Format::TQ2_0 => "llama.cpp's ternary: four weights a byte, an f16 scale for 256",
        Format::Q2_0 => "llama.cpp's 2-bit type, of whose four codes ternary models use three: an f16 scale for 64",
        Format::PQ2_0 => "PrismML's ternary: four weights a byte, an f16 scale for 128",
        Format::PTQ1_0 => "PrismML's ternary: five weights a byte, an f16 scale for 128",
        Format::I2_S => "bitnet.cpp's ternary: four weights a byte, one f32 scale behind the tensor",
        Format::IQ1_BN => "ik_llama.cpp's ternary: 64 weights in 13 bytes, an f16 scale before each row",
        Format::IQ2_BN => "ik_llama.cpp's ternary: four weights a byte, one f32 scale before each row",
        Format::Q1_0 => "signs, an f16 scale for 128",
        _ => return format!("blocks of {} weights in {} bytes", format.block_len(), format.block_bytes().unwrap_or(0)),
    };
    words.to_owned()
}

fn tri_blocks(blocks: TriBlocks) -> String {
    let (packing, len, scale) = blocks.parts();
    format!("trinity's ternary: {}, an {} scale for {len}", packed(packing), scale.name())
}

fn packed(packing: Packing) -> &'static str {
    match packing {
        Packing::Base3 => "five weights a byte",
        Packing::TwoBits => "four weights a byte",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tensor of that type, as a reader would make it.
    fn tensor(id: u32, layout: Layout) -> TensorInfo {
        TensorInfo {
            name: "w".to_owned(),
            dims: vec![256],
            type_id: TypeId(id),
            layout,
            part: 0,
            offset: 0,
            n_bytes: 0,
        }
    }

    #[test]
    fn every_ternary_container_has_a_sentence_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for &format in Format::ALL.iter().filter(|f| f.is_ternary() && **f != Format::I2_S_ARM) {
            let tensor = tensor(TypeId::of(format).unwrap().0, Layout::Weights(format));
            let sentence = sentence(&tensor);
            assert!(!sentence.starts_with("blocks of"), "{format:?}: {sentence}");
            assert!(seen.insert(sentence.clone()), "{format:?}: {sentence}");
        }
    }

    #[test]
    fn one_number_is_two_types() {
        let old = tensor(42, Layout::Weights(Format::PQ2_0));
        let new = tensor(142, Layout::Weights(Format::PQ2_0));
        assert_eq!((name(&old), name(&new)), (OLD_Q2_0, "PQ2_0"));
        assert!(sentence(&old).contains("older number 42"));
    }
}
