//! Calls as JSON objects, one or a list of them.

use super::{Expected, OutputParser, OutputPiece, State, arguments};
use crate::{
    limits::CALLS_MAX,
    output::{
        call_object::{CallObject, Event},
        syntax::{Body, JsonCalls},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonPlace {
    /// Before a list or an object.
    Begin,
    /// After a comma or semicolon.
    NextObject,
    AfterObject,
    AfterList,
}

impl OutputParser {
    fn json(&self) -> Option<&'static JsonCalls> {
        match &self.format.syntax.body {
            Body::Json(json) => Some(json),
            _ => None,
        }
    }

    /// At the brace that may begin a call without an opening.
    pub(super) fn begin_bare(&mut self) {
        self.n_calls_here = 0;
        self.tail.clear();
        self.raw = std::mem::take(&mut self.space);
        self.raw.push('{');
        self.begin_object(false);
    }

    fn begin_object(&mut self, in_list: bool) {
        let is_keyed = self.json().is_some_and(|json| json.keyed);
        self.state = State::Object { object: Box::new(CallObject::new(is_keyed)), in_list };
    }

    pub(super) fn feed_json(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let State::Json { place, in_list } = self.state else { return };
        let is_first = self.tail.is_empty();
        let closes = self.format.syntax.closes;
        let next = match (place, c) {
            (JsonPlace::Begin, '[') if !in_list => Some((JsonPlace::Begin, true)),
            (JsonPlace::AfterObject, ',') if is_first => Some((JsonPlace::NextObject, in_list)),
            (JsonPlace::AfterObject, ';') if is_first && !in_list => Some((JsonPlace::NextObject, false)),
            (JsonPlace::AfterObject, ']') if is_first && in_list => {
                if closes.is_empty() {
                    return self.end_calls();
                }
                Some((JsonPlace::AfterList, true))
            }
            _ => None,
        };
        if let Some((place, in_list)) = next {
            self.raw.push(c);
            self.state = State::Json { place, in_list };
            return;
        }
        let may_begin = matches!(place, JsonPlace::Begin | JsonPlace::NextObject)
            || place == JsonPlace::AfterObject && is_first && !in_list;
        if c == '{' && may_begin && self.n_calls < CALLS_MAX {
            self.raw.push(c);
            return self.begin_object(in_list);
        }
        let may_close = matches!(place, JsonPlace::AfterObject | JsonPlace::AfterList);
        match self.expect(c, closes.iter().copied().filter(|_| may_close)) {
            Expected::Found(_) => self.end_calls(),
            Expected::Partly => {}
            Expected::Nothing => self.give_up(out),
        }
    }

    pub(super) fn feed_object(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let is_bare = self.json().is_some_and(|json| json.bare);
        let State::Object { object, in_list } = &mut self.state else { return };
        let in_list = *in_list;
        let tools = &self.tools;
        let is_known = |name: &str| !is_bare || tools.iter().any(|tool| tool.name == name);
        let event = object.push(c, is_bare, is_known);
        let is_started = object.is_started();
        match event {
            Event::More if is_started => {}
            Event::More => self.raw.push(c),
            Event::Begin(name) => {
                self.begin_call(&name, out);
                arguments(self.n_calls, &c.to_string(), out);
            }
            Event::Argument => arguments(self.n_calls, c.encode_utf8(&mut [0; 4]), out),
            Event::End(unstarted) => {
                if let Some((name, text)) = unstarted {
                    self.begin_call(&name, out);
                    arguments(self.n_calls, &text, out);
                }
                if !in_list && !is_bare && self.format.syntax.closes.is_empty() {
                    self.end_calls();
                } else {
                    self.raw.clear();
                    self.state = State::Json { place: JsonPlace::AfterObject, in_list };
                }
            }
            Event::Bad => {
                self.raw.push(c);
                self.give_up_at(c, out);
            }
        }
    }
}
