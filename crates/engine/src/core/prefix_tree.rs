//! [`PrefixTree`]: the radix tree over cached pages (SGLang: *radix cache*).
//!
//! A node is a page and the tokens it holds; the way from a root (one for each scope) spells a prefix. Children are
//! kept in the order of their tokens, so that the one which shares most with a prompt stands beside the place where the
//! prompt would. Sequences lock the nodes they read; an unlocked leaf may be evicted, the one unused longest first. A
//! locked node never has an unlocked ancestor.
//!
//! Pages that are not full can only be leaves, and are copied, never read in place.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use model::{PAGE_LEN, PageId, StateId, TokenId};

use super::{ChainKey, PageKey};
use crate::CacheScope;

/// The index of a node in the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct NodeId(u32);

struct Node {
    /// Parent of the node; `None` for a root, which has no page.
    parent: Option<NodeId>,
    tokens: Box<[TokenId]>,
    page: PageId,
    children: BTreeMap<Box<[TokenId]>, NodeId>,
    n_locks: u32,
    last_used: u64,
    chain: ChainKey,
    scope: CacheScope,
    /// State of a sequence that has computed the prefix and nothing more, with its last use.
    snapshot: Option<(StateId, u64)>,
}

/// The longest cached prefix of a prompt.
#[derive(Default, Debug)]
pub(crate) struct Match {
    /// Nodes of the full pages, from the root on.
    pub(crate) nodes: Vec<NodeId>,
    /// Page of which only the first so many tokens agree.
    pub(crate) partial: Option<(PageId, usize)>,
}

/// The fate of a page that was offered to the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inserted {
    /// The page belongs to the tree now.
    Taken(NodeId),
    /// The tree has a page like it already, so it stays the caller's.
    Known(NodeId),
}

/// A page that was evicted, with its name.
#[derive(Debug)]
pub(crate) struct Evicted {
    pub(crate) page: PageId,
    pub(crate) chain: ChainKey,
    pub(crate) tokens: Box<[TokenId]>,
    /// State after the page, which is free now and still what it was.
    pub(crate) snapshot: Option<StateId>,
    /// Number of pages from the last snapshot before it, or the beginning, to the end of this page.
    pub(crate) n_since_snapshot: usize,
}

/// The tree of all cached prefixes.
#[derive(Default)]
pub(crate) struct PrefixTree {
    nodes: Vec<Option<Node>>,
    vacant: Vec<NodeId>,
    roots: HashMap<CacheScope, NodeId>,
    /// Unlocked leaves by their last use.
    evictable: BTreeSet<(u64, NodeId)>,
    /// Count of uses, in place of a clock.
    tick: u64,
    n_pages: usize,
    n_unlocked: usize,
    /// Nodes with a snapshot by its last use.
    snapshots: BTreeSet<(u64, NodeId)>,
    /// States of nodes that were removed.
    freed: Vec<StateId>,
}

impl PrefixTree {
    /// Number of states that the tree has: of snapshots, and those left by nodes that were removed.
    pub(crate) fn n_states(&self) -> usize {
        self.snapshots.len() + self.freed.len()
    }

    /// Number of nodes that have a snapshot.
    pub(crate) fn n_snapshots(&self) -> usize {
        self.snapshots.len()
    }

    /// Returns the state that a sequence has at the end of a node.
    pub(crate) fn snapshot(&self, node: NodeId) -> Option<StateId> {
        self.node(node).snapshot.map(|(state, _)| state)
    }

    /// Gives a node a snapshot, or notes that its own was used: which is the same state then. One that a node had
    /// before becomes free.
    pub(crate) fn keep_snapshot(&mut self, node: NodeId, state: StateId) {
        self.tick += 1;
        let tick = self.tick;
        if let Some(before) = self.take_snapshot(node).filter(|before| *before != state) {
            self.freed.push(before);
        }
        self.node_mut(node).snapshot = Some((state, tick));
        self.snapshots.insert((tick, node));
    }

    /// Takes the snapshot of a node.
    pub(crate) fn take_snapshot(&mut self, node: NodeId) -> Option<StateId> {
        let (state, tick) = self.node_mut(node).snapshot.take()?;
        self.snapshots.remove(&(tick, node));
        Some(state)
    }

    /// Gives up a state of a node that was removed.
    pub(crate) fn give_freed(&mut self) -> Option<StateId> {
        self.freed.pop()
    }

    /// Returns the node with the snapshot unused longest, if that is not `kept`.
    pub(crate) fn oldest_snapshot(&self, kept: Option<NodeId>) -> Option<NodeId> {
        self.snapshots.iter().map(|(_, node)| *node).find(|node| Some(*node) != kept)
    }

