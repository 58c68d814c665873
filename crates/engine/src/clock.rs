//! [`Clock`]: time, which whoever owns a runner gives it.

use std::time::Duration;

/// Time since some moment; never goes back.
pub type Clock = dyn Fn() -> Duration + Send;
