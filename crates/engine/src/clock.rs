//! [`Clock`]: time, which the owner of a runner gives it.

use std::time::Duration;

/// A clock: time since some moment, which never goes back.
pub type Clock = dyn Fn() -> Duration + Send;
