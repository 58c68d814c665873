//! What expressions compute with: SPARQL's operators on values of terms.

use std::cmp::Ordering;

use oxsdatatypes::{Boolean, Decimal, Double, Float, Integer};
use spareval::ExpressionTerm as Value;

/// A number, by its type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Integer(Integer),
    Decimal(Decimal),
    Float(Float),
    Double(Double),
}

impl Number {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::IntegerLiteral(n) => Some(Self::Integer(*n)),
            Value::DecimalLiteral(n) => Some(Self::Decimal(*n)),
            Value::FloatLiteral(n) => Some(Self::Float(*n)),
            Value::DoubleLiteral(n) => Some(Self::Double(*n)),
            _ => None,
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Integer(n) => Value::IntegerLiteral(n),
            Self::Decimal(n) => Value::DecimalLiteral(n),
            Self::Float(n) => Value::FloatLiteral(n),
            Self::Double(n) => Value::DoubleLiteral(n),
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Integer(_) => 0,
            Self::Decimal(_) => 1,
            Self::Float(_) => 2,
            Self::Double(_) => 3,
        }
    }

    fn promoted(self, rank: u8) -> Self {
        match (self, rank) {
            (Self::Integer(n), 1) => Self::Decimal(n.into()),
            (Self::Integer(n), 2) => Self::Float(n.into()),
            (Self::Integer(n), 3) => Self::Double(n.into()),
            (Self::Decimal(n), 2) => Self::Float(n.into()),
            (Self::Decimal(n), 3) => Self::Double(n.into()),
            (Self::Float(n), 3) => Self::Double(n.into()),
            (same, _) => same,
        }
    }

    /// Both as the wider of their types.
    fn together(self, other: Self) -> (Self, Self) {
        let rank = self.rank().max(other.rank());
        (self.promoted(rank), other.promoted(rank))
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match self.together(other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Decimal(a), Self::Decimal(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(&b),
            _ => None,
        }
    }

    /// The sum, product and so on; none where it has no value, as beyond the largest integer.
    pub(crate) fn compute(self, operator: Arithmetic, other: Self) -> Option<Self> {
        use Arithmetic as A;
        Some(match self.together(other) {
            (Self::Integer(a), Self::Integer(b)) => match operator {
                A::Add => Self::Integer(a.checked_add(b)?),
                A::Subtract => Self::Integer(a.checked_sub(b)?),
                A::Multiply => Self::Integer(a.checked_mul(b)?),
                A::Divide => Self::Decimal(Decimal::from(a).checked_div(b)?),
            },
            (Self::Decimal(a), Self::Decimal(b)) => Self::Decimal(match operator {
                A::Add => a.checked_add(b)?,
                A::Subtract => a.checked_sub(b)?,
                A::Multiply => a.checked_mul(b)?,
                A::Divide => a.checked_div(b)?,
            }),
            (Self::Float(a), Self::Float(b)) => Self::Float(match operator {
                A::Add => a + b,
                A::Subtract => a - b,
                A::Multiply => a * b,
                A::Divide => a / b,
            }),
            (Self::Double(a), Self::Double(b)) => Self::Double(match operator {
                A::Add => a + b,
                A::Subtract => a - b,
                A::Multiply => a * b,
                A::Divide => a / b,
            }),
            _ => return None,
        })
    }

    pub(crate) fn negated(self) -> Option<Self> {
        Some(match self {
            Self::Integer(n) => Self::Integer(n.checked_neg()?),
            Self::Decimal(n) => Self::Decimal(n.checked_neg()?),
            Self::Float(n) => Self::Float(-n),
            Self::Double(n) => Self::Double(-n),
        })
    }

    pub(crate) fn rounded(self, how: Rounding) -> Option<Self> {
        Some(match (self, how) {
            (Self::Integer(n), Rounding::Absolute) => Self::Integer(n.checked_abs()?),
            (Self::Integer(n), _) => Self::Integer(n),
            (Self::Decimal(n), Rounding::Absolute) => Self::Decimal(n.checked_abs()?),
            (Self::Decimal(n), Rounding::Up) => Self::Decimal(n.checked_ceil()?),
            (Self::Decimal(n), Rounding::Down) => Self::Decimal(n.checked_floor()?),
            (Self::Decimal(n), Rounding::Nearest) => Self::Decimal(n.checked_round()?),
            (Self::Float(n), Rounding::Absolute) => Self::Float(n.abs()),
            (Self::Float(n), Rounding::Up) => Self::Float(n.ceil()),
            (Self::Float(n), Rounding::Down) => Self::Float(n.floor()),
            (Self::Float(n), Rounding::Nearest) => Self::Float(n.round()),
            (Self::Double(n), Rounding::Absolute) => Self::Double(n.abs()),
            (Self::Double(n), Rounding::Up) => Self::Double(n.ceil()),
            (Self::Double(n), Rounding::Down) => Self::Double(n.floor()),
            (Self::Double(n), Rounding::Nearest) => Self::Double(n.round()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    Absolute,
    Up,
    Down,
    Nearest,
}

/// The effective boolean value (SPARQL 1.1, 17.2.2); none is a type error.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    Some(match value {
        Value::BooleanLiteral(b) => bool::from(*b),
        Value::StringLiteral(text) => !text.is_empty(),
        Value::IntegerLiteral(n) => Boolean::from(*n).into(),
        Value::DecimalLiteral(n) => Boolean::from(*n).into(),
        Value::FloatLiteral(n) => Boolean::from(*n).into(),
        Value::DoubleLiteral(n) => Boolean::from(*n).into(),
        Value::OtherTypedLiteral { datatype, .. } => {
            // A literal of a boolean or numeric type whose spelling is none of its values is false.
            let name = datatype.as_str().strip_prefix("http://www.w3.org/2001/XMLSchema#")?;
            let is_known = ["boolean", "integer", "decimal", "float", "double"].contains(&name);
            return is_known.then_some(false);
        }
        _ => return None,
    })
}

/// The operator `=` (SPARQL 1.1, 17.3 and 17.4.1.7); none is a type error.
pub(crate) fn equal(a: &Value, b: &Value) -> Option<bool> {
    if let (Some(a), Some(b)) = (Number::of(a), Number::of(b)) {
        return Some(a.compare(b) == Some(Ordering::Equal));
    }
    let is_other = |value: &Value| matches!(value, Value::OtherTypedLiteral { .. });
    let is_plain =
        |value: &Value| matches!(value, Value::NamedNode(_) | Value::BlankNode(_) | Value::LangStringLiteral { .. });
    match (a, b) {
        (Value::DateTimeLiteral(a), Value::DateTimeLiteral(b)) => {
            a.partial_cmp(b).map(|order| order == Ordering::Equal)
        }
        (Value::DateLiteral(a), Value::DateLiteral(b)) => a.partial_cmp(b).map(|order| order == Ordering::Equal),
        (Value::TimeLiteral(a), Value::TimeLiteral(b)) => a.partial_cmp(b).map(|order| order == Ordering::Equal),
        _ if a == b => Some(true),
        _ if is_plain(a) || is_plain(b) => Some(false),
        _ if is_other(a) || is_other(b) => None,
        _ => Some(false),
    }
}

/// The order of `<` and its kin; none is a type error, or numbers without an order. Beyond the operators of SPARQL 1.1
/// (17.3), which lets a store give an answer instead of a type error, it has what spareval has: texts of one language,
/// and that what is the same is neither less nor greater.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (Number::of(a), Number::of(b)) {
        return a.compare(b);
    }
    match (a, b) {
        (Value::StringLiteral(a), Value::StringLiteral(b)) => Some(a.cmp(b)),
        (Value::BooleanLiteral(a), Value::BooleanLiteral(b)) => Some(bool::from(*a).cmp(&bool::from(*b))),
        (Value::DateTimeLiteral(a), Value::DateTimeLiteral(b)) => a.partial_cmp(b),
        (Value::DateLiteral(a), Value::DateLiteral(b)) => a.partial_cmp(b),
        (Value::TimeLiteral(a), Value::TimeLiteral(b)) => a.partial_cmp(b),
        (
            Value::LangStringLiteral { value: a, language: of_a },
            Value::LangStringLiteral { value: b, language: of_b },
        ) if of_a == of_b => Some(a.cmp(b)),
        _ => (a == b).then_some(Ordering::Equal),
    }
}

