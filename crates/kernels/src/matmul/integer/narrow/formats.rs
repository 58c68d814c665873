//! How each format unpacks 256 weights.

#[allow(clippy::wildcard_imports, reason = "the vocabulary of this folder")]
use super::*;
#[cfg(target_arch = "wasm32")]
use crate::simd::narrow::{and_words, from_half_pairs, shift_right_words};
use crate::{
    math::f16_to_f32,
    matmul::integer::expand,
    simd::narrow::{and, from_halves, lookup, or, shift_left, shift_right, test},
};
use std::ops::Range;

/// Any format of units of 16 (which is any), through its scalar decoder.
pub(in crate::matmul) struct ExpandedHalves;
/// Any format of units of 32, through its scalar decoder.
pub(in crate::matmul) struct ExpandedBlocks;
/// A block: f16 scale, 32 signed bytes.
pub(in crate::matmul) struct Q8_0;
/// A block: f16 scale, 16 bytes: byte `i` holds weight `i` in bits 0–3 and `i + 16` in bits 4–7, less 8.
pub(in crate::matmul) struct Q4_0;
/// A block: f16 scale, f16 minimum, 16 bytes as in `Q4_0`, not less 8.
pub(in crate::matmul) struct Q4_1;
/// A block: f16 scale, 32 fifth bits, 16 bytes as in `Q4_0`; less 16.
pub(in crate::matmul) struct Q5_0;
/// A block: f16 scale, f16 minimum, 32 fifth bits, 16 bytes as in `Q4_0`.
pub(in crate::matmul) struct Q5_1;
/// See `quant`'s `q2_k.rs` for the bytes.
pub(in crate::matmul) struct Q2K;
/// See `quant`'s `q4_k.rs` for the bytes.
pub(in crate::matmul) struct Q4K;
/// See `quant`'s `q5_k.rs` for the bytes.
pub(in crate::matmul) struct Q5K;
/// See `quant`'s `q6_k.rs` for the bytes.
pub(in crate::matmul) struct Q6K;
/// A block: as `Q4_0`, the codes standing for 16 uneven values.
pub(in crate::matmul) struct Iq4Nl;
/// See `quant`'s `ternary.rs` for the bytes; codes 0, 1, 2, less 1.
pub(in crate::matmul) struct Tq2_0;

/// The `N` bytes from `at`.
#[inline]
fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    match bytes[at..].first_chunk() {
        Some(part) => part,
        None => unreachable!("a format's field lies outside its group: {N} bytes from {at} of {}", bytes.len()),
    }
}

/// f16 values at `first`, `first + step`, … of `bytes`.
#[inline]
fn f16s<const N: usize>(bytes: &[u8; N], first: usize, step: usize) -> [f32; GROUP_BLOCKS] {
    from_halves(std::array::from_fn(|i| u16::from_le_bytes(*part(bytes, first + i * step))))
}

/// The f16 at `at`.
#[inline]
fn f16(bytes: &[u8], at: usize) -> f32 {
    f16_to_f32(u16::from_le_bytes(*part(bytes, at)))
}

/// Units of 32.
#[inline]
fn one(scales: [f32; GROUP_BLOCKS]) -> [[f32; GROUP_BLOCKS]; 2] {
    [scales, [0.0; GROUP_BLOCKS]]
}

/// 16 bytes to 32 codes: low nibbles, then high nibbles.
#[inline]
fn nibbles(bytes: &[u8; 16]) -> [Bytes; 2] {
    let packed = load_bytes(bytes);
    [and(packed, splat_byte(15)), shift_right(packed, 4)]
}

/// 32 codes of 4 bits: the low nibbles, or the high ones.
#[inline]
fn nibble_plane(bytes: &[u8; 32], high: bool) -> [Bytes; 2] {
    both(bytes, |packed| if high { shift_right(packed, 4) } else { and(packed, splat_byte(15)) })
}

/// 32 codes of 2 bits, plane `plane` of four.
#[inline]
fn plane(bytes: &[u8; 32], plane: usize) -> [Bytes; 2] {
    both(bytes, |packed| and(shift_right(packed, 2 * plane), splat_byte(3)))
}

