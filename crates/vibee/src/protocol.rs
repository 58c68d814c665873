//! The runner protocol, version 1: how an implementation in any language is asked, in lines of JSON.
//!
//! ```text
//! → {"vibee":1,"id":0,"do":"hello","modules":{"keep_alive":"1.0.0"}}
//! ← {"id":0,"impl":"name","version":"0.1.0","modules":["keep_alive"],
//!    "pending":[{"fn":"keep_alive.of_text","why":"#41"}]}
//! → {"vibee":1,"id":7,"do":"call","fn":"keep_alive.of_text","args":{"text":"5m"}}
//! ← {"id":7,"ok":…}, {"id":7,"err":…}, {"id":7,"fault":"overflow"} or {"id":7,"unsupported":true}
//! → {"vibee":1,"id":8,"do":"bye"}
//! ```
//!
//! Values are written as [`crate::json`] says. A function that returns `Result` answers `ok` or `err` with what is in
//! it; any other answers `ok`. Nothing here reads or writes a stream: [`Session`] makes lines and reads lines.

mod oracle;

#[doc(hidden)]
pub use oracle::oracle;

use serde_json::{Map, Value as Json, json};

use crate::{
    json,
    typed::{FunctionId, Program},
    types::{Shape, Type},
    value::{Fault, Value},
};

/// Version of the protocol.
pub const VERSION: u32 = 1;
/// Number of characters of a line that a message shows.
const SHOWN_CHARS: usize = 200;

/// What is wrong with what an implementation said. Its code is a row of [`crate::codes::CODES`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Complaint {
    /// The code, `E0601` to `E0607`.
    pub code: &'static str,
    /// What was said, and what was expected.
    pub message: String,
}

impl Complaint {
    /// Creates a complaint about a line, which is cut to 200 characters.
    pub fn about(code: &'static str, what: &str, line: &str) -> Self {
        let mut shown: String = line.chars().take(SHOWN_CHARS).collect();
        if shown.len() < line.len() {
            shown.push('…');
        }
        Self { code, message: format!("{what}: {shown}") }
    }
}

/// What an implementation said of itself.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    pub implementation: String,
    pub version: String,
    /// Modules that it knows.
    pub modules: Vec<String>,
    /// Functions that it knows to be wrong, as `module.name`, with the reason.
    pub pending: Vec<(String, String)>,
}

/// What it gave for a call.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum Reply {
    /// A value of the declared type.
    Value(Value),
    Fault(Fault),
    /// It does not have that function.
    Unsupported,
}

/// Requests and answers of one implementation; numbers the requests.
#[derive(Debug)]
pub struct Session<'p> {
    program: &'p Program,
    next_id: u64,
}

impl<'p> Session<'p> {
    /// Creates a session for a program's functions.
    pub fn new(program: &'p Program) -> Self {
        Self { program, next_id: 0 }
    }

    fn request(&mut self, mut body: Map<String, Json>) -> (u64, String) {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = Map::new();
        request.insert("vibee".to_owned(), json!(VERSION));
        request.insert("id".to_owned(), json!(id));
        request.append(&mut body);
        (id, Json::Object(request).to_string())
    }

    /// Makes the first request, without its line feed.
    pub fn hello(&mut self) -> (u64, String) {
        let asked_for = self.program.modules.iter().filter(|module| module.is_asked_for);
        let modules: Map<String, Json> = asked_for.map(|module| (module.name.clone(), json!(module.version))).collect();
        self.request(object(json!({ "do": "hello", "modules": modules })))
    }

    /// Makes the request of a call, without its line feed; an error where an argument is too deep or large for JSON.
    ///
    /// # Panics
    ///
    /// If `function` is another program's.
    pub fn call(&mut self, function: FunctionId, args: &[Value]) -> Result<(u64, String), Complaint> {
        let called = self.program.function(function);
        let mut by_name = Map::new();
        for (param, value) in called.locals.iter().take(called.n_params).zip(args) {
            let of = json::to_json(self.program, &param.declared, value)
                .map_err(|why| Complaint { code: "E0603", message: format!("not asked: {}: {why}", param.name) })?;
            by_name.insert(param.name.clone(), of);
        }
        Ok(self.request(object(json!({ "do": "call", "fn": self.full_name(function), "args": by_name }))))
    }

    /// Makes the last request, without its line feed.
    pub fn bye(&mut self) -> String {
        self.request(object(json!({ "do": "bye" }))).1
    }

