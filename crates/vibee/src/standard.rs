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
pub const MODULES: &[StandardModule] = &[];

/// Finds a module.
pub fn find(name: &str) -> Option<&'static StandardModule> {
    MODULES.iter().find(|module| module.name == name)
}
