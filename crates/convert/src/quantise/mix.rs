//! [`Mix`]: the usual mixtures of formats, as tables.
//!
//! Names, numbers and choices are those of llama.cpp (`llama_tensor_get_type_impl` of `src/llama-quant.cpp`), but for two things: its exceptions for the
//! architecture `falcon`, which no family here is, and mixes around formats that have no encoder here (`iq1_*`, `iq2_*`, `iq3_*`).

use quant::Format;

use super::{model_facts::ModelFacts, role::Role};

/// A mixture of formats under one name.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Lower case.
    pub name: &'static str,
    /// Most matrices.
    pub format: Format,
    /// llama.cpp's `general.file_type`, if it has one.
    pub file_type: Option<u32>,
    /// The others; first match wins.
    choices: &'static [Choice],
}

/// Tensors of `role` become `format` where `when` holds.
#[derive(Debug)]
struct Choice {
    role: Role,
    when: When,
    format: Format,
}

/// Conditions on the place of a tensor.
#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    /// Among the first so many of its role.
    First(usize),
    /// In the first sixteenth of the layers.
    FirstSixteenth,
    /// In the first eighth.
    FirstEighth,
    /// The same, and importance is known.
    FirstEighthImportance,
    /// The same, and it is not.
    FirstEighthNoImportance,
    /// In the first or last eighth, or every third between.
    MoreBits,
    /// Four or more query heads share a key-value head.
    Grouped4,
    /// Not one of eight experts.
    NotEightExperts,
    /// Eight experts.
    EightExperts,
    /// A stack of experts.
    Stack,
}

/// Where a tensor stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) role: Role,
    /// How many of its role come before it, or its layer.
    pub(super) index: usize,
    /// Length of its rows.
    pub(super) cols: usize,
    pub(super) is_stack: bool,
    pub(super) has_importance: bool,
}

impl When {
    fn holds(self, place: &Place, facts: &ModelFacts) -> bool {
        let n = if place.role == Role::Value { facts.n_values } else { facts.n_layers };
        let is_first_eighth = place.index < n / 8;
        match self {
            Self::Always => true,
            Self::First(n) => place.index < n,
            Self::FirstSixteenth => place.index < n / 16,
            Self::FirstEighth => is_first_eighth,
            Self::FirstEighthImportance => is_first_eighth && place.has_importance,
            Self::FirstEighthNoImportance => is_first_eighth && !place.has_importance,
            Self::MoreBits => is_first_eighth || place.index >= 7 * n / 8 || (place.index - n / 8) % 3 == 2,
            Self::Grouped4 => facts.n_grouped >= 4,
            Self::NotEightExperts => facts.n_experts != 8,
            Self::EightExperts => facts.n_experts == 8,
            Self::Stack => place.is_stack,
        }
    }
}

impl Mix {
    /// The mix called `name`, in any case; each ternary format makes one like that of `tq2_0`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let full = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |&(_, full)| full);
        let ternary = || Format::from_name(full).ok().filter(|format| format.is_ternary());
        let made = || ternary().map(|format| Self { name: format.name(), format, file_type: None, choices: TERNARY });
        MIXES.iter().find(|mix| mix.name == full).copied().or_else(made)
    }

    /// The format for a tensor at `place`, whether its rows divide or not.
    pub(super) fn choose(&self, place: &Place, facts: &ModelFacts) -> Format {
        let is_head = place.role == Role::Output || facts.is_tied && place.role == Role::Embedding;
        if is_head {
            return self.head(place.cols);
        }
        let found = self.choices.iter().find(|c| c.role == place.role && c.when.holds(place, facts));
        let format = found.map_or(self.format, |choice| choice.format);
        // Small beside what they save: values shared by eight heads, and keys and values beside eight experts.
        match place.role {
            Role::Value | Role::Key if facts.n_experts == 8 => Format::Q8_0,
            Role::Value if facts.is_llama_70b && matches!(format, Format::Q3_K | Format::Q4_K) => Format::Q5_K,
            _ => format,
        }
    }

    /// The vocabulary head: every token's logits depend on it.
    fn head(&self, cols: usize) -> Format {
        let is_wide = self.format == Format::Q8_0 || self.name == MXFP4_MOE;
        if is_wide || !cols.is_multiple_of(self.format.block_len()) { Format::Q8_0 } else { Format::Q6_K }
    }
}

const MXFP4_MOE: &str = "mxfp4_moe";

/// Short names.
const ALIASES: &[(&str, &str)] = &[("q3_k", "q3_k_m"), ("q4_k", "q4_k_m"), ("q5_k", "q5_k_m")];

const fn mix(name: &'static str, format: Format, file_type: u32, choices: &'static [Choice]) -> Mix {
    Mix { name, format, file_type: Some(file_type), choices }
}

const fn choice(role: Role, when: When, format: Format) -> Choice {
    Choice { role, when, format }
}

