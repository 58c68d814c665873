//! Random well-typed programs.

use super::{
    signatures::{WIDTH, filled, is_ordered, items_of, signature, unify},
    values,
};
use crate::{
    intrinsic::{Intrinsic, Row, TABLE},
    random::SplitMix64,
    source::{FileId, Span},
    typed::{
        Arm, CoverPoint, Expr, Function, FunctionId, Kind, Local, LocalId, Loop, LoopForm, Module, Over, Pattern,
        Program, Role,
    },
    types::{CaseDef, FieldDef, Shape, Type, TypeDef, TypeId},
    value::{Fault, Value},
};

/// Makes a program of a few functions, the same for the same seed. `size` is about the number of expressions in each.
pub fn program(seed: u64, size: u32) -> Program {
    let mut maker = Maker {
        random: SplitMix64::new(seed),
        program: Program { types: declared(), ..Program::default() },
        pool: pool(),
        locals: Vec::new(),
        scope: Vec::new(),
        left: 0,
        loops: 0,
    };
    maker.program.modules.push(Module {
        name: "random".to_owned(),
        version: "1.0.0".to_owned(),
        description: None,
        span: nowhere(),
        hash: [0; 32],
        is_asked_for: true,
    });
    for at in 0..2 + maker.random.below(4) {
        maker.left = size;
        let function = maker.function(at);
        maker.program.functions.push(function);
    }
    maker.program
}

fn nowhere() -> Span {
    Span::new(FileId(0), 0, 0)
}

const PAIR: TypeId = TypeId(0);
pub(super) const COLOR: TypeId = TypeId(1);
const TREE: TypeId = TypeId(2);
const FORM: TypeId = TypeId(3);

/// A record, an ordered enum, an enum that contains itself, an enum whose cases carry this and that.
fn declared() -> Vec<TypeDef> {
    let field = |name: &str, ty: &Type| FieldDef { name: name.to_owned(), ty: ty.clone() };
    let case = |name: &str, fields: Vec<FieldDef>| CaseDef { name: name.to_owned(), fields };
    let def = |name: &str, shape| TypeDef {
        module: "random".to_owned(),
        name: name.to_owned(),
        say: None,
        span: nowhere(),
        shape,
    };
    let tree = Type::Named(TREE);
    vec![
        def("Pair", Shape::Record(vec![field("number", &Type::Int), field("text", &Type::String)])),
        def(
            "Color",
            Shape::Enum {
                cases: vec![case("red", vec![]), case("green", vec![]), case("blue", vec![])],
                is_ordered: true,
            },
        ),
        def(
            "Tree",
            Shape::Enum {
                cases: vec![
                    case("leaf", vec![]),
                    case("node", vec![field("left", &tree), field("value", &Type::Int), field("right", &tree)]),
                ],
                is_ordered: false,
            },
        ),
        def(
            "Form",
            Shape::Enum {
                cases: vec![
                    case("none", vec![]),
                    case("circle", vec![field("radius", &Type::Float)]),
                    case("box", vec![field("pair", &Type::Named(PAIR)), field("colors", &list(Type::Named(COLOR)))]),
                ],
                is_ordered: false,
            },
        ),
    ]
}

fn list(of: Type) -> Type {
    Type::List(Box::new(of))
}

/// The types that programs use.
fn pool() -> Vec<Type> {
    let pair = |a, b| Type::Tuple(vec![a, b]);
    let map = |key, of| Type::Map(Box::new(key), Box::new(of));
    let option = |of| Type::Option(Box::new(of));
    let result = |of, err| Type::Result(Box::new(of), Box::new(err));
    vec![
        Type::Bool,
        Type::Trit,
        Type::Tryte(3),
        Type::Tryte(40),
        Type::Int,
        Type::Int,
        Type::U64,
        Type::Float,
        Type::F32,
        Type::String,
        Type::Bytes,
        list(Type::Int),
        list(Type::String),
        list(Type::Float),
        list(Type::Trit),
        list(pair(Type::Int, Type::String)),
        list(Type::Named(TREE)),
        Type::Set(Box::new(Type::Int)),
        Type::Set(Box::new(Type::String)),
        map(Type::Int, Type::String),
        map(Type::String, list(Type::Int)),
        option(Type::Int),
        option(Type::Float),
        option(Type::String),
        result(Type::Int, Type::String),
        result(Type::Named(FORM), Type::Named(COLOR)),
        pair(Type::Int, Type::Bool),
        pair(Type::Trit, Type::Trit),
        Type::Named(PAIR),
        Type::Named(COLOR),
        Type::Named(TREE),
        Type::Named(FORM),
    ]
}

