//! [`Mix`]: the usual mixtures of formats, as tables.
//!
//! Names, numbers and choices are those of llama.cpp (`llama_tensor_get_type_impl` of `src/llama-quant.cpp`), but for
//! its exceptions for the architecture `falcon`, which no family here is.

use quant::Format;

use super::{model_facts::ModelFacts, role::Role};

/// A mixture of formats under one name.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Name in lower case.
    pub name: &'static str,
    /// Format of most matrices.
    pub format: Format,
    /// Number of the mix in llama.cpp's `general.file_type`, if it has one.
    pub file_type: Option<u32>,
    /// Exceptions from `format`; the first match wins.
    choices: &'static [Choice],
    /// Format of the vocabulary head, where its rows divide.
    head: Format,
    /// Whether keys and values get wider formats where they are few beside experts, or shared by eight heads.
    favours_few: bool,
}

/// An exception: tensors of `role` become `format` where `when` holds.
#[derive(Debug)]
struct Choice {
    role: Role,
    when: When,
    format: Format,
}

/// A condition on the place of a tensor, or on its model.
#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    /// The tensor is among the first so many of its role.
    First(usize),
    /// The tensor is in the first sixteenth of the layers.
    FirstSixteenth,
    /// The tensor is in the first eighth of the layers.
    FirstEighth,
    /// The tensor is in the first eighth of the layers, and its importance is known.
    FirstEighthImportance,
    /// The tensor is in the first eighth of the layers, and its importance is not known.
    FirstEighthNoImportance,
    /// The tensor is in the first or last eighth of the layers, or in every third between.
    MoreBits,
    /// The tensor is in the first eighth of its role by count, whatever layer its name says.
    FirstEighthCounted,
    /// The tensor is between the first and the last eighth of the layers.
    Middle,
    /// The tensor's importance is not known.
    NoImportance,
    /// Four or more query heads of the model share a key-value head.
    Grouped4,
    /// Four or more query heads share a key-value head, or the model has four or more experts.
    Grouped4Experts4,
    /// The model does not have eight experts.
    NotEightExperts,
    /// The model has eight experts.
    EightExperts,
    /// The model has eight experts, and [`MoreBits`](Self::MoreBits) holds.
    EightExpertsMoreBits,
    /// The tensor is a stack of experts.
    Stack,
}

/// The place of a tensor in its model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) role: Role,
    /// Number of tensors of the same role before it.
    pub(super) count: usize,
    /// Layer that the name says of a tensor of experts; of others `count`.
    pub(super) index: usize,
    /// Length of the tensor's rows.
    pub(super) cols: usize,
    pub(super) is_stack: bool,
    pub(super) has_importance: bool,
}

impl When {
    fn holds(self, place: &Place, facts: &ModelFacts) -> bool {
        let n = if place.role == Role::Value { facts.n_values } else { facts.n_layers };
        let is_first_eighth = place.index < n / 8;
        let has_more_bits = || is_first_eighth || place.index >= 7 * n / 8 || (place.index - n / 8) % 3 == 2;
        match self {
            Self::Always => true,
            Self::First(n) => place.index < n,
            Self::FirstSixteenth => place.index < n / 16,
            Self::FirstEighth => is_first_eighth,
            Self::FirstEighthImportance => is_first_eighth && place.has_importance,
            Self::FirstEighthNoImportance => is_first_eighth && !place.has_importance,
            Self::FirstEighthCounted => place.count < n / 8,
            Self::Middle => !is_first_eighth && place.index < 7 * n / 8,
            Self::MoreBits => has_more_bits(),
            Self::NoImportance => !place.has_importance,
            Self::Grouped4 => facts.n_grouped >= 4,
            Self::Grouped4Experts4 => facts.n_grouped >= 4 || facts.n_experts >= 4,
            Self::NotEightExperts => facts.n_experts != 8,
            Self::EightExperts => facts.n_experts == 8,
            Self::EightExpertsMoreBits => facts.n_experts == 8 && has_more_bits(),
            Self::Stack => place.is_stack,
        }
    }
}

