//! Test support: golden readers, seeded generators, comparisons. Depends on no crate of ours.
