//! Balanced ternary and the counting behind it: integers as digits −1, 0, 1, and how many bits a digit takes. The tests
//! are the proofs that can be executed; what they mean for an engine stands in `docs/why-ternary.md`.

/// Bits of information of a digit that takes its three values equally often: `log2 3`. Entropy of other distributions
/// is less.
pub const BITS_PER_TRIT: f64 = 1.584_962_500_721_156;

/// The digits of `n`, least significant first, without leading zeros: `n = Σ digits[i] · 3^i`. Of 0 there are none.
///
/// ```
/// assert_eq!(quant::balanced_ternary::digits(7), [1, -1, 1]);
/// ```
pub fn digits(n: i64) -> Vec<i8> {
    let mut rest = i128::from(n);
    let mut digits = Vec::new();
    while rest != 0 {
        // 0, 1, 2 → 0, 1, −1: a remainder of 2 is one less than the next multiple of three.
        let digit = (rest + 1).rem_euclid(3) as i8 - 1;
        digits.push(digit);
        rest = (rest - i128::from(digit)) / 3;
    }
    digits
}

/// The integer with these digits, least significant first; `None` if a digit is none of −1, 0, 1, or the integer is too
/// large.
pub fn value(digits: &[i8]) -> Option<i64> {
    // Wider than the result: what is added last may bring it back into range.
    let mut value = 0i128;
    for &digit in digits.iter().rev() {
        if !(-1..=1).contains(&digit) {
            return None;
        }
        value = value.checked_mul(3)?.checked_add(i128::from(digit))?;
    }
    i64::try_from(value).ok()
}

/// What it costs to tell numbers up to `e` apart with digits of `radix` values each, if a digit costs its number of
/// values: `radix / ln radix`. To tell `n` numbers apart costs `ln n` times as much, so this alone compares radices.
pub fn radix_economy(radix: f64) -> f64 {
    radix / radix.ln()
}

/// Part of `n_bits` bits that `n_trits` uniform digits fill with information: at most 1 where they fit at all.
pub fn packing_efficiency(n_trits: u32, n_bits: u32) -> f64 {
    f64::from(n_trits) * BITS_PER_TRIT / f64::from(n_bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::E;

    /// `a + b φ`, with `φ² = φ + 1`: arithmetic without rounding.
    type Golden = (i64, i64);

    fn times((a, b): Golden, (c, d): Golden) -> Golden {
        (a * c + b * d, a * d + b * c + b * d)
    }

    #[test]
    fn the_squares_of_the_golden_ratio_and_its_inverse_add_up_to_three() {
        let phi = (0, 1);
        let square = times(phi, phi);
        let inverse_square = (2, -1);
        assert_eq!(times(square, inverse_square), (1, 0), "2 − φ is 1 / φ²");
        assert_eq!((square.0 + inverse_square.0, square.1 + inverse_square.1), (3, 0));
        let phi = f64::midpoint(1.0, 5f64.sqrt());
        assert!((phi.powi(2) + phi.powi(-2) - 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_trit_is_log2_3_bits() {
        assert!((BITS_PER_TRIT - 3f64.log2()).abs() <= f64::EPSILON);
        assert_eq!(format!("{BITS_PER_TRIT:.5}"), "1.58496");
        // Bounds from integers alone: 2^84 < 3^53 < 2^85, so 84/53 < log2 3 < 85/53.
        let power = 3u128.pow(53);
        assert!(power > 1 << 84 && power < 1 << 85);
        const { assert!(84.0 / 53.0 < BITS_PER_TRIT && BITS_PER_TRIT < 85.0 / 53.0) }
    }

    #[test]
    fn three_is_the_best_integer_radix_and_two_and_four_are_equals() {
        assert!((2..100).all(|radix| radix_economy(f64::from(radix)) >= radix_economy(3.0)));
        assert!((radix_economy(2.0) - radix_economy(4.0)).abs() < 1e-15);
        assert_eq!(format!("{:.4} {:.4}", radix_economy(2.0), radix_economy(3.0)), "2.8854 2.7307");
        // e is the minimum: the economy is e there, more on both sides.
        assert!((radix_economy(E) - E).abs() < 1e-15);
        assert!(radix_economy(E * 0.999) > E && radix_economy(E * 1.001) > E);
        // The lead of three over two is 5.7 %.
        assert_eq!(format!("{:.4}", radix_economy(2.0) / radix_economy(3.0)), "1.0566");
    }

    #[test]
    fn five_trits_fill_a_byte_to_99_percent() {
        const { assert!(3u32.pow(5) <= 1 << 8 && 3u32.pow(6) > 1 << 8) }
        assert_eq!(format!("{:.2}", 100.0 * packing_efficiency(5, 8)), "99.06");
        assert_eq!(format!("{:.2}", 100.0 * packing_efficiency(1, 2)), "79.25");
        // No machine word of at most 64 bits holds even 1 % more than bytes do.
        let best = (1..=64).map(|bits| packing_efficiency((f64::from(bits) / BITS_PER_TRIT) as u32, bits));
        let best = best.fold(0.0, f64::max);
        assert!(best / packing_efficiency(5, 8) < 1.01, "{best}");
    }

    #[test]
    fn no_packing_is_perfect() {
        // Powers of three are odd, powers of two are not.
        assert!((1..=80).all(|n| 3u128.pow(n) % 2 == 1));
        assert!((1..=80).all(|trits| {
            let bits = 128 - 3u128.pow(trits).leading_zeros();
            packing_efficiency(trits, bits) < 1.0
        }));
    }

    #[test]
    fn small_integers_and_the_ends_have_their_digits() {
        let expected: [(i64, &[i8]); 6] =
            [(0, &[]), (1, &[1]), (2, &[-1, 1]), (3, &[0, 1]), (-5, &[1, 1, -1]), (4, &[1, 1])];
        for (n, row) in expected {
            assert_eq!(digits(n), row, "{n}");
        }
        for n in [i64::MIN, i64::MAX] {
            assert_eq!(value(&digits(n)), Some(n));
        }
        assert_eq!(value(&[2]), None);
        assert_eq!(value(&[1; 60]), None, "more than 64 bits");
        // n digits reach (3^n − 1) / 2 on both sides.
        assert_eq!(value(&[1; 5]), Some(121));
        assert_eq!(value(&[-1; 5]), Some(-121));
    }

    proptest! {
        #[test]
        fn integers_and_digits_correspond_and_negation_turns_each_digit(n: i64) {
            let row = digits(n);
            prop_assert_eq!(value(&row), Some(n));
            prop_assert!(row.last() != Some(&0), "a leading zero in {row:?}");
            if let Some(opposite) = n.checked_neg() {
                let turned: Vec<i8> = row.iter().map(|digit| -digit).collect();
                prop_assert_eq!(digits(opposite), turned);
            }
        }

        /// In other radices that takes a rule for halves; here no half exists.
        #[test]
        fn cutting_digits_off_rounds_to_nearest(n: i32, n_cut in 0usize..12) {
            let row = digits(i64::from(n));
            let kept = value(&row[n_cut.min(row.len())..]).expect("smaller than n");
            let unit = 3i64.pow(n_cut as u32);
            prop_assert!(2 * (i64::from(n) - kept * unit).abs() < unit, "{n} is not nearest to {kept} · {unit}");
        }
    }
}
