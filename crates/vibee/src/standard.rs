//! The modules of std: built in, written in VIBEE like any other (`std/*.vibee`).

/// A module of std.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug)]
pub struct StandardModule {
    /// Its name, such as `std.list`.
    pub name: &'static str,
    pub text: &'static str,
    /// Whether its functions are in sight everywhere, without an import.
    pub is_prelude: bool,
}

/// All modules of std, each behind those it imports.
pub const MODULES: &[StandardModule] = &[
    prelude("std.option", include_str!("../std/option.vibee")),
    prelude("std.list", include_str!("../std/list.vibee")),
    prelude("std.map", include_str!("../std/map.vibee")),
    prelude("std.string", include_str!("../std/string.vibee")),
    prelude("std.number", include_str!("../std/number.vibee")),
    imported("std.math", include_str!("../std/math.vibee")),
    imported("std.rand", include_str!("../std/rand.vibee")),
];

const fn prelude(name: &'static str, text: &'static str) -> StandardModule {
    StandardModule { name, text, is_prelude: true }
}

const fn imported(name: &'static str, text: &'static str) -> StandardModule {
    StandardModule { name, text, is_prelude: false }
}

/// Finds a module.
pub fn find(name: &str) -> Option<&'static StandardModule> {
    MODULES.iter().find(|module| module.name == name)
}
