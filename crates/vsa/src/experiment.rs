//! Seeded experiments on recall, to be held to what [`theory`] says.

use crate::{
    Bipolar, Bundler, Code, Dim, Error, ItemId, ItemMemory, Scan, Seed, Space, Sums, Ternary, Ties,
    theory::{self, Kept, Score},
};
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng as _, SeedableRng as _},
};

/// How often the right item was found, and how often theory expects it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome {
    /// The number of searches.
    pub trials: u64,
    /// Searches whose first hit was the right item.
    pub right: u64,
    /// Probability of that, in closed form.
    pub predicted: f64,
}

impl Outcome {
    /// Share of the searches that found the right item.
    pub fn share(&self) -> f64 {
        self.right as f64 / self.trials.max(1) as f64
    }

    /// Does the share lie where at least 999 of 1,000 such experiments have it if theory is right?
    pub fn agrees(&self) -> bool {
        let (low, high) = theory::interval(self.predicted, self.trials);
        (low..=high).contains(&self.share())
    }
}

/// What is asked of an experiment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Dimensions of the vectors.
    pub dim: Dim,
    /// Items among which the right one is searched.
    pub items: u32,
    /// The number of searches.
    pub trials: u64,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl Plan {
    fn space(&self) -> Space {
        Space::new(self.dim, Seed(self.seed))
    }

    fn rng(&self) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed)
    }

    fn item(&self, rng: &mut Xoshiro256PlusPlus) -> u32 {
        (rng.next_u64() % u64::from(self.items.max(1))) as u32
    }
}

/// Signs that flip each position with a probability, in steps of 2⁻¹⁶; `bits` gives random ones.
pub fn flips(dim: Dim, probability: f64, mut bits: impl FnMut() -> u64) -> Bipolar {
    let wanted = (probability.clamp(0.0, 1.0) * 65_536.0).round() as u32;
    // Each position draws sixteen bits, all 64 positions of a word at once, and compares them with the wanted number
    // from the lowest bit up.
    Bipolar::from_fn(dim, |_| {
        if wanted == 65_536 {
            return u64::MAX;
        }
        (0..16).fold(0, |below, bit| if wanted >> bit & 1 == 1 { below | bits() } else { below & bits() })
    })
}

/// Recall of bipolar items whose positions were flipped with probability `flipped`.
pub fn after_flips(plan: Plan, flipped: f64) -> Result<Outcome, Error> {
    let (space, mut rng) = (plan.space(), plan.rng());
    let mut memory = ItemMemory::new(plan.dim);
    for i in 0..plan.items {
        memory.add(&space.item(&i.to_le_bytes()))?;
    }
    let predicted = Score::after_flips(plan.dim, flipped).recall(plan.items.into());
    count(plan, predicted, |memory_plan| {
        let right = memory_plan.item(&mut rng);
        let noise = flips(plan.dim, flipped, || rng.next_u64());
        let query = space.item(&right.to_le_bytes()).bind(&noise)?;
        Ok((right, memory.top_k(&query, 1, Scan::Exact)?.hits.first().map(|hit| hit.id)))
    })
}

/// Recall of items of uniform trits that were changed to others with probability `changed`.
pub fn after_changes(plan: Plan, changed: f64) -> Result<Outcome, Error> {
    let mut rng = plan.rng();
    let mut memory = ItemMemory::new(plan.dim);
    let mut items = Vec::new();
    for _ in 0..plan.items {
        let values: Vec<i8> = (0..plan.dim.to_usize()).map(|_| (rng.next_u64() % 3) as i8 - 1).collect();
        let item = Ternary::from_values(plan.dim, &values)?;
        memory.add(&item)?;
        items.push(item);
    }
    let predicted = Score::after_changes(plan.dim, changed).recall(plan.items.into());
    let wanted = (changed.clamp(0.0, 1.0) * 65_536.0).round() as u64;
    count(plan, predicted, |plan| {
        let right = plan.item(&mut rng);
        let mut values = items[right as usize].to_values();
        for value in &mut values {
            let drawn = rng.next_u64();
            if drawn & 0xffff < wanted {
                // One or two steps further round the three values.
                *value = (*value + 2 + (drawn >> 16 & 1) as i8) % 3 - 1;
            }
        }
        let query = Ternary::from_values(plan.dim, &values)?;
        Ok((right, memory.top_k(&query, 1, Scan::Exact)?.hits.first().map(|hit| hit.id)))
    })
}