struct Maker {
    random: SplitMix64,
    program: Program,
    pool: Vec<Type>,
    /// Locals of the function that is made.
    locals: Vec<Local>,
    /// Those in sight.
    scope: Vec<LocalId>,
    /// About how many expressions may still be made.
    left: u32,
    /// Loops around the place.
    loops: u32,
}

impl Maker {
    fn function(&mut self, at: u64) -> Function {
        self.locals.clear();
        self.scope.clear();
        let n_params = self.random.below(4) as usize;
        for _ in 0..n_params {
            let ty = self.any_type();
            let local = self.local(ty);
            self.scope.push(local);
        }
        let returns = self.any_type();
        let body = self.expr(&returns, 6, true);
        Function {
            module: "random".to_owned(),
            name: format!("f{at}"),
            role: Role::Function,
            say: None,
            span: nowhere(),
            locals: std::mem::take(&mut self.locals),
            n_params,
            returns,
            body: Some(body),
            given: None,
            then: Vec::new(),
            raises: Vec::new(),
            prose: Vec::new(),
        }
    }

    fn any_type(&mut self) -> Type {
        self.random.pick(&self.pool).clone()
    }

    fn local(&mut self, ty: Type) -> LocalId {
        let name = format!("x{}", self.locals.len());
        self.locals.push(Local { name, declared: ty.clone(), ty });
        LocalId(self.locals.len() as u32 - 1)
    }

    fn boxed(&mut self, ty: &Type, depth: u32, is_tail: bool) -> Box<Expr> {
        Box::new(self.expr(ty, depth, is_tail))
    }

    /// Makes an expression of a type. `is_tail`: nothing is done after it.
    fn expr(&mut self, ty: &Type, depth: u32, is_tail: bool) -> Expr {
        self.left = self.left.saturating_sub(1);
        let kind = if depth == 0 || self.left == 0 { self.simple(ty) } else { self.kind(ty, depth - 1, is_tail) };
        Expr { kind, ty: ty.clone(), span: nowhere() }
    }

    fn kind(&mut self, ty: &Type, depth: u32, is_tail: bool) -> Kind {
        match self.random.below(20) {
            0 | 1 => {
                let of = self.any_type();
                let value = self.boxed(&of, depth, false);
                let local = self.local(of);
                self.scope.push(local);
                let body = self.boxed(ty, depth, is_tail);
                self.scope.pop();
                Kind::Let { local, value, body }
            }
            2 | 3 => Kind::If {
                condition: self.boxed(&Type::Bool, depth, false),
                then: self.boxed(ty, depth, is_tail),
                otherwise: self.boxed(ty, depth, is_tail),
            },
            4 | 5 => self.matched(ty, depth, is_tail),
            6 => self.call(ty, depth, is_tail),
            7 | 8 if self.loops < 2 => self.looped(ty, depth),
            9 => self.project(ty, depth),
            10 if self.random.once_in(3) => self.checked(ty, depth, is_tail),
            11 => {
                let at = self.program.cover.len() as u32;
                let function = FunctionId(self.program.functions.len() as u32);
                self.program.cover.push(CoverPoint { span: nowhere(), function, what: "arm".to_owned() });
                Kind::Cover(at, self.boxed(ty, depth, is_tail))
            }
            12 | 13 => self.built(ty, depth),
            _ => self.intrinsic(ty, depth),
        }
    }

