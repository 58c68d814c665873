//! [`Tenants`]: how much was computed for whom, so that whoever has had least comes first.
//!
//! This is start-time fair queuing in rows of steps: a tenant that comes, or comes back, begins at what the least served of those at work has
//! had, so that idleness saves nothing up and nobody who comes anew shuts the others out.

use std::collections::HashMap;

use crate::TenantId;

/// So many rows more than the least served may a tenant have had before its prompts wait for the others'.
const LEAD_MAX: u64 = 512;

/// Tenants without sequences whose figures are kept: those that left with a lead, and come back.
const ABSENT_MAX: usize = 4096;

/// What a tenant has at the moment.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Demand {
    /// Sequences that are computed or could be.
    pub(crate) n_ready: usize,
    /// Those that miss one token.
    pub(crate) n_decoding: usize,
    /// Those of them that are planned.
    pub(crate) n_planned: usize,
    /// It has had much more than others.
    pub(crate) is_ahead: bool,
}

/// Rows computed for each tenant, and what each asks for.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tenants {
    served: HashMap<TenantId, u64>,
    demands: HashMap<TenantId, Demand>,
    /// What whoever comes begins at: it never falls.
    floor: u64,
}

impl Tenants {
    /// A tenant has something to compute.
    pub(crate) fn enter(&mut self, tenant: TenantId) {
        let served = self.served.entry(tenant).or_default();
        *served = (*served).max(self.floor);
    }

    /// Rows were planned.
    pub(crate) fn charge(&mut self, tenant: TenantId, n_rows: usize) {
        *self.served.entry(tenant).or_default() += n_rows as u64;
    }

    /// What it has had.
    pub(crate) fn served(&self, tenant: TenantId) -> u64 {
        self.served.get(&tenant).copied().unwrap_or(self.floor)
    }

    /// A new step is planned: nobody asks for anything yet.
    pub(crate) fn begin(&mut self) {
        self.demands.clear();
    }

    /// One more of a tenant's sequences is ready; gives how many were before it.
    pub(crate) fn ready(&mut self, tenant: TenantId, is_decoding: bool) -> usize {
        let demand = self.demands.entry(tenant).or_default();
        demand.n_decoding += usize::from(is_decoding);
        demand.n_ready += 1;
        demand.n_ready - 1
    }

    /// One of those that miss one token is planned.
    pub(crate) fn planned(&mut self, tenant: TenantId) {
        self.demands.entry(tenant).or_default().n_planned += 1;
    }

    /// All that is ready was told, and these run: who is ahead of the least served of them?
    pub(crate) fn compare(&mut self, running: impl Iterator<Item = TenantId>) {
        if let Some(least) = running.map(|tenant| self.served(tenant)).min() {
            self.floor = self.floor.max(least);
            for (tenant, demand) in &mut self.demands {
                let served = self.served.get(tenant).copied().unwrap_or(self.floor);
                demand.is_ahead = served > least + LEAD_MAX;
            }
        }
        if self.served.len() > self.demands.len() + ABSENT_MAX {
            self.served.retain(|tenant, _| self.demands.contains_key(tenant));
        }
    }

    /// What a tenant asks for.
    pub(crate) fn demand(&self, tenant: TenantId) -> Demand {
        self.demands.get(&tenant).copied().unwrap_or_default()
    }

    /// What each asks for.
    pub(crate) fn demands(&self) -> impl Iterator<Item = Demand> + '_ {
        self.demands.values().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TenantId = TenantId(1);
    const B: TenantId = TenantId(2);

    fn step(tenants: &mut Tenants, rows: &[(TenantId, usize)]) {
        tenants.begin();
        rows.iter().for_each(|(tenant, _)| {
            tenants.ready(*tenant, true);
        });
        tenants.compare(rows.iter().map(|(tenant, _)| *tenant));
        rows.iter().for_each(|(tenant, n)| tenants.charge(*tenant, *n));
    }

    #[test]
    fn idleness_saves_nothing_up_and_a_lead_is_kept() {
        let mut tenants = Tenants::default();
        tenants.enter(A);
        (0..1000).for_each(|_| step(&mut tenants, &[(A, 10)]));
        assert!(!tenants.demand(A).is_ahead, "of nobody");
        // The newcomer begins where the other is.
        tenants.enter(B);
        assert!(tenants.served(A) - tenants.served(B) <= 10);
        (0..100).for_each(|_| step(&mut tenants, &[(A, 10), (B, 1)]));
        assert!(tenants.demand(A).is_ahead && !tenants.demand(B).is_ahead);
        // To leave and come back makes nothing forgotten.
        let served = tenants.served(A);
        step(&mut tenants, &[(B, 1)]);
        tenants.enter(A);
        assert_eq!(tenants.served(A), served);
        (0..served as usize).for_each(|_| step(&mut tenants, &[(B, 1)]));
        tenants.enter(A);
        assert!(tenants.served(A) > served, "but nor does it stay behind");
    }

    #[test]
    fn those_who_come_once_are_forgotten() {
        let mut tenants = Tenants::default();
        for id in 0..3 * ABSENT_MAX as u128 {
            tenants.enter(TenantId(id));
            step(&mut tenants, &[(TenantId(id), 1), (TenantId(id + 1), 1)]);
        }
        assert!(tenants.served.len() <= ABSENT_MAX + 2, "{} tenants", tenants.served.len());
    }
}
