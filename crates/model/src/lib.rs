//! Loading weights, one ModelSpec per family, one forward pass over a step.