    /// A local or constant, or a structure of them.
    fn simple(&mut self, ty: &Type) -> Kind {
        let fitting: Vec<LocalId> =
            self.scope.iter().filter(|local| self.locals[local.0 as usize].ty == *ty).copied().collect();
        if !fitting.is_empty() && !self.random.once_in(4) {
            return Kind::Local(*self.random.pick(&fitting));
        }
        let value = values::value(&self.program, ty, 1, &mut self.random);
        self.constant(ty, value)
    }

    /// Structures are written out, as a spec would.
    fn constant(&mut self, ty: &Type, value: Value) -> Kind {
        let expr = |this: &mut Self, ty: &Type, value: &Value| Expr {
            kind: this.constant(ty, value.clone()),
            ty: ty.clone(),
            span: nowhere(),
        };
        let all = |this: &mut Self, types: &[Type], values: &[Value]| -> Vec<Expr> {
            types.iter().zip(values).map(|(ty, value)| expr(this, ty, value)).collect()
        };
        match (&value, ty) {
            (Value::List(items), Type::List(of)) => Kind::List(items.iter().map(|item| expr(self, of, item)).collect()),
            (Value::Set(members), Type::Set(of)) => {
                let items = members.iter().map(|item| expr(self, of, item)).collect();
                Self::of_list(Intrinsic::SetOf, (**of).clone(), items)
            }
            (Value::Map(entries), Type::Map(key, of)) => {
                let pair = Type::Tuple(vec![(**key).clone(), (**of).clone()]);
                let items =
                    entries.iter().map(|(k, v)| expr(self, &pair, &Value::Tuple([k.clone(), v.clone()].into())));
                let items = items.collect();
                Self::of_list(Intrinsic::MapOf, pair, items)
            }
            (Value::Option(inner), Type::Option(of)) => {
                Kind::Option(inner.as_ref().map(|inner| Box::new(expr(self, of, inner))))
            }
            (Value::Result(Ok(inner)), Type::Result(of, _)) => Kind::Ok(Box::new(expr(self, of, inner))),
            (Value::Result(Err(inner)), Type::Result(_, err)) => Kind::Err(Box::new(expr(self, err, inner))),
            (Value::Tuple(parts), Type::Tuple(of)) => Kind::Tuple(all(self, of, parts)),
            (Value::Record(id, parts), _) => Kind::Record(*id, all(self, &self.fields(*id, 0), parts)),
            (Value::Enum(id, case, parts), _) => {
                Kind::Variant(*id, *case, all(self, &self.fields(*id, usize::from(*case)), parts))
            }
            _ => Kind::Const(value),
        }
    }

    fn of_list(op: Intrinsic, of: Type, items: Vec<Expr>) -> Kind {
        Kind::Intrinsic { op, args: vec![Expr { kind: Kind::List(items), ty: list(of), span: nowhere() }] }
    }

    /// Types of what a record or a case carries.
    fn fields(&self, id: TypeId, case: usize) -> Vec<Type> {
        let fields = match &self.program.type_def(id).shape {
            Shape::Record(fields) => fields,
            Shape::Enum { cases, .. } => &cases[case].fields,
            _ => return Vec::new(),
        };
        fields.iter().map(|field| field.ty.clone()).collect()
    }

    fn built(&mut self, ty: &Type, depth: u32) -> Kind {
        match ty {
            Type::List(of) => Kind::List((0..self.random.below(4)).map(|_| self.expr(of, depth, false)).collect()),
            Type::Option(of) => Kind::Option(Some(self.boxed(of, depth, false))),
            Type::Result(of, _) if self.random.once_in(2) => Kind::Ok(self.boxed(of, depth, false)),
            Type::Result(_, err) => Kind::Err(self.boxed(err, depth, false)),
            Type::Tuple(of) => Kind::Tuple(of.iter().map(|ty| self.expr(ty, depth, false)).collect()),
            Type::Named(id) => {
                let (is_record, n) = match &self.program.type_def(*id).shape {
                    Shape::Enum { cases, .. } => (false, cases.len()),
                    _ => (true, 1),
                };
                let case = self.random.below(n as u64) as usize;
                let fields = self.fields(*id, case);
                let args = fields.iter().map(|ty| self.expr(ty, depth, false)).collect();
                if is_record { Kind::Record(*id, args) } else { Kind::Variant(*id, case as u16, args) }
            }
            _ => self.intrinsic(ty, depth),
        }
    }

