//! How each format unpacks 256 weights, and the kernels made of it.
//!
//! A module per format has `GROUP_BYTES` (of 256 weights), `UNITS`, `SIGNED`, and three functions over such a group: `block(bytes, i)`, the
//! codes of block `i` as bytes (`+ offset` unless `SIGNED`); `scales(bytes)` and `mins(bytes)`, vectors over the eight blocks, one per unit.
//! A format may name a function of `transposed.rs` that fills AVX-512 panels without them.

use super::{
    GEMV_TOKENS, Lines, PanelArgs, PanelScratch, Units, interleave, panel_avx2, panel_avx512, panel_avxvnni, reset,
    transposed,
};
use crate::{
    activation::{ActivationGroup, BLOCK, GROUP_BLOCKS},
    matmul::{
        MatmulArgs, MatmulScratch, Matrix,
        digits::{PTQ1_0, PTQ1_0_UPPER},
        integer::{ExpandedGroup, PANEL_ROWS, expand, token, token_tiles},
    },
    simd::{
        avx2::{
            digits, fold, half_sums, load_f32, load_half_u8, load_half_u16, load_i8, load_i32, load_u8, look_up,
            pairs_in_order, store_f32, store_u8,
        },
        prefetch, prefetch_ahead,
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Four-column sums of products in i32 lanes: `w` code + offset, or all 8 bits with offset 128 if `WIDE`; `x` -127..=127.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn dot_avx2<const WIDE: bool>(w: __m256i, x: __m256i) -> __m256i {
    // i16: pairs of at most 2 · 63 · 127, or 2 · 128 · 127 = 32,512 with the sign moved to x.
    let pairs = if WIDE {
        let w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
        _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
    } else {
        _mm256_maddubs_epi16(w, x)
    };
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

/// The same with VNNI.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn dot_avx512<const WIDE: bool>(w: __m256i, x: __m256i) -> __m256i {
    _mm256_dpbusd_epi32(_mm256_setzero_si256(), w, x)
}

/// The same with AVX-VNNI.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
#[inline]
fn dot_avxvnni<const WIDE: bool>(w: __m256i, x: __m256i) -> __m256i {
    _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), w, x)
}

/// f16 values at `first`, `first + step`, … of `bytes`.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn halves<const N: usize>(bytes: &[u8; N], first: usize, step: usize) -> __m256 {
    let mut bits = [0u16; 8];
    for (i, bits) in bits.iter_mut().enumerate() {
        *bits = u16::from_le_bytes([bytes[first + i * step], bytes[first + i * step + 1]]);
    }
    _mm256_cvtph_ps(load_half_u16(&bits))
}

/// The f16 at `first + step · (i / of)`, for each block `i` of 32: scales of blocks that are several of 32.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn halves_of<const N: usize>(bytes: &[u8; N], first: usize, step: usize, of: usize) -> __m256 {
    let bits = std::array::from_fn(|i| u16::from_le_bytes(*part(bytes, first + step * (i / of))));
    _mm256_cvtph_ps(load_half_u16(&bits))
}

/// 32 columns of a `PTQ1_0` block.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn ptq1_0_digits(bytes: &[u8; 28], i: usize) -> __m256i {
    let (lower, upper) = (part(bytes, 0), part(bytes, PTQ1_0_UPPER));
    let table = &PTQ1_0[i];
    let bytes = look_up(if i < 3 { lower } else { upper }, if i < 2 { lower } else { upper }, &table.index);
    digits(bytes, &table.powers)
}

/// 16 bytes to 32 codes: low nibbles, then high nibbles.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn nibbles(bytes: &[u8; 16]) -> __m256i {
    let packed = load_half_u8(bytes);
    let both = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(packed), _mm_srli_epi16::<4>(packed));
    _mm256_and_si256(both, _mm256_set1_epi8(15))
}

