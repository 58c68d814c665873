//! From the `tokenizer.*` keys of a file to a [`Tokenizer`], or the reason why not.

use crate::{
    bpe::{Bpe, Spelling, load_merges},
    byte_level,
    error::Error,
    greedy::{self, Greedy},
    limits::{ADDED_TOKEN_BYTES_MAX, ALL_TOKENS_BYTES_MAX, MERGES_MAX, TOKEN_BYTES_MAX, TOKENS_MAX},
    longest::Longest,
    matcher::{Added, Blanks, Matcher},
    merge::NO_ID,
    pipeline::{self, Pipeline, Prefix},
    pre::{self, PreTokenizer},
    special,
    spm::{SpaceCutter, Spm, rank_of_score},
    strings::Strings,
    tokenizer::{Model, Tokenizer},
    vocabulary::{Bytes, TokenKind, Vocabulary, byte_of_piece},
    words::WholeWords,
    wpm::Wpm,
};
use gguf::Metadata;

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const MERGES: &str = "tokenizer.ggml.merges";
const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";
const ADD_SEP: &str = "tokenizer.ggml.add_sep_token";
const ADD_SPACE: &str = "tokenizer.ggml.add_space_prefix";
const LOWERCASE: &str = "tokenizer.ggml.normalizer.lowercase";
const STRIP_ACCENTS: &str = "tokenizer.ggml.normalizer.strip_accents";

/// An algorithm, as `tokenizer.ggml.model` names it.
#[derive(Clone, Copy)]
enum Algorithm {
    ByteLevelBpe(PreTokenizer),
    /// Byte-pair encoding by character: `gemma4`.
    CharacterBpe,
    Spm,
    /// Byte-pair encoding of SentencePiece's vocabularies, with the merges that their scores stand for.
    SpmByMerges,
    Wpm,
    /// Longest tokens from left to right: `rwkv`.
    Greedy,
}

fn algorithm(metadata: &Metadata) -> Result<Algorithm, Error> {
    let model = metadata.str(MODEL)?.ok_or(Error::Missing { key: MODEL })?;
    Ok(match model {
        // Only with our key: others may have left merges there that their readers do not look at.
        "llama" if metadata.get(pipeline::KEY).is_some() && metadata.get(MERGES).is_some() => Algorithm::SpmByMerges,
        "llama" => Algorithm::Spm,
        "bert" => Algorithm::Wpm,
        "rwkv" => Algorithm::Greedy,
        "gemma4" => Algorithm::CharacterBpe,
        "gpt2" => match metadata.str(PRE)?.ok_or(Error::Missing { key: PRE })? {
            "gemma4" => Algorithm::CharacterBpe,
            pre::BY_PIPELINE if metadata.get(pipeline::KEY).is_some() => Algorithm::ByteLevelBpe(pre::WHOLE),
            name => {
                Algorithm::ByteLevelBpe(pre::by_name(name).ok_or_else(|| Error::UnknownPre { name: name.to_owned() })?)
            }
        },
        "no_vocab" | "none" => return Err(Error::NoTokenizer),
        _ => return Err(Error::UnknownModel { model: model.to_owned() }),
    })
}

