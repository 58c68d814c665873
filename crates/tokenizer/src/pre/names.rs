//! What each `tokenizer.ggml.pre` name stands for.

use super::{
    Pass,
    ranges::{DEEPSEEK_CJK, DEEPSEEK_LETTERS, DEEPSEEK_PUNCTUATION, DEEPSEEK3_CJK},
    sets::Set,
    words::Words,
};
use crate::unicode::Classes;

/// A pre-tokenizer, and what else the name implies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreTokenizer {
    pub(crate) passes: &'static [Pass],
    /// Whether a word that is a token stays that token, whatever the merges make of it.
    pub(crate) ignore_merges: bool,
    /// Value of `add_bos_token` where the file does not say.
    pub(crate) add_bos: bool,
}

impl PreTokenizer {
    const fn plain(passes: &'static [Pass]) -> Self {
        Self { passes, ignore_merges: false, add_bos: false }
    }

    const fn llama3(passes: &'static [Pass]) -> Self {
        Self { passes, ignore_merges: true, add_bos: true }
    }
}

/// The expression of `\p{P}` and the ASCII symbols that `tokenizers` counts as punctuation.
const PUNCTUATION: Pass = Pass::Run(Set::ClassesAnd(Classes::PUNCTUATION, "$+<=>^~|"));
const PUNCTUATION_AND_GRAVE: Pass = Pass::Run(Set::ClassesAnd(Classes::PUNCTUATION, "$+<=>^~|`"));
/// The expression ` ?[^(\s|.,!?…。，、।۔،)]+`: the parentheses and the bar are in the brackets too.
const BLOOM_WORD: Pass = Pass::BlankAndRun(Set::Except("(|.,!?…。，、।۔،)"));
const ALL_NUMBERS: Pass = Pass::Run(Set::Classes(Classes::NUMBER));

/// Returns the pre-tokenizer called `name`.
pub(crate) fn by_name(name: &str) -> Option<PreTokenizer> {
    Some(match name {
        "default" => PreTokenizer::plain(&[PUNCTUATION, Pass::Gpt2, ALL_NUMBERS, Pass::ThreeDigits]),
        "gpt-2" | "phi-2" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling" | "exaone4" | "jina-es"
        | "jina-de" | "jina-v1-en" | "jina-v2-es" | "jina-v2-de" | "jina-v2-code" | "roberta-bpe" | "gigachat"
        | "a.x-4.0" | "mellum" | "modern-bert" => PreTokenizer::plain(&[Pass::Gpt2]),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" | "mellum2" => {
            PreTokenizer::plain(&[Pass::Numbers(1), Pass::Gpt2])
        }
        "falcon" => PreTokenizer::plain(&[PUNCTUATION_AND_GRAVE, Pass::Gpt2, Pass::ThreeDigits]),
        "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2"
        | "jina-v5-nano" => PreTokenizer::llama3(&[Pass::Words(Words::LLAMA3)]),
        "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => PreTokenizer::plain(&[Pass::Words(Words::LLAMA3)]),
        "minicpm5" => PreTokenizer {
            passes: &[Pass::Numbers(3), Pass::Words(Words::LLAMA3)],
            ignore_merges: true,
            add_bos: false,
        },
        "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2" | "hunyuan" | "solar-open"
        | "grok-2" | "bailingmoe" | "bailingmoe2" | "llada-moe" => PreTokenizer::plain(&[Pass::Words(Words::QWEN2)]),
        "qwen35" => PreTokenizer::plain(&[Pass::Words(Words::QWEN35)]),
        "seed-coder" => PreTokenizer::plain(&[Pass::Words(Words::SEED_CODER)]),
        "tekken" => PreTokenizer::llama3(&[Pass::Words(Words::TEKKEN)]),
        "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" => PreTokenizer::plain(&[Pass::Words(Words::GPT4O)]),
        "deepseek-coder" => PreTokenizer::plain(&[
            Pass::Newline,
            Pass::SpaceAndRun(Set::Classes(Classes::LETTER)),
            Pass::SpaceAndRun(Set::Classes(Classes::PUNCTUATION)),
            Pass::Run(Set::Ranges(DEEPSEEK_CJK)),
            Pass::Numbers(1),
        ]),
        "deepseek-llm" => PreTokenizer::plain(&[
            Pass::Newline,
            Pass::SpaceAndRun(Set::Ranges(DEEPSEEK_LETTERS)),
            Pass::SpaceAndRun(Set::Ranges(DEEPSEEK_PUNCTUATION)),
            Pass::TrailingSpace,
            Pass::Run(Set::Ranges(DEEPSEEK_CJK)),
            ALL_NUMBERS,
        ]),
        "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => {
            PreTokenizer::plain(&[Pass::Numbers(3), Pass::Run(Set::Ranges(DEEPSEEK3_CJK)), Pass::DeepSeek3])
        }
        "bloom" | "poro-chat" | "gpt3-finnish" => PreTokenizer::plain(&[BLOOM_WORD]),
        "viking" => PreTokenizer::plain(&[BLOOM_WORD, Pass::Numbers(1)]),
        _ => return None,
    })
}

/// Pre-tokenizer of Gemma 4, which has no name of its own in files: lines, spelled without the byte alphabet.
pub(crate) const LINES: PreTokenizer = PreTokenizer::plain(&[Pass::Lines]);

/// Name in files that `convert` makes of cuts that no name stands for: the pipeline says them, and other programs
/// refuse the file.
pub const BY_PIPELINE: &str = "trinity";

/// Pre-tokenizer that cuts nothing: the pipeline's words are whole.
pub(crate) const WHOLE: PreTokenizer = PreTokenizer::plain(&[]);
