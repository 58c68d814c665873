//! Drawing values as a stream of choices, of which a smaller one is always the simpler: so shrinking changes choices,
//! and what comes of them is a value of the type still.

use std::{collections::BTreeMap, rc::Rc};

use super::{Definition, domain};
use crate::{
    order::{canonical, canonical_f32},
    random::SplitMix64,
    typed::{FunctionId, Program},
    types::{FieldDef, Shape, Type},
    value::Value,
};

/// How often a value of a constrained type is drawn anew where its condition refuses it.
const TRIES: u32 = 50;
/// Levels of enums within enums, from which on the cases with the least below them are taken.
const DEPTH_MAX: u32 = 6;
/// Choices of one case of a property.
const CHOICES_MAX: usize = 20_000;
/// Choices of one case of [`cases`]: where a person reads a failed test, more say nothing that fewer do not.
const WRITTEN_MAX: usize = 256;

const FLOATS: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    f64::EPSILON,
    9_007_199_254_740_992.0,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
    1e16,
    0.1,
];

/// Beside the bounds of the type.
const INTS: [i64; 12] =
    [0, 1, -1, 2, 255, 256, i64::MAX, i64::MIN, (1 << 53) + 1, 1 << 31, -(1 << 31) - 1, u32::MAX as i64];

/// Scalar values where encodings change their length, around the surrogates, and what texts are quoted for.
const CHARS: [char; 24] = [
    '0',
    ' ',
    '-',
    '.',
    '"',
    '\\',
    '\n',
    '|',
    'A',
    'Z',
    '_',
    '\u{0}',
    '\u{7f}',
    '\u{80}',
    'é',
    'μ',
    '\u{7ff}',
    '\u{800}',
    '\u{d7ff}',
    '\u{e000}',
    '\u{feff}',
    '\u{ffff}',
    '\u{10000}',
    '\u{10ffff}',
];

/// Where choices come from.
pub(super) enum Source {
    /// Drawn; at first the edges of each type, then growing sizes.
    Drawn {
        random: SplitMix64,
        /// The case's number, where it is one of edges.
        edge: Option<Edge>,
        /// About how many items a list has.
        size: u64,
    },
    /// Given; zeros where they end.
    Given { choices: Vec<u64>, next: usize },
}

/// How a case of edges picks them.
#[derive(Clone, Copy)]
pub(super) enum Edge {
    /// This place of each list of edges.
    Place(u64),
    Any,
}

/// Draws values, and keeps the choices that they came of.
pub(super) struct Draw<'a, 'e, 'p> {
    definition: &'a mut Definition<'e, 'p>,
    source: Source,
    /// What was chosen.
    pub(super) choices: Vec<u64>,
    /// How many levels of enums are below each type at least.
    heights: &'a [u32],
    depth: u32,
    /// Choices from which on nothing grows any more.
    choices_max: usize,
}

/// What a condition refused, or what grew too large.
pub(super) struct Refused;

impl<'a, 'e, 'p> Draw<'a, 'e, 'p> {
    pub(super) fn new(definition: &'a mut Definition<'e, 'p>, heights: &'a [u32], source: Source) -> Self {
        Self { definition, source, choices: Vec::new(), heights, depth: 0, choices_max: CHOICES_MAX }
    }

    /// Chooses a number below `n`; any of 64 bits where `n` is 0.
    fn choose(&mut self, n: u64) -> u64 {
        let below = |choice: u64| if n == 0 { choice } else { choice.min(n - 1) };
        let choice = match &mut self.source {
            Source::Drawn { random, .. } => {
                if n == 0 {
                    random.next_u64()
                } else {
                    random.below(n)
                }
            }
            Source::Given { choices, next } => {
                *next += 1;
                below(choices.get(*next - 1).copied().unwrap_or(0))
            }
        };
        self.choices.push(choice);
        choice
    }

    /// Chooses how a scalar comes about: 0 and above small ones first, 1 an edge.
    fn mode(&mut self, n: u64) -> u64 {
        if let Source::Drawn { edge: Some(_), .. } = &self.source {
            self.choices.push(1);
            return 1;
        }
        self.choose(n)
    }

