//! How each format unpacks 256 weights: a row of the table is a module, with the kernels that [`level`](super::level)
//! makes of it.
//!
//! A row gives the bytes of 256 weights, their units, and three functions over such a group: `block(bytes, i)`, the
//! codes of block `i` as bytes (`+ offset`, or signed where it is 128); `scales(bytes)` and `mins_of(bytes)`, vectors
//! over the eight blocks, one per unit. A format may name a function of `transposed.rs` that fills AVX-512 panels
//! without them.

#[allow(clippy::wildcard_imports, reason = "the words in which rows are written, and what is made of them")]
use super::{level::*, unpack::*};
use crate::simd::avx2::{load_u8, pairs_in_order};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

format_module! {
    /// Any format of units of 16 (which is any), through its scalar decoder.
    expanded_halves, group_bytes: EXPANDED_BYTES, offset: 128, halves: true, mins: true, rows: expanded,
    block: |b, i| load_u8(part(b, 32 * i)),
    scales: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, scales)),
    mins_of: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, mins)),
}

format_module! {
    /// Any format of units of 32, through its scalar decoder.
    expanded_blocks, group_bytes: EXPANDED_BYTES, offset: 128, halves: false, mins: true, rows: expanded,
    block: |b, i| load_u8(part(b, 32 * i)),
    scales: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, scales)),
    mins_of: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, mins)),
}

format_module! {
    /// A block: f16 scale, 32 signed bytes.
    q8_0, group_bytes: 8 * 34, offset: 128, halves: false, mins: false, rows: of_file,
    block: |b, i| load_u8(part(b, 34 * i + 2)),
    scales: |b| one(halves(b, 0, 34)),
    mins_of: |_b| none(),
    transposed: q8_0,
}

format_module! {
    /// A block: f16 scale, 16 bytes: byte `i` holds weight `i` in bits 0–3 and `i + 16` in bits 4–7, less 8.
    q4_0, group_bytes: 8 * 18, offset: 8, halves: false, mins: false, rows: of_file,
    block: |b, i| nibbles(part(b, 18 * i + 2)),
    scales: |b| one(halves(b, 0, 18)),
    mins_of: |_b| none(),
    transposed: q4_0,
}

format_module! {
    /// A block: f16 scale, f16 minimum, 16 bytes as in `Q4_0`, not less 8.
    q4_1, group_bytes: 8 * 20, offset: 0, halves: false, mins: true, rows: of_file,
    block: |b, i| nibbles(part(b, 20 * i + 4)),
    scales: |b| one(halves(b, 0, 20)),
    mins_of: |b| one(halves(b, 2, 20)),
    transposed: q4_1,
}

format_module! {
    /// A block: f16 scale, 32 fifth bits, 16 bytes as in `Q4_0`; less 16.
    q5_0, group_bytes: 8 * 22, offset: 16, halves: false, mins: false, rows: of_file,
    block: |b, i| fifth_bits(nibbles(part(b, 22 * i + 6)), *part(b, 22 * i + 2)),
    scales: |b| one(halves(b, 0, 22)),
    mins_of: |_b| none(),
}

format_module! {
    /// A block: f16 scale, f16 minimum, 32 fifth bits, 16 bytes as in `Q4_0`.
    q5_1, group_bytes: 8 * 24, offset: 0, halves: false, mins: true, rows: of_file,
    block: |b, i| fifth_bits(nibbles(part(b, 24 * i + 8)), *part(b, 24 * i + 4)),
    scales: |b| one(halves(b, 0, 24)),
    mins_of: |b| one(halves(b, 2, 24)),
}

format_module! {
    /// See `quant`'s `q4_k.rs` for the bytes.
    q4_k, group_bytes: 144, offset: 0, halves: false, mins: true, rows: of_file,
    block: |b, i| nibble_plane(part(b, 16 + 32 * (i / 2)), i % 2 == 1),
    scales: |b| one(_mm256_mul_ps(splat(b, 0), floats(scales_k(b).0))),
    mins_of: |b| one(_mm256_mul_ps(_mm256_sub_ps(_mm256_set1_ps(-0.0), splat(b, 2)), floats(scales_k(b).1))),
}

