//! Random graphs and random queries over them, the same for the same seed.

use std::fmt::Write;

use kg::query::{self, Answer, Engine, Limits, Options, QueryError, Stop};
use kg::{Snapshot, Store};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const PREFIX: &str = "PREFIX : <http://a/>\n";
const VARIABLES: [&str; 6] = ["?a", "?b", "?c", "?d", "?e", "?f"];
/// How many times a query may ask whether it must stop, which ends those with too many rows.
const QUESTIONS_MAX: u32 = 300;

pub(crate) struct Chance(SplitMix64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }

    fn variable(&mut self) -> &'static str {
        self.of(&VARIABLES)
    }

    fn node(&mut self) -> String {
        format!(":n{}", self.below(12))
    }

    fn predicate(&mut self) -> String {
        format!(":p{}", self.below(4))
    }

    /// Numbers are spelled as they are computed: the complete evaluator keeps no other spelling.
    fn literal(&mut self) -> String {
        let n = self.below(6);
        match self.below(5) {
            0 => format!("{n}"),
            1 => format!("\"s{n}\""),
            2 => format!("\"s{n}\"@en"),
            3 => format!("{n}.5"),
            _ => self.of(&["true", "false", "\"S1\"", "\"2020-01-0\"", "\"\""]).to_owned(),
        }
    }

    fn term(&mut self) -> String {
        match self.below(10) {
            0 | 1 => self.node(),
            2 => self.literal(),
            _ => self.variable().to_owned(),
        }
    }

    fn subject(&mut self) -> String {
        if self.one_in(5) { self.node() } else { self.variable().to_owned() }
    }

    pub(crate) fn graph(&mut self) -> Store {
        let mut text = format!("{PREFIX}INSERT DATA {{");
        // Without named graphs facts are counted unread, and merged facts are read otherwise than new ones.
        let (has_graphs, is_merged) = (!self.one_in(4), self.one_in(2));
        for _ in 0..10 + self.below(70) {
            let (subject, predicate) = (self.node(), self.predicate());
            let object = if self.one_in(3) { self.literal() } else { self.node() };
            let fact = format!("{subject} {predicate} {object} .");
            let fact =
                if has_graphs && self.one_in(4) { format!("GRAPH :g{} {{ {fact} }}", self.below(3)) } else { fact };
            text += &fact;
        }
        text += "}";
        let store = Store::in_memory();
        query::update(&store, &text, &Options::default()).unwrap_or_else(|e| panic!("{text}: {e}"));
        if is_merged {
            store.merge().unwrap_or_else(|e| panic!("{text}: {e}"));
        }
        store
    }

    fn triples(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(3) {
            let predicate = match self.below(8) {
                0 => self.variable().to_owned(),
                _ => self.predicate(),
            };
            let (subject, object) = (self.subject(), self.term());
            let _ = write!(text, "{subject} {predicate} {object} . ");
        }
        text
    }

    /// A path that takes a step: what one without steps means, only the own evaluator gets right. Alternatives are
    /// repeated, for the complete one gives each pair once where SPARQL says as often as there are ways.
    fn path(&mut self, depth: usize) -> String {
        let predicate = self.predicate();
        if depth == 0 {
            return predicate;
        }
        let inner = self.path(depth - 1);
        match self.below(6) {
            0 => format!("({inner})+"),
            1 => format!("^({inner})"),
            2 => format!("({inner}/{predicate})"),
            3 => format!("({inner}|{predicate})+"),
            4 => format!("!({predicate}|:p0)"),
            _ => format!("({predicate}/({inner})*)"),
        }
    }

    fn operand(&mut self) -> String {
        match self.below(12) {
            0 | 1 => self.literal(),
            2 => self.node(),
            3 => format!("STRLEN({})", self.variable()),
            4 => format!("({} + 1)", self.variable()),
            5 => format!("STR({})", self.variable()),
            6 => format!("LANG({})", self.variable()),
            7 => format!("DATATYPE({})", self.variable()),
            8 => format!("({} * 2 - {})", self.variable(), self.variable()),
            _ => self.variable().to_owned(),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth > 0 && self.one_in(2) {
            let (a, b) = (self.condition(depth - 1), self.condition(depth - 1));
            return match self.below(3) {
                0 => format!("({a} && {b})"),
                1 => format!("({a} || {b})"),
                _ => format!("(!{a})"),
            };
        }
        let (a, b) = (self.operand(), self.operand());
        match self.below(12) {
            0..=2 => format!("({a} = {b})"),
            3 => format!("({a} != {b})"),
            4 | 5 => format!("({a} {} {b})", self.of(&["<", "<=", ">", ">="])),
            6 => format!("BOUND({})", self.variable()),
            7 => format!("REGEX(STR({a}), \"{}\", \"i\")", self.of(&["s1", "^s", "[0-3]$", "n1"])),
            8 => format!("({a} IN ({b}, {}, {}))", self.literal(), self.node()),
            9 => format!("{}({a})", self.of(&["isIRI", "isLiteral", "isNumeric", "isBlank"])),
            10 => format!("SAMETERM({a}, {b})"),
            _ => format!(
                "{}(STR({a}), \"{}\")",
                self.of(&["CONTAINS", "STRSTARTS", "STRENDS"]),
                self.of(&["s", "1", "n"])
            ),
        }
    }

    fn group(&mut self, depth: usize) -> String {
        let mut text = if self.one_in(8) {
            format!("{} {} {} . ", self.subject(), self.path(2), self.term())
        } else {
            self.triples()
        };
        for _ in 0..self.below(3) {
            let inner = |chance: &mut Self| if depth == 0 { chance.triples() } else { chance.group(depth - 1) };
            let part = match self.below(11) {
                0 | 1 => format!("OPTIONAL {{ {} }}", inner(self)),
                2 => format!("{{ {} }} UNION {{ {} }}", inner(self), inner(self)),
                3 => format!("MINUS {{ {} }}", inner(self)),
                4 | 5 => format!("FILTER({})", self.condition(1)),
                6 => format!("OPTIONAL {{ {} FILTER({}) }}", self.triples(), self.condition(0)),
                7 => format!("FILTER {}EXISTS {{ {} }}", self.of(&["", "NOT "]), self.triples()),
                8 => {
                    let (a, b) = (self.variable(), self.node());
                    format!("VALUES {a} {{ {b} {} }}", self.node())
                }
                9 => format!("GRAPH {} {{ {} }}", self.of(&["?g", ":g0", ":g1"]), self.triples()),
                _ => format!("{{ SELECT DISTINCT {} {{ {} }} }}", self.variable(), inner(self)),
            };
            text += &part;
            text += " ";
        }
        text
    }

    pub(crate) fn query(&mut self) -> String {
        let group = self.group(2);
        let (a, b) = (self.variable(), self.variable());
        let query = match self.below(12) {
            0 => format!("SELECT (COUNT(*) AS ?n) {{ {group} }}"),
            1 => format!("SELECT {a} (COUNT({b}) AS ?n) {{ {group} }} GROUP BY {a}"),
            2 => format!("SELECT {a} (COUNT(DISTINCT {b}) AS ?n) {{ {group} }} GROUP BY {a} HAVING (COUNT(*) > 1)"),
            3 => format!(
                "SELECT {a} (MIN({b}) AS ?m) (MAX({b}) AS ?n) {{ {group} FILTER(isNumeric({b})) }} GROUP BY {a}"
            ),
            4 => format!("SELECT {a} (SUM({b}) AS ?m) (AVG({b}) AS ?n) {{ {group} }} GROUP BY {a}"),
            5 => format!("SELECT DISTINCT {a} {b} {{ {group} }}"),
            6 => format!("ASK {{ {group} }}"),
            // Where paths have steps, what they meet in counts as well, and the complete evaluator alone does that.
            7 if !group.contains('/') => format!("SELECT (COUNT(DISTINCT *) AS ?n) {{ {group} }}"),
            8 if !group.contains('/') => {
                format!("SELECT {a} (COUNT(DISTINCT *) AS ?n) (COUNT(*) AS ?m) {{ {group} }} GROUP BY {a}")
            }
            9 => format!("DESCRIBE {a} {} {{ {group} }}", self.node()),
            10 => format!("SELECT * {{ {group} }} ORDER BY {a} DESC({b})"),
            _ => format!("SELECT * {{ {group} BIND({} AS ?x) }}", self.operand()),
        };
        format!("{PREFIX}{query}")
    }
}

