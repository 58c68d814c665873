//! Expressions, by precedence climbing: one function per bracket and operator level instead of one per precedence.

use super::{
    super::{
        Result,
        ast::{Args, BinaryOp, CompareOp, Expr, Post},
        filters,
        lexer::Kind,
        predicates,
    },
    ARGUMENTS_MAX, Parser,
};
use crate::error::Error;

/// Precedences, weakest first.
mod level {
    pub(super) const OR: u8 = 0;
    pub(super) const AND: u8 = 1;
    pub(super) const NOT: u8 = 2;
    pub(super) const COMPARE: u8 = 3;
    pub(super) const ADD: u8 = 4;
    pub(super) const CONCAT: u8 = 5;
    pub(super) const MULTIPLY: u8 = 6;
    pub(super) const POWER: u8 = 7;
}

/// What stands between two operands.
enum Infix {
    Or,
    And,
    Compare(CompareOp),
    Arithmetic(BinaryOp),
    Concat,
}

impl Parser {
    /// An expression, `a if b else c` included.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        let was_unknown = self.unknown.is_some();
        let value = self.operators(level::OR)?;
        if !self.is_name("if") {
            return Ok(value);
        }
        let value = self.conditions(value);
        self.forgive(was_unknown);
        value
    }

    /// `value if test else otherwise`, as often as it follows.
    fn conditions(&mut self, mut value: Expr) -> Result<Expr> {
        let before = self.nesting;
        while self.skip_name("if") {
            // `a if b if c…` nests to the left without brackets: count it like nesting.
            self.deeper()?;
            let test = self.operators(level::OR)?;
            let otherwise = if self.skip_name("else") { Some(Box::new(self.expression()?)) } else { None };
            value = Expr::IfElse { test: Box::new(test), then: Box::new(value), otherwise };
        }
        self.nesting = before;
        Ok(value)
    }

    /// One expression, or a tuple of several. `in_brackets` allows the empty tuple; `ternary` allows `if`.
    pub(super) fn tuple(&mut self, in_brackets: bool, ternary: bool) -> Result<Expr> {
        let mut items = Vec::new();
        let mut is_tuple = false;
        while !(self.is_op(")") || matches!(self.kind(), Kind::PrintEnd | Kind::BlockEnd)) {
            items.push(if ternary { self.expression()? } else { self.operators(level::OR)? });
            if !self.skip_op(",") {
                break;
            }
            is_tuple = true;
        }
        if is_tuple || (items.is_empty() && in_brackets) {
            return Ok(Expr::Tuple(items));
        }
        match items.pop() {
            Some(item) => Ok(item),
            None => self.unexpected("an expression"),
        }
    }

    /// The infix operator here, its level, and its tokens.
    fn infix(&self) -> Option<(Infix, u8, usize)> {
        use level::{ADD, AND, COMPARE, CONCAT, MULTIPLY, OR, POWER};
        Some(match self.kind() {
            Kind::Name(name) => match &**name {
                "or" => (Infix::Or, OR, 1),
                "and" => (Infix::And, AND, 1),
                "in" => (Infix::Compare(CompareOp::In), COMPARE, 1),
                "not" if matches!(self.look(), Kind::Name(n) if &**n == "in") => {
                    (Infix::Compare(CompareOp::NotIn), COMPARE, 2)
                }
                _ => return None,
            },
            Kind::Op(op) => match *op {
                "==" => (Infix::Compare(CompareOp::Eq), COMPARE, 1),
                "!=" => (Infix::Compare(CompareOp::Ne), COMPARE, 1),
                "<" => (Infix::Compare(CompareOp::Lt), COMPARE, 1),
                "<=" => (Infix::Compare(CompareOp::Le), COMPARE, 1),
                ">" => (Infix::Compare(CompareOp::Gt), COMPARE, 1),
                ">=" => (Infix::Compare(CompareOp::Ge), COMPARE, 1),
                "+" => (Infix::Arithmetic(BinaryOp::Add), ADD, 1),
                "-" => (Infix::Arithmetic(BinaryOp::Sub), ADD, 1),
                "~" => (Infix::Concat, CONCAT, 1),
                "*" => (Infix::Arithmetic(BinaryOp::Mul), MULTIPLY, 1),
                "/" => (Infix::Arithmetic(BinaryOp::Div), MULTIPLY, 1),
                "//" => (Infix::Arithmetic(BinaryOp::FloorDiv), MULTIPLY, 1),
                "%" => (Infix::Arithmetic(BinaryOp::Mod), MULTIPLY, 1),
                "**" => (Infix::Arithmetic(BinaryOp::Pow), POWER, 1),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Operands joined by operators of `lowest` or a stronger level. What recurses is short: it lies on the stack
    /// once per level of nesting.
    fn operators(&mut self, lowest: u8) -> Result<Expr> {
        self.deeper()?;
        let negated = lowest <= level::NOT && self.skip_name("not");
        let left = if negated { self.operators(level::NOT) } else { self.unary(true) };
        let value = self.infix_rest(left?, negated, lowest);
        self.nesting -= 1;
        value
    }

    /// What follows `left`.
    fn infix_rest(&mut self, left: Expr, negated: bool, lowest: u8) -> Result<Expr> {
        let mut left = if negated { Expr::Not(Box::new(left)) } else { left };
        while let Some((_, level, _)) = self.infix().filter(|(_, level, _)| *level >= lowest) {
            // All that follows on this level, side by side.
            let mut rest = Vec::new();
            while let Some((infix, here, tokens)) = self.infix() {
                if here != level {
                    break;
                }
                self.at += tokens;
                let right = if level == level::POWER { self.unary(true)? } else { self.operators(level + 1)? };
                rest.push((infix, right));
            }
            left = join(left, level, rest);
        }
        Ok(left)
    }

    /// `-x`, `+x`, or a value, with what follows it.
    fn unary(&mut self, with_filters: bool) -> Result<Expr> {
        let base = if self.is_op("-") || self.is_op("+") { self.signed()? } else { self.primary()? };
        if with_filters || self.is_op(".") || self.is_op("[") || self.is_op("(") {
            return self.followed(base, with_filters);
        }
        Ok(base)
    }

    fn signed(&mut self) -> Result<Expr> {
        let negative = self.is_op("-");
        self.next();
        self.deeper()?;
        let of = Box::new(self.unary(false)?);
        self.nesting -= 1;
        Ok(Expr::Sign { negative, of })
    }

    /// `base` with all that follows it.
    fn followed(&mut self, base: Expr, with_filters: bool) -> Result<Expr> {
        let mut ops = Vec::new();
        self.postfix(&mut ops)?;
        if with_filters {
            self.filters_and_tests(&mut ops)?;
        }
        Ok(if ops.is_empty() { base } else { Expr::Postfix { base: Box::new(base), ops } })
    }

    /// A literal, a name, or something in brackets.
    fn primary(&mut self) -> Result<Expr> {
        match self.kind() {
            Kind::Op("(") => self.parenthesis(),
            Kind::Op("[") => self.list(),
            Kind::Op("{") => self.dict(),
            _ => self.simple(),
        }
    }

    fn simple(&mut self) -> Result<Expr> {
        let value = match self.kind() {
            Kind::Name(name) => match &**name {
                "true" | "True" => Expr::Bool(true),
                "false" | "False" => Expr::Bool(false),
                "none" | "None" => Expr::None,
                name => {
                    let name: Box<str> = name.into();
                    match &*name {
                        "varargs" => self.uses.varargs = true,
                        "kwargs" => self.uses.kwargs = true,
                        "caller" => self.uses.caller = true,
                        _ => {}
                    }
                    Expr::Name(name)
                }
            },
            Kind::Int(i) => Expr::Int(*i),
            Kind::Float(f) => Expr::Float(*f),
            Kind::Str(first) => {
                let mut text = first.to_string();
                while let Kind::Str(more) = self.look() {
                    text.push_str(more);
                    self.at += 1;
                }
                Expr::Str(text.into())
            }
            _ => return self.unexpected("an expression"),
        };
        self.next();
        Ok(value)
    }

    fn parenthesis(&mut self) -> Result<Expr> {
        self.expect_op("(")?;
        let inner = self.tuple(true, true)?;
        self.expect_op(")")?;
        Ok(inner)
    }

    fn list(&mut self) -> Result<Expr> {
        self.expect_op("[")?;
        let mut items = Vec::new();
        while !self.is_op("]") {
            items.push(self.expression()?);
            if !self.skip_op(",") {
                break;
            }
        }
        self.expect_op("]")?;
        Ok(Expr::List(items))
    }

    fn dict(&mut self) -> Result<Expr> {
        self.expect_op("{")?;
        let mut pairs = Vec::new();
        while !self.is_op("}") {
            let key = self.expression()?;
            self.expect_op(":")?;
            pairs.push((key, self.expression()?));
            if !self.skip_op(",") {
                break;
            }
        }
        self.expect_op("}")?;
        Ok(Expr::Dict(pairs))
    }

    /// `.name`, `[item]`, `(args)`, as many as there are.
    fn postfix(&mut self, ops: &mut Vec<Post>) -> Result<()> {
        loop {
            if self.skip_op(".") {
                ops.push(match self.kind() {
                    Kind::Name(name) => Post::Attribute(name.clone()),
                    Kind::Int(i) => Post::Item(Expr::Int(*i)),
                    _ => return self.unexpected("a name or number"),
                });
                self.next();
            } else if self.skip_op("[") {
                ops.push(self.subscript()?);
            } else if self.is_op("(") {
                ops.push(Post::Call(self.args()?));
            } else {
                return Ok(());
            }
        }
    }

    /// `|filter`, `is test`, and calls of what they give.
    fn filters_and_tests(&mut self, ops: &mut Vec<Post>) -> Result<()> {
        loop {
            if self.skip_op("|") {
                ops.push(self.filter()?);
            } else if self.skip_name("is") {
                ops.push(self.test()?);
            } else if self.is_op("(") {
                ops.push(Post::Call(self.args()?));
            } else {
                return Ok(());
            }
        }
    }

    fn dotted(&mut self) -> Result<Box<str>> {
        let mut name = self.identifier()?.into_string();
        while self.skip_op(".") {
            name.push('.');
            name.push_str(&self.identifier()?);
        }
        Ok(name.into())
    }

    /// The name and arguments of a filter, after its `|`.
    pub(super) fn filter(&mut self) -> Result<Post> {
        let line = self.line();
        let filter = filters::find(&self.dotted()?);
        if let Err(name) = &filter {
            self.unknown.get_or_insert_with(|| Error::syntax(line, filters::unknown(name)));
        }
        let args = if self.is_op("(") { self.args()? } else { Args::default() };
        Ok(Post::Filter { filter, args })
    }

    fn test(&mut self) -> Result<Post> {
        let negated = self.skip_name("not");
        let line = self.line();
        let test = predicates::find(&self.dotted()?);
        if let Err(name) = &test {
            self.unknown.get_or_insert_with(|| Error::syntax(line, predicates::unknown(name)));
        }
        let takes_one = match self.kind() {
            Kind::Name(n) => !matches!(&**n, "else" | "or" | "and" | "is" | "if" | "in" | "not"),
            Kind::Str(_) | Kind::Int(_) | Kind::Float(_) => true,
            Kind::Op(op) => matches!(*op, "[" | "{"),
            _ => false,
        };
        let args = if self.is_op("(") {
            self.args()?
        } else if takes_one {
            let base = self.primary()?;
            Args { positional: vec![self.followed(base, false)?], ..Args::default() }
        } else {
            Args::default()
        };
        Ok(Post::Test { test, args, negated })
    }

    /// After `[`: an index, a slice, or several indices as a tuple.
    fn subscript(&mut self) -> Result<Post> {
        if self.is_op("]") {
            return self.unexpected("an index");
        }
        let first = if self.is_op(":") { None } else { Some(self.expression()?) };
        if self.skip_op(":") {
            let mut parts = [first, None, None];
            if !self.is_op(":") && !self.is_op("]") {
                parts[1] = Some(self.expression()?);
            }
            if self.skip_op(":") && !self.is_op("]") {
                parts[2] = Some(self.expression()?);
            }
            self.expect_op("]")?;
            return Ok(Post::Slice(Box::new(parts)));
        }
        let Some(first) = first else { return self.unexpected("an index") };
        if !self.is_op(",") {
            self.expect_op("]")?;
            return Ok(Post::Item(first));
        }
        let mut items = vec![first];
        while self.skip_op(",") {
            items.push(self.expression()?);
        }
        self.expect_op("]")?;
        Ok(Post::Item(Expr::Tuple(items)))
    }

    /// `(a, b, *c, d=e, **f)`
    fn args(&mut self) -> Result<Args> {
        let mut args = Args::default();
        self.expect_op("(")?;
        while !self.is_op(")") {
            if self.skip_op("*") {
                if args.star.is_some() || args.double_star.is_some() {
                    return self.error("invalid syntax for a call: a second *");
                }
                args.star = Some(Box::new(self.expression()?));
            } else if self.skip_op("**") {
                if args.double_star.is_some() {
                    return self.error("invalid syntax for a call: a second **");
                }
                args.double_star = Some(Box::new(self.expression()?));
            } else if let (Kind::Name(name), Kind::Op("=")) = (self.kind(), self.look()) {
                let name = name.clone();
                if args.named.len() == ARGUMENTS_MAX {
                    return self.error(format!("more than {ARGUMENTS_MAX} named arguments"));
                }
                if args.double_star.is_some() || args.named.iter().any(|(n, _)| *n == name) {
                    return self.error(format!("invalid syntax for a call: argument {name:?}"));
                }
                self.at += 2;
                args.named.push((name, self.expression()?));
            } else {
                if args.star.is_some() || args.double_star.is_some() || !args.named.is_empty() {
                    return self.error("invalid syntax for a call: a positional argument after a named one");
                }
                args.positional.push(self.expression()?);
            }
            if !self.skip_op(",") {
                break;
            }
        }
        self.expect_op(")")?;
        Ok(args)
    }
}

/// `left` and what follows it on `level` as one node.
fn join(left: Expr, level: u8, rest: Vec<(Infix, Expr)>) -> Expr {
    let flat = |left, rest: Vec<(Infix, Expr)>| {
        let mut all = vec![left];
        all.extend(rest.into_iter().map(|(_, e)| e));
        all
    };
    match level {
        level::OR => Expr::Or(flat(left, rest)),
        level::AND => Expr::And(flat(left, rest)),
        level::CONCAT => Expr::Concat(flat(left, rest)),
        level::COMPARE => Expr::Compare {
            first: Box::new(left),
            rest: rest
                .into_iter()
                .filter_map(|(infix, e)| if let Infix::Compare(op) = infix { Some((op, e)) } else { None })
                .collect(),
        },
        _ => Expr::Chain {
            first: Box::new(left),
            rest: rest
                .into_iter()
                .filter_map(|(infix, e)| if let Infix::Arithmetic(op) = infix { Some((op, e)) } else { None })
                .collect(),
        },
    }
}
