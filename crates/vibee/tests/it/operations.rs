//! Every operation in generated code, at the edges of its operands' types: what the evaluator says of each case is what
//! the generated tests ask for.

use std::{collections::BTreeMap, rc::Rc};

use vibee::{
    eval::Evaluator,
    generate::{Case, Target, generate},
    intrinsic::{Intrinsic, Row, TABLE},
    limits::Limits,
    source::{FileId, Span},
    typed::{Expr, Function, FunctionId, Kind, Local, LocalId, Module, Program, Role},
    types::{CaseDef, FieldDef, Shape, Type, TypeDef, TypeId},
    value::Value,
};

use crate::toolchains;

/// A case of most operations has two operands; more cases than this are thinned out evenly.
const CASES_MAX: usize = 90;

fn span() -> Span {
    Span::new(FileId(0), 0, 0)
}

const SHAPE: TypeId = TypeId(0);
const LEVEL: TypeId = TypeId(1);
const POINT: TypeId = TypeId(2);

/// An enum that contains itself, an ordered one, and a record with a Float.
fn types() -> Vec<TypeDef> {
    let field = |name: &str, ty| FieldDef { name: name.to_owned(), ty };
    let case = |name: &str, fields| CaseDef { name: name.to_owned(), fields };
    let def =
        |name: &str, shape| TypeDef { module: "ops".to_owned(), name: name.to_owned(), say: None, span: span(), shape };
    let own = || Type::Named(SHAPE);
    vec![
        def(
            "Shape",
            Shape::Enum {
                cases: vec![
                    case("leaf", vec![]),
                    case("for", vec![field("int", Type::Int)]),
                    case("pair", vec![field("left", own()), field("right", own())]),
                    case(
                        "many",
                        vec![field("items", Type::List(Box::new(own()))), field("x", Type::Option(Box::new(own())))],
                    ),
                ],
                is_ordered: true,
            },
        ),
        def(
            "Level",
            Shape::Enum { cases: ["low", "class", "high"].map(|name| case(name, vec![])).to_vec(), is_ordered: true },
        ),
        def("Point", Shape::Record(vec![field("x", Type::Float), field("y", Type::F32)])),
    ]
}

/// Types that a variable of a row stands for.
fn meanings(variable: char) -> Vec<Type> {
    match variable {
        'K' => vec![Type::Int, Type::String, Type::Named(SHAPE)],
        'V' => vec![Type::Float],
        'E' => vec![Type::String],
        _ => vec![
            Type::Int,
            Type::String,
            Type::Float,
            Type::Named(SHAPE),
            Type::Named(LEVEL),
            Type::Named(POINT),
            Type::Tuple(vec![Type::F32, Type::Bool]),
            Type::Map(Box::new(Type::Int), Box::new(Type::List(Box::new(Type::Float)))),
            Type::Set(Box::new(Type::String)),
            Type::Result(Box::new(Type::Option(Box::new(Type::U64))), Box::new(Type::Bytes)),
        ],
    }
}

/// A row's type, with variables and the width of `Tryte` filled in.
fn parse(text: &str, filled: &BTreeMap<char, Type>, width: u8) -> Type {
    let inner = |head: &str| -> Vec<Type> {
        let mut parts = vec![String::new()];
        let mut depth = 0;
        for c in text.strip_prefix(head).unwrap().chars().skip(1).take(text.len() - head.len() - 2) {
            depth += i32::from("<(".contains(c)) - i32::from(">)".contains(c));
            if c == ',' && depth == 0 {
                parts.push(String::new());
            } else {
                parts.last_mut().unwrap().push(c);
            }
        }
        parts.iter().map(|part| parse(part.trim(), filled, width)).collect()
    };
    let boxed = |head: &str| inner(head).into_iter().map(Box::new).collect::<Vec<_>>();
    let two = |head: &str| {
        let mut types = boxed(head).into_iter();
        (types.next().unwrap(), types.next().unwrap())
    };
    match text {
        "Bool" => Type::Bool,
        "Trit" => Type::Trit,
        "Tryte" => Type::Tryte(width),
        "Int" => Type::Int,
        "U64" => Type::U64,
        "Float" => Type::Float,
        "F32" => Type::F32,
        "String" => Type::String,
        "Bytes" => Type::Bytes,
        _ if text.len() == 1 => filled[&text.chars().next().unwrap()].clone(),
        _ if text.starts_with("List") => Type::List(boxed("List").remove(0)),
        _ if text.starts_with("Set") => Type::Set(boxed("Set").remove(0)),
        _ if text.starts_with("Option") => Type::Option(boxed("Option").remove(0)),
        _ if text.starts_with("Map") => Type::Map(two("Map").0, two("Map").1),
        _ if text.starts_with("Result") => Type::Result(two("Result").0, two("Result").1),
        _ if text.starts_with('(') => Type::Tuple(inner("")),
        _ => panic!("{text}"),
    }
}

