Operations of Rust that core does not have as VIBEE means them. Sections of `mod rt`; see generate/runtime.rs.
//= add
/// The sum; a fault outside the range of Int.
pub fn add(a: i64, b: i64) -> Result<i64, Fault> {
    a.checked_add(b).ok_or(Fault::Overflow)
}
//= sub
/// The difference; a fault outside the range of Int.
pub fn sub(a: i64, b: i64) -> Result<i64, Fault> {
    a.checked_sub(b).ok_or(Fault::Overflow)
}
//= mul
/// The product; a fault outside the range of Int.
pub fn mul(a: i64, b: i64) -> Result<i64, Fault> {
    a.checked_mul(b).ok_or(Fault::Overflow)
}
//= neg
/// The negative; a fault outside the range of Int.
pub fn neg(a: i64) -> Result<i64, Fault> {
    a.checked_neg().ok_or(Fault::Overflow)
}
//= div
/// The Euclidean quotient.
pub fn div(a: i64, b: i64) -> Result<i64, Fault> {
    if b == 0 {
        return Err(Fault::DivZero);
    }
    a.checked_div_euclid(b).ok_or(Fault::Overflow)
}
//= modulo
/// The Euclidean remainder.
pub fn modulo(a: i64, b: i64) -> Result<i64, Fault> {
    if b == 0 { Err(Fault::DivZero) } else { Ok(a.wrapping_rem_euclid(b)) }
}
//= quo
/// The quotient rounded towards zero.
pub fn quo(a: i64, b: i64) -> Result<i64, Fault> {
    if b == 0 {
        return Err(Fault::DivZero);
    }
    a.checked_div(b).ok_or(Fault::Overflow)
}
//= rem
/// The remainder of `quo`.
pub fn rem(a: i64, b: i64) -> Result<i64, Fault> {
    if b == 0 { Err(Fault::DivZero) } else { Ok(a.wrapping_rem(b)) }
}
//= in_range
/// The value, if it lies within the bounds.
pub fn in_range(value: i64, lo: i64, hi: i64) -> Result<i64, Fault> {
    if (lo..=hi).contains(&value) { Ok(value) } else { Err(Fault::Range) }
}
//= div_u64
/// The quotient rounded down.
pub fn div_u64(a: u64, b: u64) -> Result<u64, Fault> {
    a.checked_div(b).ok_or(Fault::DivZero)
}
//= mod_u64
/// The remainder; a fault for a divisor of 0.
pub fn mod_u64(a: u64, b: u64) -> Result<u64, Fault> {
    a.checked_rem(b).ok_or(Fault::DivZero)
}
//= shl
/// Bits moved up.
pub fn shl(a: u64, n: i64) -> Result<u64, Fault> {
    match n {
        0..=63 => Ok(a << n),
        64.. => Ok(0),
        _ => Err(Fault::Range),
    }
}
//= shr
/// Bits moved down.
pub fn shr(a: u64, n: i64) -> Result<u64, Fault> {
    match n {
        0..=63 => Ok(a >> n),
        64.. => Ok(0),
        _ => Err(Fault::Range),
    }
}
//= rotl
/// Bits turned up.
pub fn rotl(a: u64, n: i64) -> u64 {
    a.rotate_left(n.rem_euclid(64) as u32)
}
//= to_u64
/// The number in the other type; a fault where it does not fit.
pub fn to_u64(a: i64) -> Result<u64, Fault> {
    u64::try_from(a).map_err(|_| Fault::Range)
}
//= to_int
/// The number in the other type; a fault where it does not fit.
pub fn to_int(a: u64) -> Result<i64, Fault> {
    i64::try_from(a).map_err(|_| Fault::Range)
}
//= sqrt
/// The square root, correctly rounded: core has none.
pub fn sqrt(x: f64) -> f64 {
    if x.is_nan() || x == 0.0 || x == f64::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    let bits = x.to_bits();
    let (mut exponent, mut mantissa) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    if exponent == 0 {
        let shift = mantissa.leading_zeros() - 11;
        mantissa <<= shift;
        exponent = 1 - i64::from(shift);
    } else {
        mantissa |= 1 << 52;
    }
    // x = mantissa * 2^power; an even power, and so many bits that the root has 54 and more.
    let mut power = exponent - 1075;
    let mut wide = u128::from(mantissa) << 64;
    power -= 64;
    if power % 2 != 0 {
        wide <<= 1;
        power -= 1;
    }
    let root = wide.isqrt();
    let is_exact = root * root == wide;
    // The root has 58 or 59 bits: 53 are kept, the rest decides on rounding, and is never a tie.
    let extra = 128 - root.leading_zeros() - 53;
    let (kept, rest) = (root >> extra, root & ((1 << extra) - 1));
    let half = 1 << (extra - 1);
    let is_up = rest > half || (rest == half && (!is_exact || kept & 1 == 1));
    let kept = kept + u128::from(is_up);
    let exponent = power / 2 + i64::from(extra) + 1075;
    // A carry into bit 53 raises the exponent by itself.
    f64::from_bits(((exponent as u64) << 52).wrapping_add(kept as u64 - (1 << 52)))
}
//= sqrt_f32: sqrt
/// The square root: rounded twice, which is rounded once here.
pub fn sqrt_f32(x: f32) -> f32 {
    sqrt(f64::from(x)) as f32
}
//= whole
/// The number without its fraction, if it is an Int.
fn whole(x: f64) -> Result<i64, Fault> {
    if (-9223372036854775808.0..9223372036854775808.0).contains(&x) { Ok(x as i64) } else { Err(Fault::Range) }
}
//= floor: whole
/// The whole number at or below `x`.
pub fn floor(x: f64) -> Result<i64, Fault> {
    let n = whole(x)?;
    Ok(if n as f64 > x { n - 1 } else { n })
}
//= ceil: whole
/// The whole number at or above `x`.
pub fn ceil(x: f64) -> Result<i64, Fault> {
    let n = whole(x)?;
    Ok(if (n as f64) < x { n + 1 } else { n })
}
//= trunc: whole
/// Rounded towards zero.
pub fn trunc(x: f64) -> Result<i64, Fault> {
    whole(x)
}
//= round_even: floor
/// Rounded to the nearest, ties to even.
pub fn round_even(x: f64) -> Result<i64, Fault> {
    let n = floor(x)?;
    let rest = x - n as f64;
    Ok(if rest > 0.5 || (rest == 0.5 && n % 2 != 0) { n + 1 } else { n })
}
//= float
/// The number in the other type; a fault where it does not fit.
pub fn float(a: i64) -> Result<f64, Fault> {
    let x = a as f64;
    if x as i128 == i128::from(a) { Ok(x) } else { Err(Fault::Inexact) }
}
//= bits
/// The bits of the number; of NaN, always the same.
pub fn bits(x: f64) -> u64 {
    if x.is_nan() { 0x7ff8_0000_0000_0000 } else { x.to_bits() }
}
//= bits_f32
/// The bits of the number; of NaN, always the same.
pub fn bits_f32(x: f32) -> u64 {
    if x.is_nan() { 0x7fc0_0000 } else { u64::from(x.to_bits()) }
}
//= f32_from_bits
/// The number of these bits.
pub fn f32_from_bits(bits: u64) -> Result<f32, Fault> {
    u32::try_from(bits).map(f32::from_bits).map_err(|_| Fault::Range)
}
//= order
/// The order of structure: of numbers −0.0 before 0.0, and NaN last.
pub trait Order {
    /// How it stands to another value.
    fn order(&self, other: &Self) -> Ordering;
}

