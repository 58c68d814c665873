//! Files that are exact functions of another one: its weights in a simple format. They are made when the packs are
//! unpacked, and held to the SHA-256 of the files that llama.cpp's quantiser wrote.

use std::{fs, path::Path};

use half::{bf16, f16};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Name of the file that says how a folder's other files are made.
const RECIPE: &str = "derived.json";
/// Number of weights in a block.
const BLOCK: usize = 32;

/// The content of a folder's `derived.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    /// Name of the file whose f32 weights are encoded.
    source: String,
    /// The tensors in the order of the files to be made.
    tensors: Vec<Part>,
    files: Vec<File>,
}

/// A tensor of the source file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    offset: usize,
    n_values: usize,
    /// Whether the tensor is encoded; else it stays f32.
    is_encoded: bool,
}

/// A file to be made from the source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    /// Name of a file with everything before the first tensor; it is removed in the end.
    head: String,
    format: Format,
    sha256: String,
}

/// Formats in which every block follows from its own 32 weights by a few roundings.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "UPPERCASE")]
enum Format {
    F16,
    Bf16,
    #[serde(rename = "Q8_0")]
    Q8_0,
    #[serde(rename = "Q4_0")]
    Q4_0,
    #[serde(rename = "Q4_1")]
    Q4_1,
    #[serde(rename = "Q5_0")]
    Q5_0,
    #[serde(rename = "Q5_1")]
    Q5_1,
}

/// Reads the recipe of `folder`; `None` if it has none.
pub(crate) fn recipe(folder: &Path) -> Result<Option<String>, String> {
    let path = folder.join(RECIPE);
    if !path.exists() {
        return Ok(None);
    }
    fs::read_to_string(&path).map(Some).map_err(|e| format!("{}: {e}", path.display()))
}

/// Makes the files that the recipe of `folder` names, in `unpacked`.
pub(crate) fn derive(folder: &Path, unpacked: &Path) -> Result<(), String> {
    let Some(text) = recipe(folder)? else { return Ok(()) };
    let recipe: Recipe = serde_json::from_str(&text).map_err(|e| format!("{RECIPE}: {e}"))?;
    let at = |name: &str| unpacked.join(name);
    let source = fs::read(at(&recipe.source)).map_err(|e| format!("{}: {e}", recipe.source))?;
    for file in &recipe.files {
        let mut bytes = fs::read(at(&file.head)).map_err(|e| format!("{}: {e}", file.head))?;
        for part in &recipe.tensors {
            let raw = source.get(part.offset..part.offset + part.n_values * 4).ok_or("a tensor beyond the source")?;
            if part.is_encoded {
                let values: Vec<f32> = raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                file.format.encode(&values, &mut bytes);
            } else {
                bytes.extend_from_slice(raw);
            }
        }
        let sha256: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        if sha256 != file.sha256 {
            return Err(format!("{}: made with SHA-256 {sha256}, expected {}", file.name, file.sha256));
        }
        fs::write(at(&file.name), bytes).map_err(|e| format!("{}: {e}", file.name))?;
        fs::remove_file(at(&file.head)).map_err(|e| format!("{}: {e}", file.head))?;
    }
    Ok(())
}

impl Format {
    fn encode(self, values: &[f32], out: &mut Vec<u8>) {
        match self {
            Self::F16 => values.iter().for_each(|&v| out.extend(f16::from_f32(v).to_le_bytes())),
            Self::Bf16 => values.iter().for_each(|&v| out.extend(bf16::from_f32(v).to_le_bytes())),
            _ => values.as_chunks::<BLOCK>().0.iter().for_each(|block| self.encode_block(block, out)),
        }
    }

    fn encode_block(self, x: &[f32; BLOCK], out: &mut Vec<u8>) {
        // The value farthest from zero, with its sign; the first of several.
        let extreme = x.iter().fold(0.0_f32, |e, &v| if v.abs() > e.abs() { v } else { e });
        let (low, high) = x.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        let (n_bits, scale, min) = match self {
            Self::Q4_0 => (4, extreme / -8.0, None),
            Self::Q5_0 => (5, extreme / -16.0, None),
            Self::Q4_1 => (4, (high - low) / 15.0, Some(low)),
            Self::Q5_1 => (5, (high - low) / 31.0, Some(low)),
            _ => (8, extreme.abs() / 127.0, None),
        };
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        out.extend(f16::from_f32(scale).to_le_bytes());
        if n_bits == 8 {
            return out.extend(x.iter().map(|v| (v * inverse).round() as i8 as u8));
        }
        let half = (1 << (n_bits - 1)) as f32;
        let code = |v: f32| match min {
            None => ((v * inverse + (half + 0.5)) as u8).min((1 << n_bits) - 1),
            Some(min) => (((v - min) * inverse + 0.5) as u8).min((1 << n_bits) - 1),
        };
        let codes = x.map(code);
        if let Some(min) = min {
            out.extend(f16::from_f32(min).to_le_bytes());
        }
        if n_bits == 5 {
            let high_bits = codes.iter().enumerate().fold(0_u32, |bits, (i, &c)| bits | u32::from(c >> 4) << i);
            out.extend(high_bits.to_le_bytes());
        }
        let (first, second) = codes.split_at(BLOCK / 2);
        out.extend(first.iter().zip(second).map(|(a, b)| (a & 15) | (b & 15) << 4));
    }
}
