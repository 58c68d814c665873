//! Downloads by HTTP.

use std::{fs, ops::ControlFlow, path::Path};

use hub::{Error, Hub, Progress, Resolved};

use crate::server::Server;

/// The SHA-256 of [`content`], as `sha256sum` gives it for the same bytes.
fn content() -> Vec<u8> {
    testkit::Rng::new(7).bytes(300_000)
}

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());

/// A hub whose own catalogue names the server's file as `test:PATH`, right or wrong as `sha256` is.
fn hub(home: &Path, server: &Server, paths: &[&str], sha256: &str) -> Hub {
    let sources: String =
        paths.iter().map(|p| format!("[[model.source]]\nkind = \"url\"\nurl = \"{}/{p}\"\n", server.url)).collect();
    let entry = format!(
        "[[model]]\nname = \"test:model\"\nabout = \"\"\nfile = \"m.gguf\"\nbytes = 300000\nsha256 = \"{sha256}\"\nlicence = \"\"\n{sources}"
    );
    fs::create_dir_all(home).unwrap();
    fs::write(home.join("catalogue.toml"), entry).unwrap();
    Hub::new(home.to_owned(), None, &server.url, false)
}

fn sha256() -> String {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(content());
    // What a pull without expectations records.
    let hub = Hub::new(folder.path().to_owned(), None, &server.url, false);
    hub.pull(&format!("{}/whole/m.gguf", server.url), &mut |_| GO_ON).unwrap();
    hub.installed().unwrap()[0].sha256.clone()
}

fn files(home: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(home.join("models/test-model"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.file_name().into_string().unwrap())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_comes_whole_and_is_there_afterwards() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content()));
    let hub = hub(folder.path(), &server, &["whole"], &sha256());
    assert!(matches!(hub.resolve("test:model"), Err(Error::NotInstalled { .. })));
    let mut last = Progress { bytes: 0, total: None };
    let pulled = hub.pull("test:model", &mut |progress| {
        assert!(progress.bytes > last.bytes);
        last = progress;
        GO_ON
    });
    let Resolved::File(path) = pulled.unwrap() else { panic!("not a file") };
    assert_eq!(fs::read(&path).unwrap(), content());
    assert_eq!(last, Progress { bytes: 300_000, total: Some(300_000) });
    assert_eq!(hub.resolve("test:model").unwrap(), Resolved::File(path));
    hub.pull("test:model", &mut |_| GO_ON).unwrap();
    assert_eq!(server.n_requests(), 1, "what is here is not fetched again");
    assert_eq!(files(folder.path()), ["m.gguf", "origin.json"]);
    assert_eq!(hub.remove("test:model").unwrap(), 300_000);
    assert!(files(folder.path()).is_empty() && matches!(hub.remove("test:model"), Err(Error::NotInstalled { .. })));
}

#[test]
fn a_cut_download_is_resumed() {
    for second in ["whole", "no-range"] {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content()));
        let sha256 = sha256();
        let error = hub(folder.path(), &server, &["cut"], &sha256).pull("test:model", &mut |_| GO_ON).unwrap_err();
        assert!(matches!(error, Error::AllSources { .. }), "{error}");
        assert_eq!(files(folder.path()), ["m.gguf.part"]);
        let mut first = None;
        let resumed = hub(folder.path(), &server, &[second], &sha256).pull("test:model", &mut |progress| {
            first.get_or_insert(progress.bytes);
            GO_ON
        });
        let Resolved::File(path) = resumed.unwrap() else { panic!("not a file") };
        assert_eq!(fs::read(path).unwrap(), content());
        assert_eq!(first.unwrap() > 150_000, second == "whole", "{second}: went on at {first:?}");
        assert_eq!(files(folder.path()), ["m.gguf", "origin.json"]);
    }
}

#[test]
fn wrong_bytes_leave_nothing_and_the_next_source_is_tried() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content()));
    let error = hub(folder.path(), &server, &["wrong", "missing", "loop"], &sha256())
        .pull("test:model", &mut |_| GO_ON)
        .unwrap_err()
        .to_string();
    for word in ["SHA-256", "404", "test:model"] {
        assert!(error.contains(word), "{word:?} is missing in {error}");
    }
    assert!(files(folder.path()).iter().all(|f| f != "m.gguf"), "{:?}", files(folder.path()));
    hub(folder.path(), &server, &["wrong", "missing", "whole"], &sha256()).pull("test:model", &mut |_| GO_ON).unwrap();
    assert_eq!(files(folder.path()), ["m.gguf", "origin.json"]);
}

#[test]
fn a_cancelled_pull_can_go_on_and_two_at_once_do_not_meet() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content()));
    let hub = hub(folder.path(), &server, &["whole"], &sha256());
    let other = hub.clone();
    let cancelled = hub.pull("test:model", &mut |_| {
        assert!(matches!(other.pull("test:model", &mut |_| GO_ON), Err(Error::Busy(_))));
        ControlFlow::Break(())
    });
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    assert_eq!(files(folder.path()), ["m.gguf.part"]);
    hub.pull("test:model", &mut |_| GO_ON).unwrap();
    assert_eq!(files(folder.path()), ["m.gguf", "origin.json"]);
}

#[test]
fn offline_touches_no_network() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content()));
    let online = hub(folder.path(), &server, &["whole"], &sha256());
    let offline = Hub::new(folder.path().to_owned(), None, &server.url, true);
    assert!(matches!(offline.pull("test:model", &mut |_| GO_ON), Err(Error::Offline(_))));
    assert_eq!(server.n_requests(), 0);
    online.pull("test:model", &mut |_| GO_ON).unwrap();
    offline.pull("test:model", &mut |_| GO_ON).unwrap();
}

#[test]
fn files_of_hugging_face_repositories_and_its_cache() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(content()));
    let cache = folder.path().join("cache");
    let hub = Hub::new(folder.path().join("home"), Some(cache.clone()), &server.url, false);
    let Resolved::File(path) = hub.pull("hf:org/repo/whole.gguf", &mut |_| GO_ON).unwrap() else {
        panic!("not a file")
    };
    assert_eq!(fs::read(path).unwrap(), content());
    let snapshot = cache.join("models--org--other/snapshots/abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(snapshot.join("m.gguf"), b"cached").unwrap();
    assert_eq!(hub.resolve("hf:org/other/m.gguf").unwrap(), Resolved::File(snapshot.join("m.gguf")));
}
