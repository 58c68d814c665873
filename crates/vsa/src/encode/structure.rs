//! Sequences, records, trees and graphs, and what is read out of them again.
//!
//! A part is read by unbinding its key from the sums; what comes out is like the right item by 1/√(parts of the
//! bundle), and [`crate::ItemMemory::top_k_sums`] finds it. Sets and multisets are bundles alone: [`Bundler::add`].

use crate::{Bipolar, Bundler, Code, Error, Sums};

/// Items in an order: Σ ρⁱ(itemᵢ), ρ being a rotation by one position.
#[derive(Clone, Copy, Debug)]
pub struct Sequence;

impl Sequence {
    /// Adds `item` in place `index`.
    pub fn add_to(bundler: &mut Bundler, index: u32, item: &Bipolar) -> Result<(), Error> {
        bundler.add(&item.rotate(index.into())?)
    }

    /// What stands in place `index`, with the noise of the others.
    pub fn at(sums: &Sums, index: u32) -> Result<Sums, Error> {
        sums.rotate(-i64::from(index))
    }
}

/// Values under keys: Σ key ⊗ value. The key of a value is read as the value of a key is.
#[derive(Clone, Copy, Debug)]
pub struct Record;

impl Record {
    /// Adds `value` under `key`.
    pub fn add_to(bundler: &mut Bundler, key: &Bipolar, value: &Bipolar) -> Result<(), Error> {
        bundler.add(&key.bind(value)?)
    }

    /// What stands under `key`, with the noise of the others.
    pub fn value(sums: &Sums, key: &Bipolar) -> Result<Sums, Error> {
        sums.bind(key)
    }
}

/// Leaves at the ends of paths: Σ (⊗ ρᵈ(branch at depth d)) ⊗ leaf, so that the same branches in another order are
/// another path.
#[derive(Clone, Copy, Debug)]
pub struct Tree;

impl Tree {
    /// Adds `leaf` at the end of the path, whose branches come from the root on.
    pub fn add_to(bundler: &mut Bundler, path: &[&Bipolar], leaf: &Bipolar) -> Result<(), Error> {
        bundler.add(&Self::key(path, leaf.clone())?)
    }

    /// What stands at the end of the path, with the noise of the others.
    pub fn leaf(sums: &Sums, path: &[&Bipolar]) -> Result<Sums, Error> {
        sums.bind(&Self::key(path, Bipolar::ones(sums.dim()))?)
    }

    fn key(path: &[&Bipolar], start: Bipolar) -> Result<Bipolar, Error> {
        // Depth 1 for the root's branch: a path of one branch is no leaf bound to it unturned.
        let mut depths = (1i64..).zip(path);
        depths.try_fold(start, |key, (depth, branch)| key.bind(&branch.rotate(depth)?))
    }
}

/// Facts of head, relation and tail: Σ head ⊗ ρ(relation) ⊗ ρ²(tail), so that head and tail are told apart.
#[derive(Clone, Copy, Debug)]
pub struct Graph;

impl Graph {
    /// Adds a fact, `weight` times.
    pub fn add_to(bundler: &mut Bundler, [head, relation, tail]: [&Bipolar; 3], weight: i32) -> Result<(), Error> {
        bundler.add_times(&head.bind(&relation.rotate(1)?)?.bind(&tail.rotate(2)?)?, weight)
    }

    /// The tails of a head and a relation, with the noise of all other facts.
    pub fn tails(sums: &Sums, head: &Bipolar, relation: &Bipolar) -> Result<Sums, Error> {
        sums.bind(&head.bind(&relation.rotate(1)?)?)?.rotate(-2)
    }

