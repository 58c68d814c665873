//! The keys of a specification, once: what reads them, what orders them, and what documents them goes by these tables.

/// A key of a [`Form`].
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// What stands behind it.
    pub value: &'static str,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it means, in a sentence.
    pub meaning: &'static str,
}

/// A map with known keys, in the order in which `fmt` writes them.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What messages call it: "an entry of `functions`".
    pub name: &'static str,
    pub keys: &'static [Key],
}

impl Form {
    /// Finds a key.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn must(name: &'static str, value: &'static str, meaning: &'static str) -> Key {
    Key { name, value, is_required: true, meaning }
}

const fn may(name: &'static str, value: &'static str, meaning: &'static str) -> Key {
    Key { name, value, is_required: false, meaning }
}

const SAY: Key = may("say", "text", "Prose: what it is for. Generated code carries it as documentation.");

/// The top of a file.
pub const FILE: Form = Form {
    name: "the top of a specification",
    keys: &[
        must("vibee", "`3`", "The version of the language."),
        must("name", "lower_snake", "The module's name: others import it by it, and generated files bear it."),
        must("version", "semantic version", "The version of what is specified, such as 1.0.0."),
        may("description", "text", "What the module is about."),
        may("imports", "list of imports", "Other modules; `std.math` and the like are built in."),
        may("constants", "map of constants", "Values by name."),
        may("types", "map of types", "Records, enums, constrained types and other names of types."),
        may("functions", "list of functions", "What computes something, with examples of its own."),
        may(
            "behaviors",
            "list of behaviors",
            "What the software does: given, when, then, with examples and properties.",
        ),
        may("extern", "list of extern functions", "Functions without a body: only an implementation can answer."),
        may("fsm", "list of state machines", "State machines. Nothing runs them yet: `W0133` says so."),
    ],
};

/// An entry of `imports`.
pub const IMPORT: Form = Form {
    name: "an entry of `imports`",
    keys: &[
        must("name", "module", "The module: `other`, or `std.math`."),
        may("path", "path", "Its file, from this one's folder; `NAME.vibee` where it is left out."),
        may("only", "list of names", "Names that may be written without the module's; others are `module.name`."),
    ],
};

/// An entry of `constants` that is a map.
pub const CONSTANT: Form = Form {
    name: "a constant",
    keys: &[
        may("type", "type", "Its type; inferred where it is left out."),
        must("value", "expression", "Its value, of constants and functions alone."),
        SAY,
    ],
};

/// An entry of `types` that has fields.
pub const RECORD: Form = Form {
    name: "a record",
    keys: &[SAY, must("fields", "map of types", "The fields with their types, in the order of declaration.")],
};

/// An entry of `types` that has cases.
pub const ENUM: Form = Form {
    name: "an enum",
    keys: &[
        SAY,
        must(
            "enum",
            "list of cases",
            "The cases: a name, or `{ name: { field: type } }` for one that carries something.",
        ),
        may(
            "ordered",
            "`true` or `false`",
            "Whether `<` follows the order of declaration; `false` where it is left out.",
        ),
    ],
};

/// An entry of `types` that narrows another type.
pub const CONSTRAINED: Form = Form {
    name: "a constrained type",
    keys: &[
        SAY,
        must("base", "type", "The type that it narrows."),
        must("where", "expression", "What holds of `value`, a Bool; a value for which it does not is fault `range`."),
    ],
};

const NAME: Key = must("name", "lower_snake", "Its name.");
const PARAMS: Key = may("params", "map of types", "Parameters with their types, in order; none where it is left out.");
const RETURNS: Key = must("returns", "type", "The type of the result.");
const GIVEN: Key =
    may("given", "expression", "What must hold of the parameters, a Bool; else the call is fault `given`.");
const EXAMPLES: Key = may(
    "examples",
    "table, or list of maps",
    "Calls with their results: columns are the parameters, then `result` (a value or `fault(name)`) or nothing.",
);
const FORALL: Key = may("forall", "list of properties", "What holds for all values of some variables.");

