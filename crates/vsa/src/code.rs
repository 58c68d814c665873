//! [`Code`]: what vectors of signs and vectors of trits can do.

use crate::{Dim, Error};
use kernels::bits::{Bits, Element, Line};
use std::fmt::Debug;

pub(crate) mod sealed {
    use crate::planes::Planes;
    use kernels::bits::Element;

    /// What a vector is made of; no other crate can say.
    pub trait Sealed: Sized {
        #[doc(hidden)]
        const ELEMENT: Element;
        #[doc(hidden)]
        fn planes(&self) -> &Planes;
        #[doc(hidden)]
        fn planes_mut(&mut self) -> &mut Planes;
    }
}

/// A hypervector: [`Bipolar`](crate::Bipolar) or [`Ternary`](crate::Ternary).
///
/// ```
/// use vsa::{Code, Dim, Seed, Space};
/// let space = Space::new(Dim::new(10_240)?, Seed(1));
/// let (colour, red) = (space.item(b"colour"), space.item(b"red"));
/// let bound = colour.bind(&red)?;
/// assert_eq!(bound.unbind(&colour)?, red);
/// assert!(bound.cosine(&red)?.abs() < 0.1);
/// # Ok::<(), vsa::Error>(())
/// ```
pub trait Code: sealed::Sealed + Clone + Eq + Debug + Send + Sync {
    /// Kind of the elements.
    fn element() -> Element {
        Self::ELEMENT
    }

    /// Number of dimensions.
    fn dim(&self) -> Dim {
        self.planes().dim
    }

    /// The vector's lines as they lie in memory: its planes take turns, bits behind the end are zero.
    fn lines(&self) -> &[Line] {
        &self.planes().lines
    }

    /// All positions 1, which binding leaves everything as it is with.
    fn ones(dim: Dim) -> Self;

    /// The value of position `index`, if there is one.
    fn at(&self, index: usize) -> Option<i8>;

    /// The values of all positions, in their order.
    fn to_values(&self) -> Vec<i8> {
        (0..self.dim().to_usize()).filter_map(|i| self.at(i)).collect()
    }

    /// The product with `key`, position by position: like neither of them.
    fn bind(&self, key: &Self) -> Result<Self, Error> {
        let mut out = self.clone();
        self.bind_into(key, &mut out)?;
        Ok(out)
    }

    /// Has `out` become the product with `key`; it needs no memory.
    fn bind_into(&self, key: &Self, out: &mut Self) -> Result<(), Error> {
        self.dim().check(key.dim())?;
        self.dim().check(out.dim())?;
        Bits::current().bind(Self::ELEMENT, self.lines(), key.lines(), &mut out.planes_mut().lines);
        Ok(())
    }

    /// What [`Self::bind`] with `key` was made from: exactly so where `key` is not zero, and zero elsewhere.
    fn unbind(&self, key: &Self) -> Result<Self, Error> {
        // 1 and -1 are their own inverses.
        self.bind(key)
    }

    /// The vector whose position `i + by` (from the start again behind the end) is position `i` of this one; refused
    /// where the dimensions are no multiple of 64.
    fn rotate(&self, by: i64) -> Result<Self, Error> {
        let mut out = self.clone();
        self.rotate_into(by, &mut out)?;
        Ok(out)
    }

    /// Has `out` become the vector rotated by `by`; it needs no memory.
    fn rotate_into(&self, by: i64, out: &mut Self) -> Result<(), Error> {
        self.dim().check(out.dim())?;
        let turn = self.dim().turn(by)?;
        Bits::current().rotate(Self::ELEMENT, self.lines(), turn, &mut out.planes_mut().lines);
        Ok(())
    }

    /// Sum of the products of all positions: agreements less disagreements.
    fn dot(&self, other: &Self) -> Result<i32, Error>;

    /// The product with `other` over both lengths, -1 to 1; 0 where one of them is zero everywhere.
    fn cosine(&self, other: &Self) -> Result<f32, Error> {
        let dot = self.dot(other)?;
        let squares = f64::from(self.nonzero()) * f64::from(other.nonzero());
        Ok(if dot == 0 { 0.0 } else { (f64::from(dot) / squares.sqrt()) as f32 })
    }

    /// Number of positions that differ.
    fn differing(&self, other: &Self) -> Result<u32, Error> {
        self.dim().check(other.dim())?;
        Ok(Bits::current().differing(Self::ELEMENT, self.lines(), other.lines()).cast_unsigned())
    }

    /// Number of positions that are not zero.
    fn nonzero(&self) -> u32;

    /// The vector with the sign of every position turned.
    #[must_use]
    fn negated(&self) -> Self;
}
