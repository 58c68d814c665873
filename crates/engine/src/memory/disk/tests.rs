use std::{sync::Mutex, thread, time::Duration};

use model::{AttentionWindow, Forward, Logits, PageArena, PageId, StateId, Step, TokenId};

use super::*;
use crate::{
    CacheScope,
    core::PageMemory,
    memory::{Memory, Swap},
};

const PAGE_BYTES: usize = 1000;

fn cache(folder: &Path) -> DiskCache {
    DiskCache { folder: folder.to_owned(), bytes_max: 20_000, model: [7; 32], owners: None }
}

fn tokens(i: u32) -> Vec<TokenId> {
    (0..32).map(|j| TokenId(i * 100 + j)).collect()
}

fn chain(i: u32) -> ChainKey {
    ChainKey::root(CacheScope(0)).then(&tokens(i))
}

fn page(i: u32) -> Box<[u8]> {
    vec![i as u8; PAGE_BYTES].into()
}

fn pages_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn n_pages(folder: &Path) -> usize {
    pages_in(folder).len()
}

fn bytes_of(folder: &Path) -> u64 {
    pages_in(folder).iter().map(|path| path.metadata().unwrap().len()).sum()
}

fn save(disk: &mut Disk, i: u32) {
    disk.save(PageKey { chain: chain(i), tokens: &tokens(i) }, &page(i), true);
}

fn load(disk: &mut Disk, i: u32) -> Option<Box<[u8]>> {
    disk.load(PageKey { chain: chain(i), tokens: &tokens(i) }, PAGE_BYTES)
}

#[test]
fn pages_outlive_the_process_and_only_serve_their_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path())).unwrap();
    (0..5).for_each(|i| save(&mut disk, i));
    drop(disk);
    let mut disk = Disk::open(&cache(folder.path())).unwrap();
    assert!((0..5).all(|i| disk.has(chain(i)) && load(&mut disk, i) == Some(page(i))));
    let other = DiskCache { model: [8; 32], ..cache(folder.path()) };
    assert!(!Disk::open(&other).unwrap().has(chain(0)));
}

#[test]
fn pages_of_an_owner_who_is_gone_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let chain_of = |owner: u64, i: u32| ChainKey::root(CacheScope(u128::from(owner) << 64 | 5)).then(&tokens(i));
    let of = |owners: &[u64]| DiskCache { owners: Some(owners.to_vec()), ..cache(folder.path()) };
    let mut disk = Disk::open(&of(&[0, 1, 2])).unwrap();
    for owner in 0..3 {
        let key = PageKey { chain: chain_of(owner, 3), tokens: &tokens(3) };
        assert_eq!(key.chain.owner(), owner);
        disk.save(key, &page(3), true);
    }
    drop(disk);
    let disk = Disk::open(&of(&[0, 2])).unwrap();
    assert_eq!([0, 1, 2].map(|owner| disk.has(chain_of(owner, 3))), [true, false, true]);
    assert_eq!(n_pages(&disk.folder), 2);
}

#[test]
fn the_oldest_files_go_when_the_folder_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path())).unwrap();
    (0..40).for_each(|i| save(&mut disk, i));
    disk.finish();
    assert!(!disk.has(chain(0)) && disk.has(chain(39)));
    assert!(bytes_of(&disk.folder) <= 20_000, "{} bytes", bytes_of(&disk.folder));
}

#[test]
fn files_that_are_not_whole_are_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path())).unwrap();
    (0..3).for_each(|i| save(&mut disk, i));
    disk.finish();
    let path = |i| disk.folder.join(name_of(chain(i)));
    let whole = fs::read(path(0)).unwrap();
    // A process killed between writing and renaming, a cut file, a flipped bit, the page of other tokens.
    fs::write(disk.folder.join(format!("{}.part", name_of(chain(9)))), &whole[..100]).unwrap();
    fs::write(path(0), &whole[..whole.len() - 1]).unwrap();
    let mut flipped = fs::read(path(1)).unwrap();
    flipped[500] ^= 1;
    fs::write(path(1), flipped).unwrap();
    fs::write(path(2), &whole).unwrap();
    let mut disk = Disk::open(&cache(folder.path())).unwrap();
    for i in 0..3 {
        assert!(disk.has(chain(i)));
        assert_eq!(load(&mut disk, i), None, "page {i}");
        assert!(!disk.has(chain(i)), "page {i} is forgotten");
    }
    disk.finish();
    assert_eq!(n_pages(&disk.folder), 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Disk::open(&cache(file.path())).err().unwrap();
    assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
}

