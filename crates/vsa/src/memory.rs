//! [`ItemMemory`]: vectors that are found again by likeness.
//!
//! No index: vectors drawn at random are all equally far apart, so a graph of neighbours has nothing to walk. Rows lie
//! by dimensions, the first 512 of all rows together, so that a row is dropped as soon as what was read rules it out.

mod layout;
mod scan;
mod soft;

use crate::{Code, Dim, Error, Sums, theory};
use layout::Layout;
use std::marker::PhantomData;

/// Number of an item, in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ItemId(pub u32);

/// Which rows a search reads to their end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scan {
    /// All that may still be among the best: nothing is left to chance.
    Exact,
    /// Those that look alike in their first dimensions. Whoever has a cosine of `cosine_min` with the query is passed
    /// over with a probability of at most `miss_max`.
    Screened {
        /// The least cosine that matters.
        cosine_min: f64,
        /// The probability, at most, with which an item of that cosine is not found.
        miss_max: f64,
    },
}

/// How sure it is that no better item was passed over.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Certificate {
    /// There is none.
    Exact,
    /// An item of the cosine asked for is missing with at most this probability, by Hoeffding's inequality.
    MissAtMost(f64),
}

/// An item and how like the query it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hit {
    /// The item that was found.
    pub id: ItemId,
    /// Sum of the products of all positions.
    pub dot: i64,
    /// Cosine with the query; 0 where one of them is zero everywhere.
    pub cosine: f32,
}

/// The items most like a query.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The items, by descending product; of equal ones the older first.
    pub hits: Vec<Hit>,
    /// How sure it is that these are the best.
    pub certificate: Certificate,
    /// Bytes of rows that were read for this query; what several queries read together counts for each.
    pub bytes_read: u64,
    /// Probability that the best of as many random items would score as high as the first hit; 1 without a hit.
    pub p_chance: f64,
}

/// Vectors of one kind and one dimension, in the order in which they came.
#[derive(Clone, Debug)]
pub struct ItemMemory<V> {
    layout: Layout,
    of: PhantomData<V>,
}

impl<V: Code> ItemMemory<V> {
    /// A memory that has no items.
    pub fn new(dim: Dim) -> Self {
        Self { layout: Layout::new(dim, V::element()), of: PhantomData }
    }

    /// Number of dimensions of the items.
    pub fn dim(&self) -> Dim {
        self.layout.dim
    }

    /// Number of items that were added and not removed.
    pub fn len(&self) -> usize {
        self.layout.n_present
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all rows, those of removed items too.
    pub fn bytes(&self) -> u64 {
        self.layout.bytes()
    }

    /// Keeps a copy of `v`, even if an equal one is there.
    pub fn add(&mut self, v: &V) -> Result<ItemId, Error> {
        self.layout.dim.check(v.dim())?;
        self.layout.push(v.lines())
    }

    /// Has the item never be found again; was it there?
    pub fn remove(&mut self, id: ItemId) -> bool {
        self.layout.remove(id)
    }

    /// The vector of an item, unless it was removed or never added.
    pub fn item(&self, id: ItemId) -> Option<V> {
        let lines = self.layout.row(id)?;
        let mut v = V::ones(self.layout.dim);
        v.planes_mut().lines = lines.into();
        Some(v)
    }

    /// The `k` items most like `query`, or all if there are fewer.
    pub fn top_k(&self, query: &V, k: usize, how: Scan) -> Result<Found, Error> {
        let found = self.top_k_many(std::slice::from_ref(query), k, how)?;
        Ok(found.into_iter().next().unwrap_or_else(Found::nothing))
    }

    /// The `k` items most like each of `queries`; reading rows once for several queries is faster than one at a time.
    pub fn top_k_many(&self, queries: &[V], k: usize, how: Scan) -> Result<Vec<Found>, Error> {
        for query in queries {
            self.layout.dim.check(query.dim())?;
        }
        let mut found = Vec::with_capacity(queries.len());
        for some in queries.chunks(scan::QUERIES) {
            let lines: Vec<_> = some.iter().map(Code::lines).collect();
            let scanned = scan::best(&self.layout, &lines, k, how);
            found.extend(
                some.iter().zip(scanned).map(|(query, read)| self.found(f64::from(query.nonzero()).sqrt(), read)),
            );
        }
        Ok(found)
    }

    /// The `k` items most like a bundle that was not rounded; every row is read.
    pub fn top_k_sums(&self, query: &Sums, k: usize) -> Result<Found, Error> {
        self.layout.dim.check(query.dim())?;
        let best = soft::best(&self.layout, query, k);
        let read = soft::Searched { best, bytes_read: self.bytes(), certificate: Certificate::Exact };
        Ok(self.found((query.norm_squared() as f64).sqrt(), read))
    }

    /// What was read for a query of this length.
    fn found(&self, length: f64, read: soft::Searched) -> Found {
        let row_length = |id| f64::from(self.layout.nonzero(id)).sqrt();
        let hits: Vec<Hit> = read
            .best
            .into_iter()
            .map(|(dot, id)| {
                let cosine = if dot == 0 { 0.0 } else { dot as f64 / (length * row_length(id)) };
                Hit { id, dot, cosine: cosine as f32 }
            })
            .collect();
        // A random item meets the query in a share of its nonzero positions, each with a sign of its own.
        let p_chance = hits.first().map_or(1.0, |hit| {
            let deviation = length * row_length(hit.id) / f64::from(self.dim().to_u32()).sqrt();
            let score = if deviation > 0.0 { hit.dot as f64 / deviation } else { 0.0 };
            theory::p_chance(score, self.len() as u64)
        });
        Found { hits, certificate: read.certificate, bytes_read: read.bytes_read, p_chance }
    }
}

impl Found {
    fn nothing() -> Self {
        Self { hits: Vec::new(), certificate: Certificate::Exact, bytes_read: 0, p_chance: 1.0 }
    }
}

#[cfg(test)]
mod tests;
