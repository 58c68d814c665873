//! [`Classifier`]: a bundle for each class, and what is most like a vector.
//!
//! Training adds each example to its class; retraining moves what was mistaken from the wrong class to the right one
//! (the centroid classifier of Kanerva's school), by how unlike it was if asked to (OnlineHD: Hernández-Cano et al.,
//! "OnlineHD: Robust, Efficient, and Single-Pass Online Learning Using Hyperdimensional System", 2021). Weights are
//! whole parts of [`WHOLE`], so results are exact and the same on every machine.

use crate::{Code, Dim, Error, Hit, ItemId, ItemMemory, Scan, Sums, Ternary};

/// Weight of an example that counts whole.
pub const WHOLE: i32 = 64;

/// How an example changes the classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// It is added to its class, and when mistaken moved there from the wrong one.
    Whole,
    /// It is added and moved by one less its cosine with the class that changes: the rule of OnlineHD.
    ByUnlikeness,
}

/// The likeliest class, and by how much it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Verdict {
    /// Number of the class.
    pub class: usize,
    /// Cosine with it.
    pub cosine: f32,
    /// That cosine less that with the next class; the cosine itself if there is no other.
    pub margin: f32,
}

/// Classes as exact sums of their examples.
#[derive(Clone, Debug)]
pub struct Classifier {
    dim: Dim,
    rule: Rule,
    classes: Vec<Class>,
}

/// Sums, and what is worked out from them when they are asked.
#[derive(Clone, Debug)]
struct Class {
    /// `[D]`, in the order of [`Sums::values`].
    values: Vec<i32>,
    digits: Vec<Ternary>,
    length: f64,
    is_stale: bool,
}

impl Classifier {
    /// A classifier whose `n_classes` have seen nothing.
    pub fn new(dim: Dim, n_classes: usize, rule: Rule) -> Self {
        let class = Class { values: vec![0; dim.to_usize()], digits: Vec::new(), length: 0.0, is_stale: false };
        Self { dim, rule, classes: vec![class; n_classes] }
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// Takes `v` for an example of `class`.
    pub fn learn<V: Code>(&mut self, v: &V, class: usize) -> Result<(), Error> {
        self.check(v, class)?;
        let weight = match self.rule {
            Rule::Whole => WHOLE,
            Rule::ByUnlikeness => unlikeness(self.classes[class].cosine(v)?),
        };
        self.classes[class].add(v, weight)
    }

    /// Has the classes change if `v` is not taken for `class`; was it?
    pub fn correct<V: Code>(&mut self, v: &V, class: usize) -> Result<bool, Error> {
        self.check(v, class)?;
        let verdict = self.classify(v)?;
        let wrong = verdict.class;
        if wrong == class {
            return Ok(true);
        }
        let (add, remove) = match self.rule {
            Rule::Whole => (WHOLE, WHOLE),
            Rule::ByUnlikeness => (unlikeness(self.classes[class].cosine(v)?), unlikeness(verdict.cosine)),
        };
        self.classes[class].add(v, add)?;
        self.classes[wrong].add(v, -remove)?;
        Ok(false)
    }

    /// The class that `v` is most like; of equals the first.
    pub fn classify<V: Code>(&mut self, v: &V) -> Result<Verdict, Error> {
        self.dim.check(v.dim())?;
        let cosines: Result<Vec<f32>, Error> = self.classes.iter_mut().map(|class| class.cosine(v)).collect();
        Ok(verdict(&cosines?))
    }

    /// The classes as trits, a row each, cut off where their cosine with the sums is largest.
    pub fn quantise(&self) -> Result<Quantised, Error> {
        let mut memory = ItemMemory::new(self.dim);
        for class in &self.classes {
            let sums = Sums::from_values(self.dim, 0, &class.values)?;
            memory.add(&sums.threshold(sums.best_threshold()))?;
        }
        Ok(Quantised { memory })
    }

    fn check<V: Code>(&self, v: &V, class: usize) -> Result<(), Error> {
        self.dim.check(v.dim())?;
        let n = self.n_classes();
        if class < n { Ok(()) } else { Err(Error::Class { class, n }) }
    }
}

/// Classes as trits: 1.6 bits a dimension on disk, two in memory.
#[derive(Clone, Debug)]
pub struct Quantised {
    memory: ItemMemory<Ternary>,
}

impl Quantised {
    /// The class that `v` is most like; of equals the first.
    pub fn classify(&self, v: &Ternary) -> Result<Verdict, Error> {
        let n = self.memory.len();
        let mut hits = self.memory.top_k(v, n, Scan::Exact)?.hits;
        hits.sort_by_key(|hit: &Hit| hit.id);
        Ok(verdict(&hits.iter().map(|hit| hit.cosine).collect::<Vec<_>>()))
    }

    /// The vectors of all classes, in the order of their numbers.
    pub fn rows(&self) -> Vec<Ternary> {
        (0..self.memory.len() as u32).filter_map(|id| self.memory.item(ItemId(id))).collect()
    }

    /// Bytes of all classes in memory.
    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }
}

/// Largest cosine, first of equals; without classes, class 0 by nothing.
fn verdict(cosines: &[f32]) -> Verdict {
    let mut best = Verdict { class: 0, cosine: cosines.first().copied().unwrap_or(0.0), margin: 0.0 };
    let mut next = f32::NEG_INFINITY;
    for (class, &cosine) in cosines.iter().enumerate().skip(1) {
        if cosine > best.cosine {
            (next, best.class, best.cosine) = (best.cosine, class, cosine);
        } else {
            next = next.max(cosine);
        }
    }
    best.margin = if next.is_finite() { best.cosine - next } else { best.cosine };
    best
}