    /// Number of pages from the last snapshot before the end of a node, or the beginning, to its end.
    pub(crate) fn n_since_snapshot(&self, node: NodeId) -> usize {
        let has_page = |node: &NodeId| self.node(*node).parent.is_some();
        let before = std::iter::successors(self.node(node).parent, |node| self.node(*node).parent).filter(has_page);
        1 + before.take_while(|node| self.node(*node).snapshot.is_none()).count()
    }

    /// Returns the name of the page of a node.
    pub(crate) fn key(&self, node: NodeId) -> PageKey<'_> {
        let node = self.node(node);
        PageKey { chain: node.chain, tokens: &node.tokens }
    }

    /// Number of pages in the tree.
    pub(crate) fn n_pages(&self) -> usize {
        self.n_pages
    }

    /// Number of pages that no sequence reads: all of them can be evicted, leaves first.
    pub(crate) fn n_unlocked(&self) -> usize {
        self.n_unlocked
    }

    /// Returns the page of a node.
    pub(crate) fn page(&self, node: NodeId) -> PageId {
        self.node(node).page
    }

    /// Returns the key of the prefix that ends with a node, or of the empty one.
    pub(crate) fn chain(&self, scope: CacheScope, node: Option<NodeId>) -> ChainKey {
        node.map_or_else(|| ChainKey::root(scope), |node| self.node(node).chain)
    }

    /// Finds the longest prefix of `tokens` that is cached.
    pub(crate) fn find(&self, scope: CacheScope, tokens: &[TokenId]) -> Match {
        let mut found = Match::default();
        let Some(mut at) = self.roots.get(&scope).copied() else { return found };
        let mut rest = tokens;
        loop {
            let page_tokens = &rest[..rest.len().min(PAGE_LEN)];
            match self.nearest_child(at, page_tokens) {
                Some((child, PAGE_LEN)) => {
                    found.nodes.push(child);
                    at = child;
                    rest = &rest[PAGE_LEN..];
                }
                Some((child, n)) if n > 0 => {
                    found.partial = Some((self.page(child), n));
                    return found;
                }
                _ => return found,
            }
        }
    }

    /// Returns the child that shares most tokens with `tokens`, and how many.
    fn nearest_child(&self, node: NodeId, tokens: &[TokenId]) -> Option<(NodeId, usize)> {
        let children = &self.node(node).children;
        let after = children.range::<[TokenId], _>((Bound::Included(tokens), Bound::Unbounded)).next();
        let before = children.range::<[TokenId], _>((Bound::Unbounded, Bound::Excluded(tokens))).next_back();
        let common = |key: &[TokenId]| key.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        after.into_iter().chain(before).map(|(key, child)| (*child, common(key))).max_by_key(|(_, n)| *n)
    }

    /// Offers the page that holds `tokens`, at most a page full, after `parent` (the root of `scope` if `None`). A page
    /// that the new one replaces, because it holds a beginning of the same tokens, is pushed to `released`.
    pub(crate) fn insert(
        &mut self,
        scope: CacheScope,
        parent: Option<NodeId>,
        tokens: &[TokenId],
        page: PageId,
        released: &mut Vec<PageId>,
    ) -> Inserted {
        assert!((1..=PAGE_LEN).contains(&tokens.len()), "a page of {} tokens", tokens.len());
        let parent = parent.unwrap_or_else(|| self.root(scope));
        let mut replaced = None;
        if let Some((child, n)) = self.nearest_child(parent, tokens) {
            if n == tokens.len() {
                return Inserted::Known(child);
            }
            // A beginning of what comes now, so a leaf that nobody reads.
            replaced = Some(child).filter(|child| n == self.node(*child).tokens.len());
        }
        self.tick += 1;
        let node = Node {
            parent: Some(parent),
            tokens: tokens.into(),
            page,
            children: BTreeMap::new(),
            n_locks: 0,
            last_used: self.tick,
            chain: self.node(parent).chain.then(tokens),
            scope,
            snapshot: None,
        };
        let id = self.add(node);
        if self.node(parent).children.is_empty() {
            let last_used = self.node(parent).last_used;
            self.evictable.remove(&(last_used, parent));
        }
        self.node_mut(parent).children.insert(tokens.into(), id);
        self.evictable.insert((self.tick, id));
        self.n_pages += 1;
        self.n_unlocked += 1;
        if let Some(replaced) = replaced {
            released.push(self.remove_leaf(replaced).page);
        }
        Inserted::Taken(id)
    }

    fn root(&mut self, scope: CacheScope) -> NodeId {
        if let Some(root) = self.roots.get(&scope) {
            return *root;
        }
        let root = self.add(Node {
            parent: None,
            tokens: Box::default(),
            page: PageId(u32::MAX),
            children: BTreeMap::new(),
            n_locks: 0,
            last_used: 0,
            chain: ChainKey::root(scope),
            scope,
            snapshot: None,
        });
        self.roots.insert(scope, root);
        root
    }

    /// Locks a node, which a sequence reads from now on. Its ancestors must be locked first.
    pub(crate) fn lock(&mut self, id: NodeId) {
        let node = self.node_mut(id);
        node.n_locks += 1;
        let (is_first, last_used) = (node.n_locks == 1, node.last_used);
        if is_first {
            self.n_unlocked -= 1;
            self.evictable.remove(&(last_used, id));
        }
    }

    /// Unlocks nodes, a path from the root on, which a sequence reads no more.
    pub(crate) fn unlock(&mut self, path: impl DoubleEndedIterator<Item = NodeId>) {
        self.tick += 1;
        let tick = self.tick;
        for id in path.rev() {
            let node = self.node_mut(id);
            assert!(node.n_locks > 0, "{id:?} is not locked");
            node.n_locks -= 1;
            node.last_used = tick;
            let (is_free, is_leaf) = (node.n_locks == 0, node.children.is_empty());
            if is_free {
                self.n_unlocked += 1;
                if is_leaf {
                    self.evictable.insert((tick, id));
                }
            }
        }
    }

    /// Gives up the unlocked leaf that was used longest ago.
    pub(crate) fn evict(&mut self) -> Option<Evicted> {
        let &(_, id) = self.evictable.first()?;
        let snapshot = self.snapshot(id);
        let n_since_snapshot = if snapshot.is_some() { self.n_since_snapshot(id) } else { 0 };
        let node = self.remove_leaf(id);
        Some(Evicted { page: node.page, chain: node.chain, tokens: node.tokens, snapshot, n_since_snapshot })
    }

    /// Removes what lies below a scope and is not locked.
    pub(crate) fn forget(&mut self, scope: CacheScope, released: &mut Vec<PageId>) {
        loop {
            let of_scope = |(_, id): &&(u64, NodeId)| self.node(*id).scope == scope;
            let Some(id) = self.evictable.iter().find(of_scope).map(|(_, id)| *id) else { return };
            released.push(self.remove_leaf(id).page);
        }
    }

    /// Shows every full page with its name, and the state after it, if there is a snapshot; parents before children.
    pub(crate) fn for_each_full(&self, mut show: impl FnMut(PageId, PageKey<'_>, Option<StateId>)) {
        let mut next: Vec<NodeId> = self.roots.values().copied().collect();
        while let Some(id) = next.pop() {
            let node = self.node(id);
            if node.tokens.len() == PAGE_LEN {
                show(node.page, self.key(id), self.snapshot(id));
            }
            next.extend(node.children.values());
        }
    }

    /// Removes an unlocked leaf.
    fn remove_leaf(&mut self, id: NodeId) -> Node {
        let snapshot = self.take_snapshot(id);
        self.freed.extend(snapshot);
        let node = self.nodes[id.0 as usize].take().unwrap_or_else(|| unreachable!("{id:?} was looked up"));
        assert!(node.n_locks == 0 && node.children.is_empty(), "{id:?} is in use");
        self.evictable.remove(&(node.last_used, id));
        self.vacant.push(id);
        self.n_pages -= 1;
        self.n_unlocked -= 1;
        if let Some(parent_id) = node.parent {
            let parent = self.node_mut(parent_id);
            parent.children.remove(&node.tokens);
            if parent.children.is_empty() {
                if parent.parent.is_none() {
                    // Scopes come and go with their users.
                    self.roots.remove(&node.scope);
                    self.nodes[parent_id.0 as usize] = None;
                    self.vacant.push(parent_id);
                } else if parent.n_locks == 0 {
                    let last_used = parent.last_used;
                    self.evictable.insert((last_used, parent_id));
                }
            }
        }
        node
    }

    fn add(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.vacant.pop() {
            self.nodes[id.0 as usize] = Some(node);
            return id;
        }
        self.nodes.push(Some(node));
        NodeId((self.nodes.len() - 1) as u32)
    }

    fn node(&self, id: NodeId) -> &Node {
        self.nodes[id.0 as usize].as_ref().unwrap_or_else(|| unreachable!("{id:?} was removed"))
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes[id.0 as usize].as_mut().unwrap_or_else(|| unreachable!("{id:?} was removed"))
    }
}

#[cfg(test)]
mod tests;
