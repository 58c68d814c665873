//! Raw tensor type ids: their names and sizes. What the bytes mean is `quant`'s business; which id means which format is
//! `model::load`'s.

/// The raw type id of a tensor in the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeId(pub u32);

/// Size of one block of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypeLayout {
    /// ggml's name.
    pub name: &'static str,
    /// Weights in a block.
    pub block_len: u64,
    /// Bytes of a block.
    pub block_bytes: u64,
}

const fn layout(name: &'static str, block_len: u64, block_bytes: u64) -> TypeLayout {
    TypeLayout { name, block_len, block_bytes }
}

impl TypeId {
    /// Name and size; `None` for ids that are not (or no longer) defined.
    pub fn layout(self) -> Option<TypeLayout> {
        Some(match self.0 {
            0 => layout("F32", 1, 4),
            1 => layout("F16", 1, 2),
            2 => layout("Q4_0", 32, 18),
            3 => layout("Q4_1", 32, 20),
            6 => layout("Q5_0", 32, 22),
            7 => layout("Q5_1", 32, 24),
            8 => layout("Q8_0", 32, 34),
            9 => layout("Q8_1", 32, 36),
            10 => layout("Q2_K", 256, 84),
            11 => layout("Q3_K", 256, 110),
            12 => layout("Q4_K", 256, 144),
            13 => layout("Q5_K", 256, 176),
            14 => layout("Q6_K", 256, 210),
            15 => layout("Q8_K", 256, 292),
            16 => layout("IQ2_XXS", 256, 66),
            17 => layout("IQ2_XS", 256, 74),
            18 => layout("IQ3_XXS", 256, 98),
            19 => layout("IQ1_S", 256, 50),
            20 => layout("IQ4_NL", 32, 18),
            21 => layout("IQ3_S", 256, 110),
            22 => layout("IQ2_S", 256, 82),
            23 => layout("IQ4_XS", 256, 136),
            24 => layout("I8", 1, 1),
            25 => layout("I16", 1, 2),
            26 => layout("I32", 1, 4),
            27 => layout("I64", 1, 8),
            28 => layout("F64", 1, 8),
            29 => layout("IQ1_M", 256, 56),
            30 => layout("BF16", 1, 2),
            34 => layout("TQ1_0", 256, 54),
            35 => layout("TQ2_0", 256, 66),
            39 => layout("MXFP4", 32, 17),
            40 => layout("NVFP4", 64, 36),
            41 => layout("Q1_0", 128, 18),
            42 => layout("Q2_0", 64, 18),
            _ => return None,
        })
    }

    /// ggml's name, or why there is none.
    pub fn name(self) -> &'static str {
        match (self.layout(), self.0) {
            (Some(layout), _) => layout.name,
            (None, 4 | 5) => "Q4_2/Q4_3 (removed)",
            (None, 31..=33 | 36..=38) => "a repacked layout (removed)",
            (None, _) => "unknown",
        }
    }

    /// Bytes of a tensor of `dims`; an error names what does not fit.
    pub(crate) fn bytes_of(self, dims: &[u64]) -> Result<u64, String> {
        let Some(layout) = self.layout() else {
            return Err(format!("tensor type {} is {}", self.0, self.name()));
        };
        let row = dims.first().copied().unwrap_or(1);
        if row % layout.block_len != 0 {
            return Err(format!(
                "a row of {row} weights, but {} needs a multiple of {}",
                layout.name, layout.block_len
            ));
        }
        let overflow = || format!("{dims:?} {} overflows", layout.name);
        let n = dims
            .iter()
            .try_fold(1u64, |n, &d| n.checked_mul(d))
            .filter(|&n| i64::try_from(n).is_ok())
            .ok_or_else(overflow)?;
        (n / layout.block_len)
            .checked_mul(layout.block_bytes)
            .filter(|&n| i64::try_from(n).is_ok())
            .ok_or_else(overflow)
    }
}