/// Models change, and with them their part of the folder.
#[test]
fn what_stays_of_models_that_nobody_serves_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let of = |model: u8| DiskCache { model: [model; 32], ..cache(folder.path()) };
    let part = |model: u8| folder.path().join(hex(&[model; 32]));
    let filled = |model: u8| {
        let mut disk = Disk::open(&of(model)).unwrap();
        (0..10).for_each(|i| save(&mut disk, i));
        disk
    };
    fs::write(folder.path().join("salt"), "kept").unwrap();
    fs::create_dir(folder.path().join("of the operator")).unwrap();
    let served = filled(1);
    for model in 2..20 {
        drop(filled(model));
        let n_bytes: u64 = (2..model).map(part).filter(|part| part.exists()).map(|part| bytes_of(&part)).sum();
        assert!(n_bytes <= of(2).bytes_max, "{n_bytes} bytes of models before {model}");
        assert_eq!(n_pages(&part(model)), 10);
    }
    assert!(!part(2).exists() && part(18).exists(), "the oldest goes first, with its folder");
    assert_eq!(n_pages(&part(1)), 10, "it is served elsewhere");
    drop(served);
    drop(Disk::open(&of(30)).unwrap());
    let n_bytes: u64 = (1..20).map(part).filter(|part| part.exists()).map(|part| bytes_of(&part)).sum();
    assert!(n_bytes <= of(2).bytes_max && !part(1).exists(), "{n_bytes} bytes");
    assert!(folder.path().join("salt").exists() && folder.path().join("of the operator").exists());
}

/// A part that is being opened is empty and held by nobody for a moment: no other server removes it then.
#[test]
fn servers_that_start_at_once_leave_each_other_their_parts() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for model in 0..4 {
            let of = DiskCache { model: [model; 32], ..cache(folder.path()) };
            scope.spawn(move || {
                for i in 0..250 {
                    let mut disk = Disk::open(&of).unwrap();
                    if i % 50 == 0 {
                        save(&mut disk, i);
                        disk.finish();
                        assert_eq!(load(&mut disk, i), Some(page(i)), "model {model}, start {i}");
                    }
                    let _ = fs::remove_file(disk.folder.join(name_of(chain(i))));
                }
            });
        }
    });
}

#[test]
fn pages_that_nobody_may_read_go_from_the_parts_of_other_models_too() {
    let folder = tempfile::tempdir().unwrap();
    let of = |model: u8, owners: &[u64]| DiskCache {
        owners: Some(owners.to_vec()),
        model: [model; 32],
        ..cache(folder.path())
    };
    let mut disk = Disk::open(&of(1, &[1, 2])).unwrap();
    for owner in [1u64, 2] {
        let chain = ChainKey::root(CacheScope(u128::from(owner) << 64 | 5)).then(&tokens(3));
        disk.save(PageKey { chain, tokens: &tokens(3) }, &page(3), true);
    }
    let part = disk.folder.clone();
    drop(disk);
    fs::write(part.join("left.part"), "over").unwrap();
    drop(Disk::open(&of(2, &[2])).unwrap());
    let left: Vec<u64> = pages_in(&part).iter().map(|path| key_of(path).unwrap().owner()).collect();
    assert_eq!(left, [2]);
    drop(Disk::open(&of(2, &[])).unwrap());
    assert!(!part.exists());
}

/// A full disk, a folder without a right to write, one that somebody has removed: each refuses each page.
#[test]
fn a_folder_that_takes_nothing_costs_warmth_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path())).unwrap();
    save(&mut disk, 0);
    wait_for_the_writer(&disk);
    // Where the folder was there is a file now, which holds for root, too.
    fs::remove_dir_all(&disk.folder).unwrap();
    fs::write(&disk.folder, "no folder").unwrap();
    for i in 0..3 {
        save(&mut disk, i);
    }
    wait_for_the_writer(&disk);
    for i in 0..3 {
        assert_eq!(load(&mut disk, i), None, "page {i}");
        assert!(!disk.has(chain(i)), "page {i} is forgotten");
    }
    // And goes on where it is one again.
    fs::remove_file(&disk.folder).unwrap();
    save(&mut disk, 4);
    wait_for_the_writer(&disk);
    assert_eq!(load(&mut disk, 4), Some(page(4)));
}

fn wait_for_the_writer(disk: &Disk) {
    let is_pending = |i: &u32| disk.writer.as_ref().unwrap().has_yet_to_write(chain(*i));
    while (0..10).any(|i| is_pending(&i)) {
        thread::yield_now();
    }
}

/// A storage that stands still while `gate` is locked.
struct Hanging {
    gate: Arc<Mutex<()>>,
}

impl Storage for Hanging {
    fn read(&self, path: &Path, n_bytes: usize) -> Option<Vec<u8>> {
        let _gate = self.gate.lock();
        Files.read(path, n_bytes)
    }

    fn write(&self, part: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let _gate = self.gate.lock();
        Files.write(part, name, bytes)
    }

    fn remove(&self, path: &Path) {
        let _gate = self.gate.lock();
        Files.remove(path);
    }
}

