//! What `specs/balanced_ternary.vibee` and `specs/trit_pack.vibee` judge: `cargo xtask specs`.

use quant::{Format, StoredMatrix, balanced_ternary, for_specs};
use serde_json::{Map, Value, json};
use testkit::runner::{Reply, int, to_int};

fn main() {
    testkit::answer_specs(&["balanced_ternary", "trit_pack"], call);
}

fn call(function: &str, args: &Map<String, Value>) -> Option<Reply> {
    let integer = |name: &str| to_int(args.get(name)?);
    let byte = || u8::try_from(integer("byte")?).ok();
    let answer = match function {
        "balanced_ternary.digits" => json!(balanced_ternary::digits(integer("n")?)),
        "balanced_ternary.value" => {
            let value = balanced_ternary::value(&small(args.get("digits")?)?);
            value.map_or(Value::Null, |value| json!({ "some": int(value) }))
        }
        "trit_pack.pack_five" => json!(for_specs::pack_five(small(args.get("trits")?)?.try_into().ok()?)),
        "trit_pack.unpack_five" => json!(for_specs::unpack_five(byte()?)),
        "trit_pack.pack_four" => json!(for_specs::pack_four(small(args.get("codes")?)?.try_into().ok()?)),
        "trit_pack.unpack_four" => json!(for_specs::unpack_four(byte()?)),
        "trit_pack.unpack_four_in_order" => json!(for_specs::unpack_four_in_order(byte()?)),
        "trit_pack.may_be_five" => json!(may_be("tq1_0", byte()?)?),
        "trit_pack.may_be_four" => json!(may_be("tq2_0", byte()?)?),
        _ => return None,
    };
    Some(Reply::Ok(answer))
}

/// Integers of 8 bits.
fn small(list: &Value) -> Option<Vec<i8>> {
    list.as_array()?.iter().map(|of| i8::try_from(to_int(of)?).ok()).collect()
}

/// Whether a block of `format` that begins with `byte` passes for one that a writer left. Its other bytes say −1 only,
/// and its scale, the last two, is 1.
fn may_be(format: &str, byte: u8) -> Option<bool> {
    let format = Format::from_name(format).ok()?;
    let n = format.block_len();
    let mut block = vec![0; format.tensor_bytes(1, n)?];
    *block.first_mut()? = byte;
    let (_, scale) = block.split_last_chunk_mut::<2>()?;
    *scale = [0x00, 0x3c];
    Some(StoredMatrix::new(format, 1, n, &block).ok()?.check_ternary(1).is_ok())
}
