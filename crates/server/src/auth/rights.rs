//! [`Rights`]: what a caller may do beyond asking a model: change what all callers share, read what is counted of all,
//! go before others.

use crate::{
    error::{ApiError, ErrorKind},
    limits::PRIORITY,
    wire::out_of_range,
};

/// What a caller may do beyond asking a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// The caller may change what all callers share: unload a model, pull one.
    pub is_operator: bool,
    /// The caller may read what is counted of all callers together.
    pub reads_figures: bool,
    /// The caller may change the facts of graphs, where the operator lets anybody.
    pub writes_facts: bool,
    /// Highest priority that the caller's requests may have.
    pub priority_max: i32,
}

impl Rights {
    /// All rights there are.
    pub const OPERATOR: Self =
        Self { is_operator: true, reads_figures: true, writes_facts: true, priority_max: PRIORITY.max };

    /// The rights of a caller where no keys are asked for: figures and priorities are open to everybody then, as there
    /// is nobody to tell from another.
    pub(super) const fn without_keys(is_operator: bool) -> Self {
        Self { is_operator, writes_facts: is_operator, ..Self::OPERATOR }
    }

    /// The rights of a caller that may read the figures and nothing else.
    pub(super) const FIGURES: Self =
        Self { is_operator: false, reads_figures: true, writes_facts: false, priority_max: 0 };

    /// Refuses what changes things for all callers, unless this one is the operator; `what` as in "unloading a model".
    pub(crate) fn check_operator(self, what: &str) -> Result<(), ApiError> {
        let why = "concerns all callers: it needs a key with admin = true; without keys, a caller on this machine, or --open-admin";
        if self.is_operator { Ok(()) } else { Err(not_permitted(format!("{what} {why}"))) }
    }

    /// Refuses a change of facts, unless this caller may.
    pub fn check_writes_facts(self) -> Result<(), ApiError> {
        let why = "changing facts needs a key with kg_write = true or admin = true; without keys, a caller on this machine, or --open-admin";
        if self.writes_facts { Ok(()) } else { Err(not_permitted(why)) }
    }

    /// Refuses the figures of all callers together, unless this one may read them.
    pub(crate) fn check_figures(self) -> Result<(), ApiError> {
        let why = "these figures are of all callers together: they need a key with metrics = true or admin = true";
        if self.reads_figures { Ok(()) } else { Err(not_permitted(why)) }
    }

    /// Reads the `priority` of a request, and refuses one that is out of range or above what the caller may ask for.
    pub(crate) fn check_priority(self, priority: Option<i64>) -> Result<i32, ApiError> {
        let Some(asked) = priority else { return Ok(0) };
        let own = self.priority_max.clamp(0, PRIORITY.max);
        if asked > i64::from(own) && own < PRIORITY.max {
            let expected = format!("at most {own}, the priority_max of this key");
            return Err(out_of_range("priority", asked, &expected));
        }
        let priority = i32::try_from(asked).ok().filter(|priority| PRIORITY.contains(*priority));
        priority.ok_or_else(|| out_of_range("priority", asked, &PRIORITY.to_string()))
    }
}

fn not_permitted(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::Forbidden, message).with_code("not_permitted")
}
