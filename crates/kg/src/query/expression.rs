//! Expressions, compiled to slots of a row. What is not listed here makes the whole query go to the complete evaluator.

use std::cmp::Ordering;
use std::rc::Rc;

use oxrdf::vocab::xsd;
use oxrdf::{Literal, NamedNode, Term};
use regex::{Regex, RegexBuilder};
use spareval::ExpressionTerm as Value;
use spargebra::algebra::{Expression, Function};

use super::error::QueryError;
use super::plan::atoms::Step;
use super::plan::scope::{Scope, Unsupported};
use super::run::Runner;
use super::value::{self, Arithmetic, Number, Rounding};
use super::words::{Kind, UNBOUND, Word, Words};

/// The most bytes that a compiled pattern of `REGEX` takes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// An expression over the slots of a row.
#[derive(Debug)]
pub(crate) enum Expr {
    Const(Word),
    Slot(usize),
    Bound(usize),
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Equal(Box<Expr>, Box<Expr>),
    SameTerm(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Compute(Arithmetic, Box<Expr>, Box<Expr>),
    Plus(Box<Expr>),
    Minus(Box<Expr>),
    If(Box<[Expr; 3]>),
    Coalesce(Vec<Expr>),
    Call(Call, Vec<Expr>),
    Regex(Box<Expr>, Box<Regex>),
    /// Whether the steps find a row from this one.
    Exists(Vec<Step>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A function of one or two terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Str,
    Lang,
    Datatype,
    IsIri,
    IsBlank,
    IsLiteral,
    IsNumeric,
    StrLen,
    UpperCase,
    LowerCase,
    Contains,
    StrStarts,
    StrEnds,
    LangMatches,
    Round(Rounding),
}

/// What an expression gives: a term of a row, or a value that is no term yet.
#[derive(Clone)]
pub(crate) enum Given {
    Word(Word),
    Value(Rc<Value>),
}

impl Given {
    fn truth(truth: bool) -> Self {
        Self::Value(Rc::new(Value::BooleanLiteral(truth.into())))
    }

    fn text(text: String) -> Self {
        Self::Value(Rc::new(Value::StringLiteral(text)))
    }

    pub(crate) fn value(&self, words: &Words) -> Result<Rc<Value>, QueryError> {
        match self {
            Self::Word(word) => words.value(*word),
            Self::Value(value) => Ok(Rc::clone(value)),
        }
    }

    pub(crate) fn word(&self, words: &Words) -> Result<Word, QueryError> {
        match self {
            Self::Word(word) => Ok(*word),
            Self::Value(value) => words.word(Value::clone(value).into()),
        }
    }

    /// The term, as it was spelled.
    pub(crate) fn term(&self, words: &Words) -> Result<Term, QueryError> {
        match self {
            Self::Word(word) => words.term(*word),
            Self::Value(value) => Ok(Value::clone(value).into()),
        }
    }
}

/// Compiles an expression, in whose `EXISTS` the variables of `bound` have a term.
pub(crate) fn compile(expression: &Expression, scope: &mut Scope<'_>, bound: u128) -> Result<Expr, Unsupported> {
    use Expression as E;
    let mut one = |part: &Expression| compile(part, scope, bound).map(Box::new);
    Ok(match expression {
        E::NamedNode(node) => Expr::Const(scope.word(node.clone().into())?),
        E::Literal(literal) => Expr::Const(scope.word(literal.clone().into())?),
        E::Variable(variable) => Expr::Slot(scope.slot(variable)?),
        E::Bound(variable) => Expr::Bound(scope.slot(variable)?),
        E::Or(a, b) => Expr::Or(one(a)?, one(b)?),
        E::And(a, b) => Expr::And(one(a)?, one(b)?),
        E::Not(a) => Expr::Not(one(a)?),
        E::Equal(a, b) => Expr::Equal(one(a)?, one(b)?),
        E::SameTerm(a, b) => Expr::SameTerm(one(a)?, one(b)?),
        E::Less(a, b) => Expr::Compare(Comparison::Less, one(a)?, one(b)?),
        E::LessOrEqual(a, b) => Expr::Compare(Comparison::LessOrEqual, one(a)?, one(b)?),
        E::Greater(a, b) => Expr::Compare(Comparison::Greater, one(a)?, one(b)?),
        E::GreaterOrEqual(a, b) => Expr::Compare(Comparison::GreaterOrEqual, one(a)?, one(b)?),
        E::Add(a, b) => Expr::Compute(Arithmetic::Add, one(a)?, one(b)?),
        E::Subtract(a, b) => Expr::Compute(Arithmetic::Subtract, one(a)?, one(b)?),
        E::Multiply(a, b) => Expr::Compute(Arithmetic::Multiply, one(a)?, one(b)?),
        E::Divide(a, b) => Expr::Compute(Arithmetic::Divide, one(a)?, one(b)?),
        E::UnaryPlus(a) => Expr::Plus(one(a)?),
        E::UnaryMinus(a) => Expr::Minus(one(a)?),
        E::In(a, list) => Expr::In(one(a)?, all(list, scope, bound)?),
        E::If(a, b, c) => Expr::If(Box::new([*one(a)?, *one(b)?, *one(c)?])),
        E::Coalesce(list) => Expr::Coalesce(all(list, scope, bound)?),
        E::Exists(pattern) => Expr::Exists(scope.steps_of_exists(pattern, bound)?),
        E::FunctionCall(Function::Regex, list) => {
            let [text, E::Literal(pattern), rest @ ..] = list.as_slice() else {
                return Err(Unsupported::new("REGEX by a computed pattern"));
            };
            let flags = match rest {
                [] => "",
                [E::Literal(flags)] => flags.value(),
                _ => return Err(Unsupported::new("REGEX with computed flags")),
            };
            Expr::Regex(one(text)?, Box::new(regex_of(pattern, flags)?))
        }
        E::FunctionCall(function, list) => Expr::Call(call(function)?, all(list, scope, bound)?),
    })
}

fn all(list: &[Expression], scope: &mut Scope<'_>, bound: u128) -> Result<Vec<Expr>, Unsupported> {
    list.iter().map(|part| compile(part, scope, bound)).collect()
}

fn call(function: &Function) -> Result<Call, Unsupported> {
    Ok(match function {
        Function::Str => Call::Str,
        Function::Lang => Call::Lang,
        Function::Datatype => Call::Datatype,
        Function::IsIri => Call::IsIri,
        Function::IsBlank => Call::IsBlank,
        Function::IsLiteral => Call::IsLiteral,
        Function::IsNumeric => Call::IsNumeric,
        Function::StrLen => Call::StrLen,
        Function::UCase => Call::UpperCase,
        Function::LCase => Call::LowerCase,
        Function::Contains => Call::Contains,
        Function::StrStarts => Call::StrStarts,
        Function::StrEnds => Call::StrEnds,
        Function::LangMatches => Call::LangMatches,
        Function::Abs => Call::Round(Rounding::Absolute),
        Function::Ceil => Call::Round(Rounding::Up),
        Function::Floor => Call::Round(Rounding::Down),
        Function::Round => Call::Round(Rounding::Nearest),
        other => return Err(Unsupported::new(format!("the function {other}"))),
    })
}

/// The `regex` crate's engine takes time linear in the text.
fn regex_of(pattern: &Literal, flags: &str) -> Result<Regex, Unsupported> {
    let of_text = pattern.datatype() == xsd::STRING;
    if !of_text || flags.chars().any(|flag| !"imsxq".contains(flag)) {
        return Err(Unsupported::new("REGEX by something else than a pattern and its flags"));
    }
    let text = if flags.contains('q') { regex::escape(pattern.value()) } else { pattern.value().to_owned() };
    let has = |flag| flags.contains(flag);
    let mut builder = RegexBuilder::new(&text);
    builder.size_limit(REGEX_BYTES_MAX).case_insensitive(has('i')).multi_line(has('m'));
    builder.dot_matches_new_line(has('s')).ignore_whitespace(has('x'));
    builder.build().map_err(|_| Unsupported::new("REGEX by a pattern that the engine does not read"))
}

impl Expr {
    /// What the expression gives for the row; none is an error of SPARQL's.
    pub(crate) fn give(&self, row: &[Word], run: &Runner) -> Result<Option<Given>, QueryError> {
        let words = &run.words;
        Ok(match self {
            Self::Const(word) => Some(Given::Word(*word)),
            Self::Slot(slot) => (row[*slot] != UNBOUND).then(|| Given::Word(row[*slot])),
            Self::Plus(a) => number(a, row, run)?.map(|n| Given::Value(Rc::new(n.into_value()))),
            Self::Minus(a) => {
                let negated = number(a, row, run)?.and_then(Number::negated);
                negated.map(|n| Given::Value(Rc::new(n.into_value())))
            }
            Self::Compute(operator, a, b) => {
                let (Some(a), Some(b)) = (number(a, row, run)?, number(b, row, run)?) else { return Ok(None) };
                a.compute(*operator, b).map(|n| Given::Value(Rc::new(n.into_value())))
            }
            Self::If(parts) => match parts[0].holds(row, run)? {
                Some(true) => parts[1].give(row, run)?,
                Some(false) => parts[2].give(row, run)?,
                None => None,
            },
            Self::Coalesce(list) => {
                for part in list {
                    if let Some(given) = part.give(row, run)? {
                        return Ok(Some(given));
                    }
                }
                None
            }
            Self::Call(call, list) => {
                let mut given = Vec::with_capacity(list.len());
                for part in list {
                    let Some(part) = part.give(row, run)? else { return Ok(None) };
                    given.push(part);
                }
                match given.as_slice() {
                    [a] => call_one(*call, a, words)?,
                    [a, b] => call_two(*call, a, b, words)?,
                    _ => None,
                }
            }
            _ => self.holds(row, run)?.map(Given::truth),
        })
    }

    /// Whether the expression holds for the row, by its effective boolean value; none is an error of SPARQL's.
    pub(crate) fn holds(&self, row: &[Word], run: &Runner) -> Result<Option<bool>, QueryError> {
        let words = &run.words;
        Ok(match self {
            Self::Bound(slot) => Some(row[*slot] != UNBOUND),
            Self::Not(a) => a.holds(row, run)?.map(|holds| !holds),
            Self::Or(a, b) => match a.holds(row, run)? {
                Some(true) => Some(true),
                Some(false) => b.holds(row, run)?,
                None => b.holds(row, run)?.filter(|holds| *holds),
            },
            Self::And(a, b) => match a.holds(row, run)? {
                Some(false) => Some(false),
                Some(true) => b.holds(row, run)?,
                None => b.holds(row, run)?.filter(|holds| !*holds),
            },
            Self::Equal(a, b) => {
                let (Some(a), Some(b)) = (a.give(row, run)?, b.give(row, run)?) else { return Ok(None) };
                equal(&a, &b, words)?
            }
            Self::SameTerm(a, b) => {
                let (Some(a), Some(b)) = (a.give(row, run)?, b.give(row, run)?) else { return Ok(None) };
                Some(a.word(words)? == b.word(words)?)
            }
            Self::Compare(comparison, a, b) => {
                let (Some(a), Some(b)) = (a.give(row, run)?, b.give(row, run)?) else { return Ok(None) };
                let order = value::compare(&*a.value(words)?, &*b.value(words)?);
                order.map(|order| match comparison {
                    Comparison::Less => order == Ordering::Less,
                    Comparison::LessOrEqual => order != Ordering::Greater,
                    Comparison::Greater => order == Ordering::Greater,
                    Comparison::GreaterOrEqual => order != Ordering::Less,
                })
            }
            Self::In(a, list) => {
                let Some(a) = a.give(row, run)? else { return Ok(None) };
                let mut answer = Some(false);
                for part in list {
                    let is_equal = match part.give(row, run)? {
                        Some(part) => equal(&a, &part, words)?,
                        None => None,
                    };
                    match is_equal {
                        Some(true) => return Ok(Some(true)),
                        Some(false) => {}
                        None => answer = None,
                    }
                }
                answer
            }
            Self::Regex(text, regex) => match text.give(row, run)? {
                Some(Given::Word(word)) => words.test(word, |text| regex.is_match(text))?,
                Some(text) => match &*text.value(words)? {
                    Value::StringLiteral(text) | Value::LangStringLiteral { value: text, .. } => {
                        Some(regex.is_match(text))
                    }
                    _ => None,
                },
                None => None,
            },
            Self::Exists(steps) => Some(run.finds(steps, row)?),
            _ => match self.give(row, run)? {
                Some(given) => value::truth(&*given.value(words)?),
                None => None,
            },
        })
    }

    /// The slots that the expression reads.
    pub(crate) fn slots(&self) -> u128 {
        let of = |list: &[Expr]| list.iter().fold(0, |slots, part| slots | part.slots());
        match self {
            Self::Const(_) => 0,
            Self::Slot(slot) | Self::Bound(slot) => 1 << slot,
            Self::Or(a, b)
            | Self::And(a, b)
            | Self::Equal(a, b)
            | Self::SameTerm(a, b)
            | Self::Compare(_, a, b)
            | Self::Compute(_, a, b) => a.slots() | b.slots(),
            Self::Not(a) | Self::Plus(a) | Self::Minus(a) | Self::Regex(a, _) => a.slots(),
            Self::In(a, list) => a.slots() | of(list),
            Self::If(parts) => of(&parts[..]),
            Self::Coalesce(list) | Self::Call(_, list) => of(list),
            // Whatever is bound is put into its pattern.
            Self::Exists(_) => u128::MAX,
        }
    }
}

fn number(part: &Expr, row: &[Word], run: &Runner) -> Result<Option<Number>, QueryError> {
    Ok(match part.give(row, run)? {
        Some(given) => Number::of(&*given.value(&run.words)?),
        None => None,
    })
}

/// The operator `=`, on words alone where their kinds allow.
fn equal(a: &Given, b: &Given, words: &Words) -> Result<Option<bool>, QueryError> {
    if let (Given::Word(a), Given::Word(b)) = (a, b)
        && (words.kind(*a) != Kind::Literal || words.kind(*b) != Kind::Literal)
    {
        return Ok(Some(a == b));
    }
    Ok(value::equal(&*a.value(words)?, &*b.value(words)?))
}

fn call_one(call: Call, a: &Given, words: &Words) -> Result<Option<Given>, QueryError> {
    let kind = |a: &Given| match a {
        Given::Word(word) => words.kind(*word),
        Given::Value(value) => match &**value {
            Value::NamedNode(_) => Kind::Iri,
            Value::BlankNode(_) => Kind::Blank,
            _ => Kind::Literal,
        },
    };
    Ok(match call {
        Call::IsIri => Some(Given::truth(kind(a) == Kind::Iri)),
        Call::IsBlank => Some(Given::truth(kind(a) == Kind::Blank)),
        Call::IsLiteral => Some(Given::truth(kind(a) == Kind::Literal)),
        Call::IsNumeric => Some(Given::truth(Number::of(&*a.value(words)?).is_some())),
        Call::Str => match a.term(words)? {
            Term::NamedNode(node) => Some(Given::text(node.into_string())),
            Term::Literal(literal) => Some(Given::text(literal.value().to_owned())),
            Term::BlankNode(_) => None,
        },
        Call::Lang => match a.term(words)? {
            Term::Literal(literal) => Some(Given::text(literal.language().unwrap_or_default().to_owned())),
            _ => None,
        },
        Call::Datatype => match a.term(words)? {
            Term::Literal(literal) => {
                Some(Given::Value(Rc::new(Value::NamedNode(NamedNode::from(literal.datatype())))))
            }
            _ => None,
        },
        Call::StrLen => text_of(a, words)?.map(|(text, _)| {
            let n = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            Given::Value(Rc::new(Value::IntegerLiteral(n.into())))
        }),
        Call::UpperCase => text_of(a, words)?.map(|(text, language)| tagged(text.to_uppercase(), language)),
        Call::LowerCase => text_of(a, words)?.map(|(text, language)| tagged(text.to_lowercase(), language)),
        Call::Round(how) => {
            let rounded = Number::of(&*a.value(words)?).and_then(|n| n.rounded(how));
            rounded.map(|n| Given::Value(Rc::new(n.into_value())))
        }
        Call::Contains | Call::StrStarts | Call::StrEnds | Call::LangMatches => None,
    })
}

fn call_two(call: Call, a: &Given, b: &Given, words: &Words) -> Result<Option<Given>, QueryError> {
    let (Some((a, of_a)), Some((b, of_b))) = (text_of(a, words)?, text_of(b, words)?) else { return Ok(None) };
    if call == Call::LangMatches {
        if of_a.is_some() || of_b.is_some() {
            return Ok(None);
        }
        let (tag, range) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
        let rest = tag.strip_prefix(&range);
        let holds =
            if range == "*" { !tag.is_empty() } else { rest.is_some_and(|r| r.is_empty() || r.starts_with('-')) };
        return Ok(Some(Given::truth(holds)));
    }
    if of_b.is_some() && of_a != of_b {
        return Ok(None);
    }
    Ok(match call {
        Call::Contains => Some(Given::truth(a.contains(&b))),
        Call::StrStarts => Some(Given::truth(a.starts_with(&b))),
        Call::StrEnds => Some(Given::truth(a.ends_with(&b))),
        _ => None,
    })
}

/// The text of a string with its language, if it has one; none for anything else.
fn text_of(given: &Given, words: &Words) -> Result<Option<(String, Option<String>)>, QueryError> {
    Ok(match &*given.value(words)? {
        Value::StringLiteral(text) => Some((text.clone(), None)),
        Value::LangStringLiteral { value, language } => Some((value.clone(), Some(language.clone()))),
        _ => None,
    })
}

fn tagged(value: String, language: Option<String>) -> Given {
    Given::Value(Rc::new(match language {
        Some(language) => Value::LangStringLiteral { value, language },
        None => Value::StringLiteral(value),
    }))
}
