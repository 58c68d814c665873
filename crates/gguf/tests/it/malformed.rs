//! Every file of `testdata/gguf-malformed` gets its manifest's verdict.

use gguf::{Container, Metadata, TensorSpec, TypeId, Writer};

/// Empty tensors take no bytes, so a file of 300 bytes could claim 2^62 rows for a loop over rows to walk.
#[test]
fn a_dimension_of_0_is_refused() {
    for type_id in [0, 35, 36, 39, 42, 135, 0x5452_0100] {
        let tensor = TensorSpec { name: "empty".to_owned(), dims: vec![256, 77], type_id: TypeId(0) };
        let mut writer = Writer::new(Vec::new(), &Metadata::default(), vec![tensor]).unwrap();
        writer.tensor(&vec![0; 256 * 77 * 4]).unwrap();
        let mut bytes = writer.finish().unwrap();
        let at = bytes.windows(8).position(|w| w == 77u64.to_le_bytes()).unwrap();
        for (dims, word) in [([0, 1 << 62], "dimension 0"), ([1 << 62, 0], "dimension 0")] {
            bytes[at - 8..at].copy_from_slice(&u64::to_le_bytes(dims[0]));
            bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(dims[1]));
            bytes[at + 8..at + 12].copy_from_slice(&u32::to_le_bytes(type_id));
            let error = Container::from_bytes("test", bytes.clone()).map(drop).unwrap_err().to_string();
            assert!(error.contains("tensor empty") && error.contains(word), "{error}");
        }
    }
}

#[test]
fn every_file_gets_its_verdict() {
    let manifest = testkit::read_json("gguf-malformed/manifest.json");
    let (mut n_accepted, mut n_refused) = (0, 0);
    for entry in manifest.as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let what = entry["what"].as_str().unwrap();
        let path = testkit::data("gguf-malformed").join(file);
        let from_bytes = Container::from_bytes(file, std::fs::read(&path).unwrap()).map(drop);
        let mapped = Container::open(&path).map(drop);
        assert_eq!(from_bytes.is_ok(), mapped.is_ok(), "{file}: bytes and map disagree");
        let expected = entry["expect"].as_str().unwrap();
        match &mapped {
            Ok(()) => {
                assert_ne!(expected, "reject", "{file} ({what}) was accepted");
                n_accepted += 1;
            }
            Err(error) => {
                n_refused += 1;
                let text = error.to_string();
                assert_ne!(expected, "valid", "{file} ({what}): {text}");
                assert!(text.contains(file) && !text.contains(char::is_control), "{file}: {text:?}");
            }
        }
    }
    assert!(
        n_accepted >= 2 && n_refused >= 68 && n_accepted + n_refused == 73,
        "{n_accepted} accepted, {n_refused} not"
    );
}
