//! Tokens → statements. Nesting is counted on the way down, so no source can exhaust the stack.
//!
//! Grammar: jinja2 3.1 `parser.py`, without what needs other files (`extends`, `include`, `import`), plus the
//! `generation` block of Hugging Face's chat templates, whose body is rendered as it stands.

mod expression;

use super::{
    Result,
    ast::{CallBlock, For, Macro, Node, Post, Stmt, Target, Uses},
    lexer::{self, Kind, Token},
};
use crate::{
    error::{Error, Limit},
    limits::{NESTING_MAX, TEMPLATE_BYTES_MAX},
};

/// Named parameters of a macro, and named arguments of a call.
const ARGUMENTS_MAX: usize = 256;

/// Which tags beyond jinja2's own a source may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// `{% generation %}…{% endgeneration %}`
    pub(crate) generation: bool,
}

/// The statements of `source`.
pub(crate) fn parse(source: &str, dialect: Dialect) -> Result<Vec<Node>> {
    if source.len() > TEMPLATE_BYTES_MAX {
        return Err(Error::limit(Limit::TemplateBytes).at(1));
    }
    let tokens = lexer::tokens(source)?;
    let mut parser = Parser { tokens, at: 0, nesting: 0, dialect, uses: Uses::default(), loops: 0, unknown: None };
    let (body, end) = parser.body(&[], "the template")?;
    debug_assert!(end.is_empty(), "a body without end tags ends with the source");
    parser.unknown.map_or(Ok(body), Err)
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    dialect: Dialect,
    /// Special names seen since the innermost macro began.
    uses: Uses,
    /// Loops around this place, within the innermost macro.
    loops: usize,
    /// The first filter or test that does not exist. As in jinja2, what stands in an `if` may name any: it fails when
    /// it is reached.
    unknown: Option<Error>,
}

impl Parser {
    fn kind(&self) -> &Kind {
        self.tokens.get(self.at).map_or(&Kind::End, |t| &t.kind)
    }

