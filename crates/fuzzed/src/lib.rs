//! What must hold for every input: the functions that fuzzing calls, by the names that `fuzz/targets.txt` lists with
//! the folders of their first inputs.

/// A function that panics if what must hold for every input does not.
pub type Check = fn(&[u8]);

/// All of them.
pub const CHECKS: &[(&str, Check)] = &[
    ("gguf_reader", gguf::oracle),
    ("tokenizer_loader", tokenizer::oracle),
    ("chat_template", chat::oracle),
    ("chat_output", chat::parser_oracle),
    ("safetensors", convert::safetensors::oracle),
    ("grammar", engine::grammar::oracle),
    ("kg_document", kg::fuzzed::document),
    ("kg_question", kg::fuzzed::question),
    ("kg_stored", kg::fuzzed::stored),
    ("vibee_reader", vibee::fuzzed::reader),
    ("vibee_expression", vibee::syntax::oracle),
    ("vibee_protocol", vibee::protocol::oracle),
    ("vibee_bytecode", vibee::bytecode::oracle),
];

/// The check of this name.
pub fn check(name: &str) -> Option<Check> {
    CHECKS.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}
