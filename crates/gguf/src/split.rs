//! Models in several files, `NAME-00001-of-0000N.gguf`: finding the parts, checking that they belong together, and what
//! goes into which part.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{
    Error, Metadata, TensorSpec, Value, limits,
    split_keys::{ARCHITECTURE, COUNT, MODEL, NO, TENSORS},
    writer,
};

const EXTENSION: &str = ".gguf";
const ALIGNMENT: &str = "general.alignment";

/// The file of part `part` (counted from 0) of the `n_parts` of the model that would be `NAME.gguf`.
pub fn part_path(model: &Path, part: usize, n_parts: usize) -> PathBuf {
    let name = model.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    model.with_file_name(part_name(name.strip_suffix(EXTENSION).unwrap_or(name), part as u64, n_parts as u64))
}

/// The files of all parts of the model whose first is `first`, of `n_parts`; a file alone is its only part. An error is
/// the ending that its name should have.
pub fn parts_beside(first: &Path, n_parts: usize) -> Result<Vec<PathBuf>, String> {
    if n_parts <= 1 {
        return Ok(vec![first.to_owned()]);
    }
    match number_of(first) {
        Some((name, 0, n)) if n == n_parts as u64 => {
            Ok((0..n).map(|part| first.with_file_name(part_name(name, part, n))).collect())
        }
        _ => Err(part_name("", 0, n_parts as u64)),
    }
}

/// `NAME-00002-of-00003.gguf`: `NAME`, 1 and 3.
pub fn number_of(path: &Path) -> Option<(&str, u64, u64)> {
    let (rest, n_parts) = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.rsplit_once("-of-")?;
    let (name, number) = rest.rsplit_once('-')?;
    let count = |digits: &str| {
        let is_written_so = digits.len() >= 5 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|n| *n > 0 && is_written_so)
    };
    let (number, n_parts) = (count(number)?, count(n_parts)?);
    (number <= n_parts).then_some((name, number - 1, n_parts))
}

fn part_name(name: &str, part: u64, n_parts: u64) -> String {
    format!("{name}-{:05}-of-{n_parts:05}{EXTENSION}", part + 1)
}

/// The files of the other parts, in order, if `path` with this metadata is the first of several.
pub(crate) fn siblings(path: &Path, metadata: &Metadata) -> Result<Vec<PathBuf>, Error> {
    let refuse = |what: String| Err(Error::Split { file: path.display().to_string(), what });
    let claimed = metadata.u64(COUNT)?;
    let n_parts = claimed.unwrap_or(1);
    let part = metadata.u64(NO)?.unwrap_or(0);
    let named = number_of(path);
    if n_parts <= 1 {
        // Programs that join parts leave a count of 0.
        return match named {
            Some((_, _, n)) if claimed == Some(1) && n > 1 => {
                refuse(format!("{COUNT} 1, but it is one of {n} parts by its name"))
            }
            _ => Ok(Vec::new()),
        };
    }
    if n_parts > limits::PARTS_MAX {
        return refuse(format!("{COUNT} {n_parts}, at most {} parts are read", limits::PARTS_MAX));
    }
    let suffix = part_name("", part, n_parts);
    let Some((name, ..)) = named.filter(|(_, i, n)| (*i, *n) == (part, n_parts)) else {
        return refuse(format!("part {} of {n_parts} by its metadata, so its name should end in {suffix}", part + 1));
    };
    let sibling = |i: u64| path.with_file_name(part_name(name, i, n_parts));
    if part != 0 {
        return refuse(format!("part {} of {n_parts}: open the first, {}", part + 1, sibling(0).display()));
    }
    let siblings: Vec<PathBuf> = (1..n_parts).map(sibling).collect();
    if let Some(missing) = siblings.iter().find(|p| !p.exists()) {
        return refuse(format!("one of its {n_parts} parts is missing: {}", missing.display()));
    }
    Ok(siblings)
}

