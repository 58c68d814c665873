//! [`States`]: what layers without attention carry from one token of a sequence to the next.
//!
//! The arena has a state for each sequence that is under way. A sequence begins with zeros, at position 0, and goes on
//! only from the position that its state has reached: a token that is fed twice or left out is a bug that is found
//! here, for a state says nothing of what it is made of and cannot go back.

use crate::{
    StepSpan,
    spec::{ModelSpec, RecurrenceSpec},
};

/// Index of a state in the arena of a model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct StateId(pub u32);

/// Mark of a state that a step has begun to change and not finished.
const BROKEN: usize = usize::MAX;

/// The arena of states, allocated once.
pub(crate) struct States {
    /// States `[n_states, n_layers, layer_len]`, where layers with attention have none.
    values: Vec<f32>,
    n_layers: usize,
    layer_len: usize,
    /// Number of positions that went into each state.
    positions: Vec<usize>,
    /// Whether a span of the step has each state.
    is_taken: Vec<bool>,
}

/// Number of elements of one state; 0 where a model has none, `None` on overflow.
pub(crate) fn state_len(spec: &ModelSpec) -> Option<usize> {
    let Some(recurrence) = &spec.recurrence else { return Some(0) };
    recurrence.kind.state_len(spec.width)?.checked_mul(recurrence.n_layers())
}

/// Number of bytes of one state; `None` on overflow.
pub(crate) fn state_bytes(spec: &ModelSpec) -> Option<usize> {
    state_len(spec)?.checked_mul(size_of::<f32>()).filter(|&n| isize::try_from(n).is_ok())
}

impl States {
    /// Makes the arena, of no states for models that have none; `None` if it cannot be addressed.
    pub(crate) fn new(spec: &ModelSpec, n_states: usize) -> Option<Self> {
        let n_layers = spec.recurrence.as_ref().map_or(0, RecurrenceSpec::n_layers);
        let n_states = if n_layers == 0 { 0 } else { n_states };
        state_bytes(spec)?.checked_mul(n_states).filter(|&n| isize::try_from(n).is_ok())?;
        let len = state_len(spec)?;
        Some(Self {
            values: vec![0.0; len * n_states],
            n_layers,
            layer_len: len.checked_div(n_layers).unwrap_or(0),
            positions: vec![0; n_states],
            is_taken: vec![false; n_states],
        })
    }

    /// Number of elements that a layer has of a state.
    pub(crate) fn layer_len(&self) -> usize {
        self.layer_len
    }

    /// Number of states.
    pub(crate) fn n_states(&self) -> usize {
        self.positions.len()
    }

    /// Copies a state, with the position that it has reached.
    pub(crate) fn copy(&mut self, from: StateId, to: StateId) {
        let (from, to, len) = (from.0 as usize, to.0 as usize, self.n_layers * self.layer_len);
        self.values.copy_within(from * len..(from + 1) * len, to * len);
        self.positions[to] = self.positions[from];
    }

    /// Number of bytes of a state that is read: of its position, and of its elements.
    pub(crate) fn saved_bytes(&self) -> usize {
        match self.n_layers * self.layer_len {
            0 => 0,
            len => size_of::<u64>() + len * size_of::<f32>(),
        }
    }

    /// Writes a state, with the position that it has reached, to `out`.
    pub(crate) fn read(&self, id: StateId, out: &mut [u8]) {
        let (index, len) = (id.0 as usize, self.n_layers * self.layer_len);
        assert_eq!(out.len(), self.saved_bytes(), "bytes of a state");
        assert_ne!(self.positions[index], BROKEN, "position of {id:?}");
        let (position, values) = out.split_at_mut(size_of::<u64>());
        position.copy_from_slice(&(self.positions[index] as u64).to_le_bytes());
        for (out, value) in values.as_chunks_mut().0.iter_mut().zip(&self.values[index * len..][..len]) {
            *out = value.to_le_bytes();
        }
    }

    /// Gives a state what [`States::read`] wrote.
    pub(crate) fn write(&mut self, id: StateId, bytes: &[u8]) {
        let (index, len) = (id.0 as usize, self.n_layers * self.layer_len);
        assert_eq!(bytes.len(), self.saved_bytes(), "bytes of a state");
        let Some((position, values)) = bytes.split_first_chunk() else { return };
        self.positions[index] = u64::from_le_bytes(*position) as usize;
        for (value, bytes) in self.values[index * len..][..len].iter_mut().zip(values.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
    }

    /// Opens the states of the spans of a step: those of sequences that begin become zeros.
    pub(crate) fn begin(&mut self, spans: &[StepSpan<'_>]) {
        if self.n_layers == 0 {
            return;
        }
        self.is_taken.fill(false);
        for StepSpan { state, position_first, .. } in spans {
            let (index, n_states) = (state.0 as usize, self.n_states());
            assert!(index < n_states, "state {index} of {n_states}");
            assert!(!self.is_taken[index], "two spans of a step have state {index}");
            self.is_taken[index] = true;
            let position = &mut self.positions[index];
            if *position_first == 0 {
                let len = self.n_layers * self.layer_len;
                self.values[index * len..][..len].fill(0.0);
            } else {
                assert_eq!(position_first, position, "first position of a span, and the one its state has reached");
            }
            *position = BROKEN;
        }
    }

    /// Notes that all layers have computed the spans of the step.
    pub(crate) fn end(&mut self, spans: &[StepSpan<'_>]) {
        if self.n_layers > 0 {
            for span in spans {
                self.positions[span.state.0 as usize] = span.position_first + span.tokens.len();
            }
        }
    }

    /// Returns what `layer` has of a state, where `layer` counts the layers without attention.
    pub(crate) fn layer(&mut self, id: StateId, layer: usize) -> &mut [f32] {
        &mut self.values[(id.0 as usize * self.n_layers + layer) * self.layer_len..][..self.layer_len]
    }
}
