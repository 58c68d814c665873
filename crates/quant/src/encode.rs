//! Encoding: values → blocks, by search for the least (weighted) squared error after all rounding of scales.
//!
//! Every format is a list of levels under a scale ([`search::Levels`], `symmetric`) or a range with an offset (`affine`), in blocks by
//! themselves (`plain`) or under a scale of scales (`nested`).

mod affine;
mod nested;
mod plain;
mod search;

use crate::{Format, float};

impl Format {
    /// Can [`encode`](Self::encode) write it? The code-book formats (IQ1, IQ2, IQ3) are only read.
    pub fn can_encode(self) -> bool {
        use Format as F;
        !matches!(self, F::IQ1_S | F::IQ1_M | F::IQ2_XXS | F::IQ2_XS | F::IQ2_S | F::IQ3_XXS | F::IQ3_S)
    }

    /// Whole blocks of `values` into `out`; `importance` (of each value) weighs its squared error. Values that are not finite count as 0.
    ///
    /// # Panics
    /// If the lengths disagree, or the format cannot be encoded.
    pub fn encode(self, values: &[f32], importance: Option<&[f32]>, out: &mut [u8]) {
        assert_eq!(Some(out.len()), self.row_bytes(values.len()), "bytes of {} values of {self:?}", values.len());
        assert!(self.can_encode(), "{self:?} cannot be encoded");
        match self {
            Self::F32 => return float::encode_f32(values, out),
            Self::F16 => return float::encode_f16(values, out),
            Self::BF16 => return float::encode_bf16(values, out),
            _ => {}
        }
        if let Some(importance) = importance {
            assert_eq!(importance.len(), values.len(), "one importance a value");
        }
        let n = self.block_len();
        let (mut x, mut w) = (vec![0.0; n], vec![1.0; n]);
        for (i, (values, out)) in values.chunks_exact(n).zip(out.chunks_exact_mut(self.block_bytes())).enumerate() {
            for (x, v) in x.iter_mut().zip(values) {
                *x = if v.is_finite() { *v } else { 0.0 };
            }
            if let Some(importance) = importance {
                for (w, v) in w.iter_mut().zip(&importance[i * n..]) {
                    *w = if v.is_finite() && *v > 0.0 { *v } else { 0.0 };
                }
            }
            self.encode_block(&x, &w, out);
        }
    }

    fn encode_block(self, x: &[f32], w: &[f32], out: &mut [u8]) {
        match self {
            Self::Q4_0 => plain::q4_0(x, w, out),
            Self::Q5_0 => plain::q5_0(x, w, out),
            Self::Q8_0 => plain::q8_0(x, w, out),
            Self::IQ4_NL => plain::iq4_nl(x, w, out),
            Self::Q1_0 => plain::q1_0(x, w, out),
            Self::Q2_0 => plain::q2_0(x, w, out),
            Self::TQ1_0 => plain::tq1_0(x, w, out),
            Self::TQ2_0 => plain::tq2_0(x, w, out),
            Self::MXFP4 => plain::mxfp4(x, w, out),
            Self::NVFP4 => plain::nvfp4(x, w, out),
            Self::Q4_1 => affine::q4_1(x, w, out),
            Self::Q5_1 => affine::q5_1(x, w, out),
            Self::Q2_K => affine::q2_k(x, w, out),
            Self::Q4_K => affine::q4_k(x, w, out),
            Self::Q5_K => affine::q5_k(x, w, out),
            Self::Q3_K => nested::q3_k(x, w, out),
            Self::Q6_K => nested::q6_k(x, w, out),
            Self::IQ4_XS => nested::iq4_xs(x, w, out),
            _ => {}
        }
    }
}