impl Mix {
    /// Returns the mix called `name`, in any case; each ternary format makes one like that of `tq2_0`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let full = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |&(_, full)| full);
        let ternary = || Format::from_name(full).ok().filter(|format| format.is_ternary());
        let made = || ternary().map(|format| mix(format.name(), format, TERNARY));
        MIXES.iter().find(|mix| mix.name == full).copied().or_else(made)
    }

    /// Whether `format`, wherever it comes from, is useless in this mix without importance.
    pub(super) fn needs_importance(&self, format: Format) -> bool {
        use Format::{IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_XXS};
        matches!(format, IQ1_S | IQ1_M | IQ2_XXS | IQ2_XS | IQ2_S | IQ3_XXS)
            || format == Format::Q2_K && self.name == Q2_K_S
    }

    /// Chooses the format for a tensor at `place`, whether its rows divide or not.
    pub(super) fn choose(&self, place: &Place, facts: &ModelFacts) -> Format {
        let is_head = place.role == Role::Output || facts.is_tied && place.role == Role::Embedding;
        if is_head {
            return self.head(place.cols);
        }
        let found = self.choices.iter().find(|c| c.role == place.role && c.when.holds(place, facts));
        let format = found.map_or(self.format, |choice| choice.format);
        // Small beside what they save: values shared by eight heads, and keys and values beside eight experts.
        match place.role {
            _ if !self.favours_few => format,
            Role::Value | Role::Key if facts.n_experts == 8 => Format::Q8_0,
            Role::Value if facts.is_llama_70b && matches!(format, Format::Q3_K | Format::Q4_K) => Format::Q5_K,
            _ => format,
        }
    }

    /// Gives the mix a file type of its own in place of its format's.
    const fn numbered(self, file_type: u32) -> Self {
        Self { file_type: Some(file_type), ..self }
    }

    /// Chooses the format of the vocabulary head, on which every token's logits depend.
    fn head(&self, cols: usize) -> Format {
        if cols.is_multiple_of(self.format.block_len()) { self.head } else { Format::Q8_0 }
    }
}

const Q2_K_S: &str = "q2_k_s";

/// Short names of mixes, and the names that they stand for.
const ALIASES: &[(&str, &str)] = &[("q3_k", "q3_k_m"), ("q4_k", "q4_k_m"), ("q5_k", "q5_k_m")];

/// Makes a mix of which most matrices are in `format`; the file type is the format's.
const fn mix(name: &'static str, format: Format, choices: &'static [Choice]) -> Mix {
    let head = if matches!(format, Format::Q8_0) { Format::Q8_0 } else { Format::Q6_K };
    Mix { name, format, file_type: format.file_type(), choices, head, favours_few: true }
}

/// Makes a mix of which all matrices but the head are in `format`, whose name and file type are the mix's.
const fn pure(format: Format) -> Mix {
    mix(format.name(), format, &[])
}

/// Makes a mix whose main format has about two bits.
const fn low(name: &'static str, format: Format, choices: &'static [Choice]) -> Mix {
    Mix { head: Format::Q5_K, favours_few: false, ..mix(name, format, choices) }
}

const fn choice(role: Role, when: When, format: Format) -> Choice {
    Choice { role, when, format }
}

/// Exception of most mixes below six bits: the output of attention beside eight experts.
const EIGHT_EXPERTS: Choice = choice(Role::AttentionOutput, When::EightExperts, Format::Q5_K);

const TERNARY: &[Choice] = &[choice(Role::Embedding, When::Always, Format::Q4_K)];

const IQ4: &[Choice] = &[
    choice(Role::Value, When::Grouped4, Format::Q5_K),
    choice(Role::Down, When::FirstEighthNoImportance, Format::Q5_K),
    EIGHT_EXPERTS,
];

const IQ1: &[Choice] = &[
    choice(Role::Value, When::Grouped4Experts4, Format::Q4_K),
    choice(Role::Value, When::Always, Format::Q2_K),
    choice(Role::Key, When::EightExperts, Format::Q4_K),
    choice(Role::Down, When::FirstEighthCounted, Format::Q2_K),
    choice(Role::AttentionOutput, When::NotEightExperts, Format::IQ2_XXS),
    EIGHT_EXPERTS,
    choice(Role::Embedding, When::Always, Format::Q2_K),
];

