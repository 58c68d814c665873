//! Every number that Trinity prints: perplexity, logits, bench.