pub(crate) fn from_gguf(metadata: &Metadata) -> Result<Tokenizer, Error> {
    let algorithm = algorithm(metadata)?;
    let mut vocabulary = vocabulary(metadata, algorithm)?;
    let n_tokens = vocabulary.len();
    let n_bytes_max = vocabulary.pieces.iter().map(<[u8]>::len).max().unwrap_or_default();
    let byte_tokens = vocabulary.byte_tokens().map_err(|id| Error::ByteToken {
        id: id as usize,
        piece: vocabulary.piece(id).unwrap_or_default().to_owned(),
    })?;
    let mut model = match algorithm {
        Algorithm::ByteLevelBpe(pre) => {
            let mut ids = Box::new([NO_ID; 256]);
            for (byte, id) in (0..=u8::MAX).zip(ids.iter_mut()) {
                *id = vocabulary.find_text(&[byte]).unwrap_or(NO_ID);
            }
            bpe(metadata, &vocabulary, pre, Spelling::Bytes(ids))?
        }
        Algorithm::CharacterBpe => {
            let cutter = SpaceCutter::new(&vocabulary.pieces, &vocabulary.kinds);
            bpe(metadata, &vocabulary, pre::LINES, Spelling::Characters { byte_tokens, unknown: None, cutter })?
        }
        Algorithm::SpmByMerges => {
            let cutter = SpaceCutter::new(&vocabulary.pieces, &vocabulary.kinds);
            bpe(metadata, &vocabulary, pre::WHOLE, Spelling::Characters { byte_tokens, unknown: None, cutter })?
        }
        Algorithm::Spm => Model::Spm(Spm {
            ranks: ranks(metadata, n_tokens)?,
            n_bytes_max,
            byte_tokens,
            unknown: None,
            cutter: SpaceCutter::new(&vocabulary.pieces, &vocabulary.kinds),
            whole_words: WholeWords::new(n_tokens),
        }),
        Algorithm::Wpm => {
            let lowercase = metadata.bool(LOWERCASE)?.unwrap_or(true);
            let strip_accents = metadata.bool(STRIP_ACCENTS)?.unwrap_or(lowercase);
            Model::Wpm(Wpm { lowercase, strip_accents, longest: Longest::default(), unknown: None })
        }
        Algorithm::Greedy => Model::Greedy(Greedy::default()),
    };
    let is_word = |id: u32| matches!(&model, Model::Bpe(bpe) if bpe.merges.make(id));
    let special::Found { special, end_of_generation, suppressed, warnings } =
        special::find(metadata, &mut vocabulary, is_word)?;
    match &mut model {
        Model::Bpe(bpe) if matches!(algorithm, Algorithm::SpmByMerges) => bpe.set_unknown(special.unk),
        Model::Bpe(_) => {}
        Model::Spm(spm) => spm.unknown = special.unk,
        // The kinds of tokens are known only now.
        Model::Wpm(wpm) => (wpm.longest, wpm.unknown) = (Longest::new(&vocabulary), special.unk),
        Model::Greedy(greedy) => (greedy.longest, greedy.unknown) = (Longest::new(&vocabulary), special.unk),
    }

    // What goes around every text, where the file does not say.
    let (bos, eos) = match algorithm {
        Algorithm::ByteLevelBpe(pre) => (pre.add_bos, false),
        Algorithm::CharacterBpe | Algorithm::Spm | Algorithm::SpmByMerges => (true, false),
        Algorithm::Wpm => (true, true),
        Algorithm::Greedy => (false, false),
    };
    let add_bos = metadata.bool(ADD_BOS)?.unwrap_or(bos);
    // Gemma 4 files say false, and the model falls apart without.
    let add_bos = add_bos || matches!(algorithm, Algorithm::CharacterBpe);
    let (end_flag, end, end_key) = match algorithm {
        Algorithm::Wpm => (ADD_SEP, special.sep, "tokenizer.ggml.seperator_token_id"),
        _ => (ADD_EOS, special.eos, "tokenizer.ggml.eos_token_id"),
    };
    let add_end = metadata.bool(end_flag)?.unwrap_or(eos);
    if add_bos && special.bos.is_none() {
        return Err(Error::Undefined { flag: ADD_BOS, key: "tokenizer.ggml.bos_token_id" });
    }
    if add_end && end.is_none() {
        return Err(Error::Undefined { flag: end_flag, key: end_key });
    }
    let pipeline = Pipeline::from_gguf(metadata, &vocabulary)?;
    let adds_space = matches!(algorithm, Algorithm::Spm) && metadata.bool(ADD_SPACE)?.unwrap_or(true);
    let prefix = match &pipeline {
        Some(pipeline) => pipeline.prefix(),
        None if adds_space => Prefix::Always,
        None => Prefix::Never,
    };

    let (named, spelled) = matchers(metadata, &vocabulary, algorithm)?;
    Ok(Tokenizer {
        first: special.bos.filter(|_| add_bos),
        last: end.filter(|_| add_end),
        vocabulary,
        model,
        special,
        end_of_generation,
        suppressed,
        warnings,
        prefix,
        pipeline,
        named,
        spelled,
    })
}

/// Reads the tokens of the file, and checks every length.
fn vocabulary(metadata: &Metadata, algorithm: Algorithm) -> Result<Vocabulary, Error> {
    let tokens = metadata.strings(TOKENS)?.ok_or(Error::Missing { key: TOKENS })?;
    let n_tokens = tokens.len();
    if n_tokens == 0 {
        return Err(Error::Empty);
    }
    if n_tokens > TOKENS_MAX {
        return Err(Error::TooMany { key: TOKENS, n: n_tokens, max: TOKENS_MAX });
    }
    let kinds = match metadata.i64s(TYPES)? {
        None if matches!(algorithm, Algorithm::Spm) => tokens.iter().map(|token| kind_by_spelling(token)).collect(),
        None => vec![TokenKind::Normal; n_tokens],
        Some(types) if types.len() != n_tokens => {
            return Err(Error::Length { key: TYPES, n: types.len(), n_tokens });
        }
        Some(types) => types
            .iter()
            .enumerate()
            .map(|(id, &value)| TokenKind::from_file(value).ok_or(Error::TokenType { id, value }))
            .collect::<Result<_, _>>()?,
    };
    let mut n_bytes = 0_usize;
    for (id, (token, kind)) in tokens.iter().zip(&kinds).enumerate() {
        let is_added = kind.is_silent() || *kind == TokenKind::UserDefined;
        let (max, what) =
            if is_added { (ADDED_TOKEN_BYTES_MAX, "an added token") } else { (TOKEN_BYTES_MAX, "a token") };
        if token.len() > max {
            return Err(Error::TokenTooLong { id, n_bytes: token.len(), max, what });
        }
        n_bytes = n_bytes.saturating_add(token.len());
    }
    if n_bytes > ALL_TOKENS_BYTES_MAX {
        return Err(Error::TokenTooLong { id: n_tokens - 1, n_bytes, max: ALL_TOKENS_BYTES_MAX, what: "all tokens" });
    }
    let mut pieces = Strings::with_capacity(n_tokens, n_bytes);
    for token in tokens {
        pieces.push(token.as_bytes());
    }
    let decode: Option<fn(&str, &mut Vec<u8>)> = match algorithm {
        Algorithm::ByteLevelBpe(_) => Some(byte_level::decode),
        Algorithm::Greedy => Some(greedy::decode_piece),
        Algorithm::CharacterBpe | Algorithm::Spm | Algorithm::SpmByMerges | Algorithm::Wpm => None,
    };
    let bytes = decode.map(|decode| {
        let mut bytes = Strings::with_capacity(n_tokens, n_bytes);
        for token in tokens {
            bytes.push_with(|arena| decode(token, arena));
        }
        Bytes { decode, keys: bytes }
    });
    Vocabulary::new(pieces, kinds, bytes).map_err(|(first, second)| Error::Duplicate {
        piece: tokens.get(first as usize).cloned().unwrap_or_default(),
        first,
        second,
    })
}

