//! [`AttentionWindow`]: sequences longer than what their rows see.

use kernels::PAGE_LEN;

use crate::spec::ModelSpec;

/// Largest number of positions of a sequence behind an [`AttentionWindow`]. Positions are `u32`, and turn keys and
/// queries by angles in f64, which are exact to 5e-7 radians at the last of them; nothing else limits them.
pub const POSITIONS_MAX: usize = 1 << 31;

/// Sliding window with attention sinks (Xiao et al. 2023, arXiv 2309.17453): a row sees the first positions of its
/// sequence and the last.
///
/// A row at position `p` sees the positions below `sinks` and those above `p - len`. Within the window distances are
/// the true ones; the sinks are seen as if they stood right before it, so that no distance is `len + sinks` or more,
/// however long the sequence. As long as a sequence has no more than `len + sinks` positions, every byte is that of
/// full attention.
///
/// Only pages that hold a position below `sinks` or within `len` of a row of the span are read
/// ([`AttentionWindow::is_seen`]); entries of the page table between may be any id, and their pages may hold anything.
///
/// A layer with a window of its own (Gemma, OLMo 3, early Mistral) keeps it if it is no longer than `len`, without
/// sinks: it was made to lose sight of the beginning. If it is longer, it becomes like the layers that see everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttentionWindow {
    /// Number of last positions that a row sees, its own included.
    pub len: usize,
    /// Number of first positions that every row sees.
    pub sinks: usize,
}

impl AttentionWindow {
    /// Whether a row at `position` or any later one sees something of the page at `index` of its sequence's table.
    pub fn is_seen(&self, index: usize, position: usize) -> bool {
        let first = index.saturating_mul(PAGE_LEN);
        first < self.sinks || first.saturating_add(PAGE_LEN) > (position.saturating_add(1)).saturating_sub(self.len)
    }

    /// Largest number of pages that a sequence needs at once if every step computes at most `step_rows` of its rows and
    /// pages that are seen no more are freed before.
    pub fn pages_max(&self, step_rows: usize) -> usize {
        // The window of the first row and the others after it, wherever in a page that begins.
        let positions = self.len.saturating_add(step_rows.max(1) - 1);
        self.sinks.div_ceil(PAGE_LEN) + positions.saturating_sub(1).div_ceil(PAGE_LEN) + 1
    }

    /// Returns the position at which a query at `position` meets sinks.
    pub(crate) fn sink_position(&self, position: usize) -> usize {
        position.min(self.len + self.sinks - 1)
    }
}

/// The positions that the rows of a layer see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sight {
    /// Number of last positions that are seen; all if `None`.
    pub(crate) window: Option<usize>,
    /// Number of positions after its own that a row sees, of those its text has.
    pub(crate) ahead: usize,
    /// Number of first positions that are seen.
    pub(crate) sinks: usize,
}

impl Sight {
    /// Returns what `layer` of a model sees behind `window`.
    pub(crate) fn new(spec: &ModelSpec, layer: usize, window: Option<AttentionWindow>) -> Self {
        let own = spec.window_len(layer);
        if spec.is_encoder {
            return Self { window: own, ahead: own.map_or(usize::MAX, |len| len - 1), sinks: 0 };
        }
        let (window, sinks) = match (own, window) {
            (own, None) => (own, 0),
            (Some(own), Some(window)) if own <= window.len => (Some(own), 0),
            (_, Some(window)) => (Some(window.len), window.sinks),
        };
        Self { window, ahead: 0, sinks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pages that rows from `first` on see, by the definition.
    fn seen(window: AttentionWindow, first: usize, end: usize) -> Vec<usize> {
        let sees = |page: usize| {
            let mut positions = page * PAGE_LEN..(page + 1) * PAGE_LEN;
            positions.any(|p| (first..end).any(|row| p <= row && (p < window.sinks || p + window.len > row)))
        };
        (0..end.div_ceil(PAGE_LEN)).filter(|page| sees(*page)).collect()
    }

    #[test]
    fn pages_are_seen_and_counted_by_the_definition() {
        for (len, sinks) in [(1, 0), (1, 4), (31, 1), (32, 32), (33, 33), (64, 4), (100, 0)] {
            let window = AttentionWindow { len, sinks };
            for step_rows in [1, 2, 31, 32, 33, 40] {
                let mut most = 0;
                for first in 0..300 {
                    let end = first + step_rows;
                    let expected = seen(window, first, end);
                    let got: Vec<_> = (0..end.div_ceil(PAGE_LEN)).filter(|page| window.is_seen(*page, first)).collect();
                    assert_eq!(got, expected, "{window:?}, rows {first}..{end}");
                    most = most.max(got.len());
                }
                assert_eq!(window.pages_max(step_rows), most, "{window:?}, steps of {step_rows}");
            }
        }
    }
}
