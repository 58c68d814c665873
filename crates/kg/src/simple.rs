//! The simple language: patterns of up to three words, joined by `.`, which become SPARQL.
//!
//! `?x capitalOf France` asks for everything that is the capital of France. A word is a `?variable`, an `<IRI>`, a
//! `prefix:name`, a `"text"`, a number, `a` (is of the class), or a name: a label or the last part of an IRI of the
//! graph. `'New York'` is one name. Two words leave the value open, one word leaves all that is said of it open. What a
//! name means is never guessed: where it means nothing or several things, the error says what is near.

use std::collections::{BTreeSet, HashMap};

use oxrdf::vocab::rdf;
use oxrdf::{Literal, NamedNode, NamedNodeRef, Term, Variable};

use crate::error::Error;
use crate::prefixes::{Prefixes, nearest};
use crate::quad::Pattern;
use crate::query::{LimitKind, Limits, QueryError};
use crate::snapshot::Snapshot;
use crate::store::Seq;
use crate::term::{TermId, TermKind};

/// The most patterns of a question.
const PATTERNS_MAX: usize = 32;
/// How many meanings, or names that are near, an error lists.
const LISTED_MAX: usize = 8;
/// Facts that are read between two questions to [`Limits::stop`].
const FACTS_PER_QUESTION: u64 = 4096;
/// The predicates whose objects are labels.
const LABELS: [&str; 4] = [
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://xmlns.com/foaf/0.1/name",
    "https://schema.org/name",
];

/// A question that is no pattern, or a name in it that does not stand for one thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A question that does not have the form of patterns.
    #[error("pattern {number} is {found:?}: {expected}")]
    Form {
        /// The number of the pattern, from 1.
        number: usize,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// A name that nothing in the graph has.
    #[error("nothing is called {word:?} here{}", did_you_mean(near))]
    Unknown {
        /// The name that was asked for.
        word: String,
        /// Names in the graph that are spelled almost so, each with its IRI.
        near: Vec<String>,
    },
    /// A name that several things have.
    #[error("{word:?} may be {}: write the one you mean", meanings.join(" or "))]
    Ambiguous {
        /// The name that was asked for.
        word: String,
        /// What it may stand for.
        meanings: Vec<String>,
    },
    /// A prefix that is not known.
    #[error("the prefix of {word:?} is not known{}", did_you_mean(near))]
    Prefix {
        /// The word with the prefix.
        word: String,
        /// Prefixes that are spelled almost so.
        near: Vec<String>,
    },
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// The names of a graph: labels and last parts of IRIs. It is made once for a snapshot and serves many questions.
#[derive(Debug, Clone)]
pub struct Names {
    seq: Seq,
    nodes: HashMap<String, BTreeSet<String>>,
    predicates: HashMap<String, BTreeSet<String>>,
}

/// A question as SPARQL, with what its names stood for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The query in SPARQL.
    pub sparql: String,
    /// Each name of the question with the term it became.
    pub names: Vec<(String, String)>,
}

impl Names {
    /// Reads the names of all that the snapshot sees.
    ///
    /// # Errors
    /// Failures of the store, and [`Limits::stop`] and [`Limits::memory_max`].
    pub fn of(snapshot: &Snapshot, limits: &Limits) -> Result<Self, QueryError> {
        let mut names = Self { seq: snapshot.seq(), nodes: HashMap::new(), predicates: HashMap::new() };
        let (mut seen, mut seen_predicates) = (BTreeSet::new(), BTreeSet::new());
        let mut labels = BTreeSet::new();
        for label in LABELS {
            labels.extend(snapshot.id(NamedNodeRef::new_unchecked(label).into())?);
        }
        let (mut bytes, mut rows) = (0_u64, 0_u64);
        let limit = |limit, rows| QueryError::Limit { limit, operator: "the names of the graph", rows };
        for quad in snapshot.matching(Pattern::all()) {
            let quad = quad?;
            rows += 1;
            if rows.is_multiple_of(FACTS_PER_QUESTION) && limits.stop.is_now() {
                return Err(limit(LimitKind::Stopped, rows));
            }
            if seen_predicates.insert(quad.predicate) {
                bytes += add_local(snapshot, quad.predicate, &mut names.predicates)?;
            }
            for id in [quad.subject, quad.object] {
                if id.kind() == TermKind::Iri && seen.insert(id) {
                    bytes += add_local(snapshot, id, &mut names.nodes)?;
                }
            }
            if labels.contains(&quad.predicate)
                && let (Term::Literal(label), Term::NamedNode(node)) =
                    (snapshot.term(quad.object)?, subject_of(snapshot, quad.subject)?)
            {
                bytes += add(&mut names.nodes, label.value(), &node);
                if snapshot.estimate(Pattern { predicate: Some(quad.subject), ..Pattern::all() })? > 0 {
                    bytes += add(&mut names.predicates, label.value(), &node);
                }
            }
            if bytes > limits.memory_max {
                return Err(limit(LimitKind::Memory(limits.memory_max), rows));
            }
        }
        Ok(names)
    }

