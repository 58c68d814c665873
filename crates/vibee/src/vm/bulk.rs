//! Operations that are no few machine instructions: on lists, sets, maps, Trytes and conversions. Each takes the words
//! of its operands and gives the word of its result; fuel for what it goes over is left in the heap's `charge`.

use std::cmp::Ordering;

use super::{
    heap::Heap,
    layout::{Kind, Layouts},
    texts,
};
use crate::{
    bytecode::{Instr, Opcode},
    order::{canonical, canonical_f32},
    value::Fault,
};

/// Words of the operands, and the types of the first two.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub a: u64,
    pub b: u64,
    pub c: u64,
    pub a_type: u32,
    pub b_type: u32,
}

pub(super) fn run(heap: &mut Heap, layouts: &Layouts, instr: Instr, w: Words) -> Result<u64, Fault> {
    let compare = |heap: &mut Heap, is_ieee| heap.compare(w.b, w.c, w.b_type, layouts, is_ieee);
    match instr.op {
        Opcode::HEq => Ok(u64::from(compare(heap, true)? == Ordering::Equal)),
        Opcode::HSame => Ok(u64::from(compare(heap, false)? == Ordering::Equal)),
        Opcode::HCmp => Ok(compare(heap, false)? as i64 as u64),
        Opcode::IDiv => int_div(w.b as i64, w.c as i64).map(|x| x as u64),
        Opcode::IMod => match w.c as i64 {
            0 => Err(Fault::DivZero),
            by => Ok((w.b as i64).wrapping_rem_euclid(by) as u64),
        },
        Opcode::IQuo => match w.c as i64 {
            0 => Err(Fault::DivZero),
            by => (w.b as i64).checked_div(by).map(|x| x as u64).ok_or(Fault::Overflow),
        },
        Opcode::IRem => match w.c as i64 {
            0 => Err(Fault::DivZero),
            by => Ok((w.b as i64).wrapping_rem(by) as u64),
        },
        Opcode::UDiv => w.b.checked_div(w.c).ok_or(Fault::DivZero),
        Opcode::UMod => w.b.checked_rem(w.c).ok_or(Fault::DivZero),
        Opcode::UShl => shift(w.b, w.c as i64, u64::checked_shl),
        Opcode::UShr => shift(w.b, w.c as i64, u64::checked_shr),
        Opcode::UShlK => shift(w.b, i64::from(instr.c as i16), u64::checked_shl),
        Opcode::UShrK => shift(w.b, i64::from(instr.c as i16), u64::checked_shr),
        Opcode::URotl => Ok(w.b.rotate_left((w.c as i64).rem_euclid(64) as u32)),
        Opcode::FFloor => whole(f64::from_bits(w.b).floor()),
        Opcode::FCeil => whole(f64::from_bits(w.b).ceil()),
        Opcode::FTrunc => whole(f64::from_bits(w.b).trunc()),
        Opcode::FRound => whole(f64::from_bits(w.b).round_ties_even()),
        Opcode::FOfInt => exact(w.b as i64).map(f64::to_bits).ok_or(Fault::Inexact),
        Opcode::FSqrt => Ok(canonical(f64::from_bits(w.b).sqrt()).to_bits()),
        Opcode::GSqrt => Ok(canonical_f32(f32::from_bits(w.b as u32).sqrt()).to_bits().into()),
        Opcode::GOfFloat => Ok(canonical_f32(f64::from_bits(w.b) as f32).to_bits().into()),
        Opcode::GToFloat => Ok(canonical(f64::from(f32::from_bits(w.b as u32))).to_bits()),
        Opcode::GOfBits => match u32::try_from(w.b) {
            Ok(bits) => Ok(canonical_f32(f32::from_bits(bits)).to_bits().into()),
            Err(_) => Err(Fault::Range),
        },
        Opcode::YAdd => tryte((w.b as i64).checked_add(w.c as i64), layouts.n_digits(w.a_type), Fault::Overflow),
        Opcode::YSub => tryte((w.b as i64).checked_sub(w.c as i64), layouts.n_digits(w.a_type), Fault::Overflow),
        Opcode::YOfInt => tryte(Some(w.b as i64), layouts.n_digits(w.a_type), Fault::Range),
        Opcode::YWrap => {
            let (n, sum) = (layouts.n_digits(w.a_type), i128::from(w.b as i64) + i128::from(w.c as i64));
            let (max, modulus) = (i128::from(tryte_max(n)), 3_i128.pow(u32::from(n)));
            Ok(((sum + max).rem_euclid(modulus) - max) as i64 as u64)
        }
        Opcode::YDigits => {
            let (n, mut rest) = (layouts.n_digits(w.b_type), w.b as i64);
            let mut digits = vec![0; n.into()];
            for digit in digits.iter_mut().rev() {
                let low = (rest + 1).rem_euclid(3) - 1;
                *digit = low as u64;
                rest = (rest - low) / 3;
            }
            heap.bulk(digits.len());
            heap.of_words(layouts.shape_of(w.a_type), digits)
        }
        Opcode::YOfDigits => {
            let n = layouts.n_digits(w.a_type);
            let digits = heap.words(w.b);
            if digits.len() != usize::from(n) {
                return Err(Fault::Range);
            }
            let number = digits.iter().fold(0_i64, |sum, digit| sum.wrapping_mul(3).wrapping_add(*digit as i64));
            heap.bulk(n.into());
            Ok(number as u64)
        }
        Opcode::Lcat
        | Opcode::Lslice
        | Opcode::Lset
        | Opcode::Lpush
        | Opcode::Lsort
        | Opcode::Lrange
        | Opcode::Tof
        | Opcode::Thas
        | Opcode::Tput
        | Opcode::Tdel
        | Opcode::Titems
        | Opcode::Mof
        | Opcode::Mhas
        | Opcode::Mget
        | Opcode::Mat
        | Opcode::Mput
        | Opcode::Mdel
        | Opcode::Mkeys => collection(heap, layouts, instr, w),
        _ => texts::run(heap, layouts, instr, w),
    }
}

