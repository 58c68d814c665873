//! What a model writes, taken apart as it comes: text, reasoning, tool calls.
//!
//! The parser is an automaton over characters, so what it says cannot depend on how the text is cut. It holds back only
//! what may still become a marker or a call; `raw` has that text, which [`OutputParser::give_up`] turns into content.

mod json_calls;
mod named_calls;
mod tagged_calls;

use std::sync::Arc;

use super::{
    OutputFormat, OutputPiece, Start, Tool,
    call_object::CallObject,
    search::{Expected, Search, expect},
    syntax::Body,
};
use crate::limits::{CALL_HELD_BYTES_MAX, CALL_NAME_BYTES_MAX, CALLS_MAX};

use json_calls::JsonPlace;
use named_calls::NamedPlace;
use tagged_calls::{TaggedCall, TaggedPlace, Value};

/// White space that is held back because a call may follow.
const SPACE_BYTES_MAX: usize = 256;

/// Takes a reply apart. Made by [`OutputFormat::parser`].
#[derive(Debug)]
pub struct OutputParser {
    format: OutputFormat,
    tools: Arc<[Tool]>,
    state: State,
    /// Markers of the text around calls.
    markers: Vec<&'static str>,
    search: Search,
    /// White space at the end of the text so far: dropped if a call or reasoning follows.
    space: String,
    /// White space that comes next stands after a call or reasoning, and is dropped.
    trims: bool,
    /// Text other than white space was given out.
    has_content: bool,
    /// After text there are no calls.
    has_calls_first: bool,
    /// What was read since the last piece was given out, all of it.
    raw: String,
    /// The end of `raw` that may still become a marker.
    tail: String,
    /// A name, key or attribute that is being read.
    word: String,
    call: TaggedCall,
    n_calls: usize,
    /// Calls since the opening marker.
    n_calls_here: usize,
}

#[derive(Debug)]
enum State {
    Text,
    Reasoning,
    Json {
        place: JsonPlace,
        in_list: bool,
    },
    Object {
        object: Box<CallObject>,
        in_list: bool,
    },
    Named(NamedPlace),
    Tagged(TaggedPlace),
    Value(Box<Value>),
    /// The byte of `raw` at which the calls begin.
    Whole {
        begin: usize,
    },
}

impl OutputParser {
    pub(crate) fn new(format: &OutputFormat, tools: &[Tool]) -> Self {
        let calls = if tools.is_empty() { &[][..] } else { format.syntax.opens };
        let reasoning = format.reasoning.iter().map(|r| r.open);
        let markers = format.syntax.wrappers.iter().chain(calls).copied().chain(reasoning).collect();
        let mut parser = Self {
            format: format.clone(),
            tools: tools.into(),
            state: State::Text,
            markers,
            search: Search::default(),
            space: String::new(),
            trims: false,
            has_content: false,
            has_calls_first: false,
            raw: String::new(),
            tail: String::new(),
            word: String::new(),
            call: TaggedCall::default(),
            n_calls: 0,
            n_calls_here: 0,
        };
        match format.start {
            Start::Text => {}
            Start::Reasoning => parser.begin_reasoning(),
            Start::Call if tools.is_empty() && !matches!(format.syntax.body, Body::Named(_)) => {}
            Start::Call => parser.begin_calls(),
        }
        parser
    }

    /// Makes the parser one of replies that are calls or an answer, never both: once the answer has begun, what looks
    /// like a call is part of it.
    #[must_use]
    pub fn of_calls_or_answer(mut self) -> Self {
        self.has_calls_first = true;
        self
    }

    /// Takes more of the reply and adds what is certain now to `out`.
    pub fn push(&mut self, text: &str, out: &mut Vec<OutputPiece>) {
        for c in text.chars() {
            self.feed(c, out);
        }
    }

