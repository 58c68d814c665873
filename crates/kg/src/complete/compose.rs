//! What a question looks for, as a row that is compared with entities, and the gradient through it.

use super::settings::Scorer;

/// `out` = what entities are multiplied with, so that `out · object` is the score of subject, relation and object.
pub(super) fn compose(scorer: Scorer, entity: &[f32], relation: &[f32], out: &mut [f32]) {
    match scorer {
        Scorer::DistMult => {
            for ((out, e), r) in out.iter_mut().zip(entity).zip(relation) {
                *out = e * r;
            }
        }
        Scorer::ComplEx => {
            let half = out.len() / 2;
            let (out_re, out_im) = out.split_at_mut(half);
            let ((e_re, e_im), (r_re, r_im)) = (entity.split_at(half), relation.split_at(half));
            for i in 0..half {
                out_re[i] = e_re[i] * r_re[i] - e_im[i] * r_im[i];
                out_im[i] = e_re[i] * r_im[i] + e_im[i] * r_re[i];
            }
        }
    }
}

/// Adds to `d_factor` the gradient with respect to one factor of [`compose`], `other` being the other one.
pub(super) fn add_gradient(scorer: Scorer, d_out: &[f32], other: &[f32], d_factor: &mut [f32]) {
    match scorer {
        Scorer::DistMult => {
            for ((d, g), x) in d_factor.iter_mut().zip(d_out).zip(other) {
                *d += g * x;
            }
        }
        Scorer::ComplEx => {
            let half = d_out.len() / 2;
            let (d_re, d_im) = d_factor.split_at_mut(half);
            let ((g_re, g_im), (x_re, x_im)) = (d_out.split_at(half), other.split_at(half));
            for i in 0..half {
                d_re[i] += g_re[i] * x_re[i] + g_im[i] * x_im[i];
                d_im[i] += g_im[i] * x_re[i] - g_re[i] * x_im[i];
            }
        }
    }
}

/// Adds the gradient of `weight / 3 · Σ |x|³` over the numbers `x` of a row, which are complex for ComplEx.
pub(super) fn add_n3_gradient(scorer: Scorer, weight: f32, row: &[f32], d_row: &mut [f32]) {
    match scorer {
        Scorer::DistMult => {
            for (d, x) in d_row.iter_mut().zip(row) {
                *d += weight * x.abs() * x;
            }
        }
        Scorer::ComplEx => {
            let half = row.len() / 2;
            let (d_re, d_im) = d_row.split_at_mut(half);
            let (re, im) = row.split_at(half);
            for i in 0..half {
                let length = (re[i] * re[i] + im[i] * im[i]).sqrt();
                d_re[i] += weight * length * re[i];
                d_im[i] += weight * length * im[i];
            }
        }
    }
}

/// The share of a row's mean magnitude below which a number becomes 0 (Li and Liu 2016, arXiv 1605.04711).
const THRESHOLD: f32 = 0.7;

/// The scale of a row, and the least magnitude that is not 0: the mean magnitude of those at or above it is the scale.
pub(super) fn ternary_scale(row: &[f32]) -> (f32, f32) {
    let sum: f32 = lanes_sum(row, f32::abs);
    let threshold = THRESHOLD * sum / row.len().max(1) as f32;
    let kept = lanes_sum(row, |x| if x.abs() >= threshold { x.abs() } else { 0.0 });
    let n = lanes_sum(row, |x| if x.abs() >= threshold { 1.0 } else { 0.0 });
    (if n > 0.0 { kept / n } else { 0.0 }, threshold)
}

/// The code of a number in a ternary row.
pub(super) fn ternary_code(x: f32, threshold: f32) -> i8 {
    i8::from(x >= threshold && x > 0.0) - i8::from(x <= -threshold && x < 0.0)
}

/// `out` = the row as it is stored: −1, 0 or 1 times its scale.
pub(super) fn ternarise(row: &[f32], out: &mut [f32]) {
    let (scale, threshold) = ternary_scale(row);
    for (out, &x) in out.iter_mut().zip(row) {
        let kept = if x.abs() >= threshold { scale } else { 0.0 };
        *out = if x == 0.0 { 0.0 } else { kept.copysign(x) };
    }
}

/// The largest number of two trits.
const PAIR_MAX: f32 = 4.0;

/// The share of a row's mean magnitude that is the step between two numbers of two trits, before the scale is fitted.
const PAIR_STEP: f32 = 0.5;

/// The scale of a row of numbers of two trits, by least squares, and how many steps a 1 has before they are rounded.
pub(super) fn pair_scale(row: &[f32]) -> (f32, f32) {
    let sum = lanes_sum(row, f32::abs);
    if sum == 0.0 {
        return (0.0, 0.0);
    }
    let steps = row.len() as f32 / (PAIR_STEP * sum);
    let squares = lanes_sum(row, |x| pair(x, steps) * pair(x, steps));
    let scale = if squares > 0.0 { lanes_sum(row, |x| x * pair(x, steps)) / squares } else { 0.0 };
    (scale, steps)
}

/// The number of two trits that stands for a number.
fn pair(x: f32, steps: f32) -> f32 {
    (x * steps).round_ties_even().clamp(-PAIR_MAX, PAIR_MAX)
}

