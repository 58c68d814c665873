//! [`Role`]: what a tensor does in its layer, as far as mixes care.

/// The job of a tensor, told by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// `output.weight`, the vocabulary head.
    Output,
    /// Embeddings of the tokens.
    Embedding,
    /// Values of attention, alone or in one matrix with others.
    Value,
    Key,
    Query,
    AttentionOutput,
    /// First matrices of the feed-forward, of one or of all experts.
    Gate,
    Up,
    /// Second matrix of the feed-forward, of one or of all experts.
    Down,
    Other,
}

/// Parts of names and the roles they tell; the first match wins.
const PARTS: &[(&str, Role)] = &[
    ("attn_qkv.weight", Role::Value),
    ("attn_kv_b.weight", Role::Value),
    ("attn_v.weight", Role::Value),
    ("attn_k.weight", Role::Key),
    ("attn_q.weight", Role::Query),
    ("attn_output.weight", Role::AttentionOutput),
    ("ffn_up", Role::Up),
    ("ffn_gate", Role::Gate),
    ("ffn_down", Role::Down),
];

impl Role {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "output.weight" => Self::Output,
            "token_embd.weight" | "per_layer_token_embd.weight" => Self::Embedding,
            _ => PARTS.iter().find(|(part, _)| name.contains(part)).map_or(Self::Other, |&(_, role)| role),
        }
    }
}

/// Returns the layer that `name` says it is of; `None` sorts before all layers.
pub(super) fn layer(name: &str) -> Option<usize> {
    name.strip_prefix("blk.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_layers_of_names() {
        let check = |name, role, at| assert_eq!((Role::of(name), layer(name)), (role, at), "{name}");
        check("output.weight", Role::Output, None);
        check("token_embd.weight", Role::Embedding, None);
        check("blk.3.attn_v.weight", Role::Value, Some(3));
        check("blk.12.attn_qkv.weight", Role::Value, Some(12));
        check("blk.12.attn_output.weight", Role::AttentionOutput, Some(12));
        check("blk.0.ffn_down_exps.weight", Role::Down, Some(0));
        check("blk.0.ffn_up.weight", Role::Up, Some(0));
        check("blk.0.ffn_gate_exps.weight", Role::Gate, Some(0));
        check("blk.0.attn_q.weight", Role::Query, Some(0));
        check("blk.0.ssm_in.weight", Role::Other, Some(0));
    }
}