#[inline]
fn both(bytes: &[u8; 32], unpack: impl Fn(Bytes) -> Bytes) -> [Bytes; 2] {
    let [a, b] = bytemuck::must_cast_ref::<_, [[u8; 16]; 2]>(bytes);
    [unpack(load_bytes(a)), unpack(load_bytes(b))]
}

/// 16 bytes to 32 codes of 16 bits: of the low nibbles the even ones and the odd ones, then of the high ones.
#[cfg(target_arch = "wasm32")]
#[inline]
fn split_nibbles(bytes: &[u8; 16]) -> [Words; 4] {
    let packed = load_bytes(bytes);
    [0, 8, 4, 12].map(|n| and_words(shift_right_words(packed, n), 15))
}

/// 32 codes of 16 bits: of the low or the high nibbles of each 16 bytes the even ones, then the odd ones.
#[cfg(target_arch = "wasm32")]
#[inline]
fn split_nibble_plane(bytes: &[u8; 32], high: bool) -> [Words; 4] {
    let n = if high { 4 } else { 0 };
    let [a, b] = bytemuck::must_cast_ref::<_, [[u8; 16]; 2]>(bytes).each_ref().map(load_bytes);
    [(a, n), (a, n + 8), (b, n), (b, n + 8)].map(|(packed, n)| and_words(shift_right_words(packed, n), 15))
}

/// Writes scales that are halves, that of block `b` at `at + stride · b`.
#[cfg(target_arch = "wasm32")]
#[inline]
fn halves_of_rows<const N: usize>(to: &mut [[f32; ROWS]], rows: [&[u8; N]; ROWS], at: usize, stride: usize) {
    for (b, scales) in to.iter_mut().enumerate() {
        *scales = from_halves(rows.map(|row| u16::from_le_bytes(*part(row, at + stride * b))));
    }
}

/// Writes scales and minima of `n` blocks that are halves side by side, those of block `b` at `at + stride · b`.
#[cfg(target_arch = "wasm32")]
#[inline]
fn half_pairs_of_rows<const N: usize>(to: &mut RowScales, n: usize, rows: [&[u8; N]; ROWS], at: usize, stride: usize) {
    for (b, (scales, mins)) in to.scales[0].iter_mut().zip(&mut to.mins[0]).take(n).enumerate() {
        [*scales, *mins] = from_half_pairs(rows.map(|row| u32::from_le_bytes(*part(row, at + stride * b))));
    }
}

/// Sets bit 4 of code `i` if bit `i` of `bits` is set.
#[inline]
fn fifth_bits(codes: [Bytes; 2], bits: [u8; 4]) -> [Bytes; 2] {
    let [a, b, c, d] = bits;
    // Each byte gets the byte of `bits` that holds its bit, then keeps that bit alone.
    let spread = |low: u8, high: u8| {
        let bytes: [u8; 16] = bytemuck::must_cast([[low; 8], [high; 8]]);
        let own: [u8; 16] = bytemuck::must_cast([[1_u8, 2, 4, 8, 16, 32, 64, 128]; 2]);
        and(test(load_bytes(&bytes), load_bytes(&own)), splat_byte(16))
    };
    [or(codes[0], spread(a, b)), or(codes[1], spread(c, d))]
}

/// 6-bit scales and minima of `Q4_K` and `Q5_K`, one each per block: the 12 bytes from 4; times the f16 at 0 and minus
/// that at 2.
#[inline]
fn scales_k(bytes: &[u8]) -> [[f32; GROUP_BLOCKS]; 2] {
    let [a, b, c] = [4, 8, 12].map(|at| u32::from_le_bytes(*part(bytes, at)));
    let join = |low: u32, high: u32| (u64::from(low) | u64::from(high) << 32).to_le_bytes();
    let scales = join(a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | (a >> 6 & 0x0303_0303) << 4);
    let mins = join(b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | (b >> 6 & 0x0303_0303) << 4);
    let (scale, min) = (f16(bytes, 0), -f16(bytes, 2));
    [scales.map(|s| scale * f32::from(s)), mins.map(|m| min * f32::from(m))]
}

/// The values of even and of odd index.
#[inline]
fn even_odd(values: [f32; 16]) -> [[f32; GROUP_BLOCKS]; 2] {
    [std::array::from_fn(|i| values[2 * i]), std::array::from_fn(|i| values[2 * i + 1])]
}