/// Sets bit 4 of code `i` if bit `i` of `bits` is set.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn fifth_bits(codes: __m256i, bits: [u8; 4]) -> __m256i {
    // Each byte gets the byte of `bits` that holds its bit, then keeps that bit alone.
    let bytes = _mm256_shuffle_epi8(
        _mm256_set1_epi32(i32::from_le_bytes(bits)),
        _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303),
    );
    let own = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, own), own);
    _mm256_or_si256(codes, _mm256_and_si256(is_set, _mm256_set1_epi8(16)))
}

/// The `N` bytes from `at`.
#[inline]
fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    match bytes[at..].first_chunk() {
        Some(part) => part,
        None => unreachable!("a format's field lies outside its group: {N} bytes from {at} of {}", bytes.len()),
    }
}

/// The row's own bytes.
macro_rules! row_of_file {
    ($w:expr, $m:expr, $buffer:expr) => {
        $w.row($m)
    };
}

/// The row expanded by `quant`.
macro_rules! row_expanded {
    ($w:expr, $m:expr, $buffer:expr) => {
        bytemuck::cast_slice::<ExpandedGroup, u8>(expand(&$w, $m..$m + 1, $buffer))
    };
}

/// Rows of a panel by number, each as the file has it.
macro_rules! rows_of_file {
    ($w:expr, $first:expr, $rows:expr, $buffer:expr) => {{
        // Rows need no buffer here.
        let (w, first, _) = ($w, $first + $rows.start, &$buffer);
        move |r: usize| w.row(first + r)
    }};
}

/// Rows of a panel by number, decoded to [`ExpandedGroup`]s.
macro_rules! rows_expanded {
    ($w:expr, $first:expr, $rows:expr, $buffer:expr) => {{
        let first = $first + $rows.start;
        let groups = expand(&$w, first..first + $rows.len(), $buffer);
        let n = groups.len() / $rows.len();
        move |r: usize| bytemuck::cast_slice::<ExpandedGroup, u8>(&groups[r * n..(r + 1) * n])
    }};
}

/// Fills a panel with rows: group by group, or by the format's own function of [`transposed`].
macro_rules! pack {
    ([], $panel:ident, $lines:ident, $n_rows:expr, $row:ident) => {
        let n_blocks = $panel.len();
        for g in 0..n_blocks.div_ceil(GROUP_BLOCKS) {
            for r in 0..$n_rows {
                let (groups, tail) = $row(r).as_chunks::<GROUP_BYTES>();
                match groups.get(g) {
                    Some(bytes) => unpack(bytes, $lines, r),
                    None => unpack(&filled(tail), $lines, r),
                }
            }
            interleave($panel, n_blocks, g, UNITS_OF, $lines);
        }
    };
    ([$packer:ident], $panel:ident, $lines:ident, $n_rows:expr, $row:ident) => {{
        let (n_rows, _) = ($n_rows, $lines);
        // Rows that do not exist are never stored, so any will do.
        transposed::$packer($panel, &std::array::from_fn(|r| $row(r.min(n_rows - 1))));
    }};
}