/// Values of a type, the edges among them.
// tidy: long function, a table
#[allow(clippy::excessive_precision, reason = "a tie of two decimals needs all its digits")]
fn edges(ty: &Type) -> Vec<Value> {
    let list = |items: &[Value]| Value::List(Rc::new(items.to_vec()));
    match ty {
        Type::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Type::Trit => [-1, 0, 1].map(Value::Trit).to_vec(),
        Type::Tryte(n) => {
            let most = ((3i128.pow(u32::from(*n)) - 1) / 2) as i64;
            [-most, 1 - most, -5, -1, 0, 1, 2, 7, most / 2 + 1, most - 1, most]
                .into_iter()
                .filter(|i| i.abs() <= most)
                .map(Value::Tryte)
                .collect()
        }
        Type::Int => [
            i64::MIN,
            i64::MIN + 1,
            -(1 << 53) - 1,
            -3_000_000_001,
            -7,
            -2,
            -1,
            0,
            1,
            2,
            3,
            7,
            63,
            64,
            65,
            255,
            256,
            0xd7ff,
            0xd800,
            0xe000,
            0x10_ffff,
            0x11_0000,
            3_000_000_001,
            1 << 53,
            (1 << 53) + 1,
            i64::MAX - 1,
            i64::MAX,
        ]
        .map(Value::Int)
        .to_vec(),
        Type::U64 => [
            0,
            1,
            2,
            3,
            100,
            0x7fc0_0001,
            0xff80_0000,
            0xffff_ffff,
            1 << 32,
            1 << 63,
            0x3ff0_0000_0000_0000,
            0x7ff0_0000_0000_0000,
            0x7ff0_0000_0000_0001,
            0xfff8_0000_0000_0000,
            0x7fff_ffff_ffff_ffff,
            u64::MAX,
        ]
        .map(Value::U64)
        .to_vec(),
        Type::Float => [
            f64::NAN,
            f64::NEG_INFINITY,
            -1e300,
            -9_223_372_036_854_775_808.0,
            -2.5,
            -1.5,
            -0.5,
            -0.0,
            0.0,
            5e-324,
            1e-7,
            1.5e-5,
            0.1,
            0.5,
            1.0,
            1.5,
            2.5,
            1e15,
            562_949_953_421_312.25,
            2f64.powi(-44),
            9_007_199_254_740_993.0,
            9_223_372_036_854_774_784.0,
            9_223_372_036_854_775_808.0,
            1e16,
            1e23,
            3.402_823_6e38,
            f64::MAX,
            f64::INFINITY,
        ]
        .map(Value::Float)
        .to_vec(),
        Type::F32 => [
            f32::NAN,
            f32::NEG_INFINITY,
            -2.5,
            -0.0,
            0.0,
            1e-45,
            1.175_494_4e-38,
            2f32.powi(-24),
            0.1,
            1.0,
            3.0,
            1_048_576.25,
            16_777_216.0,
            f32::MAX,
            f32::INFINITY,
        ]
        .map(Value::F32)
        .to_vec(),
        Type::String => [
            "",
            "a",
            "é",
            "ab",
            "aba",
            "𝄞x",
            "b",
            "-",
            "+5",
            "-0",
            "12",
            "0000000000000000000000000000007",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "1e5",
            ".5",
            "5.",
            ".",
            "1e",
            "1e400",
            "-1e-400",
            "2.5E-3",
            "nan",
            "0x10",
            "1_0",
            " 1",
            "a,b,,c",
            ",",
            "\u{ffff}",
            "\u{10000}",
            "??/\n\"\\\0x",
            "0.1000000000000000055511151231257827021181583404541015625",
        ]
        .map(|text| Value::String(text.into()))
        .to_vec(),
        Type::Bytes => [
            &b""[..],
            b"\0",
            b"a",
            b"\x80",
            b"\xff",
            b"\xc3\xa9",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xed\x9f\xbf",
            b"\xf4\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
            b"\xf0\x9f\x98\x80z",
            b"\xe0\x80\x80",
            b"ab",
            b"\xf8",
        ]
        .map(|bytes| Value::Bytes(bytes.into()))
        .to_vec(),
        Type::List(of) => {
            let mut items = edges(of);
            let mut lists: Vec<Value> = (0..4).map(|n| list(&items[..n.min(items.len())])).collect();
            lists.push(list(&items));
            items.reverse();
            lists.push(list(&items));
            let three: Vec<Value> = items.iter().take(3).flat_map(|item| [item.clone(), items[0].clone()]).collect();
            lists.push(list(&three));
            if **of == Type::Int {
                lists.push(list(&[0, 1, 127, 255].map(Value::Int)));
            }
            if **of == Type::Trit {
                lists.push(list(&[1, -1, 0].map(Value::Trit)));
            }
            lists
        }
        Type::Set(of) => {
            let items = edges(of);
            (0..items.len().min(6)).map(|n| Value::Set(Rc::new(items[n / 2..n].iter().cloned().collect()))).collect()
        }
        Type::Map(key, of) => {
            let (keys, values) = (edges(key), edges(of));
            let entries =
                |n: usize| keys.iter().skip(n / 2).take(n).cloned().zip(values.iter().cloned().cycle().skip(n));
            (0..6).map(|n| Value::Map(Rc::new(entries(n).collect()))).collect()
        }
        Type::Option(of) => {
            let some = edges(of).into_iter().take(5).map(|item| Value::Option(Some(Rc::new(item))));
            [Value::Option(None)].into_iter().chain(some).collect()
        }
        Type::Result(of, err) => {
            let ok = edges(of).into_iter().take(4).map(|item| Value::Result(Ok(Rc::new(item))));
            ok.chain(edges(err).into_iter().take(3).map(|item| Value::Result(Err(Rc::new(item))))).collect()
        }
        Type::Tuple(of) => {
            let columns: Vec<Vec<Value>> = of.iter().map(edges).collect();
            (0..12)
                .map(|n| Value::Tuple(columns.iter().map(|column| column[n % column.len()].clone()).collect()))
                .collect()
        }
        Type::Named(SHAPE) => {
            let case = |n, items: Vec<Value>| Value::Enum(SHAPE, n, items.into());
            let leaf = case(0, vec![]);
            let one = case(1, vec![Value::Int(1)]);
            let pair = case(2, vec![leaf.clone(), one.clone()]);
            let other = case(2, vec![one.clone(), leaf.clone()]);
            let many = case(3, vec![list(&[pair.clone(), one.clone()]), Value::Option(Some(Rc::new(other.clone())))]);
            vec![
                many,
                case(1, vec![Value::Int(-1)]),
                other,
                pair,
                one,
                leaf.clone(),
                case(3, vec![list(&[]), Value::Option(None)]),
                leaf,
            ]
        }
        Type::Named(LEVEL) => [2, 0, 1, 2].map(|case| Value::Enum(LEVEL, case, vec![].into())).to_vec(),
        Type::Named(_) => [(f64::NAN, 1.0), (0.0, -0.0), (-0.0, -0.0), (0.0, 0.0), (1.5, 0.1)]
            .map(|(x, y)| Value::Record(POINT, vec![Value::Float(x), Value::F32(y)].into()))
            .to_vec(),
        _ => panic!("{ty:?}"),
    }
}

