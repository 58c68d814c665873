//! Files that Hugging Face's own programs have already downloaded are used where they lie.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use hub::{Error, Resolved};
use testkit::Loopback;

use crate::fixture::{Fixture, model_bytes, sha256};

const SOURCE: &str =
    "[[model.source]]\nkind = 'hugging-face'\nrepository = 'org/repo'\nrevision = 'pinned'\nfile = 'sub/m.gguf'\n";

/// A cache with one snapshot of `bytes`, laid out as `huggingface_hub` does.
fn cached(fixture: &mut Fixture, bytes: &[u8], commit: &str) -> PathBuf {
    let cache = fixture.path("cache");
    fixture.settings.hugging_face_cache = Some(cache.clone());
    let root = cache.join("models--org--repo");
    for folder in ["blobs", "refs", &format!("snapshots/{commit}/sub")] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("blobs").join(sha256(bytes)), bytes).unwrap();
    fs::write(root.join("refs/main"), commit).unwrap();
    let path = root.join(format!("snapshots/{commit}/sub/m.gguf"));
    symlink(format!("../../../blobs/{}", sha256(bytes)), &path).unwrap();
    path
}

#[test]
fn a_cached_file_is_used_in_place() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(1, 5000));
    let path = cached(&mut fixture, &bytes, "c0ffee");
    let server = Loopback::start(|_| testkit::Answer::status(500));
    fixture.settings.hugging_face_endpoint = server.url("");
    assert_eq!(fixture.hub().resolve("hf:org/repo/sub/m.gguf").unwrap(), Resolved::File(path.clone()));
    assert_eq!(fixture.hub().resolve("hf:org/repo@c0ffee/sub/m.gguf").unwrap(), Resolved::File(path.clone()));
    assert_eq!(fixture.hub().resolve("hf:ORG/repo").unwrap(), Resolved::File(path.clone()), "its only model");
    assert!(matches!(fixture.hub().resolve("hf:org/repo:Q4_K_M"), Err(Error::NotInstalled { .. })));
    assert!(matches!(fixture.hub().resolve("hf:org/repo@other/sub/m.gguf"), Err(Error::NotInstalled { .. })));
    fixture.catalogue(&bytes, SOURCE);
    assert_eq!(fixture.pull("made:up").0.unwrap(), path);
    assert!(server.requests().is_empty() && fixture.files().is_empty());
}

#[test]
fn a_cached_file_with_spaces_and_signs_in_its_name() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(1, 5000));
    let plain = cached(&mut fixture, &bytes, "c0ffee");
    let path = plain.with_file_name("My Model+v1.gguf");
    fs::rename(plain, &path).unwrap();
    for reference in ["hf:org/repo/sub/My Model+v1.gguf", "hf:org/repo/sub/My%20Model+v1.gguf"] {
        assert_eq!(fixture.hub().resolve(reference).unwrap(), Resolved::File(path.clone()), "{reference}");
    }
}

#[test]
fn a_cached_file_must_be_the_one_that_the_catalogue_means() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(1, 5000));
    let path = cached(&mut fixture, &bytes, "c0ffee");
    fixture.catalogue(&model_bytes(2, 5000), SOURCE);
    assert!(matches!(fixture.hub().resolve("made:up"), Err(Error::NotInstalled { .. })));
    // A file that is no link, as on systems without them, is hashed.
    fixture.catalogue(&bytes, SOURCE);
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(fixture.hub().resolve("made:up").unwrap(), Resolved::File(path.clone()));
    fs::write(&path, model_bytes(3, 5000)).unwrap();
    assert!(matches!(fixture.hub().resolve("made:up"), Err(Error::NotInstalled { .. })));
}

#[test]
fn a_cached_file_is_not_removed() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(1, 5000));
    let path = cached(&mut fixture, &bytes, "c0ffee");
    let error = fixture.hub().remove("hf:org/repo/sub/m.gguf").unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }) && error.to_string().contains("Hugging Face"), "{error}");
    assert!(path.exists());
}

#[test]
fn a_branch_name_in_the_cache_cannot_lead_out_of_it() {
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(1, 5000));
    let path = cached(&mut fixture, &bytes, "c0ffee");
    let root = fixture.path("cache/models--org--repo");
    fs::create_dir_all(fixture.path("evil/sub")).unwrap();
    fs::write(fixture.path("evil/sub/m.gguf"), model_bytes(2, 10)).unwrap();
    fs::write(root.join("refs/main"), "../../../evil").unwrap();
    assert_eq!(fixture.hub().resolve("hf:org/repo/sub/m.gguf").unwrap(), Resolved::File(path));
}
