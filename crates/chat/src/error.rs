//! Why a template was refused, or refused.

use std::fmt;

/// Which limit a template ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of source: [`TEMPLATE_BYTES_MAX`](crate::limits::TEMPLATE_BYTES_MAX).
    TemplateBytes,
    /// Levels of nesting: [`NESTING_MAX`](crate::limits::NESTING_MAX).
    Nesting,
    /// Steps of the interpreter: [`FUEL_MAX`](crate::limits::FUEL_MAX).
    Fuel,
    /// Bytes of memory: [`MEMORY_BYTES_MAX`](crate::limits::MEMORY_BYTES_MAX).
    Memory,
    /// Bytes of output: [`OUTPUT_BYTES_MAX`](crate::limits::OUTPUT_BYTES_MAX).
    Output,
    /// Levels of evaluation: [`DEPTH_MAX`](crate::limits::DEPTH_MAX).
    Depth,
    /// Levels of lists and dicts: [`VALUE_DEPTH_MAX`](crate::limits::VALUE_DEPTH_MAX).
    ValueDepth,
    /// Items of a range: [`RANGE_MAX`](crate::limits::RANGE_MAX).
    Range,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::limits as l;
        match self {
            Self::TemplateBytes => write!(f, "{} bytes of source (TEMPLATE_BYTES_MAX)", l::TEMPLATE_BYTES_MAX),
            Self::Nesting => write!(f, "{} levels of nesting (NESTING_MAX)", l::NESTING_MAX),
            Self::Fuel => write!(f, "{} steps (FUEL_MAX)", l::FUEL_MAX),
            Self::Memory => write!(f, "{} bytes of memory (MEMORY_BYTES_MAX)", l::MEMORY_BYTES_MAX),
            Self::Output => write!(f, "{} bytes of output (OUTPUT_BYTES_MAX)", l::OUTPUT_BYTES_MAX),
            Self::Depth => write!(f, "{} levels of evaluation (DEPTH_MAX)", l::DEPTH_MAX),
            Self::ValueDepth => write!(f, "{} levels of lists and dicts (VALUE_DEPTH_MAX)", l::VALUE_DEPTH_MAX),
            Self::Range => write!(f, "{} items in a range (RANGE_MAX)", l::RANGE_MAX),
        }
    }
}

/// What can go wrong with a chat template. The text is one line; control characters of the template are escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source is not a template.
    #[error("chat template line {line}: {message}")]
    Syntax {
        /// Line of the source, from 1.
        line: u32,
        /// What is wrong there.
        message: String,
    },
    /// The template failed on this conversation: an undefined name, a wrong type, a missing filter.
    #[error("chat template line {line}: {message}")]
    Render {
        /// Line of the statement, from 1.
        line: u32,
        /// What is wrong there.
        message: String,
    },
    /// The template itself refused the conversation with `raise_exception`.
    #[error("the chat template refuses this conversation: {message}")]
    Refused {
        /// The template's words.
        message: String,
    },
    /// The template wanted more than it may have.
    #[error("chat template line {line}: more than {limit}")]
    Limit {
        /// Line of the source, from 1.
        line: u32,
        /// The limit that it would have passed.
        limit: Limit,
    },
    /// No built-in template has this name.
    #[error("no built-in chat template is called {name}; there are {}", crate::BUILTIN_NAMES.join(", "))]
    UnknownBuiltin {
        /// The name asked for.
        name: String,
    },
}

/// Characters of a message that are kept.
const MESSAGE_CHARS_MAX: usize = 400;

impl Error {
    pub(crate) fn syntax(line: u32, message: impl AsRef<str>) -> Self {
        Self::Syntax { line, message: one_line(message.as_ref()) }
    }

    /// A failure whose line the statement around it fills in.
    pub(crate) fn render(message: impl AsRef<str>) -> Self {
        Self::Render { line: 0, message: one_line(message.as_ref()) }
    }

    pub(crate) fn refused(message: &str) -> Self {
        Self::Refused { message: one_line(message) }
    }

    pub(crate) fn limit(limit: Limit) -> Self {
        Self::Limit { line: 0, limit }
    }

    /// Fills in the line where none is known yet.
    pub(crate) fn at(mut self, here: u32) -> Self {
        if let Self::Render { line, .. } | Self::Limit { line, .. } = &mut self
            && *line == 0
        {
            *line = here;
        }
        self
    }
}

/// `text` with control characters escaped and the end of a long one cut off.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MESSAGE_CHARS_MAX));
    for (i, c) in text.chars().enumerate() {
        if i == MESSAGE_CHARS_MAX {
            line.push('…');
            break;
        }
        gguf::push_escaped(&mut line, c);
    }
    line
}
