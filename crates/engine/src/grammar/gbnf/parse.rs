//! The text of a GBNF grammar.

use super::{
    characters::Characters,
    refused,
    rules::{Grammar, Node},
};
use crate::grammar::{GrammarError, error::quoted, limits::REPETITIONS_MAX, nesting::check_depth};
use std::collections::HashMap;

pub(super) fn parse(text: &str) -> Result<Grammar, GrammarError> {
    let mut parser = Parser { text, rest: text, ids: HashMap::new(), names: Vec::new(), bodies: Vec::new() };
    parser.space(true);
    while !parser.rest.is_empty() {
        parser.rule()?;
    }
    parser.finish()
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    ids: HashMap<&'a str, usize>,
    names: Vec<&'a str>,
    bodies: Vec<Option<Node>>,
}

impl<'a> Parser<'a> {
    fn finish(self) -> Result<Grammar, GrammarError> {
        let Some(&root) = self.ids.get("root") else {
            return Err(refused("there is no rule `root`".into()));
        };
        let mut rules = Vec::with_capacity(self.bodies.len());
        for (name, body) in self.names.iter().zip(self.bodies) {
            let body = body.ok_or_else(|| refused(format!("rule {} is used but not defined", quoted(name))))?;
            rules.push(((*name).to_owned(), body));
        }
        Ok(Grammar { rules, root })
    }

    fn error(&self, message: &str) -> GrammarError {
        let done = self.text.len() - self.rest.len();
        let line = 1 + self.text.bytes().take(done).filter(|byte| *byte == b'\n').count();
        refused(format!("line {line}: {message}"))
    }

