//! Whatever answers come from takes its elementary functions from the crate `libm` or `kernels::math`: those of the
//! standard library are the platform's, whose last bits differ.

use super::{
    code::{Code, line_of},
    tree::File,
};

/// Crates whose bytes are the same on all platforms.
const CRATES: &[&str] = &["crates/engine/src/", "crates/kernels/src/", "crates/model/src/", "crates/web/src/"];
/// Methods of floats of which the standard library says that their precision differs by platform.
const METHODS: &[&str] = &[
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp", "exp2", "exp_m1",
    "hypot", "ln", "ln_1p", "log", "log10", "log2", "powf", "powi", "sin", "sin_cos", "sinh", "tan", "tanh",
];

/// Calls of such methods outside of tests.
pub(crate) fn check(rust: &[(&File, Code)]) -> Vec<String> {
    let mut offences = Vec::new();
    for (file, code) in rust {
        let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
        if is_test || !CRATES.iter().any(|of| file.path.starts_with(of)) {
            continue;
        }
        let product = code.product();
        for method in METHODS {
            let call = format!(".{method}(");
            let lines = product.match_indices(&call).map(|(at, _)| line_of(&product, at));
            offences.extend(lines.map(|line| {
                format!("{}:{line}: .{method}() is the platform's, whose last bits differ: take libm's", file.path)
            }));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    fn offences(path: &str, text: &str) -> usize {
        let file = File { path: path.to_owned(), text: text.to_owned(), n_bytes: 0 };
        check(&Tree { files: vec![file] }.rust()).len()
    }

    #[test]
    fn functions_of_the_platform_are_found_where_answers_come_from() {
        for path in ["crates/engine/src/a.rs", "crates/model/src/b/c.rs"] {
            assert_eq!(
                offences(path, "fn a(x: f32) -> f32 { x.exp() + (2.0 * x).powf(0.5).sin_cos().0 }"),
                3,
                "{path}"
            );
            assert_eq!(offences(path, "fn a(x: f32) -> f32 { libm::expf(x) + x.sqrt().mul_add(x, x).abs() }"), 0);
            assert_eq!(offences(path, "// x.exp()\n#[cfg(test)]\nmod tests {\n    fn a(x: f32) { x.ln(); }\n}"), 0);
        }
        assert_eq!(offences("crates/eval/src/a.rs", "fn a(x: f32) -> f32 { x.exp() }"), 0);
        assert_eq!(offences("crates/engine/src/a/tests.rs", "fn a(x: f32) -> f32 { x.exp() }"), 0);
    }
}
