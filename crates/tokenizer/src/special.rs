//! The tokens with a job: where text begins and ends, what ends a reply, how code is filled in.
//!
//! Files name them by id, or fail to; then the spellings that model families agreed on decide. Sources: the GGUF
//! document, and the lists of names in llama.cpp's `llama-vocab.cpp`.

use crate::{
    error::Error,
    vocabulary::{TokenKind, Vocabulary},
};
use gguf::{Metadata, TokenId};

/// The tokens with a job; `None` where the model has none.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SpecialTokens {
    /// Beginning of sequence (BERT's `[CLS]`).
    pub bos: Option<TokenId>,
    /// Token that ends a sequence.
    pub eos: Option<TokenId>,
    /// Token that ends a turn.
    pub eot: Option<TokenId>,
    /// Token that ends a message, when a tool is to run before the turn goes on.
    pub eom: Option<TokenId>,
    /// Token for text that no other token spells.
    pub unk: Option<TokenId>,
    /// Token between two texts.
    pub sep: Option<TokenId>,
    /// Token that fills up a batch.
    pub pad: Option<TokenId>,
    /// Token in place of one to be guessed.
    pub mask: Option<TokenId>,
    /// Tokens for filling in code.
    pub fim: FillInTheMiddle,
}

/// The tokens around the parts of a fill-in-the-middle prompt: `prefix` stands before the code before the gap, `suffix`
/// before the code after it, `middle` before the code in it; `pad` fills up, `repo` stands before the name of a
/// repository, and `separator` between files.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct FillInTheMiddle {
    pub prefix: Option<TokenId>,
    pub suffix: Option<TokenId>,
    pub middle: Option<TokenId>,
    pub pad: Option<TokenId>,
    pub repo: Option<TokenId>,
    pub separator: Option<TokenId>,
}

const EOT: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<turn|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
];
const EOM: &[&str] = &["<|eom_id|>"];
const FIM_PREFIX: &[&str] = &[
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
];
const FIM_SUFFIX: &[&str] = &[
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
];
const FIM_MIDDLE: &[&str] = &[
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
];
const FIM_PAD: &[&str] = &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"];
const FIM_REPO: &[&str] = &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"];
const FIM_SEPARATOR: &[&str] = &["<|file_sep|>"];
/// Spellings of tokens that end a completion, besides EOS, EOT and EOM.
const END_OF_GENERATION: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// Metadata key of more ends of generation than GGUF has names for.
const EOS_LIST: &str = "tokenizer.ggml.eos_token_ids";

/// Metadata key of tokens that a model is never to say: those that stand for pictures and sounds in its input.
const SUPPRESSED: &str = "tokenizer.ggml.suppress_tokens";

/// The special tokens that a file states, or that were found by their spelling.
pub(crate) struct Found {
    pub(crate) special: SpecialTokens,
    /// Ids of the tokens that end a completion, sorted.
    pub(crate) end_of_generation: Vec<u32>,
    /// Ids of the tokens that are never said, sorted.
    pub(crate) suppressed: Vec<u32>,
    /// Lines about what was read as absent.
    pub(crate) warnings: Vec<String>,
}

