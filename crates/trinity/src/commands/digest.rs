//! SHA-256 of what a result depends on.

use std::{fs::File, io, path::Path};

use sha2::{Digest, Sha256};
use tokenizer::Tokenizer;

/// SHA-256 of bytes in memory.
pub(super) fn of_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of the spelling of every token, in order.
pub(super) fn of_vocabulary(tokenizer: &Tokenizer) -> [u8; 32] {
    let mut hash = Sha256::new();
    for token in tokenizer.tokens() {
        hash.update((token.piece.len() as u64).to_le_bytes());
        hash.update(token.piece);
    }
    hash.finalize().into()
}

/// SHA-256 of a file, and its length in bytes.
pub(super) fn of_file(path: &Path) -> io::Result<([u8; 32], u64)> {
    let mut hash = Sha256::new();
    let n_bytes = io::copy(&mut File::open(path)?, &mut HashWriter(&mut hash))?;
    Ok((hash.finalize().into(), n_bytes))
}

/// The bytes of a hash in hexadecimal, lower case.
pub(super) fn to_hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
