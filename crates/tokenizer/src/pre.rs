//! Pre-tokenizers: how a BPE vocabulary cuts text into the words inside which it merges.
//!
//! The `tokenizer.ggml.pre` name of a file stands for a list of regular expressions, applied one after another: each
//! cuts every fragment so far into its matches and the gaps between them. Here each expression is a hand-written
//! scanner ([`Pass`]) with the same leftmost, first-alternative meaning, in one walk over the bytes.
//!
//! Sources: the `tokenizer.json` files of the model families, and the table of names in llama.cpp's `llama-vocab.cpp`.
//! Where the two differ (llama.cpp rewrites what `std::regex` cannot express) the model's own file is followed.

mod names;
mod ranges;
mod sets;
mod words;

pub use names::BY_PIPELINE;
pub(crate) use names::{LINES, PreTokenizer, WHOLE, by_name};

use crate::unicode::{Classes, char_at, run_end, utf8_len};
use sets::Set;
use words::Words;

/// A regular expression of a pre-tokenizer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pass {
    /// The expression of GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    Gpt2,
    /// The family of expressions that tiktoken's `cl100k` began.
    Words(Words),
    /// The expression of DeepSeek V3:
    /// ```text
    /// [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
    /// ```
    DeepSeek3,
    /// The expression `\p{N}{1,n}`, up to `n` numbers.
    Numbers(usize),
    /// The expression `[0-9][0-9][0-9]`, three digits.
    ThreeDigits,
    /// The expression `[set]+`, a run.
    Run(Set),
    /// The expression `\s?[set]+`, a run and white space before it.
    SpaceAndRun(Set),
    /// The expression ` ?[set]+`, a run and a blank before it.
    BlankAndRun(Set),
    /// The expression `[\r\n]`, one newline.
    Newline,
    /// The expression `\s+$`, white space at the end.
    TrailingSpace,
    /// The expression `[^\n]+|[\n]+`, a line or its ends.
    Lines,
}

impl Pass {
    /// Returns the end of the match that begins at `at`, or `at` itself if none does.
    #[inline]
    fn match_end(&self, text: &[u8], at: usize) -> usize {
        match self {
            Self::Gpt2 => words::gpt2(text, at),
            Self::Words(words) => words.match_end(text, at),
            Self::DeepSeek3 => words::deepseek3(text, at),
            Self::Numbers(n_max) => numbers_end(text, at, *n_max),
            Self::ThreeDigits => match text.get(at..at + 3) {
                Some(digits) if digits.iter().all(u8::is_ascii_digit) => at + 3,
                _ => at,
            },
            Self::Run(set) => run_end(text, at, |c| set.has(c)),
            Self::SpaceAndRun(set) => prefixed_run(text, at, char_at(text, at).classes.any(Classes::SPACE), set),
            Self::BlankAndRun(set) => prefixed_run(text, at, char_at(text, at).is(' '), set),
            Self::Newline => at + usize::from(char_at(text, at).is_newline()),
            Self::TrailingSpace => {
                let end = run_end(text, at, |c| c.classes.any(Classes::SPACE));
                if end == text.len() { end } else { at }
            }
            Self::Lines => {
                let is_newline = char_at(text, at).is('\n');
                run_end(text, at, |c| c.is('\n') == is_newline)
            }
        }
    }
}

/// Returns the end of `\p{N}{1,n_max}`.
fn numbers_end(text: &[u8], at: usize, n_max: usize) -> usize {
    let mut end = at;
    for _ in 0..n_max {
        let c = char_at(text, end);
        if !c.classes.any(Classes::NUMBER) {
            break;
        }
        end += c.len;
    }
    end
}

/// Returns the end of a run of `set`, after the character at `at` if `has_prefix`; without a run there is no match.
fn prefixed_run(text: &[u8], at: usize, has_prefix: bool, set: &Set) -> usize {
    if has_prefix {
        let start = at + char_at(text, at).len;
        let end = run_end(text, start, |c| set.has(c));
        if end > start {
            return end;
        }
    }
    run_end(text, at, |c| set.has(c))
}

/// Cuts `text` by `passes`, in order; `emit` gets the words from left to right, which joined are `text`.
pub(crate) fn split(passes: &[Pass], text: &[u8], emit: &mut dyn FnMut(&[u8])) {
    let Some((pass, rest)) = passes.split_first() else {
        if !text.is_empty() {
            emit(text);
        }
        return;
    };
    let mut forward = |fragment: &[u8]| {
        if rest.is_empty() { emit(fragment) } else { split(rest, fragment, emit) }
    };
    let (mut gap, mut at) = (0, 0);
    while let Some(&lead) = text.get(at) {
        let end = pass.match_end(text, at);
        if end == at {
            at += utf8_len(lead);
            continue;
        }
        if gap < at {
            forward(&text[gap..at]);
        }
        forward(&text[at..end]);
        (gap, at) = (end, end);
    }
    if gap < text.len() {
        forward(&text[gap..]);
    }
}

#[cfg(test)]
mod tests;