/// The kernels of a format module for one level.
macro_rules! level_kernels {
    (
        $level:ident, $features:literal, ($row:ident, $rows:ident, [$($packer:ident)?]), $dot:ident, wide_is_signed: $wide_is_signed:literal,
        $panel:ident
    ) => {
        pub(in crate::matmul) mod $level {
            use super::*;

            /// Few tokens.
            #[target_feature(enable = $features)]
            pub(in crate::matmul) fn gemv(args: &mut MatmulArgs<'_, '_>) {
                for tokens in token_tiles(args.out.rows.len(), GEMV_TOKENS) {
                    match tokens.len() {
                        1 => rows::<1>(args, tokens.start),
                        2 => rows::<2>(args, tokens.start),
                        3 => rows::<3>(args, tokens.start),
                        _ => rows::<GEMV_TOKENS>(args, tokens.start),
                    }
                }
            }

            #[target_feature(enable = $features)]
            fn rows<const T: usize>(args: &mut MatmulArgs<'_, '_>, first: usize) {
                let mut x: [&[ActivationGroup]; T] = [&[]; T];
                for (t, x) in x.iter_mut().enumerate() {
                    *x = token(args.groups, args.w.cols, args.out.rows.start + first + t);
                }
                for (i, m) in args.out.cols.clone().enumerate() {
                    let row = $row!(args.w, m, &mut args.scratch.expanded);
                    let (groups, tail) = row.as_chunks::<GROUP_BYTES>();
                    let mut acc = [_mm256_setzero_ps(); T];
                    let mut x_group = [&x[0][0]; T];
                    for (g, bytes) in groups.iter().enumerate() {
                        prefetch_ahead(bytes);
                        for (to, x) in x_group.iter_mut().zip(&x) {
                            *to = &x[g];
                        }
                        group::<T, GROUP_BLOCKS>(bytes, x_group, &mut acc);
                    }
                    if !tail.is_empty() {
                        for (to, x) in x_group.iter_mut().zip(&x) {
                            *to = &x[groups.len()];
                        }
                        match tail.len() / BLOCK_BYTES {
                            0..=2 => group::<T, 2>(&filled(tail), x_group, &mut acc),
                            3..=4 => group::<T, 4>(&filled(tail), x_group, &mut acc),
                            _ => group::<T, GROUP_BLOCKS>(&filled(tail), x_group, &mut acc),
                        }
                    }
                    for (t, acc) in acc.into_iter().enumerate() {
                        args.out.row(first + t)[i] = fold(acc);
                    }
                }
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn group<const T: usize, const N: usize>(
                bytes: &[u8; GROUP_BYTES],
                x: [&ActivationGroup; T],
                acc: &mut [__m256; T],
            ) {
                let offset = UNITS_OF.offset;
                let mut codes = [_mm256_setzero_si256(); GROUP_BLOCKS];
                for (i, codes) in codes.iter_mut().enumerate().take(N) {
                    *codes = unsigned(block(bytes, i));
                }
                let scales = scales(bytes);
                let mins = mins(bytes);
                for t in 0..T {
                    let mut sums = [_mm256_setzero_si256(); GROUP_BLOCKS];
                    for ((sums, codes), x) in sums.iter_mut().zip(&codes).zip(x[t].codes.as_chunks::<BLOCK>().0).take(N)
                    {
                        *sums = $dot::<SIGNED>(*codes, load_i8(x));
                    }
                    // i32: at most 32 · 255 · 127 < 2²¹ in magnitude before and after the offset is taken out.
                    let [first, second] = half_sums(sums);
                    let x_scales = load_f32(&x[t].scales);
                    let mut unit = |u: usize, sum: __m256i, x_sums: __m256i| {
                        let taken_out = _mm256_mullo_epi32(x_sums, _mm256_set1_epi32(offset));
                        let sum = if SIGNED && $wide_is_signed { sum } else { _mm256_sub_epi32(sum, taken_out) };
                        acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), _mm256_mul_ps(scales[u], x_scales), acc[t]);
                        if UNITS_OF.mins {
                            let x_mins = _mm256_mul_ps(x_scales, _mm256_cvtepi32_ps(x_sums));
                            acc[t] = _mm256_fmadd_ps(mins[u], x_mins, acc[t]);
                        }
                    };
                    if UNITS_OF.halves {
                        unit(0, first, load_i32(&x[t].half_sums[0]));
                        unit(1, second, load_i32(&x[t].half_sums[1]));
                    } else {
                        unit(0, _mm256_add_epi32(first, second), load_i32(&x[t].sums));
                    }
                }
            }

            /// Many tokens.
            #[target_feature(enable = $features)]
            pub(in crate::matmul) fn gemm(args: &mut MatmulArgs<'_, '_>) {
                let n_blocks = args.w.cols / BLOCK;
                for rows in token_tiles(args.out.cols.len(), PANEL_ROWS) {
                    let MatmulScratch { panel, expanded, panels, .. } = &mut *args.scratch;
                    let PanelScratch { lines, lanes, out } = &mut **panels;
                    reset(panel, n_blocks);
                    let row = $rows!(args.w, args.out.cols.start, rows, expanded);
                    pack!([$($packer)?], panel, lines, rows.len(), row);
                    let mut next = lines_of_next(&args.w, args.out.cols.start + rows.end, args.out.rows.len(), $panel::TOKENS);
                    for tokens in token_tiles(args.out.rows.len(), $panel::TOKENS) {
                        if let Some(lines) = next.next() {
                            lines.chunks(64).for_each(prefetch);
                        }
                        let mut x: [&[ActivationGroup]; $panel::TOKENS] = [&[]; $panel::TOKENS];
                        for (x, t) in x.iter_mut().zip(tokens.clone()) {
                            *x = token(args.groups, args.w.cols, args.out.rows.start + t);
                        }
                        $panel::run(&PanelArgs { units: UNITS_OF, panel, x: &x[..tokens.len()] }, lanes, out);
                        for (out, t) in out.iter().zip(tokens) {
                            args.out.row(t)[rows.clone()].copy_from_slice(&out[..rows.len()]);
                        }
                    }
                }
            }
        }
    };
}

