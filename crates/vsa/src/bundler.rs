//! [`Bundler`]: adds vectors into exact integers.
//!
//! Vectors wait in eights, are added to counters of eight bit planes by carry-save adders, and those to integers before
//! any of them could run over. All sums stay within ±(2³¹ - 1), which is checked where vectors are counted.

use crate::{Code, Dim, Error, Sums};
use kernels::bits::{ADD_MANY, Bits, COUNT_MAX, Counter, Element, LINE_BITS, Line};

/// The largest sum, and how far below zero it may be.
pub(crate) const SUM_MAX: u64 = i32::MAX as u64;

/// Repetitions from which a vector is added to the integers at once.
const TIMES_AT_ONCE: u64 = 32;

/// Adds up vectors of both kinds, exactly: neither their order nor how they are split over bundlers matters.
#[derive(Clone)]
pub struct Bundler {
    dim: Dim,
    /// Vectors added less vectors removed.
    added: i64,
    /// No sum is larger, or further below zero.
    bound: u64,
    /// `[Element]`
    waiting: [Waiting; 2],
    /// `[lines, 512]`, in the order of words and bits; nothing yet where empty.
    sums: Vec<[i32; LINE_BITS]>,
}

/// Vectors of one kind that are not in the sums yet.
#[derive(Clone)]
struct Waiting {
    element: Element,
    /// `[8, lines]`
    vectors: Vec<Line>,
    n_vectors: usize,
    /// `[lines]`
    counters: Vec<Counter>,
    n_counted: u32,
}

impl Bundler {
    /// The sum of nothing.
    pub fn new(dim: Dim) -> Self {
        let waiting = Element::ALL.map(|element| Waiting {
            element,
            vectors: Vec::new(),
            n_vectors: 0,
            counters: Vec::new(),
            n_counted: 0,
        });
        Self { dim, added: 0, bound: 0, waiting, sums: Vec::new() }
    }

    /// Number of dimensions.
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// Vectors added less vectors removed.
    pub fn added(&self) -> i64 {
        self.added
    }

    /// Adds `v`; refused where its dimensions are others, or a sum could pass 2³¹ - 1.
    pub fn add<C: Code>(&mut self, v: &C) -> Result<(), Error> {
        self.count(v, 1)?;
        self.take(C::element(), v.lines());
        Ok(())
    }

    /// Adds `n` times `v`; where `n` is below zero, removes it so often.
    pub fn add_times<C: Code>(&mut self, v: &C, n: i32) -> Result<(), Error> {
        self.count(v, n)?;
        let times = u64::from(n.unsigned_abs());
        if times >= TIMES_AT_ONCE {
            self.reserve();
            add_product(v, n, self.sums.as_flattened_mut());
        } else if n > 0 {
            (0..times).for_each(|_| self.take(C::element(), v.lines()));
        } else if n < 0 {
            let negated = v.negated();
            (0..times).for_each(|_| self.take(C::element(), negated.lines()));
        }
        Ok(())
    }

    /// Takes `v` out again: the sums are as if it had not been added.
    pub fn remove<C: Code>(&mut self, v: &C) -> Result<(), Error> {
        self.add_times(v, -1)
    }

    /// Adds what `other` has added.
    pub fn merge(&mut self, mut other: Self) -> Result<(), Error> {
        self.dim.check(other.dim)?;
        self.make_room(other.bound)?;
        self.added += other.added;
        other.flush();
        if other.sums.is_empty() {
            return Ok(());
        }
        self.reserve();
        for (sum, more) in self.sums.as_flattened_mut().iter_mut().zip(other.sums.as_flattened()) {
            *sum += more;
        }
        Ok(())
    }

    /// The sums.
    pub fn sums(mut self) -> Sums {
        self.flush();
        self.reserve();
        let mut values = self.sums.into_flattened();
        values.truncate(self.dim.to_usize());
        Sums::of(self.dim, self.added, values)
    }

    /// Counts `n` times `v`, or refuses it.
    fn count<C: Code>(&mut self, v: &C, n: i32) -> Result<(), Error> {
        self.dim.check(v.dim())?;
        self.make_room(n.unsigned_abs().into())?;
        self.added += i64::from(n);
        Ok(())
    }

    /// Has the bound grow by `more`, looking at the sums where that seems too much.
    fn make_room(&mut self, more: u64) -> Result<(), Error> {
        if self.bound + more > SUM_MAX {
            self.flush();
            let sums = self.sums.as_flattened().iter().take(self.dim.to_usize());
            self.bound = sums.map(|sum| u64::from(sum.unsigned_abs())).max().unwrap_or(0);
        }
        if self.bound + more > SUM_MAX {
            return Err(Error::Full { added: self.bound, more, max: SUM_MAX });
        }
        self.bound += more;
        Ok(())
    }

    /// Has one more vector wait, and counts eight of them together.
    fn take(&mut self, element: Element, lines: &[Line]) {
        let waiting = &mut self.waiting[element as usize];
        let first = waiting.n_vectors * lines.len();
        if waiting.vectors.is_empty() {
            waiting.vectors.resize(lines.len() * ADD_MANY, Line::default());
            waiting.counters.resize(lines.len(), Counter::default());
        }
        waiting.vectors[first..first + lines.len()].copy_from_slice(lines);
        waiting.n_vectors += 1;
        if waiting.n_vectors == ADD_MANY {
            waiting.add();
            if waiting.n_counted + ADD_MANY as u32 > COUNT_MAX {
                self.spill(element);
            }
        }
    }

    /// Has all vectors be in the sums.
    fn flush(&mut self) {
        for element in Element::ALL {
            self.waiting[element as usize].add();
            self.spill(element);
        }
    }

    fn spill(&mut self, element: Element) {
        if self.waiting[element as usize].n_counted > 0 {
            self.reserve();
            let waiting = &mut self.waiting[element as usize];
            Bits::current().spill(element, &waiting.counters, waiting.n_counted, &mut self.sums);
            waiting.counters.fill(Counter::default());
            waiting.n_counted = 0;
        }
    }

    /// Has there be sums.
    fn reserve(&mut self) {
        if self.sums.is_empty() {
            self.sums = vec![[0; LINE_BITS]; self.dim.n_lines()];
        }
    }
}

impl Waiting {
    /// Adds the vectors that wait to the counters.
    fn add(&mut self) {
        if self.n_vectors == 0 {
            return;
        }
        let n_lines = self.counters.len();
        // What would be the others counts nothing.
        self.vectors[self.n_vectors * n_lines..].fill(Line::default());
        let mut vectors = [&[][..]; ADD_MANY];
        vectors.iter_mut().zip(self.vectors.chunks_exact(n_lines)).for_each(|(to, v)| *to = v);
        Bits::current().csa_add(self.element, &mut self.counters, vectors);
        self.n_counted += self.n_vectors as u32;
        self.n_vectors = 0;
    }
}

/// Adds `n · v` to `sums`, one for each bit of every word.
fn add_product<C: Code>(v: &C, n: i32, sums: &mut [i32]) {
    let (planes, element) = (v.planes(), C::element());
    for (word, sums) in sums.chunks_mut(64).take(v.dim().n_words()).enumerate() {
        let sign = planes.word(element, 0, word);
        let nonzero = match element {
            Element::Bipolar => v.dim().mask(word),
            Element::Ternary => planes.word(element, 1, word),
        };
        for (bit, sum) in sums.iter_mut().enumerate() {
            *sum += n * ((nonzero >> bit & 1) as i32 - 2 * (sign >> bit & 1) as i32);
        }
    }
}