/// The order of `ORDER BY`, `MIN` and `MAX`: unbound, blank nodes, IRIs, literals; literals by kind, then by value, and
/// what has neither by text. It is total, so that no sort meets a contradiction.
pub(crate) fn order(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (a, b) => return a.is_some().cmp(&b.is_some()),
    };
    let kinds = kind(a).cmp(&kind(b));
    kinds.then_with(|| match (a, b) {
        (Value::BlankNode(a), Value::BlankNode(b)) => a.as_str().cmp(b.as_str()),
        (Value::NamedNode(a), Value::NamedNode(b)) => a.as_str().cmp(b.as_str()),
        _ if kind(a) == NUMBER => by_number(a, b),
        _ => match compare(a, b) {
            Some(order) => order,
            None => text_of(a).cmp(&text_of(b)),
        },
    })
}

const NUMBER: u8 = 3;

fn kind(value: &Value) -> u8 {
    match value {
        Value::BlankNode(_) => 0,
        Value::NamedNode(_) => 1,
        Value::BooleanLiteral(_) => 2,
        Value::IntegerLiteral(_) | Value::DecimalLiteral(_) | Value::FloatLiteral(_) | Value::DoubleLiteral(_) => {
            NUMBER
        }
        Value::StringLiteral(_) => 4,
        Value::LangStringLiteral { .. } => 5,
        Value::DateTimeLiteral(_) => 6,
        Value::DateLiteral(_) => 7,
        Value::TimeLiteral(_) => 8,
        _ => 9,
    }
}