pub(super) fn int_div(x: i64, by: i64) -> Result<i64, Fault> {
    if by == 0 {
        return Err(Fault::DivZero);
    }
    x.checked_div_euclid(by).ok_or(Fault::Overflow)
}

fn shift(x: u64, by: i64, shifted: fn(u64, u32) -> Option<u64>) -> Result<u64, Fault> {
    if by < 0 {
        return Err(Fault::Range);
    }
    Ok(u32::try_from(by).ok().and_then(|by| shifted(x, by)).unwrap_or(0))
}

/// The Int that a whole Float is; bounds are powers of two, which Floats are exactly.
fn whole(x: f64) -> Result<u64, Fault> {
    let bound = 2_f64.powi(63);
    if x >= -bound && x < bound { Ok(x as i64 as u64) } else { Err(Fault::Range) }
}

/// The Float that an Int is, where one is it.
fn exact(i: i64) -> Option<f64> {
    let x = i as f64;
    (x < 2_f64.powi(63) && x as i64 == i).then_some(x)
}

/// The greatest number of `n` digits.
fn tryte_max(n: u8) -> i64 {
    ((3_i128.pow(u32::from(n.min(40))) - 1) / 2) as i64
}

fn tryte(x: Option<i64>, n: u8, fault: Fault) -> Result<u64, Fault> {
    match x {
        Some(x) if x.unsigned_abs() <= tryte_max(n) as u64 => Ok(x as u64),
        _ => Err(fault),
    }
}

/// A position within `0..n`.
pub(super) fn position(at: u64, n: usize) -> Result<usize, Fault> {
    if at < n as u64 { Ok(at as usize) } else { Err(Fault::Index) }
}

/// Positions of a slice.
pub(super) fn slice(first: u64, second: u64, n: usize) -> Result<(usize, usize), Fault> {
    if first <= second && second <= n as u64 { Ok((first as usize, second as usize)) } else { Err(Fault::Index) }
}

