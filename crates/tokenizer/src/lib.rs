//! BPE, SPM and WPM tokenizers from GGUF metadata; streaming detokenizer.
//!
//! [`Tokenizer`] turns text into ids and back; [`Detokenizer`] turns a stream of ids into whole characters.
//! Ids equal those of llama.cpp for the same file (the golden vectors say where that is checked), with two deliberate
//! differences: text never becomes a control token unless the caller asks for it, and what the file does not say is an
//! error, not a default.
//!
//! Start reading at `tokenizer.rs` (the walk of a text), then `load.rs` (what a file must say), `pre.rs` (how BPE text
//! is cut into words) and `merge.rs` (the one merge loop that BPE and SPM share).

mod bpe;
mod byte_level;
mod detokenizer;
mod error;
mod greedy;
mod index;
pub mod limits;
mod load;
mod longest;
mod matcher;
mod merge;
mod oracle;
mod pipeline;
mod pre;
mod special;
mod spm;
mod strings;
mod tokenizer;
mod unicode;
mod vocabulary;
mod words;
mod wpm;

pub use detokenizer::Detokenizer;
pub use error::Error;
pub use gguf::TokenId;
#[doc(hidden)]
pub use oracle::oracle;
pub use pipeline::{KEY as PIPELINE_KEY, check_pipeline};
pub use pre::BY_PIPELINE as PRE_BY_PIPELINE;
pub use special::{FillInTheMiddle, SpecialTokens};
pub use tokenizer::{ControlTokens, Kind, Token, Tokenizer};
pub use vocabulary::TokenKind;