    fn call(&mut self, ty: &Type, depth: u32, is_tail: bool) -> Kind {
        let functions = &self.program.functions;
        let fitting: Vec<usize> = (0..functions.len()).filter(|at| functions[*at].returns == *ty).collect();
        // A call in a loop in a loop of a function that does likewise would take too long.
        if fitting.is_empty() || self.loops > 0 {
            return self.simple(ty);
        }
        let at = *self.random.pick(&fitting);
        let callee = &self.program.functions[at];
        let params: Vec<Type> = callee.locals[..callee.n_params].iter().map(|local| local.ty.clone()).collect();
        let args = params.iter().map(|ty| self.expr(ty, depth, false)).collect();
        Kind::Call { function: FunctionId(at as u32), args, is_tail }
    }

    fn looped(&mut self, ty: &Type, depth: u32) -> Kind {
        let (over, item) = if self.random.once_in(2) {
            let (first, n) = (self.random.below(20) as i64 - 10, self.random.below(6) as i64 - 1);
            let int = |i| Expr { kind: Kind::Const(Value::Int(i)), ty: Type::Int, span: nowhere() };
            (Over::Range(int(first), int(first + n)), Type::Int)
        } else {
            let of: Vec<Type> = self.pool.iter().filter(|ty| items_of(ty).is_some()).cloned().collect();
            let of = self.random.pick(&of).clone();
            let item = items_of(&of).unwrap_or(Type::Bool);
            (Over::Items(self.expr(&of, depth.min(2), false)), item)
        };
        let init = self.expr(ty, depth, false);
        let (item, acc) = (self.local(item), self.local(ty.clone()));
        self.scope.extend([item, acc]);
        self.loops += 1;
        let until = self.random.once_in(3).then(|| self.expr(&Type::Bool, depth.min(3), false));
        let step = self.expr(ty, depth.min(4), false);
        self.loops -= 1;
        self.scope.truncate(self.scope.len() - 2);
        Kind::Loop(Box::new(Loop { form: LoopForm::Other, over, item, acc, init, until, step }))
    }

    /// A field of a record or a place of a tuple.
    fn project(&mut self, ty: &Type, depth: u32) -> Kind {
        let mut places = Vec::new();
        for of in &self.pool {
            let parts = match of {
                Type::Tuple(parts) => parts.clone(),
                Type::Named(PAIR) => self.fields(PAIR, 0),
                _ => continue,
            };
            let fitting = parts.iter().enumerate().filter(|(_, part)| *part == ty);
            places.extend(fitting.map(|(at, _)| (of.clone(), at as u16)));
        }
        if places.is_empty() {
            return self.simple(ty);
        }
        let (of, at) = self.random.pick(&places).clone();
        Kind::Field(self.boxed(&of, depth, false), at)
    }

    /// What may fault.
    fn checked(&mut self, ty: &Type, depth: u32, is_tail: bool) -> Kind {
        if *ty == Type::Int && self.random.once_in(2) {
            let lo = -(self.random.below(20) as i64);
            return Kind::InRange { value: self.boxed(ty, depth, false), lo, hi: lo + self.random.below(3000) as i64 };
        }
        let fault = *self.random.pick(&[Fault::Given, Fault::Then, Fault::Range, Fault::Decreases]);
        if self.random.once_in(8) {
            return Kind::Fault(fault);
        }
        Kind::Assert { condition: self.boxed(&Type::Bool, depth, false), fault, body: self.boxed(ty, depth, is_tail) }
    }

