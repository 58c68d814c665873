#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| convert::safetensors::oracle(data));
