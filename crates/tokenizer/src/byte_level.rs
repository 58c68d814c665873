//! The byte alphabet of GPT-2: how byte-level vocabularies spell bytes as printable characters.
//!
//! Bytes 0x21–0x7E, 0xA1–0xAC and 0xAE–0xFF stand for themselves (as code points); the other 68, in order, are U+0100
//! to U+0143. Source: `bytes_to_unicode` of Radford et al. 2019 (the GPT-2 release).

/// Upper bound of the alphabet's code points.
const N_CODES: usize = 0x144;

/// Table of the byte that each character spells by its code point, or −1.
static BYTE_OF: [i16; N_CODES] = {
    let mut table = [-1_i16; N_CODES];
    let mut byte = 0_usize;
    let mut next = 0x100;
    while byte < 256 {
        if matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) {
            table[byte] = byte as i16;
        } else {
            table[next] = byte as i16;
            next += 1;
        }
        byte += 1;
    }
    table
};

/// Appends the bytes that `piece` spells; `false`, and nothing appended, if a character is outside the alphabet.
pub(crate) fn decode_piece(piece: &str, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for c in piece.chars() {
        match BYTE_OF.get(c as usize) {
            Some(&byte) if byte >= 0 => out.push(byte as u8),
            _ => {
                out.truncate(start);
                return false;
            }
        }
    }
    true
}

/// Appends the bytes that `piece` spells, or `piece` itself if a character is outside the alphabet.
pub(crate) fn decode(piece: &str, out: &mut Vec<u8>) {
    if !decode_piece(piece, out) {
        out.extend_from_slice(piece.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabet_is_a_bijection() {
        let mut seen = [0_u8; 256];
        for byte in BYTE_OF.iter().filter(|&&byte| byte >= 0) {
            seen[*byte as usize] += 1;
        }
        assert_eq!(seen, [1; 256]);
    }

    #[test]
    fn spells_space_newline_and_umlaut() {
        let mut out = Vec::new();
        assert!(decode_piece("ĠÃ¼Ċ", &mut out));
        assert_eq!(out, " ü\n".as_bytes());
        assert!(!decode_piece("x y", &mut out));
        assert_eq!(out.len(), 4);
    }
}
