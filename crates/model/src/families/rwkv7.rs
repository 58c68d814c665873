//! RWKV-7: layers that carry a state, without attention; either block of a layer sees the token before, too.

use kernels::{Gate, RopePairs, WkvShape};

use super::base::{self, Sizes};
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormKind, NormNames, Recurrence, RecurrenceSpec, WkvRanks},
};

/// Number of tokens, itself included, that a block sees of: that of the models, where files say it.
const N_SHIFTED: usize = 2;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    for name in ["attention.head_count", "expert_count", "rescale_every_n_layers"] {
        if let Some(n) = keys.count_or_none(name)? {
            return keys.refuse(name, format!("{n}, expected 0: layers of this architecture have a state alone"));
        }
    }
    let n_shifted = keys.count_or("token_shift_count", N_SHIFTED)?;
    if n_shifted != N_SHIFTED {
        return keys.refuse("token_shift_count", format!("{n_shifted}, expected {N_SHIFTED}"));
    }
    let sizes = Sizes { feed_forward: keys.width("feed_forward_length")?, ..Sizes::default() };
    let base = base::build(keys, n_vocab, RopePairs::Halves, sizes, NormKind::Layer { has_bias: true })?;
    let dim = keys.width("wkv.head_size")?;
    if !base.width.is_multiple_of(dim) {
        return keys.refuse("wkv.head_size", format!("{dim}, expected a divisor of the width {}", base.width));
    }
    let rank = |name: &str| keys.width(&format!("attention.{name}_lora_rank"));
    let ranks = WkvRanks {
        decay: rank("decay")?,
        rate: rank("iclr")?,
        values: rank("value_residual_mix")?,
        gate: rank("gate")?,
    };
    let heads = WkvShape { n_heads: base.width / dim, dim };
    let layers = vec![true; base.n_layers];
    Ok(ModelSpec {
        embedding_norm: Some("token_embd_norm"),
        norms: NormNames::NUMBERED,
        recurrence: Some(RecurrenceSpec { kind: Recurrence::Wkv7 { heads, ranks }, layers }),
        gate: Gate::Relu2,
        is_gated: false,
        ..base
    })
}
