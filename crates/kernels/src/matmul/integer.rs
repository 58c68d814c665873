//! Weights in block formats × int8 activations.
//!
//! What every kernel here computes, bit for bit (`scalar.rs` says it in code): a weight row is `code · scale + min` per
//! *unit* of 16 or 32 weights. Units are multiplied in integers; `lane[b mod 8]` adds, by fused multiply-add in the
//! order of blocks `b`, `Σ code·x · (scale · x.scale)` and, for formats with minima, `min · (x.scale · Σ x)`; the eight
//! lanes fold as [`crate::math::fold`] does. No sum over blocks is an integer, so there is no bound on K: a unit's sum
//! is at most 32 · 255 · 127 < 2²¹.

use super::Matrix;
use crate::activation::{ActivationGroup, BLOCK, GROUP, GROUP_BLOCKS};
use bytemuck::{Pod, Zeroable};

#[cfg(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) mod narrow;
pub(super) mod scalar;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

/// 256 weights of any format, `w = code · scale + min`: units of 16, `[half][block]`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct ExpandedGroup {
    pub(super) codes: [i8; GROUP],
    pub(super) scales: [[f32; GROUP_BLOCKS]; 2],
    pub(super) mins: [[f32; GROUP_BLOCKS]; 2],
}

/// Rows that a panel interleaves.
pub(super) const PANEL_ROWS: usize = 32;

/// One block of 32 columns of [`PANEL_ROWS`] weight rows, laid out so that a vector holds four columns of many rows.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(super) struct PanelBlock {
    /// `[column / 4][row][column mod 4]`, code + offset.
    pub(super) codes: [[u8; 4 * PANEL_ROWS]; BLOCK / 4],
    /// Scales `[half][row]`; units of 32 use the first.
    pub(super) scales: [[f32; PANEL_ROWS]; 2],
    /// Minima of the rows `[half][row]`.
    pub(super) mins: [[f32; PANEL_ROWS]; 2],
}

/// Where block `b` of `n` lies in a panel: sorted by lane (`b mod 8`), then by order in the lane, as the kernels walk
/// them.
pub(super) fn slot(b: usize, n: usize) -> usize {
    let lane = b % GROUP_BLOCKS;
    let longer = (n % GROUP_BLOCKS).min(lane);
    lane * (n / GROUP_BLOCKS) + longer + b / GROUP_BLOCKS
}

/// Rows of `w`, decoded to codes, one after the other; the last group of each is filled up with zeros.
pub(super) fn expand<'a>(
    w: &Matrix<'_>,
    rows: std::ops::Range<usize>,
    groups: &'a mut Vec<ExpandedGroup>,
) -> &'a [ExpandedGroup] {
    let n_groups = w.cols.div_ceil(GROUP);
    groups.resize(rows.len() * n_groups, ExpandedGroup::zeroed());
    for (m, groups) in rows.zip(groups.chunks_exact_mut(n_groups.max(1))) {
        let row = w.row(m);
        for (i, group) in groups.iter_mut().enumerate() {
            let columns = GROUP.min(w.cols - i * GROUP);
            *group = ExpandedGroup::zeroed();
            let (mut scales, mut mins) = ([0.0; 2 * GROUP_BLOCKS], [0.0; 2 * GROUP_BLOCKS]);
            let units = columns.div_ceil(BLOCK / 2);
            let (codes, first) = (&mut group.codes[..columns], i * GROUP);
            w.format.expand_i8(row, w.cols, first, codes, &mut scales[..units], &mut mins[..units]);
            for unit in 0..units {
                group.scales[unit % 2][unit / 2] = scales[unit];
                group.mins[unit % 2][unit / 2] = mins[unit];
            }
        }
    }
    groups
}

/// The tokens of a call, `n` at a time.
pub(super) fn token_tiles(n_tokens: usize, n: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..n_tokens.div_ceil(n)).map(move |i| i * n..(i * n + n).min(n_tokens))
}

/// Activation groups of row `t` of the step; `cols` columns each.
pub(super) fn token(groups: &[ActivationGroup], cols: usize, t: usize) -> &[ActivationGroup] {
    let n = cols.div_ceil(GROUP);
    &groups[t * n..(t + 1) * n]
}

#[cfg(test)]
mod tests {
    use super::*;
    use quant::{Format, OuterScale};
    use testkit::Rng;

    #[test]
    fn units_of_32_share_scale_and_minimum() {
        let mut rng = Rng::new(12);
        for &format in Format::ALL.iter().filter(|f| !f.is_float() && f.outer_scale() == OuterScale::None) {
            let (cols, rows) = (format.block_len().max(BLOCK), 50);
            let bytes = rng.bytes(rows * format.row_bytes(cols).expect("whole blocks"));
            let w = Matrix::new(format, rows, cols, &bytes);
            let mut groups = Vec::new();
            let same = |v: [[f32; GROUP_BLOCKS]; 2]| v[0].map(f32::to_bits) == v[1].map(f32::to_bits);
            let all =
                (0..rows).all(|m| expand(&w, m..m + 1, &mut groups).iter().all(|g| same(g.scales) && same(g.mins)));
            assert_eq!(format.unit_len(), if all { 32 } else { 16 }, "{format:?}");
        }
    }
}