macro_rules! expanded {
    ($name:ident, halves: $halves:literal) => {
        impl Unpack for $name {
            type Group = ExpandedGroup;
            const HALVES: bool = $halves;
            const MINS: bool = true;

            #[inline]
            fn codes(group: &ExpandedGroup, i: usize) -> [Bytes; 2] {
                let codes = group.codes.as_chunks::<16>().0;
                [load_bytes(&codes[2 * i]), load_bytes(&codes[2 * i + 1])]
            }

            #[inline]
            fn scales(group: &ExpandedGroup) -> [[f32; GROUP_BLOCKS]; 2] {
                group.scales
            }

            #[inline]
            fn mins(group: &ExpandedGroup) -> [[f32; GROUP_BLOCKS]; 2] {
                group.mins
            }

            fn lines<'a>(w: &Matrix<'a>, rows: Range<usize>, expanded: &'a mut Vec<ExpandedGroup>) -> Lines<'a> {
                let n_rows = rows.len();
                let bytes: &[u8] = bytemuck::cast_slice(expand(w, rows, expanded));
                Lines { bytes, stride: bytes.len() / n_rows, len: bytes.len() / n_rows }
            }
        }
    };
}

expanded!(ExpandedHalves, halves: true);
expanded!(ExpandedBlocks, halves: false);

/// A format whose groups are read where they lie.
macro_rules! of_file {
    (has_mins) => { false };
    (has_mins $m:ident) => { true };
    (
        $name:ident, group_bytes: $bytes:expr, halves: $halves:literal,
        $(less: $less:literal,)?
        $(split: |$w:ident, $wi:ident| $split:expr,)?
        $(small: |$b:ident, $i:ident| $small:expr,)?
        $(signed: |$c:ident, $ci:ident| $signed:expr,)?
        scales: |$s:ident| $scales:expr
        $(, mins: |$m:ident| $mins:expr)?
        $(, of_rows: |$r:ident, $n:ident, $to:ident| $of_rows:expr)? $(,)?
    ) => {
        impl Unpack for $name {
            type Group = [u8; $bytes];
            const HALVES: bool = $halves;
            const MINS: bool = of_file!(has_mins $($m)?);
            #[cfg(target_arch = "wasm32")]
            const ARE_BOUNDED: bool = true;

            $(const LESS: i8 = $less;)?

            $(
                #[cfg(target_arch = "wasm32")]
                const IS_SPLIT: bool = true;

                #[cfg(target_arch = "wasm32")]
                #[inline]
                fn wide_block($w: &Self::Group, $wi: usize) -> [Words; 4] {
                    $split
                }
            )?

            $(
                #[cfg(target_arch = "wasm32")]
                #[inline]
                fn of_rows($r: [&Self::Group; ROWS], $n: usize, $to: &mut RowScales) {
                    $of_rows;
                }
            )?

            $(
                #[cfg(target_arch = "wasm32")]
                const ARE_SMALL: bool = true;

                #[inline]
                fn codes($b: &Self::Group, $i: usize) -> [Bytes; 2] {
                    $small
                }
            )?

            $(
                #[inline]
                fn codes($c: &Self::Group, $ci: usize) -> [Bytes; 2] {
                    $signed
                }
            )?

            #[inline]
            fn scales($s: &Self::Group) -> [[f32; GROUP_BLOCKS]; 2] {
                $scales
            }

            $(
                #[inline]
                fn mins($m: &Self::Group) -> [[f32; GROUP_BLOCKS]; 2] {
                    $mins
                }
            )?
        }
    };
}

of_file! {
    Q8_0, group_bytes: 8 * 34, halves: false,
    signed: |b, i| both(part(b, 34 * i + 2), |codes| codes),
    scales: |b| one(f16s(b, 0, 34)),
    of_rows: |rows, n, to| halves_of_rows(&mut to.scales[0][..n], rows, 0, 34),
}

of_file! {
    Q4_0, group_bytes: 8 * 18, halves: false,
    less: 8,
    split: |b, i| split_nibbles(part(b, 18 * i + 2)),
    small: |b, i| nibbles(part(b, 18 * i + 2)),
    scales: |b| one(f16s(b, 0, 18)),
    of_rows: |rows, n, to| halves_of_rows(&mut to.scales[0][..n], rows, 0, 18),
}