    /// Chooses one of `n` edges.
    fn edge(&mut self, n: u64) -> u64 {
        if let Source::Drawn { edge: Some(Edge::Place(place)), .. } = &self.source {
            let choice = place % n.max(1);
            self.choices.push(choice);
            return choice;
        }
        self.choose(n)
    }

    /// Whether a list goes on.
    fn goes_on(&mut self, n: usize) -> bool {
        if self.choices.len() > self.choices_max {
            return false;
        }
        match &self.source {
            Source::Drawn { edge: Some(Edge::Place(place)), .. } => {
                // Empty, of one, of two.
                let goes_on = (n as u64) < place % 3;
                self.choices.push(u64::from(goes_on));
                goes_on
            }
            Source::Drawn { size, .. } => {
                let about = size + 1;
                self.choose(about + 1) > 0
            }
            Source::Given { .. } => self.choose(0) > 0,
        }
    }

    fn size(&self) -> u64 {
        match &self.source {
            Source::Drawn { size, .. } => *size,
            Source::Given { .. } => 1 << 53,
        }
    }

    /// Draws a value of a declared type.
    pub(super) fn value(&mut self, ty: &Type) -> Result<Value, Refused> {
        Ok(match ty {
            Type::Bool => Value::Bool(self.choose(2) == 1),
            Type::Trit => Value::Trit(domain::by_distance(-1, 1, self.choose(3)) as i8),
            Type::Tryte(width) => {
                let max = ((3i128.pow(u32::from(*width)) - 1) / 2) as i64;
                Value::Tryte(self.int(-max, max))
            }
            Type::Int => Value::Int(self.int(i64::MIN, i64::MAX)),
            Type::IntIn(lo, hi) => Value::Int(self.int(*lo, *hi)),
            Type::U64 => Value::U64(match self.mode(4) {
                0 => {
                    let n = self.size().saturating_mul(2) + 2;
                    self.choose(n)
                }
                1 => {
                    let edges = [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 53, u64::from(u32::MAX)];
                    edges[self.edge(edges.len() as u64) as usize % edges.len()]
                }
                2 => self.bits(),
                _ => self.choose(0),
            }),
            Type::Float => Value::Float(self.float()),
            Type::F32 => Value::F32(match self.mode(4) {
                1 => FLOATS[self.edge(FLOATS.len() as u64) as usize % FLOATS.len()] as f32,
                2 => (self.small_float() / 16.0) as f32,
                3 => canonical_f32(f32::from_bits(self.choose(1 << 32) as u32)),
                _ => self.small_float() as f32,
            }),
            Type::String => Value::String(self.text().into()),
            Type::Bytes => {
                let mut bytes = Vec::new();
                while self.goes_on(bytes.len()) {
                    let edges = [0, 0xff, 0x80, 0x7f];
                    let byte = match self.mode(3) {
                        1 => edges[self.edge(4) as usize % 4],
                        _ => self.choose(256) as u8,
                    };
                    bytes.push(byte);
                }
                Value::Bytes(bytes.into())
            }
            Type::List(of) => Value::List(Rc::new(self.items(of)?)),
            Type::Set(of) => Value::Set(Rc::new(self.items(of)?.into_iter().collect())),
            Type::Map(key, of) => {
                let mut entries = BTreeMap::new();
                let mut n = 0;
                while self.goes_on(n) {
                    let key = self.value(key)?;
                    entries.insert(key, self.value(of)?);
                    n += 1;
                }
                Value::Map(Rc::new(entries))
            }
            Type::Option(of) => {
                let inner = if self.choose(4) > 0 { Some(Rc::new(self.value(of)?)) } else { None };
                Value::Option(inner)
            }
            Type::Result(of, err) => Value::Result(if self.choose(2) == 0 {
                Ok(Rc::new(self.value(of)?))
            } else {
                Err(Rc::new(self.value(err)?))
            }),
            Type::Tuple(of) => Value::Tuple(of.iter().map(|ty| self.value(ty)).collect::<Result<Vec<_>, _>>()?.into()),
            Type::Named(id) => return self.named(*id),
            Type::Param(_) | Type::Var(_) | Type::Poison => return Err(Refused),
        })
    }

