//! [`Now`]: the time that a template is told.

use jiff::{ZonedDateTime, civil::DateTime};

/// A moment as the clocks of the caller's place show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// What they show.
    pub local: DateTime,
    /// How far they are ahead of UTC.
    pub utc_offset_seconds: i32,
}

impl From<DateTime> for Now {
    /// Takes `local` for the time of UTC.
    fn from(local: DateTime) -> Self {
        Self { local, utc_offset_seconds: 0 }
    }
}

impl From<ZonedDateTime> for Now {
    fn from(zoned: ZonedDateTime) -> Self {
        Self { local: zoned.datetime(), utc_offset_seconds: zoned.offset().seconds() }
    }
}