/// The ways to fill in a row's variables.
fn instances(row: &Row) -> Vec<(Vec<Type>, Type)> {
    let text = format!("{} {}", row.params.join(" "), row.returns);
    let variables: Vec<char> = ['T', 'K', 'V', 'E']
        .into_iter()
        .filter(|c| text.split(|d: char| !d.is_alphanumeric()).any(|w| w == c.to_string()))
        .collect();
    let mut ways: Vec<BTreeMap<char, Type>> = vec![BTreeMap::new()];
    for variable in variables {
        let is_set = row.params.join(" ").contains("Set<T>") || row.returns.contains("Set<T>");
        let mut types = meanings(variable);
        if is_set {
            types = vec![Type::Int, Type::String, Type::Named(LEVEL)];
        } else if matches!(row.op, Intrinsic::Lt | Intrinsic::Le | Intrinsic::Gt | Intrinsic::Ge) {
            types = vec![
                Type::Int,
                Type::U64,
                Type::Float,
                Type::F32,
                Type::Trit,
                Type::Tryte(3),
                Type::String,
                Type::Bytes,
                Type::Named(SHAPE),
                Type::Named(LEVEL),
            ];
        }
        ways = ways
            .iter()
            .flat_map(|way| {
                types
                    .iter()
                    .map(|ty| way.iter().map(|(k, v)| (*k, v.clone())).chain([(variable, ty.clone())]).collect())
            })
            .collect();
    }
    let widths: &[u8] = if text.contains("Tryte") { &[1, 3, 40] } else { &[0] };
    let fill = |way: &BTreeMap<char, Type>, width| {
        (row.params.iter().map(|param| parse(param, way, width)).collect(), parse(row.returns, way, width))
    };
    widths.iter().flat_map(|width| ways.iter().map(|way| fill(way, *width))).collect()
}

