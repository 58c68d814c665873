//! The test file: cases as data, and one test for each function.

use super::{Python, WIDTH, stem};
use crate::generate::writer::{Writer, list, many, text};

impl Python<'_> {
    /// Tests for `unittest`.
    pub(super) fn cases(&self) -> String {
        let mut out = Writer::new("    ", WIDTH);
        self.need("_compare");
        self.need("Fault");
        let module = stem(self.input.stem);
        out.line("\"\"\"Calls, and what the specification says of them.\"\"\"\n");
        out.line("from __future__ import annotations\n");
        out.line(format!("from {module} import *  # noqa: F403"));
        out.line("import math\nimport sys\nimport unittest\nfrom typing import Any, Callable\n");
        out.line(format!("import {module} as spec"));
        out.line("\n# Where it comes from, arguments, and the result or the fault.");
        let mut functions: Vec<_> = Vec::new();
        for case in self.input.cases {
            if !functions.contains(&case.function) {
                functions.push(case.function);
            }
        }
        let name = |id| self.functions.get(&id).cloned().unwrap_or_default();
        for id in &functions {
            let function = self.input.program.function(*id);
            let types: Vec<_> = function.locals.iter().take(function.n_params).map(|local| local.ty.clone()).collect();
            out.open(format!("{}_CASES: list[tuple[str, tuple[Any, ...], Any]] = [", name(*id).to_ascii_uppercase()));
            for case in self.input.cases.iter().filter(|case| case.function == *id) {
                let args: Vec<_> = case.args.iter().zip(&types).map(|(arg, ty)| self.value(ty, arg).0).collect();
                let last = if args.len() == 1 { text(",)") } else { text(")") };
                let expected = match &case.outcome {
                    Ok(value) => self.value(&self.input.program.erased(&function.returns), value).0,
                    Err(fault) => text(format!("Fault(\"{}\")", fault.name())),
                };
                let args =
                    if args.len() == 1 { many([text("("), many(args), last]) } else { list("(", args, ")", ",") };
                let origin = text(super::terms::string_literal(&case.origin));
                out.doc(&many([list("(", vec![origin, args, expected], ")", ","), text(",")]));
            }
            out.close("]");
            out.line("");
        }
        out.line("");
        out.open("class Cases(unittest.TestCase):");
        out.open(
            "def check(self, function: Callable[..., Any], cases: list[tuple[str, tuple[Any, ...], Any]]) -> None:",
        );
        out.open("for origin, args, expected in cases:");
        out.open("with self.subTest(origin, args=args):");
        out.open("try:");
        out.line("given = function(*args)");
        out.up();
        out.open("except Fault as fault:");
        out.line("given = fault");
        out.up();
        out.open("if isinstance(given, Fault) or isinstance(expected, Fault):");
        out.line("self.assertEqual(getattr(given, \"kind\", given), getattr(expected, \"kind\", expected))");
        out.up();
        out.open("else:");
        out.line("self.assertEqual(spec._compare(given, expected), 0, f\"{given!r} is not {expected!r}\")");
        out.up();
        out.up();
        out.up();
        out.up();
        for id in &functions {
            out.line("");
            let call =
                if self.is_constant(*id) { format!("lambda: {}", name(*id)) } else { format!("spec.{}", name(*id)) };
            out.open(format!("def test_{}(self) -> None:", name(*id).to_ascii_lowercase()));
            out.line(format!("self.check({call}, {}_CASES)", name(*id).to_ascii_uppercase()));
            out.up();
        }
        out.up();
        out.line("\n");
        out.open("if __name__ == \"__main__\":");
        out.line("sys.setrecursionlimit(20_000)");
        out.line("unittest.main()");
        out.finish()
    }
}
