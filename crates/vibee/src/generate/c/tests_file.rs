//! The test file: cases as constant tables, and a function that goes through each.

use super::{C, WIDTH, body::fault_name, values::string_literal};
use crate::{
    generate::{
        names::{Case, in_case},
        writer::Writer,
    },
    types::Type,
};

impl C<'_> {
    /// A program that calls each function with the arguments of its cases.
    pub(super) fn cases(&self) -> String {
        let mut out = Writer::new("    ", WIDTH);
        out.line(format!("#include \"{}.c\"", in_case(self.input.stem, Case::Snake)));
        out.line("");
        out.line("static int passed;\nstatic int failed;\n");
        out.open("static void count(bool is_right, const char *function, const char *origin, vibee_fault fault) {");
        out.open("if (is_right) {");
        out.line("passed++;");
        out.turn("} else {");
        out.line("failed++;");
        out.line("printf(\"%s, %s: another result (fault %d)\\n\", function, origin, (int)fault);");
        out.close("}");
        out.close("}");
        out.line("");
        let mut functions: Vec<_> = Vec::new();
        for case in self.input.cases {
            if !functions.contains(&case.function) {
                functions.push(case.function);
            }
        }
        let mut calls = Vec::new();
        for id in functions {
            let function = self.input.program.function(id);
            let name = self.function(id);
            let returns = self.input.program.erased(&function.returns);
            let params: Vec<Type> =
                function.locals.iter().take(function.n_params).map(|local| local.ty.clone()).collect();
            out.open("static const struct {");
            out.line("const char *origin;");
            for (i, ty) in params.iter().enumerate() {
                out.line(format!("{} arg_{i};", self.types.name(ty)));
            }
            out.line("vibee_fault fault;");
            out.line(format!("{} result;", self.types.name(&returns)));
            out.close(format!("}} cases_of_{name}[] = {{"));
            out.deeper();
            for case in self.input.cases.iter().filter(|case| case.function == id) {
                let mut line = format!("{{.origin = {}", string_literal(&case.origin));
                for (i, (arg, ty)) in case.args.iter().zip(&params).enumerate() {
                    line.push_str(&format!(", .arg_{i} = {}", self.initial(ty, arg)));
                }
                match &case.outcome {
                    Ok(value) => line.push_str(&format!(", .result = {}}},", self.initial(&returns, value))),
                    Err(fault) => line.push_str(&format!(", .fault = {}}},", fault_name(*fault))),
                }
                out.line(line);
            }
            out.close("};");
            out.line("");
            out.open(format!("static void test_{name}(void) {{"));
            out.open(format!("for (size_t i = 0; i < sizeof cases_of_{name} / sizeof *cases_of_{name}; i++) {{"));
            out.line("vibee_arena arena = {0};");
            let args = (0..params.len()).map(|i| format!(", cases_of_{name}[i].arg_{i}")).collect::<String>();
            out.line(format!("{} given = {name}(&arena{args});", self.types.name(&returns)));
            out.line(format!("bool is_right = arena.fault == cases_of_{name}[i].fault;"));
            out.open("if (is_right && arena.fault == VIBEE_OK) {");
            out.line(format!("is_right = {}(given, cases_of_{name}[i].result) == 0;", self.compare(&returns)));
            out.close("}");
            out.line(format!("count(is_right, \"{name}\", cases_of_{name}[i].origin, arena.fault);"));
            out.line("vibee_arena_free(&arena);");
            out.close("}");
            out.close("}");
            out.line("");
            calls.push(format!("test_{name}();"));
        }
        out.open("int main(void) {");
        calls.iter().for_each(|call| out.line(call));
        out.line("printf(\"%d passed, %d failed\\n\", passed, failed);");
        out.line("return failed == 0 ? 0 : 1;");
        out.close("}");
        out.finish()
    }
}