    /// The commit whose names these are.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// What a question in the simple language asks, in SPARQL.
    ///
    /// # Errors
    /// [`NameError`], which says what is near.
    pub fn question(&self, text: &str, prefixes: &Prefixes, snapshot: &Snapshot) -> Result<Question, QueryError> {
        let patterns = patterns(text)?;
        let mut reader = Reader { names: self, prefixes, snapshot, found: Vec::new(), variables: Vec::new() };
        let mut lines = Vec::new();
        for (n, words) in patterns.iter().enumerate() {
            let subject = match words.first() {
                Some(word) => reader.node(word)?,
                None => continue,
            };
            let predicate = match words.get(1) {
                Some(word) => reader.predicate(word)?,
                None => reader.open("property", n),
            };
            let object = match words.get(2) {
                Some(word) => reader.node(word)?,
                None => reader.open("value", n),
            };
            lines.push(format!("  {subject} {predicate} {object} ."));
        }
        let columns = if reader.variables.is_empty() { String::new() } else { reader.variables.join(" ") };
        let head = if columns.is_empty() { "ASK".to_owned() } else { format!("SELECT DISTINCT {columns}") };
        let sparql = format!("{head} WHERE {{\n{}\n}}", lines.join("\n"));
        Ok(Question { sparql, names: reader.found })
    }
}

fn add(names: &mut HashMap<String, BTreeSet<String>>, name: &str, node: &NamedNode) -> u64 {
    names.entry(name.to_owned()).or_default().insert(node.as_str().to_owned());
    (name.len() + node.as_str().len() + 64) as u64
}

/// Adds the last part of an IRI as its name.
fn add_local(
    snapshot: &Snapshot,
    id: TermId,
    names: &mut HashMap<String, BTreeSet<String>>,
) -> Result<u64, QueryError> {
    let Term::NamedNode(node) = snapshot.term(id)? else { return Ok(0) };
    let local = node.as_str().trim_end_matches(['/', '#']).rsplit(['/', '#', ':']).next().unwrap_or_default();
    Ok(if local.is_empty() { 0 } else { add(names, local, &node) })
}

fn subject_of(snapshot: &Snapshot, id: TermId) -> Result<Term, Error> {
    snapshot.term(id)
}

/// A word of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Variable(String),
    Iri(String),
    Text(String),
    /// `'…'`: a name of several words.
    Quoted(String),
    Plain(String),
}

/// Words, by patterns: a `.` ends one where it stands alone or ends a word.
fn patterns(text: &str) -> Result<Vec<Vec<Word>>, NameError> {
    let mut patterns: Vec<Vec<Word>> = vec![Vec::new()];
    let mut rest = text.trim();
    let form = |number, found: &str, expected| NameError::Form { number, found: found.to_owned(), expected };
    while let Some(first) = rest.chars().next() {
        let number = patterns.len();
        if number > PATTERNS_MAX {
            return Err(form(number, rest, "a question has at most 32 patterns"));
        }
        let close = match first {
            '"' => Some('"'),
            '\'' => Some('\''),
            '<' => Some('>'),
            _ => None,
        };
        let (word, after) = if let Some(close) = close {
            let inner = rest.strip_prefix(first).unwrap_or(rest);
            let Some((word, after)) = inner.split_once(close) else {
                return Err(form(number, rest, "a quotation that is opened is closed by the same sign"));
            };
            let word = word.to_owned();
            let word = match first {
                '"' => Word::Text(word),
                '\'' => Word::Quoted(word),
                _ => Word::Iri(word),
            };
            (Some(word), after)
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let is_number = word.parse::<f64>().is_ok();
            let (word, after) = match word.strip_suffix('.') {
                Some(word) if !is_number || word.parse::<f64>().is_ok() => rest.split_at(word.len()),
                _ => (word, after),
            };
            // What is empty is a `.` that stands alone.
            let after = if word.is_empty() { rest.strip_prefix(first).unwrap_or(after) } else { after };
            let word = match word.strip_prefix(['?', '$']) {
                Some(name) => {
                    let variable = Variable::new(name);
                    let variable =
                        variable.map_err(|_| form(number, word, "a variable is a ? and letters or digits"))?;
                    Some(Word::Variable(variable.as_str().to_owned()))
                }
                None if word.is_empty() => None,
                None => Some(Word::Plain(word.to_owned())),
            };
            (word, after)
        };
        match word {
            Some(word) => patterns.last_mut().into_iter().for_each(|words| words.push(word.clone())),
            None => patterns.push(Vec::new()),
        }
        if patterns.last().is_some_and(|words| words.len() > 3) {
            return Err(form(number, text, "a pattern has at most three words; a name of several words is 'quoted'"));
        }
        rest = after.trim_start();
    }
    patterns.retain(|words| !words.is_empty());
    if patterns.is_empty() {
        return Err(form(1, text, "a question has a pattern, such as ?x capitalOf France"));
    }
    Ok(patterns)
}

