//! A disk that is full, and a home that cannot be written.

use std::{env, fs, path::Path, process::Command};

use hub::{Error, Hub, Settings};

use crate::fixture::{Fixture, model_bytes, programs, url_source};

/// Variable that is set in the process that may write files of 64 KiB only.
const HOME: &str = "HUB_TEST_HOME_ON_FULL_DISK";

#[test]
fn a_full_disk_leaves_nothing() {
    if let Some(home) = env::var_os(HOME) {
        let hub = Hub::new(Settings::new(home)).unwrap();
        let error = hub.pull("made:up", &mut |_| std::ops::ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(error, Error::DiskFull { bytes: Some(300_000), .. }), "{error}");
        return;
    }
    let _alone = programs();
    let (fixture, bytes) = (Fixture::new(), model_bytes(1, 300_000));
    let server = testkit::Loopback::start({
        let bytes = bytes.clone();
        move |request| testkit::Answer::file(request, &bytes, "\"1\"")
    });
    fixture.catalogue(&bytes, &url_source(&server.url("/m.gguf")));
    // The limit on file sizes stands for the full disk; its signal is ignored, so that the write fails instead.
    let output = Command::new("/bin/sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" --exact disk::a_full_disk_leaves_nothing"])
        .arg(env::current_exe().unwrap())
        .env(HOME, &fixture.settings.home)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(fixture.files(), [""; 0]);
    // With room again it works.
    assert!(fs::read(fixture.pull("made:up").0.unwrap()).unwrap() == bytes);
}

#[test]
fn a_home_that_is_a_file_is_named() {
    let mut fixture = Fixture::new();
    let file = fixture.path("a-file");
    fs::write(&file, b"").unwrap();
    fixture.settings.home = file.clone();
    let error = fixture.pull("smollm2:135m").0.unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.starts_with(&file)), "{error}");
    assert!(!error.to_string().contains('\n'));
    // Looking is no writing.
    fixture.settings.home = Path::new("/nowhere/at/all").to_owned();
    assert_eq!(fixture.hub().installed().unwrap(), []);
    assert!(matches!(fixture.hub().resolve("smollm2"), Err(Error::NotInstalled { .. })));
}
