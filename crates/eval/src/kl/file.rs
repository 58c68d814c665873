//! The file of base log-probabilities (`.kld`), little-endian:
//!
//! | bytes | what |
//! | ---: | --- |
//! | 8 | `TRIKLD01` |
//! | 4 · 5 | u32: vocabulary V, window length N, windows, first token of a window (or 2³² − 1), bytes of the name |
//! | 32 · 2 | SHA-256 of the text, SHA-256 of the vocabulary |
//! | … | name of the model, UTF-8 |
//! | 4 · N · windows | u32: token ids |
//! | … | rows of positions N / 2 to N − 2 of each window, as `row.rs` has them |

use std::io::Read;

use model::TokenId;

use super::{
    Options,
    base::{Header, Origin},
};
use crate::Error;

const MAGIC: &[u8; 8] = b"TRIKLD01";

/// Value of the header's first token where there is none.
const NO_TOKEN: u32 = u32::MAX;

/// Longest name of a model, in bytes.
const NAME_BYTES_MAX: u32 = 4096;

/// Encodes all bytes before the rows.
pub(super) fn encode(header: &Header) -> Result<Vec<u8>, Error> {
    let Header { origin, n_vocab, options, tokens } = header;
    let word = |parameter: &'static str, value: usize| {
        u32::try_from(value).map_err(|_| Error::Parameter { parameter, value, expected: "below 2^32" })
    };
    let mut end = origin.model.len().min(NAME_BYTES_MAX as usize);
    while !origin.model.is_char_boundary(end) {
        end -= 1;
    }
    let name = origin.model.get(..end).unwrap_or_default();
    let mut out = MAGIC.to_vec();
    for word in [
        word("vocabulary", *n_vocab)?,
        word("window length", options.window_len)?,
        word("windows", options.n_chunks.unwrap_or_default())?,
        options.first.map_or(NO_TOKEN, |token| token.0),
        word("bytes of a name", name.len())?,
    ] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&origin.text_sha256);
    out.extend_from_slice(&origin.vocabulary_sha256);
    out.extend_from_slice(name.as_bytes());
    tokens.iter().for_each(|token| out.extend_from_slice(&token.0.to_le_bytes()));
    Ok(out)
}

