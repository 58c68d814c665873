//! The walk over the columns of a head's state: they are apart from each other, so how many go together changes no bit.

use crate::pool::Tile;

/// Numbers of columns that lie together in a state, the largest first: each as long as there are so many left.
#[cfg(test)]
const BLOCKS: [usize; 3] = [32, 8, 1];

/// What feeds tokens to columns of a head's state.
pub(crate) trait Columns {
    /// Number of rows of the state.
    fn n_rows(&self) -> usize;

    /// Feeds all tokens to the `N` columns from `column` on, which lie in `block` `[n_rows, N]`, and fills them in the
    /// output, a row for each token.
    fn feed<const N: usize>(&self, column: usize, block: &mut [[f32; N]], out: &mut Tile<'_, f32>);
}

/// Feeds all tokens to a state of `n_columns`, which lies in blocks of columns, each `[n_rows, N]`: 32 as long as there
/// are so many left, then 8, then 1. All tokens go to a block before the next, so that it stays in the nearest cache.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn feed(head: &impl Columns, n_columns: usize, state: &mut [f32], out: &mut Tile<'_, f32>) {
    let mut column = 0;
    while column + 32 <= n_columns {
        feed_block::<32>(head, column, state, out);
        column += 32;
    }
    while column + 8 <= n_columns {
        feed_block::<8>(head, column, state, out);
        column += 8;
    }
    while column < n_columns {
        feed_block::<1>(head, column, state, out);
        column += 1;
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn feed_block<const N: usize>(head: &impl Columns, column: usize, state: &mut [f32], out: &mut Tile<'_, f32>) {
    let n_rows = head.n_rows();
    let block = state[column * n_rows..][..N * n_rows].as_chunks_mut::<N>().0;
    head.feed(column, block, out);
}

/// Puts matrices `[n_rows, n_columns]` into blocks of columns.
#[cfg(test)]
pub(crate) fn in_blocks<T: Copy>([n_rows, n_columns]: [usize; 2], states: &[T]) -> Vec<T> {
    let mut out = Vec::new();
    for state in states.chunks(n_rows * n_columns) {
        let mut first = 0;
        while first < n_columns {
            let width = BLOCKS.into_iter().find(|width| first + width <= n_columns).expect("1 always fits");
            state.chunks(n_columns).for_each(|row| out.extend(&row[first..first + width]));
            first += width;
        }
    }
    out
}
