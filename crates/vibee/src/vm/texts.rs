//! Operations on texts and bytes. Positions count scalar values; where a text is ASCII they are those of its bytes.

use super::{
    bulk::{Words, position, slice},
    heap::Heap,
    layout::Layouts,
};
use crate::{
    bytecode::{Instr, Opcode},
    decimal::{show_f32, show_float},
    value::Fault,
};

pub(super) fn run(heap: &mut Heap, layouts: &Layouts, instr: Instr, w: Words) -> Result<u64, Fault> {
    let (mut buffer, mut other_buffer) = ([0; 8], [0; 8]);
    match instr.op {
        Opcode::Scat => heap.append(w.a, w.b, layouts),
        Opcode::Sget => {
            let at = position(w.c, heap.n_scalars(w.b))?;
            let text = heap.str(w.b, &mut buffer);
            let is_ascii = text.len() == heap.n_scalars(w.b);
            let found = if is_ascii { text.get(at..=at) } else { nth(text, at) };
            let found = found.unwrap_or_default();
            let mut copy = [0; 4];
            let n = found.len().min(4);
            copy[..n].copy_from_slice(&found.as_bytes()[..n]);
            if !is_ascii {
                heap.bulk(at);
            }
            heap.text(std::str::from_utf8(&copy[..n]).unwrap_or_default())
        }
        Opcode::Sslice => {
            let n = heap.n_scalars(w.a);
            let (first, second) = slice(w.b, w.c, n)?;
            if (first, second) == (0, n) {
                return Ok(w.a);
            }
            let text = heap.str(w.a, &mut buffer);
            let part = if text.len() == n {
                text.get(first..second)
            } else {
                let mut bytes = text.char_indices().map(|(at, _)| at).chain([text.len()]);
                let from = bytes.nth(first).unwrap_or_default();
                let to = if second == first { Some(from) } else { bytes.nth(second - first - 1) };
                text.get(from..to.unwrap_or(text.len()))
            };
            let part = part.unwrap_or_default();
            let cost = if text.len() == n { part.len() } else { second };
            let made = part.to_owned();
            heap.bulk(cost);
            let made = heap.owned_text(made)?;
            heap.release(w.a, layouts);
            Ok(made)
        }
        Opcode::Sfind => {
            let (text, other) = (heap.str(w.b, &mut buffer), heap.str(w.c, &mut other_buffer));
            let found = text.find(other).map(|at| (at, text.get(..at).map_or(0, |before| before.chars().count())));
            let n = found.map_or(text.len(), |(at, _)| at) + other.len();
            heap.bulk(n);
            let shape = layouts.shape_of(w.a_type);
            match found {
                None => heap.of_parts(shape, layouts, &[]),
                Some((_, at)) => heap.of_parts(shape + 1, layouts, &[at as u64]),
            }
        }
        Opcode::Sstarts | Opcode::Sends => {
            let (text, other) = (heap.str(w.b, &mut buffer), heap.str(w.c, &mut other_buffer));
            let holds = if instr.op == Opcode::Sstarts { text.starts_with(other) } else { text.ends_with(other) };
            let n = other.len();
            heap.bulk(n);
            Ok(holds.into())
        }
        Opcode::Ssplit => {
            let (text, other) = (heap.str(w.b, &mut buffer), heap.str(w.c, &mut other_buffer));
            if other.is_empty() {
                return Err(Fault::Range);
            }
            let n = text.len();
            let parts: Vec<String> = text.split(other).map(str::to_owned).collect();
            heap.bulk(n + parts.len());
            texts_list(heap, layouts, w, parts.iter().map(String::as_str))
        }
        Opcode::Schars => {
            let text = heap.str(w.b, &mut buffer).to_owned();
            heap.bulk(text.len());
            let mut encoded = [0; 4];
            let mut words = Vec::with_capacity(text.len());
            for c in text.chars() {
                words.push(heap.text(c.encode_utf8(&mut encoded))?);
            }
            heap.of_words(layouts.shape_of(w.a_type), words)
        }
        Opcode::Sjoin => {
            let other = heap.str(w.c, &mut other_buffer);
            let mut text = String::new();
            for (at, part) in heap.words(w.b).iter().enumerate() {
                if at > 0 {
                    text.push_str(other);
                }
                text.push_str(heap.str(*part, &mut buffer));
                if text.len() as u64 > heap.limit {
                    return Err(Fault::Memory);
                }
            }
            let n = text.len() + heap.words(w.b).len();
            heap.bulk(n);
            heap.owned_text(text)
        }
        Opcode::Scode => {
            let mut chars = heap.str(w.b, &mut buffer).chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(u64::from(u32::from(c))),
                _ => Err(Fault::Index),
            }
        }
        Opcode::Sofcode => {
            let c = u32::try_from(w.b).ok().and_then(char::from_u32).ok_or(Fault::Range)?;
            heap.text(c.encode_utf8(&mut [0; 4]))
        }
        Opcode::SparseI => {
            let text = heap.str(w.b, &mut buffer);
            let (n, parsed) = (text.len(), parse_int(text));
            heap.bulk(n);
            option(heap, layouts, w, parsed.map(|x| x as u64))
        }
        Opcode::SparseF => {
            let text = heap.str(w.b, &mut buffer);
            let (n, parsed) = (text.len(), parse_float(text));
            heap.bulk(n);
            option(heap, layouts, w, parsed.map(f64::to_bits))
        }
        Opcode::SshowI => heap.owned_text((w.b as i64).to_string()),
        Opcode::SshowU => heap.owned_text(w.b.to_string()),
        Opcode::SshowF => heap.owned_text(show_float(f64::from_bits(w.b))),
        Opcode::SshowG => heap.owned_text(show_f32(f32::from_bits(w.b as u32))),
        Opcode::Bget => {
            let bytes = heap.bytes(w.b);
            Ok(bytes.get(position(w.c, bytes.len())?).copied().unwrap_or(0).into())
        }
        Opcode::Bcat => {
            let mut bytes = heap.bytes(w.a).to_vec();
            bytes.extend_from_slice(heap.bytes(w.b));
            replaced_bytes(heap, layouts, w.a, bytes)
        }
        Opcode::Bslice => {
            let (first, second) = slice(w.b, w.c, heap.bytes(w.a).len())?;
            let part = heap.bytes(w.a).get(first..second).unwrap_or_default().to_vec();
            replaced_bytes(heap, layouts, w.a, part)
        }
        Opcode::Bof => {
            let bytes: Option<Vec<u8>> = heap.words(w.b).iter().map(|word| u8::try_from(*word).ok()).collect();
            let bytes = bytes.ok_or(Fault::Range)?;
            heap.bulk(bytes.len());
            heap.of_bytes(bytes)
        }
        Opcode::U8enc => {
            let bytes = heap.str(w.b, &mut buffer).as_bytes().to_vec();
            heap.bulk(bytes.len());
            heap.of_bytes(bytes)
        }
        Opcode::U8dec => {
            let text = std::str::from_utf8(heap.bytes(w.b)).ok().map(str::to_owned);
            let n = heap.bytes(w.b).len();
            heap.bulk(n);
            let word = match text {
                None => None,
                Some(text) => Some(heap.owned_text(text)?),
            };
            option(heap, layouts, w, word)
        }
        _ => Ok(0),
    }
}

