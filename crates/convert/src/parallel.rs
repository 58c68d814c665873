//! Rows of a tensor on several threads. Chunks take milliseconds and read files, where the compute pool of `kernels`
//! spins between pieces of microseconds; so threads here are scoped ones that live as long as one tensor.

use std::{
    ops::{ControlFlow, Range},
    panic,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::Error;

/// A callback that is told how many weights were dealt with since its last call, from any thread; `Break` ends the work
/// with [`Error::Cancelled`].
pub type Progress<'a> = &'a (dyn Fn(u64) -> ControlFlow<()> + Sync);

/// Number of weights of a chunk: small enough that the buffers of many threads stay below 200 MB.
const CHUNK_WEIGHTS: usize = 1 << 17;

/// Cuts `n_rows` into ranges of about [`CHUNK_WEIGHTS`] weights that cross no multiple of `rows_per_matrix`.
pub(crate) fn chunks(n_rows: usize, rows_per_matrix: usize, cols: usize) -> Vec<Range<usize>> {
    let step = (CHUNK_WEIGHTS / cols.max(1)).max(1);
    let rows_per_matrix = rows_per_matrix.max(1);
    let matrices = (0..n_rows).step_by(rows_per_matrix);
    let within = |first: usize| {
        let end = (first + rows_per_matrix).min(n_rows);
        (first..end).step_by(step).map(move |row| row..(row + step).min(end))
    };
    matrices.flat_map(within).collect()
}

/// Applies `f` to every item on up to `n_threads` threads; returns the results in the order of the items. An error ends
/// all; of several, one is returned.
pub(crate) fn map<I: Send, T: Send>(
    n_threads: usize,
    items: impl IntoIterator<Item = I, IntoIter: Send>,
    f: impl Fn(I) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let queue = Mutex::new(Some(items.into_iter().enumerate()));
    let work = || -> Result<Vec<(usize, T)>, Error> {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(Iterator::next);
        let mut done = Vec::new();
        while let Some((i, item)) = next() {
            match f(item) {
                Ok(result) => done.push((i, result)),
                Err(error) => {
                    // Nobody takes another item.
                    *queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    return Err(error);
                }
            }
        }
        Ok(done)
    };
    let parts = thread::scope(|scope| {
        let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        parts
            .extend(others.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))));
        parts
    });
    let mut done = Vec::new();
    for part in parts {
        done.extend(part?);
    }
    done.sort_unstable_by_key(|&(i, _)| i);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_items() {
        let squares = map(3, 0..1000u64, |n| Ok(n * n)).unwrap();
        assert!(squares.iter().enumerate().all(|(i, &n)| n == (i * i) as u64));
    }

    #[test]
    fn an_error_ends_all() {
        let error = map(4, 0..1_000_000u64, |n| if n == 7 { Err(Error::Cancelled) } else { Ok(n) }).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
    }

    fn check(n_rows: usize, rows_per_matrix: usize, cols: usize) {
        let ranges = chunks(n_rows, rows_per_matrix, cols);
        assert_eq!(ranges.iter().map(ExactSizeIterator::len).sum::<usize>(), n_rows);
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(ranges.iter().all(|r| r.start / rows_per_matrix == (r.end - 1) / rows_per_matrix), "{ranges:?}");
    }

    #[test]
    fn chunks_cover_all_rows_and_no_seam_between_matrices() {
        check(1000, 1000, 4096);
        check(24, 3, 65536);
        check(1, 1, 1 << 20);
        check(0, 1, 256);
    }
}
