//! The `trinity` command.

fn main() {}