/// One less the cosine, in parts of [`WHOLE`]: 0 to twice the whole.
fn unlikeness(cosine: f32) -> i32 {
    ((1.0 - cosine) * WHOLE as f32).round() as i32
}

impl Class {
    fn add<V: Code>(&mut self, v: &V, weight: i32) -> Result<(), Error> {
        if weight == 0 {
            return Ok(());
        }
        let most = self.values.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
        let max = u64::from(i32::MAX.unsigned_abs());
        if u64::from(most) + u64::from(weight.unsigned_abs()) > max {
            return Err(Error::Full { added: most.into(), more: weight.unsigned_abs().into(), max });
        }
        for (sum, value) in self.values.iter_mut().zip(crate::sums::values_in_order(v)) {
            *sum += weight * i32::from(value);
        }
        self.is_stale = true;
        Ok(())
    }

    fn cosine<V: Code>(&mut self, v: &V) -> Result<f32, Error> {
        if self.is_stale {
            let sums = Sums::from_values(v.dim(), 0, &self.values)?;
            (self.digits, self.length) = (sums.digits(), (sums.norm_squared() as f64).sqrt());
            self.is_stale = false;
        }
        let mut dot = 0;
        for (digit, trits) in self.digits.iter().enumerate() {
            dot += i64::from(trits.dot_code(v)?) << digit;
        }
        let length = self.length * f64::from(v.nonzero()).sqrt();
        Ok(if dot == 0 { 0.0 } else { (dot as f64 / length) as f32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bipolar, Seed, Space, experiment};
    use testkit::Rng;

    /// Examples near one of three prototypes, the third of which lies between the others.
    fn examples(n: usize, seed: u64) -> Vec<(Bipolar, usize)> {
        let space = Space::new(Dim::new(1_024).expect("in range"), Seed(1));
        let levels = space.levels(b"between", 9).expect("fewer than positions");
        let mut rng = Rng::new(seed);
        (0..n)
            .map(|i| {
                let noise = experiment::flips(space.dim(), 0.35, || rng.bits());
                let prototype = levels.level([0, 4, 8][i % 3]).expect("a level");
                (prototype.bind(&noise).expect("same dimensions"), i % 3)
            })
            .collect()
    }

    fn accuracy(examples: &[(Bipolar, usize)], mut classify: impl FnMut(&Bipolar) -> usize) -> f64 {
        let right = examples.iter().filter(|(v, class)| classify(v) == *class).count();
        right as f64 / examples.len() as f64
    }

    #[test]
    fn classes_are_learnt_and_survive_becoming_trits() {
        let (train, test) = (examples(90, 1), examples(300, 2));
        for rule in [Rule::Whole, Rule::ByUnlikeness] {
            let mut classifier = Classifier::new(train[0].0.dim(), 3, rule);
            train.iter().for_each(|(v, class)| classifier.learn(v, *class).expect("fits"));
            for _ in 0..3 {
                train.iter().for_each(|(v, class)| {
                    classifier.correct(v, *class).expect("fits");
                });
            }
            let whole = accuracy(&test, |v| classifier.classify(v).expect("fits").class);
            let trits = classifier.quantise().expect("fits");
            let after = accuracy(&test, |v| trits.classify(&Ternary::from(v)).expect("fits").class);
            assert!(whole > 0.93 && after > whole - 0.05, "{rule:?}: {whole}, as trits {after}");
            assert_eq!(trits.bytes(), 3 * 256);
        }
    }

    #[test]
    fn a_mistake_moves_an_example_and_a_right_answer_moves_nothing() {
        let train = examples(9, 4);
        let mut classifier = Classifier::new(train[0].0.dim(), 3, Rule::Whole);
        let (v, class) = &train[4];
        let wrong = (class + 1) % 3;
        classifier.learn(v, wrong).expect("fits");
        assert!(!classifier.correct(v, *class).expect("fits"));
        let verdict = classifier.classify(v).expect("fits");
        assert_eq!((verdict.class, verdict.cosine), (*class, 1.0));
        assert!(classifier.correct(v, *class).expect("fits"));
        assert_eq!(classifier.classify(v).expect("fits"), verdict);
    }

    /// The cosines that decide are those of the sums, by the plain loop.
    #[test]
    fn a_verdict_is_the_plain_loops() {
        let train = examples(30, 8);
        let mut classifier = Classifier::new(train[0].0.dim(), 3, Rule::ByUnlikeness);
        train.iter().for_each(|(v, class)| classifier.learn(v, *class).expect("fits"));
        for (v, _) in examples(10, 9) {
            let verdict = classifier.classify(&v).expect("fits");
            let plain: Vec<f32> = classifier
                .classes
                .iter()
                .map(|class| Sums::from_values(v.dim(), 0, &class.values).expect("fits").cosine(&v).expect("fits"))
                .collect();
            assert_eq!(verdict, super::verdict(&plain));
        }
    }

    #[test]
    fn a_class_that_does_not_exist_is_refused() {
        let mut classifier = Classifier::new(Dim::new(1_024).expect("in range"), 3, Rule::Whole);
        let v = &examples(1, 1)[0].0;
        assert_eq!(classifier.learn(v, 3), Err(Error::Class { class: 3, n: 3 }));
        let mut none = Classifier::new(v.dim(), 0, Rule::Whole);
        assert_eq!(none.classify(v).expect("fits"), Verdict { class: 0, cosine: 0.0, margin: 0.0 });
    }
}
