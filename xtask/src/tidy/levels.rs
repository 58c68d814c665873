//! A file that is named after an instruction-set level enables that level's features and no others: the compiler cannot
//! see that a kernel's row of the table and its `#[target_feature]` agree.

use super::{code::Code, tree::File};

/// Names of files, and what each function in them enables; the levels are those of `crates/kernels/src/isa.rs`.
const LEVELS: &[(&str, &str)] = &[
    ("avx2.rs", "avx2,fma,f16c"),
    ("avx512.rs", "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"),
    ("avx512_vbmi.rs", "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi"),
    (
        "avx512_popcnt.rs",
        "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vpopcntdq,avx512bitalg",
    ),
    ("neon.rs", "neon"),
    ("neon_dotprod.rs", "neon,dotprod"),
    ("neon_i8mm.rs", "neon,dotprod,i8mm"),
    ("simd128.rs", "simd128"),
];

/// Attributes that enable something else than the name of their file says, and names of which there is no file.
pub(crate) fn check(rust: &[(&File, Code)]) -> Vec<String> {
    let mut offences = Vec::new();
    for (name, features) in LEVELS {
        let is_named = |path: &str| path.starts_with("crates/kernels/src/") && path.rsplit('/').next() == Some(name);
        let mut files = rust.iter().filter(|(file, _)| is_named(&file.path)).peekable();
        if files.peek().is_none() {
            offences.push(format!("{name}: a level without a file (xtask/src/tidy/levels.rs)"));
        }
        for (file, code) in files {
            let attribute = format!("#[target_feature(enable = \"{features}\")]");
            let lines = file.text.lines().zip(code.text.lines()).zip(1..);
            let enabling = lines.filter(|((_, code), _)| code.contains("target_feature(enable = \""));
            let wrong = enabling.filter(|((line, _), _)| line.trim() != attribute);
            offences.extend(wrong.map(|(_, number)| format!("{}:{number}: enables not {features}", file.path)));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    #[test]
    fn files_of_a_level_enable_it() {
        let count = |name: &str, text: &str| {
            let file = |(name, text): (&str, &str)| File {
                path: format!("crates/kernels/src/simd/{name}"),
                text: text.to_owned(),
                n_bytes: 0,
            };
            let others = LEVELS.iter().filter(|(other, _)| *other != name).map(|(other, _)| (*other, ""));
            let files = others.chain([(name, text)]).map(file).collect();
            check(&Tree { files }.rust()).len()
        };
        let enable = |features: &str| format!("    #[target_feature(enable = \"{features}\")]\n    fn a() {{}}\n");
        assert_eq!(count("avx2.rs", &enable("avx2,fma,f16c")), 0);
        assert_eq!(count("neon.rs", "// #[target_feature(enable = \"dotprod\")]"), 0);
        assert_eq!(count("scalar.rs", &enable("avx2")), 0);
        assert_eq!(count("avx512.rs", "#[target_feature(enable = $features)]"), 0, "a macro is told");
        assert_eq!(count("avx2.rs", &enable("avx2,fma,f16c,avx512f")), 1);
        assert_eq!(count("neon_dotprod.rs", &(enable("neon,dotprod") + &enable("neon"))), 1);
        assert_eq!(check(&[]).len(), LEVELS.len(), "levels without a file");
    }
}
