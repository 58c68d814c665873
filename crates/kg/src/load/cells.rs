//! Cells of tables: columns with their types, names that become IRIs, and the terms that cells are.

use oxrdf::vocab::xsd;
use oxrdf::{BlankNode, Literal, NamedNode, NamedNodeRef, NamedOrBlankNode, Term};

use super::IriRule;
use super::problem::{Reason, excerpt};
use crate::prefixes::Prefixes;

/// How plain names become IRIs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming<'n> {
    pub(super) prefixes: &'n Prefixes,
    /// What stands before a name that is neither an IRI nor has a known prefix.
    pub(super) namespace: &'n str,
    pub(super) rule: IriRule,
}

pub(super) type Fault = (Reason, String);

/// What the cells of a column are.
#[derive(Debug, Clone)]
enum Type {
    /// Nothing is said: a string, or what JSON says.
    Plain,
    Text(&'static str, NamedNodeRef<'static>, fn(&str) -> bool),
    Iri,
    /// The id of a row, of this table or another.
    Ref,
    Language(String),
}

/// Names of types, their datatypes, and what their values are.
type TextTypes = &'static [(&'static str, NamedNodeRef<'static>, fn(&str) -> bool)];

const TYPES: TextTypes = &[
    ("string", xsd::STRING, |_| true),
    ("int", xsd::INTEGER, is_int),
    ("integer", xsd::INTEGER, is_int),
    ("decimal", xsd::DECIMAL, is_decimal),
    ("double", xsd::DOUBLE, is_double),
    ("boolean", xsd::BOOLEAN, |text| matches!(text, "true" | "false" | "1" | "0")),
    ("date", xsd::DATE, |text| date(text).is_some_and(is_zone)),
    ("dateTime", xsd::DATE_TIME, |text| date_time(text).is_some()),
];

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_int(text: &str) -> bool {
    digits(unsigned(text))
}

fn is_decimal(text: &str) -> bool {
    match unsigned(text).split_once('.') {
        None => is_int(text),
        Some((whole, part)) => {
            (digits(whole) || whole.is_empty() && !part.is_empty()) && (digits(part) || part.is_empty())
        }
    }
}

fn is_double(text: &str) -> bool {
    let is_number = || match text.split_once(['e', 'E']) {
        None => is_decimal(text),
        Some((mantissa, exponent)) => is_decimal(mantissa) && is_int(exponent),
    };
    matches!(text, "INF" | "+INF" | "-INF" | "NaN") || is_number()
}

/// What follows a date: its zone.
fn date(text: &str) -> Option<&str> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (year, rest) = unsigned.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let (day, zone) = rest.split_at_checked(2)?;
    let is_year = digits(year) && year.len() >= 4 && (year.len() == 4 || !year.starts_with('0'));
    let number = |text: &str| (digits(text) && text.len() == 2).then(|| text.parse::<u32>().ok()).flatten();
    let year_mod: u32 = year.bytes().rev().take(4).zip([1, 10, 100, 1000]).map(|(b, n)| u32::from(b & 15) * n).sum();
    let is_leap = year_mod.is_multiple_of(4) && (!year_mod.is_multiple_of(100) || leap_century(year));
    let last = match number(month)? {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (is_year && (1..=last).contains(&number(day)?)).then_some(zone)
}

/// Whether a year that ends in 00 is divisible by 400.
fn leap_century(year: &str) -> bool {
    let centuries = year.strip_suffix("00").unwrap_or_default();
    let last_two: u32 = centuries.bytes().rev().take(2).zip([1, 10]).map(|(b, n)| u32::from(b & 15) * n).sum();
    last_two.is_multiple_of(4)
}

fn is_zone(zone: &str) -> bool {
    let hours = |text: &str| {
        let Some((hours, minutes)) = text.split_once(':') else { return false };
        let is_two = |text: &str| digits(text) && text.len() == 2;
        is_two(hours) && is_two(minutes) && ((hours < "14" && minutes < "60") || (hours, minutes) == ("14", "00"))
    };
    zone.is_empty() || zone == "Z" || zone.strip_prefix(['+', '-']).is_some_and(hours)
}

fn date_time(text: &str) -> Option<()> {
    let (day, time) = text.split_once('T')?;
    let (clock, rest) = time.split_at_checked(8)?;
    let mut parts = clock.split(':');
    let mut part = |below: u32| {
        let text = parts.next()?;
        (digits(text) && text.len() == 2 && text.parse::<u32>().ok()? < below).then_some(())
    };
    let is_midnight = clock == "24:00:00";
    if !is_midnight {
        part(24)?;
        part(60)?;
        part(60)?;
    }
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let n = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (second, zone) = fraction.split_at_checked(n)?;
            let is_over = is_midnight && second.bytes().any(|byte| byte != b'0');
            (!second.is_empty() && !is_over).then_some(zone)?
        }
    };
    (date(day)?.is_empty() && is_zone(zone)).then_some(())
}