/// An order that the language has is that of structure.
macro_rules! ordered {
    ($($ty:ty),*) => {
        $(impl Order for $ty {
            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        })*
    };
}
ordered!(bool, i64, u64, u8, str, alloc::string::String);

impl Order for f64 {
    fn order(&self, other: &Self) -> Ordering {
        let key = |x: f64| if x.is_nan() { f64::NAN.abs() } else { x };
        key(*self).total_cmp(&key(*other))
    }
}

impl Order for f32 {
    fn order(&self, other: &Self) -> Ordering {
        let key = |x: f32| if x.is_nan() { f32::NAN.abs() } else { x };
        key(*self).total_cmp(&key(*other))
    }
}

impl<T: Order + ?Sized> Order for &T {
    fn order(&self, other: &Self) -> Ordering {
        (**self).order(*other)
    }
}

impl<T: Order> Order for alloc::boxed::Box<T> {
    fn order(&self, other: &Self) -> Ordering {
        (**self).order(&**other)
    }
}

impl<T: Order> Order for [T] {
    fn order(&self, other: &Self) -> Ordering {
        let first = self.iter().zip(other).map(|(a, b)| a.order(b)).find(|order| order.is_ne());
        first.unwrap_or_else(|| self.len().cmp(&other.len()))
    }
}