/// The rows of a query, sorted; none if it was stopped.
fn rows(snapshot: &Snapshot, text: &str, engine: Engine) -> Result<Option<Vec<String>>, QueryError> {
    let asked = std::sync::atomic::AtomicU32::new(0);
    let stop = Stop::when(move || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > QUESTIONS_MAX);
    let options = Options { engine, limits: Limits { stop, ..Limits::default() }, ..Options::default() };
    rows_within(snapshot, text, &options)
}

/// The rows of a query, sorted; none if a limit was reached.
pub(crate) fn rows_within(
    snapshot: &Snapshot,
    text: &str,
    options: &Options,
) -> Result<Option<Vec<String>>, QueryError> {
    let found = query::answer(snapshot, text, options).and_then(|answer| {
        let mut found = match answer {
            Answer::Truth(truth) => vec![truth.to_string()],
            Answer::Triples(triples) => {
                triples.map(|triple| triple.map(|triple| triple.to_string())).collect::<Result<Vec<_>, _>>()?
            }
            Answer::Rows(rows) => {
                let variables: Vec<String> = rows.variables().iter().map(ToString::to_string).collect();
                let show = |row: query::Row| {
                    let terms = variables.iter().zip(row);
                    let terms =
                        terms.map(|(name, term)| format!("{name}={}", term.map_or("-".into(), |t| t.to_string())));
                    let mut terms: Vec<String> = terms.collect();
                    terms.sort();
                    terms.join(" ")
                };
                rows.map(|row| row.map(show)).collect::<Result<Vec<_>, _>>()?
            }
        };
        found.sort();
        Ok(found)
    });
    match found {
        Ok(found) => Ok(Some(found)),
        Err(QueryError::Limit { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What became of some rounds.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Queries that both evaluators answered alike.
    pub(crate) equal: u64,
    /// Of these, the ones with at least one row.
    pub(crate) with_rows: u64,
    /// Queries that the own evaluator does not know, or that one of both did not end in time.
    pub(crate) left: u64,
    /// Queries that they answered differently, with the first rows of each.
    pub(crate) different: Vec<String>,
}

/// Asks both evaluators the same random queries, ten for each random graph.
pub(crate) fn compare(seed: u64, rounds: u64) -> Report {
    let mut report = Report::default();
    let mut chance = Chance::new(seed);
    let mut store = chance.graph();
    for round in 0..rounds {
        if round % 10 == 9 {
            store = chance.graph();
        }
        let text = chance.query();
        let snapshot = store.snapshot().unwrap_or_else(|e| panic!("{e}"));
        match (rows(&snapshot, &text, Engine::Own), rows(&snapshot, &text, Engine::Complete)) {
            (Ok(Some(own)), Ok(Some(complete))) if own == complete => {
                report.equal += 1;
                report.with_rows += u64::from(!own.is_empty());
            }
            (Ok(None), _) | (_, Ok(None)) => report.left += 1,
            // A query that is no SPARQL, as where BIND names a variable that is bound, is refused by both.
            (Err(a), Err(b)) if a.to_string() == b.to_string() => report.left += 1,
            (own, complete) => {
                let show = |found: &Result<Option<Vec<String>>, QueryError>| match found {
                    Ok(Some(rows)) => format!("{} rows: {:?}", rows.len(), &rows[..rows.len().min(8)]),
                    other => format!("{other:?}"),
                };
                let both = format!("own {}\ncomplete {}", show(&own), show(&complete));
                report.different.push(format!("seed {seed}, round {round}: {text}\n{both}"));
            }
        }
    }
    report
}