/// A column of a table with one row per subject.
#[derive(Debug, Clone)]
pub(super) struct Column {
    name: String,
    pub(super) predicate: NamedNode,
    kind: Type,
    separator: Option<char>,
}

impl Naming<'_> {
    /// The column of a header such as `age`, `age:int`, `tags:string[;]`, `label:lang=en`, `foaf:knows:ref`.
    pub(super) fn column(&self, header: &str) -> Result<Column, Fault> {
        let fault = |message| Err((Reason::Row, message));
        let (rest, separator) = match header.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
            Some((rest, list)) if list.chars().count() == 1 => (rest, list.chars().next()),
            _ => (header, None),
        };
        let (name, kind) = match rest.rsplit_once(':') {
            Some((name, kind)) => match Self::kind(kind) {
                Some(kind) => (name, kind),
                None if self.is_iri(rest) => (rest, Type::Plain),
                None => {
                    let known: Vec<&str> = TYPES.iter().map(|t| t.0).chain(["iri", "ref", "lang=…"]).collect();
                    return fault(format!(
                        "column {header:?} has the unknown type {kind:?}; known: {}",
                        known.join(", ")
                    ));
                }
            },
            None => (rest, Type::Plain),
        };
        if name.trim().is_empty() {
            return fault(format!("column {header:?} has no name"));
        }
        let predicate =
            self.iri(name).map_err(|(_, message)| (Reason::Row, format!("column {header:?}: {message}")))?;
        Ok(Column { name: header.to_owned(), predicate, kind, separator })
    }

    fn kind(kind: &str) -> Option<Type> {
        if let Some(&(name, datatype, is_valid)) = TYPES.iter().find(|t| t.0 == kind) {
            return Some(Type::Text(name, datatype, is_valid));
        }
        match kind {
            "iri" => Some(Type::Iri),
            "ref" => Some(Type::Ref),
            _ => {
                let tag = kind.strip_prefix("lang=")?;
                Literal::new_language_tagged_literal("", tag).ok()?;
                Some(Type::Language(tag.to_owned()))
            }
        }
    }

    /// Whether a bare word is an IRI: it says so, or has a known prefix.
    fn is_iri(&self, word: &str) -> bool {
        let is_absolute = word.contains("://") || word.starts_with("urn:");
        is_absolute && NamedNode::new(word).is_ok()
            || self.prefixes.expand(word).is_some_and(|iri| NamedNode::new(iri).is_ok())
    }

    /// The IRI of a word: one in `<…>`, one that says so, one with a known prefix, or a name in the namespace.
    pub(super) fn iri(&self, word: &str) -> Result<NamedNode, Fault> {
        let invalid = |why: &str| (Reason::Iri, format!("{:?} is no IRI: {why}", excerpt(word)));
        let valid = |iri: &str| NamedNode::new(iri).map_err(|e| invalid(&e.to_string()));
        if word.starts_with('<') && word.ends_with('>') {
            return match super::lines::object(word, self.rule) {
                Ok(Term::NamedNode(node)) => Ok(node),
                Ok(_) => Err(invalid("it is another term")),
                Err(why) => Err(invalid(&why)),
            };
        }
        if self.is_iri(word) {
            return valid(&self.prefixes.expand(word).unwrap_or_else(|| word.to_owned()));
        }
        if word.is_empty() {
            return Err((Reason::Value, "an id or a name is empty".to_owned()));
        }
        let mut iri = self.namespace.to_owned();
        for c in word.chars() {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~') || !c.is_ascii() && c.is_alphanumeric() {
                iri.push(c);
            } else {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer).bytes().for_each(|byte| iri.push_str(&format!("%{byte:02X}")));
            }
        }
        valid(&iri)
    }

    /// The subject of a word: a blank node `_:a` or an IRI.
    pub(super) fn node(&self, word: &str) -> Result<NamedOrBlankNode, Fault> {
        match word.strip_prefix("_:") {
            Some(label) => match BlankNode::new(label) {
                Ok(node) => Ok(node.into()),
                Err(_) => Err((Reason::Value, format!("{:?} is no label of a blank node", excerpt(word)))),
            },
            None => self.iri(word).map(Into::into),
        }
    }

    /// The object of a cell whose column says nothing: a term as in N-Triples, an IRI that says so, or a string.
    pub(super) fn object(&self, cell: &str) -> Result<Term, Fault> {
        if cell.starts_with("_:") || cell.starts_with('<') && cell.ends_with('>') || self.is_iri(cell) {
            return self.node(cell).map(Into::into);
        }
        if cell.starts_with('"') {
            return super::lines::object(cell, self.rule)
                .map_err(|why| (Reason::Grammar, format!("{:?} is no literal as in N-Triples: {why}", excerpt(cell))));
        }
        Ok(Literal::new_simple_literal(cell).into())
    }

    /// The terms of a cell; an empty one has none.
    pub(super) fn terms(&self, column: &Column, cell: &str) -> Result<Vec<Term>, Fault> {
        match column.separator {
            _ if cell.is_empty() => Ok(Vec::new()),
            None => Ok(vec![self.term(column, cell)?]),
            Some(separator) => {
                let items = cell.split(separator).map(str::trim).filter(|item| !item.is_empty());
                items.map(|item| self.term(column, item)).collect()
            }
        }
    }

    /// The term of one value of a column.
    pub(super) fn term(&self, column: &Column, value: &str) -> Result<Term, Fault> {
        let in_column = |(reason, message): Fault| (reason, format!("column {:?}: {message}", column.name));
        Ok(match &column.kind {
            Type::Plain => Literal::new_simple_literal(value).into(),
            Type::Text(name, datatype, is_valid) => {
                if !is_valid(value) {
                    let message = format!("column {:?}: {:?} is no {name}", column.name, excerpt(value));
                    return Err((Reason::Value, message));
                }
                Literal::new_typed_literal(value, *datatype).into()
            }
            Type::Language(tag) => Literal::new_language_tagged_literal_unchecked(value, tag.as_str()).into(),
            Type::Ref => self.node(value).map_err(in_column)?.into(),
            Type::Iri if self.is_iri(value) || value.starts_with('<') => self.iri(value).map_err(in_column)?.into(),
            Type::Iri => NamedNode::new(value)
                .map_err(|e| in_column((Reason::Iri, format!("{:?} is no IRI: {e}", excerpt(value)))))?
                .into(),
        })
    }

    /// The term of a bare JSON value, a number or a truth value, as it is written.
    pub(super) fn json_term(&self, column: &Column, text: &str) -> Result<Term, Fault> {
        if !matches!(column.kind, Type::Plain) {
            return self.term(column, text);
        }
        let datatype = match text {
            "true" | "false" => xsd::BOOLEAN,
            _ if text.contains(['e', 'E']) => xsd::DOUBLE,
            _ if text.contains('.') => xsd::DECIMAL,
            _ => xsd::INTEGER,
        };
        Ok(Literal::new_typed_literal(text, datatype).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_accept_their_lexical_forms_and_no_others() {
        let check = |kind: &str, good: &[&str], bad: &[&str]| {
            let is_valid = TYPES.iter().find(|t| t.0 == kind).expect("a type").2;
            good.iter().for_each(|text| assert!(is_valid(text), "{kind} {text:?}"));
            bad.iter().for_each(|text| assert!(!is_valid(text), "{kind} {text:?}"));
        };
        check("int", &["0", "-01", "+7", "123456789012345678901234567890"], &["", "1.0", " 1", "1 ", "+", "x", "1e2"]);
        check("decimal", &["1", "1.", ".5", "-0.50"], &["", ".", "1e5", "1,5", "-"]);
        check("double", &["1", "1e5", "-.5E-3", "INF", "NaN"], &["", "e5", "1e", "inf", "0x1"]);
        check("boolean", &["true", "0"], &["True", "yes", ""]);
        check(
            "date",
            &["2024-02-29", "2000-02-29", "-0044-03-15", "2023-12-31Z", "2023-12-31+14:00", "12023-01-01"],
            &[
                "2023-02-29",
                "1900-02-29",
                "23-01-01",
                "2023-13-01",
                "2023-1-1",
                "2023-01-01+14:01",
                "01.02.2023",
                "02023-01-01",
            ],
        );
        check(
            "dateTime",
            &["2024-02-29T23:59:59.5Z", "2024-01-01T24:00:00", "2024-01-01T00:00:00-05:00"],
            &[
                "2024-01-01",
                "2024-01-01T24:00:01",
                "2024-01-01T1:00:00",
                "2024-01-01T00:60:00",
                "2024-01-01T00:00:00.Z",
            ],
        );
    }

    #[test]
    fn names_become_iris_without_two_becoming_one() {
        let prefixes = Prefixes::common();
        let naming = Naming { prefixes: &prefixes, namespace: "urn:x:", rule: IriRule::Strict };
        let check = |word: &str, iri: &str| assert_eq!(naming.iri(word).expect("an IRI").as_str(), iri);
        check("Ångström 1", "urn:x:Ångström%201");
        check("a/b:c%20", "urn:x:a%2Fb%3Ac%2520");
        check("foaf:name", "http://xmlns.com/foaf/0.1/name");
        check("http://a/b", "http://a/b");
        check("<mailto:a@b.c>", "mailto:a@b.c");
        assert!(naming.iri("").is_err() && naming.iri("<a b>").is_err());
        assert!(
            naming.column("age:integr").expect_err("a type").1.contains("unknown type \"integr\"; known: string, int")
        );
        assert_eq!(naming.column("foaf:name").expect("a column").predicate.as_str(), "http://xmlns.com/foaf/0.1/name");
    }
}
