//! Random weights, row by row, that little-bit types hold exactly.

/// Value of one step of an embedding.
const EMBEDDING_UNIT: f32 = 1.0 / 4096.0;
/// Number of weights of an embedding of which one is the largest possible, so that the scale of a Q8_0 block is
/// [`EMBEDDING_UNIT`].
const EMBEDDING_BLOCK: usize = 32;

/// Returns a scale of about `1 / √cols`, in four bits.
pub(super) fn scale(cols: usize, random: u64) -> f32 {
    let exponent = cols.max(1).ilog2().div_ceil(2);
    (1.0 + (random % 8) as f32 / 8.0) / (1u64 << exponent) as f32
}

/// A stream of random numbers for one row (`SplitMix64`; Steele, Lea, Flood 2014).
pub(super) struct Random(u64);

impl Random {
    /// Starts the stream of a row. Each row has its own, so that rows can be made in any order.
    pub(super) fn new(seed: u64, tensor: usize, row: usize) -> Self {
        let tensor = Self(seed ^ (tensor as u64).rotate_left(32)).bits();
        Self(Self(tensor ^ row as u64).bits())
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws `n` codes -1, 0, 1: 64 bits are a fraction whose base-3 digits they are.
    pub(super) fn trits(&mut self, n: usize) -> Vec<i8> {
        let mut codes = vec![0; n];
        for codes in codes.chunks_mut(32) {
            let mut fraction = self.bits();
            for code in codes {
                let digits = u128::from(fraction) * 3;
                *code = (digits >> 64) as i8 - 1;
                fraction = digits as u64;
            }
        }
        codes
    }

    /// Draws bell-shaped multiples of [`EMBEDDING_UNIT`] up to 127, one in each block ±127.
    pub(super) fn embedding(&mut self, n: usize) -> Vec<f32> {
        let mut values = vec![0.0; n];
        for block in values.chunks_mut(EMBEDDING_BLOCK) {
            let largest = self.bits() as usize % block.len();
            for (i, value) in block.iter_mut().enumerate() {
                let bytes = self.bits().to_le_bytes();
                let sum: i32 = bytes.iter().take(4).map(|&b| i32::from(b as i8)).sum();
                let step =
                    if i == largest { 127 * (1 - 2 * i32::from(bytes[7] & 1)) } else { sum.clamp(-508, 508) / 4 };
                *value = step as f32 * EMBEDDING_UNIT;
            }
        }
        values
    }

    /// Draws multiples of 1/64 between 7/8 and 9/8.
    pub(super) fn norm(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| 1.0 + ((self.bits() % 17) as f32 - 8.0) / 64.0).collect()
    }

    /// Draws multiples of 1/64 between -1 and 1.
    pub(super) fn taps(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| ((self.bits() % 129) as f32 - 64.0) / 64.0).collect()
    }
}