impl<T: Order> Order for alloc::vec::Vec<T> {
    fn order(&self, other: &Self) -> Ordering {
        self.as_slice().order(other.as_slice())
    }
}

impl<T: Order> Order for Option<T> {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Some(a), Some(b)) => a.order(b),
            _ => self.is_some().cmp(&other.is_some()),
        }
    }
}

impl<T: Order, E: Order> Order for Result<T, E> {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Ok(a), Ok(b)) => a.order(b),
            (Err(a), Err(b)) => a.order(b),
            _ => self.is_err().cmp(&other.is_err()),
        }
    }
}

impl<K: Order, V: Order> Order for alloc::collections::BTreeMap<K, V> {
    fn order(&self, other: &Self) -> Ordering {
        let pairs = |(a, b): ((&K, &V), (&K, &V))| a.0.order(b.0).then_with(|| a.1.order(b.1));
        let first = self.iter().zip(other).map(pairs).find(|order| order.is_ne());
        first.unwrap_or_else(|| self.len().cmp(&other.len()))
    }
}

impl<K: Order> Order for alloc::collections::BTreeSet<K> {
    fn order(&self, other: &Self) -> Ordering {
        let first = self.iter().zip(other).map(|(a, b)| a.order(b)).find(|order| order.is_ne());
        first.unwrap_or_else(|| self.len().cmp(&other.len()))
    }
}

