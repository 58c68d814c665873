//! Shapes of values: what is a map, a list, a text, a name, and what is said where something else stands.

use std::collections::HashMap;

use super::keys::{Form, Key, SYNONYMS};
use crate::{
    ast::{Expr, ExprKind, Ident, TypeExpr, TypeExprKind},
    diagnostic::{Diagnostic, Fix},
    limits::NAME_BYTES_MAX,
    nearest::nearest,
    source::Span,
    syntax,
    tree::{Entry, Node, NodeKind, Scalar, Style},
};

/// How a name is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameStyle {
    Lower,
    Upper,
    /// `lower_snake` or `UPPER_SNAKE`
    Constant,
}

/// Reads values, and gathers what is wrong with them.
pub(super) struct Shapes<'d> {
    pub(super) diagnostics: &'d mut Vec<Diagnostic>,
    /// Values of flow maps that YAML has cut at a comma, each with the place and the text of the whole.
    pub(super) cut: HashMap<Span, (Span, String)>,
    /// Whether the file is one of std, which alone has generic functions.
    pub(super) is_std: bool,
    /// Whether everything that the file declares was read.
    pub(super) is_whole: bool,
}

/// What a value is, as messages say it.
fn kind_of(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Absent => "nothing",
        NodeKind::Scalar(_) => "a text",
        NodeKind::List(_) => "a list",
        NodeKind::Map(_) => "a map",
    }
}

/// Entries of a map by the keys of its form.
pub(super) struct Fields<'n> {
    pub(super) form: &'static Form,
    entries: &'n [Entry],
    pub(super) span: Span,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        debug_assert!(self.form.key(key).is_some(), "{key}");
        self.entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }

    pub(super) fn key_span(&self, key: &str) -> Span {
        self.entries.iter().find(|entry| entry.key.text == key).map_or(self.span, |entry| entry.key.span)
    }
}

