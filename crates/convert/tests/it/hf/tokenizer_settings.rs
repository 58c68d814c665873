//! Ids of converted folders equal those of the `tokenizers` package, text by text, and decode back.

use convert::{Source, hf::HuggingFace};
use gguf::Metadata;
use serde_json::Value;
use tokenizer::{ControlTokens, Detokenizer, TokenId, Tokenizer};

use super::{support::Folder, tokenizers::model};

fn read(name: &str) -> Value {
    let file = testkit::data("tokenizer-settings").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()
}

/// Makes the folder of a setting, around the smallest model that has its vocabulary.
fn folder(setting: &Value) -> Folder {
    let folder = model(setting["n_vocab"].as_u64().unwrap() as usize);
    for (name, content) in setting["files"].as_object().unwrap() {
        match content.as_str() {
            Some(text) => std::fs::write(folder.file(name), text).unwrap(),
            None => folder.write_json(name, content),
        }
    }
    folder
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let mut ids = Vec::new();
    tokenizer.encode(text, ControlTokens::Parse, false, &mut ids);
    ids
}

fn check(name: &str) -> HuggingFace {
    let setting = read(name);
    let source = folder(&setting).open().unwrap_or_else(|e| panic!("{name}: {e}"));
    let tokenizer = Tokenizer::from_gguf(source.metadata()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (texts, rows) = (read("texts"), setting["texts"].as_array().unwrap());
    let texts = texts.as_array().unwrap();
    assert_eq!(texts.len(), rows.len());
    assert!(texts.len() >= 200);
    let added: Vec<&str> = setting["added"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    let mut wrong = Vec::new();
    for (i, (text, row)) in texts.iter().zip(rows).enumerate() {
        let mut text = text.as_str().unwrap().to_owned();
        for (place, content) in (1..).zip(&added) {
            text = text.replace(&format!("«{place}»"), content);
        }
        let ids = encode(&tokenizer, &text);
        let got = ids.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(" ");
        if got != row["ids"].as_str().unwrap() {
            wrong.push(format!("text {i} {text:?}\n   ids {got}\n  want {}", row["ids"].as_str().unwrap()));
            continue;
        }
        let expected = row["decoded"].as_str().unwrap_or(&text);
        let whole = String::from_utf8_lossy(&tokenizer.decode(&ids, true)).into_owned();
        let mut stream = String::new();
        let mut detokenizer = Detokenizer::from_start(&tokenizer).with_control(true);
        ids.iter().for_each(|id| detokenizer.push(*id, &mut stream));
        detokenizer.finish(&mut stream);
        if whole != expected || stream != whole {
            wrong.push(format!("text {i} {text:?}\n  decoded {whole:?}\n streamed {stream:?}\n     want {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{name}: {} of {} texts differ\n{}", wrong.len(), texts.len(), wrong.join("\n"));
    source
}

fn pre(metadata: &Metadata) -> Option<&str> {
    metadata.str("tokenizer.ggml.pre").unwrap()
}

macro_rules! settings {
    ($($test:ident $name:literal $pre:literal;)*) => {
        $(#[test] fn $test() { assert_eq!(pre(check($name).metadata()), Some($pre)); })*
    };
}

// Name of the file, and the name of the cuts in GGUF: "trinity" where only our key says them.
settings! {
    nfc_qwen2 "nfc-qwen2" "qwen2";
    gaps_removed "gaps-removed" "llama-bpe";
    words_kept "words-kept" "trinity";
    blanks_removed "blanks-removed" "trinity";
    merged_cuts "merged-cuts" "trinity";
    folded "folded" "gpt-2";
    metaspace_first "metaspace-first" "default";
    metaspace_always "metaspace-always" "default";
    metaspace_never "metaspace-never" "default";
    metaspace_first_stripped "metaspace-first-stripped" "default";
    prepended "prepended" "default";
    spaces_replaced "spaces-replaced" "default";
    vocab_files "vocab-files" "qwen2";
}

/// Folders of public bug reports about other programs, each with the ids that `tokenizers` or transformers gives.
#[test]
fn reported_folders() {
    for name in ["metaspace-first", "added-token-strip", "added-tokens-json"] {
        let case = testkit::data("regressions").join(name);
        let expected: Value = serde_json::from_slice(&std::fs::read(case.join("case.json")).unwrap()).unwrap();
        let ids = match &expected["expect"]["ids"] {
            Value::Object(files) => files.clone(),
            ids => [("text.txt".to_owned(), ids.clone())].into_iter().collect(),
        };
        let source = convert::hf::open(&case.join("model"), &convert::hf::HfOptions::default()).unwrap();
        let tokenizer = Tokenizer::from_gguf(source.metadata()).unwrap();
        for (file, expected) in ids {
            let text = std::fs::read_to_string(case.join(&file)).unwrap();
            let mut ids = Vec::new();
            tokenizer.encode(&text, ControlTokens::Parse, true, &mut ids);
            let expected: Vec<u64> = expected.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
            assert_eq!(ids.iter().map(|id| u64::from(id.0)).collect::<Vec<_>>(), expected, "{name}/{file}: {text:?}");
        }
    }
}
