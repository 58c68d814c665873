//! [`Tenants`]: how much was computed for whom, so that whoever has had least comes first.
//!
//! This is start-time fair queuing in rows of steps: a tenant that comes, or comes back, begins at what the least
//! served of those at work has had, so that idleness saves nothing up and nobody who comes anew shuts the others out.

use std::collections::HashMap;

use crate::TenantId;

/// Number of rows that a tenant may have had more than the least served before its prompts wait for the others'.
const LEAD_MAX: u64 = 512;

/// Number of tenants without sequences whose figures are kept: those that left with a lead, and come back.
const ABSENT_MAX: usize = 4096;

/// The demand of a tenant at the moment.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Demand {
    /// Number of its sequences that are computed or could be.
    pub(crate) n_ready: usize,
    /// Number of its sequences that miss one token.
    pub(crate) n_decoding: usize,
    /// Number of its sequences that miss one token and are planned.
    pub(crate) n_planned: usize,
    /// Whether it has had much more than others.
    pub(crate) is_ahead: bool,
}

/// The rows computed for each tenant, and the demand of each.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tenants {
    served: HashMap<TenantId, u64>,
    demands: HashMap<TenantId, Demand>,
    /// Number of rows that a tenant begins at when it comes: it never falls.
    floor: u64,
}

impl Tenants {
    /// Notes that a tenant has something to compute.
    pub(crate) fn enter(&mut self, tenant: TenantId) {
        let served = self.served.entry(tenant).or_default();
        *served = (*served).max(self.floor);
    }

    /// Charges a tenant with rows that were planned.
    pub(crate) fn charge(&mut self, tenant: TenantId, n_rows: usize) {
        *self.served.entry(tenant).or_default() += n_rows as u64;
    }

    /// Number of rows that a tenant has had.
    pub(crate) fn served(&self, tenant: TenantId) -> u64 {
        self.served.get(&tenant).copied().unwrap_or(self.floor)
    }

    /// Begins the plan of a step: nobody asks for anything yet.
    pub(crate) fn begin(&mut self) {
        self.demands.clear();
    }

    /// Notes one more sequence of a tenant that is ready; returns how many were before it.
    pub(crate) fn ready(&mut self, tenant: TenantId, is_decoding: bool) -> usize {
        let demand = self.demands.entry(tenant).or_default();
        demand.n_decoding += usize::from(is_decoding);
        demand.n_ready += 1;
        demand.n_ready - 1
    }

    /// Notes that one of a tenant's sequences that miss one token is planned.
    pub(crate) fn planned(&mut self, tenant: TenantId) {
        self.demands.entry(tenant).or_default().n_planned += 1;
    }

    /// Decides which of the tenants with running sequences are ahead of the least served of them, once all that is
    /// ready was noted.
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

    /// Returns what a tenant asks for.
    pub(crate) fn demand(&self, tenant: TenantId) -> Demand {
        self.demands.get(&tenant).copied().unwrap_or_default()
    }

    /// Returns what each tenant asks for.
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