    fn look(&self) -> &Kind {
        self.tokens.get(self.at + 1).map_or(&Kind::End, |t| &t.kind)
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |t| t.line)
    }

    fn next(&mut self) {
        self.at += 1;
    }

    fn is_op(&self, op: &str) -> bool {
        matches!(self.kind(), Kind::Op(o) if *o == op)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.kind(), Kind::Name(n) if **n == *name)
    }

    fn skip_op(&mut self, op: &str) -> bool {
        let is = self.is_op(op);
        self.at += usize::from(is);
        is
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let is = self.is_name(name);
        self.at += usize::from(is);
        is
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        Err(Error::syntax(self.line(), message))
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T> {
        let got = match self.kind() {
            Kind::Data(_) => "text".to_owned(),
            Kind::PrintBegin => "'{{'".to_owned(),
            Kind::PrintEnd => "'}}'".to_owned(),
            Kind::BlockBegin => "'{%'".to_owned(),
            Kind::BlockEnd => "'%}'".to_owned(),
            Kind::Name(n) => format!("{n:?}"),
            Kind::Str(_) => "a string".to_owned(),
            Kind::Int(_) | Kind::Float(_) => "a number".to_owned(),
            Kind::Op(op) => format!("'{op}'"),
            Kind::End => "the end of the template".to_owned(),
        };
        self.error(format!("expected {expected}, got {got}"))
    }

    fn expect_op(&mut self, op: &str) -> Result<()> {
        if self.skip_op(op) { Ok(()) } else { self.unexpected(&format!("'{op}'")) }
    }

    fn expect_name(&mut self, name: &str) -> Result<()> {
        if self.skip_name(name) { Ok(()) } else { self.unexpected(&format!("'{name}'")) }
    }

    fn expect_block_end(&mut self) -> Result<()> {
        if *self.kind() == Kind::BlockEnd {
            self.next();
            Ok(())
        } else {
            self.unexpected("'%}'")
        }
    }

    fn identifier(&mut self) -> Result<Box<str>> {
        let Kind::Name(name) = self.kind() else { return self.unexpected("a name") };
        let name = name.clone();
        self.next();
        Ok(name)
    }

    /// Lets an `if` end that began where names were unknown already, or not: those in it are no error of the template.
    fn forgive(&mut self, was_unknown: bool) {
        if !was_unknown {
            self.unknown = None;
        }
    }

    /// One level deeper; an error ends the parsing, so only success need come back up.
    fn deeper(&mut self) -> Result<()> {
        if self.nesting >= NESTING_MAX {
            return Err(Error::limit(Limit::Nesting).at(self.line()));
        }
        self.nesting += 1;
        Ok(())
    }

    /// One level deeper for what `parse` does.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.deeper()?;
        let result = parse(self);
        self.nesting -= 1;
        result
    }

    /// Statements up to one of the `ends` tags, whose name is passed and returned; without `ends`, to the end.
    fn body(&mut self, ends: &[&'static str], inside: &str) -> Result<(Vec<Node>, &'static str)> {
        let mut nodes = Vec::new();
        loop {
            let line = self.line();
            match self.kind() {
                Kind::Data(text) => {
                    let stmt = Stmt::Text(text.clone());
                    nodes.push(Node { line, stmt });
                    self.next();
                }
                Kind::PrintBegin => {
                    self.next();
                    let stmt = Stmt::Print(self.tuple(false, true)?);
                    if *self.kind() != Kind::PrintEnd {
                        return self.unexpected("'}}'");
                    }
                    self.next();
                    nodes.push(Node { line, stmt });
                }
                Kind::BlockBegin => {
                    self.next();
                    let Kind::Name(tag) = self.kind() else { return self.unexpected("a tag name") };
                    if let Some(end) = ends.iter().find(|end| ***end == **tag) {
                        self.next();
                        return Ok((nodes, end));
                    }
                    let stmt = self.nested(Self::statement)?;
                    self.expect_block_end()?;
                    nodes.push(Node { line, stmt });
                }
                Kind::End if ends.is_empty() => return Ok((nodes, "")),
                Kind::End => return self.error(format!("{inside} is not closed: expected {}", ends.join(" or "))),
                _ => return self.unexpected("text or a tag"),
            }
        }
    }

    /// `%}` and the statements up to one of the `ends`.
    fn block(&mut self, ends: &[&'static str], inside: &str) -> Result<(Vec<Node>, &'static str)> {
        self.skip_op(":");
        self.expect_block_end()?;
        self.body(ends, inside)
    }

    fn statement(&mut self) -> Result<Stmt> {
        let tag = self.identifier()?;
        match &*tag {
            "if" => self.parse_if(),
            "for" => self.parse_for(),
            "set" => self.parse_set(),
            "with" => self.parse_with(),
            "macro" => {
                let name = self.identifier()?;
                Ok(Stmt::Macro(Box::new(self.macro_rest(name, "endmacro")?)))
            }
            "call" => self.parse_call_block(),
            "filter" => {
                let filters = self.filters_of_block(true)?;
                let (body, _) = self.block(&["endfilter"], "a filter block")?;
                Ok(Stmt::FilterBlock { filters, body })
            }
            "block" => {
                let name = self.identifier()?;
                while self.skip_name("scoped") || self.skip_name("required") {}
                let (body, _) = self.block(&["endblock"], "a block")?;
                if self.is_name(&name) {
                    self.next();
                }
                Ok(Stmt::Scope(body))
            }
            "generation" if self.dialect.generation => {
                let (body, _) = self.block(&["endgeneration"], "a generation block")?;
                Ok(Stmt::Scope(body))
            }
            "break" | "continue" if self.loops == 0 => self.error(format!("{tag} outside of a loop")),
            "break" => Ok(Stmt::Break),
            "continue" => Ok(Stmt::Continue),
            "extends" | "include" | "import" | "from" => {
                self.error(format!("{tag} needs another file, and a chat template has only itself"))
            }
            _ => self.error(format!("unknown tag {tag:?}")),
        }
    }

    fn parse_if(&mut self) -> Result<Stmt> {
        let was_unknown = self.unknown.is_some();
        let mut arms = Vec::new();
        loop {
            let test = self.tuple(false, false)?;
            let (body, end) = self.block(&["elif", "else", "endif"], "an if block")?;
            arms.push((test, body));
            let otherwise = match end {
                "elif" => continue,
                "else" => self.block(&["endif"], "an else block")?.0,
                _ => Vec::new(),
            };
            self.forgive(was_unknown);
            return Ok(Stmt::If { arms, otherwise });
        }
    }

    fn parse_for(&mut self) -> Result<Stmt> {
        let target = self.targets(false)?;
        self.expect_name("in")?;
        let items = self.tuple(false, false)?;
        let test = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_name("recursive");
        self.loops += 1;
        let (body, end) = self.block(&["endfor", "else"], "a for loop")?;
        self.loops -= 1;
        let otherwise = if end == "else" { self.block(&["endfor"], "an else block")?.0 } else { Vec::new() };
        Ok(Stmt::For(Box::new(For { target, items, test, recursive, body, otherwise })))
    }

    fn parse_set(&mut self) -> Result<Stmt> {
        let target = self.targets(true)?;
        if self.skip_op("=") {
            return Ok(Stmt::Set { target, value: self.tuple(false, true)? });
        }
        let filters = self.filters_of_block(false)?;
        let (body, _) = self.block(&["endset"], "a set block")?;
        Ok(Stmt::SetBlock { target, filters, body })
    }

    fn parse_with(&mut self) -> Result<Stmt> {
        let mut bindings = Vec::new();
        while *self.kind() != Kind::BlockEnd && !self.is_op(":") {
            if !bindings.is_empty() {
                self.expect_op(",")?;
            }
            let target = self.targets(false)?;
            self.expect_op("=")?;
            bindings.push((target, self.expression()?));
        }
        let (body, _) = self.block(&["endwith"], "a with block")?;
        Ok(Stmt::With { bindings, body })
    }

    /// Parameters and body of a macro or of the caller of a call block.
    fn macro_rest(&mut self, name: Box<str>, end: &'static str) -> Result<Macro> {
        let mut parameters: Vec<(Box<str>, Option<super::ast::Expr>)> = Vec::new();
        let outer_uses = std::mem::take(&mut self.uses);
        let outer_loops = std::mem::take(&mut self.loops);
        if self.skip_op("(") {
            while !self.is_op(")") {
                if !parameters.is_empty() {
                    self.expect_op(",")?;
                }
                if parameters.len() == ARGUMENTS_MAX {
                    return self.error(format!("more than {ARGUMENTS_MAX} parameters"));
                }
                let parameter = self.identifier()?;
                if parameters.iter().any(|(name, _)| *name == parameter) {
                    return self.error(format!("two parameters called {parameter:?}"));
                }
                let default = if self.skip_op("=") { Some(self.expression()?) } else { None };
                if default.is_none() && parameters.iter().any(|(_, d)| d.is_some()) {
                    return self.error("a parameter without a default after one with a default");
                }
                parameters.push((parameter, default));
            }
            self.expect_op(")")?;
        } else if end == "endmacro" {
            return self.unexpected("'('");
        }
        if end == "endcall" {
            // The call itself comes between the parameters and the body; the caller of this parses it.
            self.uses = outer_uses;
            self.loops = outer_loops;
            return Ok(Macro { name, parameters, body: Vec::new(), uses: Uses::default() });
        }
        let (body, _) = self.block(&[end], "a macro")?;
        let uses = std::mem::replace(&mut self.uses, outer_uses);
        self.loops = outer_loops;
        Ok(Macro { name, parameters, body, uses })
    }

    fn parse_call_block(&mut self) -> Result<Stmt> {
        let mut caller = self.macro_rest("caller".into(), "endcall")?;
        let call = self.expression()?;
        if !matches!(&call, super::ast::Expr::Postfix { ops, .. } if matches!(ops.last(), Some(Post::Call(_)))) {
            return self.error("expected a call");
        }
        let outer_uses = std::mem::take(&mut self.uses);
        let outer_loops = std::mem::take(&mut self.loops);
        (caller.body, _) = self.block(&["endcall"], "a call block")?;
        caller.uses = std::mem::replace(&mut self.uses, outer_uses);
        self.loops = outer_loops;
        Ok(Stmt::CallBlock(Box::new(CallBlock { call, caller })))
    }

    /// `name(args)|name…` of a filter block, or `|name|name…` of a set block.
    fn filters_of_block(&mut self, starts_inline: bool) -> Result<Vec<Post>> {
        let mut filters = Vec::new();
        if starts_inline {
            filters.push(self.filter()?);
        }
        while self.skip_op("|") {
            filters.push(self.filter()?);
        }
        Ok(filters)
    }

    /// One target, or several with commas between.
    fn targets(&mut self, may_be_attribute: bool) -> Result<Target> {
        let first = self.nested(|p| p.target(may_be_attribute))?;
        if !self.is_op(",") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.skip_op(",") {
            if self.is_op("=") || self.is_op(")") || self.is_name("in") || *self.kind() == Kind::BlockEnd {
                break;
            }
            all.push(self.nested(|p| p.target(may_be_attribute))?);
        }
        Ok(Target::Tuple(all))
    }

    fn target(&mut self, may_be_attribute: bool) -> Result<Target> {
        if self.skip_op("(") {
            let inner = self.targets(may_be_attribute)?;
            self.expect_op(")")?;
            return Ok(inner);
        }
        let name = self.identifier()?;
        if matches!(&*name, "true" | "false" | "none" | "True" | "False" | "None") {
            return self.error(format!("cannot assign to {name}"));
        }
        if may_be_attribute && self.skip_op(".") {
            return Ok(Target::Attribute { namespace: name, name: self.identifier()? });
        }
        Ok(Target::Name(name))
    }
}