format_module! {
    /// See `quant`'s `q5_k.rs` for the bytes.
    q5_k, group_bytes: 176, offset: 0, halves: false, mins: true, rows: of_file,
    block: |b, i| {
        let bit = _mm256_set1_epi8((1_u8 << i).cast_signed());
        let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(load_u8(part(b, 16)), bit), bit);
        let low = nibble_plane(part(b, 48 + 32 * (i / 2)), i % 2 == 1);
        _mm256_or_si256(low, _mm256_and_si256(is_set, _mm256_set1_epi8(16)))
    },
    scales: |b| one(_mm256_mul_ps(splat(b, 0), floats(scales_k(b).0))),
    mins_of: |b| one(_mm256_mul_ps(_mm256_sub_ps(_mm256_set1_ps(-0.0), splat(b, 2)), floats(scales_k(b).1))),
}

format_module! {
    /// See `quant`'s `q6_k.rs` for the bytes.
    q6_k, group_bytes: 210, offset: 32, halves: true, mins: false, rows: of_file,
    block: |b, i| {
        let (half, p) = (i / 4, i % 4);
        let low = nibble_plane(part(b, 64 * half + 32 * (p % 2)), p >= 2);
        _mm256_or_si256(low, _mm256_slli_epi16::<4>(plane(part(b, 128 + 32 * half), p)))
    },
    scales: |b| {
        let d = splat(b, 208);
        let [even, odd] = even_odd(*part(b, 192));
        [_mm256_mul_ps(d, signed_floats(even)), _mm256_mul_ps(d, signed_floats(odd))]
    },
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `q2_k.rs` for the bytes.
    q2_k, group_bytes: 84, offset: 0, halves: true, mins: true, rows: of_file,
    block: |b, i| plane(part(b, 16 + 32 * (i / 4)), i % 4),
    scales: |b| {
        let [even, odd] = even_odd(part::<16>(b, 0).map(|byte| byte & 15));
        [_mm256_mul_ps(splat(b, 80), floats(even)), _mm256_mul_ps(splat(b, 80), floats(odd))]
    },
    mins_of: |b| {
        let [even, odd] = even_odd(part::<16>(b, 0).map(|byte| byte >> 4));
        let d = _mm256_sub_ps(_mm256_set1_ps(-0.0), splat(b, 82));
        [_mm256_mul_ps(d, floats(even)), _mm256_mul_ps(d, floats(odd))]
    },
}

format_module! {
    /// A block: as `Q4_0`, the codes standing for 16 uneven values.
    iq4_nl, group_bytes: 8 * 18, offset: 128, halves: false, mins: false, rows: of_file,
    block: |b, i| uneven(nibbles(part(b, 18 * i + 2))),
    scales: |b| one(halves(b, 0, 18)),
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `iq4.rs` for the bytes.
    iq4_xs, group_bytes: 136, offset: 128, halves: false, mins: false, rows: of_file,
    block: |b, i| uneven(nibbles(part(b, 8 + 16 * i))),
    scales: |b| {
        let low = _mm256_set1_epi32(i32::from_le_bytes(*part(b, 4)));
        let low = _mm256_srlv_epi32(low, _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
        let high = _mm256_set1_epi32(i32::from(u16::from_le_bytes(*part(b, 2))) << 4);
        let high = _mm256_srlv_epi32(high, _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14));
        let low = _mm256_and_si256(low, _mm256_set1_epi32(15));
        let bits = _mm256_or_si256(low, _mm256_and_si256(high, _mm256_set1_epi32(0x30)));
        one(_mm256_mul_ps(splat(b, 0), _mm256_cvtepi32_ps(_mm256_sub_epi32(bits, _mm256_set1_epi32(32)))))
    },
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `q3_k.rs` for the bytes.
    q3_k, group_bytes: 110, offset: 4, halves: true, mins: false, rows: of_file,
    block: |b, i| {
        let bit = _mm256_set1_epi8((1_u8 << i).cast_signed());
        let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(load_u8(part(b, 0)), bit), bit);
        _mm256_or_si256(plane(part(b, 32 + 32 * (i / 4)), i % 4), _mm256_and_si256(is_set, _mm256_set1_epi8(4)))
    },
    scales: |b| {
        let d = splat(b, 108);
        let [even, odd] = even_odd(scales_3k(*part(b, 96), *part(b, 104)));
        [_mm256_mul_ps(d, signed_floats(even)), _mm256_mul_ps(d, signed_floats(odd))]
    },
    mins_of: |_b| none(),
}

