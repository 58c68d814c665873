//! Text to algebra: how long and how deeply nested it may be, and what is refused whatever it says.

use spargebra::algebra::{Expression, GraphPattern, QueryDataset};
use spargebra::term::NamedNodePattern;
use spargebra::{GraphUpdateOperation, Query, SparqlParser, Update};

use super::error::QueryError;
use super::{Dataset, Options};

/// The most bytes of text that are read as one query.
const QUERY_BYTES_MAX: usize = 1 << 20;
/// The most bytes of text that are read as one update, which may carry data.
const UPDATE_BYTES_MAX: usize = 64 << 20;
/// The most brackets that may be open at once: the parser calls itself for each.
const DEPTH_MAX: usize = 64;
/// The most operators between two ends of statements, each of which wraps what stood before it.
const CHAIN_MAX: usize = 100;
/// The most words of [`CLAUSES`].
const CLAUSES_MAX: usize = 64;
/// The words that wrap what stands before them, or stand for a level of the algebra.
const CLAUSES: [&[u8]; 9] =
    [b"OPTIONAL", b"UNION", b"MINUS", b"FILTER", b"BIND", b"AS", b"EXISTS", b"SERVICE", b"SELECT"];

/// A query of this text. The columns of `SELECT *` are in the order in which the text names their variables.
pub(crate) fn query(text: &str, options: &Options) -> Result<Query, QueryError> {
    within_limits(text, QUERY_BYTES_MAX)?;
    let mut query = parser(options)?.parse_query(text).map_err(Box::new)?;
    if let Some(asked) = &options.dataset {
        let (Query::Select { dataset, .. }
        | Query::Construct { dataset, .. }
        | Query::Describe { dataset, .. }
        | Query::Ask { dataset, .. }) = &mut query;
        *dataset = Some(as_algebra(asked));
    }
    if selects_all(text)
        && let Query::Select { pattern, .. } = &mut query
    {
        in_order_of(text, pattern);
    }
    Ok(query)
}

/// Whether the text is a `SELECT *`, which the algebra does not say.
fn selects_all(text: &str) -> bool {
    let lines = text.lines().map(|line| match line.split_once('#') {
        // A `#` in an IRI is no comment.
        Some((before, _)) if !before.contains('<') => before,
        _ => line,
    });
    let text = lines.collect::<Vec<_>>().join(" ").replace('*', " * ");
    let mut words = text.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("SELECT")).skip(1).peekable();
    words.next_if(|word| word.eq_ignore_ascii_case("DISTINCT") || word.eq_ignore_ascii_case("REDUCED"));
    words.next() == Some("*")
}

fn in_order_of(text: &str, pattern: &mut GraphPattern) {
    match pattern {
        GraphPattern::Project { variables, .. } => variables.sort_by_cached_key(|variable| {
            let mentions = text.match_indices(variable.as_str());
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let mut places = mentions.filter(|(at, name)| {
                let (before, from) = text.split_at(*at);
                let behind = from.strip_prefix(name).unwrap_or(from);
                before.ends_with(['?', '$']) && !behind.starts_with(is_name)
            });
            places.next().map_or(usize::MAX, |(at, _)| at)
        }),
        GraphPattern::Slice { inner, .. } | GraphPattern::Distinct { inner } | GraphPattern::Reduced { inner } => {
            in_order_of(text, inner);
        }
        _ => {}
    }
}

/// An update of this text.
pub(crate) fn update(text: &str, options: &Options) -> Result<Update, QueryError> {
    within_limits(text, UPDATE_BYTES_MAX)?;
    let mut update = parser(options)?.parse_update(text).map_err(Box::new)?;
    if let Some(asked) = &options.dataset {
        for operation in &mut update.operations {
            let GraphUpdateOperation::DeleteInsert { using, .. } = operation else { continue };
            if using.is_some() {
                let both =
                    "the update names its graphs by USING or WITH, and the request by parameters; it must be one";
                return Err(QueryError::Update(both.to_owned()));
            }
            *using = Some(as_algebra(asked));
        }
    }
    Ok(update)
}

fn as_algebra(dataset: &Dataset) -> QueryDataset {
    QueryDataset { default: dataset.default.clone(), named: Some(dataset.named.clone()) }
}

