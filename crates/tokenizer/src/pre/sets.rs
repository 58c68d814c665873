//! Sets of characters, as in the brackets of a regular expression.

use crate::unicode::{Char, Classes};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Set {
    /// Any of these classes.
    Classes(Classes),
    /// Any of these classes, or one of these ASCII characters.
    ClassesAnd(Classes, &'static str),
    /// Characters in these inclusive ranges of code points, which are sorted.
    Ranges(&'static [(u32, u32)]),
    /// Everything but white space and these characters.
    Except(&'static str),
}

impl Set {
    #[inline]
    pub(crate) fn has(&self, c: Char) -> bool {
        match self {
            Self::Classes(classes) => c.classes.any(*classes),
            Self::ClassesAnd(classes, extra) => {
                c.classes.any(*classes) || extra.bytes().any(|b| u32::from(b) == c.code)
            }
            Self::Ranges(ranges) => {
                let after = ranges.partition_point(|&(first, _)| first <= c.code);
                after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|&(_, last)| c.code <= last)
            }
            Self::Except(excluded) => !c.classes.any(Classes::SPACE) && !excluded.chars().any(|e| c.is(e)),
        }
    }
}
