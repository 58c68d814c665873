//! Terms that an id holds itself.
//!
//! Each form takes exactly the spellings that it writes back, so two ids are equal only if the spellings are:
//! strings of at most 7 bytes; `xsd:integer` without leading zeros; `xsd:decimal` of at most 15 places; `xsd:double` in
//! its canonical form of at most 14 digits; `true`, `false`; dates; dateTimes to the millisecond.

use std::fmt::Write as _;

use oxrdf::vocab::xsd;

use super::TermId;
use crate::dictionary::spelling::Parts;

const STRING: u64 = 6;
const INTEGER: u64 = 7;
const DECIMAL: u64 = 8;
const DOUBLE: u64 = 9;
const BOOLEAN: u64 = 10;
const DATE: u64 = 11;
const DATE_TIME: u64 = 12;

const STRING_BYTES_MAX: usize = 7;
const INTEGER_OFFSET: i64 = 1 << 59;
const SCALE_BITS: u32 = 4;
const MANTISSA_OFFSET: i64 = 1 << 55;
const DOUBLE_DIGITS_MAX: usize = 14;
const DOUBLE_BITS: u32 = 48;
const EXPONENT_OFFSET: i64 = 1024;

/// The id that holds this term, if one can.
pub(crate) fn encode(parts: Parts<'_>) -> Option<TermId> {
    let (class, payload) = match parts {
        Parts::Plain(text) => (STRING, string(text)?),
        Parts::Typed(text, tag) => match tag.strip_prefix("http://www.w3.org/2001/XMLSchema#")? {
            "string" => (STRING, string(text)?),
            "integer" => (INTEGER, integer(text)?),
            "decimal" => (DECIMAL, decimal(text)?),
            "double" => (DOUBLE, double(text)?),
            "boolean" => (BOOLEAN, ["false", "true"].iter().position(|word| *word == text)? as u64),
            "date" => (DATE, date(text)?),
            "dateTime" => (DATE_TIME, date_time(text)?),
            _ => return None,
        },
        Parts::Iri(_) | Parts::Blank(_) | Parts::Language(..) => return None,
    };
    Some(TermId::of(class, payload))
}

/// The term that an id holds, its text written to `text`; none for an id that holds none.
pub(crate) fn decode(id: TermId, text: &mut String) -> Option<Parts<'_>> {
    text.clear();
    let payload = id.payload();
    let datatype = match id.0 >> TermId::PAYLOAD_BITS {
        STRING => {
            let bytes = (payload >> 4).to_be_bytes();
            text.push_str(std::str::from_utf8(bytes.get(1..1 + (payload & 15) as usize)?).ok()?);
            return Some(Parts::Plain(text));
        }
        INTEGER => {
            write!(text, "{}", payload as i64 - INTEGER_OFFSET).ok()?;
            xsd::INTEGER
        }
        DECIMAL => {
            write_decimal(payload, text)?;
            xsd::DECIMAL
        }
        DOUBLE => {
            write_double(payload, text)?;
            xsd::DOUBLE
        }
        BOOLEAN => {
            text.push_str(if payload == 1 { "true" } else { "false" });
            xsd::BOOLEAN
        }
        DATE => {
            write_day(payload >> 12, text)?;
            write_zone((payload & 0xfff) as i64, 1, text)?;
            xsd::DATE
        }
        DATE_TIME => {
            write_date_time(payload, text)?;
            xsd::DATE_TIME
        }
        _ => return None,
    };
    Some(Parts::Typed(text, datatype.as_str()))
}

fn string(text: &str) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes.get_mut(1..=text.len()).filter(|_| text.len() <= STRING_BYTES_MAX)?.copy_from_slice(text.as_bytes());
    Some(u64::from_be_bytes(bytes) << 4 | text.len() as u64)
}

/// A number of digits without superfluous zeros in front.
fn plain_digits(text: &str, digits_max: usize) -> Option<i64> {
    let bytes = text.as_bytes();
    let is_plain = matches!(bytes, [b'0'] | [b'1'..=b'9', ..]) && bytes.iter().all(u8::is_ascii_digit);
    (is_plain && bytes.len() <= digits_max).then(|| text.parse().ok())?
}

fn signed(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |rest| (true, rest))
}

fn integer(text: &str) -> Option<u64> {
    let (is_negative, digits) = signed(text);
    let value = plain_digits(digits, 18)?;
    let value = if is_negative { -value } else { value };
    let fits = (-INTEGER_OFFSET..INTEGER_OFFSET).contains(&value) && !(is_negative && value == 0);
    fits.then(|| (value + INTEGER_OFFSET) as u64)
}