/// Reads the ids of the file, and finds by spelling what it does not name. Tokens found so become control tokens,
/// unless `is_word` says that text merges into them.
pub(crate) fn find(
    metadata: &Metadata,
    vocabulary: &mut Vocabulary,
    is_word: impl Fn(u32) -> bool,
) -> Result<Found, Error> {
    let n_tokens = vocabulary.len();
    let mut outside = Vec::new();
    let mut by_key = |keys: &[&'static str]| by_key(metadata, keys, n_tokens, &mut outside);
    let mut special = SpecialTokens {
        bos: by_key(&["tokenizer.ggml.bos_token_id", "tokenizer.ggml.cls_token_id"])?,
        eos: by_key(&["tokenizer.ggml.eos_token_id"])?,
        eot: by_key(&["tokenizer.ggml.eot_token_id"])?,
        eom: by_key(&["tokenizer.ggml.eom_token_id"])?,
        unk: by_key(&["tokenizer.ggml.unknown_token_id"])?,
        // The GGUF document spells it so.
        sep: by_key(&["tokenizer.ggml.seperator_token_id", "tokenizer.ggml.separator_token_id"])?,
        pad: by_key(&["tokenizer.ggml.padding_token_id"])?,
        mask: by_key(&["tokenizer.ggml.mask_token_id"])?,
        fim: FillInTheMiddle {
            prefix: by_key(&["tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"])?,
            suffix: by_key(&["tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"])?,
            middle: by_key(&["tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"])?,
            pad: by_key(&["tokenizer.ggml.fim_pad_token_id"])?,
            repo: by_key(&["tokenizer.ggml.fim_rep_token_id"])?,
            separator: by_key(&["tokenizer.ggml.fim_sep_token_id"])?,
        },
    };
    let by_piece = |names: &[&str]| {
        names.iter().filter_map(|name| vocabulary.find_piece(name)).find(|&id| !is_word(id)).map(TokenId)
    };
    // The names that every SentencePiece and BERT vocabulary gives them.
    let structural =
        |names: &[&str]| by_piece(names).filter(|id| vocabulary.kind(id.0).is_some_and(TokenKind::is_silent));
    special.bos = special.bos.or_else(|| structural(&["<s>", "[CLS]"]));
    special.eos = special.eos.or_else(|| structural(&["</s>"]));
    special.unk = special.unk.or_else(|| structural(&["<unk>", "[UNK]"]));
    special.sep = special.sep.or_else(|| structural(&["[SEP]"]));

    let mut ends: Vec<u32> = END_OF_GENERATION.iter().filter_map(|name| by_piece(&[name])).map(|id| id.0).collect();
    let has = |name: &str| by_piece(&[name]).is_some_and(|id| ends.contains(&id.0));
    let mut kept: Vec<&str> = Vec::new();
    // With these, "<|end|>" ends one message of several (Harmony, Solar), and "</s>" is text (Gemma 4).
    let is_call = has("<|call|>") || has("<|calls|>");
    if is_call && (has("<|return|>") || has("<|flush|>")) {
        kept.push("<|end|>");
    }
    if has("<|tool_response>") {
        kept.push("</s>");
    }
    let kept: Vec<TokenId> = kept.iter().filter_map(|name| by_piece(&[name])).collect();
    ends.retain(|&id| !kept.contains(&TokenId(id)));

    let mut named = ends.clone();
    let mut or_by_piece = |id: &mut Option<TokenId>, names: &[&str]| {
        if id.is_none() {
            *id = by_piece(names).filter(|id| !kept.contains(id));
            named.extend(id.map(|id| id.0));
        }
    };
    or_by_piece(&mut special.eot, EOT);
    or_by_piece(&mut special.eom, EOM);
    or_by_piece(&mut special.fim.prefix, FIM_PREFIX);
    or_by_piece(&mut special.fim.suffix, FIM_SUFFIX);
    or_by_piece(&mut special.fim.middle, FIM_MIDDLE);
    or_by_piece(&mut special.fim.pad, FIM_PAD);
    or_by_piece(&mut special.fim.repo, FIM_REPO);
    or_by_piece(&mut special.fim.separator, FIM_SEPARATOR);
    let fim = &special.fim;
    let more = [special.eos, special.eot, special.eom, fim.pad, fim.repo, fim.separator];
    ends.extend(more.into_iter().flatten().map(|id| id.0));
    // The first is Ollama's key, for models with more ends than GGUF has names.
    let mut suppressed = Vec::new();
    for (key, ids) in [(EOS_LIST, &mut ends), (SUPPRESSED, &mut suppressed)] {
        for id in metadata.i64s(key)?.unwrap_or_default() {
            match u32::try_from(id) {
                Ok(id) if (id as usize) < n_tokens => ids.push(id),
                _ => outside.push(format!("{key}: token {id}")),
            }
        }
        ids.sort_unstable();
        ids.dedup();
    }
    for id in named {
        vocabulary.make_control(id);
    }
    let warning = format!("{}, but the vocabulary has {n_tokens}: read as absent", outside.join(", "));
    let warnings = (!outside.is_empty()).then_some(warning).into_iter().collect();
    Ok(Found { special, end_of_generation: ends, suppressed, warnings })
}

/// Returns the id under the first of `keys` that the file has. One that is no token (tools write −1 for "none", or the
/// size of the vocabulary) counts as absent, as for llama.cpp, and is listed in `outside`.
fn by_key(
    metadata: &Metadata,
    keys: &[&'static str],
    n_tokens: usize,
    outside: &mut Vec<String>,
) -> Result<Option<TokenId>, Error> {
    for &key in keys {
        let Some(id) = metadata.integer(key)? else { continue };
        match u32::try_from(id) {
            Ok(id) if (id as usize) < n_tokens => return Ok(Some(TokenId(id))),
            _ => outside.push(format!("{key}: token {id}")),
        }
    }
    Ok(None)
}