/// Tuples, by their places.
macro_rules! ordered_tuples {
    ($(($($name:ident $place:tt)*))*) => {
        $(impl<$($name: Order),*> Order for ($($name,)*) {
            fn order(&self, other: &Self) -> Ordering {
                Ordering::Equal$(.then_with(|| self.$place.order(&other.$place)))*
            }
        })*
    };
}
ordered_tuples! {
    (A 0 B 1)
    (A 0 B 1 C 2)
    (A 0 B 1 C 2 D 3)
    (A 0 B 1 C 2 D 3 E 4)
    (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
}
//= order_trit: order, trit
impl Order for super::Trit {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}
//= trit
impl super::Trit {
    /// Kleene's not: the negative.
    pub fn negated(self) -> Self {
        match self {
            Self::Minus => Self::Plus,
            Self::Zero => Self::Zero,
            Self::Plus => Self::Minus,
        }
    }

    /// Kleene's implication: `not self or other`.
    pub fn implies(self, other: Self) -> Self {
        self.negated().max(other)
    }

    /// Kleene's xor: one of both, not both.
    pub fn xor(self, other: Self) -> Self {
        self.max(other).min(self.min(other).negated())
    }

    /// The product of both digits.
    pub fn times(self, other: Self) -> Self {
        match self {
            Self::Minus => other.negated(),
            Self::Zero => Self::Zero,
            Self::Plus => other,
        }
    }

    /// The sum's digit and the carry.
    pub fn plus(self, other: Self) -> (Self, Self) {
        match self.int() + other.int() {
            -2 => (Self::Plus, Self::Minus),
            -1 => (Self::Minus, Self::Zero),
            1 => (Self::Plus, Self::Zero),
            2 => (Self::Minus, Self::Plus),
            _ => (Self::Zero, Self::Zero),
        }
    }

    /// The one that both are, else 0.
    pub fn consensus(self, other: Self) -> Self {
        if self == other { self } else { Self::Zero }
    }

    /// The number that the digit is.
    pub fn int(self) -> i64 {
        self as i64
    }

    /// The digit of a number from −1 to 1.
    pub fn from_int(n: i64) -> Result<Self, Fault> {
        match n {
            -1 => Ok(Self::Minus),
            0 => Ok(Self::Zero),
            1 => Ok(Self::Plus),
            _ => Err(Fault::Range),
        }
    }
}

impl From<bool> for super::Trit {
    fn from(holds: bool) -> Self {
        if holds { Self::Plus } else { Self::Minus }
    }
}
//= tryte_max
/// The greatest number of so many digits.
fn tryte_max(digits: u32) -> i64 {
    ((3_i128.pow(digits) - 1) / 2) as i64
}
//= tryte: tryte_max
/// The number, if it has so many digits.
pub fn tryte(n: i64, digits: u32) -> Result<i64, Fault> {
    let max = tryte_max(digits);
    if (-max..=max).contains(&n) { Ok(n) } else { Err(Fault::Range) }
}
//= tryte_add: tryte
/// The sum; a fault where it has more digits.
pub fn tryte_add(a: i64, b: i64, digits: u32) -> Result<i64, Fault> {
    a.checked_add(b).and_then(|sum| tryte(sum, digits).ok()).ok_or(Fault::Overflow)
}
//= tryte_sub: tryte
/// The difference; a fault where it has more digits.
pub fn tryte_sub(a: i64, b: i64, digits: u32) -> Result<i64, Fault> {
    a.checked_sub(b).and_then(|sum| tryte(sum, digits).ok()).ok_or(Fault::Overflow)
}
//= tryte_wrap_add: tryte_max
/// The sum modulo 3ⁿ, centred at 0.
pub fn tryte_wrap_add(a: i64, b: i64, digits: u32) -> i64 {
    let max = i128::from(tryte_max(digits));
    ((i128::from(a) + i128::from(b) + max).rem_euclid(2 * max + 1) - max) as i64
}
//= tryte_digits: trit
/// The digits, the most significant first.
pub fn tryte_digits(n: i64, digits: u32) -> alloc::vec::Vec<super::Trit> {
    let mut rest = n;
    let mut trits = alloc::vec::Vec::new();
    for _ in 0..digits {
        trits.push(match rest.rem_euclid(3) {
            0 => super::Trit::Zero,
            1 => super::Trit::Plus,
            _ => super::Trit::Minus,
        });
        rest = (rest + 1).div_euclid(3);
    }
    trits.reverse();
    trits
}
//= tryte_from_digits: trit
/// The number of these digits.
pub fn tryte_from_digits(trits: &[super::Trit], digits: u32) -> Result<i64, Fault> {
    if trits.len() as u64 != u64::from(digits) {
        return Err(Fault::Range);
    }
    Ok(trits.iter().fold(0, |n, trit| 3 * n + trit.int()))
}
//= at
/// The item at a position.
pub fn at<T>(items: &[T], i: i64) -> Result<&T, Fault> {
    usize::try_from(i).ok().and_then(|i| items.get(i)).ok_or(Fault::Index)
}
//= push
/// With one more at the end.
pub fn push<T>(mut items: alloc::vec::Vec<T>, item: T) -> alloc::vec::Vec<T> {
    items.push(item);
    items
}
//= set_at
/// Puts another item at a position.
pub fn set_at<T>(items: &mut [T], i: i64, item: T) -> Result<(), Fault> {
    *usize::try_from(i).ok().and_then(|i| items.get_mut(i)).ok_or(Fault::Index)? = item;
    Ok(())
}
//= set: set_at
/// With another item at a position.
pub fn set<T>(mut items: alloc::vec::Vec<T>, i: i64, item: T) -> Result<alloc::vec::Vec<T>, Fault> {
    set_at(&mut items, i, item)?;
    Ok(items)
}
//= slice
/// Items from the first position to before the second.
pub fn slice<T>(items: &[T], from: i64, to: i64) -> Result<&[T], Fault> {
    let range = usize::try_from(from).and_then(|from| Ok(from..usize::try_from(to)?));
    range.ok().and_then(|range| items.get(range)).ok_or(Fault::Index)
}
//= sort
/// Sorts the items; equal ones stay in their order.
pub fn sort<T: Ord>(mut items: alloc::vec::Vec<T>) -> alloc::vec::Vec<T> {
    items.sort();
    items
}
//= sort_by_order: order
/// Sorted by the order of structure, stable.
pub fn sort_by_order<T: Order>(mut items: alloc::vec::Vec<T>) -> alloc::vec::Vec<T> {
    items.sort_by(Order::order);
    items
}
//= put
/// With that member.
pub fn put<K: Ord>(mut set: alloc::collections::BTreeSet<K>, key: K) -> alloc::collections::BTreeSet<K> {
    set.insert(key);
    set
}
//= delete
/// Without that member.
pub fn delete<K: Ord>(mut set: alloc::collections::BTreeSet<K>, key: &K) -> alloc::collections::BTreeSet<K> {
    set.remove(key);
    set
}
//= map_put
/// With that value for that key.
pub fn map_put<K: Ord, V>(
    mut map: alloc::collections::BTreeMap<K, V>,
    key: K,
    value: V,
) -> alloc::collections::BTreeMap<K, V> {
    map.insert(key, value);
    map
}
//= map_delete
/// Without that key.
pub fn map_delete<K: Ord, V>(
    mut map: alloc::collections::BTreeMap<K, V>,
    key: &K,
) -> alloc::collections::BTreeMap<K, V> {
    map.remove(key);
    map
}
//= char_start
/// Where the character at a position begins.
fn char_start(text: &str, i: i64) -> Result<usize, Fault> {
    let i = usize::try_from(i).map_err(|_| Fault::Index)?;
    let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.into_iter().nth(i).ok_or(Fault::Index)
}
//= char_at: char_start
/// The character at a position, as a text of one.
pub fn char_at(text: &str, i: i64) -> Result<&str, Fault> {
    let rest = &text[char_start(text, i)?..];
    let len = rest.chars().next().ok_or(Fault::Index)?.len_utf8();
    Ok(&rest[..len])
}
//= substring: char_start
/// From the first position to before the second.
pub fn substring(text: &str, from: i64, to: i64) -> Result<&str, Fault> {
    let (from, to) = (char_start(text, from)?, char_start(text, to)?);
    text.get(from..to).ok_or(Fault::Index)
}
//= chars
/// The characters, each a text of one.
pub fn chars(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()])
}
//= find
/// The first position where the other text stands.
pub fn find(text: &str, other: &str) -> Option<i64> {
    text.find(other).map(|at| text[..at].chars().count() as i64)
}
//= split
/// The parts between.
pub fn split(text: &str, separator: &str) -> Result<alloc::vec::Vec<alloc::string::String>, Fault> {
    if separator.is_empty() {
        return Err(Fault::Range);
    }
    Ok(text.split(separator).map(alloc::string::String::from).collect())
}
//= code
/// The number of the character.
pub fn code(text: &str) -> Result<i64, Fault> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(i64::from(u32::from(c))),
        _ => Err(Fault::Index),
    }
}
//= from_code
/// The text of that character.
pub fn from_code(code: i64) -> Result<alloc::string::String, Fault> {
    let c = u32::try_from(code).ok().and_then(char::from_u32);
    c.map(alloc::string::String::from).ok_or(Fault::Range)
}
//= parse_float
/// The number in decimal.
pub fn parse_float(text: &str) -> Option<f64> {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if is_number { text.parse().ok() } else { None }
}
//= decimal
/// Writes digits with a point from 1e-5 to below 1e16, and as `1.5e-7` elsewhere. `shortest` reads back, as does `even`
/// if `is_even_right`: of two such texts that are equally close, the one whose last digit is even counts.
fn decimal(shortest: &str, even: &str, is_even_right: bool) -> alloc::string::String {
    let text = if is_even_right { even } else { shortest };
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let all: alloc::string::String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = all.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let whole = (exponent + 1).max(0) as usize;
    if !(-5..16).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        alloc::format!("{sign}{first}{point}{rest}e{exponent}")
    } else if exponent < 0 {
        alloc::format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize))
    } else if digits.len() <= whole {
        alloc::format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()))
    } else {
        alloc::format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
    }
}

