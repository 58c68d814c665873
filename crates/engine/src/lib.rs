//! Token ids in, text events out: sequences, samplers, stop strings, the decode loop.
