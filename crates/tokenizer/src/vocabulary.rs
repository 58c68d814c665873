//! The tokens of a model: spelling, kind, and the way back from a spelling.

use crate::{index::Index, strings::Strings};

/// The kind of a token, as `tokenizer.ggml.token_type` has it: what it is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenKind {
    /// A piece of text.
    Normal,
    /// A token for text that nothing else spells.
    Unknown,
    /// A token of structure, which is not text: `<s>`, `<|im_end|>`.
    Control,
    /// A token of text that is matched before everything else.
    UserDefined,
    /// A token in the table that was never trained.
    Unused,
    /// A token of one byte, `<0x0A>`.
    Byte,
}

impl TokenKind {
    /// Reads the number in the file; 0 (undefined) is a token that nothing is known of.
    pub(crate) fn from_file(value: i64) -> Option<Self> {
        Some(match value {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            0 | 5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }

    /// Whether merging may make this token out of text. Other tokens are named by the tokenizer, never spelled by the
    /// user.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Normal | Self::UserDefined | Self::Unused)
    }

    /// Whether the token is left out of decoded text.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Self::Control | Self::Unknown)
    }
}

/// The bytes that an algorithm compares text with, where these are not the spellings of the file.
pub(crate) struct Bytes {
    /// Appends the bytes of a spelling.
    pub(crate) decode: fn(&str, &mut Vec<u8>),
    pub(crate) keys: Strings,
}

/// The tokens of a model, by id.
pub(crate) struct Vocabulary {
    /// Spellings of the file.
    pub(crate) pieces: Strings,
    pub(crate) kinds: Vec<TokenKind>,
    bytes: Option<Bytes>,
    index: Index,
}

impl Vocabulary {
    /// Makes a vocabulary, with `bytes` where text is not compared with the spellings; the error names two ids with one
    /// spelling.
    pub(crate) fn new(pieces: Strings, kinds: Vec<TokenKind>, bytes: Option<Bytes>) -> Result<Self, (u32, u32)> {
        let keys = bytes.as_ref().map_or(&pieces, |bytes| &bytes.keys);
        let mut index = Index::with_capacity(keys.len());
        // Plain tokens first: where an added token shares the bytes of one ("õ" and "Ãµ" in the byte alphabet), merging
        // makes the plain one.
        let is_plain = |id: &u32| matches!(kinds.get(*id as usize), Some(TokenKind::Normal | TokenKind::Unused));
        let ids = 0..keys.len() as u32;
        for id in ids.clone().filter(is_plain).chain(ids.filter(|id| !is_plain(id))) {
            if keys.at(id as usize).is_empty() {
                continue;
            }
            if let Err(other) = index.insert(keys, id)
                && pieces.at(other as usize) == pieces.at(id as usize)
            {
                return Err((other.min(id), other.max(id)));
            }
        }
        Ok(Self { pieces, kinds, bytes, index })
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    fn keys(&self) -> &Strings {
        self.bytes.as_ref().map_or(&self.pieces, |bytes| &bytes.keys)
    }

    /// Returns the bytes of `id` as the algorithm sees them.
    pub(crate) fn key(&self, id: u32) -> &[u8] {
        self.keys().at(id as usize)
    }

    /// Returns the token with that key, of any kind.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Option<u32> {
        self.index.find(self.keys(), key)
    }

    /// Returns the token with that key, if text may become it.
    #[inline]
    pub(crate) fn find_text(&self, key: &[u8]) -> Option<u32> {
        self.find(key).filter(|&id| self.kind(id).is_some_and(TokenKind::is_text))
    }

    /// Returns the token that the file spells `piece`, of any kind.
    pub(crate) fn find_piece(&self, piece: &str) -> Option<u32> {
        let mut key = Vec::new();
        match &self.bytes {
            Some(bytes) => (bytes.decode)(piece, &mut key),
            None => key.extend_from_slice(piece.as_bytes()),
        }
        self.find(&key).filter(|&id| self.pieces.at(id as usize) == piece.as_bytes())
    }

    pub(crate) fn make_control(&mut self, id: u32) {
        if let Some(kind) = self.kinds.get_mut(id as usize) {
            *kind = TokenKind::Control;
        }
    }

    #[inline]
    pub(crate) fn kind(&self, id: u32) -> Option<TokenKind> {
        self.kinds.get(id as usize).copied()
    }

    pub(crate) fn piece(&self, id: u32) -> Option<&str> {
        if id as usize >= self.len() {
            return None;
        }
        std::str::from_utf8(self.pieces.at(id as usize)).ok()
    }

    /// Returns the ids of the byte tokens, `<0x00>` to `<0xFF>`; the error is the first byte token that names no byte.
    pub(crate) fn byte_tokens(&self) -> Result<Box<[Option<u32>; 256]>, u32> {
        let mut ids = Box::new([None; 256]);
        for (id, _) in self.kinds.iter().enumerate().filter(|(_, kind)| **kind == TokenKind::Byte) {
            let byte = byte_of_piece(self.pieces.at(id)).ok_or(id as u32)?;
            ids[usize::from(byte)].get_or_insert(id as u32);
        }
        Ok(ids)
    }
}

/// Returns the byte that `<0xHH>` names.
pub(crate) fn byte_of_piece(piece: &[u8]) -> Option<u8> {
    let [b'<', b'0', b'x', high, low, b'>'] = piece else { return None };
    let digit = |b: u8| char::from(b).to_digit(16);
    Some((digit(*high)? << 4 | digit(*low)?) as u8)
}