impl Shapes<'_> {
    pub(super) fn tell(&mut self, message: Diagnostic) {
        self.diagnostics.push(message);
    }

    pub(super) fn wrong_shape(&mut self, span: Span, what: &str, expected: &str, found: &str) {
        // Where lines were lost, what is left has other shapes than it was written in.
        if self.is_whole {
            self.tell(Diagnostic::new("E0131", span, format!("{what} is {expected}")).label(format!("found {found}")));
        }
    }

    /// Reads a map of a form: known keys alone, all that must be there.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, form: &'static Form) -> Option<Fields<'n>> {
        let NodeKind::Map(entries) = &node.kind else {
            let keys: Vec<&str> = form.keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
            self.wrong_shape(node.span, form.name, &format!("a map with {}", listed(&keys)), kind_of(node));
            return None;
        };
        let fields = Fields { form, entries, span: node.span };
        self.note_cuts(entries);
        let is_top = form.name == super::keys::FILE.name;
        for (i, entry) in entries.iter().enumerate() {
            let key = &entry.key;
            if is_rest(entries, i) {
                continue;
            }
            if form.key(&key.text).is_none() && !(is_top && key.text.starts_with("x-")) {
                self.unknown_key(key, form, is_top);
            }
        }
        let missing: Vec<&Key> =
            form.keys.iter().filter(|key| key.is_required && fields.get(key.name).is_none() && self.is_whole).collect();
        for key in missing {
            let code = if is_top { "E0130" } else { "E0131" };
            let place = entries.first().map_or(node.span, |entry| entry.key.span);
            let message = Diagnostic::new(code, place, format!("{} has no `{}`", form.name, key.name));
            self.tell(message.help(format!("`{}: …` ({}): {}", key.name, key.value, key.meaning)));
        }
        Some(fields)
    }

    fn unknown_key(&mut self, key: &Scalar, form: &Form, is_top: bool) {
        let message = Diagnostic::new("E0111", key.span, format!("{} has no key `{}`", form.name, key.text));
        let synonyms = SYNONYMS.iter().filter(|(word, known)| key.text == *word && form.key(known).is_some());
        let known = nearest(&key.text, form.keys.iter().map(|key| key.name));
        let known = known.or_else(|| synonyms.map(|(_, known)| *known).next());
        let message = match known {
            Some(known) => message.help(format!("did you mean `{known}`?")).fix(key.span, known),
            None if is_top => message.help(format!("a key of your own begins with `x-`: `x-{}`", key.text)),
            None => {
                let keys: Vec<&str> = form.keys.iter().map(|key| key.name).collect();
                message.help(format!("there are {}", listed(&keys)))
            }
        };
        self.tell(message);
    }

    /// Remembers which values of a flow map YAML has cut at a comma.
    pub(super) fn note_cuts(&mut self, entries: &[Entry]) {
        for (i, entry) in entries.iter().enumerate() {
            let Some(scalar) = entry.value.as_scalar() else { continue };
            let rest = (i + 1..entries.len()).take_while(|at| is_rest(entries, *at)).filter_map(|at| entries.get(at));
            let (mut whole, mut text) = (scalar.span, scalar.text.to_string());
            for entry in rest {
                whole = whole.to(entry.key.span);
                text = format!("{text}, {}", entry.key.text);
            }
            if whole != scalar.span {
                self.cut.insert(scalar.span, (whole, text));
            }
        }
    }

    /// Says of the messages about a value that YAML has cut what has cut it.
    pub(super) fn cut_help(&mut self, scalar: &Scalar, n_before: usize) {
        let Some((whole, text)) = self.cut.get(&scalar.span) else { return };
        if let Some(message) = self.diagnostics.get_mut(n_before) {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            message
                .help
                .push(format!("within `{{ }}` of YAML a comma ends a value, so this one stands in quotes: {quoted}"));
            message.fix = Some(Fix { span: *whole, replacement: quoted });
        }
    }

    /// Reads a list; a key without a value is an empty one.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.kind {
            NodeKind::List(items) => items,
            NodeKind::Absent => &[],
            _ => {
                self.wrong_shape(node.span, what, "a list", kind_of(node));
                &[]
            }
        }
    }

    /// Reads a map of names of one's own; a key without a value is an empty one.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Absent => &[],
            _ => {
                self.wrong_shape(node.span, what, "a map", kind_of(node));
                &[]
            }
        }
    }

    pub(super) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        let scalar = node.as_scalar();
        if scalar.is_none() {
            self.wrong_shape(node.span, what, "a text", kind_of(node));
        }
        scalar
    }

    pub(super) fn prose(&mut self, node: Option<&Node>, what: &str) -> Option<String> {
        Some(self.scalar(node?, what)?.text.trim().to_owned())
    }

    pub(super) fn bool(&mut self, node: &Node, what: &str) -> bool {
        match node.as_scalar().map(|scalar| scalar.text.as_str()) {
            Some("true") => true,
            Some("false") => false,
            _ => {
                self.wrong_shape(node.span, what, "`true` or `false`", kind_of(node));
                false
            }
        }
    }

    /// Reads a name that is being given to something. `what` is such as "a parameter".
    pub(super) fn name(&mut self, scalar: &Scalar, style: NameStyle, what: &str) -> Ident {
        let name = scalar.text.as_str();
        let ident = Ident { name: name.to_owned(), span: scalar.span };
        let (is_fine, form) = match style {
            NameStyle::Lower => (is_lower(name), "in lower_snake"),
            NameStyle::Upper => (is_upper_camel(name), "in UpperCamel"),
            NameStyle::Constant => (is_lower(name) || is_upper_snake(name), "in lower_snake or UPPER_SNAKE"),
        };
        let shown: String = name.chars().take(40).collect();
        if name.len() > NAME_BYTES_MAX {
            let n = name.len();
            let message = format!("this name has {n} bytes, at most {NAME_BYTES_MAX} are allowed (NAME_BYTES_MAX)");
            self.tell(Diagnostic::new("E0140", scalar.span, message));
        } else if syntax::is_keyword(name) {
            let message = format!("`{shown}` is a word of the language and cannot be the name of {what}");
            self.tell(Diagnostic::new("E0132", scalar.span, message));
        } else if !is_fine {
            // It may be more than a name: a key without its colon, and what is behind it.
            self.is_whole &= name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
            let better = match style {
                NameStyle::Upper => upper_camel(name),
                _ => lower_snake(name),
            };
            let mut message = Diagnostic::new("E0132", scalar.span, format!("the name of {what} is written {form}"));
            if name.is_empty() {
                message = message.label("this one is empty");
            } else if is_lower(&better) || is_upper_camel(&better) {
                message = message.help(format!("such as `{better}`"));
            }
            self.tell(message);
        }
        ident
    }

    /// Reads an expression.
    pub(super) fn expr(&mut self, node: &Node, key: &str) -> Expr {
        match &node.kind {
            NodeKind::Scalar(scalar) => {
                let n_before = self.diagnostics.len();
                let expr = syntax::parse_expr(scalar, self.diagnostics);
                self.cut_help(scalar, n_before);
                return expr;
            }
            NodeKind::Absent => {
                let message =
                    Diagnostic::new("E0131", node.span, format!("{key} is an expression")).label("found nothing");
                self.tell(message);
            }
            NodeKind::List(_) | NodeKind::Map(_) => self.not_an_expr(node, key),
        }
        Expr { span: node.span, kind: ExprKind::Broken }
    }

    /// An expression that YAML has read as a list or map of its own.
    pub(super) fn not_an_expr(&mut self, node: &Node, key: &str) {
        let (sign, what) = if matches!(node.kind, NodeKind::List(_)) { ('[', "list") } else { ('{', "map") };
        let message =
            Diagnostic::new("E0107", node.span, format!("{key} is an expression, but YAML reads a {what} here"));
        let message = match flow_text(node) {
            Some(text) if sign == '[' => {
                let quoted = format!("'{}'", text.replace('\'', "''"));
                message.help(format!("a value that begins with `[` stands in quotes: {quoted}")).fix(node.span, quoted)
            }
            _ if sign == '[' => {
                message.help("a value that begins with `[` stands in quotes, or on lines of its own after `|`")
            }
            _ => message.help("a record is written `Type(field = value)`, a map `map_of([(key, value)])`"),
        };
        self.tell(message);
    }

    /// Reads a type.
    pub(super) fn ty(&mut self, node: &Node, what: &str) -> TypeExpr {
        match &node.kind {
            NodeKind::Scalar(scalar) => {
                let n_before = self.diagnostics.len();
                let ty = syntax::parse_type(scalar, self.diagnostics);
                self.cut_help(scalar, n_before);
                return ty;
            }
            NodeKind::Absent => self.wrong_shape(node.span, what, "a type", "nothing"),
            NodeKind::List(_) | NodeKind::Map(_) => {
                let message = Diagnostic::new("E0131", node.span, "expected a type, such as `Int` or `List<String>`");
                let message = message.label(format!("found {}", kind_of(node)));
                self.tell(message.help("a list is `List<Type>`; records and enums get a name under `types`"));
            }
        }
        broken_type(node.span)
    }

    /// Reads `name: type` entries.
    pub(super) fn typed_names(&mut self, node: &Node, what: &str, of: &str) -> Vec<(Ident, TypeExpr)> {
        if let NodeKind::List(_) = node.kind {
            let message =
                Diagnostic::new("E0131", node.span, format!("{of} is a map of names and types")).label("found a list");
            self.tell(message.help("such as `{ text: String, most: Int }`"));
            return Vec::new();
        }
        let mut names: Vec<(Ident, TypeExpr)> = Vec::new();
        let entries = self.map(node, of);
        self.note_cuts(entries);
        for (i, entry) in entries.iter().enumerate() {
            if is_rest(entries, i) {
                continue;
            }
            let name = self.name(&entry.key, NameStyle::Lower, what);
            let ty = self.ty(&entry.value, what);
            names.push((name, ty));
        }
        names
    }
}