macro_rules! format_module {
    (
        $(#[$meta:meta])*
        $module:ident, group_bytes: $bytes:expr, offset: $offset:expr, halves: $halves:expr, mins: $mins:expr, row: $row:ident $rows:ident,
        block: |$b:ident, $i:ident| $block:expr,
        scales: |$s:ident| $scales:expr,
        mins_of: |$n:ident| $mins_of:expr
        $(, transposed: $packer:ident)? $(,)?
    ) => {
        $(#[$meta])*
        pub(in crate::matmul) mod $module {
            #[allow(clippy::wildcard_imports, reason = "the kernels of a format are this file's own")]
            use super::*;

            /// Bytes of 256 weights.
            const GROUP_BYTES: usize = $bytes;
            /// Of 32 weights, rounded down.
            const BLOCK_BYTES: usize = GROUP_BYTES / GROUP_BLOCKS;
            const UNITS_OF: Units = Units { halves: $halves, mins: $mins, offset: $offset };
            /// Codes are signed bytes.
            const SIGNED: bool = $offset == 128;

            #[target_feature(enable = "avx2,fma,f16c")]
            #[inline]
            fn block($b: &[u8; GROUP_BYTES], $i: usize) -> __m256i {
                $block
            }

            #[target_feature(enable = "avx2,fma,f16c")]
            #[inline]
            fn scales($s: &[u8; GROUP_BYTES]) -> [__m256; 2] {
                $scales
            }

            #[target_feature(enable = "avx2,fma,f16c")]
            #[inline]
            fn mins($n: &[u8; GROUP_BYTES]) -> [__m256; 2] {
                $mins_of
            }

            #[target_feature(enable = "avx2,fma,f16c")]
            #[inline]
            fn unsigned(codes: __m256i) -> __m256i {
                if SIGNED { _mm256_xor_si256(codes, _mm256_set1_epi8(-128)) } else { codes }
            }

            /// The last blocks of a row as a group: zero blocks have scale 0, as the activations they meet.
            #[inline]
            fn filled(tail: &[u8]) -> [u8; GROUP_BYTES] {
                let mut bytes = [0; GROUP_BYTES];
                bytes[..tail.len()].copy_from_slice(tail);
                bytes
            }

            /// A group of row `r` of a panel, unpacked.
            #[target_feature(enable = "avx2,fma,f16c")]
            fn unpack(bytes: &[u8; GROUP_BYTES], lines: &mut Lines, r: usize) {
                for (i, codes) in lines.codes[r].as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
                    store_u8(codes, unsigned(block(bytes, i)));
                }
                let [first, second] = scales(bytes);
                store_f32(&mut lines.scales[0][r], first);
                if UNITS_OF.halves {
                    store_f32(&mut lines.scales[1][r], second);
                }
                if UNITS_OF.mins {
                    let [first, second] = mins(bytes);
                    store_f32(&mut lines.mins[0][r], first);
                    if UNITS_OF.halves {
                        store_f32(&mut lines.mins[1][r], second);
                    }
                }
            }

            level_kernels!(avx2, "avx2,fma,f16c", ($row, $rows, []), dot_avx2, wide_is_signed: true, panel_avx2);
            level_kernels!(
                avxvnni, "avx2,fma,f16c,avxvnni", ($row, $rows, []), dot_avxvnni, wide_is_signed: false, panel_avxvnni
            );
            level_kernels!(
                avx512,
                "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
                ($row, $rows, [$($packer)?]),
                dot_avx512,
                wide_is_signed: false,
                panel_avx512
            );
        }
    };
}

/// The bytes of the panel of rows that begins at `first`, in as many pieces as a panel has passes over `n_tokens`: asked for a piece a pass,
/// they are near when they are packed.
fn lines_of_next<'a>(
    w: &Matrix<'a>,
    first: usize,
    n_tokens: usize,
    pass: usize,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let row_bytes = w.bytes.len() / w.rows;
    let end = (first + PANEL_ROWS).min(w.rows);
    let bytes = &w.bytes[first.min(end) * row_bytes..end * row_bytes];
    bytes.chunks(bytes.len().div_ceil(n_tokens.div_ceil(pass).max(1)).max(1))
}