fn nth(text: &str, at: usize) -> Option<&str> {
    let (from, c) = text.char_indices().nth(at)?;
    text.get(from..from + c.len_utf8())
}

fn option(heap: &mut Heap, layouts: &Layouts, w: Words, word: Option<u64>) -> Result<u64, Fault> {
    let shape = layouts.shape_of(w.a_type);
    match word {
        None => heap.of_parts(shape, layouts, &[]),
        Some(word) => heap.of_parts(shape + 1, layouts, &[word]),
    }
}

fn texts_list<'a>(
    heap: &mut Heap,
    layouts: &Layouts,
    w: Words,
    texts: impl Iterator<Item = &'a str>,
) -> Result<u64, Fault> {
    let mut words = Vec::new();
    for text in texts {
        words.push(heap.text(text)?);
    }
    heap.of_words(layouts.shape_of(w.a_type), words)
}

fn replaced_bytes(heap: &mut Heap, layouts: &Layouts, old: u64, bytes: Vec<u8>) -> Result<u64, Fault> {
    heap.bulk(bytes.len());
    let made = heap.of_bytes(bytes)?;
    heap.release(old, layouts);
    Ok(made)
}

/// `[+-]?[0-9]+` within Int's range.
fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Parses what matches `[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?`.
fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let has_exponent = exponent.is_none_or(|text| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && is_digits(digits)
    });
    if !is_digits(whole) || !is_digits(part) || whole.is_empty() && part.is_empty() || !has_exponent {
        return None;
    }
    text.parse().ok()
}