/// Gives another reference to a word, if it is one of a heap type.
fn retained(heap: &mut Heap, layouts: &Layouts, word: u64, ty: u32) -> u64 {
    if layouts.is_heap(ty) {
        heap.retain(word);
    }
    word
}

/// The value of a key, with a reference of its own.
fn map_at(heap: &mut Heap, layouts: &Layouts, w: Words) -> Result<Option<u64>, Fault> {
    let found = heap.find(w.b, w.c, layouts.part(w.b_type, 0), 2, layouts)?;
    let word = found.ok().and_then(|at| heap.words(w.b).get(2 * at + 1).copied());
    Ok(word.map(|word| retained(heap, layouts, word, layouts.part(w.b_type, 1))))
}

/// Gives a key's value as an Option.
pub(super) fn map_get(heap: &mut Heap, layouts: &Layouts, w: Words) -> Result<u64, Fault> {
    let shape = layouts.shape_of(w.a_type);
    match map_at(heap, layouts, w)? {
        None => heap.of_parts(shape, layouts, &[]),
        Some(word) => heap.of_parts(shape + 1, layouts, &[word]),
    }
}

/// Puts a value for a key, in place where the map has one owner.
pub(super) fn map_put(heap: &mut Heap, layouts: &Layouts, w: Words) -> Result<u64, Fault> {
    let (key_type, value_type) = (layouts.part(w.a_type, 0), layouts.part(w.a_type, 1));
    let found = heap.find(w.a, w.b, key_type, 2, layouts)?;
    let map = heap.own(w.a, layouts)?;
    retained(heap, layouts, w.c, value_type);
    match found {
        Ok(at) => {
            let place = heap.unique(map).and_then(|words| words.get_mut(2 * at + 1));
            let old = place.map(|word| std::mem::replace(word, w.c));
            if let (Some(old), true) = (old, layouts.is_heap(value_type)) {
                heap.release(old, layouts);
            }
        }
        Err(at) => {
            retained(heap, layouts, w.b, key_type);
            heap.grew(2)?;
            let Some(words) = heap.unique(map) else { return Ok(map) };
            let at = (2 * at).min(words.len());
            let moved = words.len() - at;
            if moved == 0 {
                words.extend([w.b, w.c]);
            } else {
                words.splice(at..at, [w.b, w.c]);
            }
            heap.bulk(moved);
        }
    }
    Ok(map)
}

