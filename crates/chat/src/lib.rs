//! Chat templates rendered under fuel, memory and depth limits.
