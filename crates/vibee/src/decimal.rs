//! Floats as decimal text: the one form that every engine and every generated program gives.
//!
//! The digits are the fewest that read back as the same float; of several such texts the one closest to it, and of two
//! as close the one whose last digit is even. That is the rule of JavaScript and Python; Rust's own formatting decides
//! such a tie upwards (562949953421312.25 is `…12.3` there, `…12.2` here).

/// Gives the text of a Float: `1.0`, `0.00001`, `1e16`, `1.5e-7`, `-0.0`, `nan`, `inf`, `-inf`.
#[must_use]
pub fn show_float(x: f64) -> String {
    if !x.is_finite() {
        return not_finite(x.is_nan(), x < 0.0);
    }
    let shortest = format!("{x:e}");
    let even = format!("{:.*e}", n_digits(&shortest) - 1, x);
    let best = if even.parse::<f64>().is_ok_and(|y| y.to_bits() == x.to_bits()) { even } else { shortest };
    positional(&best)
}

/// Gives the text of an F32, in the form of [`show_float`]'s.
#[must_use]
pub fn show_f32(x: f32) -> String {
    if !x.is_finite() {
        return not_finite(x.is_nan(), x < 0.0);
    }
    let shortest = format!("{x:e}");
    let even = format!("{:.*e}", n_digits(&shortest) - 1, x);
    let best = if even.parse::<f32>().is_ok_and(|y| y.to_bits() == x.to_bits()) { even } else { shortest };
    positional(&best)
}

fn not_finite(is_nan: bool, is_negative: bool) -> String {
    (if is_nan {
        "nan"
    } else if is_negative {
        "-inf"
    } else {
        "inf"
    })
    .to_owned()
}

/// Counts the digits before the exponent of what `{:e}` gives.
fn n_digits(text: &str) -> usize {
    text.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count().max(1)
}

/// Makes `1.0` of `1e0`, and leaves the exponent where it is below −5 or above 15.
fn positional(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let all: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = match all.trim_end_matches('0') {
        "" => "0",
        some => some,
    };
    if !(-5..16).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}e{exponent}");
    }
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1));
    }
    let whole = exponent.unsigned_abs() as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
    }
    let (before, after) = digits.split_at(whole);
    format!("{sign}{before}.{after}")
}

#[cfg(test)]
#[allow(clippy::excessive_precision, reason = "a tie of two decimals needs all its digits")]
mod tests {
    use super::*;

    #[test]
    fn fewest_digits_then_the_closest_then_the_even() {
        for (x, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (10.0, "10.0"),
            (-1.5, "-1.5"),
            (1e-5, "0.00001"),
            (1.5e-5, "0.000015"),
            (9.5e-6, "9.5e-6"),
            (1.5e-7, "1.5e-7"),
            (0.1, "0.1"),
            (123456.789, "123456.789"),
            (1e15, "1000000000000000.0"),
            (9007199254740993.0, "9007199254740992.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e16"),
            (1e23, "1e23"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (2f64.powi(-44), "5.684341886080802e-14"),
            (562949953421312.25, "562949953421312.2"),
            (562949953421312.75, "562949953421312.8"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(show_float(x), expected);
        }
        for (x, expected) in [
            (0.1f32, "0.1"),
            (1048576.25, "1048576.2"),
            (2f32.powi(-24), "5.9604645e-8"),
            (16777216.0, "16777216.0"),
            (f32::MAX, "3.4028235e38"),
            (1e-45, "1e-45"),
            (-0.0, "-0.0"),
            (f32::NAN, "nan"),
        ] {
            assert_eq!(show_f32(x), expected);
        }
    }

    #[test]
    fn every_text_reads_back() {
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let x = f64::from_bits(state ^ (state >> 31));
            if x.is_finite() {
                assert_eq!(show_float(x).parse::<f64>().map(f64::to_bits), Ok(x.to_bits()));
            }
            let x = f32::from_bits((state >> 32) as u32);
            if x.is_finite() {
                assert_eq!(show_f32(x).parse::<f32>().map(f32::to_bits), Ok(x.to_bits()));
            }
        }
    }
}
