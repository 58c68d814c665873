//! The definition of attention sinks, for llama in f64, as its paper writes it down: what is cached is not rotated, and
//! keys and query are turned by their places in the cache.

use gguf::Container;
use model::{AttentionWindow, TokenId};

const N_HEADS: usize = 4;
const N_KV_HEADS: usize = 2;

/// A reference implementation over `golden/llama.gguf`, whose weights are f32.
pub(super) struct Reference {
    container: Container,
    window: AttentionWindow,
    head_dim: usize,
    n_layers: usize,
    epsilon: f64,
    base: f64,
}

impl Reference {
    pub(super) fn new(container: Container, window: AttentionWindow) -> Self {
        let number = |key: &str| f64::from(container.metadata().f32(key).unwrap().unwrap());
        let count = |key: &str| container.metadata().u64(key).unwrap().unwrap() as usize;
        assert_eq!(count("llama.attention.head_count"), N_HEADS);
        assert_eq!(count("llama.attention.head_count_kv"), N_KV_HEADS);
        Self {
            head_dim: count("llama.embedding_length") / N_HEADS,
            n_layers: count("llama.block_count"),
            epsilon: number("llama.attention.layer_norm_rms_epsilon"),
            base: number("llama.rope.freq_base"),
            container,
            window,
        }
    }

    /// Returns the rows of a tensor.
    fn rows(&self, name: &str) -> Vec<Vec<f64>> {
        let tensor = self.container.tensor(name).unwrap();
        let mut values = vec![0.0; tensor.dims.iter().product::<u64>() as usize];
        tensor.format().unwrap().decode(&self.container.bytes(tensor), &mut values);
        values.chunks_exact(tensor.dims[0] as usize).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect()
    }

    fn norm(&self, x: &[f64], weight: &[f64]) -> Vec<f64> {
        let scale = 1.0 / (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + self.epsilon).sqrt();
        x.iter().zip(weight).map(|(x, w)| x * scale * w).collect()
    }

    /// Returns a head turned to `place`.
    fn turned(&self, head: &[f64], place: usize) -> Vec<f64> {
        let pair = |(i, pair): (usize, &[f64])| {
            let angle = place as f64 * self.base.powf(-2.0 * i as f64 / self.head_dim as f64);
            [pair[0] * angle.cos() - pair[1] * angle.sin(), pair[0] * angle.sin() + pair[1] * angle.cos()]
        };
        head.chunks_exact(2).enumerate().flat_map(pair).collect()
    }

    /// Returns what a row at `position` finds in the cache, in order.
    fn cached(&self, position: usize) -> Vec<usize> {
        let AttentionWindow { len, sinks } = self.window;
        (0..=position).filter(|p| *p < sinks || *p + len > position).collect()
    }

    /// Returns the attention of the last row over `keys` and `values` `[S, G, Dh]`.
    fn attend(&self, q: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        let cached = self.cached(keys.len() - 1);
        let head_of = |x: &[f64], head: usize| x[head * self.head_dim..][..self.head_dim].to_vec();
        let mut out = Vec::new();
        for head in 0..N_HEADS {
            let kv_head = head / (N_HEADS / N_KV_HEADS);
            let q = self.turned(&head_of(q, head), cached.len() - 1);
            let weight = |(place, &p): (usize, &usize)| {
                let k = self.turned(&head_of(&keys[p], kv_head), place);
                (dot(&q, &k) / (self.head_dim as f64).sqrt()).exp()
            };
            let weights: Vec<f64> = cached.iter().enumerate().map(weight).collect();
            let sum: f64 = weights.iter().sum();
            let of = |d: usize| {
                let value = |(w, &p): (&f64, &usize)| w * values[p][kv_head * self.head_dim + d];
                weights.iter().zip(&cached).map(value).sum::<f64>() / sum
            };
            out.extend((0..self.head_dim).map(of));
        }
        out
    }

    /// Computes the logits of every row, `[T, V]`.
    pub(super) fn logits(&self, tokens: &[TokenId]) -> Vec<f32> {
        let embedding = self.rows("token_embd.weight");
        let mut hidden: Vec<Vec<f64>> = tokens.iter().map(|t| embedding[t.0 as usize].clone()).collect();
        for layer in 0..self.n_layers {
            let of = |name: &str| self.rows(&format!("blk.{layer}.{name}.weight"));
            let [attn_norm, q, k, v, o] = ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output"].map(of);
            let [ffn_norm, gate, up, down] = ["ffn_norm", "ffn_gate", "ffn_up", "ffn_down"].map(of);
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for x in &mut hidden {
                let normed = self.norm(x, &attn_norm[0]);
                keys.push(product(&k, &normed));
                values.push(product(&v, &normed));
                add(x, &product(&o, &self.attend(&product(&q, &normed), &keys, &values)));
                let normed = self.norm(x, &ffn_norm[0]);
                let gated = product(&gate, &normed).into_iter().zip(product(&up, &normed));
                add(x, &product(&down, &gated.map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect::<Vec<_>>()));
            }
        }
        let (norm, head) = (self.rows("output_norm.weight"), self.rows("output.weight"));
        hidden.iter().flat_map(|x| product(&head, &self.norm(x, &norm[0]))).map(|x| x as f32).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn product(matrix: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, x)).collect()
}

fn add(x: &mut [f64], y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}
