//! [`Places`]: as many connections as there may be, and who gives way where there are more clients.
//!
//! A connection whose request is being answered keeps its place. Of the others the one that was silent longest goes
//! first: those that have shown nothing yet, then those that were answered without a key, then those that showed a key.
//! So silence takes nobody's place, and needs no key to be told from work.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::sync::{Notify, futures::Notified};

/// What a connection has shown of itself, in the order in which connections give way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Standing {
    /// The connection has shown no whole request that was let in.
    Unknown,
    /// The connection has shown a request that was let in without a key.
    Answered,
    /// The connection has shown a key.
    Keyed,
}

#[derive(Debug)]
struct Place {
    /// The client's address; `None` if the connection is not counted by address.
    address: Option<IpAddr>,
    standing: Standing,
    /// A request of the connection is being answered, which nobody may interrupt.
    is_kept: bool,
    silent_since: Instant,
    leave: Arc<Notify>,
}

#[derive(Default, Debug)]
struct Table {
    places: HashMap<u64, Place>,
    by_address: HashMap<IpAddr, usize>,
    last_id: u64,
}

impl Table {
    fn remove(&mut self, id: u64) -> Option<Place> {
        let place = self.places.remove(&id)?;
        if let Some(address) = place.address
            && let Some(n) = self.by_address.get_mut(&address)
        {
            *n -= 1;
            if *n == 0 {
                self.by_address.remove(&address);
            }
        }
        Some(place)
    }

    /// Takes away the place of the connection that gives way first, of those with `address` if it is given.
    fn evict(&mut self, address: Option<IpAddr>) -> bool {
        let may_go = |place: &Place| !place.is_kept && (address.is_none() || place.address == address);
        let first = self.places.iter().filter(|(_, place)| may_go(place));
        let first = first.min_by_key(|(_, place)| (place.standing, place.silent_since)).map(|(id, _)| *id);
        let Some(place) = first.and_then(|id| self.remove(id)) else { return false };
        place.leave.notify_one();
        true
    }
}

/// What comes of a new connection.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The connection has a place.
    Place(Seat),
    /// The connection's address has as many places as it may, each of them at work.
    AddressFull,
    /// Every place is at work.
    Full,
}

/// The places of all connections.
#[derive(Debug)]
pub(crate) struct Places {
    table: Mutex<Table>,
    /// Told when a connection left, or does nothing any more.
    changed: Notify,
    n_max: usize,
    /// Most places that one address may have.
    n_address_max: usize,
    /// Whether addresses of this machine are counted too.
    counts_loopback: bool,
}

impl Places {
    /// `n_max` places, and of these `n_address_max` for one address. Without it half of them, where this machine's own
    /// addresses, which a proxy may have, are not counted.
    pub(crate) fn new(n_max: usize, n_address_max: Option<usize>) -> Self {
        Self {
            table: Mutex::default(),
            changed: Notify::new(),
            n_max,
            n_address_max: n_address_max.unwrap_or(n_max.div_ceil(2)),
            counts_loopback: n_address_max.is_some(),
        }
    }

    /// Most places that one address may have.
    pub(crate) fn n_address_max(&self) -> usize {
        self.n_address_max
    }

    /// Asks for a place for a connection from `address`; `None` is a connection from this machine that has no address.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Entry {
        let address = address.map(of_client).filter(|a| self.counts_loopback || !a.is_loopback());
        let mut table = self.table();
        let n_of_address = address.and_then(|a| table.by_address.get(&a).copied()).unwrap_or(0);
        if n_of_address >= self.n_address_max && !table.evict(address) {
            return Entry::AddressFull;
        }
        if table.places.len() >= self.n_max && !table.evict(None) {
            return Entry::Full;
        }
        table.last_id += 1;
        let (id, leave) = (table.last_id, Arc::new(Notify::new()));
        if let Some(address) = address {
            *table.by_address.entry(address).or_default() += 1;
        }
        let place = Place {
            address,
            standing: Standing::Unknown,
            is_kept: false,
            silent_since: Instant::now(),
            leave: Arc::clone(&leave),
        };
        table.places.insert(id, place);
        Entry::Place(Seat(Arc::new(Held { places: Arc::clone(self), id, leave, is_answering: AtomicBool::new(false) })))
    }

    /// Has one connection give way, if any does nothing; says whether one did.
    pub(crate) fn make_room(&self) -> bool {
        self.table().evict(None)
    }

    /// Returns when [`enter`](Self::enter) may come to something else. To be enabled before that is asked.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // The table is whole between two statements.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address that a client is counted by. Of IPv6 a client has not one address, but all of a /64.