const IQ2_XS: &[Choice] = &[
    choice(Role::Value, When::Grouped4Experts4, Format::Q4_K),
    choice(Role::Value, When::Always, Format::Q2_K),
    choice(Role::Key, When::EightExperts, Format::Q4_K),
    choice(Role::Down, When::FirstEighthCounted, Format::Q2_K),
    EIGHT_EXPERTS,
    choice(Role::Embedding, When::Always, Format::Q2_K),
];

const IQ2_M: &[Choice] = &[
    choice(Role::Value, When::Grouped4Experts4, Format::Q4_K),
    choice(Role::Value, When::Always, Format::IQ3_S),
    choice(Role::Key, When::EightExperts, Format::Q4_K),
    choice(Role::Down, When::FirstEighthCounted, Format::IQ3_S),
    choice(Role::AttentionOutput, When::NotEightExperts, Format::IQ3_S),
    EIGHT_EXPERTS,
    choice(Role::Embedding, When::Always, Format::IQ3_S),
];

const IQ3_XXS: &[Choice] = &[
    choice(Role::Value, When::Grouped4, Format::Q4_K),
    choice(Role::Value, When::NoImportance, Format::IQ3_S),
    choice(Role::Key, When::Always, Format::IQ2_S),
    choice(Role::Query, When::Always, Format::IQ2_S),
    choice(Role::Down, When::FirstEighthNoImportance, Format::Q4_K),
    choice(Role::Down, When::NoImportance, Format::Q3_K),
    choice(Role::AttentionOutput, When::NotEightExperts, Format::IQ3_S),
    EIGHT_EXPERTS,
    choice(Role::Embedding, When::Always, Format::IQ3_S),
];

