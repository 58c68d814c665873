//! Triples of numbers in splits, and which answers of a query are known.

/// A fact: subject, relation, object, each the number of an entity or of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    /// The entity that the fact is about.
    pub subject: u32,
    /// How subject and object are related.
    pub relation: u32,
    /// The entity at the other end.
    pub object: u32,
}

/// What a triple is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// What the model learns from.
    Train,
    /// Held out to choose settings and to calibrate.
    Valid,
    /// Held out to measure.
    Test,
}

impl Split {
    /// Name as in the files of benchmarks: `train`, `valid`, `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// A question: which entities stand at the other end of `entity` along `relation`.
///
/// Relations count twice: number `r` asks for objects, number `r + n_relations` (the *reciprocal*) for subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The entity that is given.
    pub entity: u32,
    /// The relation, or its reciprocal.
    pub relation: u32,
}

/// Why triples are refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum TriplesError {
    /// Too little to learn from.
    #[error("{got} triples to train on, but fewer than {min} teach nothing that would hold: add facts")]
    TooFew { got: usize, min: usize },
    /// More entities or relations than numbers of 31 bits.
    #[error("{got} {what}, but at most {max} can be numbered")]
    TooMany { what: &'static str, got: usize, max: usize },
    /// A number that names nothing.
    #[error("{} triple {index}: {what} {got}, but there are {n}", .split.name())]
    Number { split: Split, index: usize, what: &'static str, got: u32, n: u32 },
}

/// Triples in their splits, each number of an entity below [`Self::n_entities`] and of a relation below
/// [`Self::n_relations`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triples {
    n_entities: u32,
    n_relations: u32,
    splits: [Vec<Triple>; 3],
}

impl Triples {
    /// The fewest triples of the split that is trained on.
    pub const TRAIN_MIN: usize = 100;
    /// The most entities, and the most relations.
    pub const NUMBERS_MAX: usize = 1 << 30;

    /// Triples whose numbers are checked.
    ///
    /// # Errors
    /// For fewer than [`Self::TRAIN_MIN`] triples to train on, and for the first number that is out of range.
    pub fn new(
        n_entities: usize,
        n_relations: usize,
        train: Vec<Triple>,
        valid: Vec<Triple>,
        test: Vec<Triple>,
    ) -> Result<Self, TriplesError> {
        for (what, got) in [("entities", n_entities), ("relations", n_relations)] {
            if got > Self::NUMBERS_MAX {
                return Err(TriplesError::TooMany { what, got, max: Self::NUMBERS_MAX });
            }
        }
        let (n_entities, n_relations) = (n_entities as u32, n_relations as u32);
        if train.len() < Self::TRAIN_MIN {
            return Err(TriplesError::TooFew { got: train.len(), min: Self::TRAIN_MIN });
        }
        let splits = [train, valid, test];
        for (split, triples) in [Split::Train, Split::Valid, Split::Test].into_iter().zip(&splits) {
            for (index, triple) in triples.iter().enumerate() {
                let numbers = [
                    ("subject", triple.subject, n_entities),
                    ("relation", triple.relation, n_relations),
                    ("object", triple.object, n_entities),
                ];
                for (what, got, n) in numbers {
                    if got >= n {
                        return Err(TriplesError::Number { split, index, what, got, n });
                    }
                }
            }
        }
        Ok(Self { n_entities, n_relations, splits })
    }

    /// Number of entities.
    pub fn n_entities(&self) -> usize {
        self.n_entities as usize
    }

    /// Number of relations, their reciprocals not counted.
    pub fn n_relations(&self) -> usize {
        self.n_relations as usize
    }

    /// The triples of a split, in the order in which they were given.
    pub fn split(&self, split: Split) -> &[Triple] {
        &self.splits[split as usize]
    }

    /// The two questions of a triple, each with its answer.
    pub fn questions(&self, triple: Triple) -> [(Question, u32); 2] {
        triple.questions(self.n_relations)
    }
}

impl Triple {
    /// The two questions of the triple, each with its answer, among so many relations.
    fn questions(self, n_relations: u32) -> [(Question, u32); 2] {
        [
            (Question { entity: self.subject, relation: self.relation }, self.object),
            (Question { entity: self.object, relation: self.relation + n_relations }, self.subject),
        ]
    }
}

/// Questions with all their answers in some splits.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    questions: Vec<Question>,
    /// Where the answers of each question begin, and one past the last.
    starts: Vec<usize>,
    all: Vec<u32>,
}

impl Answers {
    /// The questions of the splits, ascending; answers ascending, each once.
    pub fn of(triples: &Triples, splits: &[Split]) -> Self {
        let all = splits.iter().flat_map(|&split| triples.split(split));
        Self::of_triples(all.copied(), triples.n_relations)
    }

    /// The questions of triples of so many relations.
    pub(crate) fn of_triples(triples: impl Iterator<Item = Triple>, n_relations: u32) -> Self {
        let mut pairs: Vec<(Question, u32)> = triples.flat_map(|triple| triple.questions(n_relations)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut out = Self::default();
        for (question, answer) in pairs {
            if out.questions.last() != Some(&question) {
                out.questions.push(question);
                out.starts.push(out.all.len());
            }
            out.all.push(answer);
        }
        out.starts.push(out.all.len());
        out
    }

    /// Number of questions.
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Question `i` with its answers.
    pub fn at(&self, i: usize) -> (Question, &[u32]) {
        (self.questions[i], &self.all[self.starts[i]..self.starts[i + 1]])
    }

    /// The answers of a question, ascending; none if it is not known.
    pub fn to(&self, question: Question) -> &[u32] {
        self.questions.binary_search(&question).map_or(&[], |i| self.at(i).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triples(n: u32) -> Vec<Triple> {
        (0..n).map(|i| Triple { subject: i % 10, relation: i % 3, object: i / 10 }).collect()
    }

    #[test]
    fn what_is_too_little_or_names_nothing_is_refused_with_both_values() {
        let new = |n_entities, n_train| Triples::new(n_entities, 3, triples(n_train), vec![], vec![]);
        assert!(new(20, 100).is_ok());
        assert_eq!(new(20, 99).err(), Some(TriplesError::TooFew { got: 99, min: 100 }));
        let message = new(9, 100).expect_err("entity 9").to_string();
        assert_eq!(message, "train triple 9: subject 9, but there are 9");
    }

    #[test]
    fn answers_are_those_of_both_directions() {
        let data = Triples::new(20, 3, triples(100), vec![], vec![]).expect("in range");
        let known = Answers::of(&data, &[Split::Train]);
        for &triple in data.split(Split::Train) {
            for (question, answer) in data.questions(triple) {
                assert!(known.to(question).binary_search(&answer).is_ok(), "{question:?} {answer}");
            }
        }
        let n: usize = (0..known.len()).map(|i| known.at(i).1.len()).sum();
        assert_eq!(n, 200);
        assert!(known.to(Question { entity: 0, relation: 6 }).is_empty());
    }
}
