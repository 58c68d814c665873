//! What holds of the protocol for any bytes: a fuzz target and a test ask it.

use super::{Reply, Session};
use crate::{
    check, order, reader, schema,
    source::Sources,
    spec::Spec,
    typed::{FunctionId, Program},
    value::Value,
};

/// Functions that return a value of every kind of type.
const SPEC: &str = "vibee: 3
name: kinds
version: 1.0.0
types:
  Level: Int(0..9)
  Word: { base: String, where: value != \"\" }
  Point: { fields: { x: Float, y: F32 } }
  Shape: { enum: [none, { circle: { at: Point, of: List<Shape> } }] }
extern:
  - { name: level, params: {}, returns: Level }
  - { name: word, params: {}, returns: Word }
  - { name: shape, params: {}, returns: Shape }
  - { name: outcome, params: {}, returns: \"Result<Option<(Bool, U64)>, Shape>\" }
  - { name: gathered, params: {}, returns: \"Map<String, Set<Int>>\" }
  - { name: digits, params: {}, returns: \"List<(Trit, Tryte<3>, Bytes)>\" }
";

/// Gives the program that lines are read for.
///
/// # Panics
///
/// If its specification has a mistake.
pub(super) fn program() -> Program {
    let mut sources = Sources::default();
    let mut specs: Vec<Spec> = Vec::new();
    let std =
        crate::standard::MODULES.iter().filter(|module| module.is_prelude).map(|module| (module.name, module.text));
    for (name, text) in std.chain([("kinds.vibee", SPEC)]) {
        let file = sources.add(name, text);
        let (document, mut diagnostics) = reader::read(&sources, file);
        specs.extend(schema::spec(&document, &mut diagnostics));
    }
    let (program, diagnostics) = check::check(&sources, &specs, 1);
    let errors: Vec<_> = diagnostics.iter().filter(|found| found.code.starts_with('E')).collect();
    assert!(errors.is_empty(), "{errors:?}");
    program
}

/// Reads each line of `data` as an answer to each request. What is taken is of its declared type: it is written and
/// read back as the same value.
///
/// # Panics
///
/// If that does not hold.
pub fn oracle(data: &[u8]) {
    thread_local! {
        static PROGRAM: Program = program();
    }
    PROGRAM.with(|program| {
        let session = Session::new(program);
        for line in String::from_utf8_lossy(data).lines() {
            if let Err(complaint) = session.read_hello(0, line) {
                assert!(complaint.message.chars().count() < 2_000, "{complaint}");
            }
            for at in 0..program.functions.len() {
                let function = FunctionId(at as u32);
                let of = program.function(function);
                if of.body.is_some() {
                    continue;
                }
                if let Ok(Reply::Value(value)) = session.read_reply(0, function, line) {
                    assert!(is_read_back(program, &of.returns, &value), "{line}");
                }
            }
        }
    });
}

fn is_read_back(program: &Program, ty: &crate::types::Type, value: &Value) -> bool {
    let Ok(json) = crate::json::to_json(program, ty, value) else { return false };
    crate::json::from_json(program, ty, &json).is_ok_and(|again| order::same(&again, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Fault;

    fn reply(name: &str, line: &str) -> Result<Reply, super::super::Complaint> {
        let program = program();
        let function = program.find("kinds", name).unwrap();
        Session::new(&program).read_reply(7, function, line)
    }

    #[test]
    fn answers_are_of_the_declared_type() {
        for (name, line) in [
            ("level", r#"{"id":7,"ok":9}"#),
            ("word", r#"{"id":7,"ok":"a"}"#),
            ("shape", r#"{"id":7,"ok":{"circle":{"at":{"x":"NaN","y":-0.5},"of":["none"]}}}"#),
            ("outcome", r#"{"id":7,"ok":null}"#),
            ("outcome", r#"{"id":7,"ok":{"some":[true,"ff"]}}"#),
            ("outcome", r#"{"id":7,"err":"none"}"#),
            ("gathered", r#"{"id":7,"ok":[["a",[1,"9007199254740993"]]]}"#),
            ("digits", r#"{"id":7,"ok":[[-1,13,"00ff"]]}"#),
        ] {
            let given = reply(name, line);
            assert!(matches!(given, Ok(Reply::Value(_))), "{name} {line}: {given:?}");
            oracle(line.replace(":7", ":0").as_bytes());
        }
        assert!(matches!(reply("level", r#"{"id":7,"fault":"overflow"}"#), Ok(Reply::Fault(Fault::Overflow))));
        assert!(matches!(reply("level", r#"{"id":7,"unsupported":true}"#), Ok(Reply::Unsupported)));
        for (name, line, code) in [
            ("level", r#"{"id":7,"ok":10}"#, "E0603"),
            ("level", r#"{"id":7,"err":1}"#, "E0603"),
            ("level", r#"{"id":7,"unsupported":false}"#, "E0603"),
            ("level", r#"{"id":7}"#, "E0603"),
            ("level", r#"{"id":8,"ok":1}"#, "E0602"),
            ("level", r#"{"id":"7","ok":1}"#, "E0602"),
            ("level", "7", "E0601"),
            ("level", "", "E0601"),
            ("shape", r#"{"id":7,"ok":{"circle":{}}}"#, "E0603"),
            ("gathered", r#"{"id":7,"ok":{"a":[]}}"#, "E0603"),
            ("digits", r#"{"id":7,"ok":[[2,0,""]]}"#, "E0603"),
        ] {
            assert_eq!(reply(name, line).unwrap_err().code, code, "{name} {line}");
        }
    }
}
