//! `repetition_detection`: whether, and when, an output that goes round in circles is broken off.

use std::fmt;

use engine::{RepetitionBounds, limits::PATTERN_LEN_MAX};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{count, out_of_range};
use crate::error::ApiError;

/// `repetition_detection`: true for the bounds of the program's own chat, or vLLM's object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RepetitionDetection {
    Own(bool),
    Bounds(Pattern),
}

/// The object, as vLLM's `RepetitionDetectionParams`.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pattern {
    max_pattern_size: i64,
    min_pattern_size: i64,
    min_count: i64,
}

impl RepetitionDetection {
    /// The bounds for the engine; `None` where the detection is off.
    pub(crate) fn bounds(self) -> Result<Option<RepetitionBounds>, ApiError> {
        let Pattern { max_pattern_size, min_pattern_size, min_count } = match self {
            Self::Own(is_on) => return Ok(is_on.then_some(RepetitionBounds::OWN)),
            // As there.
            Self::Bounds(Pattern { max_pattern_size: 0, .. }) => return Ok(None),
            Self::Bounds(pattern) => pattern,
        };
        let name = |field: &str| format!("repetition_detection.{field}");
        let pattern_len_max = count(&name("max_pattern_size"), max_pattern_size, 0, PATTERN_LEN_MAX)?;
        // Zero is the shortest there is, as there.
        let pattern_len_min = count(&name("min_pattern_size"), min_pattern_size, 0, usize::MAX)?.max(1);
        if pattern_len_min > pattern_len_max {
            let expected = format!("at most max_pattern_size, which is {pattern_len_max}");
            return Err(out_of_range(&name("min_pattern_size"), pattern_len_min, &expected));
        }
        let count_min = count(&name("min_count"), min_count, 2, usize::MAX)?;
        Ok(Some(RepetitionBounds { pattern_len_min, pattern_len_max, count_min, tokens_min: 0 }))
    }
}

impl<'de> Deserialize<'de> for RepetitionDetection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = RepetitionDetection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or an object with max_pattern_size, min_pattern_size and min_count")
            }

            fn visit_bool<E: Error>(self, is_on: bool) -> Result<RepetitionDetection, E> {
                Ok(RepetitionDetection::Own(is_on))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RepetitionDetection, A::Error> {
                Pattern::deserialize(MapAccessDeserializer::new(map)).map(RepetitionDetection::Bounds)
            }
        }
        deserializer.deserialize_any(Form)
    }
}
