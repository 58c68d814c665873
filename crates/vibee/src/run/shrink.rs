//! Making a failing case small: fewer choices, and of as many the smaller ones.

/// How often a case is tried.
const TRIES: u32 = 3_000;

/// Looks for the smallest choices that `fails` accepts; it gets choices and gives back those that were used, if the
/// case that comes of them fails still. Gives the choices, and how often they got smaller.
pub(super) fn smallest(first: Vec<u64>, fails: &mut dyn FnMut(&[u64]) -> Option<Vec<u64>>) -> (Vec<u64>, u32) {
    let mut state = State { best: first, n_smaller: 0, tries: 0, fails };
    loop {
        let before = state.n_smaller;
        state.delete();
        state.zero();
        state.lower();
        state.lower_pairs();
        if state.n_smaller == before || state.tries >= TRIES {
            return (state.best, state.n_smaller);
        }
    }
}

struct State<'a> {
    best: Vec<u64>,
    n_smaller: u32,
    tries: u32,
    fails: &'a mut dyn FnMut(&[u64]) -> Option<Vec<u64>>,
}

impl State<'_> {
    fn accepts(&mut self, choices: &[u64]) -> bool {
        if self.tries >= TRIES {
            return false;
        }
        self.tries += 1;
        let Some(used) = (self.fails)(choices) else { return false };
        let is_smaller = (used.len(), &used) < (self.best.len(), &self.best);
        if is_smaller {
            self.best = used;
            self.n_smaller += 1;
        }
        is_smaller
    }

    /// Leaves out runs of choices, long ones first; also where the choice before them says how many follow.
    fn delete(&mut self) {
        for len in [64, 32, 16, 8, 5, 4, 3, 2, 1] {
            let mut at = self.best.len();
            while at > 0 {
                at -= 1;
                if at + len > self.best.len() {
                    continue;
                }
                let mut shorter = self.best.clone();
                shorter.drain(at..at + len);
                self.accepts(&shorter);
                at = at.min(self.best.len());
            }
        }
    }

    fn zero(&mut self) {
        let mut at = 0;
        while at < self.best.len() {
            if self.best[at] > 0 {
                let mut simpler = self.best.clone();
                simpler[at] = 0;
                self.accepts(&simpler);
            }
            at += 1;
        }
    }

    /// Lowers each choice as far as it goes, by halving the distance.
    fn lower(&mut self) {
        let mut at = 0;
        while at < self.best.len() {
            self.lower_one(at);
            at += 1;
        }
    }

    /// By any distance, then by even ones: signs alternate, so what fails may be every other number.
    fn lower_one(&mut self, at: usize) {
        for stride in [1, 2] {
            let Some(from) = self.best.get(at).copied() else { return };
            let (mut goes, mut too_far) = (0, (from / stride).saturating_add(1));
            while too_far - goes > 1 {
                let steps = goes + (too_far - goes) / 2;
                let mut lower = self.best.clone();
                let Some(choice) = lower.get_mut(at) else { return };
                *choice = from - stride * steps;
                if self.accepts(&lower) {
                    goes = steps;
                } else {
                    too_far = steps;
                }
            }
        }
        // What fails for multiples.
        for by in 1..=8 {
            let Some(choice) = self.best.get(at).and_then(|choice| choice.checked_sub(by)) else { return };
            let mut lower = self.best.clone();
            lower[at] = choice;
            self.accepts(&lower);
        }
    }

    /// A simpler way to come to a value may need another choice after it.
    fn lower_pairs(&mut self) {
        let mut at = 0;
        while at + 1 < self.best.len() {
            if self.best[at] > 0 {
                for way in 0..self.best[at].min(3) {
                    // Odd ones and even ones: signs alternate.
                    let powers = [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 53, 60, 63];
                    for next in powers.iter().flat_map(|power| [(1 << power) - 1, 1 << power]) {
                        let mut simpler = self.best.clone();
                        if at + 1 >= simpler.len() {
                            return;
                        }
                        simpler[at] = way;
                        simpler[at + 1] = next;
                        if self.accepts(&simpler) {
                            self.lower_one(at + 1);
                            break;
                        }
                    }
                }
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: &[u64], fails: impl Fn(&[u64]) -> bool, expected: &[u64]) {
        let (found, _) = smallest(first.to_vec(), &mut |choices| fails(choices).then(|| choices.to_vec()));
        assert_eq!(found, expected);
    }

    #[test]
    fn choices_get_fewer_and_smaller() {
        check(&[9, 8, 7, 6, 5], |c| !c.is_empty(), &[0]);
        check(&[123_456_789], |c| c.first().is_some_and(|c| *c >= 1_000), &[1_000]);
        check(&[u64::MAX], |c| c.first().is_some_and(|c| *c >= 1), &[1]);
        check(&[5, 77, 3, 99], |c| c.iter().filter(|c| **c > 50).count() >= 2, &[51, 51]);
        check(&[u64::MAX - 8], |c| c.first().is_some_and(|c| c % 2 == 1 && *c > 138), &[139]);
        check(&[101], |c| c.first().is_some_and(|c| c % 2 == 1), &[1]);
        check(&[3, 1 << 60], |c| matches!(c, [0, x] if *x > 70) || matches!(c, [3, x] if *x > 1 << 59), &[0, 71]);
    }

    #[test]
    fn an_end_is_certain() {
        let mut n = 0;
        let (found, _) = smallest(vec![1; 5_000], &mut |_| {
            n += 1;
            None
        });
        assert_eq!((found.len(), n), (5_000, TRIES));
    }
}