of_file! {
    Q4_1, group_bytes: 8 * 20, halves: false,
    split: |b, i| split_nibbles(part(b, 20 * i + 4)),
    small: |b, i| nibbles(part(b, 20 * i + 4)),
    scales: |b| one(f16s(b, 0, 20)),
    mins: |b| one(f16s(b, 2, 20)),
    of_rows: |rows, n, to| half_pairs_of_rows(to, n, rows, 0, 20),
}

of_file! {
    Q5_0, group_bytes: 8 * 22, halves: false,
    less: 16,
    small: |b, i| fifth_bits(nibbles(part(b, 22 * i + 6)), *part(b, 22 * i + 2)),
    scales: |b| one(f16s(b, 0, 22)),
    of_rows: |rows, n, to| halves_of_rows(&mut to.scales[0][..n], rows, 0, 22),
}

of_file! {
    Q5_1, group_bytes: 8 * 24, halves: false,
    small: |b, i| fifth_bits(nibbles(part(b, 24 * i + 8)), *part(b, 24 * i + 4)),
    scales: |b| one(f16s(b, 0, 24)),
    mins: |b| one(f16s(b, 2, 24)),
    of_rows: |rows, n, to| half_pairs_of_rows(to, n, rows, 0, 24),
}

of_file! {
    Q4K, group_bytes: 144, halves: false,
    split: |b, i| split_nibble_plane(part(b, 16 + 32 * (i / 2)), i % 2 == 1),
    small: |b, i| nibble_plane(part(b, 16 + 32 * (i / 2)), i % 2 == 1),
    scales: |b| one(scales_k(b)[0]),
    mins: |b| one(scales_k(b)[1]),
}

of_file! {
    Q5K, group_bytes: 176, halves: false,
    small: |b, i| {
        let low = nibble_plane(part(b, 48 + 32 * (i / 2)), i % 2 == 1);
        let bit = splat_byte((1_u8 << i).cast_signed());
        let high = both(part(b, 16), |bits| and(test(bits, bit), splat_byte(16)));
        [or(low[0], high[0]), or(low[1], high[1])]
    },
    scales: |b| one(scales_k(b)[0]),
    mins: |b| one(scales_k(b)[1]),
}

of_file! {
    Q6K, group_bytes: 210, halves: true,
    less: 32,
    small: |b, i| {
        let (half, p) = (i / 4, i % 4);
        let low = nibble_plane(part(b, 64 * half + 32 * (p % 2)), p >= 2);
        let high = plane(part(b, 128 + 32 * half), p).map(|bits| shift_left(bits, 4));
        [or(low[0], high[0]), or(low[1], high[1])]
    },
    scales: |b| {
        let d = f16(b, 208);
        even_odd(part::<16>(b, 192).map(|s| d * f32::from(s.cast_signed())))
    },
}

of_file! {
    Q2K, group_bytes: 84, halves: true,
    small: |b, i| plane(part(b, 16 + 32 * (i / 4)), i % 4),
    scales: |b| {
        let d = f16(b, 80);
        even_odd(part::<16>(b, 0).map(|s| d * f32::from(s & 15)))
    },
    mins: |b| {
        let d = -f16(b, 82);
        even_odd(part::<16>(b, 0).map(|s| d * f32::from(s >> 4)))
    },
}

of_file! {
    Iq4Nl, group_bytes: 8 * 18, halves: false,
    signed: |b, i| {
        // ggml's `kvalues_iq4nl`.
        let values: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
        nibbles(part(b, 18 * i + 2)).map(|codes| lookup(load_bytes(&values), codes))
    },
    scales: |b| one(f16s(b, 0, 18)),
    of_rows: |rows, n, to| halves_of_rows(&mut to.scales[0][..n], rows, 0, 18),
}

of_file! {
    Tq2_0, group_bytes: 66, halves: false,
    less: 1,
    small: |b, i| plane(part(b, 32 * (i / 4)), i % 4),
    scales: |b| one([f16(b, 64); GROUP_BLOCKS]),
}