/// A function for each operation and each way to fill in its types.
fn program() -> Program {
    let module = Module {
        name: "ops".to_owned(),
        version: "1.0.0".to_owned(),
        description: Some("Every operation.".to_owned()),
        span: span(),
        hash: [7; 32],
        is_asked_for: true,
    };
    let mut functions = Vec::new();
    for row in TABLE {
        for (i, (params, returns)) in instances(row).into_iter().enumerate() {
            let expr = |kind, ty: &Type| Expr { kind, ty: ty.clone(), span: span() };
            let args = params.iter().enumerate().map(|(i, ty)| expr(Kind::Local(LocalId(i as u32)), ty)).collect();
            let local = |(i, ty): (usize, &Type)| Local { name: format!("a{i}"), ty: ty.clone(), declared: ty.clone() };
            functions.push(Function {
                module: "ops".to_owned(),
                name: format!("{:?}_{i}", row.op),
                role: Role::Function,
                say: Some(row.doc.to_owned()),
                span: span(),
                locals: params.iter().enumerate().map(local).collect(),
                n_params: params.len(),
                body: Some(expr(Kind::Intrinsic { op: row.op, args }, &returns)),
                returns,
                given: None,
                then: Vec::new(),
                raises: Vec::new(),
                prose: Vec::new(),
            });
        }
    }
    Program { modules: vec![module], types: types(), functions, ..Program::default() }
}

/// Cases of all functions, with what the evaluator says.
fn cases(program: &Program) -> Vec<Case> {
    let mut evaluator = Evaluator::new(program, Limits::default());
    let mut cases = Vec::new();
    for (i, function) in program.functions.iter().enumerate() {
        let columns: Vec<Vec<Value>> = function.locals.iter().map(|local| edges(&local.ty)).collect();
        let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
        for column in &columns {
            rows = rows
                .iter()
                .flat_map(|row| column.iter().map(|value| [&row[..], std::slice::from_ref(value)].concat()))
                .collect();
        }
        let step = rows.len().div_ceil(CASES_MAX) | 1;
        for (n, args) in rows.into_iter().enumerate().step_by(step) {
            let outcome = evaluator.call(FunctionId(i as u32), &args);
            if matches!(&outcome, Ok(Value::List(items)) if items.len() > 300) {
                continue;
            }
            cases.push(Case { function: FunctionId(i as u32), args, outcome, origin: format!("row {n}") });
        }
    }
    cases
}

#[test]
fn every_operation_in_python() {
    let program = program();
    let generated = generate(&program, &cases(&program), Target::Python);
    toolchains::python("operations", &generated);
}

#[test]
fn every_operation_in_c() {
    let program = program();
    let generated = generate(&program, &cases(&program), Target::C);
    toolchains::c("operations_c", &generated);
}