/// A type in the place of one that was told to be wrong.
pub(super) fn broken_type(span: Span) -> TypeExpr {
    TypeExpr { span, kind: TypeExprKind::Broken }
}

/// Whether an entry of a flow map is the rest of a value that YAML has cut at its comma: of `{ m: Map<String, Int> }`
/// the entry `Int>`. The message about the cut value says all.
pub(super) fn is_rest(entries: &[Entry], at: usize) -> bool {
    let is_bare = |entry: &Entry| matches!(entry.value.kind, NodeKind::Absent);
    if !entries.get(at).is_some_and(is_bare) {
        return false;
    }
    let before = entries.get(..at).unwrap_or_default();
    let Some(from) = before.iter().rposition(|entry| !is_bare(entry)) else { return false };
    let Some(cut) = before.get(from).and_then(|entry| entry.value.as_scalar()) else { return false };
    let rest = before.get(from + 1..).unwrap_or_default().iter().map(|entry| n_open(&entry.key.text));
    cut.style == Style::Plain && n_open(&cut.text) + rest.sum::<i64>() > 0
}

/// How many more brackets open in a text than close; of `<` those of types.
fn n_open(text: &str) -> i64 {
    let mut before = b' ';
    text.bytes().fold(0, |open, b| {
        let is_type = before.is_ascii_alphanumeric() || before == b'>';
        before = b;
        match b {
            b'(' => open + 1,
            b')' => open - 1,
            b'<' if is_type => open + 1,
            b'>' if is_type => open - 1,
            _ => open,
        }
    })
}

/// What stands in `[…]`, as an expression would have it.
fn flow_text(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Scalar(scalar) if scalar.style == Style::Plain => Some(scalar.text.to_string()),
        NodeKind::Scalar(scalar) if scalar.style == Style::Double => Some(syntax::quoted(&scalar.text)),
        NodeKind::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(flow_text).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        _ => None,
    }
}

fn listed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn is_word_of(name: &str, is_first: impl Fn(char) -> bool, is_other: impl Fn(char) -> bool) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_first) && chars.all(is_other)
}

pub(super) fn is_lower(name: &str) -> bool {
    let is_other = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name != "_" && is_word_of(name, |c| c.is_ascii_lowercase() || c == '_', is_other)
}

fn is_upper_snake(name: &str) -> bool {
    let is_other = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    is_word_of(name, |c| c.is_ascii_uppercase(), is_other)
}

pub(super) fn is_upper_camel(name: &str) -> bool {
    is_word_of(name, |c| c.is_ascii_uppercase(), |c| c.is_ascii_alphanumeric())
}

fn lower_snake(name: &str) -> String {
    let mut snake = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && was_lower {
            snake.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        snake.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    snake
}

fn upper_camel(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    words.map(capital).collect()
}