fn collection(heap: &mut Heap, layouts: &Layouts, instr: Instr, w: Words) -> Result<u64, Fault> {
    let item_type = layouts.part(w.a_type, 0);
    match instr.op {
        Opcode::Lpush => {
            let list = heap.own(w.a, layouts)?;
            heap.grew(1)?;
            if let Some(words) = heap.unique(list) {
                words.push(w.b);
            }
            Ok(list)
        }
        Opcode::Lset => {
            let at = position(w.b, heap.words(w.a).len())?;
            let list = heap.own(w.a, layouts)?;
            let old = heap.unique(list).and_then(|words| words.get_mut(at)).map(|word| std::mem::replace(word, w.c));
            if let (Some(old), true) = (old, layouts.is_heap(item_type)) {
                heap.release(old, layouts);
            }
            Ok(list)
        }
        Opcode::Lcat => {
            let added = heap.words(w.b).to_vec();
            if added.is_empty() {
                return Ok(w.a);
            }
            heap.bulk(added.len());
            heap.retain_parts(&added, layouts.shape_of(w.a_type), layouts);
            if heap.words(w.a).is_empty() && heap.unique(w.a).is_none() {
                let list = heap.of_words(layouts.shape_of(w.a_type), added)?;
                heap.release(w.a, layouts);
                return Ok(list);
            }
            let list = heap.own(w.a, layouts)?;
            heap.grew(added.len() as isize)?;
            if let Some(words) = heap.unique(list) {
                words.extend(added);
            }
            Ok(list)
        }
        Opcode::Lslice => {
            let (first, second) = slice(w.b, w.c, heap.words(w.a).len())?;
            let n = heap.words(w.a).len();
            if first == 0 && second == n {
                return Ok(w.a);
            }
            heap.bulk(second - first);
            if heap.unique(w.a).is_some() && !layouts.is_heap(item_type) {
                if let Some(words) = heap.unique(w.a) {
                    words.truncate(second);
                    words.drain(..first);
                }
                heap.bulk(n - second);
                heap.grew((second - first) as isize - n as isize)?;
                return Ok(w.a);
            }
            let part = heap.words(w.a).get(first..second).unwrap_or_default().to_vec();
            heap.retain_parts(&part, layouts.shape_of(w.a_type), layouts);
            let list = heap.of_words(layouts.shape_of(w.a_type), part)?;
            heap.release(w.a, layouts);
            Ok(list)
        }
        Opcode::Lsort => {
            let list = heap.own(w.a, layouts)?;
            let words = heap.unique(list).map(std::mem::take).unwrap_or_default();
            let sorted = sort(heap, layouts, words, item_type)?;
            if let Some(words) = heap.unique(list) {
                *words = sorted;
            }
            Ok(list)
        }
        Opcode::Lrange => {
            let (first, last) = (w.b as i64, w.c as i64);
            let n = if last < first { 0 } else { i128::from(last) - i128::from(first) + 1 };
            if n > i128::from(heap.limit / 8) {
                return Err(Fault::Memory);
            }
            heap.bulk(n as usize);
            let words = if n == 0 { Vec::new() } else { (first..=last).map(|x| x as u64).collect() };
            heap.of_words(layouts.shape_of(w.a_type), words)
        }
        Opcode::Tof => {
            let words = heap.words(w.b).to_vec();
            let ty = layouts.part(w.b_type, 0);
            let mut sorted = sort(heap, layouts, words, ty)?;
            let mut kept: Vec<u64> = Vec::with_capacity(sorted.len());
            for word in sorted.drain(..) {
                let is_new = match kept.last() {
                    Some(last) => heap.compare(*last, word, ty, layouts, false)? != Ordering::Equal,
                    None => true,
                };
                if is_new {
                    kept.push(retained(heap, layouts, word, ty));
                }
            }
            heap.of_words(layouts.shape_of(w.a_type), kept)
        }
        Opcode::Mof => {
            let pairs = heap.words(w.b).to_vec();
            let pair_type = layouts.part(w.b_type, 0);
            let key_type = layouts.part(pair_type, 0);
            let keyed: Vec<(u64, u64)> = pairs
                .iter()
                .map(|pair| match heap.words(*pair) {
                    [key, of, ..] => (*key, *of),
                    _ => (0, 0),
                })
                .collect();
            let order = sort_by(heap, layouts, keyed, key_type)?;
            let mut words: Vec<u64> = Vec::with_capacity(2 * order.len());
            for (at, (key, of)) in order.iter().enumerate() {
                let is_last = match order.get(at + 1) {
                    Some((next, _)) => heap.compare(*key, *next, key_type, layouts, false)? != Ordering::Equal,
                    None => true,
                };
                if is_last {
                    words.push(*key);
                    words.push(*of);
                }
            }
            let shape = layouts.shape_of(w.a_type);
            heap.retain_parts(&words, shape, layouts);
            heap.of_words(shape, words)
        }
        Opcode::Thas => Ok(heap.find(w.b, w.c, layouts.part(w.b_type, 0), 1, layouts)?.is_ok().into()),
        Opcode::Mhas => Ok(heap.find(w.b, w.c, layouts.part(w.b_type, 0), 2, layouts)?.is_ok().into()),
        Opcode::Mget => map_get(heap, layouts, w),
        Opcode::Mat => map_at(heap, layouts, w)?.ok_or(Fault::Key),
        Opcode::Tput => {
            let Err(at) = heap.find(w.a, w.b, item_type, 1, layouts)? else { return Ok(w.a) };
            let set = heap.own(w.a, layouts)?;
            retained(heap, layouts, w.b, item_type);
            heap.grew(1)?;
            let Some(words) = heap.unique(set) else { return Ok(set) };
            let moved = words.len().saturating_sub(at);
            words.insert(at.min(words.len()), w.b);
            heap.bulk(moved);
            Ok(set)
        }
        Opcode::Tdel | Opcode::Mdel => {
            let stride = if instr.op == Opcode::Mdel { 2 } else { 1 };
            let Ok(at) = heap.find(w.a, w.b, item_type, stride, layouts)? else { return Ok(w.a) };
            let of = heap.own(w.a, layouts)?;
            let (from, to) = (stride * at, stride * (at + 1));
            let Some(words) = heap.unique(of) else { return Ok(of) };
            let moved = words.len().saturating_sub(to);
            let gone: Vec<u64> = if to <= words.len() { words.drain(from..to).collect() } else { Vec::new() };
            heap.bulk(moved);
            heap.grew(-(gone.len() as isize))?;
            for (at, word) in gone.into_iter().enumerate() {
                if layouts.is_heap(layouts.part(w.a_type, at)) {
                    heap.release(word, layouts);
                }
            }
            Ok(of)
        }
        Opcode::Mput => map_put(heap, layouts, w),
        Opcode::Titems => {
            let words = heap.words(w.b).to_vec();
            heap.bulk(words.len());
            let shape = layouts.shape_of(w.a_type);
            heap.retain_parts(&words, shape, layouts);
            heap.of_words(shape, words)
        }
        Opcode::Mkeys => {
            let words: Vec<u64> = heap.words(w.b).iter().copied().step_by(2).collect();
            heap.bulk(words.len());
            let shape = layouts.shape_of(w.a_type);
            heap.retain_parts(&words, shape, layouts);
            heap.of_words(shape, words)
        }
        _ => Ok(0),
    }
}

