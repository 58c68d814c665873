//! What all parts of the parser share: the place among the tokens, messages, recovery, and the limit of depth.

use super::{
    lexer,
    token::{FOREIGN_WORDS, Token, TokenKind},
};
use crate::{
    ast::{Expr, ExprKind, Ident},
    diagnostic::{Diagnostic, Fix},
    limits::{EXPR_DEPTH_MAX, MESSAGES_MAX},
    source::Span,
    tree::{Scalar, Style},
};

/// Something parsed, and the height of its tree.
pub(super) struct Tall<T> {
    pub(super) node: T,
    pub(super) height: usize,
}

/// How far a mistake looks for its end: so reading takes linear time, whatever stands in the text.
pub(super) const LOOK_AHEAD_MAX: usize = 1_000;

fn opening(mark: &str) -> &'static str {
    match mark {
        ")" => "(",
        "]" => "[",
        "}" => "{",
        _ => "<",
    }
}

pub(super) struct Parser<'a, 'd> {
    scalar: &'a Scalar,
    tokens: Vec<Token<'a>>,
    at: usize,
    /// The end of the token before `at`.
    pub(super) last_end: usize,
    depth: usize,
    /// Whether the limit of depth was met: the rest is not read.
    gave_up: bool,
    /// Where the last message of [`Parser::unexpected`] was: one token is told once.
    told_at: Option<usize>,
    /// Whether too much is unclear for types to be judged: then the whole is broken.
    pub(super) is_hopeless: bool,
    n_before: usize,
    pub(super) diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a, 'd> Parser<'a, 'd> {
    pub(super) fn new(scalar: &'a Scalar, start: usize, end: usize, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        let n_before = diagnostics.len();
        let tokens = lexer::tokens(scalar, start, end, diagnostics);
        let (gave_up, told_at, last_end, is_hopeless) = (false, None, start, false);
        Self { scalar, tokens, at: 0, last_end, depth: 0, gave_up, told_at, is_hopeless, n_before, diagnostics }
    }

