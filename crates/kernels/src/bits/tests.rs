use super::*;
use testkit::Rng;

/// Lines of a vector with `n` lines in each plane; a trit in three is zero.
fn vector(rng: &mut Rng, element: Element, n: usize) -> Vec<Line> {
    let mut line = || Line(std::array::from_fn(|_| rng.bits()));
    let mut lines = Vec::new();
    for _ in 0..n {
        let (a, b, c) = (line(), line(), line());
        match element {
            Element::Bipolar => lines.push(a),
            Element::Ternary => {
                let nonzero: [u64; LINE_WORDS] = std::array::from_fn(|w| b.0[w] | c.0[w] & a.0[w]);
                lines.push(Line(std::array::from_fn(|w| a.0[w] & nonzero[w])));
                lines.push(Line(nonzero));
            }
        }
    }
    lines
}

/// The values of all positions of all lines.
fn values(element: Element, v: &[Line]) -> Vec<i32> {
    let bit = |line: &Line, i: usize| (line.0[i / 64] >> (i % 64) & 1) as i32;
    let value = |lines: &[Line], i: usize| match element {
        Element::Bipolar => 1 - 2 * bit(&lines[0], i),
        Element::Ternary => bit(&lines[1], i) - 2 * bit(&lines[0], i),
    };
    v.chunks_exact(element.n_planes())
        .flat_map(|lines| (0..LINE_BITS).map(|i| value(lines, i)).collect::<Vec<_>>())
        .collect()
}

/// What an operation gives, as integers.
fn run(bits: &Bits, op: BitsOp, element: Element, n: usize) -> Vec<i64> {
    let mut rng = Rng::new(7 + n as u64);
    let mut draw = || vector(&mut rng, element, n);
    let (a, b) = (draw(), draw());
    let words = |lines: &[Line]| lines.iter().flat_map(|line| line.0.map(u64::cast_signed)).collect::<Vec<i64>>();
    match op {
        BitsOp::Bind => {
            let mut out = vec![Line::default(); a.len()];
            bits.bind(element, &a, &b, &mut out);
            words(&out)
        }
        BitsOp::Dot => vec![i64::from(bits.dot(element, &a, &b)), i64::from(bits.dot(element, &a, &a))],
        BitsOp::Differing => {
            vec![i64::from(bits.differing(element, &a, &b)), i64::from(bits.differing(element, &a, &a))]
        }
        BitsOp::CsaAdd | BitsOp::Spill => {
            let mut counters = vec![Counter::default(); a.len()];
            // 120 vectors, most of them alike: carries go into every plane.
            for n_groups in [1, 2, 0, 12] {
                let vectors: Vec<Vec<Line>> =
                    (0..n_groups * ADD_MANY).map(|i| if i % 8 < 6 { a.clone() } else { draw() }).collect();
                bits.csa_add(element, &mut counters, &vectors.iter().map(|v| &**v).collect::<Vec<_>>());
            }
            if op == BitsOp::CsaAdd {
                return counters.iter().flat_map(|counter| words(&counter.0)).collect();
            }
            let mut sums = vec![SumLine([-3; LINE_BITS]); n];
            bits.spill(element, &counters, 120, &mut sums);
            sums.into_iter().flat_map(|sums| sums.0).map(i64::from).collect()
        }
        BitsOp::ScanTile => {
            let mut all = Vec::new();
            for (n_queries, n_rows) in [(1, 1), (2, 3), (3, 2), (9, 1), (1, 65), (2, 17), (4, 9), (7, 33), (8, 9)] {
                let queries: Vec<Vec<Line>> = (0..n_queries).map(|_| draw()).collect();
                let rows: Vec<Line> = (0..n_rows).flat_map(|_| draw()).collect();
                let mut dots = vec![5; if n == 0 { 0 } else { n_queries * n_rows }];
                bits.scan_tile(element, &queries.iter().map(|q| &**q).collect::<Vec<_>>(), &rows, &mut dots);
                all.extend(dots.into_iter().map(i64::from));
            }
            all
        }
        BitsOp::Rotate => {
            let mut all = Vec::new();
            for n_words in [8 * n, (8 * n).saturating_sub(3)] {
                for (shift, turn_bits) in [(0, 0), (0, 5), (1, 0), (3, 63), (8, 1), (13, 30), (n_words / 2, 2)] {
                    let mut out = vec![Line::default(); a.len()];
                    let turn = Turn { n_words, words: shift % n_words.max(1), bits: turn_bits };
                    bits.rotate(element, &a, turn, &mut out);
                    all.extend(words(&out));
                }
            }
            all
        }
    }
}

/// Lines of a plane: none, fewer than any unrolled loop takes, tails of all of them, 10,240 bits, and about as many as
/// 16 bits count.
const LINES: [usize; 15] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 63, 64];