struct Reader<'r> {
    names: &'r Names,
    prefixes: &'r Prefixes,
    snapshot: &'r Snapshot,
    found: Vec<(String, String)>,
    variables: Vec<String>,
}

impl Reader<'_> {
    fn variable(&mut self, name: &str) -> String {
        let variable = format!("?{name}");
        if !self.variables.contains(&variable) {
            self.variables.push(variable.clone());
        }
        variable
    }

    /// A variable for a word that is left out.
    fn open(&mut self, name: &str, n: usize) -> String {
        let name = if n == 0 { name.to_owned() } else { format!("{name}{}", n + 1) };
        self.variable(&name)
    }

    fn predicate(&mut self, word: &Word) -> Result<String, QueryError> {
        match word {
            Word::Plain(name) if name == "a" => Ok(rdf::TYPE.to_string()),
            Word::Text(text) => Err(NameError::Form {
                number: 1,
                found: text.clone(),
                expected: "the second word of a pattern is a variable or a property, no text",
            }
            .into()),
            word => self.term(word, true),
        }
    }

    fn node(&mut self, word: &Word) -> Result<String, QueryError> {
        self.term(word, false)
    }

    fn term(&mut self, word: &Word, is_predicate: bool) -> Result<String, QueryError> {
        let name = match word {
            Word::Variable(name) => return Ok(self.variable(name)),
            Word::Text(text) => return Ok(Literal::new_simple_literal(text).to_string()),
            Word::Iri(iri) => {
                let node = NamedNode::new(iri);
                let node = node.map_err(|error| QueryError::Evaluation(format!("<{iri}> is no IRI: {error}")))?;
                return Ok(node.to_string());
            }
            Word::Quoted(name) | Word::Plain(name) => name,
        };
        let is_plain = matches!(word, Word::Plain(_));
        if is_plain && !is_predicate && number_of(name).is_some() {
            return Ok(name.clone());
        }
        let names = if is_predicate { &self.names.predicates } else { &self.names.nodes };
        if let Some(meanings) = names.get(name) {
            return self.one_of(name, meanings);
        }
        if is_plain && name.contains(':') {
            return self.prefixed(name);
        }
        let folded = name.to_lowercase();
        let alike: BTreeSet<String> = names
            .iter()
            .filter(|(known, _)| known.to_lowercase() == folded)
            .flat_map(|(_, iris)| iris.clone())
            .collect();
        if !alike.is_empty() {
            return self.one_of(name, &alike);
        }
        let text = Literal::new_simple_literal(name);
        if !is_predicate && self.is_value(&text)? {
            self.found.push((name.clone(), text.to_string()));
            return Ok(text.to_string());
        }
        let known = names.iter().filter_map(|(known, iris)| Some((known.as_str(), iris.first()?.as_str())));
        let mut near: Vec<String> =
            nearest(name, known).into_iter().map(|(known, iri)| format!("{known} <{iri}>")).collect();
        near.sort();
        near.truncate(LISTED_MAX);
        Err(NameError::Unknown { word: name.clone(), near }.into())
    }

    /// Whether the text is the object of a fact.
    fn is_value(&self, text: &Literal) -> Result<bool, QueryError> {
        let Some(id) = self.snapshot.id(text.as_ref().into())? else { return Ok(false) };
        let pattern = Pattern { object: Some(id), ..Pattern::all() };
        Ok(self.snapshot.matching(pattern).next().transpose()?.is_some())
    }

    fn one_of(&mut self, name: &str, meanings: &BTreeSet<String>) -> Result<String, QueryError> {
        let mut iris = meanings.iter().map(|iri| format!("<{iri}>"));
        if let (Some(iri), None) = (iris.next(), iris.next()) {
            self.found.push((name.to_owned(), iri.clone()));
            return Ok(iri);
        }
        let meanings = meanings.iter().take(LISTED_MAX).map(|iri| format!("<{iri}>")).collect();
        Err(NameError::Ambiguous { word: name.to_owned(), meanings }.into())
    }

    fn prefixed(&mut self, name: &str) -> Result<String, QueryError> {
        let Some(iri) = self.prefixes.expand(name) else {
            let prefix = name.split(':').next().unwrap_or_default();
            let near = nearest(prefix, self.prefixes.iter()).into_iter().map(|(name, iri)| format!("{name}: <{iri}>"));
            return Err(NameError::Prefix { word: name.to_owned(), near: near.collect() }.into());
        };
        let node = NamedNode::new(&iri);
        let node = node.map_err(|error| QueryError::Evaluation(format!("{name} is <{iri}>, no IRI: {error}")))?;
        self.found.push((name.to_owned(), node.to_string()));
        Ok(node.to_string())
    }
}