/// Recall of the items of `members` pairs of key and item that were bound and bundled.
pub fn from_bundle(plan: Plan, members: u32, kept: Kept) -> Result<Outcome, Error> {
    let (space, mut rng) = (plan.space(), plan.rng());
    let mut memory = ItemMemory::new(plan.dim);
    for i in 0..plan.items {
        memory.add(&space.item(&i.to_le_bytes()))?;
    }
    let predicted = Score::in_bundle(plan.dim, members.into(), kept).recall(plan.items.into());
    let key = |trial: u64, member: u32| space.item(format!("key {trial} {member}").as_bytes());
    let mut trial = 0;
    count(plan, predicted, |plan| {
        trial += 1;
        let mut bundler = Bundler::new(plan.dim);
        let mut right = 0;
        for member in 0..members.max(1) {
            right = plan.item(&mut rng);
            bundler.add(&key(trial, member).bind(&space.item(&right.to_le_bytes()))?)?;
        }
        let key = key(trial, members.max(1) - 1);
        let found = search(&memory, &bundler.sums().bind(&key)?, kept, rng.next_u64())?;
        Ok((right, found))
    })
}

/// The item most like a bundle of which so much is kept.
fn search(memory: &ItemMemory<Bipolar>, sums: &Sums, kept: Kept, ties: u64) -> Result<Option<ItemId>, Error> {
    let found = match kept {
        Kept::Sums => memory.top_k_sums(sums, 1)?,
        Kept::Trits => {
            let mut trits = Bundler::new(sums.dim());
            trits.add(&sums.threshold(sums.best_threshold()))?;
            memory.top_k_sums(&trits.sums(), 1)?
        }
        Kept::Signs => memory.top_k(&sums.sign(Ties::Keyed(ties)), 1, Scan::Exact)?,
    };
    Ok(found.hits.first().map(|hit| hit.id))
}

fn count(
    plan: Plan,
    predicted: f64,
    mut trial: impl FnMut(Plan) -> Result<(u32, Option<ItemId>), Error>,
) -> Result<Outcome, Error> {
    let mut right = 0;
    for _ in 0..plan.trials {
        let (expected, found) = trial(plan)?;
        right += u64::from(found == Some(ItemId(expected)));
    }
    Ok(Outcome { trials: plan.trials, right, predicted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(dims: u32, items: u32, trials: u64) -> Plan {
        Plan { dim: Dim::new(dims).expect("in range"), items, trials, seed: 17 }
    }

    #[test]
    fn flips_come_as_often_as_asked() {
        let (dim, mut rng) = (Dim::new(64_000).expect("in range"), plan(64, 1, 1).rng());
        for probability in [0.0, 0.013, 0.25, 0.3, 0.5, 0.9, 1.0] {
            let noise = flips(dim, probability, || rng.next_u64());
            let flipped = noise.differing(&Bipolar::ones(dim)).expect("same dimensions");
            let (low, high) = theory::interval(probability, 64_000);
            assert!((low..=high).contains(&(f64::from(flipped) / 64_000.0)), "{flipped} at {probability}");
        }
    }

    #[test]
    fn noise_costs_what_theory_says() {
        for flipped in [0.1, 0.3, 0.42, 0.46] {
            let found = after_flips(plan(512, 300, 1_500), flipped).expect("fits");
            assert!(found.agrees(), "flips {flipped}: {found:?}");
        }
        for changed in [0.3, 0.5, 0.58] {
            let found = after_changes(plan(512, 200, 600), changed).expect("fits");
            assert!(found.agrees(), "changes {changed}: {found:?}");
        }
    }

    #[test]
    fn bundles_hold_what_theory_says() {
        for (dims, members) in [(512, 12), (1_024, 50)] {
            for kept in Kept::ALL {
                let found = from_bundle(plan(dims, 300, 300), members, kept).expect("fits");
                assert!(found.agrees(), "{members} in {dims}, {kept:?}: {found:?}");
                assert!(found.share() > 0.3, "{found:?}");
            }
        }
    }
}