/// 32 codes of 2 bits, plane `plane` of four.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn plane(bytes: &[u8; 32], plane: usize) -> __m256i {
    let shifted = _mm256_srl_epi16(load_u8(bytes), _mm_cvtsi32_si128(2 * plane as i32));
    _mm256_and_si256(shifted, _mm256_set1_epi8(3))
}

/// 32 codes of 4 bits: the low nibbles, or the high ones.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn nibble_plane(bytes: &[u8; 32], high: bool) -> __m256i {
    let packed = load_u8(bytes);
    _mm256_and_si256(if high { _mm256_srli_epi16::<4>(packed) } else { packed }, _mm256_set1_epi8(15))
}

/// The f16 at `at`, in all lanes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn splat(bytes: &[u8], at: usize) -> __m256 {
    _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes(*part(bytes, at))))
}

/// Eight unsigned bytes as floats.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn floats(bytes: [u8; 8]) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes))))
}

/// Eight signed bytes as floats.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn signed_floats(bytes: [u8; 8]) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes))))
}

/// 6-bit scales and minima of `Q4_K` and `Q5_K`, one each per block: the 12 bytes from 4.
#[inline]
fn scales_k(bytes: &[u8]) -> ([u8; 8], [u8; 8]) {
    let [a, b, c] = [4, 8, 12].map(|at| u32::from_le_bytes(*part(bytes, at)));
    let join = |low: u32, high: u32| (u64::from(low) | u64::from(high) << 32).to_le_bytes();
    (
        join(a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | (a >> 6 & 0x0303_0303) << 4),
        join(b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | (b >> 6 & 0x0303_0303) << 4),
    )
}

/// The bytes of even and of odd index.
#[inline]
fn even_odd(bytes: [u8; 16]) -> [[u8; 8]; 2] {
    let (mut even, mut odd) = ([0; 8], [0; 8]);
    for (i, pair) in bytes.as_chunks::<2>().0.iter().enumerate() {
        (even[i], odd[i]) = (pair[0], pair[1]);
    }
    [even, odd]
}

/// The 16 values of `IQ4_NL` and `IQ4_XS` (ggml's `kvalues_iq4nl`) in place of 4-bit codes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn uneven(codes: __m256i) -> __m256i {
    let values = _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), codes)
}

/// Doubled E2M1 numbers in place of 4-bit codes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn e2m1(codes: __m256i) -> __m256i {
    let values = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), codes)
}