/// The two trits that stand for a number, that of the threes first.
pub(super) fn pair_codes(x: f32, steps: f32) -> [i8; 2] {
    let number = pair(x, steps) as i8;
    let threes = i8::from(number >= 2) - i8::from(number <= -2);
    [threes, number - 3 * threes]
}

/// `out` = the row as it is stored in two trits a number.
pub(super) fn round_to_pairs(row: &[f32], out: &mut [f32]) {
    let (scale, steps) = pair_scale(row);
    for (out, &x) in out.iter_mut().zip(row) {
        *out = pair(x, steps) * scale;
    }
}

/// Sum in 16 lanes, which compilers turn into vectors; its order is always the same.
fn lanes_sum(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    const LANES: usize = 16;
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += of(x);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&x| of(x)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTITY: [f32; 4] = [0.5, -1.0, 2.0, 0.25];
    const RELATION: [f32; 4] = [1.0, 0.5, -0.5, 3.0];
    const OBJECT: [f32; 4] = [-1.0, 2.0, 0.5, 1.5];

    fn score(scorer: Scorer, entity: &[f32], relation: &[f32]) -> f32 {
        let mut out = [0.0; 4];
        compose(scorer, entity, relation, &mut out);
        out.iter().zip(OBJECT).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn complex_scores_are_the_real_part_of_the_triple_product() {
        // (0.5 + 2i)(1 − 0.5i)(−1 − 0.5i) + (−1 + 0.25i)(0.5 + 3i)(2 − 1.5i), by hand.
        assert_eq!(score(Scorer::ComplEx, &ENTITY, &RELATION), -0.625 - 6.8125);
        assert_eq!(score(Scorer::DistMult, &ENTITY, &RELATION), -0.5 - 1.0 - 0.5 + 1.125);
    }

    #[test]
    fn gradients_are_those_of_differences() {
        const STEP: f32 = 1e-2;
        // Scores are linear in each factor, so that differences are exact up to rounding.
        const NEAR: f32 = 1e-4;
        for scorer in [Scorer::ComplEx, Scorer::DistMult] {
            let (mut d_entity, mut d_relation) = ([0.0; 4], [0.0; 4]);
            add_gradient(scorer, &OBJECT, &RELATION, &mut d_entity);
            add_gradient(scorer, &OBJECT, &ENTITY, &mut d_relation);
            for i in 0..4 {
                let moved = |row: [f32; 4]| {
                    let mut row = row;
                    row[i] += STEP;
                    row
                };
                let base = score(scorer, &ENTITY, &RELATION);
                let by_entity = (score(scorer, &moved(ENTITY), &RELATION) - base) / STEP;
                let by_relation = (score(scorer, &ENTITY, &moved(RELATION)) - base) / STEP;
                assert!((by_entity - d_entity[i]).abs() < NEAR, "{scorer:?} {i}: {by_entity} {}", d_entity[i]);
                assert!((by_relation - d_relation[i]).abs() < NEAR, "{scorer:?} {i}: {by_relation} {}", d_relation[i]);
            }
        }
    }

    #[test]
    fn a_row_is_cut_at_seven_tenths_of_its_mean_magnitude() {
        let row = [1.0, -2.0, 0.25, 0.75, 0.0, -1.0];
        let mut out = [9.0; 6];
        ternarise(&row, &mut out);
        // Mean magnitude 5 / 6, threshold 0.583; kept 1, 2, 0.75, 1.
        assert_eq!(out, [1.1875, -1.1875, 0.0, 1.1875, 0.0, -1.1875]);
        let (scale, threshold) = ternary_scale(&row);
        let codes = row.map(|x| f32::from(ternary_code(x, threshold)) * scale);
        assert_eq!(codes, out);
        ternarise(&[0.0; 6], &mut out);
        assert_eq!(out, [0.0; 6]);
        assert_eq!(ternary_code(0.0, 0.0), 0);
    }

    #[test]
    fn two_trits_are_nine_steps_under_the_scale_of_least_squares() {
        let row: Vec<f32> = (-4_i8..=4).map(f32::from).collect();
        let steps = 1.0;
        for (x, number) in row.iter().zip(-4_i8..) {
            let [threes, ones] = pair_codes(*x, steps);
            assert!(threes.abs() <= 1 && ones.abs() <= 1 && 3 * threes + ones == number, "{number}: {threes} {ones}");
        }
        assert_eq!((pair_codes(9.0, 1.0), pair_codes(-9.0, 1.0)), ([1, 1], [-1, -1]));
        let mut out = [9.0; 4];
        round_to_pairs(&[3.0, -1.0, 0.0, 100.0], &mut out);
        // Mean magnitude 26, a step 13: 0, 0, 0, 4 under a scale of 25.
        assert_eq!(out, [0.0, 0.0, 0.0, 100.0]);
        round_to_pairs(&[1.0, -2.0, 3.0, -4.0], &mut out);
        // Mean magnitude 2.5, a step 1.25: 1, −2, 2, −3 under a scale of (1 + 4 + 6 + 12) / (1 + 4 + 4 + 9).
        let scale = 23.0 / 18.0;
        assert_eq!(out, [1.0, -2.0, 2.0, -3.0].map(|number| number * scale));
        round_to_pairs(&[0.0; 4], &mut out);
        assert_eq!(out, [0.0; 4]);
    }
}