fn of_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        other => other,
    }
}

/// The place of a connection, which it has for as long as a clone lives.
#[derive(Clone, Debug)]
pub(crate) struct Seat(Arc<Held>);

#[derive(Debug)]
struct Held {
    places: Arc<Places>,
    id: u64,
    leave: Arc<Notify>,
    is_answering: AtomicBool,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.places.table().remove(self.id);
        self.places.changed.notify_waiters();
    }
}

impl Seat {
    /// Returns when the connection has to give way.
    pub(crate) async fn lost(&self) {
        self.0.leave.notified().await;
    }

    /// Whether a request has come with all of its body, and its answer is under way: a client that leaves now leaves
    /// that answer.
    pub(crate) fn is_answering(&self) -> bool {
        self.0.is_answering.load(Ordering::Relaxed)
    }

    /// Notes that the head of a request has come.
    pub(crate) fn begin(&self) -> Work {
        self.change(|_| {});
        Work(Arc::new(Progress {
            seat: self.clone(),
            is_admitted: false.into(),
            is_keyed: false.into(),
            is_received: false.into(),
        }))
    }

    fn change(&self, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.0.places.table().places.get_mut(&self.0.id) {
            place.silent_since = Instant::now();
            change(place);
        }
    }
}

/// How far a request of a connection is.
#[derive(Debug)]
struct Progress {
    seat: Seat,
    is_admitted: AtomicBool,
    is_keyed: AtomicBool,
    is_received: AtomicBool,
}

impl Progress {
    /// Settles whether the request keeps the place of its connection, after one of the flags was set: with a key from
    /// when it is let in, without one when its body is here too.
    fn step(&self) {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let (is_admitted, is_keyed) = (is_set(&self.is_admitted), is_set(&self.is_keyed));
        let is_kept = is_admitted && (is_keyed || is_set(&self.is_received));
        self.seat.change(|place| {
            place.is_kept = is_kept;
            if is_keyed {
                place.standing = Standing::Keyed;
            }
        });
    }
}

/// A request from its head to the end of its answer.
#[derive(Debug)]
pub(crate) struct Work(Arc<Progress>);

impl Work {
    /// The part that hears of the request's body.
    pub(crate) fn receiving(&self) -> Receiving {
        Receiving(Arc::clone(&self.0))
    }

    /// Notes that the request was let in, with a key or without.
    pub(crate) fn admit(&self, is_keyed: bool) {
        self.0.is_admitted.store(true, Ordering::Relaxed);
        self.0.is_keyed.store(is_keyed, Ordering::Relaxed);
        self.0.step();
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let seat = &self.0.seat;
        seat.0.is_answering.store(false, Ordering::Relaxed);
        let is_admitted = self.0.is_admitted.load(Ordering::Relaxed);
        seat.change(|place| {
            place.is_kept = false;
            place.standing = place.standing.max(if is_admitted { Standing::Answered } else { Standing::Unknown });
        });
        seat.0.places.changed.notify_waiters();
    }
}

/// Hears of a request's body as it comes.
#[derive(Clone, Debug)]
pub(crate) struct Receiving(Arc<Progress>);

impl Receiving {
    /// Notes that a piece of the body has come.
    pub(crate) fn piece(&self) {
        self.0.seat.change(|_| {});
    }

