//! From vectors to bytes.

use super::{Collection, HEADER, HvError, MAGIC, Rows, TRITS, VERSION};
use crate::Code;

impl Collection {
    /// The bytes of the `.hv` file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, HvError> {
        self.check()?;
        let mut bytes = vec![0; HEADER];
        match &self.rows {
            Rows::Bipolar(rows) => {
                let words = rows.iter().flat_map(Code::lines).flat_map(|line| line.0);
                words.for_each(|word| bytes.extend(word.to_le_bytes()));
            }
            Rows::Ternary(rows) => rows.iter().for_each(|row| bytes.extend(packed(&row.to_values()))),
            Rows::Sums(rows) => {
                for row in rows {
                    bytes.extend(row.added().to_le_bytes());
                    row.values().iter().for_each(|sum| bytes.extend(sum.to_le_bytes()));
                }
            }
        }
        align(&mut bytes);
        let names_at = bytes.len() as u64;
        for name in &self.names {
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend(name.as_bytes());
        }
        align(&mut bytes);
        let kind = self.rows.kind();
        let (seed, digest) = self.space.map_or((0, [0; 16]), |(seed, digest)| (seed.0, digest));
        let length = (bytes.len() + super::DIGEST) as u64;
        let header = [
            MAGIC.as_slice(),
            &VERSION.to_le_bytes(),
            &[kind as u8, kind.packing()],
            &self.dim.to_u32().to_le_bytes(),
            &u32::from(!self.names.is_empty()).to_le_bytes(),
            &(self.rows.len() as u64).to_le_bytes(),
            &seed.to_le_bytes(),
            &digest,
            &names_at.to_le_bytes(),
            &length.to_le_bytes(),
        ]
        .concat();
        bytes[..HEADER].copy_from_slice(&header);
        let digest = blake3::hash(&bytes);
        bytes.extend(digest.as_bytes());
        Ok(bytes)
    }

    /// All rows have the collection's dimensions, and each has a name or none has.
    fn check(&self) -> Result<(), HvError> {
        let (names, rows) = (self.names.len(), self.rows.len());
        if names != 0 && names != rows {
            return Err(HvError::Names { names, rows });
        }
        if let Some(row) = self.names.iter().position(|name| u32::try_from(name.len()).is_err()) {
            return Err(HvError::Name { row: row as u64, why: "longer than 4 GiB" });
        }
        let dims: Vec<u32> = match &self.rows {
            Rows::Bipolar(rows) => rows.iter().map(|row| row.dim().to_u32()).collect(),
            Rows::Ternary(rows) => rows.iter().map(|row| row.dim().to_u32()).collect(),
            Rows::Sums(rows) => rows.iter().map(|row| row.dim().to_u32()).collect(),
        };
        let expected = self.dim.to_u32();
        match dims.iter().position(|got| *got != expected) {
            Some(row) => Err(HvError::Dims { row, got: dims[row], expected }),
            None => Ok(()),
        }
    }
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(HEADER), 0);
}

/// Five trits a byte; what is behind the end counts as 0, which is digit 1.
fn packed(values: &[i8]) -> impl Iterator<Item = u8> {
    values.chunks(TRITS).map(|trits| {
        let digit = |i: usize| (trits.get(i).copied().unwrap_or(0) + 1).cast_unsigned();
        (0..TRITS).rev().fold(0, |byte, i| byte * 3 + digit(i))
    })
}
