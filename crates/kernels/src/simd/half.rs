//! Rows of IEEE halves to singles and back, by the CPU's own conversions where it has them. The bits are those of
//! [`math`](crate::math).

#![allow(unsafe_code, reason = "calls functions compiled for the level that `Level` proves")]

#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
use crate::Isa;
use crate::{
    isa::Level,
    math::{f16_to_f32, f32_to_f16},
};

/// Halves to singles, exact.
pub(crate) fn to_f32(level: Level, halves: &[u16], out: &mut [f32]) {
    match level.isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` exists only for an instruction set that this CPU has.
        Isa::Avx512 | Isa::Avx512Vbmi | Isa::Avx512Popcnt => unsafe { x86::to_f32_avx512(halves, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 | Isa::AvxVnni => unsafe { x86::to_f32_avx2(halves, out) },
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Isa::Simd128 | Isa::RelaxedSimd => {
            let ((halves, halves_left), (out, out_left)) = (halves.as_chunks(), out.as_chunks_mut());
            halves.iter().zip(out).for_each(|(halves, out)| *out = crate::simd::simd128::from_halves(*halves));
            to_f32_scalar(halves_left, out_left);
        }
        _ => to_f32_scalar(halves, out),
    }
}

/// Singles to halves: to nearest, half to even; NaN becomes 0x7e00 with its sign.
pub(crate) fn from_f32(level: Level, x: &[f32], out: &mut [u16]) {
    match level.isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` exists only for an instruction set that this CPU has.
        Isa::Avx512 | Isa::Avx512Vbmi | Isa::Avx512Popcnt | Isa::Avx2 | Isa::AvxVnni => unsafe {
            x86::from_f32(x, out);
        },
        _ => from_f32_scalar(x, out),
    }
}

fn to_f32_scalar(halves: &[u16], out: &mut [f32]) {
    out.iter_mut().zip(halves).for_each(|(out, &half)| *out = f16_to_f32(half));
}

fn from_f32_scalar(x: &[f32], out: &mut [u16]) {
    out.iter_mut().zip(x).for_each(|(out, &x)| *out = f32_to_f16(x));
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::simd::{avx2, avx512};
    #[allow(clippy::wildcard_imports, reason = "intrinsics")]
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(super) fn to_f32_avx512(halves: &[u16], out: &mut [f32]) {
        let ((halves, halves_left), (out, out_left)) = (halves.as_chunks::<16>(), out.as_chunks_mut::<16>());
        for (out, halves) in out.iter_mut().zip(halves) {
            avx512::store_f32(out, _mm512_cvtph_ps(bytemuck::must_cast(*halves)));
        }
        super::to_f32_scalar(halves_left, out_left);
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn to_f32_avx2(halves: &[u16], out: &mut [f32]) {
        let ((halves, halves_left), (out, out_left)) = (halves.as_chunks::<8>(), out.as_chunks_mut::<8>());
        for (out, halves) in out.iter_mut().zip(halves) {
            avx2::store_f32(out, _mm256_cvtph_ps(bytemuck::must_cast(*halves)));
        }
        super::to_f32_scalar(halves_left, out_left);
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn from_f32(x: &[f32], out: &mut [u16]) {
        let ((x, x_left), (out, out_left)) = (x.as_chunks::<8>(), out.as_chunks_mut::<8>());
        for (out, x) in out.iter_mut().zip(x) {
            let x = avx2::load_f32(x);
            // The instruction keeps a NaN's payload.
            let nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x);
            let canonical = _mm256_or_ps(_mm256_and_ps(x, _mm256_set1_ps(-0.0)), _mm256_set1_ps(f32::NAN));
            let x = _mm256_blendv_ps(x, canonical, nan);
            *out = bytemuck::must_cast(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x));
        }
        super::from_f32_scalar(x_left, out_left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_level_has_the_same_bits() {
        // Signalling NaNs come out quiet from the instruction; no cache or checked file holds one.
        let is_signalling = |h: &u16| f16_to_f32(*h).is_nan() && h & 0x200 == 0;
        let halves: Vec<u16> = (0..=u16::MAX).filter(|h| !is_signalling(h)).collect();
        let mut singles = vec![0.0; halves.len()];
        to_f32_scalar(&halves, &mut singles);
        let mut x: Vec<f32> = (0..1_000_003u32).map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761))).collect();
        x.extend([f32::NAN, -f32::NAN, 65519.99, 65520.0, 5.96e-8, 2.98e-8, f32::INFINITY]);
        let mut expected = vec![0; x.len()];
        from_f32_scalar(&x, &mut expected);
        for level in Isa::available().filter_map(Level::detect) {
            let mut out = vec![0.0; halves.len()];
            to_f32(level, &halves, &mut out);
            assert!(out.iter().zip(&singles).all(|(a, b)| a.to_bits() == b.to_bits()), "{:?}", level.isa());
            let mut back = vec![0; x.len()];
            from_f32(level, &x, &mut back);
            assert_eq!(back, expected, "{:?}", level.isa());
        }
    }
}
