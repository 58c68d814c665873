//! `samplers`: which samplers pick tokens, in which order, by llama.cpp's names.

use std::borrow::Cow;

use engine::SamplerKind;

use super::{StringOrList, unsupported};
use crate::{error::ApiError, limits, wire::out_of_range};

/// A sampler as requests name it.
#[derive(Debug)]
struct Named {
    name: &'static str,
    /// The letter of the sampler, where all samplers stand in one word.
    letter: char,
    /// The engine's sampler. `None` where there is none: the name is taken all the same, since the fields that would
    /// switch the sampler on are refused.
    kind: Option<SamplerKind>,
}

const fn named(name: &'static str, letter: char, kind: Option<SamplerKind>) -> Named {
    Named { name, letter, kind }
}

/// All samplers that have a name: those of the default chain in its order, then the others.
const SAMPLERS: &[Named] = &[
    named("penalties", 'e', Some(SamplerKind::Penalties)),
    named("dry", 'd', None),
    named("top_n_sigma", 's', None),
    named("top_k", 'k', Some(SamplerKind::TopK)),
    named("typ_p", 'y', Some(SamplerKind::Typical)),
    named("top_p", 'p', Some(SamplerKind::TopP)),
    named("min_p", 'm', Some(SamplerKind::MinP)),
    named("xtc", 'x', None),
    named("temperature", 't', Some(SamplerKind::Temperature)),
    named("infill", 'i', Some(SamplerKind::Infill)),
    named("adaptive_p", 'a', None),
];

/// Number of samplers of the default chain, which come first in [`SAMPLERS`].
const N_DEFAULT: usize = 9;

/// The samplers of a request, in order.
#[derive(Clone, Debug)]
pub(crate) struct Samplers(Vec<&'static Named>);

impl Default for Samplers {
    fn default() -> Self {
        Self(SAMPLERS.iter().take(N_DEFAULT).collect())
    }
}

impl Samplers {
    /// Reads a list of samplers; without one they are those of the default chain.
    pub(crate) fn read(wanted: Option<&StringOrList>) -> Result<Self, ApiError> {
        let found = |named: Option<&'static Named>, given: &str| {
            let given: String = given.chars().take(32).collect();
            named.ok_or_else(|| {
                let known: Vec<&str> = SAMPLERS.iter().map(|s| s.name).collect();
                unsupported("samplers", &format!("{given:?}; this server has {known:?}"))
            })
        };
        let by_letter = |letter: char| found(SAMPLERS.iter().find(|s| s.letter == letter), &letter.to_string());
        let by_name = |name: &String| {
            let own = match name.as_str() {
                "temp" => "temperature",
                "typical_p" => "typ_p",
                name => name,
            };
            found(SAMPLERS.iter().find(|s| s.name == own), name)
        };
        let n_wanted = match wanted {
            None => return Ok(Self::default()),
            Some(StringOrList::One(letters)) => letters.chars().count(),
            Some(StringOrList::List(names)) => names.len(),
        };
        if n_wanted > limits::SAMPLERS_MAX {
            let expected = format!("at most {}", limits::SAMPLERS_MAX);
            return Err(out_of_range("samplers", format!("{n_wanted} samplers"), &expected));
        }
        match wanted {
            Some(StringOrList::One(letters)) => letters.chars().map(by_letter).collect::<Result<_, _>>().map(Self),
            Some(StringOrList::List(names)) => names.iter().map(by_name).collect::<Result<_, _>>().map(Self),
            None => Ok(Self::default()),
        }
    }

    /// The names of the samplers, one after the other.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|sampler| sampler.name).collect()
    }

    /// Whether one of the samplers is of this kind.
    pub(crate) fn has(&self, kind: SamplerKind) -> bool {
        self.0.iter().any(|sampler| sampler.kind == Some(kind))
    }

    /// The chain for the engine: the samplers that it has.
    pub(crate) fn chain(&self) -> Cow<'static, [SamplerKind]> {
        let kinds: Vec<SamplerKind> = self.0.iter().filter_map(|sampler| sampler.kind).collect();
        if kinds == SamplerKind::CHAIN { Cow::Borrowed(SamplerKind::CHAIN) } else { Cow::Owned(kinds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &[&str], expected: Result<&[&str], &str>) {
        let list = StringOrList::List(wanted.iter().map(|&name| name.to_owned()).collect());
        same(&list, expected);
    }

    fn same(wanted: &StringOrList, expected: Result<&[&str], &str>) {
        match (Samplers::read(Some(wanted)), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got.names(), expected),
            (Err(got), Err(expected)) => assert!(got.message.contains(expected), "{got}"),
            (got, expected) => panic!("{wanted:?}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn samplers_stand_in_the_order_that_is_asked_for() {
        check(&[], Ok(&[]));
        check(&["top_k", "temp"], Ok(&["top_k", "temperature"]));
        check(&["temperature", "top_p", "typical_p", "top_k"], Ok(&["temperature", "top_p", "typ_p", "top_k"]));
        check(&["top_k", "top_k", "infill"], Ok(&["top_k", "top_k", "infill"]));
        check(&["top_kk"], Err("\"top_kk\"; this server has"));
        same(&StringOrList::One("tpk".to_owned()), Ok(&["temperature", "top_p", "top_k"]));
        same(&StringOrList::One("tz".to_owned()), Err("\"z\"; this server has"));
        same(&StringOrList::One("k".repeat(33)), Err("33 samplers, expected at most 32"));
        check(&["top_k"; 33], Err("33 samplers, expected at most 32"));
    }

    #[test]
    fn the_default_chain_is_the_engine_s() {
        assert!(matches!(Samplers::read(None).unwrap().chain(), Cow::Borrowed(SamplerKind::CHAIN)));
        let other = Samplers::read(Some(&StringOrList::One("tk".to_owned()))).unwrap();
        assert_eq!(*other.chain(), [SamplerKind::Temperature, SamplerKind::TopK]);
    }
}