/// Sorts words of a type, stable. Fuel: what its comparisons cost.
fn sort(heap: &mut Heap, layouts: &Layouts, words: Vec<u64>, ty: u32) -> Result<Vec<u64>, Fault> {
    let keyed = words.into_iter().map(|word| (word, 0)).collect();
    Ok(sort_by(heap, layouts, keyed, ty)?.into_iter().map(|(word, _)| word).collect())
}

fn sort_by(heap: &mut Heap, layouts: &Layouts, mut keyed: Vec<(u64, u64)>, ty: u32) -> Result<Vec<(u64, u64)>, Fault> {
    let n = keyed.len();
    heap.bulk(n * (usize::BITS - n.leading_zeros()) as usize);
    match layouts.kind(ty) {
        Kind::Signed => keyed.sort_by_key(|(key, _)| *key as i64),
        Kind::Unsigned => keyed.sort_by_key(|(key, _)| *key),
        _ => return merge_sort(heap, layouts, keyed, ty),
    }
    Ok(keyed)
}

/// Merges runs of 1, 2, 4 … until one is left: which pairs are compared, and so the fuel, depends on nothing but the
/// words.
fn merge_sort(
    heap: &mut Heap,
    layouts: &Layouts,
    mut from: Vec<(u64, u64)>,
    ty: u32,
) -> Result<Vec<(u64, u64)>, Fault> {
    let n = from.len();
    let mut to = Vec::with_capacity(n);
    let mut width = 1;
    while width < n {
        to.clear();
        for runs in from.chunks(2 * width) {
            let (mut left, mut right) = runs.split_at(width.min(runs.len()));
            while let ([one, ones @ ..], [other, others @ ..]) = (left, right) {
                if heap.compare(one.0, other.0, ty, layouts, false)? == Ordering::Greater {
                    to.push(*other);
                    right = others;
                } else {
                    to.push(*one);
                    left = ones;
                }
            }
            to.extend_from_slice(left);
            to.extend_from_slice(right);
        }
        std::mem::swap(&mut from, &mut to);
        width *= 2;
    }
    Ok(from)
}
