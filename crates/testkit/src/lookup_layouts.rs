//! Packers of TL1 and TL2, the look-up layouts of bitnet.cpp, byte after byte as they lie in files.

/// A ternary matrix, and how it is to be cut: `codes` `[rows, cols]` of -1, 0, 1; tiles of `bm` rows and `bk` columns,
/// strips of `bmm` rows.
#[allow(missing_docs, reason = "the comment says what each field is")]
pub struct Tiled<'a> {
    pub codes: &'a [i8],
    pub rows: usize,
    pub cols: usize,
    pub bm: usize,
    pub bk: usize,
    pub bmm: usize,
}

impl Tiled<'_> {
    fn code(&self, row: usize, col: usize) -> i8 {
        self.codes[row * self.cols + col]
    }

    /// Returns the code `3 a + b + 4` of the pair at `col`.
    fn pair(&self, row: usize, col: usize) -> u8 {
        (3 * self.code(row, col) + self.code(row, col + 1) + 4) as u8
    }

    /// Returns the code `9 a + 3 b + c` of the triple at `col`.
    fn triple(&self, row: usize, col: usize) -> i8 {
        9 * self.code(row, col) + 3 * self.code(row, col + 1) + self.code(row, col + 2)
    }

    /// Encodes the tensor in TL1 under `scale`.
    pub fn tl1(&self, scale: f32) -> Vec<u8> {
        let step = 256 / self.bmm;
        let mut out = Vec::new();
        for row_tile in (0..self.rows).step_by(self.bm) {
            for col_tile in (0..self.cols).step_by(self.bk) {
                for strip in (row_tile..row_tile + self.bm).step_by(self.bmm) {
                    for step_col in (col_tile..col_tile + self.bk).step_by(step) {
                        for row in (strip..strip + self.bmm).step_by(16) {
                            for col in (step_col..step_col + step).step_by(4) {
                                out.extend(
                                    (row..row + 16).map(|row| self.pair(row, col) << 4 | self.pair(row, col + 2)),
                                );
                            }
                        }
                    }
                }
            }
        }
        end(out, scale)
    }

    /// Encodes the tensor in TL2 under `scale`.
    pub fn tl2(&self, scale: f32) -> Vec<u8> {
        // Groups of 8 rows, the middle ones exchanged.
        let rows_of = |strip: usize| [0, 16, 8, 24].into_iter().flat_map(move |g| strip + g..strip + g + 8);
        let in_triples = self.cols / self.bk * self.bk;
        let (mut indices, mut signs, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        for row_tile in (0..self.rows).step_by(self.bm) {
            let strips = || (row_tile..row_tile + self.bm).step_by(32);
            for col_tile in (0..in_triples).step_by(self.bk) {
                for strip in strips() {
                    for col in (col_tile..col_tile + self.bk).step_by(6) {
                        let index = |row, col| self.triple(row, col).unsigned_abs();
                        indices.extend(rows_of(strip).map(|row| index(row, col) << 4 | index(row, col + 3)));
                    }
                    for col in (col_tile..col_tile + self.bk).step_by(24) {
                        for row in strip..strip + 16 {
                            let bits = (0..8).flat_map(|i| [(row, col + 3 * i), (row + 16, col + 3 * i)]);
                            let word =
                                bits.fold(0u16, |word, (row, col)| word << 1 | u16::from(self.triple(row, col) < 0));
                            signs.extend(word.to_le_bytes());
                        }
                    }
                }
            }
            for col_tile in (in_triples..self.cols).step_by(32) {
                for strip in strips() {
                    for col in (col_tile..col_tile + 32).step_by(4) {
                        pairs.extend(rows_of(strip).map(|row| self.pair(row, col) << 4 | self.pair(row, col + 2)));
                    }
                }
            }
        }
        let data_bytes = (self.cols - 256) * self.rows / 3 * 5 / 8 + 64 * self.rows;
        let mut out = [indices, signs, pairs].concat();
        assert!(out.len() <= data_bytes, "{} of {data_bytes} bytes", out.len());
        out.resize(data_bytes.next_multiple_of(32), 0);
        end(out, scale)
    }
}

/// Appends the scale and the zeros that end a tensor.
fn end(mut data: Vec<u8>, scale: f32) -> Vec<u8> {
    data.extend(scale.to_le_bytes());
    data.extend([0; 28]);
    data
}