/// `metadata` of part `part` (counted from 0) is that of a part of the model whose first part, `first_file`, has
/// `first`.
pub(crate) fn check_part(
    file: &str,
    metadata: &Metadata,
    part: u64,
    first_file: &str,
    first: &Metadata,
) -> Result<(), Error> {
    let refuse = |what: String| Err(Error::Split { file: file.to_owned(), what });
    let number = |key| metadata.u64(key).map(|n| n.map_or_else(|| "missing".to_owned(), |n| n.to_string()));
    let (no, count, n_parts) = (number(NO)?, number(COUNT)?, first.u64(COUNT)?.unwrap_or(1));
    if (&no, &count) != (&part.to_string(), &n_parts.to_string()) {
        return refuse(format!("{NO} {no} and {COUNT} {count}, expected {part} and {n_parts} as in {first_file}"));
    }
    // What other parts need not have, but if they do, is the same in all of them.
    let total = |metadata: &Metadata| metadata.u64(TENSORS).map(|n| n.map(|n| n.to_string()));
    let text = |metadata: &Metadata, key| metadata.str(key).map(|text| text.map(|t| t.escape_debug().to_string()));
    for (key, here, there) in [
        (TENSORS, total(metadata)?, total(first)?),
        (ARCHITECTURE, text(metadata, ARCHITECTURE)?, text(first, ARCHITECTURE)?),
        (MODEL, text(metadata, MODEL)?, text(first, MODEL)?),
    ] {
        if let (Some(here), Some(there)) = (here, there)
            && here != there
        {
            return refuse(format!("a part of another model: {key} {here}, but {first_file} has {there}"));
        }
    }
    Ok(())
}

/// All parts together hold as many tensors as the first one says.
pub(crate) fn check_total(file: &str, metadata: &Metadata, n_tensors: usize) -> Result<(), Error> {
    match metadata.u64(TENSORS)? {
        Some(claimed) if claimed != n_tensors as u64 => {
            let what = format!("{TENSORS} {claimed}, but the parts hold {n_tensors}");
            Err(Error::Split { file: file.to_owned(), what })
        }
        _ => Ok(()),
    }
}

/// `metadata` says what is so: that it stands in the first of `n_parts` files, which hold `n_tensors`.
pub(crate) fn check_first(metadata: &Metadata, n_parts: usize, n_tensors: usize) -> Result<(), String> {
    for (key, got, expected) in [
        (NO, metadata.u64(NO).map(Option::unwrap_or_default), 0),
        (COUNT, metadata.u64(COUNT).map(|n| n.unwrap_or(1).max(1)), n_parts),
        (TENSORS, metadata.u64(TENSORS).map(|n| n.unwrap_or(n_tensors as u64)), n_tensors),
    ] {
        let got = got.map_err(|e| e.to_string())?;
        if got != expected as u64 {
            return Err(format!("{key} {got}, but by its files and tensors it is {expected}"));
        }
    }
    Ok(())
}

/// What goes into one file of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Keys: those of the model in the first part, those of a part in all.
    pub metadata: Metadata,
    /// Which of the model's tensors.
    pub tensors: Range<usize>,
}

/// Distributes a model over files of at most `bytes_max` bytes of tensor data, as llama.cpp's `gguf-split` does:
/// tensors in order, into the next file when one is full; all of the model's metadata in the first. An error says which
/// tensor fits into none.
pub fn split(metadata: &Metadata, tensors: &[TensorSpec], bytes_max: u64) -> Result<Vec<Part>, String> {
    let alignment = writer::alignment(metadata)?;
    let mut ranges = Vec::new();
    let (mut start, mut n_bytes) = (0, 0u64);
    for (i, tensor) in tensors.iter().enumerate() {
        let named = |what: String| format!("tensor {}: {what}", tensor.name.escape_debug());
        let bytes = tensor.type_id.bytes_of(&tensor.dims).map_err(named)?;
        let padded = bytes.checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        if padded > bytes_max {
            return Err(named(format!("{padded} bytes, but a part may have {bytes_max}")));
        }
        if padded > bytes_max - n_bytes {
            ranges.push(start..i);
            (start, n_bytes) = (i, 0);
        }
        n_bytes += padded;
    }
    ranges.push(start..tensors.len());
    let n_parts = ranges.len();
    if n_parts as u64 > limits::PARTS_MAX {
        let max = limits::PARTS_MAX;
        return Err(format!("{n_parts} parts of at most {bytes_max} bytes, but a model has at most {max}"));
    }
    let model = blake3::hash(&writer::header(metadata, tensors)?).to_hex();
    let part = |(i, tensors_of): (usize, Range<usize>)| {
        let mut keys = if i == 0 { metadata.clone() } else { Metadata::default() };
        if let Some(alignment) = metadata.get(ALIGNMENT) {
            keys.set(ALIGNMENT, alignment.clone());
        }
        keys.set(NO, Value::U16(i as u16));
        keys.set(COUNT, Value::U16(n_parts as u16));
        keys.set(TENSORS, Value::I32(i32::try_from(tensors.len()).map_err(|e| e.to_string())?));
        keys.set(MODEL, Value::String(model.to_string()));
        Ok(Part { metadata: keys, tensors: tensors_of })
    };
    ranges.into_iter().enumerate().map(part).collect()
}
