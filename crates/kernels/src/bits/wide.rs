//! The bit-plane operations of a level, written once over what its vectors can do.
//!
//! A level's file names its vector `Wide` and has, for the macros: `PER_LINE`, `zero`, `xor`, `and`, `or`, `xor3` (of
//! three), `majority` (of three), and a `Tally` of set bits with `tally`, `push` (eight vectors), `push_one`, `total`.

/// Operations whose loops all levels share.
macro_rules! operations {
    ($features:literal) => {
        /// Lines that make eight vectors.
        const GROUP: usize = 8 / PER_LINE;

        #[target_feature(enable = $features)]
        #[inline]
        fn load(line: &Line) -> [Wide; PER_LINE] {
            bytemuck::must_cast(line.0)
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn store(line: &mut Line, v: [Wide; PER_LINE]) {
            line.0 = bytemuck::must_cast(v);
        }

        #[target_feature(enable = $features)]
        pub(super) fn bind_bipolar(a: &[Line], b: &[Line], out: &mut [Line]) {
            for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                let (mut v, b) = (load(a), load(b));
                for c in 0..PER_LINE {
                    v[c] = xor(v[c], b[c]);
                }
                store(out, v);
            }
        }

        #[target_feature(enable = $features)]
        pub(super) fn bind_ternary(a: &[Line], b: &[Line], out: &mut [Line]) {
            let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
            for (([sign, nonzero], a), b) in out.as_chunks_mut::<2>().0.iter_mut().zip(a).zip(b) {
                let (mut signs, mut both) = (load(&a[0]), load(&a[1]));
                let b = [load(&b[0]), load(&b[1])];
                for c in 0..PER_LINE {
                    both[c] = and(both[c], b[1][c]);
                    signs[c] = and(xor(signs[c], b[0][c]), both[c]);
                }
                store(sign, signs);
                store(nonzero, both);
            }
        }

        /// Places where lines of two bipolar vectors differ.
        #[target_feature(enable = $features)]
        #[inline]
        fn differ_bipolar(a: &Line, b: &Line) -> [Wide; PER_LINE] {
            let (mut v, b) = (load(a), load(b));
            for c in 0..PER_LINE {
                v[c] = xor(v[c], b[c]);
            }
            v
        }

        #[target_feature(enable = $features)]
        pub(super) fn differing_bipolar(a: &[Line], b: &[Line]) -> i32 {
            let mut count = tally();
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<GROUP>(), b.as_chunks::<GROUP>());
            for (a, b) in a.iter().zip(b) {
                let mut eight = [zero(); 8];
                for l in 0..GROUP {
                    eight[l * PER_LINE..(l + 1) * PER_LINE].copy_from_slice(&differ_bipolar(&a[l], &b[l]));
                }
                count = push(count, &eight);
            }
            for (a, b) in a_rest.iter().zip(b_rest) {
                for v in differ_bipolar(a, b) {
                    count = push_one(count, v);
                }
            }
            total(count)
        }

        #[target_feature(enable = $features)]
        pub(super) fn dot_bipolar(a: &[Line], b: &[Line]) -> i32 {
            (a.len() * LINE_BITS) as i32 - 2 * differing_bipolar(a, b)
        }

        /// Places where lines of two ternary vectors are both not zero, and where those have other signs.
        #[target_feature(enable = $features)]
        #[inline]
        fn meet_ternary(a: &[Line; 2], b: &[Line; 2]) -> [[Wide; PER_LINE]; 2] {
            let (mut differ, mut both) = (differ_bipolar(&a[0], &b[0]), load(&a[1]));
            let nonzero = load(&b[1]);
            for c in 0..PER_LINE {
                both[c] = and(both[c], nonzero[c]);
                differ[c] = and(differ[c], both[c]);
            }
            [both, differ]
        }

        #[target_feature(enable = $features)]
        pub(super) fn dot_ternary(a: &[Line], b: &[Line]) -> i32 {
            let (mut both, mut differ) = (tally(), tally());
            let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<GROUP>(), b.as_chunks::<GROUP>());
            for (a, b) in a.iter().zip(b) {
                let (mut eight, mut minus) = ([zero(); 8], [zero(); 8]);
                for l in 0..GROUP {
                    let [nonzero, other] = meet_ternary(&a[l], &b[l]);
                    eight[l * PER_LINE..(l + 1) * PER_LINE].copy_from_slice(&nonzero);
                    minus[l * PER_LINE..(l + 1) * PER_LINE].copy_from_slice(&other);
                }
                (both, differ) = (push(both, &eight), push(differ, &minus));
            }
            for (a, b) in a_rest.iter().zip(b_rest) {
                let [nonzero, minus] = meet_ternary(a, b);
                for c in 0..PER_LINE {
                    (both, differ) = (push_one(both, nonzero[c]), push_one(differ, minus[c]));
                }
            }
            total(both) - 2 * total(differ)
        }

        /// Places where lines of two ternary vectors differ.
        #[target_feature(enable = $features)]
        #[inline]
        fn differ_ternary(a: &[Line; 2], b: &[Line; 2]) -> [Wide; PER_LINE] {
            let (mut v, nonzero) = (differ_bipolar(&a[0], &b[0]), differ_bipolar(&a[1], &b[1]));
            for c in 0..PER_LINE {
                v[c] = or(v[c], nonzero[c]);
            }
            v
        }

        #[target_feature(enable = $features)]
        pub(super) fn differing_ternary(a: &[Line], b: &[Line]) -> i32 {
            let mut count = tally();
            let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<GROUP>(), b.as_chunks::<GROUP>());
            for (a, b) in a.iter().zip(b) {
                let mut eight = [zero(); 8];
                for l in 0..GROUP {
                    eight[l * PER_LINE..(l + 1) * PER_LINE].copy_from_slice(&differ_ternary(&a[l], &b[l]));
                }
                count = push(count, &eight);
            }
            for (a, b) in a_rest.iter().zip(b_rest) {
                for v in differ_ternary(a, b) {
                    count = push_one(count, v);
                }
            }
            total(count)
        }

        /// Sum and carry of three bits, in each position.
        #[target_feature(enable = $features)]
        #[inline]
        fn full_adder(a: Wide, b: Wide, c: Wide) -> (Wide, Wide) {
            (xor3(a, b, c), majority(a, b, c))
        }

        #[target_feature(enable = $features)]
        pub(super) fn csa_add(counters: &mut [Counter], vectors: &[&[Line]]) {
            for (i, Counter(planes)) in counters.iter_mut().enumerate() {
                for c in 0..PER_LINE {
                    let mut sums = [zero(); PLANES];
                    for (sum, plane) in sums.iter_mut().zip(&*planes) {
                        *sum = load(plane)[c];
                    }
                    for vectors in vectors.as_chunks::<ADD_MANY>().0 {
                        let mut v = [zero(); ADD_MANY];
                        for (v, lines) in v.iter_mut().zip(vectors) {
                            *v = load(&lines[i])[c];
                        }
                        let (ones, twos_a) = full_adder(sums[0], v[0], v[1]);
                        let (ones, twos_b) = full_adder(ones, v[2], v[3]);
                        let (twos, fours_a) = full_adder(sums[1], twos_a, twos_b);
                        let (ones, twos_a) = full_adder(ones, v[4], v[5]);
                        let (ones, twos_b) = full_adder(ones, v[6], v[7]);
                        let (twos, fours_b) = full_adder(twos, twos_a, twos_b);
                        let (fours, mut carry) = full_adder(sums[2], fours_a, fours_b);
                        (sums[0], sums[1], sums[2]) = (ones, twos, fours);
                        for sum in &mut sums[3..] {
                            (*sum, carry) = (xor(*sum, carry), and(*sum, carry));
                        }
                    }
                    for (sum, plane) in sums.into_iter().zip(&mut *planes) {
                        let mut line = load(plane);
                        line[c] = sum;
                        store(plane, line);
                    }
                }
            }
        }
    };
}

