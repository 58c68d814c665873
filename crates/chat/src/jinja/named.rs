//! [`Named`]: a row of the tables of filters, tests, functions and methods. A name stands there once, beside its code.

/// A name of the language and its code.
pub(crate) struct Named<C: 'static> {
    /// As templates write it; errors repeat it.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) code: C,
}

/// What a template names: a row, or a name that no row has.
pub(crate) type Known<C> = Result<&'static Named<C>, Box<str>>;

/// Makes a row of a table.
pub(crate) const fn named<C: Copy>(name: &'static str, code: C) -> Named<C> {
    Named { name, code }
}

/// The row of `name`.
pub(crate) fn find<C>(table: &'static [Named<C>], name: &str) -> Option<&'static Named<C>> {
    table.iter().find(|row| row.name == name)
}

/// The row of `name`, or the name.
pub(crate) fn known<C>(table: &'static [Named<C>], name: &str) -> Known<C> {
    find(table, name).ok_or_else(|| name.into())
}
