//! The table of bit-plane kernels and the calls through it. A kernel that is not in it does not exist; the equality
//! test walks it (`tests.rs::every_row_equals_the_scalar_one`).
#![allow(unsafe_code, reason = "the calls through the table")]

#[cfg(target_arch = "aarch64")]
use super::neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::simd128;
use super::{ADD_MANY, COUNT_MAX, Counter, Element, LINE_WORDS, Line, SumLine, Turn, scalar};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512, avx512_popcnt};
use crate::Isa;

/// What a row of the table computes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BitsOp {
    /// Products, position by position.
    Bind,
    /// Sum of the products.
    Dot,
    /// Number of positions that differ.
    Differing,
    /// Vectors, eight at once, added to counters of bits, by carry-save adders.
    CsaAdd,
    /// Counters of bits added to integers.
    Spill,
    /// Sums of products of several queries with several rows.
    ScanTile,
    /// A cyclic shift of all positions.
    Rotate,
}

impl BitsOp {
    /// Every operation of the table.
    pub const ALL: [Self; 7] =
        [Self::Bind, Self::Dot, Self::Differing, Self::CsaAdd, Self::Spill, Self::ScanTile, Self::Rotate];

    /// Name of the operation, as the library's function is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Dot => "dot",
            Self::Differing => "differing",
            Self::CsaAdd => "csa_add",
            Self::Spill => "spill",
            Self::ScanTile => "scan_tile",
            Self::Rotate => "rotate",
        }
    }
}

/// What is multiplied with what: `queries` and `rows` of `row_lines` lines each.
pub(super) struct Tile<'a> {
    pub(super) queries: &'a [&'a [Line]],
    pub(super) rows: &'a [Line],
    pub(super) row_lines: usize,
}

impl Tile<'_> {
    pub(super) fn n_rows(&self) -> usize {
        self.rows.len() / self.row_lines
    }
}

