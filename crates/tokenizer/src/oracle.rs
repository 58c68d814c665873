//! What a fuzzer calls.

use crate::{ControlTokens, Detokenizer, Tokenizer};
use gguf::Container;

/// Texts that try every branch of every pre-tokenizer.
const TEXTS: &[&str] = &[
    "",
    " ",
    "Hello, world's 12345!\r\n\n  é文\u{301}🦀 <s></s><unk><|im_end|>[MASK]\u{0}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Loads any bytes as a GGUF file, and its tokenizer if it has one, and runs texts through. Never panics; checks that a
/// stream is the whole.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let Ok(container) = Container::from_bytes("fuzz", data.to_vec()) else { return };
    let Ok(tokenizer) = Tokenizer::from_gguf(container.metadata()) else { return };
    for text in TEXTS {
        for control in [ControlTokens::Parse, ControlTokens::AsText] {
            let mut ids = Vec::new();
            tokenizer.encode(text, control, true, &mut ids);
            for with_control in [false, true] {
                let whole = tokenizer.decode(&ids, with_control);
                let mut stream = String::new();
                let mut detokenizer = Detokenizer::from_start(&tokenizer).with_control(with_control);
                for &id in &ids {
                    assert!((id.0 as usize) < tokenizer.n_vocab(), "id {} of {}", id.0, tokenizer.n_vocab());
                    detokenizer.push(id, &mut stream);
                }
                detokenizer.finish(&mut stream);
                assert_eq!(stream, String::from_utf8_lossy(&whole));
            }
        }
    }
}