    fn named(&mut self, id: crate::types::TypeId) -> Result<Value, Refused> {
        let program = self.definition.program;
        match &program.type_def(id).shape {
            Shape::Record(fields) => Ok(Value::Record(id, self.fields(fields)?.into())),
            Shape::Enum { cases, .. } => {
                let height = |case: &crate::types::CaseDef| {
                    case.fields.iter().map(|field| height_of(&field.ty, self.heights)).max().unwrap_or(0)
                };
                let least = cases.iter().map(height).min().unwrap_or(0);
                let is_deep = self.depth >= DEPTH_MAX || self.choices.len() > self.choices_max;
                let open: Vec<usize> = (0..cases.len()).filter(|at| !is_deep || height(&cases[*at]) == least).collect();
                let at = self.choose(open.len() as u64) as usize;
                let Some(at) = open.get(at).copied() else { return Err(Refused) };
                self.depth += 1;
                let fields = self.fields(&cases[at].fields);
                self.depth -= 1;
                Ok(Value::Enum(id, at as u16, fields?.into()))
            }
            Shape::Alias(base) => self.value(base),
            Shape::Constrained { base, holds } => {
                let begin = self.choices.len();
                let tries = if matches!(self.source, Source::Drawn { .. }) { TRIES } else { 1 };
                for _ in 0..tries {
                    self.choices.truncate(begin);
                    let value = self.value(base)?;
                    if self.definition.holds(*holds, std::slice::from_ref(&value)) {
                        return Ok(value);
                    }
                    // Edges that are refused: anything else, then.
                    if let Source::Drawn { edge, .. } = &mut self.source {
                        *edge = None;
                    }
                }
                Err(Refused)
            }
        }
    }

    fn fields(&mut self, fields: &[FieldDef]) -> Result<Vec<Value>, Refused> {
        fields.iter().map(|field| self.value(&field.ty)).collect()
    }

    fn items(&mut self, of: &Type) -> Result<Vec<Value>, Refused> {
        let mut items = Vec::new();
        while self.goes_on(items.len()) {
            items.push(self.value(of)?);
        }
        Ok(items)
    }

    /// A number of few bits more often than one of many.
    fn bits(&mut self) -> u64 {
        let bits = self.choose(64);
        self.choose(1 << bits)
    }

    fn int(&mut self, lo: i64, hi: i64) -> i64 {
        let span = (i128::from(hi) - i128::from(lo)) as u64;
        match self.mode(4) {
            1 => {
                let edges = || [lo, hi].into_iter().chain(INTS.into_iter().filter(|i| (lo..=hi).contains(i)));
                let n = edges().count();
                let at = self.edge(n as u64) as usize % n;
                edges().nth(at).unwrap_or(lo)
            }
            2 => domain::by_distance(lo, hi, self.bits().min(span)),
            3 => domain::by_distance(lo, hi, self.choose(span.wrapping_add(1))),
            _ => {
                let n = self.size().saturating_mul(2).saturating_add(1).min(span);
                domain::by_distance(lo, hi, self.choose(n.saturating_add(1)))
            }
        }
    }

    fn float(&mut self) -> f64 {
        match self.mode(4) {
            1 => FLOATS[self.edge(FLOATS.len() as u64) as usize % FLOATS.len()],
            2 => self.small_float() / 16.0,
            3 => canonical(f64::from_bits(self.choose(0))),
            _ => self.small_float(),
        }
    }

    /// A whole number.
    fn small_float(&mut self) -> f64 {
        let n = self.size().saturating_mul(8).saturating_add(2).min(1 << 54);
        domain::by_distance(i64::MIN, i64::MAX, self.choose(n)) as f64
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        let mut n = 0;
        while self.goes_on(n) {
            let c = match self.mode(4) {
                1 => CHARS[self.edge(CHARS.len() as u64) as usize % CHARS.len()],
                2 => char::from_digit(self.choose(10) as u32, 10).unwrap_or('0'),
                3 => char::from_u32(self.choose(0x11_0000) as u32).unwrap_or('\u{fffd}'),
                _ => char::from(b'a' + self.choose(26) as u8),
            };
            text.push(c);
            n += 1;
        }
        text
    }
}

