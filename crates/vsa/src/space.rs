//! [`Space`]: vectors from names, which every implementation of this page of text makes alike.
//!
//! A name's stream is xoshiro256++, its state the BLAKE3 of `trinity vsa 1`, a zero byte, the seed (8 bytes, little
//! endian), the dimensions (4 bytes), the length of the kind (1 byte), the kind and the name. Its state is read as four
//! words, little endian. Numbers below `n` are the upper half of the 128-bit product of a word and `n`.

use crate::{Bipolar, Dim, Error, Levels, Ternary};
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

/// What all vectors of a space depend on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Seed(pub u64);

/// Makes vectors from names: the same one for the same seed, dimensions and name, on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Space {
    dim: Dim,
    seed: Seed,
}

impl Space {
    /// The space of `seed` with `dim` dimensions.
    pub fn new(dim: Dim, seed: Seed) -> Self {
        Self { dim, seed }
    }

    /// Number of dimensions.
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// The seed that the space was made from.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// 16 bytes that only this space has: what a file names it by.
    pub fn digest(&self) -> [u8; 16] {
        let hash = hash(self.seed, "space", self.dim, b"");
        std::array::from_fn(|i| hash.as_bytes()[i])
    }

    /// The vector of `name`: its words are those of the stream `item`.
    pub fn item(&self, name: &[u8]) -> Bipolar {
        let mut stream = self.stream("item", name);
        Bipolar::from_fn(self.dim, |_| stream.word())
    }

    /// The vector of `name` with `nonzero` positions that are not zero: of the stream `sparse`, for each of them in
    /// turn a number below those left, which chooses among the positions not yet taken (the last one of which moves to
    /// its place), and a word whose lowest bit is its sign.
    pub fn sparse(&self, name: &[u8], nonzero: u32) -> Result<Ternary, Error> {
        if nonzero > self.dim.to_u32() {
            return Err(Error::Nonzero { nonzero, dim: self.dim.to_u32() });
        }
        let mut stream = self.stream("sparse", name);
        let mut left: Vec<u32> = (0..self.dim.to_u32()).collect();
        let mut planes = vec![(0, 0); self.dim.n_words()];
        for _ in 0..nonzero {
            let position = left.swap_remove(stream.below(left.len()));
            let (word, bit) = self.dim.place(position as usize);
            let (sign, nonzero) = &mut planes[word];
            *sign |= (stream.word() & 1) << bit;
            *nonzero |= 1 << bit;
        }
        Ok(Ternary::from_fn(self.dim, |w| planes[w]))
    }

    /// `n` levels of a quantity, the first and the last as unlike as vectors of two names: cosines fall evenly with the
    /// distance, exact up to one position.
    pub fn levels(&self, name: &[u8], n: u32) -> Result<Levels, Error> {
        Levels::line(self, name, n)
    }

    /// `n` levels around a circle, opposite ones as unlike as vectors of two names: cosines fall evenly with the
    /// distance along it, exact up to two positions.
    pub fn circle(&self, name: &[u8], n: u32) -> Result<Levels, Error> {
        Levels::circle(self, name, n)
    }

    pub(crate) fn stream(&self, kind: &str, name: &[u8]) -> Stream {
        Stream::new(self.seed, kind, self.dim, name)
    }
}

fn hash(seed: Seed, kind: &str, dim: Dim, name: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"trinity vsa 1\0").update(&seed.0.to_le_bytes()).update(&dim.to_u32().to_le_bytes());
    hasher.update(&[kind.len() as u8]).update(kind.as_bytes()).update(name).finalize()
}

/// The random words of a name.
pub(crate) struct Stream(Xoshiro256PlusPlus);

impl Stream {
    pub(crate) fn new(seed: Seed, kind: &str, dim: Dim, name: &[u8]) -> Self {
        Self(Xoshiro256PlusPlus::from_seed(*hash(seed, kind, dim, name).as_bytes()))
    }

    /// The next 64 bits.
    pub(crate) fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `n`; one of them is drawn more often than another by a part in 2⁴⁴ at most.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.word()) * n as u128) >> 64) as usize
    }
}
