#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| chat::parser_oracle(data));
