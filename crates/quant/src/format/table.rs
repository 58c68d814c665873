//! The table of formats: a row each. Whatever lists formats, here or in the crates above, is made of it.

use crate::ternary::tri::{TriBlocks, TriRows};

/// What the table says of a format.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// ggml's name, in upper case.
    pub(super) ggml_name: &'static str,
    /// ggml's name in lower case.
    pub(super) name: &'static str,
    /// Weights that share scale and minimum, as kernels count them.
    pub(super) unit_len: usize,
    /// Type ids in a GGUF file, the one that is written first.
    pub(super) type_ids: &'static [u32],
    /// llama.cpp's number of a file of such matrices.
    pub(super) file_type: Option<u32>,
}

impl Row {
    /// The row of a format of `.tri`, whose ids `gguf` makes of its parts.
    const fn of_tri(name: &'static str) -> Self {
        Self { ggml_name: name, name, unit_len: 32, type_ids: &[], file_type: None }
    }
}

/// `name` in lower case.
const fn lower<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = name.as_bytes()[i].to_ascii_lowercase();
        i += 1;
    }
    bytes
}

// Columns: ggml's name, the type of its blocks, unit, type ids, file type, what it is.
//
// - The *unit* is how many weights share scale and minimum: 16 or 32, and 32 where more do; 1 for floats.
// - The first of the *type ids* is the one that is written; under the others it is found as well. Where two rows have
//   the same first id, the id means the upper one until the file says more (36: `gguf`'s `i2_s.rs`). An id that is the
//   first of another row is told from it by sizes (42: `gguf`'s `reader.rs`).
// - The *file type* is llama.cpp's `general.file_type` (`llama_ftype`) of a file most of whose matrices have the
//   format; `-` where it has none.
//
// Lists of formats are shown in the order of the table.
formats! {
    $
    floats {
        F32      | -                      |  1 | [0]       |  0 | "32-bit float.";
        F16      | -                      |  1 | [1]       |  1 | "IEEE half.";
        BF16     | -                      |  1 | [30]      | 32 | "bfloat16.";
    }
    blocks {
        Q4_0     | q4_0::Q4_0             | 32 | [2]       |  2 | "32 weights, 4 bits and a scale.";
        Q4_1     | q4_1::Q4_1             | 32 | [3]       |  3 | "32 weights, 4 bits, scale and offset.";
        Q5_0     | q5_0::Q5_0             | 32 | [6]       |  8 | "32 weights, 5 bits and a scale.";
        Q5_1     | q5_1::Q5_1             | 32 | [7]       |  9 | "32 weights, 5 bits, scale and offset.";
        Q8_0     | q8_0::Q8_0             | 32 | [8]       |  7 | "32 weights, 8 bits and a scale.";
        Q2_K     | q2_k::Q2K              | 16 | [10]      | 10 | "256 weights, 2 bits.";
        Q3_K     | q3_k::Q3K              | 16 | [11]      | 11 | "256 weights, 3 bits.";
        Q4_K     | q4_k::Q4K              | 32 | [12]      | 14 | "256 weights, 4 bits.";
        Q5_K     | q5_k::Q5K              | 32 | [13]      | 16 | "256 weights, 5 bits.";
        Q6_K     | q6_k::Q6K              | 16 | [14]      | 18 | "256 weights, 6 bits.";
        IQ1_S    | iq1::Iq1S              | 32 | [19]      | 24 | "256 weights, ternary code book.";
        IQ1_M    | iq1::Iq1M              | 16 | [29]      | 31 | "256 weights, ternary code book, finer scales.";
        IQ2_XXS  | iq2::Iq2Xxs            | 32 | [16]      | 19 | "256 weights, code book of 256.";
        IQ2_XS   | iq2::Iq2Xs             | 16 | [17]      | 20 | "256 weights, code book of 512.";
        IQ2_S    | iq2::Iq2S              | 16 | [22]      | 28 | "256 weights, code book of 1024.";
        IQ3_XXS  | iq3::Iq3Xxs            | 32 | [18]      | 23 | "256 weights, code book of 256.";
        IQ3_S    | iq3::Iq3S              | 32 | [21]      | 26 | "256 weights, code book of 512.";
        IQ4_NL   | iq4::Iq4Nl             | 32 | [20]      | 25 | "32 weights, 16 uneven values.";
        IQ4_XS   | iq4::Iq4Xs             | 32 | [23]      | 30 | "256 weights, 16 uneven values.";
    }
    ternary {
        TQ1_0    | ternary::tq::Tq1_0     | 32 | [34]      | 36 | "256 ternary weights, five in a byte.";
        TQ2_0    | ternary::tq::Tq2_0     | 32 | [35]      | 37 | "256 ternary weights, four in a byte.";
    }
    blocks {
        MXFP4    | microscaling::Mxfp4    | 32 | [39]      | 38 | "32 weights, E2M1 under E8M0.";
        NVFP4    | microscaling::Nvfp4    | 16 | [40]      | 39 | "64 weights, E2M1 under E4M3.";
        Q1_0     | small::Q1_0            | 32 | [41]      | 40 | "128 signs and a scale.";
    }
    ternary {
        Q2_0     | small::Q2_0            | 32 | [42]      | 41 | "64 weights, 2 bits and a scale.";
        PQ2_0    | ternary::prism::Pq2_0  | 32 | [142, 42] |  - | "128 weights, 2 bits and a scale (PrismML).";
        PTQ1_0   | ternary::prism::Ptq1_0 | 32 | [143]     |  - | "128 ternary weights, five in a byte (PrismML).";
        I2_S     | ternary::i2_s::I2S     | 32 | [36]      |  - | "128 ternary weights, a scale a tensor (bitnet.cpp).";
        I2_S_ARM | ternary::i2_s::I2SArm  | 32 | [36]      |  - | "64 weights a block: bitnet.cpp's I2_S on ARM.";
        IQ1_BN   | ternary::bn::Iq1Bn     | 32 | [134]     |  - | "64 ternary weights, a scale a row (ik_llama.cpp).";
        IQ2_BN   | ternary::bn::Iq2Bn     | 32 | [135]     |  - | "IQ1_BN's weights in two bits each (ik_llama.cpp).";
    }
}
