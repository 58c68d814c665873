//! What the numbers of entities and relations stand for, and the reader of benchmarks' files.

use std::collections::HashMap;
use std::io::BufRead;

use super::triples::{Triple, Triples, TriplesError};

/// Names, each with its number, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

/// Triples with the names of their entities and relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTriples {
    /// The triples in numbers.
    pub triples: Triples,
    /// The entities' names.
    pub entities: Vocabulary,
    /// The relations' names.
    pub relations: Vocabulary,
}

/// Why text is no triples.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ReadError {
    /// A line of the wrong form.
    #[error("line {line}: {got} fields between tabs, but a triple has 3")]
    Fields { line: usize, got: usize },
    /// A line that ends nowhere.
    #[error("line {line} is longer than {max} bytes")]
    Long { line: usize, max: usize },
    /// The source failed, or is no UTF-8.
    #[error("line {line}: {source}")]
    Io { line: usize, source: std::io::Error },
    /// The triples do not make sense together.
    #[error(transparent)]
    Triples(#[from] TriplesError),
}

impl Vocabulary {
    /// Number of names.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The number of a name, if it has one.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name of a number, if it is one.
    pub fn name(&self, number: u32) -> Option<&str> {
        self.names.get(number as usize).map(AsRef::as_ref)
    }

    /// The names in the order of their numbers.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// The number of a name, a new one if it has none; `None` if there are [`Triples::NUMBERS_MAX`] names.
    pub fn number_or_new(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.number(name) {
            return Some(number);
        }
        let number = self.names.len() as u32;
        if self.names.len() >= Triples::NUMBERS_MAX {
            return None;
        }
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        Some(number)
    }
}

/// Most bytes of a line.
const LINE_BYTES_MAX: u64 = 1 << 16;

impl NamedTriples {
    /// Reads `subject TAB relation TAB object` lines, as the usual benchmarks are shipped, for each split; empty lines
    /// are passed over.
    ///
    /// # Errors
    /// For the first line of another form, and for what [`Triples::new`] refuses.
    pub fn read(train: impl BufRead, valid: impl BufRead, test: impl BufRead) -> Result<Self, ReadError> {
        let (mut entities, mut relations) = (Vocabulary::default(), Vocabulary::default());
        let train = read_split(train, &mut entities, &mut relations)?;
        let valid = read_split(valid, &mut entities, &mut relations)?;
        let test = read_split(test, &mut entities, &mut relations)?;
        let triples = Triples::new(entities.len(), relations.len(), train, valid, test)?;
        Ok(Self { triples, entities, relations })
    }
}

fn read_split(
    mut text: impl BufRead,
    entities: &mut Vocabulary,
    relations: &mut Vocabulary,
) -> Result<Vec<Triple>, ReadError> {
    let mut out = Vec::new();
    let mut buffer = String::new();
    for line in 1.. {
        buffer.clear();
        let mut limited = std::io::Read::take(&mut text, LINE_BYTES_MAX);
        let n = limited.read_line(&mut buffer).map_err(|source| ReadError::Io { line, source })?;
        if n == 0 {
            break;
        }
        if n as u64 == LINE_BYTES_MAX && !buffer.ends_with('\n') {
            return Err(ReadError::Long { line, max: LINE_BYTES_MAX as usize });
        }
        let text = buffer.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            continue;
        }
        let fields: Vec<&str> = text.split('\t').collect();
        let [subject, relation, object] = fields[..] else {
            return Err(ReadError::Fields { line, got: fields.len() });
        };
        let number = |names: &mut Vocabulary, what, name| {
            let too_many = TriplesError::TooMany { what, got: names.len() + 1, max: Triples::NUMBERS_MAX };
            names.number_or_new(name).ok_or(ReadError::Triples(too_many))
        };
        out.push(Triple {
            subject: number(entities, "entities", subject)?,
            relation: number(relations, "relations", relation)?,
            object: number(entities, "entities", object)?,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(train: &str) -> Result<NamedTriples, String> {
        NamedTriples::read(train.as_bytes(), "".as_bytes(), "".as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn lines_become_numbers_and_a_bad_one_is_named() {
        let lines: String = (0..100).map(|i| format!("a{}\tr{}\tb{i}\r\n\n", i % 7, i % 2)).collect();
        let data = read(&lines).expect("100 triples");
        assert_eq!((data.entities.len(), data.relations.len()), (107, 2));
        assert_eq!(data.entities.number("b3").and_then(|n| data.entities.name(n)), Some("b3"));
        assert_eq!(data.relations.number("b3"), None);
        assert_eq!(read("a\tb\n").err().as_deref(), Some("line 1: 2 fields between tabs, but a triple has 3"));
        assert_eq!(
            read("a\tb\tc\n").err().as_deref(),
            Some("1 triples to train on, but fewer than 100 teach nothing that would hold: add facts")
        );
        let long = "x".repeat(1 << 17);
        assert_eq!(read(&long).err().as_deref(), Some("line 1 is longer than 65536 bytes"));
    }
}