    /// The heads of a relation and a tail, with the noise of all other facts.
    pub fn heads(sums: &Sums, relation: &Bipolar, tail: &Bipolar) -> Result<Sums, Error> {
        sums.bind(&relation.rotate(1)?.bind(&tail.rotate(2)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dim, ItemMemory, Seed, Space};

    struct World {
        space: Space,
        memory: ItemMemory<Bipolar>,
    }

    impl World {
        fn new() -> Self {
            let space = Space::new(Dim::new(4_096).expect("in range"), Seed(9));
            let mut memory = ItemMemory::new(space.dim());
            for i in 0..100u8 {
                memory.add(&space.item(&[i])).expect("room");
            }
            Self { space, memory }
        }

        fn item(&self, i: u8) -> Bipolar {
            self.space.item(&[i])
        }

        fn found(&self, sums: &Sums, n: usize) -> Vec<u32> {
            let found = self.memory.top_k_sums(sums, n).expect("same dimensions");
            assert!(found.p_chance < 1e-6, "{found:?}");
            found.hits.iter().map(|hit| hit.id.0).collect()
        }
    }

    #[test]
    fn a_sequence_gives_back_what_stands_where() {
        let (world, mut bundler) = (World::new(), Bundler::new(Dim::new(4_096).expect("in range")));
        for (index, i) in [7, 7, 50, 3, 99, 0].into_iter().enumerate() {
            Sequence::add_to(&mut bundler, index as u32, &world.item(i)).expect("room");
        }
        let sums = bundler.sums();
        let read: Vec<u32> = (0..6).map(|i| world.found(&Sequence::at(&sums, i).expect("rotates"), 1)[0]).collect();
        assert_eq!(read, [7, 7, 50, 3, 99, 0]);
    }

    #[test]
    fn a_record_gives_values_for_keys_and_keys_for_values_until_they_are_removed() {
        let (world, mut bundler) = (World::new(), Bundler::new(Dim::new(4_096).expect("in range")));
        for i in 0..20 {
            Record::add_to(&mut bundler, &world.item(i), &world.item(i + 40)).expect("room");
        }
        bundler.remove(&world.item(3).bind(&world.item(43)).expect("same")).expect("room");
        let sums = bundler.sums();
        for i in (0..20).filter(|i| *i != 3) {
            assert_eq!(world.found(&Record::value(&sums, &world.item(i)).expect("same"), 1), [u32::from(i) + 40]);
            assert_eq!(world.found(&Record::value(&sums, &world.item(i + 40)).expect("same"), 1), [u32::from(i)]);
        }
        let gone = Record::value(&sums, &world.item(3)).expect("same");
        assert!(world.memory.top_k_sums(&gone, 1).expect("same").p_chance > 1e-4);
    }

    #[test]
    fn a_tree_tells_paths_of_the_same_branches_apart() {
        let (world, mut bundler) = (World::new(), Bundler::new(Dim::new(4_096).expect("in range")));
        let (left, right) = (world.item(90), world.item(91));
        let paths: [&[&Bipolar]; 4] = [&[&left], &[&left, &right], &[&right, &left], &[&right, &right, &left]];
        for (i, path) in (10..).zip(paths) {
            Tree::add_to(&mut bundler, path, &world.item(i)).expect("room");
        }
        let sums = bundler.sums();
        for (i, path) in (10..).zip(paths) {
            assert_eq!(world.found(&Tree::leaf(&sums, path).expect("rotates"), 1), [i]);
        }
    }

    #[test]
    fn a_graph_answers_for_heads_and_for_tails() {
        let (world, mut bundler) = (World::new(), Bundler::new(Dim::new(4_096).expect("in range")));
        let facts = [[1, 60, 2], [1, 60, 3], [2, 60, 1], [4, 61, 1], [5, 61, 2], [6, 62, 6]];
        for [head, relation, tail] in facts {
            let fact = [&world.item(head), &world.item(relation), &world.item(tail)];
            Graph::add_to(&mut bundler, fact, 1).expect("room");
        }
        let sums = bundler.sums();
        let tails = |head, relation| Graph::tails(&sums, &world.item(head), &world.item(relation)).expect("rotates");
        let heads = |relation, tail| Graph::heads(&sums, &world.item(relation), &world.item(tail)).expect("rotates");
        let mut both = world.found(&tails(1, 60), 2);
        both.sort_unstable();
        assert_eq!((both, world.found(&tails(2, 60), 1)), (vec![2, 3], vec![1]));
        assert_eq!((world.found(&heads(61, 2), 1), world.found(&heads(60, 1), 1)), (vec![5], vec![2]));
    }
}
