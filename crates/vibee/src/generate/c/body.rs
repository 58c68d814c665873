//! Functions: statements. What can fault is a statement of its own, with a check behind it.

use super::{C, WIDTH};
use crate::{
    generate::{
        names::{Case, Scope},
        statements::lower,
        terms::{Each, Lowered, Options, Statement, Term, TermKind, VarId, not},
        writer::{Writer, many, text},
    },
    typed::FunctionId,
    types::Type,
    value::{Fault, Value},
};

/// Operands are put into temporaries here, in their order, wherever one can fault.
const OPTIONS: Options = Options { has_conditional: true, is_ordered: true, builds: &[] };

/// A function that is printed.
pub(super) struct Body<'a> {
    pub(super) c: &'a C<'a>,
    lowered: Lowered,
    names: Vec<String>,
    scope: Scope,
    /// What the function gives where it faults.
    zero: String,
    pub(super) out: Writer,
}

impl C<'_> {
    /// All functions, the public ones first.
    pub(super) fn functions(&self) -> String {
        let used = self.input.used;
        let private = used.functions.iter().filter(|id| !self.is_public(**id));
        used.public.iter().chain(private).map(|id| self.print_function(*id)).collect::<Vec<String>>().join("\n")
    }

    fn print_function(&self, id: FunctionId) -> String {
        let program = self.input.program;
        let function = program.function(id);
        let lowered = lower(program, self.input.used, id, OPTIONS);
        let mut scope = self.scope.inner();
        let names: Vec<String> = lowered.vars.iter().map(|var| scope.made(&var.name, Case::Snake)).collect();
        let zero = self.types.zero(&function.returns);
        let mut body = Body { c: self, lowered, names, scope, zero, out: Writer::new("    ", WIDTH) };
        body.out.deeper();
        let statements = std::mem::take(&mut body.lowered.body);
        if body.lowered.is_repeated {
            body.out.open("for (;;) {");
            body.block(&statements);
            body.out.close("}");
        } else {
            body.block(&statements);
        }
        let (inner, names) = (body.out.finish(), body.names);
        let mut out = Writer::new("    ", WIDTH);
        if let (Some(say), false) = (&function.say, self.is_public(id)) {
            out.line(super::comment(say));
        }
        let params = names.get(..function.n_params).unwrap_or_default();
        let within = self.recursive.get(&id);
        out.open_doc(&match within {
            Some(name) => self.head(id, "static ", name, params, " {"),
            None => self.signature(id, params, " {"),
        });
        let is_read = |name: &str| {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            inner.match_indices(name).any(|(at, _)| {
                let before = inner.get(..at).and_then(|before| before.chars().next_back());
                let after = inner.get(at + name.len()..).and_then(|after| after.chars().next());
                !before.is_some_and(is_word) && !after.is_some_and(is_word)
            })
        };
        for name in ["arena"].into_iter().chain(params.iter().map(String::as_str)) {
            if !is_read(name) {
                out.line(format!("(void){name};"));
            }
        }
        let text = format!("{}{inner}}}\n", out.finish());
        match within {
            Some(within) => format!("{text}\n{}", self.limited(id, within, params)),
            None => text,
        }
    }
}

impl C<'_> {
    /// A function that calls what does its work unless too many such calls are under way.
    fn limited(&self, id: FunctionId, within: &str, params: &[String]) -> String {
        self.need("fail");
        let returns = &self.input.program.function(id).returns;
        let mut out = Writer::new("    ", WIDTH);
        out.open_doc(&self.signature(id, params, " {"));
        out.open("if (arena->depth >= VIBEE_DEPTH_MAX) {");
        out.line(format!("vibee_fail(arena, VIBEE_DEPTH);\nreturn {};", self.types.zero(returns)));
        out.close("}");
        out.line("arena->depth++;");
        let args: String = params.iter().map(|param| format!(", {param}")).collect();
        out.line(format!("{} result = {within}(arena{args});", self.types.name(returns)));
        out.line("arena->depth--;\nreturn result;");
        out.close("}");
        out.finish()
    }
}