fn parser(options: &Options) -> Result<SparqlParser, QueryError> {
    let bad_iri = |what: &str, iri: &str, error| QueryError::Evaluation(format!("{what} <{iri}> is no IRI: {error}"));
    let mut parser = SparqlParser::new();
    if let Some(base) = &options.base {
        parser = parser.with_base_iri(base).map_err(|error| bad_iri("the base", base, error))?;
    }
    for (prefix, iri) in &options.prefixes {
        parser =
            parser.with_prefix(prefix, iri).map_err(|error| bad_iri(&format!("the prefix {prefix:?}:"), iri, error))?;
    }
    Ok(parser)
}

fn within_limits(text: &str, bytes_max: usize) -> Result<(), QueryError> {
    if text.len() > bytes_max {
        return Err(QueryError::TooLarge { what: "bytes", found: text.len(), max: bytes_max });
    }
    let shape = Shape::of(text);
    if shape.depth > DEPTH_MAX {
        return Err(QueryError::TooLarge { what: "brackets inside each other", found: shape.depth, max: DEPTH_MAX });
    }
    if shape.chain > CHAIN_MAX {
        return Err(QueryError::TooLarge { what: "operators in one expression", found: shape.chain, max: CHAIN_MAX });
    }
    if shape.clauses > CLAUSES_MAX {
        return Err(QueryError::TooLarge { what: "clauses", found: shape.clauses, max: CLAUSES_MAX });
    }
    Ok(())
}

/// How deep the algebra of a text may become, as read from its signs alone: strings, IRIs and comments are left out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// Brackets that are open at once, and signs in a row.
    depth: usize,
    /// Operators between two ends of statements.
    chain: usize,
    /// Words such as OPTIONAL, each of which wraps what stood before it.
    clauses: usize,
}

impl Shape {
    fn of(text: &str) -> Self {
        let (mut open, mut in_parentheses, mut signs, mut operators) = (0_usize, 0_usize, 0_usize, 0_usize);
        let mut shape = Self::default();
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at..];
            let len = match byte {
                b'"' | b'\'' => string_len(rest),
                b'<' => iri_len(rest),
                b'#' => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
                byte if byte.is_ascii_alphabetic() => {
                    rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(rest.len())
                }
                _ => 1,
            };
            let word = &rest[..len];
            match byte {
                b'(' | b'{' | b'[' => {
                    open += 1;
                    in_parentheses += usize::from(byte == b'(');
                }
                b')' | b'}' | b']' => {
                    open = open.saturating_sub(1);
                    in_parentheses = in_parentheses.saturating_sub(usize::from(byte == b')'));
                }
                b';' => operators = 0,
                // Data may list any number of negative numbers and of names with such signs.
                b',' if in_parentheses == 0 => operators = 0,
                b'.' if rest.get(1).is_none_or(u8::is_ascii_whitespace) => operators = 0,
                b'!' | b'-' | b'+' | b'^' | b'*' | b'/' | b'|' | b'&' | b'=' | b'<' | b'>' | b'?' if len == 1 => {
                    signs += usize::from(matches!(byte, b'!' | b'-' | b'+' | b'^'));
                    operators += usize::from(byte != b'?');
                }
                byte if byte.is_ascii_alphabetic() && CLAUSES.iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                    shape.clauses += 1;
                }
                _ => {}
            }
            if !matches!(byte, b'!' | b'-' | b'+' | b'^') && !byte.is_ascii_whitespace() {
                signs = 0;
            }
            shape.depth = shape.depth.max(open + signs);
            shape.chain = shape.chain.max(operators);
            at += len;
        }
        shape
    }
}