fn decimal(text: &str) -> Option<u64> {
    let (is_negative, rest) = signed(text);
    let (whole, places) = rest.split_once('.').unwrap_or((rest, ""));
    if rest.ends_with('.') || places.len() > 15 || whole.len() + places.len() > 16 {
        return None;
    }
    let mut mantissa = plain_digits(whole, 16)?;
    for digit in places.bytes() {
        mantissa = mantissa * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    if is_negative && mantissa == 0 {
        return None;
    }
    let mantissa = if is_negative { -mantissa } else { mantissa };
    Some(((mantissa + MANTISSA_OFFSET) as u64) << SCALE_BITS | places.len() as u64)
}

fn write_decimal(payload: u64, text: &mut String) -> Option<()> {
    let mantissa = (payload >> SCALE_BITS) as i64 - MANTISSA_OFFSET;
    let scale = (payload & 15) as u32;
    let unit = 10_u64.pow(scale);
    let sign = if mantissa < 0 { "-" } else { "" };
    let (whole, places) = (mantissa.unsigned_abs() / unit, mantissa.unsigned_abs() % unit);
    match scale {
        0 => write!(text, "{sign}{whole}").ok(),
        _ => write!(text, "{sign}{whole}.{places:0width$}", width = scale as usize).ok(),
    }
}

fn double(text: &str) -> Option<u64> {
    let (is_negative, rest) = signed(text);
    let (number, exponent) = rest.split_once('E')?;
    let (whole, places) = number.split_once('.')?;
    let (exponent_is_negative, exponent) = signed(exponent);
    let exponent = plain_digits(exponent, 3)?;
    let (&[first], [.., last]) = (whole.as_bytes(), places.as_bytes()) else { return None };
    if !first.is_ascii_digit() || places.len() >= DOUBLE_DIGITS_MAX || exponent_is_negative && exponent == 0 {
        return None;
    }
    let mut mantissa = u64::from(first - b'0');
    if places != "0" {
        if *last == b'0' || first == b'0' {
            return None;
        }
        for digit in places.bytes() {
            mantissa = mantissa * 10 + u64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
    } else if first == b'0' && exponent != 0 {
        return None;
    }
    let exponent = if exponent_is_negative { -exponent } else { exponent } + EXPONENT_OFFSET;
    Some((u64::from(is_negative) << 11 | exponent as u64) << DOUBLE_BITS | mantissa)
}

fn write_double(payload: u64, text: &mut String) -> Option<()> {
    let sign = if payload >> (DOUBLE_BITS + 11) == 0 { "" } else { "-" };
    let exponent = (payload >> DOUBLE_BITS & 0x7ff) as i64 - EXPONENT_OFFSET;
    let digits = (payload & ((1 << DOUBLE_BITS) - 1)).to_string();
    let (whole, places) = digits.split_at_checked(1)?;
    write!(text, "{sign}{whole}.{}E{exponent}", if places.is_empty() { "0" } else { places }).ok()
}

/// A number of exactly as many digits as the text has.
fn field(text: &str, most: u64) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&value| is_number && value <= most)
}

/// Year, month and day, and what follows them.
fn day(text: &str) -> Option<(u64, &str)> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut fields = date.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (month, day) = (field(month, 12).filter(|&m| m > 0)?, field(day, 31).filter(|&d| d > 0)?);
    Some((field(year, 9999)? << 9 | month << 5 | day, rest))
}

fn write_day(bits: u64, text: &mut String) -> Option<()> {
    write!(text, "{:04}-{:02}-{:02}", bits >> 9, bits >> 5 & 15, bits & 31).ok()
}

/// No zone, `Z`, or an offset of minutes in steps: 0, 1, or 2 and more.
fn zone(text: &str, step: i64) -> Option<u64> {
    let sign = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'Z') => return (text.len() == 1).then_some(1),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    if (hours.len(), minutes.len()) != (2, 2) {
        return None;
    }
    let offset = field(hours, 14)? as i64 * 60 + field(minutes, 59)? as i64;
    let fits = (1..=840).contains(&offset) && offset % step == 0;
    fits.then(|| (2 + (sign * offset + 840) / step) as u64)
}

fn write_zone(code: i64, step: i64, text: &mut String) -> Option<()> {
    match code {
        0 => Some(()),
        1 => {
            text.push('Z');
            Some(())
        }
        _ => {
            let offset = (code - 2) * step - 840;
            let sign = if offset < 0 { '-' } else { '+' };
            write!(text, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60).ok()
        }
    }
}

const QUARTER: i64 = 15;

fn date_time(text: &str) -> Option<u64> {
    let (day, rest) = day(text)?;
    let (time, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let mut fields = time.split(':');
    let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || (hour.len(), minute.len(), second.len()) != (2, 2, 2) {
        return None;
    }
    let time = field(hour, 23)? << 12 | field(minute, 59)? << 6 | field(second, 59)?;
    let (millis, rest) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, rest) = rest.split_at_checked(n_digits)?;
            if !(1..=3).contains(&n_digits) || digits.ends_with('0') {
                return None;
            }
            (field(digits, 999)? * 10_u64.pow(3 - n_digits as u32), rest)
        }
    };
    Some(((day << 17 | time) << 10 | millis) << 7 | zone(rest, QUARTER)?)
}