    pub(super) fn kind(&self, ahead: usize) -> &TokenKind<'a> {
        self.tokens.get(self.at + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    pub(super) fn is_mark(&self, ahead: usize, mark: &str) -> bool {
        matches!(self.kind(ahead), TokenKind::Mark(m) if *m == mark)
    }

    pub(super) fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.kind(ahead), TokenKind::Word(w) if *w == word)
    }

    /// A word that is a name here, rather than a keyword.
    pub(super) fn name_ahead(&self, ahead: usize) -> Option<&'a str> {
        match self.kind(ahead) {
            TokenKind::Word(word) if !super::KEYWORDS.contains(word) => Some(word),
            _ => None,
        }
    }

    /// Whether the token ahead stands right behind the one before it.
    pub(super) fn is_adjacent(&self, ahead: usize) -> bool {
        let place = |at: usize| self.tokens.get(at);
        let before = (self.at + ahead).checked_sub(1).and_then(place);
        matches!((before, place(self.at + ahead)), (Some(a), Some(b)) if a.end == b.start)
    }

    pub(super) fn is_told(&self) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.is_told)
    }

    pub(super) fn start(&self) -> usize {
        self.tokens.get(self.at).map_or(self.last_end, |token| token.start)
    }

    /// The place of the token ahead; of the end, the last character.
    pub(super) fn token_span(&self) -> Span {
        let Some(token) = self.tokens.get(self.at) else { return self.scalar.span };
        if token.start < token.end {
            return self.scalar.span_of(token.start, token.end);
        }
        if self.scalar.text.trim().is_empty() {
            return self.scalar.span;
        }
        let last = self.scalar.span_of(token.start.saturating_sub(1), token.start);
        Span { start: last.end, ..last }
    }

    pub(super) fn span_from(&self, start: usize) -> Span {
        self.scalar.span_of(start, self.last_end.max(start))
    }

    pub(super) fn span_of_bytes(&self, start: usize, end: usize) -> Span {
        self.scalar.span_of(start, end)
    }

    pub(super) fn text(&self, start: usize, end: usize) -> &'a str {
        self.scalar.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn bump(&mut self) -> TokenKind<'a> {
        let Some(token) = self.tokens.get(self.at) else { return TokenKind::End };
        if token.kind != TokenKind::End {
            self.at += 1;
            self.last_end = token.end;
        }
        token.kind.clone()
    }

    pub(super) fn eat(&mut self, mark: &str) -> bool {
        let found = self.is_mark(0, mark);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn ident(&mut self) -> Option<Ident> {
        let TokenKind::Word(name) = *self.kind(0) else { return None };
        let span = self.token_span();
        self.bump();
        Some(Ident { name: name.to_owned(), span })
    }

    /// A name that is being given to something: no keyword.
    pub(super) fn new_name(&mut self, what: &str) -> Option<Ident> {
        if let TokenKind::Word(word) = *self.kind(0)
            && super::is_keyword(word)
        {
            let message = Diagnostic::new("E0132", self.token_span(), format!("`{word}` is a word of the language"))
                .label(format!("expected {what}"));
            self.tell(message);
            return self.ident();
        }
        let name = self.ident();
        if name.is_none() {
            self.unexpected(what);
        }
        name
    }

    /// Adds a message, unless the limit of depth has been told: then the rest of the scalar is not judged.
    pub(super) fn tell(&mut self, message: Diagnostic) {
        if !self.gave_up && self.diagnostics.len() < self.n_before + MESSAGES_MAX {
            self.diagnostics.push(message);
        }
    }

    /// The token ahead, as messages show it.
    fn found(&self) -> String {
        if *self.kind(0) == TokenKind::End {
            return "the end".to_owned();
        }
        let token = self.tokens.get(self.at);
        let text = token.map_or("", |token| self.text(token.start, token.end));
        let short: String = text.chars().take(40).collect();
        if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
    }

    /// Tells that the token ahead does not belong here, unless something has been told of it.
    pub(super) fn unexpected(&mut self, expected: &str) {
        self.unexpected_with(expected, |message| message);
    }

    pub(super) fn unexpected_with(&mut self, expected: &str, more: impl FnOnce(Diagnostic) -> Diagnostic) {
        let start = self.start();
        if self.told_at.replace(start) == Some(start) || *self.kind(0) == TokenKind::Bad {
            return;
        }
        let found = self.found();
        if self.scalar.text.trim().is_empty() {
            return self.tell(Diagnostic::new(
                "E0150",
                self.scalar.span,
                format!("expected {expected}, found nothing"),
            ));
        }
        let mut message = Diagnostic::new("E0150", self.token_span(), format!("expected {expected}, found {found}"));
        if self.is_mark(0, "{") {
            message = message.help("a record is written `Type(field = value)`, a map `map_of([(key, value)])`");
        }
        if let TokenKind::Word(word) = self.kind(0)
            && let Some((_, help)) = FOREIGN_WORDS.iter().find(|(foreign, _)| foreign == word)
        {
            message = message.help(*help);
        }
        self.tell(more(message));
    }

    /// Eats the closing mark of a bracket. Where it stands further on, tells what is in its way and goes there; where
    /// there is none, tells of both places and stays. Gives whether all was well.
    pub(super) fn close(&mut self, open: Span, mark: &'static str, expected: &str) -> bool {
        if self.eat(mark) {
            return true;
        }
        if let Some(n_tokens) = self.tokens_to(mark) {
            self.unexpected_with(expected, |message| message.also(open, format!("in this `{}`", opening(mark))));
            for _ in 0..=n_tokens {
                self.bump();
            }
            return false;
        }
        let start = self.start();
        if self.told_at.replace(start) != Some(start) {
            let message = Diagnostic::new("E0151", open, format!("this `{}` is not closed", opening(mark)))
                .also(self.token_span(), format!("expected {expected}"));
            self.tell(message);
        }
        false
    }

    /// How many tokens there are before the closing `mark` of this level, if it is not far.
    fn tokens_to(&self, mark: &str) -> Option<usize> {
        let mut depth = 0_usize;
        for ahead in 0..LOOK_AHEAD_MAX {
            match self.kind(ahead) {
                TokenKind::Mark(m) if depth == 0 && *m == mark => return Some(ahead),
                TokenKind::Mark("(" | "[" | "{") => depth += 1,
                TokenKind::Mark(")" | "]" | "}") if depth > 0 => depth -= 1,
                TokenKind::End | TokenKind::Mark(")" | "]" | "}") => return None,
                _ => {}
            }
        }
        None
    }

    /// Skips to what may end an expression at this level of brackets.
    pub(super) fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.kind(0) {
                TokenKind::End => return,
                TokenKind::Mark(")" | "]" | "}" | "," | ";" | "=>" | "|") if depth == 0 => return,
                TokenKind::Mark("(" | "[" | "{") => depth += 1,
                TokenKind::Mark(")" | "]" | "}") => depth -= 1,
                _ => {}
            }
            self.bump();
        }
    }

    /// Goes one level down; `false` where that is too deep, and then nothing is left to read.
    pub(super) fn enter(&mut self) -> bool {
        self.depth += 1;
        if self.depth > EXPR_DEPTH_MAX {
            self.too_deep(self.token_span());
        }
        !self.gave_up
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    fn too_deep(&mut self, span: Span) {
        let message = format!("this is nested more than {EXPR_DEPTH_MAX} levels deep (EXPR_DEPTH_MAX)");
        let help = "each operator of a chain is a level: put parts of it into functions, or fold over a list";
        self.tell(Diagnostic::new("E0140", span, message).help(help));
        self.gave_up = true;
        self.at = self.tokens.len().saturating_sub(1);
    }

    /// Makes an expression of parts of which the highest has `height`.
    pub(super) fn build(&mut self, start: usize, kind: ExprKind, height: usize) -> Tall<Expr> {
        let span = self.span_from(start);
        if height >= EXPR_DEPTH_MAX && !self.gave_up {
            self.too_deep(span);
        }
        if self.gave_up {
            return Tall { node: Expr { span, kind: ExprKind::Broken }, height: 0 };
        }
        Tall { node: Expr { span, kind }, height: height + 1 }
    }

    pub(super) fn broken(&mut self, start: usize) -> Tall<Expr> {
        Tall { node: Expr { span: self.span_from(start), kind: ExprKind::Broken }, height: 1 }
    }

    /// Tells of what stands behind the end of the whole, unless it follows from what was told.
    pub(super) fn finish(&mut self, what: &str) {
        if let TokenKind::Mark(mark @ (")" | "]" | "}")) = *self.kind(0) {
            let start = self.start();
            if self.told_at.replace(start) != Some(start) {
                self.tell(Diagnostic::new("E0151", self.token_span(), format!("this `{mark}` closes nothing")));
            }
        } else if *self.kind(0) != TokenKind::End && self.diagnostics.len() == self.n_before {
            self.unexpected(&format!("an operator or the end of {what}"));
            self.is_hopeless = true;
            self.quotes_help();
        } else if self.diagnostics.get(self.n_before).is_some_and(|message| message.code == "E0153") {
            self.quotes_help();
        }
    }

    /// Where the words of a scalar in quotes make no expression, says whose quotes they are.
    fn quotes_help(&mut self) {
        let text = &self.scalar.text;
        if !matches!(self.scalar.style, Style::Single | Style::Double) || text.contains('"') {
            return;
        }
        if let Some(message) = self.diagnostics.get_mut(self.n_before) {
            let written = format!("'{}'", super::quoted(text).replace('\'', "''"));
            let help =
                format!("these quotes are YAML's, and an expression stands in them; a text is written {written}");
            message.help.push(help);
            message.fix = Some(Fix { span: self.scalar.span, replacement: written });
        }
    }
}