    fn matched(&mut self, ty: &Type, depth: u32, is_tail: bool) -> Kind {
        let of = self.any_type();
        let subject = self.boxed(&of, depth, false);
        let mut arms = Vec::new();
        for _ in 0..self.random.below(4) {
            let begin = self.scope.len();
            let pattern = self.pattern(&of, 2, true);
            let guard = self.random.once_in(4).then(|| self.expr(&Type::Bool, depth.min(2), false));
            let body = self.expr(ty, depth, is_tail);
            self.scope.truncate(begin);
            arms.push(Arm { pattern, guard, body });
        }
        let body = self.expr(ty, depth, is_tail);
        arms.push(Arm { pattern: Pattern::Any, guard: None, body });
        Kind::Match { subject, arms }
    }

    fn pattern(&mut self, ty: &Type, depth: u32, may_bind: bool) -> Pattern {
        match self.random.below(6) {
            0 => return Pattern::Any,
            1 if may_bind => {
                let local = self.local(ty.clone());
                self.scope.push(local);
                return Pattern::Bind(local);
            }
            2 if depth > 0 => {
                return Pattern::Or((0..2).map(|_| self.pattern(ty, depth - 1, false)).collect());
            }
            _ => {}
        }
        if depth == 0 {
            return Pattern::Any;
        }
        let depth = depth - 1;
        let all = |this: &mut Self, types: &[Type]| -> Vec<Pattern> {
            types.iter().map(|ty| this.pattern(ty, depth, may_bind)).collect()
        };
        match ty {
            Type::Int if self.random.once_in(2) => {
                let lo = self.random.below(20) as i64 - 10;
                Pattern::IntIn(lo, lo + self.random.below(10) as i64)
            }
            Type::List(of) => {
                let types = vec![(**of).clone(); self.random.below(3) as usize];
                Pattern::List(all(self, &types))
            }
            Type::Set(_) | Type::Map(..) => Pattern::Any,
            Type::Option(_) if self.random.once_in(2) => Pattern::None,
            Type::Option(of) => Pattern::Some(Box::new(self.pattern(of, depth, may_bind))),
            Type::Result(of, _) if self.random.once_in(2) => Pattern::Ok(Box::new(self.pattern(of, depth, may_bind))),
            Type::Result(_, err) => Pattern::Err(Box::new(self.pattern(err, depth, may_bind))),
            Type::Tuple(of) => Pattern::Tuple(all(self, of)),
            Type::Named(PAIR) => {
                let fields = self.fields(PAIR, 0);
                Pattern::Record(PAIR, all(self, &fields))
            }
            Type::Named(id) => {
                let Shape::Enum { cases, .. } = &self.program.type_def(*id).shape else { return Pattern::Any };
                let case = self.random.below(cases.len() as u64) as usize;
                let fields = self.fields(*id, case);
                Pattern::Variant(*id, case as u16, all(self, &fields))
            }
            _ => Pattern::Literal(values::value(&self.program, ty, 0, &mut self.random)),
        }
    }

    /// An operation that gives the type.
    fn intrinsic(&mut self, ty: &Type, depth: u32) -> Kind {
        let rows: Vec<(&Row, Vec<Type>)> =
            TABLE.iter().filter_map(|row| Some((row, self.operands(row, ty)?))).collect();
        if rows.is_empty() {
            return self.simple(ty);
        }
        let (row, params) = self.random.pick(&rows).clone();
        // These fault more often than not, and any type can come of them.
        if matches!(row.name, "unwrap" | "at" | "slice" | "set") && !self.random.once_in(6) {
            return self.simple(ty);
        }
        let args = params.iter().map(|ty| self.operand(row.op, ty, depth)).collect();
        Kind::Intrinsic { op: row.op, args }
    }