    /// The reply is over: what was held back is text, or the end of a call. Nothing may be pushed afterwards.
    pub fn finish(&mut self, out: &mut Vec<OutputPiece>) {
        match std::mem::replace(&mut self.state, State::Text) {
            State::Text => {
                let held = self.search.take();
                self.content(&held, out);
            }
            State::Reasoning => {
                let held = self.search.take();
                self.reasoning(&held, out);
                // White space before the end marker would have been dropped; so it is before the end of all.
                self.space.clear();
            }
            State::Object { object, .. } if object.is_started() => {}
            State::Value(value) => self.cut_value(*value, out),
            State::Tagged(TaggedPlace::Between) => arguments(self.n_calls, "}", out),
            // Cut off within a call.
            State::Named(NamedPlace::Arguments(_))
            | State::Tagged(TaggedPlace::Head | TaggedPlace::Key | TaggedPlace::ValueHead) => {}
            State::Whole { begin } => self.end_whole(begin, self.raw.len(), out),
            // Between a call and the marker that ends it.
            State::Json { .. }
            | State::Named(NamedPlace::Close | NamedPlace::Next)
            | State::Tagged(TaggedPlace::Next)
                if self.n_calls_here > 0 => {}
            State::Json { .. } | State::Object { .. } | State::Named(_) | State::Tagged(_) => {
                let raw = std::mem::take(&mut self.raw);
                self.content(&raw, out);
            }
        }
        self.raw.clear();
        self.tail.clear();
        if !self.trims {
            let space = std::mem::take(&mut self.space);
            piece(OutputPiece::Content(space), out);
        }
    }

    fn feed(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        if self.raw.len() > CALL_HELD_BYTES_MAX && !matches!(self.state, State::Text | State::Reasoning) {
            self.tail.clear();
            self.give_up(out);
        }
        match &self.state {
            State::Text => self.feed_text(c, out),
            State::Reasoning => self.feed_reasoning(c, out),
            State::Json { .. } => self.feed_json(c, out),
            State::Object { .. } => self.feed_object(c, out),
            State::Named(_) => self.feed_named(c, out),
            State::Tagged(_) => self.feed_tagged(c, out),
            State::Value(_) => self.feed_value(c, out),
            State::Whole { .. } => self.feed_whole(c, out),
        }
    }

    fn feed_text(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let is_bare = matches!(&self.format.syntax.body, Body::Json(json) if json.bare);
        if c == '{' && is_bare && !self.has_content && self.n_calls == 0 && !self.tools.is_empty() {
            let held = self.search.take();
            self.content(&held, out);
            if !self.has_content {
                self.begin_bare();
                return;
            }
        }
        let mut released = String::new();
        let found = self.search.push(c, &self.markers, &mut released);
        if !released.is_empty() {
            self.content(&released, out);
        }
        let Some(marker) = found else { return };
        let may_call = !(self.tools.is_empty() || self.has_calls_first && self.has_content);
        let is_opening = self.format.syntax.opens.contains(&marker) && may_call;
        if is_opening && self.n_calls < CALLS_MAX {
            self.raw = std::mem::take(&mut self.space);
            self.raw.push_str(marker);
            self.begin_calls();
        } else if self.format.syntax.wrappers.contains(&marker) {
            self.space.clear();
            self.trims = true;
        } else if self.format.reasoning.is_some_and(|r| r.open == marker && (r.anywhere || self.is_at_start())) {
            self.begin_reasoning();
        } else {
            self.content(marker, out);
        }
    }

    fn is_at_start(&self) -> bool {
        !self.has_content && self.n_calls == 0
    }

    fn begin_reasoning(&mut self) {
        self.space.clear();
        self.trims = true;
        self.state = State::Reasoning;
    }

    fn feed_reasoning(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let Some(reasoning) = self.format.reasoning else {
            self.state = State::Text;
            return self.feed_text(c, out);
        };
        let mut released = String::new();
        let found = self.search.push(c, &[reasoning.close], &mut released);
        if !released.is_empty() {
            self.reasoning(&released, out);
        }
        if found.is_some() {
            self.space.clear();
            self.trims = true;
            self.state = State::Text;
        }
    }

    /// After an opening marker.
    fn begin_calls(&mut self) {
        self.n_calls_here = 0;
        self.tail.clear();
        self.word.clear();
        self.state = match &self.format.syntax.body {
            Body::Json(_) => State::Json { place: JsonPlace::Begin, in_list: false },
            Body::Named(named) if named.call_open.is_empty() => State::Named(NamedPlace::Header),
            Body::Named(_) => State::Named(NamedPlace::Next),
            Body::Tagged(tagged) if tagged.call_open.is_empty() => State::Tagged(TaggedPlace::Name),
            Body::Tagged(_) => State::Tagged(TaggedPlace::Next),
            Body::Whole(_) => State::Whole { begin: self.raw.len() },
        };
    }

    /// The closing marker was read, or the end of the last call.
    fn end_calls(&mut self) {
        self.raw.clear();
        self.tail.clear();
        self.trims = true;
        self.state = State::Text;
    }