    /// Notes that all of the body has come.
    pub(crate) fn all(&self) {
        self.0.is_received.store(true, Ordering::Relaxed);
        self.0.seat.0.is_answering.store(true, Ordering::Relaxed);
        self.0.step();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn seat(places: &Arc<Places>, address: Option<IpAddr>) -> Seat {
        match places.enter(address) {
            Entry::Place(seat) => seat,
            other => panic!("{other:?}"),
        }
    }

    fn is_lost(seat: &Seat) -> bool {
        !seat.0.places.table().places.contains_key(&seat.0.id)
    }

    fn work(seat: &Seat, is_keyed: bool) -> Work {
        let work = seat.begin();
        work.admit(is_keyed);
        work.receiving().all();
        work
    }

    #[test]
    fn the_longest_silent_gives_way_and_who_works_does_not() {
        let places = Arc::new(Places::new(5, Some(5)));
        let [busy, keyed, answered, first, second] = [(); 5].map(|()| seat(&places, Some(address(1))));
        let busy_work = work(&busy, false);
        drop(work(&keyed, true));
        drop(work(&answered, false));
        assert!(busy.is_answering() && !keyed.is_answering());
        let newcomers: Vec<Seat> = (0..4)
            .map(|n| {
                let newcomer = seat(&places, Some(address(2)));
                let lost = [&first, &second, &answered, &keyed].map(is_lost);
                assert_eq!(lost, [true, n > 0, n > 1, n > 2], "{n}");
                // Work without a key, so that the newcomers stay.
                std::mem::forget(work(&newcomer, false));
                newcomer
            })
            .collect();
        assert!(matches!(places.enter(Some(address(3))), Entry::Full));
        assert!(!is_lost(&busy) && newcomers.iter().all(|seat| !is_lost(seat)));
        drop(busy_work);
        assert!(matches!(places.enter(Some(address(3))), Entry::Place(_)));
        assert!(is_lost(&busy));
    }

    #[test]
    fn a_request_without_a_key_keeps_its_place_when_its_body_is_here() {
        let places = Arc::new(Places::new(1, None));
        for (is_keyed, is_received, is_kept) in [(false, false, false), (false, true, true), (true, false, true)] {
            let seat = seat(&places, None);
            let work = seat.begin();
            assert!(places.make_room(), "before it is let in");
            drop((work, seat));
            let seat = self::seat(&places, None);
            let work = seat.begin();
            work.admit(is_keyed);
            work.receiving().piece();
            if is_received {
                work.receiving().all();
            }
            assert_eq!(!places.make_room(), is_kept, "{is_keyed} {is_received}");
        }
    }

    #[test]
    fn an_address_has_its_share_and_its_own_silence_gives_way_first() {
        let places = Arc::new(Places::new(10, Some(2)));
        let silent = seat(&places, Some(address(1)));
        let other = seat(&places, Some(address(2)));
        let busy = seat(&places, Some(address(1)));
        let busy_work = work(&busy, true);
        let next = seat(&places, Some(address(1)));
        assert!(is_lost(&silent) && !is_lost(&other));
        let _next_work = work(&next, true);
        assert!(matches!(places.enter(Some(address(1))), Entry::AddressFull));
        assert!(matches!(places.enter(Some(address(3))), Entry::Place(_)));
        drop((busy, busy_work));
        assert!(matches!(places.enter(Some(address(1))), Entry::Place(_)));
        // A client of IPv6 has a whole network; one of IPv4 is the same by its other spelling.
        let (a, b): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2:1".parse().unwrap());
        assert_eq!(of_client(a), of_client(b));
        assert_eq!(of_client("::ffff:192.0.2.1".parse().unwrap()), address(1));
        // Unless it is said, this machine's own addresses have no share: a proxy may have them.
        for (n_max, is_full) in [(None, false), (Some(1), true)] {
            let places = Arc::new(Places::new(4, n_max));
            let local = Some(IpAddr::from([127, 0, 0, 1]));
            let works = [(); 3].map(|()| match places.enter(local) {
                Entry::Place(seat) => Some(work(&seat, true)),
                _ => None,
            });
            assert_eq!(works.iter().all(Option::is_some), !is_full);
        }
    }
}
