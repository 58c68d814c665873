//! Calls whose name stands in plain text before JSON arguments.

use super::{Expected, OutputParser, OutputPiece, State, arguments, is_name};
use crate::{
    limits::{CALL_NAME_BYTES_MAX, CALLS_MAX},
    output::{
        json_scanner::{JsonScanner, Scan},
        syntax::{Body, NamedCalls},
    },
};

#[derive(Debug)]
pub(super) enum NamedPlace {
    /// Before a call, or what ends them all.
    Next,
    /// In what holds the name.
    Header,
    /// Before the arguments of a call of this name.
    Begin(String),
    Arguments(JsonScanner),
    /// Before what ends the call.
    Close,
}

impl NamedCalls {
    /// The name in a header.
    fn name<'a>(&self, header: &'a str) -> &'a str {
        let name = header.rsplit_once(self.before_name).filter(|_| !self.before_name.is_empty());
        let mut name = name.map_or(header, |(_, name)| name);
        for end in self.after_name.iter().filter(|end| !end.is_empty()) {
            name = name.split_once(end).map_or(name, |(name, _)| name);
        }
        name.trim()
    }
}

impl OutputParser {
    pub(super) fn feed_named(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let Body::Named(named) = &self.format.syntax.body else { return };
        let State::Named(place) = std::mem::replace(&mut self.state, State::Text) else { return };
        match place {
            NamedPlace::Next => {
                self.state = State::Named(NamedPlace::Next);
                let closes = self.format.syntax.closes.iter().copied();
                match self.expect(c, closes.chain([named.call_open])) {
                    Expected::Found(found) if found == named.call_open && self.n_calls < CALLS_MAX => {
                        self.word.clear();
                        self.state = State::Named(NamedPlace::Header);
                    }
                    Expected::Found(_) if self.n_calls_here > 0 => self.end_calls(),
                    Expected::Partly => {}
                    _ => self.give_up(out),
                }
            }
            NamedPlace::Header => {
                self.state = State::Named(NamedPlace::Header);
                self.header(named, c, out);
            }
            NamedPlace::Begin(name) if c == '{' => {
                self.begin_call(&name, out);
                arguments(self.n_calls, "{", out);
                let mut scanner = JsonScanner::new();
                scanner.push(c);
                self.state = State::Named(NamedPlace::Arguments(scanner));
            }
            NamedPlace::Begin(name) => {
                self.raw.push(c);
                if c.is_whitespace() {
                    self.state = State::Named(NamedPlace::Begin(name));
                } else {
                    self.give_up_at(c, out);
                }
            }
            NamedPlace::Arguments(mut scanner) => match scanner.push(c) {
                Scan::More => {
                    arguments(self.n_calls, c.encode_utf8(&mut [0; 4]), out);
                    self.state = State::Named(NamedPlace::Arguments(scanner));
                }
                Scan::End => {
                    arguments(self.n_calls, c.encode_utf8(&mut [0; 4]), out);
                    self.end_named(named);
                }
                Scan::Over | Scan::Bad => {
                    self.raw.push(c);
                    self.give_up_at(c, out);
                }
            },
            NamedPlace::Close => {
                self.state = State::Named(NamedPlace::Close);
                match self.expect(c, [named.call_close].into_iter()) {
                    Expected::Found(_) => self.after_named(named),
                    Expected::Partly => {}
                    Expected::Nothing => self.give_up(out),
                }
            }
        }
    }

    fn header(&mut self, named: &'static NamedCalls, c: char, out: &mut Vec<OutputPiece>) {
        self.raw.push(c);
        self.word.push(c);
        if self.word.len() > 2 * CALL_NAME_BYTES_MAX {
            return self.give_up_at(c, out);
        }
        let Some(header) = self.word.strip_suffix(named.arguments_open) else { return };
        let name = named.name(header).to_owned();
        if name == named.text_name && !name.is_empty() {
            self.end_calls();
        } else if is_name(&name) && !self.tools.is_empty() {
            self.state = State::Named(NamedPlace::Begin(name));
        } else {
            self.give_up(out);
        }
    }

    fn end_named(&mut self, named: &NamedCalls) {
        if named.call_close.is_empty() {
            self.after_named(named);
        } else {
            self.state = State::Named(NamedPlace::Close);
        }
    }

    fn after_named(&mut self, named: &NamedCalls) {
        if named.call_open.is_empty() {
            self.end_calls();
        } else {
            self.raw.clear();
            self.state = State::Named(NamedPlace::Next);
        }
    }
}