/// Beside eight experts, most mixes below six bits give the output of attention this.
const EIGHT_EXPERTS: Choice = choice(Role::AttentionOutput, When::EightExperts, Format::Q5_K);

const TERNARY: &[Choice] = &[choice(Role::Embedding, When::Always, Format::Q4_K)];

const IQ4: &[Choice] = &[
    choice(Role::Value, When::Grouped4, Format::Q5_K),
    choice(Role::Down, When::FirstEighthNoImportance, Format::Q5_K),
    EIGHT_EXPERTS,
];

/// All mixes.
pub const MIXES: &[Mix] = &[
    mix("f32", Format::F32, 0, &[]),
    mix("f16", Format::F16, 1, &[]),
    mix("bf16", Format::BF16, 32, &[]),
    mix("q8_0", Format::Q8_0, 7, &[]),
    mix("q6_k", Format::Q6_K, 18, &[]),
    mix(
        "q5_k_m",
        Format::Q5_K,
        17,
        &[choice(Role::Value, When::MoreBits, Format::Q6_K), choice(Role::Down, When::MoreBits, Format::Q6_K)],
    ),
    mix("q5_k_s", Format::Q5_K, 16, &[]),
    mix("q5_1", Format::Q5_1, 9, &[]),
    mix("q5_0", Format::Q5_0, 8, &[choice(Role::Down, When::FirstEighthImportance, Format::Q5_1)]),
    mix(
        "q4_k_m",
        Format::Q4_K,
        15,
        &[
            choice(Role::Value, When::MoreBits, Format::Q6_K),
            choice(Role::Down, When::MoreBits, Format::Q6_K),
            EIGHT_EXPERTS,
        ],
    ),
    mix(
        "q4_k_s",
        Format::Q4_K,
        14,
        &[
            choice(Role::Value, When::First(4), Format::Q5_K),
            choice(Role::Down, When::FirstEighth, Format::Q5_K),
            EIGHT_EXPERTS,
        ],
    ),
    mix("q4_1", Format::Q4_1, 3, &[]),
    mix("q4_0", Format::Q4_0, 2, &[choice(Role::Down, When::FirstEighthImportance, Format::Q4_1)]),
    mix("iq4_nl", Format::IQ4_NL, 25, IQ4),
    mix("iq4_xs", Format::IQ4_XS, 30, IQ4),
    mix(
        "q3_k_l",
        Format::Q3_K,
        13,
        &[
            choice(Role::Value, When::Always, Format::Q5_K),
            choice(Role::Down, When::Always, Format::Q5_K),
            choice(Role::AttentionOutput, When::NotEightExperts, Format::Q5_K),
        ],
    ),
    mix(
        "q3_k_m",
        Format::Q3_K,
        12,
        &[
            choice(Role::Value, When::First(2), Format::Q5_K),
            choice(Role::Value, When::Always, Format::Q4_K),
            choice(Role::Down, When::FirstSixteenth, Format::Q5_K),
            choice(Role::Down, When::Always, Format::Q4_K),
            choice(Role::AttentionOutput, When::NotEightExperts, Format::Q4_K),
            EIGHT_EXPERTS,
        ],
    ),
    mix("q3_k_s", Format::Q3_K, 11, &[EIGHT_EXPERTS]),
    mix(
        "q2_k",
        Format::Q2_K,
        10,
        &[
            choice(Role::Value, When::Grouped4, Format::Q4_K),
            choice(Role::Value, When::Always, Format::Q3_K),
            choice(Role::Down, When::Always, Format::Q3_K),
            choice(Role::AttentionOutput, When::NotEightExperts, Format::Q3_K),
            EIGHT_EXPERTS,
        ],
    ),
    mix(
        "q2_k_s",
        Format::Q2_K,
        21,
        &[choice(Role::Value, When::Grouped4, Format::Q4_K), choice(Role::Down, When::FirstEighth, Format::Q4_K)],
    ),
    mix("tq1_0", Format::TQ1_0, 36, TERNARY),
    mix("tq2_0", Format::TQ2_0, 37, TERNARY),
    mix("q2_0", Format::Q2_0, 41, TERNARY),
    mix("q1_0", Format::Q1_0, 40, &[]),
    // Experts are most of such a model; everything else stays wide.
    mix(
        MXFP4_MOE,
        Format::MXFP4,
        38,
        &[
            choice(Role::Down, When::Stack, Format::MXFP4),
            choice(Role::Other, When::Stack, Format::MXFP4),
            choice(Role::Embedding, When::Always, Format::Q8_0),
            choice(Role::Value, When::Always, Format::Q8_0),
            choice(Role::Key, When::Always, Format::Q8_0),
            choice(Role::AttentionOutput, When::Always, Format::Q8_0),
            choice(Role::Down, When::Always, Format::Q8_0),
            choice(Role::Other, When::Always, Format::Q8_0),
        ],
    ),
    mix("mxfp4", Format::MXFP4, 38, &[]),
    mix("nvfp4", Format::NVFP4, 39, &[]),
];