impl Body<'_> {
    pub(super) fn name(&self, var: VarId) -> String {
        self.names.get(var.0 as usize).cloned().unwrap_or_default()
    }

    fn var_type(&self, var: VarId) -> Type {
        self.lowered.vars.get(var.0 as usize).map_or(Type::Poison, |var| var.ty.clone())
    }

    fn type_name(&self, ty: &Type) -> String {
        self.c.types.name(ty)
    }

    fn block(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    /// Leaves the function where what stands before has faulted.
    pub(super) fn check(&mut self) {
        self.out.open("if (arena->fault != VIBEE_OK) {");
        self.out.line(format!("return {};", self.zero));
        self.out.close("}");
    }

    /// Puts an expression into a new name.
    pub(super) fn spill(&mut self, ty: &Type, value: &str) -> String {
        let name = self.scope.made("part", Case::Snake);
        self.out.line(format!("{} {name} = {value};", self.type_name(ty)));
        name
    }

    /// Declares a name that is assigned later.
    pub(super) fn declare(&mut self, name: &str, ty: &Type) {
        self.out.line(format!("{} {name} = {};", self.type_name(ty), self.c.types.zero(ty)));
    }

    pub(super) fn new_name(&mut self, name: &str) -> String {
        self.scope.made(name, Case::Snake)
    }

    /// Tells the compiler that nothing reads the name.
    fn note_unread(&mut self, var: VarId) {
        if self.lowered.vars.get(var.0 as usize).is_some_and(|var| var.reads == 0) {
            self.out.line(format!("(void){};", self.name(var)));
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.c.need("fail");
        self.out.line(format!("vibee_fail(arena, {});\nreturn {};", fault_name(fault), self.zero));
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Let(var, term) => {
                let (value, may_fault) = self.whole(term);
                let (ty, name) = (self.type_name(&self.var_type(*var)), self.name(*var));
                self.out.doc(&many([text(format!("{ty} {name} = ")), value, text(";")]));
                if may_fault {
                    self.check();
                }
                self.note_unread(*var);
            }
            Statement::Assign(var, term) => {
                let (value, may_fault) = self.whole(term);
                self.out.doc(&many([text(format!("{} = ", self.name(*var))), value, text(";")]));
                if may_fault {
                    self.check();
                }
            }
            Statement::Declare(var) => {
                let (name, ty) = (self.name(*var), self.var_type(*var));
                self.declare(&name, &ty);
                self.note_unread(*var);
            }
            Statement::Do(term) => {
                let (value, may_fault) = self.whole(term);
                if may_fault {
                    self.out.doc(&many([value, text(";")]));
                    self.check();
                } else {
                    // Compilers warn of a value that goes nowhere.
                    self.out.doc(&many([text("(void)("), value, text(");")]));
                }
            }
            Statement::If(branches, otherwise) => self.branches(branches, otherwise),
            Statement::For(item, each, body) => self.each(*item, each, body),
            Statement::Break => self.out.line("break;"),
            Statement::Again => self.out.line("continue;"),
            Statement::Check(condition, fault) => {
                let refused = self.condition(&not(condition.clone()));
                self.out.open_doc(&many([text("if ("), refused, text(") {")]));
                self.fault(*fault);
                self.out.close("}");
            }
            Statement::Return(term) => {
                let (value, _) = self.whole(term);
                self.out.doc(&many([text("return "), value, text(";")]));
            }
            Statement::Fault(fault) => self.fault(*fault),
            Statement::Push(..) | Statement::Unreachable => self.out.line("abort();"),
        }
    }

    fn branches(&mut self, branches: &[(Term, Vec<Statement>)], otherwise: &[Statement]) {
        let mut deeper = 0;
        for (i, (condition, then)) in branches.iter().enumerate() {
            if i == 0 {
                let condition = self.condition(condition);
                self.out.open_doc(&many([text("if ("), condition, text(") {")]));
            } else if self.is_statements(condition) {
                self.out.turn("} else {");
                deeper += 1;
                let condition = self.condition(condition);
                self.out.open_doc(&many([text("if ("), condition, text(") {")]));
            } else {
                let condition = self.condition(condition);
                self.out.up();
                self.out.open_doc(&many([text("} else if ("), condition, text(") {")]));
            }
            self.block(then);
        }
        if !otherwise.is_empty() {
            self.out.turn("} else {");
            self.block(otherwise);
        }
        for _ in 0..=deeper {
            self.out.close("}");
        }
    }

    fn each(&mut self, item: VarId, each: &Each, body: &[Statement]) {
        let name = self.name(item);
        let item_type = self.type_name(&self.var_type(item));
        let is_read = self.lowered.vars.get(item.0 as usize).is_some_and(|var| var.reads > 0);
        match each {
            Each::Range(lo, hi) => {
                let lo = self.value(lo).flat();
                match &hi.kind {
                    TermKind::Const(Value::Int(last)) if *last < i64::MAX => {
                        let hi = self.value(hi).flat();
                        self.out.open(format!("for (int64_t {name} = {lo}; {name} <= {hi}; {name}++) {{"));
                    }
                    _ => {
                        // The last may be the greatest Int: nothing is added to it.
                        let hi = self.value(hi).flat();
                        let first = self.spill(&Type::Int, &lo);
                        let last = self.spill(&Type::Int, &hi);
                        let more = self.new_name("more");
                        self.out.line(format!("int64_t {name} = {first};"));
                        self.out.open(format!(
                            "for (bool {more} = {first} <= {last}; {more}; {more} = {name} < {last}, {name} += {more}) {{"
                        ));
                    }
                }
            }
            Each::Items(over) => {
                let value = self.value(over).flat();
                let items = match &over.kind {
                    TermKind::Var(var) if !self.lowered.vars.get(var.0 as usize).is_some_and(|var| var.is_changed) => {
                        value
                    }
                    _ => self.spill(&over.ty, &value),
                };
                let i = self.new_name("i");
                if over.ty == Type::String {
                    self.c.need("text_width");
                    self.c.need("text_part");
                    let end = self.new_name("end");
                    self.out.open(format!("for (size_t {i} = 0, {end} = 0; {i} < {items}.length; {i} = {end}) {{"));
                    self.out.line(format!("{end} += vibee_text_width({items}.items[{i}]);"));
                    if is_read {
                        self.out.line(format!("{item_type} {name} = vibee_text_part({items}, {i}, {end});"));
                    }
                } else {
                    self.out.open(format!("for (size_t {i} = 0; {i} < {items}.length; {i}++) {{"));
                    if is_read {
                        let value = match &over.ty {
                            Type::Map(..) => format!("{{{items}.keys[{i}], {items}.values[{i}]}}"),
                            _ => format!("{items}.items[{i}]"),
                        };
                        self.out.line(format!("{item_type} {name} = {value};"));
                    }
                }
            }
        }
        self.block(body);
        self.out.close("}");
    }
}

/// The enumerator of a fault.
pub(super) fn fault_name(fault: Fault) -> String {
    format!("VIBEE_{}", fault.name().to_ascii_uppercase())
}
