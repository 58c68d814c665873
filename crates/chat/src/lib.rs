//! Chat templates: a conversation → the text that the model was trained on, and what it answers → text, reasoning,
//! calls.
//!
//! A model file brings its own template, a program in Jinja. [`Template::new`] parses it once, [`Template::render`]
//! runs it over a conversation with the results of Python's jinja2, within the [`limits`]; a model without a template
//! gets one of [`BUILTIN_NAMES`]. Nothing here reads a clock, a file or a random number.
//!
//! Start reading at `template.rs`; the language itself is in `jinja.rs`. What the model answers, with reasoning and
//! tool calls, is taken apart by `output.rs`.
//!
//! ```
//! use chat::{DateTime, Inputs, Message, Template};
//!
//! let template = Template::builtin("chatml")?;
//! let messages = [Message::system("Be brief."), Message::user("Hello")];
//! let text = template.render(&Inputs::new(&messages, DateTime::constant(2026, 1, 15, 12, 0, 0, 0)))?;
//! assert_eq!(
//!     text,
//!     "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
//! );
//! # Ok::<(), chat::Error>(())
//! ```

mod builtin;
mod error;
mod guard;
mod jinja;
pub mod limits;
mod message;
mod now;
mod oracle;
mod output;
mod support;
mod template;

pub use builtin::BUILTIN_NAMES;
pub use error::{Error, Limit};
pub use guard::{Segment, protect, protect_json, protect_message, protect_messages, segments};
pub use jiff::civil::DateTime;
pub use message::{Content, Message, Messages, Part, Role};
pub use now::Now;
#[doc(hidden)]
pub use oracle::oracle;
#[doc(hidden)]
pub use output::parser_oracle;
pub use output::{ANSWER_RULE, CallRules, Conversation, OutputFormat, OutputParser, OutputPiece, Tool, ToolChoice};
pub use support::Support;
pub use template::{Inputs, OwnTemplate, Template};