#[test]
fn a_disk_that_hangs_is_waited_for_a_moment_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Mutex::new(()));
    let storage = Arc::new(Hanging { gate: Arc::clone(&gate) });
    let mut disk = Disk::open_on(&DiskCache { bytes_max: 1 << 20, ..cache(folder.path()) }, storage).unwrap();
    (0..4).for_each(|i| save(&mut disk, i));
    wait_for_the_writer(&disk);
    let start = std::time::Instant::now();
    let hangs = gate.lock().unwrap();
    assert_eq!(load(&mut disk, 0), None);
    // Nobody asks again, and nothing is forgotten.
    assert!(!disk.has(chain(0)) && disk.is_saved(chain(0)));
    (0..100).for_each(|i| assert_eq!(load(&mut disk, i % 4), None));
    // The patient give up, too.
    (10..200).for_each(|i| save(&mut disk, i));
    assert!(!disk.has_room());
    disk.finish();
    let took = start.elapsed().as_secs();
    assert!(took < 10, "{took} s");
    drop(hangs);
    while !disk.has(chain(0)) {
        thread::yield_now();
    }
    assert_eq!(load(&mut disk, 0), Some(page(0)), "it answers again");
}

#[test]
fn what_is_asked_for_before_it_is_written_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Mutex::new(()));
    let mut disk = Disk::open_on(&cache(folder.path()), Arc::new(Hanging { gate: Arc::clone(&gate) })).unwrap();
    let hangs = gate.lock().unwrap();
    save(&mut disk, 0);
    assert_eq!(load(&mut disk, 0), None);
    drop(hangs);
    wait_for_the_writer(&disk);
    assert_eq!(load(&mut disk, 0), Some(page(0)));
}

/// What stands where a page should be, or where one will be written.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path())).unwrap();
    save(&mut disk, 0);
    wait_for_the_writer(&disk);
    let fifo = |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let path = disk.folder.join(name_of(chain(0)));
    fs::remove_file(&path).unwrap();
    fifo(&path);
    assert_eq!(load(&mut disk, 0), None);
    assert!(!disk.is_saved(chain(0)), "forgotten, and so answered at once");
    fifo(&disk.folder.join(format!("{}.part", name_of(chain(1)))));
    save(&mut disk, 1);
    wait_for_the_writer(&disk);
    assert_eq!(load(&mut disk, 1), Some(page(1)));
    disk.finish();
}

#[cfg(unix)]
#[test]
fn folders_and_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(&folder.path().join("new"))).unwrap();
    save(&mut disk, 0);
    disk.finish();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(&folder.path().join("new")), mode(&disk.folder)], [0o700; 2]);
    let mut files = pages_in(&disk.folder);
    files.push(disk.folder.with_extension("lock"));
    assert_eq!(files.iter().map(|path| mode(path)).collect::<Vec<_>>(), [0o600; 2], "{files:?}");
}

/// A model that is not computed with.
struct Still;

impl PageArena for Still {
    fn page_bytes(&self) -> usize {
        PAGE_BYTES
    }
    fn copy_page(&mut self, _from: PageId, _to: PageId) {}
    fn read_page(&self, _page: PageId, out: &mut [u8]) {
        out.fill(1);
    }
    fn write_page(&mut self, _page: PageId, _bytes: &[u8]) {}
}

impl Forward for Still {
    fn n_vocab(&self) -> usize {
        1
    }
    fn context_len_max(&self) -> usize {
        1
    }
    fn n_pages(&self) -> usize {
        1
    }
    fn n_states(&self) -> usize {
        0
    }
    fn copy_state(&mut self, from: StateId, to: StateId) {
        unreachable!("no state {from:?} for {to:?}");
    }
    fn step_rows_max(&self) -> usize {
        1
    }
    fn n_layers(&self) -> usize {
        1
    }
    fn width(&self) -> usize {
        1
    }
    fn attention_window(&self) -> Option<AttentionWindow> {
        None
    }
    fn forward(&mut self, _step: &Step<'_>, _logits: &mut Logits) {}
}

/// Whoever comes while an idle engine saves its cache does not wait for a slow disk.
#[test]
fn an_idle_engine_saves_what_the_disk_takes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Mutex::new(()));
    let storage = Arc::new(Hanging { gate: Arc::clone(&gate) });
    let cache = DiskCache { bytes_max: 1 << 20, ..cache(folder.path()) };
    let disk = Disk::open_on(&cache, storage).unwrap();
    let mut memory = Memory { swap: Swap::new(0), disk: Some(disk), copy_us: None, is_behind: false };
    let save_all = |memory: &mut Memory| {
        for i in 0..200 {
            let key = PageKey { chain: chain(i), tokens: &tokens(i) };
            memory.of(&mut Still, &|| Duration::ZERO).idle().save(PageId(0), key, 1e9);
        }
        memory.was_behind()
    };
    let hangs = gate.lock().unwrap();
    let start = std::time::Instant::now();
    assert!(save_all(&mut memory), "some are left for later");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    drop(hangs);
    while save_all(&mut memory) {
        thread::yield_now();
    }
    memory.finish();
    assert_eq!(n_pages(&memory.disk.unwrap().folder), 200);
}