/// The bytes of a string with its quotation marks; one that is not closed ends with its line, as for the parser.
fn string_len(text: &[u8]) -> usize {
    let mark = text[0];
    let is_long = text.len() >= 3 && text[1] == mark && text[2] == mark;
    let mut at = if is_long { 3 } else { 1 };
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' if !is_long => return at,
            byte if byte == mark && !is_long => return at + 1,
            byte if byte == mark && text[at..].starts_with(&[mark; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The bytes of an IRI in brackets, or 1 where the sign is an operator.
fn iri_len(text: &[u8]) -> usize {
    let ends = text.iter().skip(1).position(|byte| *byte <= b' ' || b"<>\"{}|^`\\".contains(byte));
    match ends {
        Some(end) if text[end + 1] == b'>' => end + 2,
        _ => 1,
    }
}

/// What the first `SERVICE` in the pattern would ask; one that is `SILENT` may fail, and does.
pub(crate) fn service_in(pattern: &GraphPattern) -> Option<String> {
    let mut found = None;
    visit(pattern, &mut |pattern| {
        if let GraphPattern::Service { name, silent: false, .. } = pattern {
            found.get_or_insert_with(|| match name {
                NamedNodePattern::NamedNode(node) => node.as_str().to_owned(),
                NamedNodePattern::Variable(variable) => format!("?{}", variable.as_str()),
            });
        }
    });
    found
}

/// Calls `seen` with the pattern and all in it, also those of `EXISTS`.
fn visit(pattern: &GraphPattern, seen: &mut dyn FnMut(&GraphPattern)) {
    seen(pattern);
    match pattern {
        GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Values { .. } => {}
        GraphPattern::Join { left, right }
        | GraphPattern::Union { left, right }
        | GraphPattern::Minus { left, right } => {
            visit(left, seen);
            visit(right, seen);
        }
        GraphPattern::LeftJoin { left, right, expression } => {
            visit(left, seen);
            visit(right, seen);
            if let Some(expression) = expression {
                visit_expression(expression, seen);
            }
        }
        GraphPattern::Filter { expr, inner } => {
            visit(inner, seen);
            visit_expression(expr, seen);
        }
        GraphPattern::Extend { inner, expression, .. } => {
            visit(inner, seen);
            visit_expression(expression, seen);
        }
        GraphPattern::OrderBy { inner, expression } => {
            visit(inner, seen);
            for order in expression {
                let (spargebra::algebra::OrderExpression::Asc(key) | spargebra::algebra::OrderExpression::Desc(key)) =
                    order;
                visit_expression(key, seen);
            }
        }
        GraphPattern::Group { inner, aggregates, .. } => {
            visit(inner, seen);
            for (_, aggregate) in aggregates {
                if let spargebra::algebra::AggregateExpression::FunctionCall { expr, .. } = aggregate {
                    visit_expression(expr, seen);
                }
            }
        }
        GraphPattern::Graph { inner, .. }
        | GraphPattern::Project { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::Slice { inner, .. }
        | GraphPattern::Service { inner, .. } => visit(inner, seen),
    }
}

fn visit_expression(expression: &Expression, seen: &mut dyn FnMut(&GraphPattern)) {
    use Expression as E;
    match expression {
        E::NamedNode(_) | E::Literal(_) | E::Variable(_) | E::Bound(_) => {}
        E::Exists(pattern) => visit(pattern, seen),
        E::Or(a, b)
        | E::And(a, b)
        | E::Equal(a, b)
        | E::SameTerm(a, b)
        | E::Greater(a, b)
        | E::GreaterOrEqual(a, b)
        | E::Less(a, b)
        | E::LessOrEqual(a, b)
        | E::Add(a, b)
        | E::Subtract(a, b)
        | E::Multiply(a, b)
        | E::Divide(a, b) => {
            visit_expression(a, seen);
            visit_expression(b, seen);
        }
        E::UnaryPlus(a) | E::UnaryMinus(a) | E::Not(a) => visit_expression(a, seen),
        E::If(a, b, c) => [a, b, c].into_iter().for_each(|part| visit_expression(part, seen)),
        E::In(a, list) => {
            visit_expression(a, seen);
            list.iter().for_each(|part| visit_expression(part, seen));
        }
        E::Coalesce(list) | E::FunctionCall(_, list) => list.iter().for_each(|part| visit_expression(part, seen)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_what_makes_the_parser_call_itself() {
        for (text, depth, chain, clauses) in [
            ("{ ((( ) }", 4, 0, 0),
            ("ASK { ?s ?p \"(((((((\" }", 1, 0, 0),
            ("!!!!!!", 6, 6, 0),
            ("{ } UNION { } # UNION (((", 1, 0, 1),
            ("<http://a/b+c-d*(((> a 1 . ?x = 1 + 2", 1, 2, 0),
            ("\"\"\"(((\"(\n((\"\"\" 'a\\'((' OPTIONAL", 0, 0, 1),
            ("?a<?b&&?c>?d", 0, 0, 0),
            ("?a < ?b && ?c > ?d", 0, 4, 0),
            (":a :n -1 , -2 , b-c:d ; :n -3 . f(1, 2) + f(1, 2) + 1", 1, 2, 0),
            ("", 0, 0, 0),
        ] {
            assert_eq!(Shape::of(text), Shape { depth, chain, clauses }, "{text}");
        }
    }

    /// A text with a chain of so many links.
    type Make = fn(usize) -> String;

    #[test]
    fn chains_up_to_the_limit_are_answered_and_longer_ones_refused_by_name() {
        let snapshot = crate::store::Store::in_memory().snapshot().unwrap();
        let ask = |text: &str| super::super::answer(&snapshot, text, &Options::default()).map(|_| ());
        let chains: [(Make, usize); 6] = [
            (|n| format!("ASK {{ FILTER(1{}) }}", " + 1".repeat(n)), CHAIN_MAX),
            (|n| format!("ASK {{ FILTER(1{}) }}", "||1".repeat(n / 2)), CHAIN_MAX),
            (|n| format!("ASK {{ ?a <a:p>{} ?b }}", "/<a:p>".repeat(n)), CHAIN_MAX),
            (|n| format!("ASK {{ {{ ?a ?b ?c }}{} }}", " UNION { ?a ?b ?d }".repeat(n)), CLAUSES_MAX),
            (|n| format!("ASK {{ ?a ?b ?c {} }}", "OPTIONAL { ?c ?b ?a }".repeat(n)), CLAUSES_MAX),
            (|n| format!("ASK {{ ?a ?b ?c {} }}", "FILTER(?a = ?c)".repeat(n)), CLAUSES_MAX),
        ];
        for (make, max) in chains {
            let text = make(max - 2);
            ask(&text).unwrap_or_else(|error| panic!("{text:.60}: {error}"));
            assert!(matches!(ask(&make(100_000)), Err(QueryError::TooLarge { .. })), "{text:.60}");
        }
    }

    #[test]
    fn columns_of_select_all_are_in_the_order_of_the_text() {
        for (text, expected) in [
            ("SELECT * { ?s ?p ?o }", vec!["s", "p", "o"]),
            (
                "PREFIX a: <http://a/#>\nSELECT DISTINCT* # all\n{ ?sa a:b ?z . ?z a:c ?s } LIMIT 1",
                vec!["sa", "z", "s"],
            ),
            ("SELECT ?o ?s { ?s ?p ?o }", vec!["o", "s"]),
        ] {
            let query = query(text, &Options::default()).unwrap();
            let found = super::super::columns(super::super::pattern_of(&query)).unwrap();
            assert_eq!(found.iter().map(oxrdf::Variable::as_str).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn nesting_that_would_end_the_stack_is_refused_by_name() {
        for (open, close) in [("{", "}"), ("(", ")"), ("[", "]")] {
            let text = format!("ASK {{ FILTER({}1{}) }}", open.repeat(100_000), close.repeat(100_000));
            let error = query(&text, &Options::default()).unwrap_err();
            assert!(matches!(error, QueryError::TooLarge { max: DEPTH_MAX, .. }), "{error}");
        }
    }

    #[test]
    fn a_service_is_found_wherever_it_hides() {
        for text in [
            "SELECT * { SERVICE <http://a/> { ?s ?p ?o } }",
            "SELECT * { ?s ?p ?o FILTER EXISTS { SERVICE <http://a/> { ?s ?p ?o } } }",
            "SELECT * { OPTIONAL { ?s ?p ?o FILTER(NOT EXISTS { SERVICE <http://a/> { ?s ?p ?o } }) } }",
            "SELECT (IF(EXISTS { SERVICE <http://a/> { ?s ?p ?o } }, 1, 2) AS ?x) { ?s ?p ?o }",
        ] {
            let query = query(text, &Options::default()).unwrap();
            assert_eq!(service_in(super::super::pattern_of(&query)).as_deref(), Some("http://a/"), "{text}");
        }
    }
}