/// Decodes what [`encode`] wrote from a file of `file_bytes`; returns the header and the offset of the rows.
pub(super) fn decode(file: &str, source: &mut impl Read, file_bytes: u64) -> Result<(Header, u64), Error> {
    let invalid = |what: String| Error::Invalid { file: file.to_owned(), what };
    let mut read = |n: usize, what: &str| {
        let mut bytes = vec![0; n];
        source.read_exact(&mut bytes).map_err(|e| invalid(format!("{what}: {e}")))?;
        Ok::<_, Error>(bytes)
    };
    let magic = read(MAGIC.len(), "magic")?;
    if magic != MAGIC {
        return Err(invalid(format!("begins with {:?}, expected TRIKLD01", String::from_utf8_lossy(&magic))));
    }
    let words = words(&read(20, "header")?);
    let [n_vocab, window_len, n_windows, first, name_bytes] = *words.as_slice() else {
        return Err(invalid("header: cut short".to_owned()));
    };
    if name_bytes > NAME_BYTES_MAX {
        return Err(invalid(format!("a name of {name_bytes} bytes, expected at most {NAME_BYTES_MAX}")));
    }
    let hash = |bytes: Vec<u8>| bytes.first_chunk::<32>().copied().unwrap_or_default();
    let text_sha256 = hash(read(32, "hash of the text")?);
    let vocabulary_sha256 = hash(read(32, "hash of the vocabulary")?);
    let model = String::from_utf8(read(name_bytes as usize, "name")?).map_err(|e| invalid(format!("name: {e}")))?;
    let options = Options {
        window_len: window_len as usize,
        n_chunks: Some(n_windows as usize),
        first: (first != NO_TOKEN).then_some(TokenId(first)),
    };
    // Before anything of that size is allocated.
    let n_tokens = u64::from(window_len) * u64::from(n_windows);
    let data_offset = (MAGIC.len() as u64 + 20 + 64 + u64::from(name_bytes)).saturating_add(n_tokens.saturating_mul(4));
    let mut header = Header {
        origin: Origin { model, text_sha256, vocabulary_sha256 },
        n_vocab: n_vocab as usize,
        options,
        tokens: Vec::new(),
    };
    let expected = header.rows_bytes().and_then(|n| n.checked_add(data_offset));
    if expected != Some(file_bytes) {
        let expected = expected.map_or("more than can be addressed".to_owned(), |n| n.to_string());
        return Err(invalid(format!(
            "{file_bytes} bytes, but {n_windows} windows of {window_len} tokens and a vocabulary of {n_vocab} take {expected}"
        )));
    }
    let n_token_bytes = n_tokens.checked_mul(4).and_then(|n| usize::try_from(n).ok());
    let n_token_bytes = n_token_bytes.ok_or_else(|| invalid(format!("{n_tokens} tokens are too many for memory")))?;
    options.n_windows(n_token_bytes / 4)?;
    header.tokens = self::words(&read(n_token_bytes, "tokens")?).into_iter().map(TokenId).collect();
    if let Some(token) = header.tokens.iter().chain(&options.first).find(|token| token.0 >= n_vocab) {
        return Err(invalid(format!("token {}, but the vocabulary has {n_vocab}", token.0)));
    }
    Ok((header, data_offset))
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kl::row;
    use proptest::{collection::vec, prelude::*};

    fn sample() -> (Header, Vec<u8>) {
        let options = Options { window_len: 4, n_chunks: Some(2), first: Some(TokenId(1)) };
        let origin = Origin { model: "wörld".to_owned(), text_sha256: [3; 32], vocabulary_sha256: [4; 32] };
        let tokens = (2..10).map(TokenId).collect();
        let header = Header { origin, n_vocab: 10, options, tokens };
        let mut bytes = encode(&header).unwrap();
        let n_bytes = bytes.len() + header.rows_bytes().unwrap() as usize;
        while bytes.len() < n_bytes {
            row::encode(&[0.5, 9.0, -3.0, 0.0, 1.0, 2.0, 8.5, 0.0, -40.0, 0.25], TokenId(6), &mut bytes);
        }
        (header, bytes)
    }

    fn decoded(bytes: &[u8]) -> Result<(Header, u64), Error> {
        decode("x.kld", &mut &*bytes, bytes.len() as u64)
    }

    #[test]
    fn what_is_written_is_read() {
        let (header, bytes) = sample();
        let (read, offset) = decoded(&bytes).unwrap();
        assert_eq!(read, header);
        assert_eq!(offset + header.rows_bytes().unwrap(), bytes.len() as u64);
    }

    #[test]
    fn no_damage_is_accepted_or_panics() {
        let (header, bytes) = sample();
        for end in 0..bytes.len() {
            assert!(decoded(&bytes[..end]).is_err(), "cut to {end} bytes");
        }
        // Magic and every number of the header, each made huge.
        for at in [0, 8, 12, 16, 24] {
            let mut broken = bytes.clone();
            broken[at..at + 4].copy_from_slice(&[0xff; 4]);
            assert!(decoded(&broken).is_err(), "huge number at {at}");
        }
        let mut broken = bytes.clone();
        let token = bytes.len() - header.rows_bytes().unwrap() as usize - 4;
        broken[token] = 10;
        assert!(decoded(&broken).unwrap_err().to_string().contains("token 10"));
    }

    /// Bytes of a header that hold its figures.
    const WORDS: std::ops::Range<usize> = 8..28;

    fn check(bytes: &[u8]) {
        let Ok((header, offset)) = decoded(bytes) else { return };
        assert_eq!(header.tokens.len(), header.options.window_len * header.options.n_chunks.unwrap());
        let rows = &bytes[offset as usize..];
        for row in rows.chunks(row::n_bytes(header.n_vocab) as usize).filter_map(row::Row::new) {
            let divergence = row.divergence(&vec![0.5; header.n_vocab]);
            assert!(divergence >= 0.0 && divergence.is_finite(), "{divergence} from {row:?}");
        }
    }

    proptest! {
        #[test]
        fn broken_bytes_never_panic(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let (_, mut bytes) = sample();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            check(&bytes);
        }

        #[test]
        fn broken_headers_never_panic(
            numbers in vec(prop_oneof![0u32..12, any::<u32>()], 5),
            is_changed in vec(any::<bool>(), 5),
        ) {
            let (_, mut bytes) = sample();
            let words = bytes[WORDS].as_chunks_mut::<4>().0.iter_mut().zip(numbers).zip(is_changed);
            words.filter(|(_, is_changed)| *is_changed).for_each(|((word, n), _)| *word = n.to_le_bytes());
            check(&bytes);
        }
    }
}
