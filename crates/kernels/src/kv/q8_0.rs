//! `Q8_0` blocks: int8 codes in the order of the side, then f16 scales: keys `[Dk / 32, P]`, values `[P, Dv / 32]`.

use super::{
    PAGE_LEN, Side,
    block::{place, scale_index},
};
use crate::{
    isa::multiversion,
    math::{f16_to_f32, f32_to_f16, round},
};

/// Elements of a head that share a scale.
pub(super) const BLOCK: usize = 32;

multiversion! {
    /// Exact: 8 bits times 11.
    pub(super) fn read(side: Side, codes: &[i8], scales: &[u16], out: &mut [f32]) {
        match side {
            Side::Keys => {
                const ROWS: usize = BLOCK * PAGE_LEN;
                let blocks = out.as_chunks_mut::<ROWS>().0.iter_mut().zip(codes.as_chunks::<ROWS>().0);
                for ((out, codes), scales) in blocks.zip(scales.as_chunks::<PAGE_LEN>().0) {
                    let scales = scales.map(f16_to_f32);
                    let codes = codes.as_chunks::<PAGE_LEN>().0;
                    for (out, codes) in out.as_chunks_mut::<PAGE_LEN>().0.iter_mut().zip(codes) {
                        for ((out, &code), &scale) in out.iter_mut().zip(codes).zip(&scales) {
                            *out = f32::from(code) * scale;
                        }
                    }
                }
            }
            Side::Values => {
                let blocks = out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(codes.as_chunks::<BLOCK>().0);
                for ((out, codes), &scale) in blocks.zip(scales) {
                    let scale = f16_to_f32(scale);
                    out.iter_mut().zip(codes).for_each(|(out, &code)| *out = f32::from(code) * scale);
                }
            }
        }
    }
}

multiversion! {
    pub(super) fn write(side: Side, slot: usize, x: &[f32], codes: &mut [i8], scales: &mut [u16]) {
        let dim = x.len();
        for (b, x) in x.as_chunks::<BLOCK>().0.iter().enumerate() {
            let max = x.iter().fold(0.0f32, |max, v| if v.abs() > max { v.abs() } else { max });
            let half = f32_to_f16(max / 127.0);
            let scale = f16_to_f32(half);
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            scales[scale_index(side, slot, b, dim / BLOCK)] = half;
            // A scale rounded down lets the largest element reach 127.06, a subnormal one more.
            let block = x.map(|x| round(x * inverse).clamp(-127, 127) as i8);
            place(side, slot, &block, b * BLOCK, dim, codes);
        }
    }
}