    /// Gives a function's name as requests have it, `module.name`.
    ///
    /// # Panics
    ///
    /// If `function` is another program's.
    pub fn full_name(&self, function: FunctionId) -> String {
        let function = self.program.function(function);
        format!("{}.{}", function.module, function.name)
    }

    /// Reads the answer to [`Session::hello`]: it must be the answer to request `id`.
    pub fn read_hello(&self, id: u64, line: &str) -> Result<Hello, Complaint> {
        let answer = read(id, line)?;
        let text = |key: &str| answer.get(key).and_then(Json::as_str).map(str::to_owned);
        let wrong = |what: &str| Complaint::about("E0607", what, line);
        let modules = answer.get("modules").and_then(Json::as_array);
        let modules = modules.ok_or_else(|| wrong("`modules` is no list of names"))?;
        let modules = modules.iter().map(|name| name.as_str().map(str::to_owned));
        let mut pending = Vec::new();
        for entry in answer.get("pending").map_or(Some(&Vec::new()), Json::as_array).into_iter().flatten() {
            let field = |key: &str| entry.get(key).and_then(Json::as_str).map(str::to_owned);
            pending
                .push(field("fn").zip(field("why")).ok_or_else(|| wrong("`pending` is no list of {\"fn\", \"why\"}"))?);
        }
        Ok(Hello {
            implementation: text("impl").ok_or_else(|| wrong("`impl` is no text"))?,
            version: text("version").ok_or_else(|| wrong("`version` is no text"))?,
            modules: modules.collect::<Option<_>>().ok_or_else(|| wrong("`modules` is no list of names"))?,
            pending,
        })
    }

    /// Reads the answer to [`Session::call`] of `function`: it must be the answer to request `id`, of the declared
    /// type.
    ///
    /// # Panics
    ///
    /// If `function` is another program's.
    pub fn read_reply(&self, id: u64, function: FunctionId, line: &str) -> Result<Reply, Complaint> {
        let answer = read(id, line)?;
        let wrong = |what: &str| Complaint::about("E0603", what, line);
        let returns = written_out(self.program, &self.program.function(function).returns);
        let value = |ty: &Type, of: &Json| {
            json::from_json(self.program, ty, of).map_err(|why| wrong(&format!("a value of another type: {why}")))
        };
        let said: Vec<&str> =
            ["ok", "err", "fault", "unsupported"].into_iter().filter(|key| answer.contains_key(*key)).collect();
        let [key] = said[..] else { return Err(wrong("not one of `ok`, `err`, `fault`, `unsupported`")) };
        let of = answer.get(key).unwrap_or(&Json::Null);
        match (key, returns) {
            ("fault", _) => {
                let fault = of.as_str().and_then(Fault::from_name);
                fault.map(Reply::Fault).ok_or_else(|| wrong("`fault` is no fault's name"))
            }
            ("unsupported", _) if *of == json!(true) => Ok(Reply::Unsupported),
            ("unsupported", _) => Err(wrong("`unsupported` is not `true`")),
            ("ok", Type::Result(ok, _)) => Ok(Reply::Value(Value::Result(Ok(value(ok, of)?.into())))),
            ("err", Type::Result(_, err)) => Ok(Reply::Value(Value::Result(Err(value(err, of)?.into())))),
            ("err", _) => Err(wrong("`err`, of a function that does not return `Result`")),
            (_, ty) => Ok(Reply::Value(value(ty, of)?)),
        }
    }
}

/// The type that a name stands for, as far as its outermost part.
fn written_out<'p>(program: &'p Program, ty: &'p Type) -> &'p Type {
    let mut ty = ty;
    while let Type::Named(id) = ty
        && let Shape::Alias(base) | Shape::Constrained { base, .. } = &program.type_def(*id).shape
    {
        ty = base;
    }
    ty
}

fn object(json: Json) -> Map<String, Json> {
    if let Json::Object(map) = json { map } else { Map::new() }
}

/// Reads a line of an implementation: an object whose `id` is that of the request.
fn read(id: u64, line: &str) -> Result<Map<String, Json>, Complaint> {
    let json = serde_json::from_str(line).map_err(|e| Complaint::about("E0601", &format!("no JSON ({e})"), line))?;
    let Json::Object(answer) = json else { return Err(Complaint::about("E0601", "no JSON object", line)) };
    match answer.get("id").map(Json::as_u64) {
        Some(Some(of)) if of == id => Ok(answer),
        Some(Some(of)) => Err(Complaint::about("E0602", &format!("answer {of}, where {id} was asked"), line)),
        _ => Err(Complaint::about("E0602", &format!("no `id`, where {id} was asked"), line)),
    }
}