/// How many digits stand behind the first one.
fn n_more(shortest: &str) -> usize {
    let digits = shortest.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    digits.saturating_sub(1)
}
//= show_float: decimal
/// The shortest decimal that reads back.
pub fn show_float(x: f64) -> alloc::string::String {
    if !x.is_finite() {
        return if x.is_nan() { "nan".into() } else { alloc::format!("{x}") };
    }
    let shortest = alloc::format!("{x:e}");
    let even = alloc::format!("{:.*e}", n_more(&shortest), x);
    decimal(&shortest, &even, even.parse() == Ok(x))
}
//= show_f32: decimal
/// The shortest decimal that reads back.
pub fn show_f32(x: f32) -> alloc::string::String {
    if !x.is_finite() {
        return if x.is_nan() { "nan".into() } else { alloc::format!("{x}") };
    }
    let shortest = alloc::format!("{x:e}");
    let even = alloc::format!("{:.*e}", n_more(&shortest), x);
    decimal(&shortest, &even, even.parse() == Ok(x))
}
//= byte
/// The byte at a position.
pub fn byte(bytes: &[u8], i: i64) -> Result<i64, Fault> {
    let byte = usize::try_from(i).ok().and_then(|i| bytes.get(i));
    byte.map(|byte| i64::from(*byte)).ok_or(Fault::Index)
}
//= bytes_of
/// The bytes of these numbers; a fault outside 0 to 255.
pub fn bytes_of(numbers: &[i64]) -> Result<alloc::vec::Vec<u8>, Fault> {
    numbers.iter().map(|n| u8::try_from(*n).map_err(|_| Fault::Range)).collect()
}
