//! [`Levels`]: vectors of a quantity, alike where their values are near.

use crate::{Bipolar, Error, Space, code::sealed::Sealed};
use kernels::bits::Element;

/// Vectors for the values of a quantity: along a line ([`Space::levels`]) or around a circle ([`Space::circle`]).
///
/// Each is the same vector with other positions of a fixed random order turned over: along a line those up to a place,
/// around a circle half of all those in question, from a place on.
#[derive(Clone, Debug)]
pub struct Levels {
    base: Bipolar,
    /// Positions in the order in which they are turned over.
    order: Box<[u32]>,
    n: u32,
    is_circle: bool,
}

impl Levels {
    pub(crate) fn line(space: &Space, name: &[u8], n: u32) -> Result<Self, Error> {
        Self::new(space, "levels", name, n, space.dim().to_usize() / 2)
    }

    pub(crate) fn circle(space: &Space, name: &[u8], n: u32) -> Result<Self, Error> {
        Self::new(space, "circle", name, n, space.dim().to_usize() / 4 * 2)
    }

    /// The vector of the stream's first words, and `n_turned` positions of all, in an order that the rest of it draws:
    /// each time one of those not yet taken (the last one of which moves to its place).
    fn new(space: &Space, kind: &str, name: &[u8], n: u32, n_turned: usize) -> Result<Self, Error> {
        let (dim, is_circle) = (space.dim(), kind == "circle");
        // Along a line both ends count.
        let max = n_turned as u32 + u32::from(!is_circle);
        if !(2..=max).contains(&n) {
            return Err(Error::Levels { n, dim: dim.to_u32(), max });
        }
        let mut stream = space.stream(kind, name);
        let base = Bipolar::from_fn(dim, |_| stream.word());
        let mut left: Vec<u32> = (0..dim.to_u32()).collect();
        let order = (0..n_turned).map(|_| left.swap_remove(stream.below(left.len()))).collect();
        Ok(Self { base, order, n, is_circle })
    }

    /// Number of levels.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// The vector of level `level`, counted from 0.
    pub fn level(&self, level: u32) -> Result<Bipolar, Error> {
        if level >= self.n {
            return Err(Error::Level { level, n: self.n });
        }
        let n_order = self.order.len();
        // The nearest place to a share of the order.
        let place = |share: u32, of: u32| {
            ((u64::from(share) * n_order as u64 * 2 + u64::from(of)) / (2 * u64::from(of))) as usize
        };
        let mut v = self.base.clone();
        if self.is_circle {
            let from = place(level, self.n);
            turn_over(&mut v, self.order.iter().cycle().skip(from).take(n_order / 2));
        } else {
            turn_over(&mut v, self.order.iter().take(place(level, self.n - 1)));
        }
        Ok(v)
    }
}

fn turn_over<'a>(v: &mut Bipolar, positions: impl Iterator<Item = &'a u32>) {
    let planes = v.planes_mut();
    for &position in positions {
        let (word, bit) = planes.dim.place(position as usize);
        let turned = planes.word(Element::Bipolar, 0, word) ^ 1 << bit;
        planes.set_word(Element::Bipolar, 0, word, turned);
    }
}
