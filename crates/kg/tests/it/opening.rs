//! Which files are opened, which are refused, and what a refusal says.

use std::fs;

use kg::{Error, Options, Order, Pattern, SourceId, Store};
use oxrdf::{GraphName, NamedNode, Quad};
use redb::TableDefinition;

use crate::facts::{all, fact};

const EXISTING: Options = Options { create: false, cache_bytes: 1 << 20, decoded_bytes: 1 << 20, changes_max: 3 };

fn refusal(path: &std::path::Path) -> String {
    Store::open(path, EXISTING).expect_err("a file that is no store").to_string()
}

#[test]
fn files_that_are_no_stores_are_refused_by_name_and_left_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a file");
    assert!(refusal(&path).starts_with("opening the store: "), "{}", refusal(&path));
    assert!(!path.exists());
    let text = "<http://a> <http://b> <http://c> .\n".repeat(5000);
    fs::write(&path, &text).unwrap();
    assert!(refusal(&path).ends_with("a file is no knowledge graph: it does not begin as one does"));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::remove_file(&path).unwrap();
    let other = redb::Database::create(&path).unwrap();
    let write = other.begin_write().unwrap();
    write.open_table(TableDefinition::<u64, u64>::new("cats")).unwrap();
    write.commit().unwrap();
    drop(other);
    assert!(refusal(&path).ends_with("it is a database of something else, with the table cats"), "{}", refusal(&path));
}

#[test]
fn a_newer_format_is_refused_with_both_versions() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.kg");
    drop(Store::open(&path, Options::default())?);
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let meta = TableDefinition::<&str, &[u8]>::new("meta");
    write.open_table(meta).unwrap().insert("format", 7_u32.to_le_bytes().as_slice()).unwrap();
    write.commit().unwrap();
    drop(database);
    assert!(refusal(&path).ends_with("facts.kg has format 7; this version reads format 1"), "{}", refusal(&path));
    Ok(())
}

#[test]
fn a_second_store_of_a_file_is_refused_until_the_last_reader_of_the_first_is_gone() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.kg");
    let store = Store::open(&path, Options::default())?;
    let snapshot = store.snapshot()?;
    drop(store);
    let Err(Error::Locked { path: named, by }) = Store::open(&path, EXISTING) else { panic!("not refused") };
    assert_eq!(named, path);
    if cfg!(target_os = "linux") {
        assert_eq!(by, Some(std::process::id()));
    }
    assert!(all(&snapshot)?.is_empty());
    drop(snapshot);
    Store::open(&path, EXISTING).map(drop)
}

#[test]
fn a_backup_is_what_was_committed_and_takes_no_file_that_is_there() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("facts.kg"), Options::default())?;
    let mut transaction = store.begin()?;
    for n in 0..100 {
        transaction.add_from(fact(n).as_ref(), SourceId(n % 3))?;
    }
    transaction.set("prefix/ex", Some(b"http://example.org/"));
    transaction.commit()?;
    store.merge()?;
    let mut later = store.begin()?;
    later.add(fact(500).as_ref())?;
    let copy = folder.path().join("copy.kg");
    store.backup(&copy)?;
    later.commit()?;
    assert!(matches!(store.backup(&copy), Err(Error::NotAStore { .. })));
    let copied = Store::open(&copy, EXISTING)?;
    let (snapshot, now) = (copied.snapshot()?, all(&store.snapshot()?)?);
    assert_eq!(snapshot.settings("prefix/")?, [("prefix/ex".to_owned(), b"http://example.org/".to_vec())]);
    let mut found = all(&snapshot)?;
    assert!(!snapshot.of_source(SourceId(1))?.is_empty());
    assert_eq!(snapshot.of_source(SourceId(1))?.len(), store.snapshot()?.of_source(SourceId(1))?.len());
    assert!(copied.verify().is_ok());
    let mut transaction = copied.begin()?;
    for n in 0..EXISTING.changes_max {
        transaction.add(fact(10_000 + n).as_ref())?;
    }
    assert!(matches!(transaction.add(fact(20_000).as_ref()), Err(Error::TransactionFull { changes: 3, max: 3 })));
    drop(transaction);
    found.push(fact(500).to_string());
    found.sort();
    assert_eq!(found, now);
    Ok(())
}

#[test]
fn graphs_have_an_order_of_their_own_if_many_facts_are_in_them() -> Result<(), Error> {
    let store = Store::in_memory();
    let add = |from: u64, graph: GraphName| -> Result<(), Error> {
        let mut transaction = store.begin()?;
        for n in from..from + 10 {
            let node = |name: &str| NamedNode::new_unchecked(format!("http://example.org/{name}{n}"));
            transaction.add(Quad::new(node("s"), node("p"), node("o"), graph.clone()).as_ref())?;
        }
        transaction.commit()?;
        store.merge()?;
        Ok(())
    };
    add(0, GraphName::DefaultGraph)?;
    assert!(!store.snapshot()?.orders().any(|order| order == Order::Gspo));
    assert!(matches!(store.snapshot()?.scan(Order::Gspo, &[]), Err(Error::NoOrder(Order::Gspo))));
    let graph = NamedNode::new_unchecked("http://example.org/graph");
    add(100, graph.clone().into())?;
    let snapshot = store.snapshot()?;
    let id = snapshot.graph_id(graph.as_ref().into())?;
    let pattern = Pattern { graph: id, ..Pattern::all() };
    assert_eq!(snapshot.order_of(&pattern), (Order::Gspo, 1));
    assert_eq!((snapshot.matching(pattern).count(), snapshot.estimate(pattern)?), (10, 10));
    Ok(())
}

#[test]
fn a_compact_store_has_the_same_facts_in_a_shorter_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.kg");
    let mut store = Store::open(&path, Options::default()).unwrap();
    for round in 0..3 {
        let facts: String = (0..3000).map(|n| format!("<a:s{n}> <a:p{round}> <a:o{}> .\n", n % 700)).collect();
        kg::load(&store, "a.nt", &mut facts.as_bytes(), kg::LoadOptions::default()).unwrap();
    }
    let size = || fs::metadata(&path).unwrap().len();
    let (loaded, reader) = (size(), store.snapshot().unwrap());
    store = store.compact().unwrap();
    assert_eq!((size(), reader.len()), (loaded, 9000), "someone reads");
    drop(reader);
    store = store.compact().unwrap();
    assert!(size() < loaded * 2 / 3, "{loaded} bytes, then {}", size());
    assert_eq!((store.snapshot().unwrap().len(), store.verify().unwrap().quads), (9000, 9000));
    drop(store);
    let store = Store::open(&path, Options::default()).unwrap();
    store.begin().unwrap().commit().unwrap();
    assert_eq!(store.snapshot().unwrap().len(), 9000);
}
