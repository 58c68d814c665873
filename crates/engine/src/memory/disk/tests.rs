use model::TokenId;

use super::*;
use crate::CacheScope;

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

fn save(disk: &mut Disk, i: u32) {
    disk.save(PageKey { chain: chain(i), tokens: &tokens(i) }, &page(i), true);
}

fn load(disk: &mut Disk, i: u32) -> Option<Box<[u8]>> {
    disk.load(PageKey { chain: chain(i), tokens: &tokens(i) })
}

#[test]
fn pages_outlive_the_process_and_only_serve_their_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path()), PAGE_BYTES).unwrap();
    (0..5).for_each(|i| save(&mut disk, i));
    drop(disk);
    let mut disk = Disk::open(&cache(folder.path()), PAGE_BYTES).unwrap();
    assert!((0..5).all(|i| disk.has(chain(i)) && load(&mut disk, i) == Some(page(i))));
    let other = DiskCache { model: [8; 32], ..cache(folder.path()) };
    assert!(!Disk::open(&other, PAGE_BYTES).unwrap().has(chain(0)));
}

#[test]
fn pages_of_an_owner_who_is_gone_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let chain_of = |owner: u64, i: u32| ChainKey::root(CacheScope(u128::from(owner) << 64 | 5)).then(&tokens(i));
    let of = |owners: &[u64]| DiskCache { owners: Some(owners.to_vec()), ..cache(folder.path()) };
    let mut disk = Disk::open(&of(&[0, 1, 2]), PAGE_BYTES).unwrap();
    for owner in 0..3 {
        let key = PageKey { chain: chain_of(owner, 3), tokens: &tokens(3) };
        assert_eq!(key.chain.owner(), owner);
        disk.save(key, &page(3), true);
    }
    drop(disk);
    let disk = Disk::open(&of(&[0, 2]), PAGE_BYTES).unwrap();
    assert_eq!([0, 1, 2].map(|owner| disk.has(chain_of(owner, 3))), [true, false, true]);
    assert_eq!(fs::read_dir(&disk.folder).unwrap().count(), 2);
}

#[test]
fn the_oldest_files_go_when_the_folder_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path()), PAGE_BYTES).unwrap();
    (0..40).for_each(|i| save(&mut disk, i));
    disk.finish();
    assert!(!disk.has(chain(0)) && disk.has(chain(39)));
    let on_disk: u64 = fs::read_dir(&disk.folder).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(on_disk <= 20_000, "{on_disk} bytes");
}

#[test]
fn files_that_are_not_whole_are_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&cache(folder.path()), PAGE_BYTES).unwrap();
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
    let mut disk = Disk::open(&cache(folder.path()), PAGE_BYTES).unwrap();
    for i in 0..3 {
        assert!(disk.has(chain(i)));
        assert_eq!(load(&mut disk, i), None, "page {i}");
        assert!(!disk.has(chain(i)), "page {i} is forgotten");
    }
    disk.finish();
    assert_eq!(fs::read_dir(&disk.folder).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Disk::open(&cache(file.path()), PAGE_BYTES).err().unwrap();
    assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
}