/// How many levels of enums are below a type at least.
fn height_of(ty: &Type, heights: &[u32]) -> u32 {
    match ty {
        Type::Tuple(of) => of.iter().map(|ty| height_of(ty, heights)).max().unwrap_or(0),
        Type::Result(of, err) => height_of(of, heights).min(height_of(err, heights)),
        Type::Named(id) => heights.get(id.0 as usize).copied().unwrap_or(0),
        _ => 0,
    }
}

/// How many levels of enums are below each declared type at least.
pub(super) fn heights(program: &Program) -> Vec<u32> {
    let mut heights = vec![u32::MAX; program.types.len()];
    loop {
        let height = |fields: &[FieldDef], heights: &[u32]| {
            fields.iter().map(|field| height_of(&field.ty, heights)).max().unwrap_or(0)
        };
        let next: Vec<u32> = program
            .types
            .iter()
            .map(|def| match &def.shape {
                Shape::Record(fields) => height(fields, &heights),
                Shape::Enum { cases, .. } => {
                    let least = cases.iter().map(|case| height(&case.fields, &heights)).min().unwrap_or(0);
                    least.saturating_add(1)
                }
                Shape::Constrained { base, .. } | Shape::Alias(base) => height_of(base, &heights),
            })
            .collect();
        if next == heights {
            return heights;
        }
        heights = next;
    }
}

/// The stream of cases of something with a name.
pub(super) fn seed(module: &str, name: &str, version: &str, other: Option<u64>) -> SplitMix64 {
    let mut hash = blake3::Hasher::new();
    for part in [module, name, version] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize().as_bytes()[..8]);
    SplitMix64::new(u64::from_le_bytes(first) ^ other.unwrap_or(0))
}

/// The source of the `at`-th case of `n`: a quarter edges, the rest of growing size.
pub(super) fn source(random: &mut SplitMix64, at: u64, n: u64) -> Source {
    let edges = n / 4;
    let edge = match at {
        at if at < edges.min(24) => Some(Edge::Place(at)),
        at if at < edges => Some(Edge::Any),
        _ => None,
    };
    let size = 1 + at.saturating_sub(edges) * 30 / n.max(1);
    Source::Drawn { random: SplitMix64::new(random.next_u64()), edge, size }
}

/// Draws up to `n` lists of arguments that a function takes, `given` included, the same ones each time: all there are
/// where they are no more than `n`.
pub(crate) fn cases(definition: &mut Definition<'_, '_>, function: FunctionId, n: u32) -> Vec<Vec<Value>> {
    let program = definition.program;
    let of = program.function(function);
    let types: Vec<Type> = of.locals.iter().take(of.n_params).map(|local| local.declared.clone()).collect();
    let version = program.modules.iter().find(|module| module.name == of.module).map_or("", |module| &module.version);
    let mut random = seed(&of.module, &of.name, version, None);
    let heights = heights(program);
    let whole = Type::Tuple(types.clone());
    let n = u64::from(n);
    let (n_tries, is_all) = match domain::count(program, &whole) {
        Some(count) if count <= n => (count, true),
        _ => (n.saturating_mul(10), false),
    };
    let mut cases = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for at in 0..n_tries {
        let case = if is_all {
            let values = domain::nth_of_all(program, types.iter(), at);
            let enter = types.iter().zip(&values).all(|(ty, value)| domain::enters(definition, ty, value));
            if enter { Ok(values) } else { Err(Refused) }
        } else {
            let source = source(&mut random, at, n);
            let mut draw = Draw::new(definition, &heights, source);
            draw.choices_max = WRITTEN_MAX;
            types.iter().map(|ty| draw.value(ty)).collect()
        };
        let Ok(case) = case else { continue };
        let is_given = of.given.is_none_or(|given| definition.holds(given, &case));
        if is_given && seen.insert(Value::Tuple(case.clone().into())) {
            cases.push(case);
        }
        if cases.len() as u64 >= n {
            break;
        }
    }
    cases
}