format_module! {
    /// A block: an E8M0 scale, 16 bytes as in `Q4_0`, the codes standing for doubled E2M1 numbers.
    mxfp4, group_bytes: 8 * 17, offset: 128, halves: false, mins: false, rows: of_file,
    block: |b, i| e2m1(nibbles(part(b, 17 * i + 1))),
    scales: |b| {
        let bytes = std::array::from_fn(|i| b[17 * i]);
        let bits = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes)));
        let one_or_less = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), bits);
        let small = _mm256_sllv_epi32(_mm256_set1_epi32(0x0020_0000), bits);
        let normal = _mm256_slli_epi32::<23>(_mm256_sub_epi32(bits, _mm256_set1_epi32(1)));
        one(_mm256_castsi256_ps(_mm256_blendv_epi8(normal, small, one_or_less)))
    },
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `microscaling.rs` for the bytes: two blocks of 32 in 36 of them.
    nvfp4, group_bytes: 4 * 36, offset: 128, halves: true, mins: false, rows: of_file,
    block: |b, i| {
        let both = nibbles(part(b, 36 * (i / 2) + 4 + 16 * (i % 2)));
        // Eight low nibbles are followed by the eight high ones of the same bytes.
        e2m1(_mm256_permute4x64_epi64::<0b11_01_10_00>(both))
    },
    scales: |b| {
        let [even, odd] = even_odd(std::array::from_fn(|i| b[36 * (i / 4) + i % 4]));
        [half_ue4m3(even), half_ue4m3(odd)]
    },
    mins_of: |_b| none(),
}

format_module! {
    /// A block of 64: f16 scale, 16 bytes of four codes 0 to 3 each, less 1.
    q2_0, group_bytes: 4 * 18, offset: 1, halves: false, mins: false, rows: of_file,
    block: |b, i| pairs_in_order(*part(b, 18 * (i / 2) + 2 + 8 * (i % 2))),
    scales: |b| one(halves_of(b, 0, 18, 2)),
    mins_of: |_b| none(),
}

format_module! {
    /// A block of 128: f16 scale, 32 bytes of four codes 0 to 3 each, less 1.
    pq2_0, group_bytes: 2 * 34, offset: 1, halves: false, mins: false, rows: of_file,
    block: |b, i| pairs_in_order(*part(b, 34 * (i / 4) + 2 + 8 * (i % 4))),
    scales: |b| one(halves_of(b, 0, 34, 4)),
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `ternary/prism.rs` for the bytes; codes 0, 1, 2, less 1.
    ptq1_0, group_bytes: 2 * 28, offset: 1, halves: false, mins: false, rows: of_file,
    block: |b, i| ptq1_0_digits(part(b, 28 * (i / 4)), i % 4),
    scales: |b| one(halves_of(b, 26, 28, 4)),
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `ternary/tq.rs` for the bytes; codes 0, 1, 2, less 1.
    tq2_0, group_bytes: 66, offset: 1, halves: false, mins: false, rows: of_file,
    block: |b, i| plane(part(b, 32 * (i / 4)), i % 4),
    scales: |b| one(splat(b, 64)),
    mins_of: |_b| none(),
}
