//! The reference of the language, in Markdown, made from the tables that the language itself reads.

use std::fmt::Write;

use crate::{
    check::methods::METHODS, codes::CODES, intrinsic::TABLE, limits, schema::keys::FORMS, source::Sources,
    syntax::print, value::Fault,
};

/// A part of the reference.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Keys of a file.
    Keys,
    /// Operations that are built in.
    Operations,
    /// Methods that take a lambda.
    Methods,
    /// Functions of std, which are VIBEE themselves.
    Std,
    Faults,
    Limits,
    /// Codes of messages.
    Codes,
}

impl Section {
    /// All sections with their names on the command line, in the order of the reference.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Keys, "keys"),
        (Self::Operations, "operations"),
        (Self::Methods, "methods"),
        (Self::Std, "std"),
        (Self::Faults, "faults"),
        (Self::Limits, "limits"),
        (Self::Codes, "codes"),
    ];

    /// Gives the section in Markdown, with its heading.
    pub fn text(self) -> String {
        match self {
            Self::Keys => keys(),
            Self::Operations => operations(),
            Self::Methods => methods(),
            Self::Std => standard(),
            Self::Faults => faults(),
            Self::Limits => limits(),
            Self::Codes => codes(),
        }
    }
}

/// Gives the whole reference in Markdown.
pub fn text() -> String {
    let intro = "# VIBEE: reference\n\nWhat `vibee reference` prints: made from the tables that the language itself \
                 reads. The way in is [the tutorial](vibee.md).\n";
    Section::ALL.iter().fold(intro.to_owned(), |text, (section, _)| text + "\n" + &section.text())
}

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn keys() -> String {
    let mut text = "## Keys\n\nKeys that begin with `x-` are kept and mean nothing.\n".to_owned();
    for form in FORMS {
        let _ = write!(text, "\n### {}\n\n| key | value | | meaning |\n| --- | --- | --- | --- |\n", form.name);
        for key in form.keys {
            let must = if key.is_required { "required" } else { "" };
            let _ = writeln!(text, "| `{}` | {} | {must} | {} |", key.name, cell(key.value), cell(key.meaning));
        }
    }
    text
}

fn operations() -> String {
    let mut text = "## Operations\n\nA function is a method of its first parameter as well: `len(text)` is `text.len()`. \
                    `T`, `K`, `V` and `E` stand for any type.\n\n| name | takes | gives | |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for row in TABLE {
        let params = row.params.join(", ");
        let _ = writeln!(text, "| `{}` | `{}` | `{}` | {} |", cell(row.name), params, row.returns, cell(row.doc));
    }
    text
}

fn methods() -> String {
    let mut text =
        "## Methods that take a function\n\nA lambda stands only as an argument: `list.map(x => x + 1)`.\n\n\
                    | name | takes | gives | |\n| --- | --- | --- | --- |\n"
            .to_owned();
    for method in METHODS {
        let params = method.params.join(", ");
        let _ = writeln!(text, "| `{}` | `{params}` | `{}` | {} |", method.name, method.returns, cell(method.doc));
    }
    text
}

fn standard() -> String {
    let mut text = "## Std\n\nWritten in VIBEE, with examples that are tested. Modules marked with * are in sight \
                    everywhere; others are imported: `imports: [{ name: std.math }]`.\n"
        .to_owned();
    for module in crate::standard::MODULES {
        let mut sources = Sources::default();
        let file = sources.add(module.name, module.text);
        let (document, mut diagnostics) = crate::reader::read(&sources, file);
        let Some(spec) = crate::schema::spec(&document, &mut diagnostics) else { continue };
        let mark = if module.is_prelude { " *" } else { "" };
        let _ = write!(text, "\n### {}{mark}\n\n{}\n\n", module.name, spec.description.unwrap_or_default().trim());
        text += "| function | gives | |\n| --- | --- | --- |\n";
        for function in spec.functions.iter().filter(|function| function.say.is_some()) {
            let params = function.params.iter().map(|(name, ty)| format!("{}: {}", name.name, print::type_expr(ty)));
            let params: Vec<String> = params.collect();
            let _ = writeln!(
                text,
                "| `{}({})` | `{}` | {} |",
                function.name.name,
                params.join(", "),
                print::type_expr(&function.returns),
                cell(function.say.as_deref().unwrap_or_default().trim())
            );
        }
    }
    text
}

fn faults() -> String {
    let mut text =
        "## Faults\n\nAn evaluation gives a value or one of these; a cell of results may say `fault(overflow)`.\n\n"
            .to_owned();
    for (_, name) in Fault::ALL {
        let _ = writeln!(text, "- `{name}`");
    }
    text
}

fn limits() -> String {
    let rows: [(&str, u64); 17] = [
        ("bytes of a file", limits::FILE_BYTES_MAX as u64),
        ("bytes of a line", limits::LINE_BYTES_MAX as u64),
        ("levels of nesting", limits::NESTING_MAX as u64),
        ("bytes of a name", limits::NAME_BYTES_MAX as u64),
        ("items of a list", limits::ITEMS_MAX as u64),
        ("messages about a file", limits::MESSAGES_MAX as u64),
        ("modules", limits::MODULES_MAX as u64),
        ("levels of an expression", limits::EXPR_DEPTH_MAX as u64),
        ("registers of a function", limits::REGISTERS_MAX as u64),
        ("fuel of a case, in instructions", limits::FUEL),
        ("bytes of memory of a case", limits::MEMORY_BYTES),
        ("calls within calls", u64::from(limits::CALL_DEPTH)),
        ("members of a domain that is exhausted", limits::EXHAUSTED_MAX),
        ("cases of a larger domain", u64::from(limits::CASES)),
        ("seconds of a call of an implementation, unless `--timeout` says otherwise", limits::CALL_SECONDS),
        ("seconds of its start, unless `--start-timeout` says otherwise", limits::START_SECONDS),
        ("bytes of a line of an implementation", limits::RUNNER_LINE_BYTES_MAX as u64),
    ];
    let mut text = "## Limits\n\n| what | at most |\n| --- | ---: |\n".to_owned();
    for (what, most) in rows {
        let _ = writeln!(text, "| {what} | {most} |");
    }
    text
}

fn codes() -> String {
    let mut text = "## Codes\n\n`vibee explain CODE` says more of each.\n\n| code | |\n| --- | --- |\n".to_owned();
    for row in CODES {
        let _ = writeln!(text, "| {} | {} |", row.code, cell(row.title));
    }
    text
}