/// Halves of unsigned E4M3 numbers; 0x7f is zero.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn half_ue4m3(bytes: [u8; 8]) -> __m256 {
    let bits = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes)));
    let exponent = _mm256_and_si256(_mm256_srli_epi32::<3>(bits), _mm256_set1_epi32(15));
    let mantissa = _mm256_and_si256(bits, _mm256_set1_epi32(7));
    let normal = _mm256_or_si256(
        _mm256_slli_epi32::<23>(_mm256_add_epi32(exponent, _mm256_set1_epi32(119))),
        _mm256_slli_epi32::<20>(mantissa),
    );
    let small = _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(mantissa), _mm256_set1_ps(1.0 / 1024.0)));
    let value = _mm256_blendv_epi8(normal, small, _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()));
    _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_cmpeq_epi32(bits, _mm256_set1_epi32(0x7f)), value))
}

/// 6-bit scales of `Q3_K` less 32, as bytes: eight bytes of low bits, four of high ones.
#[inline]
fn scales_3k(low: [u8; 8], high: [u8; 4]) -> [u8; 16] {
    let (low, high) = (u64::from_le_bytes(low), u64::from(u32::from_le_bytes(high)));
    let low = u128::from(low & 0x0f0f_0f0f_0f0f_0f0f) | u128::from(low >> 4 & 0x0f0f_0f0f_0f0f_0f0f) << 64;
    let high = |j: u32| u128::from(high >> (2 * j) & 0x0303_0303) << (32 * j + 4);
    let bits = low | high(0) | high(1) | high(2) | high(3);
    bits.to_le_bytes().map(|bits| bits.wrapping_sub(32))
}

/// No minima.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn none() -> [__m256; 2] {
    [_mm256_setzero_ps(); 2]
}

/// Units of 32.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn one(scales: __m256) -> [__m256; 2] {
    [scales, _mm256_setzero_ps()]
}

/// Field of an [`ExpandedGroup`].
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn expanded_f32(bytes: &[u8; EXPANDED_BYTES], at: usize) -> [__m256; 2] {
    [_mm256_castsi256_ps(load_u8(part(bytes, at))), _mm256_castsi256_ps(load_u8(part(bytes, at + 4 * GROUP_BLOCKS)))]
}

const EXPANDED_BYTES: usize = size_of::<ExpandedGroup>();

format_module! {
    /// Any format of units of 16 (which is any), through its scalar decoder.
    expanded_halves, group_bytes: EXPANDED_BYTES, offset: 128, halves: true, mins: true, row: row_expanded rows_expanded,
    block: |b, i| load_u8(part(b, 32 * i)),
    scales: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, scales)),
    mins_of: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, mins)),
}

format_module! {
    /// Any format of units of 32, through its scalar decoder.
    expanded_blocks, group_bytes: EXPANDED_BYTES, offset: 128, halves: false, mins: true, row: row_expanded rows_expanded,
    block: |b, i| load_u8(part(b, 32 * i)),
    scales: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, scales)),
    mins_of: |b| expanded_f32(b, std::mem::offset_of!(ExpandedGroup, mins)),
}

format_module! {
    /// A block: f16 scale, 32 signed bytes.
    q8_0, group_bytes: 8 * 34, offset: 128, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| load_u8(part(b, 34 * i + 2)),
    scales: |b| one(halves(b, 0, 34)),
    mins_of: |_b| none(),
    transposed: q8_0,
}

format_module! {
    /// A block: f16 scale, 16 bytes: byte `i` holds weight `i` in bits 0–3 and `i + 16` in bits 4–7, less 8.
    q4_0, group_bytes: 8 * 18, offset: 8, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| nibbles(part(b, 18 * i + 2)),
    scales: |b| one(halves(b, 0, 18)),
    mins_of: |_b| none(),
    transposed: q4_0,
}

format_module! {
    /// A block: f16 scale, f16 minimum, 16 bytes as in `Q4_0`, not less 8.
    q4_1, group_bytes: 8 * 20, offset: 0, halves: false, mins: true, row: row_of_file rows_of_file,
    block: |b, i| nibbles(part(b, 20 * i + 4)),
    scales: |b| one(halves(b, 0, 20)),
    mins_of: |b| one(halves(b, 2, 20)),
    transposed: q4_1,
}

