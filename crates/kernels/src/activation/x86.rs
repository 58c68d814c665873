//! Activation codes with vectors: the maxima of a group's blocks are folded together, so that eight blocks share two
//! divisions.

pub(super) mod avx2;
pub(super) mod avx512;

use super::{ActivationGroup, GROUP};

/// Activations that are quantised together: two blocks.
const PAIR: usize = 64;

/// Calls `group::<N>(pairs, out)` for every group: `x` `[T, K]` → `out` `[T, ceil(K / 256)]`; the last of a row has
/// fewer pairs, the last of which may be filled up with zeros.
macro_rules! each_group {
    ($x:ident, $k:ident, $out:ident) => {
        for (x, out) in $x.chunks_exact($k).zip($out.chunks_exact_mut($k.div_ceil(GROUP))) {
            for (x, out) in x.chunks(GROUP).zip(out) {
                let mut full = [[0.0; PAIR]; GROUP / PAIR];
                let (whole, rest) = x.as_chunks::<PAIR>();
                let pairs = if rest.is_empty() {
                    whole
                } else {
                    full.as_flattened_mut()[..x.len()].copy_from_slice(x);
                    &full[..whole.len() + 1]
                };
                match *pairs {
                    [ref a, ref b, ref c, ref d] => group([a, b, c, d], out),
                    [ref a, ref b, ref c] => group([a, b, c], out),
                    [ref a, ref b] => group([a, b], out),
                    [ref a] => group([a], out),
                    _ => {}
                }
            }
        }
    };
}
use each_group;
