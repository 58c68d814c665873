//! [`Queue`]: how many sequences run or wait, and whether there is room for more.

use std::collections::HashMap;

use crate::{Error, TenantId};

/// The numbers of sequences that run or wait, of all and of each tenant.
pub(crate) struct Queue {
    n_max: usize,
    n: usize,
    tenants: HashMap<TenantId, usize>,
}

impl Queue {
    /// Makes a queue for `n_max` sequences, and as many again of tenants that one tenant would shut out.
    pub(crate) fn new(n_max: usize) -> Self {
        Self { n_max, n: 0, tenants: HashMap::new() }
    }

    /// Checks that there is room for `n` more of a tenant: for whatever fits, and beyond that for a tenant who would
    /// still have no more than an equal share, so that one tenant's thousands do not shut the others out.
    pub(crate) fn check(&self, tenant: TenantId, n: usize) -> Result<(), Error> {
        let own = self.tenants.get(&tenant).copied().unwrap_or(0);
        let n_tenants = self.tenants.len() + usize::from(own == 0);
        let has_room = self.n + n <= self.n_max;
        let is_modest = own + n <= self.n_max / n_tenants && self.n + n <= 2 * self.n_max;
        if has_room || is_modest { Ok(()) } else { Err(Error::Busy { n_queued: self.n, n_queued_max: self.n_max }) }
    }

    /// Takes room for `n` more, if there is any.
    pub(crate) fn enter(&mut self, tenant: TenantId, n: usize) -> Result<(), Error> {
        self.check(tenant, n)?;
        self.n += n;
        *self.tenants.entry(tenant).or_default() += n;
        Ok(())
    }

    /// Gives back the room of `n` sequences.
    pub(crate) fn leave(&mut self, tenant: TenantId, n: usize) {
        self.n = self.n.saturating_sub(n);
        let Some(own) = self.tenants.get_mut(&tenant) else { return };
        *own = own.saturating_sub(n);
        if *own == 0 {
            self.tenants.remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_has_room_for_those_who_have_little() {
        let [a, b, c] = [1, 2, 3].map(TenantId);
        let mut queue = Queue::new(100);
        assert!(queue.enter(a, 101).is_err());
        queue.enter(a, 100).unwrap();
        assert_eq!(queue.enter(a, 1), Err(Error::Busy { n_queued: 100, n_queued_max: 100 }));
        assert!(queue.check(b, 51).is_err() && queue.check(b, 50).is_ok());
        queue.enter(b, 40).unwrap();
        assert!(queue.enter(b, 11).is_err(), "more than half");
        queue.enter(c, 33).unwrap();
        assert!(queue.enter(b, 1).is_err(), "more than a third");
        queue.leave(a, 100);
        queue.enter(b, 27).unwrap();
        queue.leave(b, 67);
        queue.leave(c, 33);
        assert!(queue.n == 0 && queue.tenants.is_empty());
        // Many tenants share what there is, and no more than twice of it.
        let n = (10..1000).filter(|id| queue.enter(TenantId(*id), 1).is_ok()).count();
        assert_eq!(n, 100);
    }
}