/// Numbers by value: as doubles, which are totally ordered, and exactly where those are equal.
fn by_number(a: &Value, b: &Value) -> Ordering {
    let double = |value: &Value| match Number::of(value).map(|n| n.promoted(3)) {
        Some(Number::Double(n)) => f64::from(n) + 0.0,
        _ => f64::NAN,
    };
    double(a).total_cmp(&double(b)).then_with(|| match (a, b) {
        (Value::IntegerLiteral(a), Value::IntegerLiteral(b)) => a.cmp(b),
        (Value::DecimalLiteral(a), Value::DecimalLiteral(b)) => a.cmp(b),
        _ => Ordering::Equal,
    })
}

/// The text of a literal with its language or type, as the last means of ordering.
fn text_of(value: &Value) -> (String, String) {
    match oxrdf::Term::from(value.clone()) {
        oxrdf::Term::Literal(literal) => {
            let kind = literal.language().map_or_else(|| literal.datatype().as_str().to_owned(), str::to_owned);
            (literal.value().to_owned(), kind)
        }
        term => (term.to_string(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use oxrdf::vocab::xsd;
    use oxrdf::{Literal, NamedNodeRef, Term};
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, kind: NamedNodeRef<'_>) -> Value {
        Value::from(Term::from(Literal::new_typed_literal(text, kind)))
    }

    #[test]
    fn numbers_meet_as_the_wider_type() {
        for (a, kind, b, other, expected) in [
            ("1", xsd::INTEGER, "1.0", xsd::DECIMAL, Some(true)),
            ("01", xsd::INTEGER, "1", xsd::INTEGER, Some(true)),
            ("1", xsd::INTEGER, "1e0", xsd::DOUBLE, Some(true)),
            ("NaN", xsd::DOUBLE, "NaN", xsd::DOUBLE, Some(false)),
            ("abc", xsd::INTEGER, "1", xsd::INTEGER, None),
            ("a", xsd::STRING, "1", xsd::INTEGER, Some(false)),
        ] {
            assert_eq!(equal(&value(a, kind), &value(b, other)), expected, "{a} {kind} = {b} {other}");
        }
        let (max, one) = (value("9223372036854775807", xsd::INTEGER), value("1", xsd::INTEGER));
        let sum = Number::of(&max).zip(Number::of(&one)).and_then(|(a, b)| a.compute(Arithmetic::Add, b));
        assert!(sum.is_none(), "beyond the largest integer is an error, no other number");
    }

    proptest! {
        #[test]
        fn the_order_of_terms_is_total(
            picks in proptest::collection::vec((0_usize..12, 0_usize..6), 3)
        ) {
            let texts = ["2", "10", "1x", "-1", "2006-08-23", "2006-08-23Z", "true", "NaN", "1.5", "INF", "", "10.0"];
            let kinds = [xsd::INTEGER, xsd::DECIMAL, xsd::DOUBLE, xsd::STRING, xsd::DATE, xsd::BOOLEAN];
            let [a, b, c] = [0, 1, 2].map(|n| value(texts[picks[n].0], kinds[picks[n].1]));
            let by = |a: &Value, b: &Value| order(Some(a), Some(b));
            prop_assert_eq!(by(&a, &b), by(&b, &a).reverse());
            if by(&a, &b).is_le() && by(&b, &c).is_le() {
                prop_assert!(by(&a, &c).is_le());
            }
        }
    }
}