/// A number as SPARQL writes it.
fn number_of(word: &str) -> Option<f64> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if is_plain && word.bytes().any(|byte| byte.is_ascii_digit()) { word.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{self, Answer, Options};
    use crate::store::Store;

    fn store() -> Store {
        let store = Store::in_memory();
        let text = "PREFIX : <http://a/> PREFIX b: <http://b/> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> \
            INSERT DATA { :Paris :capitalOf :France ; a :City ; :people 2100000 . \
            :Q90 rdfs:label \"New York\" ; :in :USA . \
            :Bonn :in :Germany . b:Bonn :in :Germany . :France :motto \"Liberté\" . :Lyon :in :France }";
        query::update(&store, text, &Options::default()).unwrap();
        store
    }

    fn ask(text: &str) -> Result<(String, Vec<String>), QueryError> {
        let snapshot = store().snapshot()?;
        let names = Names::of(&snapshot, &Limits::default())?;
        let question = names.question(text, &Prefixes::common(), &snapshot)?;
        let mut found = Vec::new();
        match query::answer(&snapshot, &question.sparql, &Options::default())? {
            Answer::Rows(rows) => {
                for row in rows {
                    found.push(row?.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" "));
                }
            }
            Answer::Truth(truth) => found.push(truth.to_string()),
            Answer::Triples(_) => {}
        }
        found.sort();
        Ok((question.sparql, found))
    }

    #[test]
    fn questions_of_up_to_three_words_are_answered() {
        for (text, expected) in [
            ("?x capitalOf France", vec!["<http://a/Paris>"]),
            ("?x capitalOf France .", vec!["<http://a/Paris>"]),
            ("?x capitalof france. ?x a City", vec!["<http://a/Paris>"]),
            ("'New York' in ?where", vec!["<http://a/USA>"]),
            ("Paris people", vec!["\"2100000\"^^<http://www.w3.org/2001/XMLSchema#integer>"]),
            ("?x people 2100000", vec!["<http://a/Paris>"]),
            ("France motto Liberté", vec!["true"]),
            ("France motto \"Libert\"", vec!["false"]),
            ("?x motto Liberté", vec!["<http://a/France>"]),
            ("Lyon", vec!["<http://a/in> <http://a/France>"]),
            ("<http://b/Bonn> in ?c", vec!["<http://a/Germany>"]),
        ] {
            let (sparql, found) = ask(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(found, expected, "{text}: {sparql}");
        }
    }

    #[test]
    fn what_means_nothing_or_several_things_is_asked_back() {
        for (text, says) in [
            ("?x capitalOf Frence", "nothing is called \"Frence\" here; did you mean France <http://a/France>?"),
            ("?x capitlOf France", "did you mean capitalOf <http://a/capitalOf>?"),
            ("Bonn in ?x", "\"Bonn\" may be <http://a/Bonn> or <http://b/Bonn>"),
            ("?x foav:name ?y", "the prefix of \"foav:name\" is not known; did you mean foaf: "),
            ("?x is the capital of France", "at most three words"),
            ("?x \"in\" France", "no text"),
            ("'New York in ?x", "closed by the same sign"),
            ("", "a question has a pattern"),
            ("? in France", "a variable is a ?"),
        ] {
            let error = ask(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
