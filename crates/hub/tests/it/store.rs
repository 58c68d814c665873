//! What is installed, and what may be removed.

use std::{fs, os::unix::fs::symlink};

use hub::{Error, Event, Hub, Resolved};

use crate::fixture::{Fixture, model_bytes, sha256};

const HERE: &str = "[[model.source]]\nkind = 'path'\npath = 'here.bin'\n";

fn with_model() -> (Fixture, Vec<u8>) {
    let (fixture, bytes) = (Fixture::new(), model_bytes(1, 4000));
    fs::write(fixture.path("home/here.bin"), &bytes).unwrap();
    fixture.catalogue(&bytes, HERE);
    (fixture, bytes)
}

#[test]
fn a_model_comes_is_listed_and_goes() {
    let (fixture, bytes) = with_model();
    let hub = fixture.hub();
    assert_eq!(hub.installed().unwrap(), []);
    assert!(matches!(hub.resolve("made:up"), Err(Error::NotInstalled { .. })));
    let path = fixture.pull("made").0.unwrap();
    assert_eq!(hub.resolve("Made:Up").unwrap(), Resolved::File(path.clone()));
    let installed = hub.installed().unwrap();
    assert_eq!(installed.len(), 1);
    let model = &installed[0];
    assert_eq!((model.name.as_str(), &model.path, model.bytes), ("made:up", &path, 4000));
    assert_eq!(model.sha256, sha256(&bytes));
    assert!(model.source.ends_with("here.bin") && model.modified.is_some());
    assert!(fixture.pull("made:up").1.is_empty(), "nothing to do");
    assert_eq!(hub.remove("made").unwrap(), 4000);
    assert!(!path.parent().unwrap().exists() && fixture.path("home/here.bin").exists());
    assert!(matches!(hub.remove("made:up"), Err(Error::NotInstalled { .. })));
}

#[test]
fn a_file_of_the_wrong_size_is_not_the_model() {
    let (fixture, bytes) = with_model();
    let path = fixture.pull("made:up").0.unwrap();
    fs::write(&path, &bytes[..100]).unwrap();
    assert!(matches!(fixture.hub().resolve("made:up"), Err(Error::NotInstalled { .. })));
    fixture.pull("made:up").0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
}

#[test]
fn what_was_not_pulled_is_not_removed() {
    let (fixture, bytes) = with_model();
    let hub = fixture.hub();
    let file = fixture.path("mine.gguf");
    fs::write(&file, &bytes).unwrap();
    let not_ours = |reference: &str| {
        let error = hub.remove(reference).unwrap_err();
        assert!(matches!(error, Error::NotOurs { .. }), "{reference}: {error}");
    };
    not_ours(file.to_str().unwrap());
    not_ours("stories260k");
    // A folder of the store that is a link leads to somebody else's files.
    let path = fixture.pull("made:up").0.unwrap();
    let folder = path.parent().unwrap();
    fs::rename(folder, fixture.path("elsewhere")).unwrap();
    symlink(fixture.path("elsewhere"), folder).unwrap();
    not_ours("made:up");
    assert!(fixture.path("elsewhere/m.gguf").exists() && file.exists());
    assert!(matches!(hub.remove("no-such-model"), Err(Error::Unknown { .. })));
    assert!(matches!(hub.remove("../home"), Err(Error::NotAFile { .. } | Error::NoFile(_))));
}

#[test]
fn an_edited_record_cannot_reach_other_files() {
    let (fixture, _) = with_model();
    let path = fixture.pull("made:up").0.unwrap();
    let victim = fixture.path("home/victim.gguf");
    fs::write(&victim, b"mine").unwrap();
    let record = path.with_file_name("origin.json");
    let text = fs::read_to_string(&record).unwrap().replace("m.gguf", "../../victim.gguf");
    fs::write(&record, text).unwrap();
    assert_eq!(fixture.hub().installed().unwrap(), []);
    fixture.hub().remove("made:up").unwrap();
    assert!(victim.exists() && !path.exists());
}

#[test]
fn other_files_in_a_models_folder_stay() {
    let (fixture, _) = with_model();
    let path = fixture.pull("made:up").0.unwrap();
    fs::write(path.with_file_name("notes.txt"), b"mine").unwrap();
    fixture.hub().remove("made:up").unwrap();
    assert!(!path.exists() && path.with_file_name("notes.txt").exists());
}

#[test]
fn a_part_that_is_a_link_is_not_written_through() {
    let (fixture, bytes) = with_model();
    let victim = fixture.path("victim");
    fs::write(&victim, b"mine").unwrap();
    let folder = fixture.settings.home.join("models/made+up");
    fs::create_dir_all(&folder).unwrap();
    symlink(&victim, folder.join("m.gguf.part")).unwrap();
    let path = fixture.pull("made:up").0.unwrap();
    assert!(fs::read(path).unwrap() == bytes && fs::read(victim).unwrap() == b"mine");
}

