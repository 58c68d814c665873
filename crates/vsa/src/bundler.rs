//! [`Bundler`]: adds vectors into exact integers.
//!
//! Vectors wait in eights, are added to counters of seven bit planes by carry-save adders, and those to integers before
//! any of them could run over. All sums stay within ±(2³¹ - 1), which is checked where vectors are counted.

use crate::{Code, Dim, Error, Sums};
use bytemuck::Zeroable;
use kernels::bits::{ADD_MANY, Bits, COUNT_MAX, Counter, Element, Line, SumLine};

/// The largest sum, and how far below zero it may be.
pub(crate) const SUM_MAX: u64 = i32::MAX as u64;

/// Groups of vectors that counters count before they are emptied.
const EIGHTS_MAX: usize = COUNT_MAX as usize / ADD_MANY;

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
    /// Vectors of each kind, `[Element]`.
    waiting: [Waiting; 2],
    /// `[lines]`; nothing yet where empty.
    sums: Vec<SumLine>,
}

/// Vectors of one kind that are not in the sums yet.
#[derive(Clone)]
struct Waiting {
    element: Element,
    /// The lines of up to eight vectors, `[8, lines]`.
    vectors: Vec<Line>,
    n_vectors: usize,
    /// Counts of their bits, `[lines]`.
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

    /// Adds all of `vectors`, which is faster than one after the other; refused, and none of them added, as one of them
    /// would be.
    pub fn add_all<C: Code>(&mut self, vectors: &[C]) -> Result<(), Error> {
        vectors.iter().try_for_each(|v| self.dim.check(v.dim()))?;
        self.make_room(vectors.len() as u64)?;
        self.added += vectors.len() as i64;
        let (eights, rest) = vectors.as_chunks::<ADD_MANY>();
        let mut lines = [&[][..]; EIGHTS_MAX * ADD_MANY];
        let mut left = eights;
        while !left.is_empty() {
            let waiting = self.waiting(C::element());
            let n_room = (COUNT_MAX - waiting.n_counted) as usize / ADD_MANY;
            let (now, later) = left.split_at(n_room.min(left.len()));
            let lines = &mut lines[..now.len() * ADD_MANY];
            lines.iter_mut().zip(now.as_flattened()).for_each(|(to, v)| *to = v.lines());
            Bits::current().csa_add(C::element(), &mut waiting.counters, lines);
            waiting.n_counted += lines.len() as u32;
            self.make_room_for_counts(C::element());
            left = later;
        }
        rest.iter().for_each(|v| self.take(C::element(), v.lines()));
        Ok(())
    }

    /// Adds `n` times `v`; where `n` is below zero, removes it so often.
    pub fn add_times<C: Code>(&mut self, v: &C, n: i32) -> Result<(), Error> {
        self.count(v, n)?;
        let times = u64::from(n.unsigned_abs());
        if times >= TIMES_AT_ONCE {
            self.reserve();
            add_product(v, n, flat_mut(&mut self.sums));
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
        for (sum, more) in flat_mut(&mut self.sums).iter_mut().zip(flat(&other.sums)) {
            *sum += more;
        }
        Ok(())
    }

    /// The sums of all that was added.
    pub fn sums(mut self) -> Sums {
        self.flush();
        self.reserve();
        Sums::of(self.dim, self.added, self.sums)
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
            let sums = flat(&self.sums).iter().take(self.dim.to_usize());
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
        let waiting = self.waiting(element);
        let first = waiting.n_vectors * lines.len();
        if waiting.vectors.is_empty() {
            waiting.vectors.resize(lines.len() * ADD_MANY, Line::default());
        }
        waiting.vectors[first..first + lines.len()].copy_from_slice(lines);
        waiting.n_vectors += 1;
        if waiting.n_vectors == ADD_MANY {
            waiting.add();
            self.make_room_for_counts(element);
        }
    }

    /// What waits of one kind, with counters.
    fn waiting(&mut self, element: Element) -> &mut Waiting {
        let waiting = &mut self.waiting[element as usize];
        if waiting.counters.is_empty() {
            waiting.counters.resize(self.dim.n_lines() * element.n_planes(), Counter::default());
        }
        waiting
    }

    /// Has the counters be such that they can count eight more.
    fn make_room_for_counts(&mut self, element: Element) {
        if self.waiting[element as usize].n_counted + ADD_MANY as u32 > COUNT_MAX {
            self.spill(element);
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
            self.sums = vec![SumLine::zeroed(); self.dim.n_lines()];
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
        Bits::current().csa_add(self.element, &mut self.counters, &vectors);
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

/// All sums, those behind the end as well.
pub(crate) fn flat(sums: &[SumLine]) -> &[i32] {
    bytemuck::must_cast_slice(sums)
}

/// All sums, to be changed.
pub(crate) fn flat_mut(sums: &mut [SumLine]) -> &mut [i32] {
    bytemuck::must_cast_slice_mut(sums)
}