#[test]
fn every_row_equals_the_scalar_one() {
    let scalar = Bits::new(Isa::Scalar).expect("every CPU has it");
    for row in BITS_KERNELS.iter().copied().flatten().filter(|row| row.isa.is_available()) {
        let bits = Bits::of_row(row);
        for n in LINES {
            let (op, element) = (row.op, row.element);
            let (expected, got) = (run(scalar, op, element, n), run(&bits, op, element, n));
            let name = format!("{} {} {}, {n} lines", row.isa.name(), element.name(), op.name());
            assert_eq!(expected.len(), got.len(), "{name}");
            if let Some(i) = (0..got.len()).find(|&i| expected[i] != got[i]) {
                panic!("{name}: place {i} is {}, but scalar gives {}", got[i], expected[i]);
            }
        }
    }
}

#[test]
fn every_operation_has_a_scalar_row_that_does_what_its_values_say() {
    let bits = Bits::new(Isa::Scalar).expect("every CPU has it");
    let mut rng = Rng::new(3);
    for element in Element::ALL {
        for op in BitsOp::ALL {
            assert_eq!(bits.kernel(op, element).map(|row| row.isa), Some(Isa::Scalar));
        }
        let (a, b) = (vector(&mut rng, element, 3), vector(&mut rng, element, 3));
        let (x, y) = (values(element, &a), values(element, &b));
        let products: Vec<i32> = x.iter().zip(&y).map(|(x, y)| x * y).collect();
        let mut out = a.clone();
        bits.bind(element, &a, &b, &mut out);
        assert_eq!(values(element, &out), products);
        assert_eq!(bits.dot(element, &a, &b), products.iter().sum::<i32>());
        assert_eq!(bits.differing(element, &a, &b) as usize, x.iter().zip(&y).filter(|(x, y)| x != y).count());

        let mut counters = vec![Counter::default(); a.len()];
        for _ in 0..15 {
            bits.csa_add(element, &mut counters, &[&a, &b, &a, &a, &a, &b, &a, &a]);
        }
        let mut sums = vec![SumLine([100; LINE_BITS]); 3];
        bits.spill(element, &counters, 120, &mut sums);
        let expected: Vec<i32> = x.iter().zip(&y).map(|(x, y)| 100 + 15 * (6 * x + 2 * y)).collect();
        assert_eq!(sums.into_iter().flat_map(|sums| sums.0).collect::<Vec<i32>>(), expected);

        let mut dots = [1; 4];
        bits.scan_tile(element, &[&a, &b], &[&*b, &*a].concat(), &mut dots);
        assert_eq!(dots, [(&a, &b), (&b, &b), (&a, &a), (&b, &a)].map(|(q, r)| 1 + bits.dot(element, q, r)));
    }
}

#[test]
fn a_rotation_moves_every_position_by_the_same_number() {
    let bits = Bits::new(Isa::Scalar).expect("every CPU has it");
    for element in Element::ALL {
        let (v, n_words) = (vector(&mut Rng::new(5), element, 2), 11);
        // Position `i` is bit `i / n_words` of word `i % n_words`.
        let read = |v: &[Line]| {
            let values = values(element, v);
            (0..n_words * 64).map(|i| values[i % n_words * 64 + i / n_words]).collect::<Vec<i32>>()
        };
        for by in [0, 1, 10, 11, 12, 100, 703] {
            let mut out = vec![Line::default(); v.len()];
            bits.rotate(element, &v, Turn { n_words, words: by % n_words, bits: (by / n_words) as u32 }, &mut out);
            let mut expected = read(&v);
            expected.rotate_right(by);
            assert_eq!(read(&out), expected, "{} by {by}", element.name());
        }
    }
}

#[test]
fn the_level_in_use_is_the_best_or_the_chosen_one() {
    assert_eq!(Bits::current().isa(), Isa::best());
    for isa in Isa::ALL {
        assert_eq!(Bits::use_level(isa).is_ok(), isa.is_available());
        assert_eq!(Bits::new(isa).map(Bits::isa), isa.is_available().then_some(isa).ok_or(Error::MissingIsa(isa)));
        if isa.is_available() {
            assert_eq!(Bits::current().isa(), isa);
        }
    }
}

#[test]
fn room_is_made_for_what_comes_and_keeps_what_there_is() {
    let line = |i: usize| Line([i as u64; LINE_WORDS]);
    let mut lines = Vec::new();
    // Past a huge page, to which a smaller one grew.
    for i in 0..40_000 {
        reserve(&mut lines, 1);
        assert!(lines.capacity() > lines.len());
        lines.push(line(i));
    }
    let (capacity, n) = (lines.capacity(), lines.len());
    reserve(&mut lines, capacity - n);
    assert_eq!(lines.capacity(), capacity, "there was room");
    assert!(lines.iter().enumerate().all(|(i, found)| *found == line(i)));
}