format_module! {
    /// A block: f16 scale, 32 fifth bits, 16 bytes as in `Q4_0`; less 16.
    q5_0, group_bytes: 8 * 22, offset: 16, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| fifth_bits(nibbles(part(b, 22 * i + 6)), *part(b, 22 * i + 2)),
    scales: |b| one(halves(b, 0, 22)),
    mins_of: |_b| none(),
}

format_module! {
    /// A block: f16 scale, f16 minimum, 32 fifth bits, 16 bytes as in `Q4_0`.
    q5_1, group_bytes: 8 * 24, offset: 0, halves: false, mins: true, row: row_of_file rows_of_file,
    block: |b, i| fifth_bits(nibbles(part(b, 24 * i + 8)), *part(b, 24 * i + 4)),
    scales: |b| one(halves(b, 0, 24)),
    mins_of: |b| one(halves(b, 2, 24)),
}

format_module! {
    /// See `quant`'s `q4_k.rs` for the bytes.
    q4_k, group_bytes: 144, offset: 0, halves: false, mins: true, row: row_of_file rows_of_file,
    block: |b, i| nibble_plane(part(b, 16 + 32 * (i / 2)), i % 2 == 1),
    scales: |b| one(_mm256_mul_ps(splat(b, 0), floats(scales_k(b).0))),
    mins_of: |b| one(_mm256_mul_ps(_mm256_sub_ps(_mm256_set1_ps(-0.0), splat(b, 2)), floats(scales_k(b).1))),
}

format_module! {
    /// See `quant`'s `q5_k.rs` for the bytes.
    q5_k, group_bytes: 176, offset: 0, halves: false, mins: true, row: row_of_file rows_of_file,
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
    q6_k, group_bytes: 210, offset: 32, halves: true, mins: false, row: row_of_file rows_of_file,
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
    q2_k, group_bytes: 84, offset: 0, halves: true, mins: true, row: row_of_file rows_of_file,
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
    iq4_nl, group_bytes: 8 * 18, offset: 128, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| uneven(nibbles(part(b, 18 * i + 2))),
    scales: |b| one(halves(b, 0, 18)),
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `iq4.rs` for the bytes.
    iq4_xs, group_bytes: 136, offset: 128, halves: false, mins: false, row: row_of_file rows_of_file,
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
    q3_k, group_bytes: 110, offset: 4, halves: true, mins: false, row: row_of_file rows_of_file,
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
    mxfp4, group_bytes: 8 * 17, offset: 128, halves: false, mins: false, row: row_of_file rows_of_file,
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
    nvfp4, group_bytes: 4 * 36, offset: 128, halves: true, mins: false, row: row_of_file rows_of_file,
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
    q2_0, group_bytes: 4 * 18, offset: 1, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| pairs_in_order(*part(b, 18 * (i / 2) + 2 + 8 * (i % 2))),
    scales: |b| one(halves_of(b, 0, 18, 2)),
    mins_of: |_b| none(),
}

format_module! {
    /// A block of 128: f16 scale, 32 bytes of four codes 0 to 3 each, less 1.
    pq2_0, group_bytes: 2 * 34, offset: 1, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| pairs_in_order(*part(b, 34 * (i / 4) + 2 + 8 * (i % 4))),
    scales: |b| one(halves_of(b, 0, 34, 4)),
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `ternary/prism.rs` for the bytes; codes 0, 1, 2, less 1.
    ptq1_0, group_bytes: 2 * 28, offset: 1, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| ptq1_0_digits(part(b, 28 * (i / 4)), i % 4),
    scales: |b| one(halves_of(b, 26, 28, 4)),
    mins_of: |_b| none(),
}

format_module! {
    /// See `quant`'s `ternary/tq.rs` for the bytes; codes 0, 1, 2, less 1.
    tq2_0, group_bytes: 66, offset: 1, halves: false, mins: false, row: row_of_file rows_of_file,
    block: |b, i| plane(part(b, 32 * (i / 4)), i % 4),
    scales: |b| one(splat(b, 64)),
    mins_of: |_b| none(),
}
