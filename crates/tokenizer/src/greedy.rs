//! The longest token from left to right, over bytes: RWKV's vocabularies, whose tokens GGUF spells with escapes.
//!
//! Source: Peng et al. 2024 (arXiv 2404.05892), section 5 and appendix; escapes as llama.cpp reads them
//! (`src/llama-vocab.cpp`).

use crate::longest::Longest;
use gguf::TokenId;

#[derive(Default)]
pub(crate) struct Greedy {
    pub(crate) longest: Longest,
    pub(crate) unknown: Option<TokenId>,
}

impl Greedy {
    /// Appends the ids of `text`, which holds no special token. A byte that begins no token becomes the unknown one, or
    /// is left out where there is none.
    pub(crate) fn encode(&self, text: &str, out: &mut Vec<TokenId>) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let n_bytes = if let Some((id, n_bytes)) = self.longest.find(rest) {
                out.push(TokenId(id));
                n_bytes
            } else {
                out.extend(self.unknown);
                1
            };
            rest = rest.get(n_bytes..).unwrap_or_default();
        }
    }
}

/// Appends the bytes that a piece spells: `\t`, `\n`, `\r`, two hexadecimal digits behind `\x`, and what follows any
/// other backslash as it is.
pub(crate) fn decode_piece(piece: &str, out: &mut Vec<u8>) {
    let mut rest = piece.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let [escaped, after @ ..] = rest else { return };
        rest = after;
        out.push(match escaped {
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            b'x' => {
                let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(rest.first()), digit(rest.get(1))) else {
                    out.push(b'x');
                    continue;
                };
                rest = rest.get(2..).unwrap_or_default();
                (high << 4 | low) as u8
            }
            other => *other,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::decode_piece;

    #[test]
    fn escapes_are_bytes() {
        for (piece, expected) in [
            ("plain", &b"plain"[..]),
            (r"a\tb\nc\rd", b"a\tb\nc\rd"),
            (r"\x00\xe4\xB8\x80", b"\0\xe4\xb8\x80"),
            (r"don\'t \\ \q", br"don't \ q"),
            (r"\x4", b"x4"),
            (r"\xzz", b"xzz"),
            ("end\\", b"end"),
            ("é", "é".as_bytes()),
        ] {
            let mut out = Vec::new();
            decode_piece(piece, &mut out);
            assert_eq!(out, expected, "{piece}");
        }
    }
}
