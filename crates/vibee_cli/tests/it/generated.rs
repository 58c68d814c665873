//! Generated code, written and checked by the command.
