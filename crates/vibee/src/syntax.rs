//! The parser of expressions, patterns, types and tables of examples; recursive descent over the tokens of one scalar.
//!
//! Every place is in the file ([`Scalar::span_of`]). A mistake is told once, what cannot be read becomes `Broken`, and
//! the parser goes on behind it, so that the other mistakes of the scalar are told as well. No tree is higher than
//! [`EXPR_DEPTH_MAX`], chains of operators included: whoever walks it may recurse.
//!
//! In a scalar of several lines, `#` at the beginning of a line or behind a blank opens a comment, as in the rest of
//! the file.
//!
//! [`EXPR_DEPTH_MAX`]: crate::limits::EXPR_DEPTH_MAX

mod expression;
mod lexer;
mod operand;
mod oracle;
mod parser;
mod pattern;
pub mod print;
#[doc(hidden)]
pub mod random;
mod table;
mod token;
mod type_expression;

#[doc(hidden)]
pub use oracle::oracle;
pub use print::quoted;
pub use table::{parse_column, parse_table};
pub use token::{CONSTRUCTORS, KEYWORDS, QUANTIFIER_WORDS, SOFT_WORDS, is_keyword};

use crate::{
    ast::{Expr, TypeExpr},
    diagnostic::Diagnostic,
    source::{FileId, Span},
    tree::{Scalar, Style},
};

/// Makes a scalar of a whole file: an expression that stands alone, such as an argument of a command.
pub fn whole(file: FileId, text: &str) -> Scalar {
    let span = Span::new(file, 0, text.len());
    Scalar { span, text: text.into(), style: Style::Literal, origins: vec![(0, 0)] }
}

/// Parses an expression.
pub fn parse_expr(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Expr {
    parser::Parser::new(scalar, 0, scalar.text.len(), diagnostics).whole_expr()
}

/// Parses the result of an example: an expression, or `fault(name)`.
pub fn parse_result(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Expr {
    parser::Parser::new(scalar, 0, scalar.text.len(), diagnostics).whole_result()
}

/// Parses a type.
pub fn parse_type(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> TypeExpr {
    parser::Parser::new(scalar, 0, scalar.text.len(), diagnostics).whole_type()
}

#[cfg(test)]
mod tests;