    /// What was read is no call: it becomes content, and its last characters are looked at again.
    fn give_up(&mut self, out: &mut Vec<OutputPiece>) {
        let tail = std::mem::take(&mut self.tail);
        let raw = std::mem::take(&mut self.raw);
        self.state = State::Text;
        self.trims |= self.n_calls_here > 0;
        self.content(raw.strip_suffix(tail.as_str()).unwrap_or(&raw), out);
        for c in tail.chars() {
            self.feed(c, out);
        }
    }

    /// As [`Self::give_up`], after `c` was added to what was read.
    fn give_up_at(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        self.tail.clear();
        self.tail.push(c);
        self.give_up(out);
    }

    /// The call of `name` is certain.
    fn begin_call(&mut self, name: &str, out: &mut Vec<OutputPiece>) {
        self.raw.clear();
        self.tail.clear();
        out.push(OutputPiece::ToolCallStart { index: self.n_calls, name: name.to_owned() });
        self.n_calls += 1;
        self.n_calls_here += 1;
    }

    /// Takes a character that is expected to become one of `options`; white space before them is skipped.
    fn expect(&mut self, c: char, options: impl Iterator<Item = &'static str>) -> Expected {
        self.raw.push(c);
        if self.tail.is_empty() && c.is_whitespace() {
            return Expected::Partly;
        }
        self.tail.push(c);
        let expected = expect(&self.tail, options);
        if let Expected::Found(_) = expected {
            self.tail.clear();
        }
        expected
    }

    fn feed_whole(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let State::Whole { begin } = self.state else { return };
        self.raw.push(c);
        let close = self.format.syntax.closes.iter().find(|close| self.raw.ends_with(**close));
        if let Some(close) = close {
            self.end_whole(begin, self.raw.len() - close.len(), out);
        }
    }

    fn end_whole(&mut self, begin: usize, end: usize, out: &mut Vec<OutputPiece>) {
        let Body::Whole(whole) = &self.format.syntax.body else { return };
        let calls = self.raw.get(begin..end).and_then(whole.read);
        match calls {
            Some(calls) if calls.len() <= CALLS_MAX - self.n_calls => {
                for (name, text) in calls {
                    self.begin_call(&name, out);
                    arguments(self.n_calls, &text, out);
                }
                self.end_calls();
            }
            _ => self.give_up(out),
        }
    }

    /// Gives out ordinary text.
    fn content(&mut self, text: &str, out: &mut Vec<OutputPiece>) {
        self.has_content |= self.flow(text, OutputPiece::Content, out);
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<OutputPiece>) {
        self.flow(text, OutputPiece::Reasoning, out);
    }

    /// Gives out text but for the white space at its end. True if there was anything else.
    fn flow(&mut self, text: &str, kind: fn(String) -> OutputPiece, out: &mut Vec<OutputPiece>) -> bool {
        let mut any = false;
        for c in text.chars() {
            if c.is_whitespace() {
                if !self.trims {
                    self.space.push(c);
                }
                if self.space.len() <= SPACE_BYTES_MAX {
                    continue;
                }
            } else {
                self.trims = false;
                any = true;
                self.space.push(c);
            }
            piece(kind(std::mem::take(&mut self.space)), out);
        }
        any
    }
}

/// Adds a piece, or its text to the piece before.
fn piece(piece: OutputPiece, out: &mut Vec<OutputPiece>) {
    match (out.last_mut(), piece) {
        (
            _,
            OutputPiece::Content(text) | OutputPiece::Reasoning(text) | OutputPiece::ToolCallArguments { text, .. },
        ) if text.is_empty() => {}
        (Some(OutputPiece::Content(last)), OutputPiece::Content(text))
        | (Some(OutputPiece::Reasoning(last)), OutputPiece::Reasoning(text)) => last.push_str(&text),
        (
            Some(OutputPiece::ToolCallArguments { index: last_index, text: last }),
            OutputPiece::ToolCallArguments { index, text },
        ) if *last_index == index => last.push_str(&text),
        (_, piece) => out.push(piece),
    }
}

/// Adds to the arguments of the last of `n_calls` calls.
fn arguments(n_calls: usize, text: &str, out: &mut Vec<OutputPiece>) {
    let index = n_calls.saturating_sub(1);
    piece(OutputPiece::ToolCallArguments { index, text: text.to_owned() }, out);
}

/// Whether a tool may be called this.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= CALL_NAME_BYTES_MAX
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/'))
}
