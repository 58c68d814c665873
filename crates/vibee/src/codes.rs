//! Every code that a message can have: what `vibee explain` prints and the reference lists.

/// A code and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code: `E` for an error or `W` for a warning, then four digits.
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why it is wrong and what to write instead, one paragraph.
    pub explanation: &'static str,
}

/// Finds a code's row; case does not matter.
pub fn find(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|row| row.code.eq_ignore_ascii_case(code))
}

const fn row(code: &'static str, title: &'static str, explanation: &'static str) -> Code {
    Code { code, title, explanation }
}

/// All codes, in the order of their digits.
pub const CODES: &[Code] = &[
    row(
        "E0100",
        "not a specification",
        "The file is something else: Markdown, a notation of `@word name { … }`, binary, or empty. A specification is a \
         map of keys and begins with `vibee: 3`.",
    ),
    row(
        "E0101",
        "bytes that no specification has",
        "A specification is UTF-8 without NUL and other control characters, indented by spaces. A tab as indentation \
         means a different depth to every reader, so it is refused; so is a byte order mark inside the text.",
    ),
    row(
        "E0102",
        "indentation fits nothing",
        "Entries of one map or list stand in one column, and what belongs to an entry stands further right. This line \
         stands where nothing that is open begins.",
    ),
    row(
        "W0102",
        "lines nested below a value (old files)",
        "A key has a text beside it and deeper lines below. Old files are read with the deeper lines kept as text; in \
         version 3, put the value on lines of its own after `|`, or under a key.",
    ),
    row(
        "E0103",
        "something is not closed",
        "A quoted text, a list in brackets or a map in braces has no end before the end of what it stands in.",
    ),
    row(
        "E0104",
        "an escape that does not exist",
        "In double quotes a backslash stands before one of `0 a b t n v f r e \" / \\ N _ L P`, or before x, u or U with \
         2, 4 or 8 hexadecimal digits of a Unicode scalar value. In single quotes a backslash is an ordinary letter.",
    ),
    row(
        "E0105",
        "a key without a colon",
        "An entry of a map is a key, a colon and a space, and its value. This line stands among entries and has no \
         colon, or `=` in its place.",
    ),
    row(
        "W0105",
        "`=` where a colon belongs (old files)",
        "Old files are read as if a colon stood there. Version 3 refuses it.",
    ),
    row(
        "E0106",
        "brackets or braces read otherwise than meant",
        "Items in `[…]` and entries in `{…}` are divided by commas; a key and its value by a colon and a space. A list or \
         map must be closed at the end of its line's value, and nothing but a comment may follow.",
    ),
    row(
        "E0107",
        "a value that needs quotes",
        "Text after a closing quote, a colon and a space inside plain text, or a value that begins with a sign that means \
         something else (`[`, `{`, `>`, `|`, `@`, backquote, `%`) is not read as it looks. Put the whole value in quotes, or \
         on lines of its own after `|`.",
    ),
    row(
        "W0107",
        "a value that needs quotes (old files)",
        "Text after a closing quote, a colon and a space inside plain text, or a value that begins with `>`: in old files \
         the rest of the line is taken as plain text. Version 3 refuses it, because YAML reads it otherwise or not at all.",
    ),
    row(
        "E0110",
        "a key stands twice",
        "A map has each key once. Readers that take the last one lose the first without a word.",
    ),
    row(
        "W0110",
        "a top-level key stands twice (old files)",
        "In old files a repeated list is read as the continuation of the first one. Version 3 refuses it.",
    ),
    row(
        "E0111",
        "an unknown key",
        "The schema has no such key here. If it is a slip, the message names the nearest known key; keys of your own \
         begin with `x-` at the top of the file.",
    ),
    row(
        "E0120",
        "a part of YAML that specifications do without",
        "Anchors, aliases, tags, merge keys, complex keys, directives and further documents in one file make a text say \
         something else than what stands there, so they are refused by name.",
    ),
    row(
        "E0130",
        "the head of the file is wrong",
        "A specification begins with `vibee: 3`, has a `name` in lower_snake and a `version` such as 1.0.0.",
    ),
    row(
        "E0131",
        "a value of the wrong shape",
        "The schema wants something else here: a map, a list, a text, `true` or `false`, a whole number. The message says \
         which, and shows the form.",
    ),
    row(
        "E0132",
        "a name that cannot be one",
        "Types are written UpperCamel, all else lower_snake, with the letters a to z, digits and `_`; constants may be \
         UPPER_SNAKE. Words of the language, such as `match` or `old`, are not names.",
    ),
    row(
        "W0133",
        "a section that nothing runs yet",
        "The key belongs to the language and is kept, but this version of the program does not execute it: it counts as \
         prose.",
    ),
    row(
        "E0140",
        "over a limit",
        "Files, lines, nesting, names, lists and expressions have limits, so that every file is read in time and memory \
         that grow with its length and no faster. The message names the limit and its value.",
    ),
    row(
        "E0150",
        "something else was expected",
        "At this place the grammar of expressions, types or patterns has no such word or mark. The message says what may \
         stand here.",
    ),
    row(
        "E0151",
        "a bracket without its other half",
        "Each `(`, `[`, `{` and `<` has its closing bracket in the same expression, within what surrounds it. The message shows \
         where the bracket opens, and where it should have closed.",
    ),
    row(
        "E0152",
        "a text literal that does not end or decode",
        "A text in an expression stands between double quotes on one line. A backslash in it stands before `\"`, `\\`, `n`, `r`, \
         `t`, or `u{…}` with the number of a Unicode scalar value.",
    ),
    row(
        "E0153",
        "not a number",
        "Numbers are written `12`, `1_000`, `0xff`, `0b101`, `1.5`, `1e-3`; Trits `0t+`, Trytes `0t+-0`; Bytes `b\"00ff\"`.",
    ),
    row(
        "E0154",
        "a word or mark of another language",
        "Expressions have one way to say each thing, and this is how other languages say it. The message shows VIBEE's; where \
         it is clear what was meant, `vibee fmt --fix` writes it.",
    ),
    row(
        "E0155",
        "an operand that needs parentheses",
        "`let`, `if`, `match` and, behind an operator that binds tighter, `not` reach as far to the right as they can. As an \
         operand they stand in parentheses, so that nobody has to know how far.",
    ),
    row(
        "E0156",
        "a table that cannot be read",
        "A table is a line with the names of its columns, then a line for each example, with `|` between cells and nowhere \
         else. A `result` column may say how near is near enough: `result within 2 ulp`, `result within 1e-9`.",
    ),
    row(
        "E0201",
        "imports go in a circle",
        "A module may not need itself, through others or at once. The message shows the whole circle; move what both need \
         into a third module.",
    ),
    row(
        "E0202",
        "a path that leads out of the root",
        "Paths of imports stay below the folder of `vibee.toml`, or of the first file where there is none.",
    ),
    row(
        "E0203",
        "an import that cannot be had",
        "The file is missing, cannot be read, is another module than its name says, or its hash is not the one expected.",
    ),
    row("E0301", "an unknown name", "Nothing of this name is in scope. The message names the nearest that is."),
    row(
        "E0302",
        "a name hides another",
        "Local names do not shadow: a second meaning for a name in one place is how a reader is misled. Choose another name.",
    ),
    row(
        "E0303",
        "an ambiguous import",
        "Two modules give the same name by `only`. Write it with its module: `module.name`.",
    ),
    row(
        "E0310",
        "types differ",
        "An expression has another type than its place asks for; nothing is converted silently.",
    ),
    row(
        "E0311",
        "Int meets Float",
        "Int and Float are not mixed: which rounding is meant must be said. `float(i)` converts exactly or faults, \
         `round_float(i)` rounds.",
    ),
    row(
        "E0312",
        "`/` on Int",
        "Int has no `/`, because languages disagree on what it means below zero. `div` and `mod` are Euclidean (`mod` is never \
         negative), `quo` and `rem` truncate.",
    ),
    row(
        "E0313",
        "comparisons in a chain",
        "`a < b < c` is not read as in mathematics by most languages, so it is refused: write `a < b and b < c`.",
    ),
    row(
        "E0320",
        "a match that forgets a value",
        "Every value of the type must have an arm. The message shows one that has none.",
    ),
    row("W0321", "an arm that nothing reaches", "The arms before it take all that it would match."),
    row(
        "E0322",
        "a case, field or name stands twice",
        "Names of cases, fields, parameters and items are given once each.",
    ),
    row(
        "E0330",
        "a constant that has no value",
        "A literal lies outside its type's range, a constant's expression faults, a range has its bounds the wrong way round, \
         or an enum has no case.",
    ),
    row(
        "E0340",
        "recursion without a measure",
        "A function that calls itself, alone or through others, needs `decreases:`, an Int that is never negative and falls \
         with every call. So evaluation always ends.",
    ),
    row(
        "E0341",
        "a lambda that escapes",
        "A lambda is an argument of a call and nothing else; it cannot be stored, returned or compared.",
    ),
    row(
        "E0342",
        "a domain without end",
        "`all`, `any` and the like go over lists, sets, maps and finite ranges; the state of a machine has finite types.",
    ),
    row(
        "W0350",
        "a name that nothing uses",
        "A parameter, variable or bound name that nothing reads is often a slip. Where it is meant, write `_` or begin its \
         name with `_`.",
    ),
    row("W0351", "an import that nothing uses", "Nothing of the module is named: remove the import."),
    row(
        "W0352",
        "a condition that is always the same",
        "It does not depend on anything, so one of the branches is never taken.",
    ),
    row(
        "W0353",
        "a case that no example has",
        "Rows have other cases of this enum and never this one, so what happens to it is not shown. Add a row, or a property \
         over the enum.",
    ),
    row(
        "W0354",
        "an error that `raises` does not name",
        "The body gives an error that is none of those that `raises` says may come. Name it there, or do not give it.",
    ),
    row(
        "E0401",
        "rows that contradict",
        "Two examples have equal arguments and different results, so no implementation can pass both.",
    ),
    row(
        "E0402",
        "a row that is not so",
        "An example breaks the behaviour's `given` or `then`, or the body gives another result. The message shows the value, what \
         was expected and which part is false.",
    ),
    row(
        "E0403",
        "a table of the wrong shape",
        "The header names parameters and then perhaps `result`; every row has a cell for each column.",
    ),
    row(
        "E0410",
        "a property that is hardly tested",
        "Its `where` discards more than 90 % of what is drawn. Choose variables whose types already say what is allowed.",
    ),
    row(
        "E0411",
        "a state that must be reachable is not",
        "No run of the machine reaches it, so what is said about it says nothing.",
    ),
    row("W0412", "an error that no example raises", "A variant stands in `raises` and in no example's result."),
    row("E0501", "bytecode: not a `.vbc` file", "The file does not begin with `VBC3`."),
    row(
        "E0502",
        "bytecode: another version",
        "The major version is one that this reader does not know. Compile the spec again.",
    ),
    row(
        "E0503",
        "bytecode: the checksum is wrong",
        "The BLAKE3 at the end is not that of the bytes before it: the file is damaged.",
    ),
    row(
        "E0504",
        "bytecode: a section lies outside",
        "A section's offset or length leads out of the file or into another section.",
    ),
    row("E0505", "bytecode: an unknown section", "A section has an id that is not known and may not be skipped."),
    row(
        "E0506",
        "bytecode: a constant of the wrong kind",
        "An entry of the pool is broken or not of the kind its use needs.",
    ),
    row(
        "E0507",
        "bytecode: an index out of bounds",
        "A register, function, type or constant is named that does not exist.",
    ),
    row(
        "E0508",
        "bytecode: operand types differ",
        "An instruction's operand has another type than the instruction works on.",
    ),
    row("E0509", "bytecode: a register is read before it is set", "On some path nothing was put into it."),
    row(
        "E0510",
        "bytecode: a jump leads out",
        "A jump's target is not the beginning of an instruction of the same function.",
    ),
    row(
        "E0511",
        "bytecode: a call or an end is wrong",
        "A call has another number of arguments than its function, or a path \
         runs off the end of a function.",
    ),
    row(
        "E0512",
        "bytecode: spans are out of order",
        "The table of places or of coverage does not ascend or leads outside.",
    ),
    row(
        "E0601",
        "runner: not JSON",
        "The implementation wrote a line that is not one JSON object. Talk belongs on standard error.",
    ),
    row(
        "E0602",
        "runner: an answer to nothing",
        "An answer has an `id` that was never asked, or was answered already.",
    ),
    row("E0603", "runner: a value of the wrong type", "The answer's value is not one of the declared type."),
    row("E0604", "runner: silence", "No answer came in the time that a call may take; the process was ended."),
    row("E0605", "runner: death", "The process ended while a call was open."),
    row("E0606", "runner: too long a line", "A line of the implementation is longer than the protocol allows."),
    row(
        "E0607",
        "runner: greeting wrong",
        "The answer to `hello` lacks what it must say: `impl` and `version`, which are texts, and the list of `modules`.",
    ),
    row(
        "E0701",
        "a target cannot say it",
        "The target language has no exact form for this: most often a name that it keeps for itself, which gets a suffix \
         there. `vibee gen` lists each.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_well_formed_and_ascend() {
        let order = |code: &'static str| code.split_at_checked(1).map(|(letter, digits)| (digits, letter));
        for row in CODES {
            assert!(row.code.len() == 5 && (row.code.starts_with('E') || row.code.starts_with('W')), "{}", row.code);
            assert!(row.code.bytes().skip(1).all(|b| b.is_ascii_digit()), "{}", row.code);
            assert!(row.explanation.ends_with('.') && !row.title.ends_with('.'), "{}", row.code);
            assert_eq!(find(&row.code.to_lowercase()), Some(row));
        }
        for pair in CODES.windows(2) {
            assert!(order(pair[0].code) < order(pair[1].code), "{} stands before {}", pair[0].code, pair[1].code);
        }
    }
}
