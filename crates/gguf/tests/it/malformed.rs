//! Every file of `shared/data/gguf-malformed` gets its manifest's verdict.

use gguf::Container;

#[test]
fn every_file_gets_its_verdict() {
    for entry in testkit::read_json("gguf-malformed/manifest.json").as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let what = entry["what"].as_str().unwrap();
        let path = testkit::shared("gguf-malformed").join(file);
        let from_bytes = Container::from_bytes(file, std::fs::read(&path).unwrap()).map(drop);
        let mapped = Container::open(&path).map(drop);
        assert_eq!(from_bytes.is_ok(), mapped.is_ok(), "{file}: bytes and map disagree");
        let expected = entry["expect"].as_str().unwrap();
        match &mapped {
            Ok(()) => assert_ne!(expected, "reject", "{file} ({what}) was accepted"),
            Err(error) => {
                let text = error.to_string();
                assert_ne!(expected, "valid", "{file} ({what}): {text}");
                assert!(text.contains(file) && !text.contains(char::is_control), "{file}: {text:?}");
            }
        }
    }
}
