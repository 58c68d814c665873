//! What `specs/gguf_scalars.vibee` judges: `cargo xtask specs`.

use gguf::{TypeId, for_specs};
use serde_json::{Map, Value, json};
use testkit::runner::{Reply, to_int};

fn main() {
    testkit::answer_specs(&["gguf_scalars"], call);
}

fn call(function: &str, args: &Map<String, Value>) -> Option<Reply> {
    let number = |name: &str| word(args.get(name)?);
    match function {
        "gguf_scalars.alignment" => {
            let named = match args.get("named")? {
                Value::Null => None,
                named => Some(u32::try_from(to_int(named.get("some")?)?).ok()?),
            };
            Some(for_specs::alignment(named).map_or(Reply::Err(json!("no_power_of_two")), |of| Reply::Ok(json!(of))))
        }
        "gguf_scalars.end_of" => {
            let tensors = args.get("tensors")?.as_array()?.iter();
            let tensors: Option<Vec<(u64, u64)>> =
                tensors.map(|of| Some((word(of.get("offset")?)?, word(of.get("bytes")?)?))).collect();
            let end = for_specs::end_of(&tensors?, number("data_offset")?, number("alignment")?, number("file_bytes")?);
            let words =
                [("overflows", "overflows"), ("but the file has", "beyond_the_file"), (", expected", "not_next")];
            reply(end, &words)
        }
        "gguf_scalars.bytes_of" => {
            let dims: Option<Vec<u64>> = args.get("dims")?.as_array()?.iter().map(word).collect();
            let id = match args.get("of")?.as_str()? {
                "f32" => 0,
                "f16" => 1,
                "q4_0" => 2,
                "q8_0" => 8,
                "q4_k" => 12,
                "f64" => 28,
                _ => return None,
            };
            let words =
                [("has no weights", "empty"), ("needs a multiple", "no_whole_blocks"), ("overflows", "overflows")];
            reply(TypeId(id).bytes_of(&dims?), &words)
        }
        _ => None,
    }
}

/// A size, or the word for what its error says.
fn reply(size: Result<u64, String>, words: &[(&str, &str)]) -> Option<Reply> {
    match size {
        Ok(size) => Some(Reply::Ok(json!(format!("{size:016x}")))),
        Err(what) => words.iter().find(|(said, _)| what.contains(said)).map(|(_, word)| Reply::Err(json!(word))),
    }
}

/// A number of 64 bits, which the protocol writes in hexadecimal digits.
fn word(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?, 16).ok()
}