fn write_date_time(payload: u64, text: &mut String) -> Option<()> {
    let (zone, millis, time) = (payload & 127, payload >> 7 & 1023, payload >> 17);
    write_day(time >> 17, text)?;
    write!(text, "T{:02}:{:02}:{:02}", time >> 12 & 31, time >> 6 & 63, time & 63).ok()?;
    if millis != 0 {
        let digits = format!("{millis:03}");
        write!(text, ".{}", digits.trim_end_matches('0')).ok()?;
    }
    write_zone(zone as i64, QUARTER, text)
}

/// The date in an id, and what follows it.
fn date(text: &str) -> Option<u64> {
    let (day, rest) = day(text)?;
    Some(day << 12 | zone(rest, 1)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPES: [&str; 6] = ["integer", "decimal", "double", "boolean", "date", "dateTime"];

    /// Whether the term is inline; if it is, it must come back as it was.
    fn is_inline(text: &str, of: &str) -> bool {
        let tag = format!("http://www.w3.org/2001/XMLSchema#{of}");
        let parts = if of == "string" { Parts::Plain(text) } else { Parts::Typed(text, &tag) };
        let Some(id) = encode(parts) else { return false };
        assert_eq!(TermId::from_bits(id.to_bits()), Some(id));
        assert_eq!(decode(id, &mut String::new()), Some(parts));
        true
    }

    #[test]
    fn canonical_spellings_are_in_the_id_and_others_are_not() {
        let inline = [
            ("integer", "0 1 -1 42 576460752303423487 -576460752303423488"),
            ("decimal", "0 0.0 1.0 -1.5 3.14159 0.000000000000001 1.50 12 -0.5"),
            ("double", "0.0E0 -0.0E0 1.0E0 -1.5E-3 1.2345678901234E300 9.0E1"),
            ("boolean", "true false"),
            ("date", "2024-02-29 0001-01-01Z 9999-12-31+14:00 2000-01-01-00:07"),
            ("dateTime", "2024-02-29T23:59:59 2024-02-29T00:00:00.5Z 2024-02-29T01:02:03.123-05:30"),
            ("string", "a abcdefg é"),
        ];
        for (of, texts) in inline {
            texts.split(' ').for_each(|text| assert!(is_inline(text, of), "{text} of {of}"));
        }
        let others = [
            ("integer", "01 +1 -0 1.0 576460752303423488 99999999999999999999 - x"),
            ("decimal", "01.0 +1.0 -0.0 1. .5 1.0000000000000001 12345678901234567 1e0"),
            ("double", "1 1.0 1.0e0 1.50E0 0.5E0 0.0E1 1.0E-0 1.0E01 1.0E1000 INF NaN 10.0E0 1.E0 1.23456789012345E0"),
            ("boolean", "1 0 TRUE"),
            (
                "date",
                "2024-2-1 2024-13-01 2024-00-01 2024-01-32 -2024-01-01 2024-01-01+00:00 2024-01-01+14:01 2024-01-01ZZ",
            ),
            (
                "dateTime",
                "2024-01-01T24:00:00 2024-01-01T00:00:00.50 2024-01-01T00:00:00.1234 2024-01-01T00:00:00+00:01",
            ),
            ("string", "abcdefgh"),
        ];
        for (of, texts) in others {
            texts.split(' ').for_each(|text| assert!(!is_inline(text, of), "{text} of {of}"));
        }
    }

    proptest! {
        #[test]
        fn what_is_in_an_id_comes_back_as_it_was(text in "[-+0-9.ETZ:]{0,28}", which in 0..6_usize) {
            is_inline(&text, TYPES[which]);
        }

        #[test]
        fn numbers_come_back_as_they_were(value: i64, places in 0..20_usize, exponent in -400..400_i32, text: String) {
            is_inline(&value.to_string(), "integer");
            let digits = format!("{:020}", value.unsigned_abs());
            let (whole, fraction) = digits.split_at(20 - places);
            is_inline(&format!("{}.{fraction}", whole.trim_start_matches('0')), "decimal");
            is_inline(&format!("{}.{fraction}E{exponent}", value % 10), "double");
            is_inline(&text, "string");
        }

        #[test]
        fn strings_in_ids_are_in_their_order(a in "\\PC{0,3}", b in "\\PC{0,3}") {
            if let (Some(x), Some(y)) = (encode(Parts::Plain(&a)), encode(Parts::Plain(&b))) {
                prop_assert_eq!(x.cmp(&y), a.as_bytes().cmp(b.as_bytes()));
            }
        }
    }
}