/// Returns the kind of a SentencePiece token where the file has none, by the names that every such vocabulary gives its
/// structure and its bytes.
fn kind_by_spelling(token: &str) -> TokenKind {
    match token {
        "<unk>" => TokenKind::Unknown,
        "<s>" | "</s>" => TokenKind::Control,
        _ if byte_of_piece(token.as_bytes()).is_some() => TokenKind::Byte,
        _ => TokenKind::Normal,
    }
}

fn bpe(metadata: &Metadata, vocabulary: &Vocabulary, pre: PreTokenizer, spelling: Spelling) -> Result<Model, Error> {
    let merges = metadata.strings(MERGES)?.ok_or(Error::Missing { key: MERGES })?;
    if merges.len() > MERGES_MAX {
        return Err(Error::TooMany { key: MERGES, n: merges.len(), max: MERGES_MAX });
    }
    Ok(Model::Bpe(Bpe {
        merges: load_merges(merges, vocabulary, matches!(spelling, Spelling::Bytes(_)))?,
        pre,
        spelling,
        whole_words: WholeWords::new(vocabulary.len()),
    }))
}

/// Returns the order in which SPM merges, from the scores. Where the file has none all are equal, as for llama.cpp, and
/// the leftmost pair comes first.
fn ranks(metadata: &Metadata, n_tokens: usize) -> Result<Vec<u32>, Error> {
    let Some(scores) = metadata.f32s(SCORES)? else { return Ok(vec![rank_of_score(0.0); n_tokens]) };
    if scores.len() != n_tokens {
        return Err(Error::Length { key: SCORES, n: scores.len(), n_tokens });
    }
    scores
        .iter()
        .enumerate()
        .map(|(id, &value)| if value.is_nan() { Err(Error::Score { id, value }) } else { Ok(rank_of_score(value)) })
        .collect()
}

/// Makes the matchers for text in which control tokens are named, and for text in which they are spelled.
fn matchers(metadata: &Metadata, vocabulary: &Vocabulary, algorithm: Algorithm) -> Result<(Matcher, Matcher), Error> {
    // GGUF does not say which added tokens take the white space beside them; these models' own files do.
    let name = metadata.str("general.name")?.unwrap_or_default().to_lowercase();
    let architecture = metadata.str("general.architecture")?.unwrap_or_default();
    let is_phi3 = matches!(algorithm, Algorithm::Spm)
        && (architecture == "phi3" || name.contains("phi-3") || name.contains("phi3"));
    let mask: &[u8] = match metadata.str(PRE)?.unwrap_or_default() {
        "jina-v2-de" | "jina-v2-es" | "jina-v2-code" => b"<mask>",
        "modern-bert" => b"[MASK]",
        _ => b"",
    };
    let added = |with_silent: bool| {
        let tokens = vocabulary.kinds.iter().zip(vocabulary.pieces.iter()).zip(0..);
        Matcher::new(
            tokens.filter_map(move |((kind, piece), id)| {
                let is_added = *kind == TokenKind::UserDefined || (with_silent && kind.is_silent());
                let rstrip = is_phi3 && !matches!(piece, b"<unk>" | b"<s>" | b"<|endoftext|>");
                is_added
                    .then_some((piece, Added { lstrip: !mask.is_empty() && piece == mask, rstrip, ..Added::plain(id) }))
            }),
            Blanks::Ascii,
        )
    };
    Ok((added(true), added(false)))
}