#[test]
fn a_model_that_left_the_catalogue_can_still_be_removed() {
    let (fixture, _) = with_model();
    let path = fixture.pull("made:up").0.unwrap();
    fs::remove_file(fixture.path("home/catalogue.toml")).unwrap();
    // What is listed can be used, whatever the catalogue says meanwhile.
    assert_eq!(fixture.hub().resolve("made:up").unwrap(), Resolved::File(path.clone()));
    fixture.hub().remove("made:up").unwrap();
    assert!(!path.exists());
}

#[test]
fn a_copy_is_a_model_of_its_own() {
    let (fixture, bytes) = with_model();
    let hub = fixture.hub();
    let path = fixture.pull("made:up").0.unwrap();
    hub.copy("made", "Mine:small").unwrap();
    let Resolved::File(copy) = hub.resolve("mine:SMALL").unwrap() else { panic!("a file") };
    assert!(copy != path && fs::read(&copy).unwrap() == bytes);
    let installed = hub.installed().unwrap();
    let names: Vec<_> = installed.iter().map(|m| (m.name.as_str(), m.sha256.as_str())).collect();
    let hash = sha256(&bytes);
    assert_eq!(names, [("made:up", hash.as_str()), ("mine:small", hash.as_str())]);
    // Each can go without the other.
    hub.remove("made:up").unwrap();
    assert!(fs::read(&copy).unwrap() == bytes);
    hub.remove("mine:small").unwrap();
    assert!(!copy.exists() && hub.installed().unwrap().is_empty());
    // A file from elsewhere, and the model in the program.
    let file = fixture.path("own model.gguf");
    fs::write(&file, &bytes).unwrap();
    hub.copy(file.to_str().unwrap(), "own").unwrap();
    fs::write(&file, b"changed").unwrap();
    let Resolved::File(copy) = hub.resolve("own:latest").unwrap() else { panic!("a file") };
    assert!(fs::read(copy).unwrap() == bytes);
    hub.copy("stories260k", "story").unwrap();
    assert!(matches!(hub.resolve("story"), Ok(Resolved::File(p)) if fs::read(&p).unwrap() == hub::embedded()));
    for (name, why) in [("own", "is here"), ("made", "catalogue"), ("stories260k", "catalogue"), ("a/b", "letters")] {
        let error = hub.copy("own", name).unwrap_err().to_string();
        assert!(error.contains(why), "{name}: {error}");
    }
    assert!(matches!(hub.copy("made:up", "other"), Err(Error::NotInstalled { .. })));
    assert_eq!(fixture.files(), ["own/own model.gguf", "story/stories260k.gguf"]);
}

#[test]
fn terms_come_once_before_the_first_source() {
    let (fixture, bytes) = with_model();
    fixture.catalogue(&bytes, &format!("terms = 'be good'\n{HERE}"));
    let (result, events) = fixture.pull("made:up");
    result.unwrap();
    assert_eq!(events[0], "terms: be good");
    assert_eq!(events.iter().filter(|e| e.starts_with("terms")).count(), 1);
    assert!(events[1].starts_with("trying"));
    // Broken off at the terms, nothing is fetched.
    fixture.hub().remove("made:up").unwrap();
    let refused = fixture.hub().pull("made:up", &mut |event| match event {
        Event::About { .. } => std::ops::ControlFlow::Continue(()),
        Event::Terms { .. } => std::ops::ControlFlow::Break(()),
        _ => panic!("{event:?}"),
    });
    assert!(matches!(refused, Err(Error::Cancelled)));
}

#[test]
fn a_broken_catalogue_is_named() {
    let (fixture, _) = with_model();
    for text in ["[[model]]\nname = 1\n", "nonsense", "[[modle]]\n"] {
        fs::write(fixture.path("home/catalogue.toml"), text).unwrap();
        let error = Hub::new(fixture.settings.clone()).unwrap_err();
        assert!(matches!(error, Error::Catalogue { .. }), "{error}");
        assert!(!error.to_string().contains('\n') && error.to_string().contains("catalogue.toml"), "{error}");
    }
    let embedded = format!(
        "[[model]]\nname='stories260k'\nabout=''\nfile='m.gguf'\nbytes=1\nsha256='{}'\nlicence=''\n",
        "0".repeat(64)
    );
    fs::write(fixture.path("home/catalogue.toml"), embedded).unwrap();
    assert!(matches!(Hub::new(fixture.settings.clone()), Err(Error::Catalogue { .. })));
}
