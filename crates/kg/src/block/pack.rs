//! A column whose values are parted by class, each class in bits of its own.
//!
//! `n_classes` (u8), their upper bits (u8 each: five bits of class and lateness), the class of each row in 0, 2 or 4
//! bits, then for each class its payloads in groups of [`GROUP`]: a byte (its upper bit says that differences are
//! packed, the others give the width), for values the least one as a varint, and the packed bits.

use super::{Input, unzigzag, write_varint, zigzag};

const GROUP: usize = 128;
/// Class and lateness are the upper bits of an id; the lower ones are packed.
const LOWER_BITS: u32 = 59;
const LOWER: u64 = (1 << LOWER_BITS) - 1;
const CLASSES_MAX: usize = 32;
const DIFFERENCES: u8 = 128;

pub(super) fn encode(column: &[u64], out: &mut Vec<u8>) {
    let mut streams: Vec<(u8, Vec<u64>)> = Vec::new();
    let mut classes = Vec::with_capacity(column.len());
    for &value in column {
        let upper = (value >> LOWER_BITS) as u8;
        let class = streams.iter().position(|(known, _)| *known == upper).unwrap_or_else(|| {
            streams.push((upper, Vec::new()));
            streams.len() - 1
        });
        streams[class].1.push(value & LOWER);
        classes.push(class as u64);
    }
    out.push(streams.len() as u8);
    out.extend(streams.iter().map(|(upper, _)| *upper));
    pack(&classes, class_bits(streams.len()), out);
    for (_, stream) in &streams {
        encode_stream(stream, out);
    }
}

fn class_bits(n_classes: usize) -> u32 {
    usize::BITS - (n_classes - 1).leading_zeros()
}

fn encode_stream(stream: &[u64], out: &mut Vec<u8>) {
    let mut before = 0;
    let mut packed = [0; GROUP];
    for group in stream.chunks(GROUP) {
        let least = group.iter().copied().min().unwrap_or(0);
        let spread = group.iter().fold(0, |bits, value| bits | (value - least));
        let mut differences = 0;
        for (out, pair) in packed.iter_mut().zip(std::iter::once(&before).chain(group).zip(group)) {
            *out = zigzag(pair.1.wrapping_sub(*pair.0) as i64);
            differences |= *out;
        }
        let (width, by_differences) = (bits(spread), bits(differences));
        if by_differences <= width {
            out.push(DIFFERENCES | by_differences as u8);
            pack(&packed[..group.len()], by_differences, out);
        } else {
            out.push(width as u8);
            write_varint(least, out);
            for (out, value) in packed.iter_mut().zip(group) {
                *out = value - least;
            }
            pack(&packed[..group.len()], width, out);
        }
        before = group[group.len() - 1];
    }
}

fn bits(all: u64) -> u32 {
    u64::BITS - all.leading_zeros()
}

/// Values of `width` bits each, the first in the lowest bits of the first byte.
fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    let (mut pending, mut n_bits) = (0_u128, 0);
    for &value in values {
        pending |= u128::from(value) << n_bits;
        n_bits += width;
        if n_bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            n_bits -= 64;
        }
    }
    out.extend_from_slice(&(pending as u64).to_le_bytes()[..n_bits.div_ceil(8) as usize]);
}

fn unpack(input: &mut Input<'_>, width: u32, values: &mut [u64]) -> Result<(), &'static str> {
    let n_bytes = (values.len() * width as usize).div_ceil(8);
    let bytes = input.take(n_bytes)?;
    if width == 0 {
        values.fill(0);
        return Ok(());
    }
    let mask = u64::MAX >> (u64::BITS - width);
    // A load of eight bytes holds any value of at most 57 bits; it must not reach beyond the input.
    let n_loads = if width <= 57 { n_bytes.saturating_sub(7) * 8 / width as usize } else { 0 };
    let (fast, slow) = values.split_at_mut(n_loads.min(values.len()));
    let mut bit = 0;
    for value in fast {
        let load = bytes.get(bit / 8..).and_then(|rest| rest.first_chunk::<8>()).ok_or("it ends within a column")?;
        *value = u64::from_le_bytes(*load) >> (bit % 8) & mask;
        bit += width as usize;
    }
    for value in slow {
        let mut load = [0; 16];
        let rest = &bytes[bit / 8..];
        let n = rest.len().min(16);
        load[..n].copy_from_slice(&rest[..n]);
        *value = (u128::from_le_bytes(load) >> (bit % 8)) as u64 & mask;
        bit += width as usize;
    }
    Ok(())
}

pub(super) fn decode(input: &mut Input<'_>, column: &mut [u64]) -> Result<(), &'static str> {
    let n_classes = usize::from(input.byte()?);
    if !(1..=CLASSES_MAX).contains(&n_classes) {
        return Err("a number of classes that no column has");
    }
    let uppers = input.take(n_classes)?;
    if n_classes == 1 {
        decode_stream(input, column)?;
        let upper = u64::from(uppers[0]) << LOWER_BITS;
        column.iter_mut().for_each(|value| *value |= upper);
        return Ok(());
    }
    let mut classes = vec![0; column.len()];
    unpack(input, class_bits(n_classes), &mut classes)?;
    let mut counts = [0; CLASSES_MAX];
    for &class in &classes {
        *counts.get_mut(class as usize).ok_or("a class that the column has not")? += 1;
    }
    let mut stream = vec![0; column.len()];
    for (class, (&upper, n)) in uppers.iter().zip(counts).enumerate() {
        let stream = &mut stream[..n];
        decode_stream(input, stream)?;
        let places = classes.iter().zip(column.iter_mut()).filter(|(of, _)| **of == class as u64);
        for ((_, value), lower) in places.zip(stream) {
            *value = u64::from(upper) << LOWER_BITS | *lower;
        }
    }
    if counts[n_classes..].iter().any(|&n| n > 0) {
        return Err("a class that the column has not");
    }
    Ok(())
}

fn decode_stream(input: &mut Input<'_>, stream: &mut [u64]) -> Result<(), &'static str> {
    let mut before = 0_u64;
    for group in stream.chunks_mut(GROUP) {
        let head = input.byte()?;
        let width = u32::from(head & !DIFFERENCES);
        if width > u64::BITS {
            return Err("a width of more than 64 bits");
        }
        if head & DIFFERENCES != 0 {
            unpack(input, width, group)?;
            for value in group.iter_mut() {
                before = before.wrapping_add(unzigzag(*value) as u64) & LOWER;
                *value = before;
            }
        } else {
            let least = input.varint()?;
            unpack(input, width, group)?;
            group.iter_mut().for_each(|value| *value = least.wrapping_add(*value) & LOWER);
            before = group[group.len() - 1];
        }
    }
    Ok(())
}
