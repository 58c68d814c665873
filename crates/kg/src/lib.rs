//! A knowledge graph that keeps what it is told.
//!
//! - [`term`]: ids of terms; an id stands for exactly one spelling.
//! - [`quad`]: facts of ids and patterns over them.
//! - [`bulk`]: many facts at once, in pieces that parsers fill.
//! - [`paths`]: the shortest ways between two terms.
//! - [`query`]: SPARQL 1.1 over a snapshot; [`simple`]: patterns of up to three words, which become SPARQL.
//! - [`mod@load`] and [`mod@export`]: documents in and out; [`prefixes`]: short names in them; [`source`]: where facts
//!   come from, and [`provenance`]: how that is told to others.
//! - [`complete`]: what is likely and not a fact: link prediction by ternary vectors, beside a rule miner.
//! - [`index`]: which entities are alike.
//! - [`store`]: the facts, from which [`snapshot`] reads and into which [`transaction`] writes.
//!
//! Exact answers come from the store alone. Time, files' contents and chance are arguments.

mod block;
pub mod bulk;
mod cache;
pub mod complete;
mod delta;
mod dictionary;
pub mod error;
pub mod export;
#[doc(hidden)]
pub mod fuzzed;
pub mod index;
pub mod load;
pub mod order;
pub mod paths;
pub mod prefixes;
pub mod provenance;
pub mod quad;
pub mod query;
mod scan;
pub mod simple;
pub mod snapshot;
pub mod source;
mod state;
mod statistics;
pub mod store;
pub mod term;
pub mod transaction;

pub use bulk::{Bulk, BulkOptions, BulkReport, MergeReport, Parts, Piece};
pub use error::{Damage, Error};
pub use export::{ExportError, ExportOptions, export};
pub use load::{LoadError, LoadOptions, LoadReport, load};
pub use order::{Order, Row};
pub use prefixes::Prefixes;
pub use quad::{Pattern, Quad};
pub use scan::Scan;
pub use snapshot::Snapshot;
pub use source::Source;
pub use statistics::{OfPredicate, Statistics};
pub use store::{Options, Seq, SourceId, Store, Verified};
pub use term::{TermId, TermKind};
pub use transaction::Transaction;