/// All mixes, by llama.cpp's names.
pub const MIXES: &[Mix] = &[
    pure(Format::F32),
    pure(Format::F16),
    pure(Format::BF16),
    pure(Format::Q8_0),
    pure(Format::Q6_K),
    mix(
        "q5_k_m",
        Format::Q5_K,
        &[choice(Role::Value, When::MoreBits, Format::Q6_K), choice(Role::Down, When::MoreBits, Format::Q6_K)],
    )
    .numbered(17),
    mix("q5_k_s", Format::Q5_K, &[]),
    pure(Format::Q5_1),
    mix("q5_0", Format::Q5_0, &[choice(Role::Down, When::FirstEighthImportance, Format::Q5_1)]),
    mix(
        "q4_k_m",
        Format::Q4_K,
        &[
            choice(Role::Value, When::MoreBits, Format::Q6_K),
            choice(Role::Down, When::MoreBits, Format::Q6_K),
            EIGHT_EXPERTS,
        ],
    )
    .numbered(15),
    mix(
        "q4_k_s",
        Format::Q4_K,
        &[
            choice(Role::Value, When::First(4), Format::Q5_K),
            choice(Role::Down, When::FirstEighth, Format::Q5_K),
            EIGHT_EXPERTS,
        ],
    ),
    pure(Format::Q4_1),
    mix("q4_0", Format::Q4_0, &[choice(Role::Down, When::FirstEighthImportance, Format::Q4_1)]),
    mix("iq4_nl", Format::IQ4_NL, IQ4),
    mix("iq4_xs", Format::IQ4_XS, IQ4),
    mix(
        "q3_k_l",
        Format::Q3_K,
        &[
            choice(Role::Value, When::Always, Format::Q5_K),
            choice(Role::Down, When::Always, Format::Q5_K),
            choice(Role::AttentionOutput, When::NotEightExperts, Format::Q5_K),
        ],
    )
    .numbered(13),
    mix(
        "q3_k_m",
        Format::Q3_K,
        &[
            choice(Role::Value, When::First(2), Format::Q5_K),
            choice(Role::Value, When::Always, Format::Q4_K),
            choice(Role::Down, When::FirstSixteenth, Format::Q5_K),
            choice(Role::Down, When::Always, Format::Q4_K),
            choice(Role::AttentionOutput, When::NotEightExperts, Format::Q4_K),
            EIGHT_EXPERTS,
        ],
    )
    .numbered(12),
    mix("q3_k_s", Format::Q3_K, &[EIGHT_EXPERTS]),
    mix(
        "q2_k",
        Format::Q2_K,
        &[
            choice(Role::Value, When::Grouped4, Format::Q4_K),
            choice(Role::Value, When::Always, Format::Q3_K),
            choice(Role::Down, When::Always, Format::Q3_K),
            choice(Role::AttentionOutput, When::NotEightExperts, Format::Q3_K),
            EIGHT_EXPERTS,
        ],
    ),
    mix(
        Q2_K_S,
        Format::Q2_K,
        &[choice(Role::Value, When::Grouped4, Format::Q4_K), choice(Role::Down, When::FirstEighth, Format::Q4_K)],
    )
    .numbered(21),
    mix(
        "iq3_m",
        Format::IQ3_S,
        &[
            choice(Role::Value, When::Always, Format::Q4_K),
            choice(Role::Down, When::FirstEighth, Format::Q4_K),
            choice(Role::Down, When::EightExpertsMoreBits, Format::Q4_K),
            choice(Role::AttentionOutput, When::NotEightExperts, Format::Q4_K),
            EIGHT_EXPERTS,
        ],
    )
    .numbered(27),
    mix("iq3_s", Format::IQ3_S, &[choice(Role::Value, When::Grouped4, Format::Q4_K), EIGHT_EXPERTS]),
    mix(
        "iq3_xs",
        Format::IQ3_S,
        &[
            choice(Role::Value, When::Grouped4, Format::Q4_K),
            choice(Role::Key, When::Always, Format::IQ3_XXS),
            choice(Role::Query, When::Always, Format::IQ3_XXS),
            choice(Role::Gate, When::Middle, Format::IQ3_XXS),
            choice(Role::Up, When::Middle, Format::IQ3_XXS),
            EIGHT_EXPERTS,
        ],
    )
    .numbered(22),
    Mix { head: Format::Q5_K, ..mix("iq3_xxs", Format::IQ3_XXS, IQ3_XXS) },
    low("iq2_m", Format::IQ2_S, IQ2_M).numbered(29),
    low("iq2_s", Format::IQ2_XS, IQ2_M).numbered(28),
    low("iq2_xs", Format::IQ2_XS, IQ2_XS),
    low("iq2_xxs", Format::IQ2_XXS, IQ2_XS),
    low("iq1_m", Format::IQ1_M, IQ1),
    low("iq1_s", Format::IQ1_S, IQ1),
    mix("tq1_0", Format::TQ1_0, TERNARY),
    mix("tq2_0", Format::TQ2_0, TERNARY),
    mix("q2_0", Format::Q2_0, TERNARY),
    pure(Format::Q1_0),
    // Experts are most of such a model; everything else stays wide.
    Mix {
        head: Format::Q8_0,
        ..mix(
            "mxfp4_moe",
            Format::MXFP4,
            &[
                choice(Role::Gate, When::Stack, Format::MXFP4),
                choice(Role::Up, When::Stack, Format::MXFP4),
                choice(Role::Down, When::Stack, Format::MXFP4),
                choice(Role::Other, When::Stack, Format::MXFP4),
                choice(Role::Embedding, When::Always, Format::Q8_0),
                choice(Role::Value, When::Always, Format::Q8_0),
                choice(Role::Key, When::Always, Format::Q8_0),
                choice(Role::Query, When::Always, Format::Q8_0),
                choice(Role::AttentionOutput, When::Always, Format::Q8_0),
                choice(Role::Gate, When::Always, Format::Q8_0),
                choice(Role::Up, When::Always, Format::Q8_0),
                choice(Role::Down, When::Always, Format::Q8_0),
                choice(Role::Other, When::Always, Format::Q8_0),
            ],
        )
    },
    pure(Format::MXFP4),
    pure(Format::NVFP4),
];