    fn expected(&self, what: &str) -> GrammarError {
        let got: String = self.rest.chars().take_while(|c| *c != '\n').take(20).collect();
        let got = if self.rest.is_empty() { "the end".into() } else { quoted(&got) };
        self.error(&format!("expected {what}, got {got}"))
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn take(&mut self, sign: &str) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Passes over white space and comments, and over ends of lines where the rule cannot end.
    fn space(&mut self, over_lines: bool) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            if self.rest.starts_with('#') {
                self.rest = self.rest.trim_start_matches(|c| c != '\n' && c != '\r');
            }
            if !(over_lines && self.rest.starts_with(['\n', '\r'])) {
                return;
            }
            self.next();
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !is_word(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(name).filter(|name| !name.is_empty())
    }

    fn id(&mut self, name: &'a str) -> usize {
        *self.ids.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.bodies.push(None);
            self.names.len() - 1
        })
    }

    fn rule(&mut self) -> Result<(), GrammarError> {
        let Some(name) = self.name() else { return Err(self.expected("the name of a rule")) };
        let id = self.id(name);
        self.space(false);
        if !self.take("::=") {
            return Err(self.expected(&format!("`::=` after {}", quoted(name))));
        }
        self.space(true);
        let body = self.alternatives(0)?;
        if !self.rest.is_empty() && !self.rest.starts_with(['\n', '\r']) {
            return Err(self.expected("the end of the rule"));
        }
        match self.bodies.get_mut(id) {
            Some(known @ None) => *known = Some(body),
            _ => return Err(self.error(&format!("rule {} is defined twice", quoted(name)))),
        }
        self.space(true);
        Ok(())
    }

    /// Parses alternatives inside `depth` groups.
    fn alternatives(&mut self, depth: usize) -> Result<Node, GrammarError> {
        check_depth(depth + 1, "gbnf")?;
        let mut alternatives = vec![self.sequence(depth)?];
        while self.take("|") {
            self.space(true);
            alternatives.push(self.sequence(depth)?);
        }
        Ok(Node::choice(alternatives))
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, GrammarError> {
        let mut items: Vec<Node> = Vec::new();
        while let Some(first) = self.peek() {
            let item = match first {
                '"' => self.literal()?,
                '[' => self.class()?,
                '(' => {
                    self.next();
                    self.space(true);
                    let group = self.alternatives(depth + 1)?;
                    if !self.take(")") {
                        return Err(self.expected("`)`"));
                    }
                    group
                }
                '.' => {
                    self.next();
                    Node::Class(Characters::all())
                }
                '*' | '+' | '?' | '{' => {
                    let (min, max) = self.repetitions()?;
                    let Some(node) = items.pop() else { return Err(self.error("a repetition of nothing")) };
                    Node::Repeat { node: Box::new(node), min, max }
                }
                '<' | '!' => return Err(self.error("tokens (`<…>`) are not supported")),
                _ => match self.name() {
                    Some(name) => Node::Rule(self.id(name)),
                    None => break,
                },
            };
            items.push(item);
            self.space(depth > 0);
        }
        Ok(Node::sequence(items))
    }

    fn literal(&mut self) -> Result<Node, GrammarError> {
        self.next();
        let mut items = Vec::new();
        while !self.take("\"") {
            items.push(Node::Class(Characters::one(self.character("`\"`")?)));
        }
        // One node, so that a repetition repeats all of it.
        Ok(Node::sequence(items))
    }

    fn class(&mut self) -> Result<Node, GrammarError> {
        self.next();
        let is_negated = self.take("^");
        let mut ranges = Vec::new();
        while !self.take("]") {
            let first = self.character("`]`")?;
            let mut last = first;
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                last = self.character("`]`")?;
            }
            if first > last {
                return Err(self.error(&format!("range {first:?} to {last:?} is empty")));
            }
            ranges.push((first, last));
        }
        let characters = Characters::from_ranges(ranges);
        let characters = if is_negated { characters.negated() } else { characters };
        if characters.is_empty() {
            return Err(self.error("a class without characters"));
        }
        Ok(Node::Class(characters))
    }

    fn character(&mut self, end: &str) -> Result<char, GrammarError> {
        match self.next() {
            Some('\\') => self.escape(),
            Some('\n' | '\r') | None => Err(self.expected(end)),
            Some(character) => Ok(character),
        }
    }

    fn escape(&mut self) -> Result<char, GrammarError> {
        let n_digits = match self.next() {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some(plain @ ('"' | '\\' | '[' | ']' | '-' | '^' | '/')) => return Ok(plain),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return Err(self.error("an unknown escape after `\\`")),
        };
        let digits = self.rest.split_at_checked(n_digits);
        let number = digits.filter(|(digits, _)| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = number.and_then(|(digits, rest)| Some((u32::from_str_radix(digits, 16).ok()?, rest)));
        let Some((number, rest)) = number else {
            return Err(self.expected(&format!("{n_digits} hexadecimal digits")));
        };
        self.rest = rest;
        char::from_u32(number).ok_or_else(|| self.error(&format!("{number:x} is no character")))
    }

    fn repetitions(&mut self) -> Result<(usize, Option<usize>), GrammarError> {
        match self.next() {
            Some('*') => return Ok((0, None)),
            Some('+') => return Ok((1, None)),
            Some('?') => return Ok((0, Some(1))),
            _ => {}
        }
        self.space(false);
        let min = self.number()?;
        self.space(false);
        let mut max = Some(min);
        if self.take(",") {
            self.space(false);
            max = if self.peek().is_some_and(|c| c.is_ascii_digit()) { Some(self.number()?) } else { None };
            self.space(false);
        }
        if !self.take("}") {
            return Err(self.expected("`}`"));
        }
        if let Some(max) = max.filter(|max| *max < min) {
            return Err(self.error(&format!("at least {min} but at most {max} repetitions")));
        }
        Ok((min, max))
    }

    fn number(&mut self) -> Result<usize, GrammarError> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let Some((digits, rest)) = self.rest.split_at_checked(end).filter(|(digits, _)| !digits.is_empty()) else {
            return Err(self.expected("a number of repetitions"));
        };
        // Too many digits are too many repetitions.
        let number = digits.parse().unwrap_or(usize::MAX);
        if number > REPETITIONS_MAX {
            return Err(GrammarError::Limit {
                path: "gbnf".into(),
                what: "repetitions",
                got: number,
                max: REPETITIONS_MAX,
            });
        }
        self.rest = rest;
        Ok(number)
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}
