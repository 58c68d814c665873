use proptest::prelude::*;

use super::*;

const SCOPE: CacheScope = CacheScope(7);

fn ids(ids: impl IntoIterator<Item = u32>) -> Vec<TokenId> {
    ids.into_iter().map(TokenId).collect()
}

/// Inserts all of `tokens`, a page each, as a sequence does that leaves; pages are numbered on from `next`.
fn leave(tree: &mut PrefixTree, scope: CacheScope, tokens: &[TokenId], next: &mut u32) -> Vec<PageId> {
    let mut released = Vec::new();
    let mut parent = None;
    for chunk in tokens.chunks(PAGE_LEN) {
        let page = PageId(*next);
        *next += 1;
        match tree.insert(scope, parent, chunk, page, &mut released) {
            Inserted::Taken(node) => parent = Some(node),
            Inserted::Known(node) => {
                released.push(page);
                parent = Some(node);
            }
        }
    }
    released
}

#[test]
fn prefixes_are_found_to_the_token_and_only_in_their_scope() {
    let mut tree = PrefixTree::default();
    let tokens = ids(0..80);
    assert_eq!(leave(&mut tree, SCOPE, &tokens, &mut 0), []);
    let found = tree.find(SCOPE, &ids((0..70).chain([500, 501])));
    assert_eq!((found.nodes.len(), found.partial), (2, Some((PageId(2), 6))));
    let found = tree.find(SCOPE, &ids((0..40).chain(900..1000)));
    assert_eq!((found.nodes.len(), found.partial), (1, Some((PageId(1), 8))));
    assert!(tree.find(CacheScope(8), &tokens).nodes.is_empty());
    assert!(tree.find(SCOPE, &ids(1..80)).partial.is_none());
}

#[test]
fn a_longer_page_replaces_its_beginning_and_a_shorter_one_is_known() {
    let mut tree = PrefixTree::default();
    leave(&mut tree, SCOPE, &ids(0..40), &mut 0);
    assert_eq!(leave(&mut tree, SCOPE, &ids(0..36), &mut 10), [PageId(10), PageId(11)]);
    assert_eq!(leave(&mut tree, SCOPE, &ids(0..50), &mut 20), [PageId(20), PageId(1)]);
    assert_eq!(tree.find(SCOPE, &ids(0..50)).partial, Some((PageId(21), 18)));
    assert_eq!(tree.n_pages(), 2);
}

#[test]
fn the_leaf_unused_longest_goes_first_and_locked_ones_never() {
    let mut tree = PrefixTree::default();
    let mut next = 0;
    for start in [0u32, 1000, 2000] {
        leave(&mut tree, SCOPE, &ids(start..start + 64), &mut next);
    }
    let locked = tree.find(SCOPE, &ids(1000..1064)).nodes;
    locked.iter().for_each(|node| tree.lock(*node));
    let used = tree.find(SCOPE, &ids(0..64)).nodes;
    used.iter().for_each(|node| tree.lock(*node));
    tree.unlock(used.into_iter());
    assert_eq!(tree.n_unlocked(), 4);
    let mut evicted = Vec::new();
    while let Some(gone) = tree.evict() {
        evicted.push(gone.page.0);
    }
    assert_eq!(evicted, [5, 4, 1, 0], "children before parents");
    tree.unlock(locked.into_iter());
    tree.forget(SCOPE, &mut Vec::new());
    assert_eq!((tree.n_pages(), tree.n_unlocked(), tree.roots.len()), (0, 0, 0));
}

#[test]
fn the_name_of_a_prefix_is_that_of_its_tokens_and_scope() {
    let mut tree = PrefixTree::default();
    leave(&mut tree, SCOPE, &ids(0..64), &mut 0);
    let mut names = Vec::new();
    tree.for_each_full(|page, key, _| names.push((page, key.chain, key.tokens.to_vec())));
    let first = ChainKey::root(SCOPE).then(&ids(0..32));
    assert_eq!(names[0], (PageId(0), first, ids(0..32)));
    assert_eq!(names[1], (PageId(1), first.then(&ids(32..64)), ids(32..64)));
    assert_ne!(first, ChainKey::root(CacheScope(8)).then(&ids(0..32)));
}

proptest! {
    /// Matches are compared with a list of all that was inserted: what is found is the longest common beginning.
    #[test]
    fn what_is_found_is_the_longest_common_prefix(
        texts in proptest::collection::vec(proptest::collection::vec(0u32..2, 1..100), 1..12),
        asked in proptest::collection::vec(0u32..2, 1..100),
    ) {
        let mut tree = PrefixTree::default();
        let mut next = 0;
        let mut n_released = 0;
        for text in &texts {
            n_released += leave(&mut tree, SCOPE, &ids(text.iter().copied()), &mut next).len();
        }
        prop_assert_eq!(tree.n_pages() + n_released, next as usize);
        let asked = ids(asked);
        let found = tree.find(SCOPE, &asked);
        let n = found.nodes.len() * PAGE_LEN + found.partial.map_or(0, |(_, n)| n);
        let common = |text: &Vec<u32>| text.iter().zip(&asked).take_while(|(a, b)| **a == b.0).count();
        prop_assert_eq!(n, texts.iter().map(common).max().unwrap_or(0));
    }
}
