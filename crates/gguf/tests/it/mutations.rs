//! Broken bytes are refused or harmless; never a panic.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::write::{everything, sample};

proptest! {
    #[test]
    fn mutated_files_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sample(&everything());
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        gguf::oracle(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        gguf::oracle(&bytes);
    }

    #[test]
    fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        gguf::oracle(&bytes);
        bytes.splice(0..0, *b"GGUF\x03\0\0\0");
        gguf::oracle(&bytes);
    }
}

#[test]
fn inputs_that_once_broke_a_parser_do_not_any_more() {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let cases = entries(&testkit::data("regressions")).into_iter().filter(|path| path.is_dir());
    let files = cases.flat_map(|case| entries(&case)).filter(|file| file.extension().is_some_and(|e| e == "gguf"));
    let mut n = 0;
    for file in files {
        gguf::oracle(&std::fs::read(&file).unwrap());
        n += 1;
    }
    assert_eq!(n, 7);
}

#[cfg(unix)]
#[test]
fn things_that_are_no_files_are_refused_at_once() {
    for path in ["/", "/dev/zero", "/dev/null"] {
        let error = gguf::Container::open(path.as_ref()).map(drop).unwrap_err().to_string();
        assert!(error.starts_with(path) && error.contains("not a regular file"), "{error}");
    }
}