/// A tally by Harley and Seal's adders: of eight vectors only what they carry is counted at once. The level has
/// `popcount` (counts in lanes of its choice), `add` of such lanes, and `sum` of them.
///
/// Source: Muła, Kurz, Lemire 2018, *Faster population counts using AVX2 instructions* (arXiv 1611.07612).
macro_rules! harley_seal {
    ($features:literal) => {
        #[derive(Clone, Copy)]
        struct Tally {
            ones: Wide,
            twos: Wide,
            fours: Wide,
            /// Counts of carries, each worth eight.
            eights: Wide,
            /// Counts of vectors that came alone.
            singles: Wide,
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn tally() -> Tally {
            Tally { ones: zero(), twos: zero(), fours: zero(), eights: zero(), singles: zero() }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn push(t: Tally, v: &[Wide; 8]) -> Tally {
            let (ones, twos_a) = full_adder(t.ones, v[0], v[1]);
            let (ones, twos_b) = full_adder(ones, v[2], v[3]);
            let (twos, fours_a) = full_adder(t.twos, twos_a, twos_b);
            let (ones, twos_a) = full_adder(ones, v[4], v[5]);
            let (ones, twos_b) = full_adder(ones, v[6], v[7]);
            let (twos, fours_b) = full_adder(twos, twos_a, twos_b);
            let (fours, eights) = full_adder(t.fours, fours_a, fours_b);
            Tally { ones, twos, fours, eights: add(t.eights, popcount(eights)), ..t }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn push_one(t: Tally, v: Wide) -> Tally {
            Tally { singles: add(t.singles, popcount(v)), ..t }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn total(t: Tally) -> i32 {
            // In lanes: singles + ones + 2 (twos + 2 (fours + 2 eights)).
            let fours = add(popcount(t.fours), add(t.eights, t.eights));
            let twos = add(popcount(t.twos), add(fours, fours));
            sum(add(add(t.singles, popcount(t.ones)), add(twos, twos)))
        }

        #[target_feature(enable = $features)]
        pub(super) fn scan_bipolar(tile: &Tile<'_>, dots: &mut [i32]) {
            let dots = dots.chunks_exact_mut(tile.queries.len());
            for (row, dots) in tile.rows.chunks_exact(tile.row_lines).zip(dots) {
                row.iter().for_each(Line::prefetch_ahead);
                for (query, dot) in tile.queries.iter().zip(dots) {
                    *dot += dot_bipolar(query, row);
                }
            }
        }

        #[target_feature(enable = $features)]
        pub(super) fn scan_ternary(tile: &Tile<'_>, dots: &mut [i32]) {
            let dots = dots.chunks_exact_mut(tile.queries.len());
            for (row, dots) in tile.rows.chunks_exact(tile.row_lines).zip(dots) {
                row.iter().for_each(Line::prefetch_ahead);
                for (query, dot) in tile.queries.iter().zip(dots) {
                    *dot += dot_ternary(query, row);
                }
            }
        }
    };
}

pub(super) use {harley_seal, operations};
