//! [`Weights`]: the bytes of a model file as they come, in the place where they stay, hashed on the way.

use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind};

/// Largest file: what one 32-bit memory holds, less a page for everything else there must be.
pub(crate) const FILE_BYTES_MAX: u64 = (1 << 32) - (1 << 16);

/// A file that is being read into memory.
pub(crate) struct Weights {
    bytes: Vec<u8>,
    hash: Sha256,
    n_filled: usize,
}

impl Weights {
    /// Makes room for a file of `n_bytes`; `memory_bytes` is what the module has now.
    pub(crate) fn begin(n_bytes: u64, memory_bytes: u64) -> Result<Self, Error> {
        let too_much =
            |what: String| Error::new(ErrorKind::Capacity, what).with("needed", n_bytes).with("granted", memory_bytes);
        let n = usize::try_from(n_bytes).ok().filter(|_| n_bytes <= FILE_BYTES_MAX);
        let n = n.ok_or_else(|| {
            too_much(format!("a file of {n_bytes} bytes, but a module has memory for at most {FILE_BYTES_MAX}"))
        })?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(n).map_err(|_| {
            too_much(format!("no memory for a file of {n_bytes} bytes: the module has {memory_bytes}, and got no more"))
        })?;
        bytes.resize(n, 0);
        Ok(Self { bytes, hash: Sha256::new(), n_filled: 0 })
    }

    /// Where the bytes are to stand.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Takes the news that everything below `upto` is there.
    pub(crate) fn filled(&mut self, upto: u64) -> Result<(), Error> {
        let from = self.n_filled;
        let new = usize::try_from(upto).ok().and_then(|upto| self.bytes.get(from..upto));
        let Some(new) = new else {
            let what = format!("{upto} bytes filled, after {from} and of {}", self.bytes.len());
            return Err(Error::input(what));
        };
        self.hash.update(new);
        self.n_filled += new.len();
        Ok(())
    }

    /// Number of bytes of the file.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Ends the reading: the bytes with their hash in hex, which is `expected` if that is not empty.
    pub(crate) fn end(self, expected: &str) -> Result<(Vec<u8>, String), Error> {
        let (n, n_filled) = (self.bytes.len(), self.n_filled);
        if n_filled < n {
            let what = format!("{n_filled} of {n} bytes are there");
            return Err(Error::new(ErrorKind::Storage, what).with("needed", n).with("granted", n_filled));
        }
        let sha256: String = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if !expected.is_empty() && !expected.eq_ignore_ascii_case(&sha256) {
            let what = format!("hash differs: SHA-256 {sha256}, expected {expected}");
            return Err(Error::new(ErrorKind::Storage, what).with("sha256", sha256).with("expected", expected));
        }
        Ok((self.bytes, sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_pieces_has_the_hash_of_the_whole() {
        // FIPS 180-2, appendix B.1.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let filled = || {
            let mut weights = Weights::begin(3, 0).unwrap();
            weights.room().copy_from_slice(b"abc");
            weights.filled(1).unwrap();
            weights
        };
        let mut weights = filled();
        let backwards = weights.filled(0).unwrap_err();
        assert_eq!(backwards.message, "0 bytes filled, after 1 and of 3");
        assert_eq!(weights.filled(4).unwrap_err().message, "4 bytes filled, after 1 and of 3");
        weights.filled(3).unwrap();
        assert_eq!(weights.end("").unwrap(), (b"abc".to_vec(), hash.to_owned()));
        let mut weights = filled();
        weights.filled(3).unwrap();
        assert!(weights.end(&hash.to_uppercase()).is_ok());
        let early = filled().end("").unwrap_err();
        assert_eq!((early.kind, early.message.as_str()), (ErrorKind::Storage, "1 of 3 bytes are there"));
        let mut weights = filled();
        weights.filled(3).unwrap();
        let wrong = weights.end("00").unwrap_err();
        assert_eq!(wrong.kind, ErrorKind::Storage);
        assert!(wrong.message.contains(hash) && wrong.message.ends_with("expected 00"), "{wrong}");
    }

    #[test]
    fn a_file_beyond_the_memory_is_refused() {
        let error = Weights::begin(FILE_BYTES_MAX + 1, 77).map(|_| ()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Capacity);
        assert_eq!(error.detail, [("needed", (FILE_BYTES_MAX + 1).into()), ("granted", 77.into())]);
    }
}
