//! Numbers as Python writes and reads them.

use std::cmp::Ordering;

/// `repr` of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
pub(crate) fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// Python's `int(text, base)`: white space around, a sign, `_` between digits, a prefix that fits the base.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = text.trim_matches(super::text::is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_lowercase();
    let prefix = |p: &str| lower.strip_prefix(p).map(|rest| rest.strip_prefix('_').unwrap_or(rest).to_owned());
    let (base, digits) = match base {
        0 => [("0x", 16), ("0o", 8), ("0b", 2)]
            .into_iter()
            .find_map(|(p, radix)| Some((radix, prefix(p)?)))
            .unwrap_or((10, lower.clone())),
        16 => (16, prefix("0x").unwrap_or(lower)),
        8 => (8, prefix("0o").unwrap_or(lower)),
        2 => (2, prefix("0b").unwrap_or(lower)),
        3..=36 => (base, lower),
        _ => return None,
    };
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), base).ok()?;
    Some(if negative { -value } else { value })
}

/// Reads a number as Python's `float(text)` does.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(super::text::is_space);
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") || !text.is_ascii() {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// Python's `round(value, digits)`: the decimal nearest to the exact value, ties to even.
pub(crate) fn round(value: f64, digits: i32) -> f64 {
    if !value.is_finite() || digits > 330 {
        return value;
    }
    if digits >= 0 {
        return format!("{value:.*}", digits as usize).parse().unwrap_or(value);
    }
    if digits < -330 {
        return 0.0 * value;
    }
    let unit = 10f64.powi(-digits);
    (value / unit).round_ties_even() * unit
}

/// Python's `round(value, -digits)` of an integer: to the nearest multiple of 10^`digits`, ties to even.
pub(crate) fn round_int(value: i128, digits: u32) -> i128 {
    // Beyond the range there is only 0 near enough.
    let Some(unit) = 10i128.checked_pow(digits) else { return 0 };
    let (quotient, rest) = (value.div_euclid(unit), value.rem_euclid(unit));
    let up = match rest.cmp(&(unit - rest)) {
        Ordering::Less => 0,
        Ordering::Greater => 1,
        Ordering::Equal => quotient.rem_euclid(2),
    };
    quotient.saturating_add(up).saturating_mul(unit)
}

/// An integer as a float exactly as Python's `int → float` would, or none where it would not fit.
pub(crate) fn float_as_int(value: f64) -> Option<i128> {
    (value.is_finite() && value.abs() < 1.0e38).then(|| value.trunc() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-0.0, "-0.0"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_repr(value), text);
        }
    }

    #[test]
    fn integers_are_read_as_python_reads_them() {
        assert_eq!(parse_int(" -1_000 ", 10), Some(-1000));
        assert_eq!(parse_int("0x1F", 16), Some(31));
        assert_eq!(parse_int("0b101", 0), Some(5));
        for bad in ["", "_1", "1__0", "--1", "1.5", "0x1F"] {
            assert_eq!(parse_int(bad, 10), None, "{bad:?}");
        }
    }

    #[test]
    fn rounding_takes_the_exact_value() {
        assert_eq!(round(2.675, 2).to_bits(), 2.67f64.to_bits());
        assert_eq!(round(0.5, 0).to_bits(), 0f64.to_bits());
        assert_eq!(round(1234.0, -2).to_bits(), 1200f64.to_bits());
    }
}