pub(super) type Bind = unsafe fn(&[Line], &[Line], &mut [Line]);
pub(super) type Count = unsafe fn(&[Line], &[Line]) -> i32;
pub(super) type CsaAdd = unsafe fn(&mut [Counter], &[&[Line]]);
pub(super) type Spill = unsafe fn(&[Counter], i32, &mut [SumLine]);
pub(super) type ScanTile = unsafe fn(&Tile<'_>, &mut [i32]);
pub(super) type Rotate = unsafe fn(&[Line], Turn, &mut [Line]);

#[derive(Clone, Copy)]
enum Run {
    Bind(Bind),
    Count(Count),
    CsaAdd(CsaAdd),
    Spill(Spill),
    ScanTile(ScanTile),
    Rotate(Rotate),
}

/// A row of the table: how to do one thing with vectors of one kind on some instruction set.
pub struct BitsKernel {
    /// What it computes.
    pub op: BitsOp,
    /// Kind of the vectors.
    pub element: Element,
    /// Instruction set it needs.
    pub isa: Isa,
    run: Run,
}

/// Rows of one level, from the module that holds them.
macro_rules! level {
    ($isa:ident, $($op:ident $element:ident $run:ident = $function:path),* $(,)?) => {
        [$(BitsKernel {
            op: BitsOp::$op,
            element: Element::$element,
            isa: Isa::$isa,
            run: Run::$run($function),
        }),*]
    };
}

const SCALAR: [BitsKernel; 14] = level! {
    Scalar,
    Bind Bipolar Bind = scalar::bind_bipolar,
    Bind Ternary Bind = scalar::bind_ternary,
    Dot Bipolar Count = scalar::dot_bipolar,
    Dot Ternary Count = scalar::dot_ternary,
    Differing Bipolar Count = scalar::differing_bipolar,
    Differing Ternary Count = scalar::differing_ternary,
    CsaAdd Bipolar CsaAdd = scalar::csa_add,
    CsaAdd Ternary CsaAdd = scalar::csa_add,
    Spill Bipolar Spill = scalar::spill_bipolar,
    Spill Ternary Spill = scalar::spill_ternary,
    ScanTile Bipolar ScanTile = scalar::scan_bipolar,
    ScanTile Ternary ScanTile = scalar::scan_ternary,
    Rotate Bipolar Rotate = scalar::rotate_bipolar,
    Rotate Ternary Rotate = scalar::rotate_ternary,
};

#[cfg(target_arch = "x86_64")]
const AVX2: [BitsKernel; 13] = level! {
    Avx2,
    Bind Bipolar Bind = avx2::bind_bipolar,
    Bind Ternary Bind = avx2::bind_ternary,
    Dot Bipolar Count = avx2::dot_bipolar,
    Dot Ternary Count = avx2::dot_ternary,
    Differing Bipolar Count = avx2::differing_bipolar,
    Differing Ternary Count = avx2::differing_ternary,
    CsaAdd Bipolar CsaAdd = avx2::csa_add,
    CsaAdd Ternary CsaAdd = avx2::csa_add,
    ScanTile Bipolar ScanTile = avx2::scan_bipolar,
    ScanTile Ternary ScanTile = avx2::scan_ternary,
    Spill Bipolar Spill = avx2::spill_bipolar,
    Spill Ternary Spill = avx2::spill_ternary,
    Rotate Bipolar Rotate = avx2::rotate_bipolar,
};

#[cfg(target_arch = "x86_64")]
const AVX512: [BitsKernel; 14] = level! {
    Avx512,
    Bind Bipolar Bind = avx512::bind_bipolar,
    Bind Ternary Bind = avx512::bind_ternary,
    Dot Bipolar Count = avx512::dot_bipolar,
    Dot Ternary Count = avx512::dot_ternary,
    Differing Bipolar Count = avx512::differing_bipolar,
    Differing Ternary Count = avx512::differing_ternary,
    CsaAdd Bipolar CsaAdd = avx512::csa_add,
    CsaAdd Ternary CsaAdd = avx512::csa_add,
    ScanTile Bipolar ScanTile = avx512::scan_bipolar,
    ScanTile Ternary ScanTile = avx512::scan_ternary,
    Spill Bipolar Spill = avx512::spill_bipolar,
    Spill Ternary Spill = avx512::spill_ternary,
    Rotate Bipolar Rotate = avx512::rotate_bipolar,
    Rotate Ternary Rotate = avx512::rotate_ternary,
};

#[cfg(target_arch = "x86_64")]
const AVX512_POPCNT: [BitsKernel; 10] = level! {
    Avx512Popcnt,
    Bind Bipolar Bind = avx512_popcnt::bind_bipolar,
    Bind Ternary Bind = avx512_popcnt::bind_ternary,
    Dot Bipolar Count = avx512_popcnt::dot_bipolar,
    Dot Ternary Count = avx512_popcnt::dot_ternary,
    Differing Bipolar Count = avx512_popcnt::differing_bipolar,
    Differing Ternary Count = avx512_popcnt::differing_ternary,
    CsaAdd Bipolar CsaAdd = avx512_popcnt::csa_add,
    CsaAdd Ternary CsaAdd = avx512_popcnt::csa_add,
    ScanTile Bipolar ScanTile = avx512_popcnt::scan_bipolar,
    ScanTile Ternary ScanTile = avx512_popcnt::scan_ternary,
};

#[cfg(target_arch = "aarch64")]
const NEON: [BitsKernel; 10] = level! {
    Neon,
    Bind Bipolar Bind = neon::bind_bipolar,
    Bind Ternary Bind = neon::bind_ternary,
    Dot Bipolar Count = neon::dot_bipolar,
    Dot Ternary Count = neon::dot_ternary,
    Differing Bipolar Count = neon::differing_bipolar,
    Differing Ternary Count = neon::differing_ternary,
    CsaAdd Bipolar CsaAdd = neon::csa_add,
    CsaAdd Ternary CsaAdd = neon::csa_add,
    ScanTile Bipolar ScanTile = neon::scan_bipolar,
    ScanTile Ternary ScanTile = neon::scan_ternary,
};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
const SIMD128: [BitsKernel; 10] = level! {
    Simd128,
    Bind Bipolar Bind = simd128::bind_bipolar,
    Bind Ternary Bind = simd128::bind_ternary,
    Dot Bipolar Count = simd128::dot_bipolar,
    Dot Ternary Count = simd128::dot_ternary,
    Differing Bipolar Count = simd128::differing_bipolar,
    Differing Ternary Count = simd128::differing_ternary,
    CsaAdd Bipolar CsaAdd = simd128::csa_add,
    CsaAdd Ternary CsaAdd = simd128::csa_add,
    ScanTile Bipolar ScanTile = simd128::scan_bipolar,
    ScanTile Ternary ScanTile = simd128::scan_ternary,
};

/// All bit-plane kernels, level by level, the lowest first.
pub static BITS_KERNELS: &[&[BitsKernel]] = &[
    &SCALAR,
    #[cfg(target_arch = "x86_64")]
    &AVX2,
    #[cfg(target_arch = "x86_64")]
    &AVX512,
    #[cfg(target_arch = "x86_64")]
    &AVX512_POPCNT,
    #[cfg(target_arch = "aarch64")]
    &NEON,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    &SIMD128,
];

/// The kernels of one kind of vectors.
#[derive(Clone, Copy)]
struct Kernels {
    bind: Bind,
    dot: Count,
    differing: Count,
    csa_add: CsaAdd,
    spill: Spill,
    scan_tile: ScanTile,
    rotate: Rotate,
}

/// The kernels of one level: for every operation the row of the highest level that is not above it.
pub struct Bits {
    isa: Isa,
    /// Those of each kind of vectors, `[Element]`.
    kernels: [Kernels; 2],
}

impl Bits {
    /// The kernels that `isa` allows; `None` if this CPU lacks it.
    pub(super) fn of_level(isa: Isa) -> Option<Self> {
        isa.is_available().then(|| {
            let mut kernels = [Kernels {
                bind: scalar::bind_bipolar,
                dot: scalar::dot_bipolar,
                differing: scalar::differing_bipolar,
                csa_add: scalar::csa_add,
                spill: scalar::spill_bipolar,
                scan_tile: scalar::scan_bipolar,
                rotate: scalar::rotate_bipolar,
            }; 2];
            for row in BITS_KERNELS.iter().copied().flatten().filter(|row| row.isa <= isa && row.isa.is_available()) {
                row.serve(&mut kernels[row.element as usize]);
            }
            Self { isa, kernels }
        })
    }

    /// The level in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The row that serves `op` for vectors of `element`.
    pub fn kernel(&self, op: BitsOp, element: Element) -> Option<&'static BitsKernel> {
        let mut rows = BITS_KERNELS.iter().copied().flatten();
        rows.rfind(|row| (row.op, row.element) == (op, element) && row.isa <= self.isa && row.isa.is_available())
    }

    /// `out` becomes the products of `a` and `b`, position by position.
    pub fn bind(&self, element: Element, a: &[Line], b: &[Line], out: &mut [Line]) {
        check_lines(element, a, b.len());
        check_lines(element, a, out.len());
        // SAFETY: the CPU has the level of every row that `of_level` chose, their only requirement.
        unsafe { (self.kernels[element as usize].bind)(a, b, out) }
    }

    /// Sum of the products of `a` and `b` over all positions of their lines: bits behind a vector's end are ones that
    /// agree if it is bipolar, and zeros if it is ternary.
    pub fn dot(&self, element: Element, a: &[Line], b: &[Line]) -> i32 {
        check_lines(element, a, b.len());
        // SAFETY: as in `bind`.
        unsafe { (self.kernels[element as usize].dot)(a, b) }
    }

    /// Number of positions in which `a` and `b` differ.
    pub fn differing(&self, element: Element, a: &[Line], b: &[Line]) -> i32 {
        check_lines(element, a, b.len());
        // SAFETY: as in `bind`.
        unsafe { (self.kernels[element as usize].differing)(a, b) }
    }

    /// Adds the bits of `vectors`, whose number is a multiple of [`ADD_MANY`], to `counters`, one for each line. No
    /// count may pass [`COUNT_MAX`], which is for the caller to know: those that do start again at 0.
    ///
    /// [`COUNT_MAX`]: super::COUNT_MAX
    pub fn csa_add(&self, element: Element, counters: &mut [Counter], vectors: &[&[Line]]) {
        assert!(vectors.len().is_multiple_of(ADD_MANY), "{} vectors, but {ADD_MANY} are added at once", vectors.len());
        for v in vectors {
            check_lines(element, v, counters.len());
        }
        // SAFETY: as in `bind`.
        unsafe { (self.kernels[element as usize].csa_add)(counters, vectors) }
    }

    /// Adds to `sums`, one for each position of every line of a plane, what `counters` counted of `n` vectors, at most
    /// [`COUNT_MAX`]. No sum may leave i32, which is for the caller to know.
    ///
    /// [`COUNT_MAX`]: super::COUNT_MAX
    pub fn spill(&self, element: Element, counters: &[Counter], n: u32, sums: &mut [SumLine]) {
        assert!(n <= COUNT_MAX, "counts of {n} vectors, but they end at {COUNT_MAX}");
        assert_eq!(counters.len(), sums.len() * element.n_planes(), "counters and lines of sums");
        // SAFETY: as in `bind`.
        unsafe { (self.kernels[element as usize].spill)(counters, n as i32, sums) }
    }

    /// Adds to `dots` `[rows, queries]` the products of [`Self::dot`] of each query with each of `rows`, which lie one
    /// behind the other, as long as the queries.
    pub fn scan_tile(&self, element: Element, queries: &[&[Line]], rows: &[Line], dots: &mut [i32]) {
        let Some(row_lines) = queries.first().map(|q| q.len()).filter(|n| *n > 0) else {
            assert!(queries.is_empty() || rows.is_empty(), "{} lines of rows, but the queries have none", rows.len());
            return;
        };
        for query in queries {
            check_lines(element, query, row_lines);
        }
        let tile = Tile { queries, rows, row_lines };
        assert_eq!(tile.n_rows() * row_lines, rows.len(), "lines of whole rows, and lines");
        assert_eq!(queries.len() * tile.n_rows(), dots.len(), "pairs of query and row, and sums");
        if tile.n_rows() > 0 {
            // SAFETY: as in `bind`.
            unsafe { (self.kernels[element as usize].scan_tile)(&tile, dots) }
        }
    }

    /// `out` becomes `v`, shifted by `turn` in each of its planes; words behind the end of a plane stay.
    pub fn rotate(&self, element: Element, v: &[Line], turn: Turn, out: &mut [Line]) {
        check_lines(element, v, out.len());
        let n_words = v.len() / element.n_planes() * LINE_WORDS;
        assert!(turn.n_words <= n_words, "a turn of {} words in a plane of {n_words}", turn.n_words);
        assert!(turn.words < turn.n_words.max(1) && turn.bits < 64, "{turn:?} is no turn");
        // SAFETY: as in `bind`.
        unsafe { (self.kernels[element as usize].rotate)(v, turn, out) }
    }
}

