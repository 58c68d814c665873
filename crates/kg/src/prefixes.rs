//! Prefixes: short names of the beginnings of IRIs, for reading and writing; never guessed in data.
//!
//! A store keeps those that its documents declare. What was declared first stays; what is only built in gives way.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// Prefixes that are known without being declared, for the terminal and for what is written.
pub const COMMON: &[(&str, &str)] = &[
    ("as", "https://www.w3.org/ns/activitystreams#"),
    ("bibo", "http://purl.org/ontology/bibo/"),
    ("cc", "http://creativecommons.org/ns#"),
    ("csvw", "http://www.w3.org/ns/csvw#"),
    ("dbo", "http://dbpedia.org/ontology/"),
    ("dbp", "http://dbpedia.org/property/"),
    ("dbr", "http://dbpedia.org/resource/"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("dcmitype", "http://purl.org/dc/dcmitype/"),
    ("dct", "http://purl.org/dc/terms/"),
    ("dqv", "http://www.w3.org/ns/dqv#"),
    ("doap", "http://usefulinc.com/ns/doap#"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("geo", "http://www.opengis.net/ont/geosparql#"),
    ("geonames", "http://www.geonames.org/ontology#"),
    ("gr", "http://purl.org/goodrelations/v1#"),
    ("ldp", "http://www.w3.org/ns/ldp#"),
    ("oa", "http://www.w3.org/ns/oa#"),
    ("obo", "http://purl.obolibrary.org/obo/"),
    ("odrl", "http://www.w3.org/ns/odrl/2/"),
    ("org", "http://www.w3.org/ns/org#"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("prov", "http://www.w3.org/ns/prov#"),
    ("qb", "http://purl.org/linked-data/cube#"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("schema", "https://schema.org/"),
    ("sd", "http://www.w3.org/ns/sparql-service-description#"),
    ("sh", "http://www.w3.org/ns/shacl#"),
    ("sioc", "http://rdfs.org/sioc/ns#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("sosa", "http://www.w3.org/ns/sosa/"),
    ("ssn", "http://www.w3.org/ns/ssn/"),
    ("time", "http://www.w3.org/2006/time#"),
    ("vann", "http://purl.org/vocab/vann/"),
    ("vcard", "http://www.w3.org/2006/vcard/ns#"),
    ("void", "http://rdfs.org/ns/void#"),
    ("wd", "http://www.wikidata.org/entity/"),
    ("wdt", "http://www.wikidata.org/prop/direct/"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// What stands before plain names, such as those of a table's rows and columns, to make IRIs of them.
pub const NAMESPACE: &str = "urn:kg:";

/// Prefixes by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefixes(BTreeMap<String, Prefix>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Prefix {
    iri: String,
    is_built_in: bool,
}

/// The start of the names of settings that hold prefixes.
const SETTING: &str = "prefix:";

/// What became of a prefix that was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learnt {
    /// The prefix is known from now on.
    New,
    /// The prefix was known with this IRI.
    Known,
    /// The prefix stands for another IRI, which stays.
    Conflict {
        /// The IRI that stays.
        kept: String,
    },
}

impl Prefixes {
    /// No prefix at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// The prefixes of [`COMMON`].
    pub fn common() -> Self {
        let prefix = |iri: &str| Prefix { iri: iri.to_owned(), is_built_in: true };
        Self(COMMON.iter().map(|&(name, iri)| (name.to_owned(), prefix(iri))).collect())
    }

    /// The prefixes that a store keeps, and the common ones whose names are free.
    ///
    /// # Errors
    /// What the store says.
    pub fn of(snapshot: &Snapshot) -> Result<Self, Error> {
        let mut prefixes = Self::common();
        for (name, iri) in snapshot.settings(SETTING)? {
            if let (Some(name), Ok(iri)) = (name.strip_prefix(SETTING), String::from_utf8(iri)) {
                prefixes.learn(name, &iri);
            }
        }
        Ok(prefixes)
    }

    /// Lets the store keep a prefix, whatever it stood for before, or forget it.
    pub fn keep(writer: &mut Transaction<'_>, name: &str, iri: Option<&str>) {
        writer.set(&format!("{SETTING}{name}"), iri.map(str::as_bytes));
    }

    /// Learns a prefix, unless its name was declared for another IRI.
    pub fn learn(&mut self, name: &str, iri: &str) -> Learnt {
        match self.0.get(name) {
            Some(known) if known.iri == iri => Learnt::Known,
            Some(Prefix { iri: kept, is_built_in: false }) => Learnt::Conflict { kept: kept.clone() },
            _ => {
                self.0.insert(name.to_owned(), Prefix { iri: iri.to_owned(), is_built_in: false });
                Learnt::New
            }
        }
    }

    /// Forgets a prefix; whether it was known.
    pub fn forget(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The IRI that a prefix stands for.
    pub fn iri(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|prefix| prefix.iri.as_str())
    }

    /// Names and IRIs, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, prefix)| (name.as_str(), prefix.iri.as_str()))
    }

    /// Names and IRIs of those that are not only built in.
    pub fn declared(&self) -> impl Iterator<Item = (&str, &str)> {
        let declared = self.0.iter().filter(|(_, prefix)| !prefix.is_built_in);
        declared.map(|(name, prefix)| (name.as_str(), prefix.iri.as_str()))
    }

    /// The IRI of a name such as `foaf:name`, if its prefix is known.
    pub fn expand(&self, name: &str) -> Option<String> {
        let (prefix, local) = name.split_once(':')?;
        Some(format!("{}{local}", self.iri(prefix)?))
    }

    /// The name of an IRI by its longest prefix, if what is left is letters, digits, `_` or `-`.
    pub fn shorten(&self, iri: &str) -> Option<String> {
        let fits = |(name, start): (&str, &str)| {
            let local = iri.strip_prefix(start)?;
            let is_plain = local.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            (is_plain && !local.starts_with('-')).then(|| (start.len(), format!("{name}:{local}")))
        };
        self.iter().filter_map(fits).max_by_key(|(n, _)| *n).map(|(_, name)| name)
    }
}

/// Edits between two names up to which one may be meant by the other.
const EDITS_MAX: usize = 2;

/// The prefixes that are spelled most like `wanted`; of two for one name only the first.
pub(crate) fn nearest<'p>(wanted: &str, known: impl Iterator<Item = (&'p str, &'p str)>) -> Vec<(&'p str, &'p str)> {
    let mut near: Vec<(usize, &str, &str)> = Vec::new();
    for (name, iri) in known {
        let n_edits = edits(wanted, name);
        if n_edits <= EDITS_MAX && n_edits < wanted.chars().count().max(2) && near.iter().all(|n| n.1 != name) {
            near.push((n_edits, name, iri));
        }
    }
    let least = near.iter().map(|n| n.0).min();
    near.into_iter().filter(|n| Some(n.0) == least).map(|(_, name, iri)| (name, iri)).collect()
}

/// The number of characters to insert, remove, change or swap to make `b` of `a`; names of prefixes are short.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if is_swap { best.min(rows[i - 2][j - 2] + 1) } else { best }
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_iri_of_a_prefix_stays_and_the_second_is_told() {
        let mut prefixes = Prefixes::none();
        assert_eq!(prefixes.learn("ex", "http://a/"), Learnt::New);
        assert_eq!(prefixes.learn("ex", "http://a/"), Learnt::Known);
        assert_eq!(prefixes.learn("ex", "http://b/"), Learnt::Conflict { kept: "http://a/".to_owned() });
        assert_eq!(prefixes.expand("ex:c").as_deref(), Some("http://a/c"));
        assert_eq!(prefixes.shorten("http://a/c").as_deref(), Some("ex:c"));
        assert_eq!(prefixes.shorten("http://a/c/d"), None);
        assert!(prefixes.forget("ex") && !prefixes.forget("ex"));
        let mut common = Prefixes::common();
        assert_eq!(common.learn("schema", "https://schema.org/"), Learnt::Known);
        assert_eq!(common.learn("schema", "http://schema.org/"), Learnt::New, "what is built in gives way");
        assert_eq!(common.iri("schema"), Some("http://schema.org/"));
    }

    #[test]
    fn common_prefixes_have_valid_iris_and_different_names() {
        assert_eq!(Prefixes::common().iter().count(), COMMON.len());
        assert!(COMMON.len() >= 40);
        for (name, iri) in COMMON {
            assert!(oxrdf::NamedNode::new(*iri).is_ok() && iri.ends_with(['/', '#']), "{name}");
        }
    }

    #[test]
    fn the_nearest_prefixes_are_those_with_the_fewest_edits() {
        let common = Prefixes::common();
        let near = |wanted| nearest(wanted, common.iter()).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(near("foav"), ["foaf"]);
        assert_eq!(near("sokos"), ["skos"]);
        assert_eq!(near("rdsf"), ["rdf", "rdfs"]);
        assert!(near("zzzzzz").is_empty());
    }
}
