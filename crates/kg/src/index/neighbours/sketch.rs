//! Neighbourhoods as signs of sums of vectors.

use vsa::{Bipolar, Bundler, Code as _, Dim, Error, ItemId, ItemMemory, Scan, Seed, Space, Ties};

/// A sketch for each entity, in the order of their numbers.
pub(super) struct Sketches {
    space: Space,
    /// Vectors of relations; a reciprocal has its relation's.
    relations: Vec<Bipolar>,
    /// Vectors of entities as the other end.
    others: Vec<Bipolar>,
    memory: ItemMemory<Bipolar>,
}

impl Sketches {
    /// Vectors of relations and entities, and no sketch yet.
    pub(super) fn new(dim: Dim, seed: Seed, n_entities: usize, n_relations: usize) -> Result<Self, Error> {
        let space = Space::new(dim, seed);
        let name = |kind: &[u8], number: usize| [kind, &(number as u64).to_le_bytes()].concat();
        // Dimensions that do not rotate are refused here, before anything is made.
        Bipolar::ones(dim).rotate(1)?;
        let relations = (0..n_relations).map(|i| space.item(&name(b"relation", i))).collect();
        let others = (0..n_entities).map(|i| space.item(&name(b"entity", i))).collect();
        Ok(Self { memory: ItemMemory::new(dim), space, relations, others })
    }

    /// The next entity's sketch, from its features: relation or reciprocal, other end, weight.
    pub(super) fn push(&mut self, features: &[(u32, u32, u32)]) -> Result<(), Error> {
        let mut bundler = Bundler::new(self.space.dim());
        let (mut turned, mut bound) = (Bipolar::ones(self.space.dim()), Bipolar::ones(self.space.dim()));
        for &(relation, other, weight) in features {
            // Each relation and each reciprocal turns the other end by its own number. Turned alike, vectors of one end
            // behind two relations would agree on half of all positions and be opposite on the rest: the angle would be
            // off by six times its error, where many ends stand behind several relations.
            self.others[other as usize].rotate_into(i64::from(relation), &mut turned)?;
            self.relations[relation as usize % self.relations.len()].bind_into(&turned, &mut bound)?;
            bundler.add_times(&bound, weight as i32)?;
        }
        let sketch = bundler.sums().sign(Ties::Keyed(self.space.seed().0));
        self.memory.add(&sketch)?;
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Standard error, at most, of the angle that the share of equal signs estimates.
    pub(super) fn angle_error(&self) -> f64 {
        std::f64::consts::PI / (2.0 * f64::from(self.space.dim().to_u32()).sqrt())
    }

    /// The `k` other entities whose sketches are likest, with the cosine that each estimates.
    pub(super) fn best(&self, entity: u32, k: usize) -> Result<Vec<(u32, f64)>, Error> {
        let Some(query) = self.memory.item(ItemId(entity)) else { return Ok(Vec::new()) };
        let found = self.memory.top_k(&query, k.saturating_add(1), Scan::Exact)?;
        let dim = f64::from(self.space.dim().to_u32());
        let others = found.hits.iter().filter(|hit| hit.id.0 != entity).take(k);
        Ok(others
            .map(|hit| {
                let differing = (1.0 - hit.dot as f64 / dim) / 2.0;
                (hit.id.0, (std::f64::consts::PI * differing).cos())
            })
            .collect())
    }
}