/// An entry of `functions`.
pub const FUNCTION: Form = Form {
    name: "an entry of `functions`",
    keys: &[
        NAME,
        SAY,
        may("generics", "list of letters", "Type parameters, in std alone."),
        PARAMS,
        RETURNS,
        GIVEN,
        may(
            "decreases",
            "expression",
            "Where it calls itself: an Int, or a tuple of them, that every call makes less.",
        ),
        must("body", "expression", "What it computes."),
        EXAMPLES,
        FORALL,
    ],
};

/// An entry of `behaviors`.
pub const BEHAVIOR: Form = Form {
    name: "an entry of `behaviors`",
    keys: &[
        NAME,
        SAY,
        PARAMS,
        RETURNS,
        GIVEN,
        may("when", "expression", "What yields `result`. Without it only an implementation can answer."),
        may(
            "decreases",
            "expression",
            "Where it calls itself: an Int, or a tuple of them, that every call makes less.",
        ),
        may(
            "then",
            "list of expressions",
            "What holds of parameters and `result`: Bools, each `name: expression` or bare.",
        ),
        may("raises", "list of cases", "The cases of the error type that may come; each comes in some example."),
        EXAMPLES,
        FORALL,
        may("scenario", "list of steps", "Steps over something with state. Nothing runs them yet: `W0133` says so."),
    ],
};

/// An entry of `extern`.
pub const EXTERN: Form = Form {
    name: "an entry of `extern`",
    keys: &[
        NAME,
        SAY,
        PARAMS,
        RETURNS,
        GIVEN,
        may(
            "then",
            "list of expressions",
            "What holds of parameters and `result`: Bools, each `name: expression` or bare.",
        ),
        may("raises", "list of cases", "The cases of the error type that may come; each comes in some example."),
        EXAMPLES,
        FORALL,
    ],
};

/// An entry of `forall`.
pub const PROPERTY: Form = Form {
    name: "an entry of `forall`",
    keys: &[
        NAME,
        must(
            "vars",
            "map of types",
            "Variables with their types: the domain. One of at most 65,536 members is exhausted.",
        ),
        may("where", "expression", "Which members of the domain count, a Bool."),
        must("holds", "expression", "What holds for each, a Bool."),
        may(
            "cases",
            "whole number",
            "How many cases are drawn where the domain is larger; 1,000 where it is left out.",
        ),
    ],
};

/// An entry of `fsm`.
pub const MACHINE: Form = Form {
    name: "an entry of `fsm`",
    keys: &[
        NAME,
        SAY,
        may("params", "map of types", "Parameters of the machine."),
        must("state", "map of types", "Variables with their types, finite ones."),
        must("init", "map of expressions", "The first value of each variable."),
        must("actions", "list of actions", "What may happen: `name`, `when`, `then`."),
        may("invariants", "map of expressions", "What holds in every state."),
        may("steps", "map of expressions", "What holds of every step, with `old`."),
        may("reachable", "map of expressions", "What some state satisfies."),
        may("deadlock", "expression", "Where a machine may end."),
        may("bound", "whole number", "States to look at."),
    ],
};

/// Words of other tools for keys.
pub(super) const SYNONYMS: [(&str, &str); 30] = [
    ("parameters", "params"),
    ("arguments", "params"),
    ("args", "params"),
    ("inputs", "params"),
    ("input", "params"),
    ("return", "returns"),
    ("result", "returns"),
    ("output", "returns"),
    ("description", "say"),
    ("doc", "say"),
    ("comment", "say"),
    ("requires", "given"),
    ("precondition", "given"),
    ("preconditions", "given"),
    ("ensures", "then"),
    ("postcondition", "then"),
    ("postconditions", "then"),
    ("implementation", "body"),
    ("code", "body"),
    ("body", "when"),
    ("when", "body"),
    ("tests", "examples"),
    ("test_cases", "examples"),
    ("cases", "examples"),
    ("properties", "forall"),
    ("variables", "vars"),
    ("variants", "enum"),
    ("errors", "raises"),
    ("algorithms", "functions"),
    ("structs", "types"),
];

/// All forms: what the reference lists.
pub const FORMS: [Form; 11] =
    [FILE, IMPORT, CONSTANT, RECORD, ENUM, CONSTRAINED, FUNCTION, BEHAVIOR, EXTERN, PROPERTY, MACHINE];