impl BitsKernel {
    /// Becomes the one of `kernels` that does its operation.
    fn serve(&self, kernels: &mut Kernels) {
        match (self.run, self.op) {
            (Run::Bind(run), _) => kernels.bind = run,
            (Run::Count(run), BitsOp::Differing) => kernels.differing = run,
            (Run::Count(run), _) => kernels.dot = run,
            (Run::CsaAdd(run), _) => kernels.csa_add = run,
            (Run::Spill(run), _) => kernels.spill = run,
            (Run::ScanTile(run), _) => kernels.scan_tile = run,
            (Run::Rotate(run), _) => kernels.rotate = run,
        }
    }
}

/// A vector of `element` has whole lines of all planes, as many as what it meets.
fn check_lines(element: Element, v: &[Line], n_lines: usize) {
    assert_eq!(v.len(), n_lines, "lines of two vectors");
    assert!(v.len().is_multiple_of(element.n_planes()), "{} lines of {} planes", v.len(), element.n_planes());
}

#[cfg(test)]
impl Bits {
    /// The scalar kernels but for one operation, which is that of `row`.
    pub(super) fn of_row(row: &BitsKernel) -> Self {
        let mut bits = Self::of_level(Isa::Scalar).expect("every CPU has it");
        assert!(row.isa.is_available(), "this CPU lacks {}", row.isa.name());
        bits.isa = row.isa;
        row.serve(&mut bits.kernels[row.element as usize]);
        bits
    }
}
