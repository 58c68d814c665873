//! Bit-plane operations word by word: the specification of all others.

use super::{ADD_MANY, Counter, LINE_BITS, LINE_WORDS, Line, SumLine, Turn, table::Tile};

pub(super) fn bind_bipolar(a: &[Line], b: &[Line], out: &mut [Line]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        out.0 = std::array::from_fn(|w| a.0[w] ^ b.0[w]);
    }
}

pub(super) fn bind_ternary(a: &[Line], b: &[Line], out: &mut [Line]) {
    let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
    for (([sign, nonzero], a), b) in out.as_chunks_mut::<2>().0.iter_mut().zip(a).zip(b) {
        nonzero.0 = std::array::from_fn(|w| a[1].0[w] & b[1].0[w]);
        sign.0 = std::array::from_fn(|w| (a[0].0[w] ^ b[0].0[w]) & nonzero.0[w]);
    }
}

pub(super) fn dot_bipolar(a: &[Line], b: &[Line]) -> i32 {
    (a.len() * LINE_BITS) as i32 - 2 * differing_bipolar(a, b)
}

pub(super) fn dot_ternary(a: &[Line], b: &[Line]) -> i32 {
    let mut sum = 0;
    for (a, b) in a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0) {
        for w in 0..LINE_WORDS {
            let both = a[1].0[w] & b[1].0[w];
            let differ = (a[0].0[w] ^ b[0].0[w]) & both;
            sum += both.count_ones() as i32 - 2 * differ.count_ones() as i32;
        }
    }
    sum
}

pub(super) fn differing_bipolar(a: &[Line], b: &[Line]) -> i32 {
    let words = a.iter().zip(b).flat_map(|(a, b)| a.0.iter().zip(&b.0));
    words.map(|(a, b)| (a ^ b).count_ones() as i32).sum()
}

pub(super) fn differing_ternary(a: &[Line], b: &[Line]) -> i32 {
    let mut sum = 0;
    for (a, b) in a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0) {
        for w in 0..LINE_WORDS {
            sum += ((a[0].0[w] ^ b[0].0[w]) | (a[1].0[w] ^ b[1].0[w])).count_ones() as i32;
        }
    }
    sum
}

/// Sum and carry of three bits, in each position.
fn full_adder(a: u64, b: u64, c: u64) -> (u64, u64) {
    (a ^ b ^ c, a & b | c & (a ^ b))
}

pub(super) fn csa_add(counters: &mut [Counter], vectors: &[&[Line]]) {
    for (i, Counter(planes)) in counters.iter_mut().enumerate() {
        for w in 0..LINE_WORDS {
            for vectors in vectors.as_chunks::<ADD_MANY>().0 {
                let v = vectors.map(|v| v[i].0[w]);
                let (ones, twos_a) = full_adder(planes[0].0[w], v[0], v[1]);
                let (ones, twos_b) = full_adder(ones, v[2], v[3]);
                let (ones, twos_c) = full_adder(ones, v[4], v[5]);
                let (ones, twos_d) = full_adder(ones, v[6], v[7]);
                let (twos, fours_a) = full_adder(planes[1].0[w], twos_a, twos_b);
                let (twos, fours_b) = full_adder(twos, twos_c, twos_d);
                let (fours, mut carry) = full_adder(planes[2].0[w], fours_a, fours_b);
                (planes[0].0[w], planes[1].0[w], planes[2].0[w]) = (ones, twos, fours);
                for plane in &mut planes[3..] {
                    (plane.0[w], carry) = (plane.0[w] ^ carry, plane.0[w] & carry);
                }
            }
        }
    }
}

/// The count in position `i`, 0..512.
fn count(Counter(planes): &Counter, i: usize) -> i32 {
    planes.iter().enumerate().map(|(k, plane)| ((plane.0[i / 64] >> (i % 64) & 1) as i32) << k).sum()
}

pub(super) fn spill_bipolar(counters: &[Counter], n: i32, sums: &mut [SumLine]) {
    for (negative, sums) in counters.iter().zip(sums) {
        sums.0.iter_mut().enumerate().for_each(|(i, sum)| *sum += n - 2 * count(negative, i));
    }
}

pub(super) fn spill_ternary(counters: &[Counter], _: i32, sums: &mut [SumLine]) {
    for ([negative, nonzero], sums) in counters.as_chunks::<2>().0.iter().zip(sums) {
        sums.0.iter_mut().enumerate().for_each(|(i, sum)| *sum += count(nonzero, i) - 2 * count(negative, i));
    }
}

pub(super) fn scan_bipolar(tile: &Tile<'_>, dots: &mut [i32]) {
    scan(tile, dots, dot_bipolar);
}

pub(super) fn scan_ternary(tile: &Tile<'_>, dots: &mut [i32]) {
    scan(tile, dots, dot_ternary);
}

fn scan(tile: &Tile<'_>, dots: &mut [i32], dot: fn(&[Line], &[Line]) -> i32) {
    for (row, dots) in tile.rows.chunks_exact(tile.row_lines).zip(dots.chunks_exact_mut(tile.queries.len())) {
        for (query, sum) in tile.queries.iter().zip(dots) {
            *sum += dot(query, row);
        }
    }
}

pub(super) fn rotate_bipolar(v: &[Line], turn: Turn, out: &mut [Line]) {
    rotate(v, turn, out, 0, 1);
}

/// Turns a plane whose words lie in a row, as loops that a compiler makes vectors of.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each level's function")]
#[cfg(target_arch = "x86_64")]
pub(super) fn rotate_words(v: &[Line], turn: Turn, out: &mut [Line]) {
    let v: &[u64] = &bytemuck::must_cast_slice::<Line, u64>(v)[..turn.n_words];
    let out: &mut [u64] = &mut bytemuck::must_cast_slice_mut::<Line, u64>(out)[..turn.n_words];
    let (stay, pass) = v.split_at(turn.n_words - turn.words);
    let (front, back) = out.split_at_mut(turn.words);
    front.iter_mut().zip(pass).for_each(|(out, word)| *out = word.rotate_left(turn.bits + 1));
    back.iter_mut().zip(stay).for_each(|(out, word)| *out = word.rotate_left(turn.bits));
}

pub(super) fn rotate_ternary(v: &[Line], turn: Turn, out: &mut [Line]) {
    rotate(v, turn, out, 0, 2);
    rotate(v, turn, out, 1, 2);
}

/// Turns plane `plane` of `n_planes`.
fn rotate(v: &[Line], turn: Turn, out: &mut [Line], plane: usize, n_planes: usize) {
    let place = |w: usize| (w / LINE_WORDS * n_planes + plane, w % LINE_WORDS);
    for w in 0..turn.n_words {
        let (to, bits) = match w + turn.words {
            to if to < turn.n_words => (to, turn.bits),
            to => (to - turn.n_words, turn.bits + 1),
        };
        let ((from_line, from), (to_line, to)) = (place(w), place(to));
        out[to_line].0[to] = v[from_line].0[from].rotate_left(bits);
    }
}
