//! `format_module!`, which makes the kernels of a format for every level, and what these kernels share.
//!
//! The kernels of `narrow.rs` are generic over a trait; these cannot be. Intrinsics of AVX are safe to call and are
//! inlined only in functions of the same `#[target_feature]`, a trait's safe methods cannot have that attribute, and
//! one function cannot have it for a level that is a type parameter. So a macro writes every function once for each
//! format and level.

pub(super) use super::{
    GEMV_TOKENS, Lines, PanelArgs, PanelScratch, Units, interleave, panel_avx2, panel_avx512, panel_avxvnni, reset,
    transposed,
};
pub(super) use crate::{
    activation::{ActivationGroup, BLOCK, GROUP_BLOCKS},
    matmul::{
        MatmulArgs, MatmulScratch, Matrix,
        integer::{ExpandedGroup, PANEL_ROWS, expand, token, token_tiles},
    },
    simd::{
        avx2::{fold, half_sums, load_f32, load_i8, load_i32, store_f32, store_u8},
        prefetch, prefetch_ahead,
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Four-column sums of products in i32 lanes: `w` code + offset, or all 8 bits with offset 128 if `WIDE`; `x`
/// -127..=127.
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

/// [`dot_avx2`] with AVX-512's VNNI; `WIDE` or not, `w` is code + offset.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(super) fn dot_avx512<const WIDE: bool>(w: __m256i, x: __m256i) -> __m256i {
    _mm256_dpbusd_epi32(_mm256_setzero_si256(), w, x)
}

/// [`dot_avx2`] with AVX-VNNI; `WIDE` or not, `w` is code + offset.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
#[inline]
pub(super) fn dot_avxvnni<const WIDE: bool>(w: __m256i, x: __m256i) -> __m256i {
    _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), w, x)
}

/// The bytes of the panel of rows that begins at `first`, in as many pieces as a panel has passes over `n_tokens`:
/// asked for a piece a pass, they are near when they are packed.
pub(super) fn lines_of_next<'a>(
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

/// Row `m` of `w` in groups: as the file has it, or expanded by `quant`.
macro_rules! row {
    (of_file, $w:expr, $m:expr, $buffer:expr) => {
        $w.row($m)
    };
    (expanded, $w:expr, $m:expr, $buffer:expr) => {
        bytemuck::cast_slice::<ExpandedGroup, u8>(expand(&$w, $m..$m + 1, $buffer))
    };
}

/// Rows of a panel by number: each as the file has it, or expanded by `quant`.
macro_rules! rows_of_panel {
    (of_file, $w:expr, $first:expr, $rows:expr, $buffer:expr) => {{
        // Rows need no buffer here.
        let (w, first, _) = ($w, $first + $rows.start, &$buffer);
        move |r: usize| w.row(first + r)
    }};
    (expanded, $w:expr, $first:expr, $rows:expr, $buffer:expr) => {{
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
        $level:ident, $features:literal, ($rows:ident, [$($packer:ident)?]), $dot:ident,
        wide_is_signed: $wide_is_signed:literal, $panel:ident
    ) => {
        pub(in crate::matmul) mod $level {
            use super::*;

            /// Multiplies few tokens: rows are unpacked in registers for them.
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
                    let row = row!($rows, args.w, m, &mut args.scratch.expanded);
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

            /// Multiplies many tokens: a panel of rows is unpacked once.
            #[target_feature(enable = $features)]
            pub(in crate::matmul) fn gemm(args: &mut MatmulArgs<'_, '_>) {
                let n_blocks = args.w.cols / BLOCK;
                for rows in token_tiles(args.out.cols.len(), PANEL_ROWS) {
                    let MatmulScratch { panel, expanded, panels, .. } = &mut *args.scratch;
                    let PanelScratch { lines, lanes, out } = &mut **panels;
                    reset(panel, n_blocks);
                    let row = rows_of_panel!($rows, args.w, args.out.cols.start, rows, expanded);
                    pack!([$($packer)?], panel, lines, rows.len(), row);
                    let (row, n_tokens) = (args.out.cols.start + rows.end, args.out.rows.len());
                    let mut next = lines_of_next(&args.w, row, n_tokens, $panel::TOKENS);
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

/// A row of the table: its module and the kernels of all levels.
macro_rules! format_module {
    (
        $(#[$meta:meta])*
        $module:ident, group_bytes: $bytes:expr, offset: $offset:expr, halves: $halves:expr, mins: $mins:expr,
        rows: $rows:ident,
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
            /// Bytes of 32 weights, rounded down.
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

            level_kernels!(avx2, "avx2,fma,f16c", ($rows, []), dot_avx2, wide_is_signed: true, panel_avx2);
            level_kernels!(
                avxvnni, "avx2,fma,f16c,avxvnni", ($rows, []), dot_avxvnni, wide_is_signed: false, panel_avxvnni
            );
            level_kernels!(
                avx512,
                "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
                ($rows, [$($packer)?]),
                dot_avx512,
                wide_is_signed: false,
                panel_avx512
            );
        }
    };
}