    /// Counts and positions are small, or little would come of them but faults.
    fn operand(&mut self, op: Intrinsic, ty: &Type, depth: u32) -> Expr {
        use Intrinsic::{
            BytesAt, BytesSlice, ListAt, ListRange, ListSet, ListSlice, StringAt, StringFromCode, StringSlice, U64Shl,
            U64Shr,
        };
        let is_place = matches!(
            op,
            ListRange
                | ListAt
                | ListSet
                | ListSlice
                | StringAt
                | StringSlice
                | BytesAt
                | BytesSlice
                | U64Shl
                | U64Shr
                | StringFromCode
        );
        if is_place && *ty == Type::Int && (matches!(op, ListRange) || !self.random.once_in(4)) {
            let kind = Kind::Const(Value::Int(if self.random.once_in(12) { -1 } else { self.random.below(3) as i64 }));
            return Expr { kind, ty: Type::Int, span: nowhere() };
        }
        self.expr(ty, depth, false)
    }

    /// Types of a row's operands where it gives `ty`; `None` where it does not.
    fn operands(&mut self, row: &Row, ty: &Type) -> Option<Vec<Type>> {
        let mut bound = Vec::new();
        if !unify(&signature(row.returns), ty, &mut bound) {
            return None;
        }
        let params: Vec<Type> = row.params.iter().map(|param| signature(param)).collect();
        for name in ['T', 'K', 'V', 'E', WIDTH] {
            if !bound.iter().any(|(known, _)| *known == name) {
                let of = if name == WIDTH { Type::Tryte(3) } else { self.any_type() };
                bound.push((name, of));
            }
        }
        let of = |name: char| bound.iter().find(|(known, _)| *known == name).map_or(Type::Bool, |(_, ty)| ty.clone());
        let keys: &[char] = match row.name {
            "set_of" | "items" => &['T'],
            "has" | "put" | "delete" if row.params[0].starts_with("Set") => &['T'],
            _ if row.params.iter().chain([&row.returns]).any(|param| param.contains("(K") || param.contains("<K")) => {
                &['K']
            }
            _ => &[],
        };
        let is_key =
            |ty: &Type| matches!(ty, Type::Int | Type::String | Type::Bool | Type::Tryte(_) | Type::Named(COLOR));
        if keys.iter().any(|name| !is_key(&of(*name))) {
            return None;
        }
        if row.params.iter().any(|param| param.starts_with("Set")) && !is_key(&of('T')) {
            return None;
        }
        if matches!(row.name, "<" | "<=" | ">" | ">=") && !is_ordered(&of('T')) {
            return None;
        }
        Some(params.iter().map(|param| filled(param, &bound)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        eval::Evaluator,
        limits::Limits,
        typed::{Expr, Kind},
    };

    /// Programs run without breaking what the typed tree promises, most give values, and all operations come up.
    #[test]
    fn programs_are_well_typed_and_use_everything() {
        let (mut used, mut kinds, mut values) = (BTreeSet::new(), BTreeSet::new(), 0);
        let mut faults = std::collections::BTreeMap::new();
        for seed in 0..400 {
            let program = program(seed, 60);
            let mut random = SplitMix64::new(seed);
            let mut evaluator = Evaluator::new(&program, Limits { fuel: 200_000, ..Limits::default() });
            for (at, function) in program.functions.iter().enumerate() {
                let mut todo: Vec<&Expr> = function.body.iter().collect();
                while let Some(expr) = todo.pop() {
                    kinds.insert(format!("{:?}", expr.kind).split([' ', '(']).next().map(str::to_owned));
                    if let Kind::Intrinsic { op, .. } = &expr.kind {
                        used.insert(*op);
                    }
                    expr.for_each_part(&mut |part| todo.push(part));
                }
                let params = &function.locals[..function.n_params];
                let args: Vec<Value> =
                    params.iter().map(|local| values::value(&program, &local.ty, 2, &mut random)).collect();
                match evaluator.call(FunctionId(at as u32), &args) {
                    Ok(_) => values += 1,
                    Err(fault) => {
                        *faults.entry(fault).or_insert(0) += 1;
                    }
                }
            }
        }
        let missing: Vec<_> = TABLE.iter().filter(|row| !used.contains(&row.op)).map(|row| row.op).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(kinds.len(), 20, "{kinds:?}");
        assert!(values > 800 && faults.len() >= 9, "{values} {faults:?}");
    }
}
